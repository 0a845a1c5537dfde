#!/usr/bin/env python3
"""What `peal train` gives with nothing but a label, beside scikit-learn's and LightGBM's defaults, on many tables.

usage: defaults.py [--data FOLDER] [--cases FOLDER] [--quick] [--only NAME,NAME] [--seeds N] [--folds N]
                   [--peal PROGRAM] [--cache FILE.json] [--no-peers] [--strict] [--list]      (needs scikit-learn and pandas;
                   LightGBM is run if there is one)

Contenders, on the same splits (shuffled 5-fold, stratified for classes, another shuffle for each seed):
  peal      `peal train --label y`;   peal mlp, peal trees   the same with `--model mlp` or `--model trees`, so that another
            choice of model does not hide them
  linear    LogisticRegression, or the better of Ridge and LinearRegression
  mlp       MLPClassifier or MLPRegressor. The target of MLPRegressor is standardised, which makes it a stronger peer.
  trees     LightGBM's LGBMClassifier or LGBMRegressor on one thread; numbers with their gaps, texts as its categories
The other peers get imputation, scaling and one-hot columns, and as many iterations as they need to converge. All else is default.
Scores: AUC for two classes, accuracy for more, R2 for numbers; computed here from the predictions of all contenders alike.
A constant target has no R2; there it is 1 - (root mean square error / a thousandth of the target)^2.
Times are whole processes from two CSV files to predictions (Peal: train, then predict). A peer's fit is a process forked from
this one, which has scikit-learn loaded; the time in which a Python process starts and loads it is measured and added.
From 2,000 rows on two folds of the five are run, from 20,000 rows on one, and there the peers' MLP only for two seeds.

A table passes if (2 SE: two standard errors of the paired difference over folds and seeds)
  a  peal's mean is no more than max(0.02, 2 SE) below the better linear model's
  b  peal mlp's mean is no more than max(0.03, 2 SE) below the peers' MLP's
  c  peal's worst seed is no more than 0.05 below the mean over seeds. Other splits alone move the scores of a small table:
     what the linear model, which has no luck, loses on the same splits is allowed for, and two standard errors of its mean
     over a seed's folds in place of 0.05 if they are more.
  d  every exit code is 0 and every prediction is a number
  t  peal trees' mean is no more than max(0.005, 2 SE) below LightGBM's
  x  peal's mean is no more than max(0.005, 2 SE) below the best of peal mlp, peal trees and the better linear model
In all but d a fold's R2 below -1 counts as -1, or one blow-up would widen the standard error until no difference counts.
m is c of peal mlp; it is shown, and is no failure. A table without its peers' results (--no-peers) counts as failed: '?'.
And in total  e  peal takes no longer than the peers' MLP on the same fits, in wall and in CPU seconds: the first alone would
favour one side if the machine was busier when the cache was filled.
--strict asks in a for 0.01 beside the better of linear and MLP, in c for 0.03, and makes m a failure.
Exit code: 1 if anything fails.
"""
import os

for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # OpenBLAS reads them when numpy is loaded
    os.environ.pop(variable, None)

import argparse
import gzip
import importlib.util
import json
import multiprocessing
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import namedtuple

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = os.path.dirname(os.path.abspath(__file__))
LABEL = "y"  # every table's label column
FOLDS = 5
TIMEOUT_SECONDS = 1200
PEAL_MODELS = {"peal": [], "peal mlp": ["--model", "mlp"], "peal trees": ["--model", "trees"]}
HAS_LIGHTGBM = importlib.util.find_spec("lightgbm") is not None
LINEAR_PEERS = {"class": ["logistic"], "number": ["ridge", "least squares"]}

Fit = namedtuple("Fit", "score wall cpu error")  # one contender on one fold of one seed; an error leaves the score NaN


# ---- Tables: each function returns a data frame with the label column, and draws from a generator of its own ----

def table_of(features, label, names=None):
    frame = pd.DataFrame(features, columns=names or [f"x{i}" for i in range(np.shape(features)[1])])
    frame[LABEL] = label
    return frame


def named(codes, names="abcdefghijklmnopqrstuvwxyz"):
    """Class names for codes, so that no tool can take classes for numbers."""
    return np.array(list(names))[np.asarray(codes, dtype=int)]


def coin(random, logit):
    return named(random.random(len(logit)) < 1 / (1 + np.exp(-logit)))


