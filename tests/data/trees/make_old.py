"""Makes xgboost_old.json with xgboost 1.7.6, which writes NaN where a node has a set of categories: python make_old.py"""
import numpy as np
import xgboost as xgb

rows = np.genfromtxt("numbers.csv", delimiter=",")
random = np.random.default_rng(2)
table = np.column_stack([random.standard_normal(300), random.integers(-9, 9, 300) / 4, random.permutation(300), random.integers(0, 12, 300)])
table[random.random(300) < 0.2, 0] = np.nan
label = (np.nan_to_num(table[:, 0]) + table[:, 3] % 3 > 1).astype(int)
asked = rows.copy()
asked[asked[:, 3] > 12, 3] = 77  # in no set


def matrix(values, y=None):
    return xgb.DMatrix(values, y, feature_names=["plain", "zeros", "many", "code"], feature_types=["q", "q", "q", "c"], enable_categorical=True)


model = xgb.train({"objective": "binary:logistic", "max_depth": 3, "tree_method": "hist", "max_cat_to_onehot": 1, "nthread": 1,
                   "base_score": 0.4}, matrix(table, label), 3)
model.save_model("xgboost_old.json")
np.savetxt("xgboost_old.csv", model.predict(matrix(asked)), fmt="%.17g")
