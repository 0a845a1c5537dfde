#!/usr/bin/env python3
"""libsvm text to arrays: Peal beside scikit-learn's load_svmlight_file, on one core, from the same file.

usage: libsvm.py [ROWS [FEATURES [REPEATS]]]        (200000 rows of 100 features, 3 times)

Seconds from the opened file to the last row, without the start of a program; taking turns; medians. Two files: values of
4 digits, as data sets have them, and of 16 digits, as programs print doubles. Needs numpy and scikit-learn, and
`bazel build //tools/bench:sparse`.
"""
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

from sklearn.datasets import load_svmlight_file

SPARSE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bazel-bin/tools/bench/sparse")


def make(path, rows, features, digits):
    numbers = random.Random(1)
    with open(path, "w") as out:
        for row in range(rows):
            index, words = 0, [str(row % 2)]
            for _ in range(features):
                index += numbers.randrange(1, 500)
                words.append(f"{index}:{numbers.random():.{digits}g}")
            out.write(" ".join(words) + "\n")


def peal(path):
    return float(subprocess.run([SPARSE, "libsvm", path], check=True, capture_output=True, text=True).stdout.split()[-2])


def sklearn(path):
    begin = time.perf_counter()
    load_svmlight_file(path, dtype="float32")
    return time.perf_counter() - begin


def main():
    rows, features, repeats = (int(word) for word in (sys.argv[1:] + ["200000", "100", "3"][len(sys.argv) - 1:])[:3])
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "data.libsvm")
        for digits in (4, 16):
            make(path, rows, features, digits)
            seconds = {peal: [], sklearn: []}
            for _ in range(repeats):
                for reader, values in seconds.items():
                    values.append(reader(path))
            ours, theirs = (statistics.median(values) for values in seconds.values())
            megabytes = os.path.getsize(path) / 1e6
            print(f"{digits:2d} digits, {megabytes:.0f} MB: peal {ours:.2f} s ({megabytes / ours:.0f} MB/s), "
                  f"scikit-learn {theirs:.2f} s: {theirs / ours:.1f} x")


if __name__ == "__main__":
    main()
