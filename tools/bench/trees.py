#!/usr/bin/env python3
"""Gradient boosting: `peal train --model trees` beside LightGBM and XGBoost (hist), on tables made here.

usage: trees.py [--rows N] [--queries N] [--only CASE,CASE] [--runs N] [--peal PROGRAM] [--keep FOLDER]
       (needs lightgbm, pandas, pyarrow and scikit-learn; XGBoost is run if there is one)

  higgs       --rows (1,000,000) rows of 28 numbers, half of them masses, sums and products of the others, smeared; 255 leaves
  categories  a fifth as many rows, 13 numbers and 26 columns of texts with 3 to 100,000 values (Zipf), all with gaps; 31 leaves
  rank        --queries (2,000) queries of 100 rows and 136 numbers, many with long tails, some the same for all rows of a query; labels
              0 to 4, few of them high, as MSLR-WEB10K; lambdarank, 31 leaves; a fifth as many queries more test. LightGBM has the rows as
              arrays (bins and train), Peal a dataset (train, and the whole process)
  small       tables of at most 5,000 rows: 31 leaves, all else is default on both sides; five folds
All: 100 trees, rate 0.1, at most 255 bins, 20 rows a leaf or more, no validation. 100,000 more rows test. --keep: made once, used again.
LightGBM: row-wise and column-wise, each with and without quantised gradients, grow a few trees first, with OpenMP's threads waiting
as they do by default and passively: the least time of a tree is printed (and the mean). Spinning costs much on a busy machine, so the
peers wait in the way that has the lower sum of means; then the layout with the least time is run, for each of the two precisions.
XGBoost grows by gain (lossguide) without l2, which makes it the same algorithm; it knows no minimum of rows, so min_child_weight is 1.
It stays out of categories: it keeps a bin for each value there, and takes minutes.
LightGBM's min_sum_hessian is its default. Both sides may use all CPUs, except '1 thread' and W=1; contenders take turns, medians.

Sources: 'arrays' are float32 in memory (texts are codes), 'dataset' was made by `peal etl` before, 'files' are four .csv.gz. The peers'
packages have no command line: from files they are a Python process with pyarrow's CSV reader (faster than pandas's), which reads the
files side by side, a pandas frame, and training. All end with a model file.
Columns: 'bins' is the construction of the peer's Dataset; 'train' the trees alone, of Peal rows x epochs / rows_per_second as it says;
'whole' the process from start to model. CPU: of bins and train of a peer on arrays, else of the process. MB: the larger of ru_maxrss
of the largest process and the proportional memory of all processes, looked at twice a second; of a peer on arrays, to the end of train.
'G/s' counts rows x columns x trees x log2(leaves), as if each tree were balanced and all its levels built from all rows, by seconds of
train (of whole, if Peal does not tell) and by CPUs used. What LightGBM really adds up is less and is told: all rows at the root, at each
split those of the smaller child.
Exit code 1: Peal was not run or failed, or its AUC is more than 0.0005 below the best of LightGBM's in higgs or categories, or its NDCG@10
more than 0.003 below LightGBM's in rank.
"""
import argparse
import importlib.util
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
CPUS = len(os.sched_getaffinity(0))
TEST_ROWS = 100000
PARTS = 4
TREES = 100
AUC_MARGIN = 0.0005
NDCG_MARGIN = 0.003
QUERY_ROWS = 100
TRIAL_SECONDS = 4  # no setting is tried for longer

Case = namedtuple("Case", "make divisor leaves numbers texts")  # of --rows; columns of either kind
Run = namedtuple("Run", "bins train whole cpu mb auc loss", defaults=[None] * 7)  # seconds, megabytes; None: there is none


# ---- Tables: features (float32; of texts their codes; NaN: missing), and the log-odds of the label ----

