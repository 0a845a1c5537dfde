#!/usr/bin/env python3
"""What Peal's models reach on real data, beside scikit-learn on the same split.

usage: accuracy.py DATA_FOLDER      (with mnist/, adult/ and housing/; needs scikit-learn and pyarrow)
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

HERE = os.path.dirname(os.path.abspath(__file__))
PEAL = os.path.join(HERE, "../../bazel-bin/tools/peal")


def peal(*words):
    return subprocess.run([PEAL, *words, "--quiet"], stdout=subprocess.PIPE, text=True, check=True).stdout


def load(dataset, split):
    """Features (categories one-hot) and label of a split."""
    table = pa.concat_tables([pa.ipc.open_file(f).read_all() for f in sorted(glob.glob(f"{dataset}/{split}-*.arrow"))],
                             promote_options="default").combine_chunks()
    parts = []
    for name in table.column_names[:-1]:
        column = table[name].combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            parts.append(np.array(column.flatten()).reshape(len(table), -1))
        else:
            codes = column.indices.fill_null(-1).to_numpy().astype(int)
            parts.append((codes[:, None] == np.arange(len(column.dictionary))).astype(float))
    label = table[table.column_names[-1]].combine_chunks()
    y = label.indices.to_numpy() if pa.types.is_dictionary(label.type) else np.array(label)
    return np.concatenate(parts, axis=1).astype(float), y


def main():
    data = sys.argv[1]
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        label = open(f"{data}/adult/adult.data").readline().strip().split(",")[-1].strip()
        peal("etl", f"{data}/adult/adult.data", "--trim", "--null", "?", "--label", label, "--transform",
             f"replace:find=.,at=end,columns={label}", "--out", "adult")
        peal("etl", f"{data}/adult/adult.test", "--like", "adult", "--out", "adult-test")
        peal("train", "adult", "--model", "logistic", "--out", "adult.safetensors")
        ours = json.loads(peal("eval", "adult.safetensors", f"{data}/adult/adult.test", "--json"))["metrics"]
        (x, y), (xt, yt) = load("adult", "train"), load("adult-test", "train")
        theirs = LogisticRegression(max_iter=5000).fit(x, y).predict_proba(xt)[:, 1]
        print(f"adult, logistic: peal AUC {ours['auc']:.4f}, log loss {ours['log_loss']:.4f};  "
              f"scikit-learn {roc_auc_score(yt, theirs):.4f}, {log_loss(yt, theirs):.4f}")

        peal("etl", f"{data}/housing/housing.csv", "--label", "median_house_value", "--transform", "split:test=0.2,seed=1",
             "--out", "housing")
        (x, y), (xt, yt) = load("housing", "train"), load("housing", "test")
        ols = float(np.sqrt(np.mean((LinearRegression().fit(x, y).predict(xt) - yt) ** 2)))
        for name, options in [("linear", ["--model", "linear"]),
                              ("mlp", ["--model", "mlp", "--optimizer", "adamw", "--lr", "0.005", "--epochs", "50"])]:
            peal("train", "housing", *options, "--out", "housing.safetensors")
            rmse = json.loads(peal("eval", "housing.safetensors", "housing", "--json"))["metrics"]["rmse"]
            print(f"housing, {name}: peal RMSE {rmse:.0f}, {rmse / ols:.4f} of ordinary least squares ({ols:.0f})")

        peal("etl", *glob.glob(f"{data}/mnist/train-*"), "--out", "mnist")
        for sync in ("epoch", "step"):
            peal("train", "mnist", "--model", "mlp:hidden=512x256", "--sync", sync, "--out", "mnist.safetensors")
            ours = json.loads(peal("eval", "mnist.safetensors", *glob.glob(f"{data}/mnist/t10k-*"), "--json"))["metrics"]
            print(f"mnist, mlp:hidden=512x256, --sync {sync}: accuracy {ours['accuracy']:.4f}")


if __name__ == "__main__":
    main()