def bundled(load, kind):
    def make(_):
        bunch = load()
        target = bunch.target if bunch.target.ndim == 1 else bunch.target[:, 0]
        return table_of(bunch.data, named(target) if kind == "class" else target + 0.5)
    return make


def line_40(_):
    x = np.arange(40.0)
    return table_of(x[:, None], 2 * x + 100.25)


def plane_20(random):
    x = random.normal(size=(20, 2))
    return table_of(x, 3 * x[:, 0] - x[:, 1] + 0.1 * random.normal(size=20))


def classes_20(random):
    x = random.normal(size=(20, 3))
    return table_of(x, named(x[:, 0] > np.median(x[:, 0])))


def offset_target(random):
    x = random.normal(size=(400, 3))
    return table_of(x, 1e8 + x @ [2, -1, 0.5] + 0.3 * random.normal(size=400))


def offset_features(random):
    x = random.normal(size=(500, 3))
    return table_of(x + [1e6, -1e7, 1e5], coin(random, 3 * x @ [1, -1, 0.5]))


def scales(random):
    x = random.normal(size=(600, 4))
    return table_of(x * [1e-6, 1, 1e5, 1e9], x @ [1, 1, -1, 1] * 1e4 + 100 * random.normal(size=600))


def outliers_target(random):
    x = random.normal(size=(500, 3))
    y = x @ [1, 2, -1] + 0.2 * random.normal(size=500)
    y[::50] *= 20
    return table_of(x, y)


def outliers_features(random):
    x = random.normal(size=(1000, 5))
    logit = 3 * x @ [1, -1, 1, 0, 0]
    x[random.random(x.shape) < 0.005] *= 1e4
    return table_of(x, coin(random, logit))


def skewed_features(random):
    x = np.exp(1.5 * random.normal(size=(1500, 5)))
    return table_of(x, x @ [1, 0.5, -1, 0, 0] + random.normal(size=1500))


def skewed_target(random):
    x = random.normal(size=(1200, 4))
    return table_of(x, np.exp(x @ [0.7, -0.5, 0.3, 0] + 0.3 * random.normal(size=1200)))


def constant_columns(random):
    x = random.normal(size=(300, 2))
    constants = np.tile([0.1, 14.62, 0, 123.456], (300, 1))
    return table_of(np.hstack([x, constants]), coin(random, 3 * x @ [1, 1]))


def constant_target(random):
    return table_of(random.normal(size=(100, 3)), 7.5)


def collinear(random):
    x = random.normal(size=(500, 3))
    return table_of(np.hstack([x, x[:, :1], x[:, :1] + 1e-6 * random.normal(size=(500, 1)), x.sum(axis=1)[:, None]]),
                    x @ [1, -2, 3] + 0.5 * random.normal(size=500))


def imbalance(rows, share):
    def make(random):
        y = np.arange(rows) < max(10, rows * share)
        x = random.normal(size=(rows, 4)) + y[:, None] * [2.5, -1, 0, 0]
        order = random.permutation(rows)
        return table_of(x[order], y[order].astype(int))
    return make


def sorted_by_label(random):
    y = np.arange(2000) // 1000
    return table_of(random.normal(size=(2000, 4)) + y[:, None] * [1, -0.5, 0, 0], named(y))


def noise_classes(rows, columns):
    return lambda random: table_of(random.normal(size=(rows, columns)), named(random.permutation(rows) % 2))


def noise_numbers(rows, columns):
    return lambda random: table_of(random.normal(size=(rows, columns)), random.normal(size=rows))


def with_gaps(random, x, share=0.25):
    return np.where(random.random(x.shape) < share, np.nan, x)


def missing_classes(random):
    x = random.normal(size=(1000, 6))
    return table_of(with_gaps(random, x), coin(random, 3 * x @ [1, 1, -1, -1, 0, 0]))


def missing_numbers(random):
    x = random.normal(size=(800, 5)) + 50
    frame = table_of(with_gaps(random, x), x @ [1, 2, -1, 0, 0] + random.normal(size=800))
    return frame.assign(empty=np.where(np.arange(800) % 100 == 0, 1.5, np.nan))


def wide_classes(random):
    x = random.normal(size=(80, 200))
    return table_of(x, coin(random, 4 * x[:, :5].sum(axis=1)))


