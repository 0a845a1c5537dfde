#!/usr/bin/env bash
# Models of LightGBM and XGBoost predict the same as models of Peal's, and models of Peal's the same in LightGBM: over
# random tables with gaps, zeros, ties at thresholds, categories and classes. PEAL_TEST_MODELS says how many (6).
source tests/lib.sh

trees=$data/trees
$peal import "$trees/lightgbm_none.txt" --out three.safetensors --label class --json >out.json
[ "$(json out.json format) $(json out.json trees) $(json out.json classes)" = "lightgbm v4 6 3" ] || fail "$(cat out.json)"
(echo plain,zeros,many,code,text && cat "$trees/rows.csv") >rows.csv
$peal predict three.safetensors rows.csv --quiet --out p.csv
paste -d, <(tail -n +2 p.csv | cut -d, -f2-) "$trees/lightgbm_none.csv" |
    awk -F, '{ for (k = 1; k <= 3; k++) if (($k - $(k + 3)) ^ 2 > 1e-16) exit 1 } END { exit NR != 36 }' ||
    fail "other predictions than LightGBM's"
$peal export three.safetensors --to lightgbm --out three.txt 2>notes.txt
grep -q "class 2: 2" notes.txt || fail "the classes are not told"
grep -q '^feature_names=plain zeros code text$' three.txt || fail "the columns are not named"
$peal import "$trees/xgboost_texts.json" --out x.safetensors --quiet
$peal inspect x.safetensors | grep -q "format: xgboost 3.2" || fail "inspect does not tell whose trees it has"
expect 2 "--out" $peal import "$trees/lightgbm_nan.txt"
expect 2 "lightgbm" $peal export x.safetensors --out x.txt
expect 2 "did you mean 'lightgbm'" $peal export x.safetensors --to lightgmb --out x.txt
expect 2 "is called 'plain'" $peal import "$trees/lightgbm_nan.txt" --out y.safetensors --label plain
expect 3 "neither LightGBM's text model" $peal import rows.csv --out y.safetensors
printf 'a,b\n1,2\n3,5\n4,9\n' >t.csv
$peal train t.csv --label b --task regress --model linear --out l.safetensors --quiet
expect 2 "only models of trees" $peal export l.safetensors --to lightgbm --out y.txt
awk 'BEGIN { print "t,y"; for (i = 0; i < 60; i++) printf "w%d v%d,%d\n", i % 7, i % 3, i % 2 }' >t.csv
$peal train t.csv --label y --transform hash:bits=4,columns=t --model trees:min_rows=2 --out h.safetensors --quiet
expect 2 "column 't' cannot be said in LightGBM's file" $peal export h.safetensors --to lightgbm --out y.txt
[ ! -e y.txt ] && [ ! -e y.safetensors ] || fail "what failed has left a file"

python=${PEAL_TEST_PYTHON:-python3}
"$python" -c 'import lightgbm, xgboost, pandas' 2>/dev/null ||
    skip "no python3 with lightgbm, xgboost and pandas (PEAL_TEST_PYTHON names one)"

PEAL=$peal "$python" - "${PEAL_TEST_MODELS:-6}" <<'PYTHON'
import csv, io, json, os, subprocess, sys, warnings
import lightgbm as lgb, numpy as np, pandas as pd, xgboost as xgb
warnings.filterwarnings("ignore")
PEAL = os.environ["PEAL"]
LGB = ["regression", "regression_l1", "huber", "quantile", "binary", "cross_entropy", "multiclass", "poisson", "gamma", "tweedie"]
XGB = ["reg:squarederror", "reg:absoluteerror", "binary:logistic", "binary:logitraw", "multi:softprob", "multi:softmax", "reg:logistic", "count:poisson", "reg:gamma", "reg:tweedie"]
RATES = ("poisson", "gamma", "tweedie", "count:poisson", "reg:gamma", "reg:tweedie")

