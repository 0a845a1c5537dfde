#!/usr/bin/env python3
"""Learning from a stream beside river and scikit-learn: each row predicted before it is learnt.

usage: online.py PEAL [--adult FOLDER] [--rows N] [--river]

A generated stream of 20 numbers whose weights change at its half (--rows 0: none), and adult's training rows: prequential accuracy and
rows/s (of the whole process for Peal; of the loop over rows in memory, without reading them, for the others).
scikit-learn: StandardScaler fitted on the first window, SGDClassifier(loss="log_loss").partial_fit once a window, at its
defaults. river: StandardScaler | LogisticRegression, row by row.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd


def drifting(rows, path):
    random = np.random.default_rng(1)
    x = random.normal(size=(rows, 20)) * random.uniform(0.5, 20, size=20)
    scale = x[:1000].std(axis=0)
    weights = np.where(np.arange(rows)[:, None] < rows // 2, random.normal(size=20), random.normal(size=20))
    score = (x / scale * weights).sum(axis=1)
    y = (random.uniform(size=rows) < 1 / (1 + np.exp(-score))).astype(int)
    frame = pd.DataFrame(np.round(x, 4), columns=[f"x{i}" for i in range(20)])
    frame["y"] = np.where(y == 1, "b", "a")
    frame.to_csv(path, index=False)
    return frame


def adult(folder, path):
    frame = pd.read_csv(os.path.join(folder, "adult.data"), skipinitialspace=True) # with a header
    frame.columns = [*frame.columns[:-1], "y"]
    frame.to_csv(path, index=False)
    return frame


def peal(program, path, out, *options):
    begin = time.time()
    run = subprocess.run([program, "train", "--follow", path, "--label", "y", "--json", "--quiet", "--out", out, *options],
                         capture_output=True, text=True, check=True)
    seconds = time.time() - begin
    result = json.loads(run.stdout)
    return result["metrics"]["accuracy"], result["rows"]["used"] / seconds


def encoded(frame, window):
    """One-hot as of the first window, standardised: what partial_fit wants."""
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    x = frame.drop(columns="y")
    texts = [c for c in x if not pd.api.types.is_numeric_dtype(x[c])]
    numbers = [c for c in x if c not in texts]
    made = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), texts),
                                   sparse_threshold=0)
    made.fit(x[:window])
    return made


def scikit(frame, window):
    from sklearn.linear_model import SGDClassifier
    transform, model = encoded(frame, window), SGDClassifier(loss="log_loss", random_state=1)
    y, right = frame["y"].to_numpy(), 0
    classes = np.unique(y)
    begin = time.time()
    for at in range(0, len(frame), window):
        x, labels = transform.transform(frame.drop(columns="y")[at:at + window]), y[at:at + window]
        right += (model.predict(x) == labels).sum() if at else (labels == classes[0]).sum()
        model.partial_fit(x, labels, classes)
    return right / len(frame), len(frame) / (time.time() - begin)


def river_one(frame):
    from river import compose, linear_model, preprocessing
    texts = [c for c in frame.columns[:-1] if not pd.api.types.is_numeric_dtype(frame[c])]
    numbers = compose.Discard(*texts, "y") | preprocessing.StandardScaler()
    kinds = compose.Select(*texts) | preprocessing.OneHotEncoder() if texts else None
    model = (numbers + kinds if kinds else numbers) | linear_model.LogisticRegression()
    first, right = frame["y"].min(), 0
    begin = time.time()
    for row in frame.to_dict("records"):
        label = row.pop("y") != first
        right += bool(model.predict_one(row)) == label
        model.learn_one(row, label)
    return right / len(frame), len(frame) / (time.time() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peal")
    parser.add_argument("--adult")
    parser.add_argument("--rows", type=int, default=200000)
    parser.add_argument("--river", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, out = os.path.join(folder, "stream.csv"), os.path.join(folder, "m.safetensors")
        tables = [] if options.rows == 0 else [("drift", lambda: drifting(options.rows, path))]
        if options.adult:
            tables.append(("adult", lambda: adult(options.adult, path)))
        for name, make in tables:
            frame = make()
            for window in (1000, 10000):
                for model in ("logistic", "mlp"):
                    print(name, window, f"peal {model}: accuracy %.4f, %.0f rows/s" %
                          peal(options.peal, path, out, "--window", str(window), "--model", model), flush=True)
                print(name, window, "scikit-learn partial_fit: accuracy %.4f, %.0f rows/s" % scikit(frame, window), flush=True)
            if options.river:
                print(name, "river, row by row: accuracy %.4f, %.0f rows/s" % river_one(frame), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