def wide_numbers(random):
    x = random.normal(size=(100, 300))
    return table_of(x, x[:, :10].sum(axis=1) + 0.1 * random.normal(size=100))


def xor(random):
    x = random.uniform(-1, 1, size=(1000, 2))
    return table_of(x, named(x[:, 0] * x[:, 1] > 0))


def circles(random):
    x, y = datasets.make_circles(600, noise=0.1, factor=0.5, random_state=7)
    return table_of(x, named(y))


def moons(random):
    x, y = datasets.make_moons(300, noise=0.2, random_state=7)
    return table_of(x, named(y))


def spirals(random):
    y = np.arange(1200) % 3
    radius = random.uniform(0.1, 1, size=1200)
    angle = 4 * radius + y * 2 * np.pi / 3 + 0.15 * random.normal(size=1200)
    return table_of(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), named(y))


def friedman(random):
    x, y = datasets.make_friedman1(1000, n_features=10, noise=1.0, random_state=7)
    return table_of(x, y)


def sine(random):
    x = random.uniform(-3, 3, size=(500, 1))
    return table_of(x, np.sin(2 * x[:, 0]) + 0.1 * random.normal(size=500))


def product(random):
    x = random.normal(size=(2000, 4))
    return table_of(x, x[:, 0] * x[:, 1] + 0.1 * random.normal(size=2000))


def many_classes(random):
    y = np.arange(1300) % 26
    return table_of(random.normal(size=(26, 8))[y] * 2 + random.normal(size=(1300, 8)), named(y))


def rare_classes(random):
    y = np.repeat([0, 1, 2, 3], [700, 250, 40, 10])
    order = random.permutation(1000)
    return table_of((random.normal(size=(4, 5))[y] * 2 + random.normal(size=(1000, 5)))[order], named(y[order]))


def categories(levels, rows, kind):
    """Three text columns, each level with an effect of its own, and a number."""
    def make(random):
        codes = random.integers(levels, size=(rows, 3))
        effects = random.normal(size=(3, levels))
        x = random.normal(size=rows)
        value = effects[0][codes[:, 0]] + effects[1][codes[:, 1]] + x
        frame = pd.DataFrame({f"c{i}": [f"level{code}" for code in codes[:, i]] for i in range(3)})
        frame["x"] = x
        frame[LABEL] = coin(random, 2 * value) if kind == "class" else value + 0.3 * random.normal(size=rows)
        return frame
    return make


def identifiers(random):
    """A text column that is another one in nearly every row must not spoil the model."""
    x = random.normal(size=(1000, 2))
    frame = table_of(x, coin(random, 3 * x @ [1, -1]))
    frame.insert(0, "id", [f"customer{i}" for i in random.integers(2000, size=1000)])
    return frame


def flags(random):
    x = (random.random(size=(2000, 60)) < 0.05).astype(int)
    return table_of(x, coin(random, x @ random.normal(size=60) * 3))


def separable(random):
    x = random.normal(size=(200, 2))
    x[:, 0] += np.sign(x[:, 0])
    return table_of(x, named(x[:, 0] > 0))


def linear_large(random):
    x = random.normal(size=(200000, 8))
    return table_of(np.round(x, 4), coin(random, x @ [1, -1, 0.5, 0.5, 0, 0, 0, 0]))


def curved_large(random):
    x = random.uniform(size=(50000, 6))
    return table_of(np.round(x, 4), 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 5 * x[:, 2] + random.normal(size=50000))


