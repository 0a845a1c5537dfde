#!/usr/bin/env python3
"""How training scales over workers: the MLP (784-512-256-10) on MNIST, all of it by Peal, in one run.

usage: scaling.py MNIST_FOLDER [REPEATS]

Medians over repeats, the contenders taking turns; where two are compared, the median of the ratios of neighbours.
  W=2 against W=1        time of 5 epochs at P = 4, as the job itself measures training
  --sync step            rows a second with W=2 against --sync epoch (a barrier and an allreduce each step)
  8 workers              rows a second against 2 workers, both with P = 8, in both modes: more workers than CPUs
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PEAL = os.path.join(HERE, "../../bazel-bin/tools/peal")


def rate(work, *options):
    command = [PEAL, "train", f"{work}/d", "--model", "mlp:hidden=512x256", "--epochs", "5", "--out", f"{work}/m.safetensors",
               "--json", "--quiet", *options]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["rows_per_second"]


def main():
    folder, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    contenders = {
        "W=1": ("--workers", "1"),
        "W=2": ("--workers", "2"),
        "W=2 step": ("--workers", "2", "--sync", "step"),
        "P=8 W=2": ("--partitions", "8", "--workers", "2"),
        "P=8 W=8": ("--partitions", "8", "--workers", "8"),
        "P=8 W=2 step": ("--partitions", "8", "--workers", "2", "--sync", "step"),
        "P=8 W=8 step": ("--partitions", "8", "--workers", "8", "--sync", "step"),
    }
    rates = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([PEAL, "etl", f"{folder}/train-images-idx3-ubyte.gz", f"{folder}/train-labels-idx1-ubyte.gz", "--out", f"{work}/d", "--quiet"], check=True)
        for _ in range(repeats):
            for name, options in contenders.items():
                rates[name].append(rate(work, *options))
    for name, values in rates.items():
        print(f"{name:14s} {statistics.median(values):9.0f} rows/s")
    for left, right, what in (("W=2", "W=1", "two workers against one"), ("W=2 step", "W=2", "--sync step against --sync epoch"),
                              ("P=8 W=8", "P=8 W=2", "8 workers against 2"), ("P=8 W=8 step", "P=8 W=2 step", "8 workers against 2, --sync step")):
        ratio = statistics.median(a / b for a, b in zip(rates[left], rates[right]))
        print(f"{what}: {ratio:.3f}")


if __name__ == "__main__":
    main()
