#!/usr/bin/env python3
"""Boosted trees over sparse features: Peal beside LightGBM (scipy's CSR), from the same libsvm files, one thread each.

usage: sparse_trees.py [TRAIN TEST]        (20000 + 5000 rows of made text, 50000 words)

CPU seconds of the training: of Peal the whole process, of LightGBM bins and rounds; and the AUC of the test rows. Needs
lightgbm, numpy and scikit-learn, and `bazel build //tools:peal`.
"""
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import lightgbm
import numpy
from sklearn.datasets import load_svmlight_file
from sklearn.metrics import roc_auc_score

PEAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bazel-bin/tools/peal")
WORDS = 50000


def make(path, rows, seed):
    """Texts of 40 to 160 words by Zipf's law, weighed by how rare they are; 6,300 of the words speak for a class."""
    shared, numbers = numpy.random.default_rng(1), numpy.random.default_rng(seed)
    shares = (numpy.arange(WORDS) + 10.0) ** -1.05
    shares /= shares.sum()
    weights = numpy.zeros(WORDS)
    speaking = numpy.concatenate([shared.permutation(WORDS)[:6000], numpy.arange(30, 900, 3)])
    weights[speaking] = 1.2 * shared.normal(size=len(speaking))
    ends = shares.cumsum()
    with open(path, "w") as out:
        for _ in range(rows):
            drawn = numpy.searchsorted(ends, numbers.random(numbers.integers(40, 160)))
            words, counts = numpy.unique(drawn[drawn < WORDS], return_counts=True)
            values = numpy.log1p(counts) * -numpy.log(shares[words])
            values /= numpy.sqrt(values @ values)
            score = 6 * (values @ weights[words]) + 0.7 * ((words < 60).sum() % 3 == 0)
            label = int(numbers.random() < 1 / (1 + numpy.exp(-score)))
            out.write(f"{label} " + " ".join(f"{w + 1}:{v:.5g}" for w, v in zip(words, values)) + "\n")


def peal(train, test, work):
    dataset, model = os.path.join(work, "rows.ds"), os.path.join(work, "rows.safetensors")
    subprocess.run([PEAL, "etl", train, "--out", dataset, "--label", "label", "--task", "classify", "--quiet"], check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([PEAL, "train", dataset, "--out", model, "--model", "trees", "--workers", "1", "--quiet"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = subprocess.run([PEAL, "eval", model, test, "--json", "--quiet"], check=True, capture_output=True, text=True)
    return after.ru_utime - before.ru_utime, json.loads(told.stdout)["metrics"]["auc"]


def peer(train, test):
    x, y = load_svmlight_file(train)
    x_test, y_test = load_svmlight_file(test, n_features=x.shape[1])
    begin = time.process_time()
    options = {"objective": "binary", "verbose": -1, "num_threads": 1}
    model = lightgbm.train(options, lightgbm.Dataset(x, y, params={"verbose": -1}), 100)
    return time.process_time() - begin, roc_auc_score(y_test, model.predict(x_test))


def main():
    with tempfile.TemporaryDirectory() as work:
        if len(sys.argv) == 3:
            train, test = sys.argv[1:]
        else:
            train, test = os.path.join(work, "train.libsvm"), os.path.join(work, "test.libsvm")
            make(train, 20000, 2)
            make(test, 5000, 3)
        for name, (seconds, auc) in (("peal", peal(train, test, work)), ("lightgbm", peer(train, test))):
            print(f"{name:8s} {seconds:6.2f} s of CPU, test AUC {auc:.4f}", flush=True)


if __name__ == "__main__":
    main()