GENERATED = {
    "iris": bundled(datasets.load_iris, "class"), "wine": bundled(datasets.load_wine, "class"),
    "breast_cancer": bundled(datasets.load_breast_cancer, "class"), "digits": bundled(datasets.load_digits, "class"),
    "diabetes": bundled(datasets.load_diabetes, "number"), "linnerud": bundled(datasets.load_linnerud, "number"),
    "line_40": line_40, "plane_20": plane_20, "classes_20": classes_20, "offset_target": offset_target,
    "offset_features": offset_features, "scales": scales, "outliers_target": outliers_target,
    "outliers_feat": outliers_features, "skewed_feat": skewed_features, "skewed_target": skewed_target,
    "constant_cols": constant_columns, "constant_target": constant_target, "collinear": collinear,
    "imbalance_1%": imbalance(2000, 0.01), "imbalance_0.2%": imbalance(20000, 0.002), "sorted": sorted_by_label,
    "noise_class": noise_classes(400, 20), "noise_class_50": noise_classes(50, 5), "noise_number": noise_numbers(400, 20),
    "noise_number_50": noise_numbers(50, 5), "missing_class": missing_classes, "missing_number": missing_numbers,
    "wide_class": wide_classes, "wide_number": wide_numbers, "xor": xor, "circles": circles, "moons": moons,
    "spirals": spirals, "friedman": friedman, "sine": sine, "product": product, "many_classes": many_classes,
    "rare_classes": rare_classes, "levels_class": categories(50, 3000, "class"),
    "levels_number": categories(100, 4000, "number"), "identifiers": identifiers, "flags": flags, "separable": separable,
    "linear_200k": linear_large, "curved_50k": curved_large,
}
# File in the folder of cases, and its label column.
CASES = {
    "15_offset": "y", "16_constant": "y", "19_sorted": "y", "20b_outlier": "t", "20c_offset_target": "t", "34_imbalance": "y",
    "35_separable": "y", "61_const_target": "t", "64_small_regress": "t", "68_three_species_150": "k", "68b_plane_300": "t",
    "68c_one_feature_300": "y",
}


def read_case(folder, name):
    frame = pd.read_csv(os.path.join(folder, name + ".csv"))
    return frame.rename(columns={CASES[name]: LABEL})


def read_adult(folder):
    frame = pd.read_csv(os.path.join(folder, "adult/adult.data"), skipinitialspace=True, na_values="?")
    return frame.rename(columns={frame.columns[-1]: LABEL})


def read_housing(folder):
    return pd.read_csv(os.path.join(folder, "housing/housing.csv")).rename(columns={"median_house_value": LABEL})


def read_mnist(folder):
    """The 10,000 test images only: the peers' MLP would take hours for all."""
    with gzip.open(os.path.join(folder, "mnist/t10k-images-idx3-ubyte.gz")) as images:
        pixels = np.frombuffer(images.read()[16:], dtype=np.uint8).reshape(10000, 784)
    with gzip.open(os.path.join(folder, "mnist/t10k-labels-idx1-ubyte.gz")) as labels:
        return table_of(pixels, named(np.frombuffer(labels.read()[8:], dtype=np.uint8)))


def table_makers(options):
    """Name -> function that makes the table; those of folders that were not given are left out."""
    makers = {name: lambda name=name: GENERATED[name](np.random.default_rng(zlib.crc32(name.encode()))) for name in GENERATED}
    if options.cases:
        makers.update({name: lambda name=name: read_case(options.cases, name) for name in CASES})
    if options.data:
        makers.update({"adult": lambda: read_adult(options.data), "housing": lambda: read_housing(options.data),
                       "mnist": lambda: read_mnist(options.data)})
    if options.only:
        for name in options.only.split(","):
            if name not in makers:
                sys.exit(f"no table '{name}'; --list shows those there are (more with --data and --cases)")
        return {name: makers[name] for name in options.only.split(",")}
    makers.pop("mnist", None)  # only by name: it takes long
    return makers


# ---- Scores ----

def r_squared(truth, predicted):
    mean_square_error = np.mean((truth - predicted) ** 2)
    variance = np.var(truth)
    return 1 - mean_square_error / (variance if variance > 0 else (1e-3 * np.mean(truth)) ** 2)


def score_of(kind, classes, truth, output):
    """`output`: a number for each row, or a column of probabilities for each of `classes`."""
    if not np.all(np.isfinite(output)):
        raise ValueError("a prediction is not a number")
    if kind == "number":
        return float(r_squared(truth, output))
    if len(classes) == 2:
        return float(roc_auc_score(truth == classes[1], output[:, 1]))
    return float(np.mean(np.array(classes)[np.argmax(output, axis=1)] == truth))


# ---- Peers ----

def estimator(contender, kind, seed):
    if contender == "logistic":
        return LogisticRegression(max_iter=10000)
    if contender == "ridge":
        return Ridge()
    if contender == "least squares":
        return LinearRegression()
    if kind == "class":
        return MLPClassifier(max_iter=5000, random_state=seed)
    return TransformedTargetRegressor(MLPRegressor(max_iter=5000, random_state=seed), transformer=StandardScaler())