def make_higgs(random, rows):
    """Four bodies with a momentum, a pseudorapidity and an angle each, two tags, and what physicists compute of these."""
    momentum = random.gamma(2, 0.5, size=(4, rows))
    eta = random.normal(size=(4, rows))
    phi = random.uniform(-np.pi, np.pi, size=(4, rows))
    tag = random.choice([0, 1.087, 2.173], size=(2, rows), p=[0.5, 0.25, 0.25])
    mass = [np.sqrt(2 * momentum[i] * momentum[j] * (np.cosh(eta[i] - eta[j]) - np.cos(phi[i] - phi[j])))
            for i in range(4) for j in range(i)]
    x, y = (momentum * np.cos(phi)).sum(0), (momentum * np.sin(phi)).sum(0)
    derived = np.array([*mass, np.hypot(x, y), np.arctan2(y, x), momentum.sum(0), np.sqrt(sum(m * m for m in mass)), eta[0] * eta[1],
                        eta[2] * eta[3], momentum[0] / (momentum[1] + 0.1), momentum[2] * np.cos(phi[0] - phi[1])])
    derived *= 1 + 0.1 * random.normal(size=derived.shape)
    score = (2.5 * np.exp(-(np.log(mass[0]) - 0.3) ** 2 / 0.1) + 1.5 * np.tanh(mass[5] - 2) - 1.2 * np.cos(phi[0] - phi[2]) * (tag[0] > 0)
             + np.sin(2 * eta[0]) * np.sign(eta[3]) + 0.7 * tag[1] * (momentum[3] < 1) - 0.5 * np.abs(eta[1]) + 0.4 * np.hypot(x, y))
    return np.vstack([momentum, eta, phi, tag, derived]).T.astype(np.float32, order="C"), 1.1 * (score - np.median(score))


def make_categories(random, rows):
    numbers, texts = CASES["categories"][3:]
    x, score = np.empty((rows, numbers + texts), np.float32), np.full(rows, -1.0)
    for i in range(numbers):
        value = random.normal(size=rows)
        missing = random.random(rows) < i * 0.04
        score += np.where(missing, 0.3, 0.3 * np.sin(value * (1 + i % 3)))
        x[:, i] = np.where(missing, np.nan, np.floor(20 * np.exp(value)) if i % 2 else value)
    for i, values in enumerate(np.geomspace(3, 100000, texts).astype(int)):
        share = 1 / np.arange(1, values + 1) ** 1.1
        code = random.choice(values, size=rows, p=share / share.sum())
        missing = random.random(rows) < i % 3 * 0.05
        score += np.where(missing, 0, 0.35 * random.normal(size=values)[code])
        x[:, numbers + i] = np.where(missing, np.nan, code)
    score += 0.6 * np.nan_to_num(x[:, 0]) * (x[:, numbers] == 0)
    return x, score


CASES = {"higgs": Case(make_higgs, 1, 255, 28, 0), "categories": Case(make_categories, 5, 31, 13, 26)}


def write_csv(path, case, x, y):
    import gzip
    import pyarrow as pa
    from pyarrow import csv
    columns = {f"x{i}": pa.array(x[:, i], from_pandas=True) for i in range(case.numbers)}
    for i in range(case.texts):
        codes = x[:, case.numbers + i]
        missing = np.isnan(codes)
        codes = np.where(missing, 0, codes).astype(np.int32)
        words = pa.array([f"{chr(ord('a') + i)}{code:x}" for code in range(codes.max() + 1)])
        columns[f"k{i}"] = pa.DictionaryArray.from_arrays(pa.array(codes, mask=missing), words).cast(pa.string())
    columns["y"] = pa.array(y.astype(np.int8))
    with gzip.open(path, "wb", compresslevel=4) if path.endswith(".gz") else open(path, "wb") as out:
        csv.write_csv(pa.table(columns), out, csv.WriteOptions(quoting_style="none"))


def scores(y, probability):
    """AUC and log loss."""
    from sklearn.metrics import log_loss, roc_auc_score
    return float(roc_auc_score(y, probability)), float(log_loss(y, probability.astype(float)))


