#!/usr/bin/env python3
"""Linear models by exact gradients: `peal train` beside scikit-learn and LIBLINEAR, on the columns of the same dataset.

usage: linear.py [--data FOLDER] [--only NAME,NAME] [--runs N] [--peal PROGRAM]          (needs scikit-learn, scipy and pyarrow)

Tables: dense, sparse and counts are made here (fixed seed); adult, housing, agaricus and rcv1 are files in --data.
Every contender's solution is put into the objective that Peal minimises, in float64, and is printed with its largest gradient:
  mean loss + |w|^2 / 2n;   the bias is not penalised, and n is the number of rows
  logistic: log(1 + exp(-yz)),  svm: max(0, 1 - yz)^2,  linear: (z - t)^2 / 2 with the target standardised,
  poisson: m exp(z) - yz with m, the mean of the target
LIBLINEAR penalises the intercept, so its optimum is another one and its objective a bit higher; 'free' is LIBLINEAR with the
intercept scaled by 100, which makes up for nearly all of that; it solves the primal problem, for the dual one would take long.
Peers get a dense array if half of the entries or more are not zero, else CSR. Columns: 'passes' are Peal's evaluations of loss and
gradient, a peer's iterations, of which each may be several; 'above': how far above the best objective, relatively; 'apart': the
largest difference between the coefficients of a contender and Peal's, the bias among them.
'its program' is LIBLINEAR's own (`liblinear-train`, package liblinear-tools), if there is one: the whole process, from LIBSVM text.
Seconds of Peal: the whole process of `peal train DATASET`, to the model file. Of a peer: fit alone, without reading. Medians of
--runs (3), of one if that takes more than 5 s; then seconds of CPU. Both sides may use all CPUs.
Exit code 1: Peal failed or did not converge, its objective is above the best peer's by more than 1e-4 of that, or, where all
columns are dense numbers, its coefficients are further than 1e-3 from those of the first peer and that one has converged.
"""
import os

for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # OpenBLAS reads them when numpy is loaded
    os.environ.pop(variable, None)

import argparse
import glob
import json
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.svm import LinearSVC

HERE = os.path.dirname(os.path.abspath(__file__))
MANY = 100000  # iterations: no peer is stopped before it has converged
SLOW_SECONDS = 5
SOLVERS = {"logistic": "0", "svm": "2"}  # of LIBLINEAR's program
FREE = 100  # scale of the intercept of LIBLINEAR where its penalty is not to count

# name: files below --data, or the function that makes one; options of `peal etl`; models
TABLES = {
    "dense": ("make_dense", ["--label", "y"], ["logistic"]),
    "sparse": ("make_sparse", ["--format", "libsvm"], ["logistic"]),
    "counts": ("make_counts", ["--label", "y", "--task", "regress"], ["poisson"]),
    "adult": (["adult/adult.data"], ["--label", "ltgt50k"], ["logistic", "svm"]),
    "housing": (["housing/housing.csv"], ["--label", "median_house_value"], ["linear"]),
    "agaricus": (["agaricus/agaricus.txt.train"], [], ["logistic", "svm"]),
    "rcv1": (["rcv1/rcv1_small.dat"], ["--format", "vw"], ["logistic", "svm"]),
}


def peers(model, rows):
    """Contenders of a model, by name; the first one minimises the same objective and is asked for the same precision."""
    if model == "logistic":
        return {"lbfgs 1e-6": LogisticRegression(C=1, tol=1e-6, max_iter=MANY), "lbfgs 1e-4": LogisticRegression(C=1, max_iter=MANY),
                "liblinear": LogisticRegression(solver="liblinear", C=1, tol=1e-6, max_iter=MANY)}
    if model == "svm":
        options = {"loss": "squared_hinge", "C": 1, "tol": 1e-6, "max_iter": MANY, "random_state": 1}
        return {"liblinear free": LinearSVC(intercept_scaling=FREE, dual=False, **options), "liblinear": LinearSVC(dual="auto", **options)}
    if model == "linear":
        return {"ridge": Ridge(alpha=1)}
    return {"poisson 1e-6": PoissonRegressor(alpha=1 / rows, tol=1e-6, max_iter=MANY),
            "poisson 1e-4": PoissonRegressor(alpha=1 / rows, max_iter=MANY)}


def write_csv(path, x, y):
    with open(path, "w") as out:
        print(*(f"x{i}" for i in range(x.shape[1])), "y", sep=",", file=out)
        np.savetxt(out, np.column_stack([x, y]), fmt=["%.6g"] * x.shape[1] + ["%d"], delimiter=",")


def make_dense(path, random, rows=200000, columns=40):
    x = random.normal(size=(rows, columns))
    score = x @ random.normal(size=columns) / 2 + 0.5
    write_csv(path, x, random.random(rows) < 1 / (1 + np.exp(-score)))