def run(*words):
    done = subprocess.run([PEAL, *words], capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout

def predict(model, table):
    rows = list(csv.reader(run("predict", model, table, "--quiet").splitlines()))
    # Of classes there is a name and a probability for each; of a number only itself.
    return np.array([[float(x) for x in (r[1:] if len(rows[0]) > 1 else r)] for r in rows[1:]])

def compare(found, wanted, what):
    wanted = np.asarray(wanted, dtype=float)
    if wanted.ndim == 1:
        wanted = np.column_stack([1 - wanted, wanted]) if found.shape[1] == 2 else wanted[:, None]
    worst = np.max(np.abs(found - wanted) / np.maximum(1, np.abs(wanted)))
    assert found.shape == wanted.shape and worst < 1e-6, (what, found.shape, wanted.shape, worst)
    return worst

def make_table(random, rows, texts, letter="ä"):
    table = pd.DataFrame({
        "plain": random.standard_normal(rows),
        "ties": random.integers(-20, 20, rows) / 8,
        "zeros": np.where(random.random(rows) < 0.5, 0, random.standard_normal(rows)),
        "tiny": random.choice([0, 1e-36, -1e-36, 1e-35, -1e-35, 1e-30, 1, -1], rows),
        "wide": random.standard_normal(rows) * 10.0 ** random.integers(-30, 30, rows),
        "many": random.permutation(rows) + random.choice([0, 0.5], rows),
        "code": random.integers(0, 40, rows).astype(float),
    })
    for name in ("plain", "zeros", "ties", "code"):
        table.loc[random.random(rows) < 0.15, name] = np.nan
    if texts:
        names = np.array([f"{letter}{i}, \"{i % 7}\"" for i in range(30)])
        table["text"] = pd.Categorical(random.choice(names, rows))
    return table

# How much each column serves the trees, and each row's contributions, as the other program tells them.
def compare_history(model, names, gains, table, contributions, allowed, what):
    told = {one["name"]: one["gain"] for one in json.loads(run("inspect", model, "--json"))["importance"]}
    for name, gain in zip(names, gains):
        assert abs(told.get(name, 0) - gain) <= 1e-5 * max(1, *gains), (what, name, told, gain)
    if contributions.ndim != 2 or contributions.shape[1] != len(names) + 1: return
    found = pd.read_csv(io.StringIO(run("predict", model, table, "--contributions", "--quiet")))
    for i, name in enumerate([*names, "expected"]):
        column = found[name].to_numpy() if name in found else np.zeros(len(found))
        worst = np.max(np.abs(column - contributions[:, i])) / max(1, np.abs(contributions).max())
        assert worst < allowed, (what, name, worst)

def make_label(random, table, kind):
    x = table.plain.fillna(1) + np.sin(table.ties.fillna(0) * 3) + (table.code.fillna(0) % 5) + (table.zeros == 0)
    x = x + 0.3 * random.standard_normal(len(table)) + (table.text.cat.codes % 3 if "text" in table else 0)
    return x if kind == 0 else (x > x.median()).astype(int) if kind == 2 else pd.qcut(x, 3, labels=False)

def light(random, seed):
    texts, objective = random.random() < 0.5, str(random.choice(LGB))
    table = make_table(random, int(random.choice([300, 2000])), texts)
    kind = int(random.choice([3, 2])) if objective == "multiclass" else 2 if objective in ("binary", "cross_entropy") else 0
    options = {"objective": objective, "verbose": -1, "num_threads": 1, "seed": seed, "min_data_in_leaf": int(random.choice([1, 20])),
               "num_leaves": int(random.choice([2, 7, 31, 200])), "max_bin": int(random.choice([15, 255, 2000])),
               "zero_as_missing": bool(random.random() < 0.3), "use_missing": bool(random.random() < 0.8),
               "max_cat_to_onehot": int(random.choice([1, 4, 100])), "cat_smooth": 1, "min_data_per_group": 5, "min_data_in_bin": 1}
    if objective == "multiclass": options["num_class"] = kind
    if objective == "binary": options["sigmoid"] = float(random.choice([1, 0.7]))
    if random.random() < 0.3: options.update(boosting="rf", bagging_freq=1, bagging_fraction=0.7)
    elif random.random() < 0.2: options.update(boosting="dart")
    categorical = ["code"] + (["text"] if texts else [])
    # Which pandas list is of which feature cannot be told if there are numbers among the categories.
    categorical = random.choice(["text"] if texts else ["code"], 1).tolist() if random.random() < 0.8 else []
    if texts and not categorical: categorical = ["text"]
    label = make_label(random, table, kind)
    if objective in RATES: label = np.exp(label / 3)
    data = lgb.Dataset(table, label, categorical_feature=categorical, params=options)
    model = lgb.train(options, data, int(random.choice([1, 20])))
    model.save_model("m.txt")
    rows = probe(random, table, model_thresholds("m.txt"))
    rows.to_csv("t.csv", index=False, float_format="%.17g")
    run("import", "m.txt", "--out", "m.safetensors", "--quiet")
    worst = compare(predict("m.safetensors", "t.csv"), model.predict(rows), ("lightgbm", seed, options))
    # Its contributions are those of the trees' sum, though its score is their mean.
    scale = options.get("sigmoid", 1) / (model.num_trees() if options.get("boosting") == "rf" else 1)
    compare_history("m.safetensors", model.feature_name(), model.feature_importance("gain"), "t.csv",
                    model.predict(rows, pred_contrib=True) * scale, 1e-9, ("lightgbm", seed, options))
    run("export", "m.safetensors", "--to", "lightgbm", "--out", "again.txt", "--quiet")
    again = lgb.Booster(model_file="again.txt")
    asked = rows[again.feature_name()]
    wanted = model.predict(rows)
    assert np.max(np.abs(again.predict(asked) - wanted) / np.maximum(1, np.abs(wanted))) < 1e-9, ("again", seed, options)
    # LightGBM explains them as it does its own.
    own, names = model.predict(rows, pred_contrib=True) * scale, model.feature_name()
    if own.shape[1] == len(names) + 1:
        columns = [*(names.index(name) for name in again.feature_name()), len(names)]
        apart = np.abs(again.predict(asked, pred_contrib=True) - own[:, columns])
        assert np.max(apart) < 1e-9 * max(1, np.abs(own).max()), ("contributions again", seed, options, np.max(apart))
    return worst

def model_thresholds(path):
    found = {}
    for line in open(path):
        if line.startswith("feature_names="): names = line.rstrip("\n")[14:].split(" ")
        if line.startswith("split_feature="): features = line.split("=")[1].split()
        if line.startswith("threshold="): values = line.split("=")[1].split()
        if line.startswith("decision_type="):
            for f, t, d in zip(features, values, line.split("=")[1].split()):
                if not int(d) & 1: found.setdefault(names[int(f)], set()).add(float(t))
    return found

# The table's rows, with thresholds and their neighbours, categories that no set has, and halves of them.
def probe(random, table, thresholds):
    rows = table.iloc[:400].copy().reset_index(drop=True)
    for name, values in thresholds.items():
        if name == "text": continue
        values = np.array([v for v in values if np.isfinite(v)])
        at = random.choice(values, len(rows))
        at = np.where(random.random(len(rows)) < 0.3, np.nextafter(at, np.inf), at)
        rows[name] = np.where(random.random(len(rows)) < 0.5, at, rows[name])
    rows["code"] = np.where(random.random(len(rows)) < 0.1, random.choice([99, 3.5, -0.5, -1, -3, 1e5, 0.99], len(rows)), rows["code"])
    return rows

def extreme(random, seed):
    texts, objective = random.random() < 0.5, str(random.choice(XGB))
    table = make_table(random, int(random.choice([300, 2000])), texts, "a") # XGBoost tears others
    kind = int(random.choice([3, 2])) if objective.startswith("multi") else 2 if "logi" in objective else 0
    label = make_label(random, table, kind)
    if objective in RATES: label = np.exp(label / 3)
    types = ["q"] * 6 + ["c" if random.random() < 0.5 else "q"]
    options = {"objective": objective, "nthread": 1, "seed": seed, "max_depth": int(random.choice([1, 3, 12])), "lambda": 0.1,
               "min_child_weight": 0.01, "tree_method": str(random.choice(["hist", "approx"])), "max_cat_to_onehot": int(random.choice([1, 100])),
               "num_parallel_tree": int(random.choice([1, 1, 3])), "max_bin": int(random.choice([16, 256, 1000]))}
    if random.random() < 0.3: options["base_score"] = 0.3
    if types[-1] == "q" and not texts and random.random() < 0.5: options["tree_method"] = "exact"
    if random.random() < 0.3: options.update(booster="dart", rate_drop=0.3)
    if objective.startswith("multi"): options["num_class"] = kind
    def matrix(rows, label=None):
        rows = rows.copy()
        rows["code"] = rows["code"].astype(float)
        if texts: return xgb.DMatrix(rows, label, enable_categorical=True)
        return xgb.DMatrix(rows.to_numpy(), label, feature_names=list(rows.columns), feature_types=types, enable_categorical=True)
    model = xgb.train(options, matrix(table, label), int(random.choice([1, 12])))
    model.save_model("m.json")
    thresholds = {}
    for line in model.trees_to_dataframe().itertuples():
        if line.Feature != "Leaf" and line.Split == line.Split: thresholds.setdefault(line.Feature, set()).add(float(line.Split))
    rows = probe(random, table, thresholds)
    if types[-1] == "c" and not texts: rows["code"] = np.where(rows["code"] > 100, 77, rows["code"])
    rows.to_csv("t.csv", index=False, float_format="%.17g")
    run("import", "m.json", "--out", "m.safetensors", "--quiet")
    margins = matrix(rows)
    wanted = model.predict(margins)
    found = predict("m.safetensors", "t.csv")
    if objective == "multi:softmax": # says the class
        assert (np.argmax(found, 1) == wanted).mean() > 0.999, (seed, options)
        return 0
    names = model.feature_names
    gains = model.get_score(importance_type="total_gain")
    compare_history("m.safetensors", names, [gains.get(name, 0) for name in names], "t.csv",
                    model.predict(margins, pred_contribs=True), 1e-4, ("xgboost", seed, options))
    return compare(found, wanted, ("xgboost", seed, options))

# Whole numbers as categories of a data frame, not from 0 on.
def numbered(random, seed):
    table = pd.DataFrame({"c": pd.Categorical(random.integers(5, 17, 600)), "x": random.standard_normal(600)})
    label = np.array([3, -2, 1, 0, 5, -4, 2, 2, -1, 0, 1, 4])[table.c.cat.codes] + table.x
    model = xgb.train({"nthread": 1, "max_depth": 4}, xgb.DMatrix(table, label, enable_categorical=True), 8)
    model.save_model("m.json")
    table.to_csv("t.csv", index=False, float_format="%.17g")
    run("import", "m.json", "--out", "m.safetensors", "--quiet")
    return compare(predict("m.safetensors", "t.csv"), model.predict(xgb.DMatrix(table, enable_categorical=True)), ("numbered", seed))

# Early stopping: all rounds are taken, and that the best one is another is told.
def stopped(random, seed):
    table = pd.DataFrame({"x": random.standard_normal(300)})
    label, other = table.x + random.standard_normal(300), -table.x
    model = xgb.XGBRegressor(n_estimators=30, early_stopping_rounds=4, max_depth=2, n_jobs=1)
    model.fit(table, label, eval_set=[(table, other)], verbose=False)
    model.save_model("m.json")
    table.to_csv("t.csv", index=False, float_format="%.17g")
    done = subprocess.run([PEAL, "import", "m.json", "--out", "m.safetensors"], capture_output=True, text=True)
    assert f"its best round is said to be {model.best_iteration + 1} of" in done.stdout + done.stderr, done
    booster = model.get_booster()
    compare(predict("m.safetensors", "t.csv"), booster.predict(xgb.DMatrix(table), iteration_range=(0, booster.num_boosted_rounds())), "stopped")
    booster[:model.best_iteration + 1].save_model("m.json")
    run("import", "m.json", "--out", "m.safetensors", "--quiet")
    return compare(predict("m.safetensors", "t.csv"), model.predict(table), "stopped")

# What LightGBM reads as zero.
def without_tiny(table):
    for name in table.columns.drop("text"):
        table[name] = np.where(np.abs(table[name]) < 1.1e-35, 0, table[name])
    return table

# Models of Peal's own, over each kind of column.
def own(random, seed):
    table = without_tiny(make_table(random, 600, True))
    kind = int(random.choice([0, 2, 3]))
    label = make_label(random, table, kind)
    objective = "" if kind else str(random.choice(["", "squared", "absolute", "quantile", "poisson", "gamma", "tweedie"]))
    if objective in RATES: label = np.exp(label / 3)
    data = table.assign(y=[f"c{v}" for v in label] if kind else label)
    data.to_csv("own.csv", index=False, float_format="%.17g")
    ways = [[], ["--transform", "impute:columns=numbers", "--transform", "standardize:columns=numbers"], ["--transform", "onehot:columns=text"]]
    ways = ways[int(random.integers(0, 3))]
    if ways and "impute" in ways[1]: ways = ["--transform", "impute", "--transform", "standardize"]
    run("train", "own.csv", "--label", "y", "--model", f"trees:rounds=12,leaves={random.choice([4, 31])}{objective and ',objective=' + objective}", "--out", "own.safetensors", "--quiet", *ways)
    run("export", "own.safetensors", "--to", "lightgbm", "--out", "own.txt", "--quiet")
    model = lgb.Booster(model_file="own.txt")
    thresholds = model_thresholds("own.txt")
    rows = probe(random, table, {k: [v for v in t if abs(v) < 1e300] for k, t in thresholds.items() if any(abs(v) < 1e300 for v in t)})
    rows = without_tiny(rows)
    rows.to_csv("t.csv", index=False, float_format="%.17g")
    compare(predict("own.safetensors", "t.csv"), model.predict(rows[model.feature_name()]), ("own", seed, ways))
    run("import", "own.txt", "--out", "back.safetensors", "--quiet")
    return compare(predict("back.safetensors", "t.csv"), model.predict(rows[model.feature_name()]), ("back", seed, ways))

for seed in range(int(sys.argv[1])):
    for way in (light, extreme, numbered, stopped, own):
        way(np.random.default_rng([seed, 7]), seed)
print("ok")
PYTHON