def fit_trees(kind, train, test, texts, label):
    """A LightGBM model, and the test rows as it takes them."""
    import lightgbm
    names = {c: f"c{i}" for i, c in enumerate(train.columns)}  # it does not take all names
    for c in texts:
        train[c] = train[c].astype("category")
        test[c] = pd.Categorical(test[c], categories=train[c].cat.categories)
    make = lightgbm.LGBMRegressor if kind == "number" else lightgbm.LGBMClassifier
    return make(verbose=-1, n_jobs=1).fit(train.rename(columns=names), label), test.rename(columns=names)


def fit_peer(contender, kind, classes, seed, folder, answer):
    """In a process of its own: from the fold's two files to predictions, which go into the pipe `answer`."""
    try:
        warnings.simplefilter("ignore")
        train = pd.read_csv(os.path.join(folder, "train.csv"), dtype={LABEL: str if kind == "class" else float})
        test = pd.read_csv(os.path.join(folder, "test.csv"))
        label = train.pop(LABEL)
        numbers = [c for c in train.columns if train[c].dtype.kind in "iuf"]
        texts = [c for c in train.columns if c not in numbers]
        if contender == "trees":
            model, test = fit_trees(kind, train, test, texts, label)
            answer.send(np.asarray(model.predict(test)) if kind == "number" else
                        model.predict_proba(test)[:, [list(model.classes_).index(c) for c in classes]])
            return
        train[texts], test[texts] = train[texts].astype(object), test[texts].astype(object)
        prepare = ColumnTransformer([
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            ("texts", make_pipeline(SimpleImputer(strategy="constant", fill_value="missing"),
                                    OneHotEncoder(handle_unknown="ignore")), texts)])
        model = make_pipeline(prepare, estimator(contender, kind, seed)).fit(train, label)
        if kind == "number":
            answer.send(np.asarray(model.predict(test)))
        else:
            answer.send(model.predict_proba(test)[:, [list(model.classes_).index(c) for c in classes]])
    except Exception:
        answer.send(traceback.format_exc(limit=-1))


class Stopwatch:
    """Wall seconds, and CPU seconds of the children that ended meanwhile."""

    def __init__(self):
        self.wall, self.cpu = -time.perf_counter(), -self.children()

    @staticmethod
    def children():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def stop(self):
        self.wall += time.perf_counter()
        self.cpu += self.children()


def run_peer(contender, kind, classes, seed, folder, truth):
    """Its times lack the start of a Python process."""
    watch = Stopwatch()
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=fit_peer, args=(contender, kind, classes, seed, folder, send))
    process.start()
    send.close()
    try:
        output = receive.recv()
    except EOFError:
        output = "the process ended early"
    process.join()
    watch.stop()
    if isinstance(output, str):
        sys.exit(f"scikit-learn's {contender} failed: {output}")
    return Fit(score_of(kind, classes, truth, output), watch.wall, watch.cpu, None)


def measure_start():
    """Median wall and CPU seconds of a Python process that only loads what a peer needs."""
    code = "import pandas, sklearn.compose, sklearn.impute, sklearn.linear_model, sklearn.neural_network, sklearn.pipeline"
    watches = []
    for _ in range(3):
        watch = Stopwatch()
        subprocess.run([sys.executable, "-c", code], check=True)
        watch.stop()
        watches.append(watch)
    return [statistics.median(w.wall for w in watches), statistics.median(w.cpu for w in watches)]


# ---- Peal ----

def read_predictions(path, kind, classes, rows):
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"prediction": str})
    if len(frame) != rows:
        raise ValueError(f"{len(frame)} predictions for {rows} rows")
    if kind == "number":
        return frame["prediction"].to_numpy(dtype=float)
    return frame[[f"p_{c}" for c in classes]].to_numpy(dtype=float)