def make_sparse(path, random, rows=100000, columns=50000, entries=30):
    weight = random.normal(size=columns)
    with open(path, "w") as out:
        for _ in range(rows):
            indices = np.unique(random.integers(columns, size=entries))
            values = np.round(random.random(len(indices)) + 0.01, 4)
            label = int(random.random() < 1 / (1 + np.exp(-values @ weight[indices])))
            out.write(f"{label} " + " ".join(map("{}:{}".format, indices.tolist(), values.tolist())) + "\n")


def make_counts(path, random, rows=50000, columns=10):
    x = random.normal(size=(rows, columns))
    write_csv(path, x, random.poisson(np.exp(x @ random.normal(size=columns) * 0.3 + 0.5)))


def read_dataset(dataset):
    """Features as a matrix, the label, and whether all features are dense numbers."""
    tables = [pa.ipc.open_file(path).read_all() for path in sorted(glob.glob(os.path.join(dataset, "train-*.arrow")))]
    table = pa.concat_tables(tables).unify_dictionaries()
    with open(os.path.join(dataset, "manifest.json")) as file:
        columns = json.load(file)["pipeline"]["columns"]
    roles = {name: column["role"] for column in columns for name in column.get("names") or [column["name"]]}
    beside = [name for name, role in roles.items() if role not in ("feature", "index", "sparse", "label")]
    table = table.drop_columns([name for name in beside if name in table.column_names])
    name = next(name for name, role in roles.items() if role == "label")
    label = table[name].combine_chunks()
    table = table.drop_columns([name])
    features = [column.combine_chunks() for column in table.columns]
    rows, parts = len(label), []
    for i, column in enumerate(features):
        if pa.types.is_fixed_size_list(column.type):
            parts.append(sp.csr_matrix(np.asarray(column.flatten(), dtype=float).reshape(rows, -1)))
        elif pa.types.is_dictionary(column.type):
            codes = np.asarray(column.indices.fill_null(-1))
            known = np.flatnonzero(codes >= 0)
            parts.append(sp.csr_matrix((np.ones(len(known)), (known, codes[known])), shape=(rows, len(column.dictionary))))
        elif table.column_names[i] == "indices":
            starts, values = np.asarray(column.offsets), np.asarray(features[i + 1].flatten(), dtype=float)
            parts.append(sp.csr_matrix((values, np.asarray(column.flatten()).astype(np.int32), starts - starts[0])))
    y = np.asarray(label.indices if pa.types.is_dictionary(label.type) else label).astype(float)
    x = sp.hstack(parts).tocsr()
    dense = all(pa.types.is_fixed_size_list(column.type) for column in features)
    return x.toarray() if x.nnz * 2 >= np.prod(x.shape, dtype=float) else x, y, dense


def objective(model, x, target, weight, bias):
    """Of Peal's objective the value and the largest entry of the gradient."""
    z, rows = x @ weight + bias, len(target)
    if model == "logistic":
        loss, slope = np.logaddexp(0, z) - target * z, 1 / (1 + np.exp(-z)) - target
    elif model == "svm":
        sign = 2 * target - 1
        short = np.maximum(0, 1 - sign * z)
        loss, slope = short ** 2, -2 * sign * short
    elif model == "linear":
        loss, slope = (z - target) ** 2 / 2, z - target
    else:
        rate = target.mean() * np.exp(z)
        loss, slope = rate - target * z, rate - target
    gradient = np.append(x.T @ slope / rows + weight / rows, slope.mean())
    return loss.mean() + weight @ weight / 2 / rows, np.abs(gradient).max()


