"""Makes the models and predictions of this folder with lightgbm 4.7 and xgboost 3.2: python make.py"""
import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb

random = np.random.default_rng(5)
ROWS = 700
table = pd.DataFrame({
    "plain": random.standard_normal(ROWS),
    "zeros": np.where(random.random(ROWS) < 0.5, 0, random.integers(-9, 9, ROWS) / 4),
    "many": random.permutation(ROWS) / 2,
    "code": random.integers(0, 40, ROWS).astype(float),
})
for name in ("plain", "zeros", "code"):
    table.loc[random.random(ROWS) < 0.15, name] = np.nan
numbers = table.copy()
table["text"] = pd.Categorical(random.choice(["red", "green", "blue, light", "grey", "black", "white", "pink"], ROWS))
value = (table.plain.fillna(1) + (table.code.fillna(3) % 5) + (table.zeros == 0) + table.text.cat.codes % 3 +
         np.sin(table.many) + 0.1 * random.standard_normal(ROWS))
two, three = (value > value.median()).astype(int), pd.qcut(value, 3, labels=False)

made = []


def write(name, predictions):
    np.savetxt(name + ".csv", np.reshape(predictions, (len(rows), -1)), fmt="%.17g", delimiter=",")


def light(name, label, rounds, data=table, categorical="auto", **options):
    options.update(verbose=-1, num_threads=1, seed=1, min_data_per_group=5, cat_smooth=1)
    model = lgb.train(options, lgb.Dataset(data, label, categorical_feature=categorical, params=options), rounds)
    model.save_model(name + ".txt")
    text = open(name + ".txt").read()
    begin, end = text.index("\nparameters:"), text.index("\npandas_categorical")
    keep = [line for line in text[:begin].split("\n") if not line.startswith(("leaf_weight", "leaf_count", "internal_", "split_gain"))]
    open(name + ".txt", "w").write("\n".join(keep) + text[end:])
    made.append((name, model, lambda rows: model.predict(rows if "text" in data else rows.drop(columns="text"))))


def extreme(name, label, rounds, data=table, **options):
    options.update(nthread=1, seed=1)
    types = None if "text" in data else ["q", "q", "q", "c"]
    def matrix(frame, y=None):
        if "text" in data: return xgb.DMatrix(frame, y, enable_categorical=True)
        return xgb.DMatrix(frame.to_numpy(), y, feature_types=types, enable_categorical=True)
    model = xgb.train(options, matrix(data, label), rounds)
    model.save_model(name + ".json")
    made.append((name, model, lambda rows: model.predict(matrix(rows if "text" in data else rows.drop(columns="text")))))


light("lightgbm_nan", value, 5, objective="regression", num_leaves=9)
light("lightgbm_zero", value, 5, objective="quantile", num_leaves=9, zero_as_missing=True)
light("lightgbm_none", three, 2, objective="multiclass", num_class=3, num_leaves=6, use_missing=False)
light("lightgbm_codes", two, 4, data=numbers, categorical=["code"], objective="binary", sigmoid=0.7, num_leaves=9,
      boosting="rf", bagging_freq=1, bagging_fraction=0.7)
only = table.assign(plain=0.0, zeros=0.0, code=0.0)  # more thresholds than a feature of Peal's has bins
light("lightgbm_many", np.sin(table.many * 2), 1, data=only, objective="regression", num_leaves=400, min_data_in_leaf=1, max_bin=1000,
      min_data_in_bin=1, learning_rate=1.0)
extreme("xgboost_texts", three, 2, objective="multi:softprob", num_class=3, max_depth=3, max_cat_to_onehot=1)
codes = numbers.copy()
extreme("xgboost_codes", two, 5, data=codes, objective="binary:logistic", max_depth=3, booster="dart", rate_drop=0.4,
        base_score=0.3, max_cat_to_onehot=1)
extreme("xgboost_two", two, 2, objective="multi:softprob", num_class=2, max_depth=2)
extreme("xgboost_value", value, 4, objective="reg:squarederror", max_depth=4)


# The rows that are predicted: some of the table's, with categories that no set has, with numbers that are nearly zero, at
# thresholds of LightGBM and just above them, and at XGBoost's and where a double rounds to one or no longer does.
rows = table.iloc[:36].copy()
rows.loc[rows.index[:9], "code"] = [99, 3.5, -0.5, -1, -3, 1e5, 0.99, 39, 40]
rows.loc[rows.index[9:15], "zeros"] = [1e-36, -1e-36, float(np.float32(1e-35)), -float(np.float32(1e-35)), 1e-30, -1e-30]
frame = made[0][1].trees_to_dataframe()
ties = frame[(frame.split_feature == "plain")].threshold.to_numpy(dtype=float)[:5]
rows.loc[rows.index[15:20], "plain"] = ties
rows.loc[rows.index[20:25], "plain"] = np.nextafter(ties, np.inf)
frame = made[-1][1].trees_to_dataframe()
ties = frame[frame.Feature == "plain"].Split.to_numpy(dtype=np.float32)
even = ties.view(np.uint32) % 2 == 0  # a double half way rounds to these, but not to the others
ties = np.concatenate([ties[even][:2], ties[~even][:1]])
half = (ties.astype(float) + np.nextafter(ties, np.float32(-np.inf)).astype(float)) / 2
rows.loc[rows.index[25:28], "plain"] = ties.astype(float)
rows.loc[rows.index[28:31], "plain"] = half
rows.loc[rows.index[31:34], "plain"] = np.nextafter(half, -np.inf)
rows.loc[rows.index[34:36], "plain"] = np.nextafter(half, np.inf)[:2]
rows.to_csv("rows.csv", index=False, header=False)
rows.drop(columns="text").to_csv("numbers.csv", index=False, header=False)
for name, model, predict in made:
    asked = rows.copy()
    if name.startswith("xgboost"):  # which takes no code of 10^5; in no set is this one either
        asked.loc[asked["code"] > 100, "code"] = 77
    predictions = predict(asked)
    write(name, predictions[:, 1] if predictions.shape[-1] == 2 else predictions)
