#!/usr/bin/env python3
"""How training scales over workers: nets, linear models and trees, dense and sparse, all of it by Peal, in one run.

usage: scaling.py MNIST_FOLDER [--repeats N] [--only NAME,NAME] [--peal PROGRAM]          (needs numpy)

  mlp            784-512-256-10 on MNIST by steps, averaged per epoch;   'step' averages at each step
  lbfgs          softmax on MNIST by exact gradients, 100 passes
  sparse sgd     logistic regression, 200,000 rows of 60 among 50,000 features, by steps
  sparse lbfgs   the same by exact gradients, 100 passes
  trees          200,000 rows of 28 numbers, 255 leaves, 20 rounds
Rows a second of W=1 and W=2 at P=4, as the job itself measures its training; medians over repeats, the contenders taking turns; where two
are compared, the median of the ratios of neighbours. 'two jobs' is the machine's own limit: two jobs of W=1 that share nothing run at
once, and what both do a second together is compared with one job alone. 'of it' is W=2 against that. 'the slower' is twice what the slower
of them does: CPUs of a virtual machine are not all as fast, and of partitions that are cut alike each CPU has as many.
Then, of the mlp: --sync step against epoch, and 8 workers against 2 at P=8 in both ways: more workers than CPUs.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
EPOCHS = 5
CASES = {
    "mlp": ("mnist", ["--model", "mlp:hidden=512x256", "--epochs", str(EPOCHS)]),
    "mlp step": ("mnist", ["--model", "mlp:hidden=512x256", "--epochs", str(EPOCHS), "--sync", "step"]),
    "lbfgs": ("mnist", ["--model", "softmax", "--sync", "full:method=lbfgs,tolerance=1e-14", "--epochs", "100"]),
    "sparse sgd": ("sparse", ["--model", "logistic", "--sync", "epoch", "--epochs", str(EPOCHS)]),
    "sparse lbfgs": ("sparse", ["--model", "logistic", "--sync", "full:method=lbfgs,tolerance=1e-14", "--epochs", "100"]),
    "trees": ("dense", ["--model", "trees:leaves=255", "--epochs", "20"]),
}
MLP = CASES["mlp"][1]


def write_sparse(path, random, rows=200000, features=50000, filled=60):
    weights = random.normal(size=features)
    with open(path, "w") as out:
        for _ in range(rows):
            columns = np.unique(np.minimum(random.pareto(0.6, filled) * 50, features - 1).astype(int))
            values = np.round(random.random(len(columns)) + 0.5, 3)
            label = int(random.logistic() < weights[columns] @ values / 4)
            print(label, *(f"{column}:{value}" for column, value in zip(columns, values)), file=out)


def write_dense(path, random, rows=200000, columns=28):
    x = random.normal(size=(rows, columns))
    y = (x[:, 0] * x[:, 1] + x[:, 2] ** 2 + x[:, 3] + random.normal(size=rows) > 1).astype(int)
    with open(path, "w") as out:
        print(*(f"x{i}" for i in range(columns)), "y", sep=",", file=out)
        np.savetxt(out, np.column_stack([x, y]), fmt=["%.5g"] * columns + ["%d"], delimiter=",")


def make(peal, folder, work, names):
    random = np.random.default_rng(1)
    sources = {"mnist": [f"{folder}/train-images-idx3-ubyte.gz", f"{folder}/train-labels-idx1-ubyte.gz"],
               "sparse": [f"{work}/sparse.libsvm"], "dense": [f"{work}/dense.csv", "--label", "y"]}
    for name in names:
        if name == "sparse":
            write_sparse(sources[name][0], random)
        if name == "dense":
            write_dense(sources[name][0], random)
        subprocess.run([peal, "etl", *sources[name], "--out", f"{work}/{name}", "--quiet"], check=True)


class Bench:
    def __init__(self, peal, work):
        self.peal, self.work = peal, work

    def start(self, case, options, number=0):
        dataset, model = case
        command = [self.peal, "train", f"{self.work}/{dataset}", *model, *(["--partitions", "4"] if "--partitions" not in options else []), *options, "--json", "--quiet",
                   "--out", f"{self.work}/m{number}.safetensors"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    @staticmethod
    def finish(job):
        out, _ = job.communicate()
        if job.returncode:
            raise SystemExit(f"{job.args} failed")
        return json.loads(out)["rows_per_second"]

    def rate(self, case, *options):
        return self.finish(self.start(case, options))

    def two_jobs(self, case):
        jobs = [self.start(case, ["--workers", "1"], number) for number in range(2)]
        return [self.finish(job) for job in jobs]


def ratio(left, right):
    return statistics.median(a / b for a, b in zip(left, right))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", help="names of cases, with commas between them")
    parser.add_argument("--peal", default=os.path.join(HERE, "../../bazel-bin/tools/peal"), help="the program")
    options = parser.parse_args()
    cases = {name: CASES[name] for name in (options.only.split(",") if options.only else CASES)}
    with tempfile.TemporaryDirectory() as work:
        make(options.peal, options.folder, work, {dataset for dataset, _ in cases.values()})
        bench = Bench(options.peal, work)
        one, two, both, slower = ({name: [] for name in cases} for _ in range(4))
        for _ in range(options.repeats):
            for name, case in cases.items():
                one[name].append(bench.rate(case, "--workers", "1"))
                two[name].append(bench.rate(case, "--workers", "2"))
                rates = bench.two_jobs(case)
                both[name].append(sum(rates))
                slower[name].append(2 * min(rates))
        print(f"{'rows a second':14} {'W=1':>10} {'W=2':>10} {'W=2/W=1':>8} {'two jobs':>9} {'of it':>6} {'the slower':>11}")
        for name in cases:
            print(f"{name:14} {statistics.median(one[name]):10.0f} {statistics.median(two[name]):10.0f} {ratio(two[name], one[name]):8.3f} "
                  f"{ratio(both[name], one[name]):9.3f} {ratio(two[name], both[name]):6.3f} {ratio(slower[name], one[name]):11.3f}", flush=True)
        if "mlp" not in cases or "mlp step" not in cases:
            return
        print(f"--sync step against --sync epoch, W=2: {ratio(two['mlp step'], two['mlp']):.3f}")
        for sync in ("epoch", "step"):
            rates = {workers: [bench.rate(("mnist", MLP), "--partitions", "8", "--workers", workers, "--sync", sync)
                               for _ in range(options.repeats)] for workers in ("2", "8")}
            print(f"8 workers against 2, P=8, --sync {sync}: {statistics.median(rates['8']) / statistics.median(rates['2']):.3f}")


if __name__ == "__main__":
    main()