def run_peal(options, dataset, model, folder):
    """Weights, bias, passes, wall and CPU seconds, and whether it has converged."""
    out = os.path.join(folder, f"{model}-{time.monotonic_ns()}.safetensors")
    before, begin = os.times(), time.perf_counter()
    process = subprocess.run([options.peal, "train", dataset, "--model", model, "--sync", "full:tolerance=1e-6", "--json", "--out", out],
                             capture_output=True, text=True)
    wall, after = time.perf_counter() - begin, os.times()
    if process.returncode:
        sys.exit(f"peal train --model {model} failed: {process.stderr}")
    with open(out, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    tensors = {name: np.frombuffer(data[slice(*header[name]["data_offsets"])]) for name in ("bias", "weight", "codes", "sparse")
               if name in header}
    weight = np.concatenate([values for name, values in tensors.items() if name != "bias"])
    cpu = sum(after[2:4]) - sum(before[2:4])
    return weight, tensors["bias"][0], json.loads(process.stdout)["epochs"], wall, cpu, "converged after" in process.stderr


def run_peer(peer, model, x, target):
    begin, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        peer.fit(x, target)
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    shift = np.log(target.mean()) if model == "poisson" else 0
    passes = "-" if getattr(peer, "n_iter_", None) is None else int(np.max(peer.n_iter_))
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return np.ravel(peer.coef_), np.ravel(peer.intercept_)[0] - shift, passes, wall, cpu, converged


def write_libsvm(path, x, target):
    x = sp.csr_matrix(x)
    with open(path, "w") as out:
        for row, label in enumerate(target):
            entries = range(x.indptr[row], x.indptr[row + 1])
            print(f"{2 * label - 1:+.0f}", *(f"{x.indices[e] + 1}:{x.data[e]:.9g}" for e in entries), file=out)


def run_program(solver, path, columns, folder):
    """LIBLINEAR's own program, from text to model, to a precision at which its objective is right to about 1e-4."""
    out = os.path.join(folder, "liblinear.model")
    before, begin = os.times(), time.perf_counter()
    subprocess.run(["liblinear-train", "-q", "-s", solver, "-B", "1", "-e", "1e-4", path, out], check=True)
    wall, after = time.perf_counter() - begin, os.times()
    with open(out) as file:
        head, weights = file.read().split("\nw\n")
    weights = np.array(weights.split(), dtype=float)
    if head.split("label ")[1].split()[0] == "-1":
        weights = -weights
    weight = np.append(weights[:-1], np.zeros(columns + 1 - len(weights)))
    return weight, weights[-1], "-", wall, sum(after[2:4]) - sum(before[2:4]), True


def repeat(run, runs):
    results = [run()]
    while len(results) < runs and results[0][3] <= SLOW_SECONDS:
        results.append(run())
    wall, cpu = (statistics.median(result[i] for result in results) for i in (3, 4))
    return (*results[0][:3], wall, cpu, results[0][5])


def compare(options, name, model, dataset, folder):
    """Prints a line for each contender; returns what is wrong with Peal."""
    x, target, dense = read_dataset(dataset)
    if model == "linear":
        target = (target - target.mean()) / target.std()
    fits = {"peal": repeat(lambda: run_peal(options, dataset, model, folder), options.runs)}
    for contender, peer in peers(model, len(target)).items():
        fits[contender] = repeat(lambda: run_peer(peer, model, x, target), options.runs)
    if model in SOLVERS and shutil.which("liblinear-train"):
        text = os.path.join(folder, "rows.libsvm")
        write_libsvm(text, x, target)
        fits["its program"] = repeat(lambda: run_program(SOLVERS[model], text, x.shape[1], folder), options.runs)
    if len(fits["peal"][0]) != x.shape[1]:
        sys.exit(f"{name}: Peal has {len(fits['peal'][0])} weights, the dataset {x.shape[1]} columns")
    reached = {contender: objective(model, x, target, *fit[:2]) for contender, fit in fits.items()}
    best = min(value for value, _ in reached.values())
    ours = np.append(*fits["peal"][:2])
    apart = {contender: np.abs(np.append(*fit[:2]) - ours).max() for contender, fit in fits.items()}
    for contender, (_, _, passes, wall, cpu, converged) in fits.items():
        value, gradient = reached[contender]
        print(f"{name:9} {model:9} {contender:15} {passes:>6} {wall:8.3f} {cpu:8.3f} {value:15.10f} {(value - best) / abs(best):9.1e} "
              f"{gradient:9.1e} {apart[contender]:9.1e}{'' if converged else '  not converged'}", flush=True)
    first = list(fits)[1]
    best_peer = min(value for contender, (value, _) in reached.items() if contender != "peal")
    wrong = [] if fits["peal"][5] else ["peal has not converged"]
    if reached["peal"][0] - best_peer > 1e-4 * abs(best_peer):
        wrong.append("objective")
    if dense and fits[first][5] and apart[first] > 1e-3:
        wrong.append("coefficients")
    return [f"{name} {model}: {what}" for what in wrong]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with adult/, housing/, agaricus/ and rcv1/; without it, they are left out")
    parser.add_argument("--only", help="names of tables, with commas between them")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peal", default=os.path.join(HERE, "../../bazel-bin/tools/peal"), help="the program")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [name for name in TABLES if options.data or isinstance(TABLES[name][0], str)]
    for name in names:
        if name not in TABLES or not options.data and not isinstance(TABLES[name][0], str):
            parser.error(f"there is no table '{name}'" if name not in TABLES else f"table '{name}' needs --data")
    print(f"{'table':9} {'model':9} {'contender':15} {'passes':>6} {'seconds':>8} {'CPU':>8} {'objective':>15} {'above':>9} {'gradient':>9} "
          f"{'apart':>9}")
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            source, etl, models = TABLES[name]
            if isinstance(source, str):
                files = [os.path.join(folder, name + (".libsvm" if name == "sparse" else ".csv"))]
                globals()[source](files[0], np.random.default_rng(1))
            else:
                files = [os.path.join(options.data, path) for path in source]
            dataset = os.path.join(folder, name)
            subprocess.run([options.peal, "etl", *files, *etl, "--out", dataset, "--quiet"], check=True)
            for model in models:
                wrong += compare(options, name, model, dataset, folder)
    print("\n".join(wrong) or "all well")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