def make_table(name, rows, keep):
    """The folder of a case: train-0.csv.gz..., test.csv, their columns as arrays, and rule.json: what the true odds score."""
    case, folder = CASES[name], os.path.join(keep, f"{name}-{rows}")
    if os.path.exists(folder):
        return folder
    random = np.random.default_rng(1)
    x, score = case.make(random, rows + TEST_ROWS)
    odds = 1 / (1 + np.exp(-score))
    y = (random.random(len(odds)) < odds).astype(np.float32)
    os.makedirs(folder + ".new", exist_ok=True)
    files = [(f"train-{i}.csv.gz", slice(rows * i // PARTS, rows * (i + 1) // PARTS)) for i in range(PARTS)]
    with ThreadPoolExecutor(CPUS) as pool:
        list(pool.map(lambda file: write_csv(os.path.join(folder + ".new", file[0]), case, x[file[1]], y[file[1]]),
                      [*files, ("test.csv", slice(rows, None))]))
    for part, chosen in (("train", slice(rows)), ("test", slice(rows, None))):
        np.save(os.path.join(folder + ".new", part + "-x.npy"), x[chosen])
        np.save(os.path.join(folder + ".new", part + "-y.npy"), y[chosen])
    with open(os.path.join(folder + ".new", "rule.json"), "w") as out:
        json.dump(scores(y[rows:], odds[rows:]), out)
    os.rename(folder + ".new", folder)
    return folder


def train_files(folder):
    return [os.path.join(folder, f"train-{i}.csv.gz") for i in range(PARTS)]


# ---- Processes ----

# A process begins with the peak memory of the one that forked it, so that has to be a small one. Its arguments: a file, a command.
LAUNCHER = """
import json, os, sys, time
begin = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ), 0)
with open(sys.argv[1], "w") as out:
    json.dump([status, time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3], out)
"""


def children(pid):
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children") as file:
            found += file.read().split()
    return found


def descendants_memory(pid):
    """Proportional megabytes of the processes below this one: what they share counts once."""
    total = 0
    try:
        for child in children(pid):
            with open(f"/proc/{child}/smaps_rollup") as file:
                total += next(int(line.split()[1]) / 1e3 for line in file if line.startswith("Pss:"))
            total += descendants_memory(child)
    except (OSError, StopIteration):  # one has ended
        pass
    return total


def run(command, **environment):
    """Its standard output, wall and CPU seconds, and peak megabytes. Raises RuntimeError."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        usage, peak = os.path.join(folder, "usage"), 0
        process = subprocess.Popen([sys.executable, "-S", "-E", "-c", LAUNCHER, usage, *command], stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=errors, env=dict(os.environ, **environment), start_new_session=True)
        try:
            while process.poll() is None:
                peak = max(peak, descendants_memory(process.pid))
                try:
                    process.wait(0.5)
                except subprocess.TimeoutExpired:
                    pass
        finally:
            if process.poll() is None:  # this script was interrupted
                os.killpg(process.pid, signal.SIGTERM)
        out.seek(0)
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(f"{command[0]} was not started: {errors.read()[-500:].strip()}")
        with open(usage) as file:
            status, wall, cpu, largest = json.load(file)
        if status:
            raise RuntimeError(f"{os.path.basename(command[0])} {command[1]}: exit code {os.waitstatus_to_exitcode(status)}: "
                               f"{errors.read()[-500:].strip()}")
        return out.read(), wall, cpu, max(peak, largest)


# ---- Peers: each run is a process of this script with --peer, which gets a job and prints what it has measured ----

def read_files(case, folder):
    import pyarrow as pa
    from pyarrow import csv
    types = {f"x{i}": pa.float32() for i in range(case.numbers)} | {"y": pa.float32()}
    types |= {f"k{i}": pa.dictionary(pa.int32(), pa.string()) for i in range(case.texts)}
    options = csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    with ThreadPoolExecutor(CPUS) as pool:
        tables = list(pool.map(lambda path: csv.read_csv(path, convert_options=options), train_files(folder)))
    frame = pa.concat_tables(tables).unify_dictionaries().to_pandas()
    return frame, frame.pop("y")


def lightgbm_parameters(case, threads, layout, quantised):
    return {"objective": "binary", "num_leaves": case.leaves, "max_bin": 255, "learning_rate": 0.1, "min_data_in_leaf": 20, "verbose": -1,
            "num_threads": threads, f"force_{layout}_wise": True, "use_quantized_grad": quantised}


def lightgbm_dataset(case, x, y, parameters):
    import lightgbm
    texts = list(range(case.numbers, case.numbers + case.texts)) if isinstance(x, np.ndarray) else "auto"
    return lightgbm.Dataset(x, y, categorical_feature=texts, params=parameters).construct()


def try_settings(case, folder):
    """Seconds a tree of each of LightGBM's settings: [layout, quantised, the least, the mean]."""
    import lightgbm
    x, y = (np.load(os.path.join(folder, f"train-{part}.npy")) for part in "xy")
    found = []
    for layout in ("row", "col"):
        for quantised in (False, True):
            parameters = lightgbm_parameters(case, CPUS, layout, quantised)
            booster = lightgbm.Booster(parameters, lightgbm_dataset(case, x, y, parameters))
            seconds, end = [], time.perf_counter() + TRIAL_SECONDS
            while len(seconds) < 3 or len(seconds) < 50 and time.perf_counter() < end:
                begin = time.perf_counter()
                booster.update()
                seconds.append(time.perf_counter() - begin)
            found.append([layout, quantised, min(seconds[1:]), statistics.mean(seconds[1:])])
    return found


def rows_added(model):
    """Of a LightGBM model as text: the rows that its histograms were summed from, if only the smaller child's is built."""
    total, tree = 0, {}
    for line in model.splitlines():
        name, _, value = line.partition("=")
        if name in ("internal_count", "leaf_count", "left_child", "right_child"):
            tree[name] = list(map(int, value.split()))
        elif name == "shrinkage" and tree.get("internal_count"):  # the last line of a tree
            def count(child):
                return tree["internal_count"][child] if child >= 0 else tree["leaf_count"][~child]
            total += tree["internal_count"][0]
            total += sum(min(count(left), count(right)) for left, right in zip(tree["left_child"], tree["right_child"]))
    return total


def run_lightgbm(case, job, x, y, test_x):
    import lightgbm
    parameters = lightgbm_parameters(case, job["threads"], job["layout"], job["quantised"])
    begin = time.perf_counter()
    dataset = lightgbm_dataset(case, x, y, parameters)
    middle = time.perf_counter()
    booster = lightgbm.train(parameters, dataset, TREES)
    yield middle - begin, time.perf_counter() - middle
    if test_x is None:
        booster.save_model(job["out"])
    else:
        yield booster.predict(test_x()), rows_added(booster.model_to_string())


def run_xgboost(case, job, x, y, test_x):
    import xgboost
    parameters = {"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": case.leaves,
                  "max_depth": 0, "max_bin": 255, "eta": 0.1, "lambda": 0, "min_child_weight": 1, "nthread": job["threads"]}
    begin = time.perf_counter()
    matrix = xgboost.QuantileDMatrix(x, y, max_bin=255, nthread=job["threads"])
    middle = time.perf_counter()
    booster = xgboost.train(parameters, matrix, TREES)
    yield middle - begin, time.perf_counter() - middle
    if test_x is None:
        booster.save_model(job["out"])
    else:
        yield booster.predict(xgboost.DMatrix(test_x())), None


def serve_peer(job):
    """What the process of a peer does."""
    import resource
    if job["peer"] == "rank":
        return rank_lightgbm(job)
    case, folder = CASES[job["case"]], job["folder"]
    if job["peer"] == "trial":
        return try_settings(case, folder)
    importlib.import_module(job["peer"])
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    if job["out"]:
        x, y = read_files(case, folder)
    else:
        x, y = (np.load(os.path.join(folder, f"train-{part}.npy")) for part in "xy")
    begin = time.process_time()
    test_x = None if job["out"] else lambda: np.load(os.path.join(folder, "test-x.npy"))
    steps = {"lightgbm": run_lightgbm, "xgboost": run_xgboost}[job["peer"]](case, job, x, y, test_x)
    bins, train = next(steps)
    result = {"bins": bins, "train": train, "cpu": time.process_time() - begin,
              "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}
    for probability, added in steps:
        result["auc"], result["loss"] = scores(np.load(os.path.join(folder, "test-y.npy")), probability)
        result["more"] = base, added
    return result


def run_peer(name, folder, wait, peer, **job):
    """A Run; megabytes of the process before it has data, and what only LightGBM tells: rows added up to histograms."""
    job = {"case": name, "folder": folder, "peer": peer, "out": None, **job}
    environment = {"OMP_WAIT_POLICY": wait} if wait else {}
    out, wall, cpu, mb = run([sys.executable, os.path.abspath(__file__), "--peer", json.dumps(job)], **environment)
    result = json.loads(out.splitlines()[-1])
    if peer == "trial":
        return result
    more = result.pop("more", None)
    return Run(**result | ({"whole": wall, "cpu": cpu, "mb": mb} if job["out"] else {})), more


# ---- Peal ----

def has_trees(program):
    if not os.access(program, os.X_OK):
        print(f"there is no program '{program}': Peal is left out")
        return False
    models = subprocess.run([program, "help", "models"], capture_output=True, text=True).stdout
    if any(line.split()[:1] == ["trees"] for line in models.splitlines()):
        return True
    print(f"there is no `--model trees` in '{program}': Peal is left out")
    return False


def run_peal(program, name, folder, sources, workers):
    case = CASES[name]
    spec = f"trees:leaves={case.leaves},rounds={TREES},rate=0.1,bins=255,min_rows=20"
    with tempfile.TemporaryDirectory() as home:
        model, cache = os.path.join(home, "model.safetensors"), os.path.join(home, "cache")
        label = ["--label", "y"] if len(sources) > 1 else []
        out, wall, cpu, mb = run([program, "train", *sources, *label, "--model", spec, "--workers", str(workers), "--out", model, "--json",
                                  "--quiet"], PEAL_CACHE=cache)
        told = json.loads(out)
        train = told["rows"] * told["epochs"] / told["rows_per_second"] if told.get("rows_per_second") else None
        predictions = os.path.join(home, "predictions.csv")
        run([program, "predict", model, os.path.join(folder, "test.csv"), "--out", predictions, "--quiet"])
        import pandas as pd
        probability = pd.read_csv(predictions)["p_1"].to_numpy()
        return Run(None, train, wall, cpu, mb, *scores(np.load(os.path.join(folder, "test-y.npy")), probability))


# ---- A case ----

def choose_settings(name, folder):
    """LightGBM's fastest layout of each precision, the faster precision, and how OpenMP's threads had best wait:
    ({quantised: layout}, fastest, wait)"""
    trials = {wait: run_peer(name, folder, wait, "trial") for wait in ("", "passive")}
    lines = [f"{layout}{' quantised' * quantised}{wait and ' passive'} {least * 1e3:.0f} ({mean * 1e3:.0f})"
             for wait, trial in trials.items() for layout, quantised, least, mean in trial]
    print("LightGBM, ms a tree: " + ", ".join(lines), flush=True)
    wait = min(trials, key=lambda wait: sum(trial[3] for trial in trials[wait]))
    least = {(layout, quantised): seconds for layout, quantised, seconds, _ in trials[wait]}
    best = {quantised: min(("row", "col"), key=lambda layout: least[layout, quantised]) for quantised in (False, True)}
    fastest = min(best, key=lambda quantised: least[best[quantised], quantised])
    print(f"chosen: {best[False]}; quantised: {best[True]}; threads wait {'passively' if wait else 'as they do by default'}", flush=True)
    return best, fastest, wait


def list_contenders(options, name, folder, work):
    """{(contender, source): (CPUs, function that returns a Run and perhaps more, see run_peer)}"""
    best, fastest, wait = choose_settings(name, folder)

    def lightgbm(quantised, threads, out=None):
        job = {"layout": best[quantised], "quantised": quantised, "threads": threads, "out": out}
        return threads, lambda: run_peer(name, folder, wait, "lightgbm", **job)

    def xgboost(out=None):
        return CPUS, lambda: run_peer(name, folder, wait, "xgboost", threads=CPUS, out=out)

    def peal(sources, workers):
        return workers, lambda: (run_peal(options.peal, name, folder, sources, workers), None)
    with_xgboost, model = not CASES[name].texts and importlib.util.find_spec("xgboost"), os.path.join(work, "peer.model")
    contenders = {("lightgbm", "arrays"): lightgbm(False, CPUS), ("lightgbm quantised", "arrays"): lightgbm(True, CPUS),
                  ("lightgbm 1 thread", "arrays"): lightgbm(False, 1)}
    if with_xgboost:
        contenders["xgboost", "arrays"] = xgboost()
    if options.trees:
        dataset = os.path.join(work, name)
        try:
            _, wall, _, mb = run([options.peal, "etl", *train_files(folder), "--label", "y", "--out", dataset, "--quiet"])
            print(f"peal etl of the files: {wall:.2f} s, {mb:.0f} MB")
        except RuntimeError as problem:
            print(f"there will be no dataset: {problem}")
        contenders |= {(f"peal W={workers}", "dataset"): peal([dataset], workers) for workers in sorted({CPUS, 1}, reverse=True)}
    contenders["lightgbm" + " quantised" * fastest, "files"] = lightgbm(fastest, CPUS, model)
    if with_xgboost:
        contenders["xgboost", "files"] = xgboost(model + ".ubj")
    if options.trees:
        contenders[f"peal W={CPUS}", "files"] = peal(train_files(folder), CPUS)
    return contenders, fastest


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def show(value, width, digits):
    return "-".rjust(width) if value is None else f"{value:{width}.{digits}f}"


def print_ratios(runs, fastest):
    """Medians of ratios within a turn; below 1 Peal is faster."""
    def ratio(what, ours, theirs, of_ours, of_theirs):
        if ours in runs and theirs in runs:
            ratios = [of_ours(a) / of_theirs(b) for a, b in zip(runs[ours], runs[theirs])]
            print(f"  {what}: {statistics.median(ratios):.3f}")
    peal, peer = f"peal W={CPUS}", "lightgbm" + " quantised" * fastest
    for theirs in [peer] + ["lightgbm"] * fastest + ["xgboost"]:
        ratio(f"peal, whole / {theirs}, train alone", (peal, "dataset"), (theirs, "arrays"), lambda a: a.whole, lambda b: b.train)
        ratio(f"peal, whole / {theirs}, bins and train", (peal, "dataset"), (theirs, "arrays"),
              lambda a: a.whole, lambda b: b.bins + b.train)
    ratio("peal W=1, whole / lightgbm 1 thread, bins and train", ("peal W=1", "dataset"), ("lightgbm 1 thread", "arrays"),
          lambda a: a.whole, lambda b: b.bins + b.train)
    for theirs in (peer, "xgboost"):
        ratio(f"from files: peal / {theirs}", (peal, "files"), (theirs, "files"), lambda a: a.whole, lambda b: b.whole)
    ratio(f"peal W=1 / W={CPUS}, whole", ("peal W=1", "dataset"), (peal, "dataset"), lambda a: a.whole, lambda b: b.whole)
    ratio(f"lightgbm 1 thread / {CPUS}, train", ("lightgbm 1 thread", "arrays"), ("lightgbm", "arrays"),
          lambda a: a.train, lambda b: b.train)


def compare(options, name, keep):
    """Prints a case; returns what is wrong with Peal."""
    case, rows = CASES[name], options.rows // CASES[name].divisor
    folder = make_table(name, rows, keep)
    with open(os.path.join(folder, "rule.json")) as file:
        auc, loss = json.load(file)
    print(f"{name}: {rows} rows, {case.numbers} numbers, {case.texts} texts, {case.leaves} leaves, {TREES} trees; {CPUS} CPUs, "
          f"load {os.getloadavg()[0]:.1f}\nthe rule that made the label: AUC {auc:.4f}, log loss {loss:.4f}", flush=True)
    wrong, runs, told = [], {}, None
    with tempfile.TemporaryDirectory() as work:
        contenders, fastest = list_contenders(options, name, folder, work)
        for _ in range(options.runs):
            for key, (_, measure) in contenders.items():
                try:
                    result, more = measure()
                except (RuntimeError, KeyError, ValueError) as problem:
                    if not key[0].startswith("peal"):
                        raise
                    wrong.append(f"{name}, {' from '.join(key)}: {problem}")
                    continue
                runs.setdefault(key, []).append(result)
                told = told or more  # LightGBM's, which comes first
    print(f"{'contender':20} {'from':7} {'bins':>7} {'train':>8} {'whole':>8} {'CPU':>8} {'MB':>6} {'AUC':>7} {'log loss':>8} {'G/s':>6}")
    work = rows * (case.numbers + case.texts) * TREES * math.log2(case.leaves)
    middle = {key: Run(*map(median, zip(*results))) for key, results in runs.items()}
    for key, result in middle.items():
        speed = work / (result.train or result.whole) / contenders[key][0] * 1e-9
        print(f"{key[0]:20} {key[1]:7} {show(result.bins, 7, 2)} {show(result.train, 8, 2)} {show(result.whole, 8, 2)} "
              f"{show(result.cpu, 8, 2)} {result.mb:6.0f} {show(result.auc, 7, 5)} {show(result.loss, 8, 5)} {speed:6.3f}", flush=True)
    print(f"  G/s counts {work * 1e-9:.1f} G of bin updates; LightGBM's trees need {told[1] * (case.numbers + case.texts) * 1e-9:.1f} G; "
          f"Python with LightGBM loaded, without data: {told[0]:.0f} MB")
    print_ratios(runs, fastest)
    best = max(result.auc for key, result in middle.items() if key[0].startswith("lightgbm") and result.auc)
    for key, result in middle.items():
        if key[0].startswith("peal") and best - result.auc > AUC_MARGIN:
            wrong.append(f"{name}, {' from '.join(key)}: AUC {result.auc:.5f}, LightGBM's {best:.5f}")
    return wrong


# ---- Queries ----

def make_queries(random, queries, numbers):
    """Rows, relevance and query of each. The rule is the same for any `random`."""
    rule = np.random.default_rng(7)
    query, rows = np.repeat(np.arange(queries), QUERY_ROWS), queries * QUERY_ROWS
    x = random.lognormal(0, 1, size=(rows, numbers)).astype(np.float32)
    x[:, ::7] = np.floor(3 * x[:, ::7])
    x[:, 1:1 + numbers // 8] = random.normal(size=(queries, numbers // 8))[query]
    logs = np.log1p(np.abs(x))
    score = logs @ (rule.normal(size=numbers) * (rule.random(numbers) < 0.3))
    score += 0.6 * np.sin(3 * logs[:, 20]) * logs[:, 30] + 0.8 * (logs[:, 40] > 1) * (logs[:, 50] < 0.5)
    score = (score - score.mean()) / score.std() + random.normal(size=rows) + 0.5 * random.normal(size=queries)[query]
    return x, np.searchsorted(np.quantile(score, [0.52, 0.84, 0.97, 0.992]), score).astype(np.float32), query


def write_queries(path, x, y, query):
    import pyarrow as pa
    columns = {"query": pa.array(query), "y": pa.array(y)} | {f"x{i}": pa.array(x[:, i]) for i in range(x.shape[1])}
    table = pa.table(columns)
    with pa.ipc.new_file(path, table.schema) as out:
        out.write_table(table, max_chunksize=20000)


def rank_lightgbm(job):
    """Seconds of bins and training, and what the held-out queries say at the end."""
    import lightgbm
    import pyarrow as pa
    tables = [pa.ipc.open_file(path).read_all() for path in job["files"]]
    x, y = zip(*((np.column_stack([table[name].to_numpy() for name in table.column_names[2:]]), table["y"].to_numpy()) for table in tables))
    parameters = {"objective": "lambdarank", "num_leaves": 31, "learning_rate": 0.1, "min_data_in_leaf": 20, "max_bin": 255, "verbose": -1,
                  "num_threads": job["threads"], "metric": ["ndcg", "map"], "eval_at": [1, 5, 10]}
    groups = [np.full(len(one) // QUERY_ROWS, QUERY_ROWS) for one in y]
    begin = time.perf_counter()
    dataset = lightgbm.Dataset(x[0], y[0], group=groups[0], params=parameters).construct()
    middle = time.perf_counter()
    booster = lightgbm.train(parameters, dataset, TREES, keep_training_booster=True)
    end = time.perf_counter()
    test = lightgbm.Dataset(x[1], y[1], group=groups[1], reference=dataset).construct()
    booster.add_valid(test, "test")
    return {"bins": middle - begin, "train": end - middle, "metrics": {name: value for _, name, value, _ in booster.eval_valid()}}


def rank_peal(program, dataset, test, home, workers):
    model = os.path.join(home, "model.safetensors")
    out, wall, *_ = run([program, "train", dataset, "--model", f"trees:objective=lambdarank,leaves=31,rounds={TREES}", "--partitions",
                         str(CPUS), "--workers", str(workers), "--out", model, "--json", "--quiet"])
    told = json.loads(out)
    metrics = json.loads(run([program, "eval", model, test, "--json", "--quiet"])[0])["metrics"]
    return {"train": told["rows"] * told["epochs"] / told["rows_per_second"], "whole": wall, "metrics": metrics}


def compare_rank(options, _):
    """Prints the case; returns what is wrong with Peal."""
    runs, numbers = {}, 136
    print(f"rank: {options.queries} queries of {QUERY_ROWS} rows, {numbers} numbers, 31 leaves, {TREES} trees; {CPUS} CPUs, "
          f"load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as home:
        files = [os.path.join(home, name) for name in ("train.arrow", "test.arrow")]
        for seed, (path, queries) in enumerate(zip(files, (options.queries, options.queries // 5))):
            write_queries(path, *make_queries(np.random.default_rng(seed + 1), queries, numbers))
        dataset = os.path.join(home, "dataset")
        if options.trees:
            run([options.peal, "etl", files[0], "--label", "y", "--query", "query", "--out", dataset, "--quiet"])
        for _ in range(options.runs):
            for threads in (CPUS, 1):
                job = json.dumps({"peer": "rank", "files": files, "threads": threads})
                out = run([sys.executable, os.path.abspath(__file__), "--peer", job], OMP_WAIT_POLICY="passive")[0]
                runs.setdefault(f"lightgbm {threads} thread{'s' * (threads > 1)}", []).append(json.loads(out.splitlines()[-1]))
                if options.trees:
                    runs.setdefault(f"peal W={threads}", []).append(rank_peal(options.peal, dataset, files[1], home, threads))
    print(f"{'contender':20} {'bins':>7} {'train':>8} {'whole':>8} {'NDCG@1':>7} {'NDCG@5':>7} {'NDCG@10':>7} {'MAP@10':>7}")
    for name, results in runs.items():
        times = [median([result.get(what) for result in results]) for what in ("bins", "train", "whole")]
        metrics = [results[0]["metrics"][what] for what in ("ndcg@1", "ndcg@5", "ndcg@10", "map@10")]
        print(f"{name:20} {show(times[0], 7, 2)} {show(times[1], 8, 2)} {show(times[2], 8, 2)} "
              + " ".join(show(value, 7, 4) for value in metrics), flush=True)
    theirs, ours = (runs.get(name, [None])[0] for name in ("lightgbm 1 thread", "peal W=1"))
    worse = theirs["metrics"]["ndcg@10"] - ours["metrics"]["ndcg@10"] if ours else 0
    return [f"rank: NDCG@10 is {worse:.4f} below LightGBM's"] if worse > NDCG_MARGIN else []


# ---- Small tables ----

def make_california(random):
    """Prices of districts: a coast, two towns, income, and a cap."""
    import defaults
    place = random.uniform(0, 10, size=(5000, 2))
    income, age = random.gamma(4, 1, 5000), random.integers(1, 52, 5000)
    rooms, people = random.lognormal(1.6, 0.3, 5000), random.gamma(2, 1.5, 5000)
    towns = sum(np.exp(-((place - town) ** 2).sum(1) / 2) for town in ([2, 3], [4, 8]))
    price = 0.45 * income + 1.5 * towns - 0.15 * np.minimum(place[:, 0], 5) + 0.005 * age + 0.1 * rooms - 0.1 * people
    price = np.minimum(np.exp(0.25 * price + 0.2 * random.normal(size=5000)), 5)
    return defaults.table_of(np.column_stack([place, income, age, rooms, people]), price)


def small_tables():
    import defaults
    from sklearn import datasets
    makers = {"breast_cancer": defaults.bundled(datasets.load_breast_cancer, "class"), "wine": defaults.bundled(datasets.load_wine, "class"),
              "digits": defaults.bundled(datasets.load_digits, "class"), "diabetes": defaults.bundled(datasets.load_diabetes, "number"),
              "friedman": lambda _: defaults.table_of(*datasets.make_friedman1(2000, noise=1, random_state=1)),
              "california": make_california}
    return {name: defaults.Table(name, make(np.random.default_rng(1))) for name, make in makers.items()}


def compare_small(options, _):
    """Quality over five folds, a line for each table; returns what is wrong with Peal."""
    import defaults
    import lightgbm
    wrong = []
    print(f"small: 31 leaves, {TREES} trees, else defaults; means of {defaults.FOLDS} folds")
    print(f"{'table':15} {'rows':>6} {'columns':>7} {'score':5} {'lightgbm':>8} {'peal':>8} {'more':>8} {'2 SE':>7}")
    for name, table in small_tables().items():
        theirs, ours = [], []
        for train, test in table.splits(1):
            with tempfile.TemporaryDirectory() as folder:
                truth, frame = table.write_fold(train, test, folder), table.frame
                x, y = frame.drop(columns=defaults.LABEL), frame[defaults.LABEL]
                if table.kind == "number":
                    model = lightgbm.LGBMRegressor(verbose=-1, n_jobs=1).fit(x.iloc[train], y.iloc[train])
                    output = model.predict(x.iloc[test])
                else:
                    model = lightgbm.LGBMClassifier(verbose=-1, n_jobs=1).fit(x.iloc[train], y.iloc[train])
                    output = model.predict_proba(x.iloc[test])
                theirs.append(defaults.score_of(table.kind, table.classes, truth, output))
                if options.trees:
                    fit = defaults.run_peal(options.peal, ["--model", f"trees:leaves=31,rounds={TREES}"], table.kind, table.classes, 1,
                                            folder, truth)
                    ours.append(fit.score)
                    wrong += [f"{name}: {fit.error}"] if fit.error else []
        more = np.array(ours) - theirs if ours else np.full(defaults.FOLDS, np.nan)
        print(f"{name:15} {len(table.frame):6} {table.frame.shape[1] - 1:7} {table.task:5} {np.mean(theirs):8.4f} "
              f"{show(float(np.mean(ours)) if ours else None, 8, 4)} {show(float(more.mean()) if ours else None, 8, 4)} "
              f"{show(float(2 * more.std(ddof=1) / math.sqrt(len(more))) if ours else None, 7, 4)}", flush=True)
    return wrong


def main():
    others = {"rank": compare_rank, "small": compare_small}
    cases = [*CASES, *others]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000000, help="of higgs, to train on; categories has a fifth")
    parser.add_argument("--queries", type=int, default=2000, help="of rank, to train on")
    parser.add_argument("--only", default=",".join(cases), help="names of cases, with commas between them")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peal", default=os.path.join(HERE, "../../bazel-bin/tools/peal"), help="the program")
    parser.add_argument("--keep", help="folder in which the generated files are kept, and looked for")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        print(json.dumps(serve_peer(json.loads(options.peer))))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that what runs below is ended, too
    names = options.only.split(",")
    for name in names:
        if name not in cases:
            parser.error(f"there is no case '{name}'; there are: {', '.join(cases)}")
    options.peal = os.path.abspath(options.peal)
    options.trees = has_trees(options.peal)
    wrong = [] if options.trees else ["Peal was not run"]
    with tempfile.TemporaryDirectory() as temporary:
        for name in names:
            wrong += others[name](options, temporary) if name in others else compare(options, name, options.keep or temporary)
            print()
    print("\n".join(wrong) or "all well")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
