#!/usr/bin/env python3
"""Logistic regression of a table whose categories have many values: `peal train` beside scikit-learn.

usage: categories.py [--rows N] [--values N] [--repeats N] [--hash BITS] [--peal PROGRAM]        (60000 rows, 60000 values, 3 times)

Three columns of texts, some common and most rare (Zipf), and three numbers, each with its effect; a fifth of the rows is held out.
Whole processes from CSV to predictions, taking turns; medians. scikit-learn: one-hot columns and numbers scaled, LogisticRegression
to convergence. --hash: Peal's texts are hashed to 2^BITS buckets in place of a vocabulary. Needs numpy, pandas and scikit-learn.
"""
import argparse
import csv
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

COLUMNS = 3


def make(folder, rows, values):
    random = np.random.default_rng(1)
    share = 1 / np.arange(1, values + 1)
    codes = [random.choice(values, size=rows, p=share / share.sum()) for _ in range(COLUMNS)]
    numbers = random.normal(size=(rows, 3))
    score = sum(random.normal(size=values)[column] for column in codes) + numbers @ [1, -0.5, 0.2]
    label = random.random(rows) < 1 / (1 + np.exp(-score))
    for name, part in (("train", range(rows * 4 // 5)), ("test", range(rows * 4 // 5, rows))):
        with open(os.path.join(folder, name + ".csv"), "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["y"] + [f"k{i}" for i in range(COLUMNS)] + ["a", "b", "c"])
            out.writerows([int(label[i])] + [f"v{column[i]}" for column in codes] + [f"{x:.4f}" for x in numbers[i]] for i in part)


def fit_sklearn(folder, out):
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    train, test = (pd.read_csv(os.path.join(folder, name + ".csv")) for name in ("train", "test"))
    texts = [f"k{i}" for i in range(COLUMNS)]
    model = make_pipeline(make_column_transformer((OneHotEncoder(handle_unknown="ignore"), texts), (StandardScaler(), ["a", "b", "c"])),
                          LogisticRegression(max_iter=2000))
    model.fit(train, train.y)
    np.savetxt(out, model.predict_proba(test)[:, 1], header="p_1", comments="")


def run(command):
    begin = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed")
    return time.perf_counter() - begin, usage.ru_maxrss // 1024


def peal(options, folder, out):
    texts = "+".join(f"k{i}" for i in range(COLUMNS))
    hashed = ["--transform", f"hash:bits={options.hash},columns={texts}"] if options.hash else []
    model = os.path.join(folder, "model.safetensors")
    seconds, memory = run([options.peal, "train", os.path.join(folder, "train.csv"), "--label", "y", "--model", "logistic", "--quiet",
                           "--out", model] + hashed)
    more, _ = run([options.peal, "predict", model, os.path.join(folder, "test.csv"), "--quiet", "--out", out])
    return seconds + more, memory


def scores(folder, path):
    from sklearn.metrics import log_loss, roc_auc_score
    labels = np.loadtxt(os.path.join(folder, "test.csv"), delimiter=",", skiprows=1, usecols=0)
    with open(path) as file:
        header, *rows = csv.reader(file)
    chances = np.array([float(row[header.index("p_1")]) for row in rows])
    return f"AUC {roc_auc_score(labels, chances):.4f}, log loss {log_loss(labels, chances):.4f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60000)
    parser.add_argument("--values", type=int, default=60000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--hash", type=int)
    parser.add_argument("--peal", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bazel-bin/tools/peal"))
    parser.add_argument("--fit", help=argparse.SUPPRESS)  # the child process of scikit-learn
    options = parser.parse_args()
    if options.fit:
        return fit_sklearn(options.fit, os.path.join(options.fit, "sklearn.csv"))
    with tempfile.TemporaryDirectory() as folder:
        make(folder, options.rows, options.values)
        outs = {"peal": os.path.join(folder, "peal.csv"), "scikit-learn": os.path.join(folder, "sklearn.csv")}
        times = {name: [] for name in outs}
        memory = dict.fromkeys(outs, 0)
        for _ in range(options.repeats):
            for name in outs:
                seconds, most = (peal(options, folder, outs[name]) if name == "peal" else
                                 run([sys.executable, os.path.abspath(__file__), "--fit", folder]))
                times[name].append(seconds)
                memory[name] = max(memory[name], most)
        for name, out in outs.items():
            print(f"{name:12} {statistics.median(times[name]):6.2f} s, {memory[name]:5d} MB, {scores(folder, out)}")


main()