def run_commands(program, commands, environment):
    """Runs them in turn; returns what went wrong, or None."""
    for command in commands:
        try:
            done = subprocess.run([program, *command, "--quiet"], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            return f"{command[0]}: not done after {TIMEOUT_SECONDS} s"
        if done.returncode != 0:
            return f"{command[0]}: exit code {done.returncode}: {done.stderr.strip()}"
    return None


def run_peal(program, model_options, kind, classes, seed, folder, truth):
    home = tempfile.mkdtemp(dir=folder)
    model, predictions = os.path.join(home, "model.safetensors"), os.path.join(home, "predictions.csv")
    train = ["train", os.path.join(folder, "train.csv"), "--label", LABEL, "--out", model, "--seed", str(seed), *model_options]
    predict = ["predict", model, os.path.join(folder, "test.csv"), "--out", predictions]
    watch = Stopwatch()
    error = run_commands(program, [train, predict], dict(os.environ, PEAL_CACHE=os.path.join(home, "cache")))
    watch.stop()
    score = float("nan")
    if error is None:
        try:
            score = score_of(kind, classes, truth, read_predictions(predictions, kind, classes, len(truth)))
        except (ValueError, KeyError) as problem:
            error = f"predictions: {problem}"
    shutil.rmtree(home)
    return Fit(score, watch.wall, watch.cpu, error)


# ---- One table ----

class Table:
    def __init__(self, name, frame):
        self.name, self.frame = name, frame
        label = frame[LABEL]
        self.kind = "number" if label.dtype.kind == "f" or label.dtype.kind in "iu" and label.nunique() > 20 else "class"
        self.classes = sorted(label.astype(str).unique()) if self.kind == "class" else None
        self.task = "R2" if self.kind == "number" else "AUC" if len(self.classes) == 2 else "acc"
        self.checksum = zlib.crc32(frame.to_csv(index=False).encode())
        self.folds = 1 if len(frame) >= 20000 else 2 if len(frame) >= 2000 else FOLDS
        self.mlp_seeds = 2 if len(frame) >= 20000 else sys.maxsize
        self.fits = {}  # (contender, seed, fold) -> Fit

    def splits(self, seed):
        splitter = (KFold if self.kind == "number" else StratifiedKFold)(FOLDS, shuffle=True, random_state=seed)
        return list(splitter.split(self.frame, self.frame[LABEL] if self.kind == "class" else None))

    def write_fold(self, train, test, folder):
        """Writes the fold's two files and returns the true labels of the second, which has none."""
        self.frame.iloc[train].to_csv(os.path.join(folder, "train.csv"), index=False)
        self.frame.iloc[test].drop(columns=LABEL).to_csv(os.path.join(folder, "test.csv"), index=False)
        label = self.frame[LABEL].iloc[test]
        return (label.astype(str) if self.kind == "class" else label.astype(float)).to_numpy()

    def select(self, contender):
        return {key[1:]: fit for key, fit in self.fits.items() if key[0] == contender}

    def scores(self, contender):
        return {key: fit.score for key, fit in self.select(contender).items() if not np.isnan(fit.score)}

    def mean(self, contender):
        scores = self.scores(contender)
        return float(np.mean(list(scores.values()))) if scores else float("nan")

    def linear(self):
        """Name of the better linear peer that was run, or None."""
        run = [name for name in LINEAR_PEERS[self.kind] if self.scores(name)]
        return max(run, key=self.mean, default=None)

    def bounded(self, contender):
        """The scores that rules compare."""
        return {key: max(score, -1) for key, score in self.scores(contender).items()}

    @staticmethod
    def seed_means(scores):
        by_seed = {}
        for (seed, _), score in scores.items():
            by_seed.setdefault(seed, []).append(score)
        return {seed: float(np.mean(scores)) for seed, scores in by_seed.items()}

    def worst(self, contender):
        return min(self.seed_means(self.scores(contender)).values(), default=float("nan"))

    def below(self, contender, peer, margin):
        """Whether the contender's mean is below the peer's by more than the margin and two standard errors."""
        ours, theirs = self.bounded(contender), self.bounded(peer)
        difference = [ours[key] - theirs[key] for key in ours if key in theirs]
        if not difference:
            return False
        error = np.std(difference, ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else 0
        return -np.mean(difference) > max(margin, 2 * error)

    def depends_on_seed(self, contender, margin):
        """Whether some seed's mean falls further than other splits explain, which the better linear model shows: it has no luck."""
        linear = self.bounded(self.linear())
        folds = len({fold for _, fold in linear})
        chance = 2 * np.std(list(linear.values())) / np.sqrt(folds) if linear else 0
        ours, theirs = self.seed_means(self.bounded(contender)), self.seed_means(linear)

        def lost(means, seed):
            return np.mean(list(means.values())) - means[seed]
        return any(lost(ours, seed) - max(0, lost(theirs, seed) if seed in theirs else 0) > max(margin, chance) for seed in ours)

    def verdict(self, strict):
        failed = set()
        linear = self.linear()
        better = [peer for peer in [linear, "mlp" if strict else None] if peer]
        if any(self.below("peal", peer, 0.01 if strict else 0.02) for peer in better):
            failed.add("a")
        if self.below("peal mlp", "mlp", 0.03):
            failed.add("b")
        if self.depends_on_seed("peal", 0.03 if strict else 0.05):
            failed.add("c")
        if self.depends_on_seed("peal mlp", 0.03 if strict else 0.05):
            failed.add("m")
        if any(fit.error for fit in self.fits.values()):
            failed.add("d")
        if self.below("peal trees", "trees", 0.005):
            failed.add("t")
        if any(self.below("peal", other, 0.005) for other in [linear, "peal mlp", "peal trees"] if other):
            failed.add("x")
        if not linear or not self.scores("mlp"):
            failed.add("?")
        return failed


def run_table(table, options, peers, work):
    """Fills in table.fits. `peers` is the cache of the peers' results."""
    for seed in range(1, options.seeds + 1):
        for fold, (train, test) in enumerate(table.splits(seed)[:min(options.folds, table.folds)]):
            folder = tempfile.mkdtemp(dir=work)
            truth = table.write_fold(train, test, folder)
            for contender in [*LINEAR_PEERS[table.kind], *(["mlp"] if seed <= table.mlp_seeds else []),
                              *(["trees"] if HAS_LIGHTGBM else [])]:
                key = f"{table.name}/{table.checksum:08x}/{contender}/{seed}/{fold}"
                if key not in peers and not options.no_peers:
                    peers[key] = run_peer(contender, table.kind, table.classes, seed, folder, truth)
                if key in peers:
                    fit = Fit(*peers[key])
                    table.fits[contender, seed, fold] = fit._replace(wall=fit.wall + peers["start"][0], cpu=fit.cpu + peers["start"][1])
            for contender, model_options in PEAL_MODELS.items():
                table.fits[contender, seed, fold] = run_peal(options.peal, model_options, table.kind, table.classes, seed, folder, truth)
            shutil.rmtree(folder)


# ---- What is printed ----

def short(value, width):
    """A number in at most `width` characters."""
    if np.isnan(value):
        return "-".rjust(width)
    for digits in (3, 2, 1, 0):
        text = f"{value:.{digits}f}"
        if len(text) <= width:
            return text.rjust(width)
    return f"{value:.0e}".replace("e+0", "e").replace("e+", "e").rjust(width)


def print_heading():
    print(f"{'':15} {'':6} {'':4} {'':3}   scikit-learn L'GBM  peal        peal mlp    p.trees  seconds a fit, wall")
    print(f"{'table':15} {'rows':>6} {'cols':>4} {'':3} {'linear':>6} {'mlp':>5} {'trees':>5}  {'mean':>5} {'worst':>5}  {'mean':>5} {'worst':>5}"
          f"  {'mean':>5}  {'lin':>4} {'mlp':>4} {'tree':>4} {'peal':>4} {'mlp':>4} {'tree':>4} fails")


def print_table(table, strict):
    def seconds(contender):
        fits = table.select(contender).values()
        return short(float(np.mean([fit.wall for fit in fits])) if fits else float("nan"), 4)
    linear = table.linear() or "-"
    scores = [short(table.mean(linear), 6), short(table.mean("mlp"), 5), short(table.mean("trees"), 5), "", short(table.mean("peal"), 5), short(table.worst("peal"), 5),
              "", short(table.mean("peal mlp"), 5), short(table.worst("peal mlp"), 5), "",
              short(table.mean("peal trees"), 5), ""]
    failed = table.verdict(strict)
    print(f"{table.name[:15]:15} {len(table.frame):6} {table.frame.shape[1] - 1:4} {table.task:3}", *scores, seconds(linear), seconds("mlp"), seconds("trees"),
          seconds("peal"), seconds("peal mlp"), seconds("peal trees"), " ".join(sorted(failed)) or "ok")
    errors = [(key, fit.error) for key, fit in table.fits.items() if fit.error]
    if errors:
        (contender, seed, fold), text = errors[0]
        print(f"    {len(errors)} of {len(table.fits)} fits failed; {contender}, seed {seed}, fold {fold}: {text[:300]}")
    sys.stdout.flush()
    return failed


def fails(letters, strict):
    return bool(letters if strict else letters - {"m"})


def print_totals(tables, failures, options):
    """Totals over the fits that both sides of a comparison have. Returns whether rule e fails."""
    print()
    for rule, what in [("a", "below the linear model"), ("b", "peal mlp below the peers' MLP"), ("c", "depends on the seed"),
                       ("d", "exit code or NaN"), ("t", "peal trees below LightGBM"),
                       ("x", "another of Peal's models is better"), ("m", "peal mlp depends on the seed"), ("?", "not judged, a peer's results are missing")]:
        names = [table.name for table, failed in zip(tables, failures) if rule in failed]
        print(f"{rule}  {what}: {len(names)} of {len(tables)} tables" + (": " + " ".join(names) if names else ""))
    slower = False
    for ours in PEAL_MODELS:
        pairs = [(fit, table.fits["mlp", seed, fold]) for table in tables for (seed, fold), fit in table.select(ours).items()
                 if ("mlp", seed, fold) in table.fits]
        sums = [sum(getattr(pair[side], unit) for pair in pairs) for unit in ("wall", "cpu") for side in (0, 1)]
        print("{}  seconds of {} fits: {} {:.1f}, scikit-learn mlp {:.1f}; of CPU: {:.1f} and {:.1f}".format(
            "e" if ours == "peal" else " ", len(pairs), ours, *sums))
        slower = slower or ours == "peal" and (sums[0] > sums[1] or sums[2] > sums[3])
    passed = sum(not fails(failed, options.strict) for failed in failures)
    print(f"{passed} of {len(tables)} tables pass, e {'fails' if slower else 'passes'}; {options.seeds} seeds")
    return slower


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with adult/, housing/ and mnist/ (mnist runs only if it is named)")
    parser.add_argument("--cases", help="folder with small CSV files: " + " ".join(CASES))
    parser.add_argument("--quick", action="store_true", help="2 seeds, 2 folds, tables of at most 5,000 rows")
    parser.add_argument("--only", help="names of tables, with commas between them")
    parser.add_argument("--seeds", type=int, help="default 5")
    parser.add_argument("--folds", type=int, help="run at most so many of the five folds")
    parser.add_argument("--peal", default=os.path.join(HERE, "../../bazel-bin/tools/peal"), help="the program")
    parser.add_argument("--cache", help="file in which the peers' scores and times are kept")
    parser.add_argument("--no-peers", action="store_true", help="run no peer: take what the cache has")
    parser.add_argument("--strict", action="store_true", help="narrower margins, beside the better of linear and MLP")
    parser.add_argument("--list", action="store_true", help="name the tables and end")
    options = parser.parse_args()
    options.seeds = options.seeds or (2 if options.quick else 5)
    options.folds = options.folds or (2 if options.quick else FOLDS)
    options.peal = os.path.abspath(options.peal)
    if not options.list and not os.access(options.peal, os.X_OK):
        parser.error(f"there is no program '{options.peal}'; build it or name it with --peal")
    return options


def load_cache(options):
    peers = {}
    if options.cache and os.path.exists(options.cache):
        with open(options.cache) as file:
            peers = json.load(file)
    if "start" not in peers and not options.no_peers:
        peers["start"] = measure_start()
    return peers


def save_cache(options, peers):
    if options.cache and not options.no_peers:
        with open(options.cache + ".new", "w") as file:
            json.dump(peers, file)
        os.replace(options.cache + ".new", options.cache)


def main():
    options = parse_options()
    makers = table_makers(options)
    if options.list:
        print(*makers, sep="\n")
        return 0
    peers = load_cache(options)
    tables, failures = [], []
    print_heading()
    with tempfile.TemporaryDirectory() as work:
        for name, make in makers.items():
            table = Table(name, make())
            if options.quick and len(table.frame) > 5000:
                continue
            run_table(table, options, peers, work)
            save_cache(options, peers)
            tables.append(table)
            failures.append(print_table(table, options.strict))
    return int(print_totals(tables, failures, options) or any(fails(failed, options.strict) for failed in failures))


if __name__ == "__main__":
    sys.exit(main())
