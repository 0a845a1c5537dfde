#!/usr/bin/env bash
# What columns are worth (eval --permutations) and what their values do (predict --dependence): for every kind of model,
# from files and datasets, the same for any number of threads; beside scikit-learn, which asks the same model.
source tests/lib.sh

awk 'BEGIN { srand(5); split("cook smith nurse clerk", jobs, " "); print "a,b,noise,job,day,words,y,c,k"
    for (i = 0; i < 1200; i++) { a = int(rand() * 4000) / 1000 - 2; b = int(rand() * 4000) / 1000 - 2; j = int(rand() * 4) + 1
        y = 3 * a + b + (j == 1) * 2 + rand() / 2
        printf "%s,%s,%s,%s,2024-%02d-%02d,%s big %s,%.3f,%s,%s\n", a, (i % 9 ? b : ""), int(rand() * 1000), jobs[j],
            i % 12 + 1, i % 28 + 1, (rand() < 0.5 ? "red" : "blue"), (rand() < 0.5 ? "dog" : "cat"), y,
            (y > 0 ? "yes" : "no"), (y > 2 ? "p" : y > -1 ? "q" : "r") } }' >rows.csv
train() { $peal train rows.csv --quiet --out "$1.st" "${@:2}"; }
train linear --label y --drop c --drop k --model linear
train trees --label c --drop y --drop k --drop words --model trees:rounds=10,leaves=8
train mlp --label k --drop y --drop c --model mlp:hidden=8 --epochs 5 --transform onehot:columns=job
train tokens --label c --drop y --drop k --model logistic --transform tokens:columns=words
train bayes --label k --drop y --drop c --model bayes

# What decides comes first, by the metric that suits the label; noise is worth about nothing.
for model in linear:r2 trees:auc mlp:accuracy tokens:auc bayes:accuracy; do
    name=${model%:*}
    $peal eval "$name.st" rows.csv --permutations 3 --json --quiet >"$name.json"
    jq -e --arg metric "${model#*:}" '.permutation_metric == $metric and .permutation_rows == 1200 and .permutation[0].name == "a"
        and .permutation[0].mean > 0.15 and (.permutation | map(.mean) | . == (sort | reverse))
        and ((.permutation[] | select(.name == "noise").mean) | fabs < 0.02) and (.permutation | all(.deviation >= 0))' \
        "$name.json" >told.txt || fail "$name: $(cat "$name.json")"
    $peal eval "$name.st" rows.csv --permutations 3 --json --quiet --threads 1 | cmp - "$name.json" || fail "$name: threads"
done
$peal eval linear.st rows.csv --permutations 3 --seed 1 --json --quiet | cmp - linear.json || fail "seed 1 is the usual one"
$peal eval linear.st rows.csv --permutations 3 --seed 2 --json --quiet | cmp -s - linear.json && fail "the seed changes nothing"
$peal etl rows.csv --like tokens.st --out tokens.ds --quiet
$peal eval tokens.st tokens.ds --permutations 3 --json --quiet | cmp - tokens.json || fail "a dataset is as good as its rows"
$peal eval linear.st rows.csv --permutations 3 >told.txt 2>/dev/null
sed -n 3p told.txt | grep -q '^what r2 (.*) loses when a column is mixed up, mean and deviation of 3$' || fail "$(cat told.txt)"
sed -n 4p told.txt | grep -Eq '^  a +1\.[0-9]+ +0\.[0-9]+$' || fail "$(cat told.txt)"
awk 'length > 80 { exit 1 }' told.txt || fail "more than 80 columns"

# A model that ranks is measured by its ranks.
awk 'BEGIN { srand(2); print "q,a,noise,y"; for (i = 0; i < 900; i++) { a = int(rand() * 100)
    printf "q%d,%d,%d,%d\n", i % 60, a, int(rand() * 100), int(a / 34) } }' >ranks.csv
$peal train ranks.csv --label y --query q --model trees:rounds=5,objective=lambdarank --out ranks.st --quiet
$peal eval ranks.st ranks.csv --permutations 2 --json --quiet >ranks.json
jq -e '.permutation_metric == "ndcg@10" and .permutation[0].name == "a" and .permutation[0].mean > 0.1 and (.permutation | length) == 2' \
    ranks.json >told.txt || fail "$(cat ranks.json)"

# Dependence is what comes out when the column is changed in the file.
# as_if MODEL COLUMN VALUE: the means of predictions of rows whose column has this value
as_if() {
    awk -F, -v OFS=, -v name="$2" -v value="$3" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } NR > 1 { $at = value } 1' \
        rows.csv >changed.csv
    $peal predict "$1.st" changed.csv --quiet |
        awk -F, 'NR == 1 { first = $1 == "prediction" && NF > 1 ? 2 : 1 } NR > 1 { for (i = first; i <= NF; i++) sum[i] += $i }
            END { for (i = first; i <= NF; i++) printf ",%.12g", sum[i] / (NR - 1); print "" }'
}
# agree MODEL COLUMN VALUE
agree() {
    $peal predict "$1.st" rows.csv --quiet --dependence "$2" >dependence.csv
    local line wanted
    line=$(grep "^$2,$3," dependence.csv) || fail "$1: there is no line $2,$3 in $(cat dependence.csv)"
    wanted=$(as_if "$@")
    echo "${line#"$2,$3"}$wanted" | awk -F, '{ n = (NF - 1) / 2; for (i = 2; i <= n + 1; i++) { d = $i - $(i + n); if (d * d > 1e-12) exit 1 }
        exit n < 1 }' || fail "$1 $2 $3: $line, but $wanted"
}
for model in linear trees mlp tokens bayes; do
    agree $model job cook
    agree $model b ''
    agree $model day 2024-03-03
    agree $model a "$($peal predict $model.st rows.csv --quiet --dependence a | sed -n 7p | cut -d, -f2)"
done
agree tokens words 'red big cat'
[ "$(head -1 dependence.csv)" = column,value,p_no,p_yes ] || fail "$(head -1 dependence.csv)"
$peal predict linear.st rows.csv --quiet --dependence a,job,b --threads 1 >one.csv
$peal predict linear.st rows.csv --quiet --dependence a --dependence job,b --threads 3 --out three.csv
cmp one.csv three.csv || fail "threads, or how columns are named, change dependence"
[ "$(cut -d, -f1 one.csv | uniq -c | awk '{ printf "%s%s ", $1, $2 }')" = "1column 20a 4job 21b " ] || fail "$(cat one.csv)"
$peal predict linear.st rows.csv --quiet --dependence b,job --json | jq -e '.rows == 1200 and (.dependence | length) == 25 and
    .dependence[20].value == null and .dependence[0].value < -1.9 and (.dependence[24].value | type) == "string" and
    (.dependence | all(.prediction != null))' >told.txt || fail "$(cat told.txt)"

# What cannot be answered is said before work begins.
expect 2 "did you mean 'noise'" $peal predict linear.st rows.csv --dependence noize --out no.csv
expect 2 "does not predict from a column 'words'" $peal predict trees.st rows.csv --dependence words
expect 2 "does not predict from a column 'y'" $peal predict linear.st rows.csv --dependence y
expect 2 "tokens.ds is a dataset" $peal predict tokens.st tokens.ds --dependence job
expect 2 "choose one" $peal predict trees.st rows.csv --dependence job --leaves
expect 2 "dependence has no row" $peal predict trees.st rows.csv --dependence job --on-bad-row quarantine --out no.csv
expect 2 "seed is of" $peal predict trees.st rows.csv --seed 3
expect 2 "--permutations must be at least 1" $peal eval trees.st rows.csv --permutations 0
expect 2 "seed is of" $peal eval trees.st rows.csv --seed 3
[ ! -e no.csv ] || fail "a file was left"
awk -F, 'NR == 1 || $8 == "yes"' rows.csv >same.csv
expect 3 "are all the same" $peal eval trees.st same.csv --permutations 2
printf '1 1:1 2:3\n0 1:2 3:1\n1 2:4\n0 3:3\n' >rows.libsvm
$peal train rows.libsvm --model logistic --out sparse.st --quiet
expect 2 "sparse features, which have no columns" $peal eval sparse.st rows.libsvm --permutations 2
expect 2 "sparse features, which have no columns" $peal predict sparse.st rows.libsvm --dependence indices

# A person who does not want to wait any more.
$peal eval trees.st rows.csv --permutations 1000000 --quiet >out.txt 2>err.txt &
job=$!
until_heeds $job
sleep 1
kill -INT $job
code=0
wait $job || code=$?
[ $code = 4 ] || fail "exit code $code of an interrupted job: $(cat err.txt)"

python=${PEAL_TEST_PYTHON:-python3}
"$python" -c 'import sklearn, pandas; assert tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 7)' 2>/dev/null ||
    skip "the rest: no python3 with pandas and scikit-learn 1.7 (PEAL_TEST_PYTHON names one)"
"$python" - "$peal" <<'PYTHON'
import io
import json
import subprocess
import sys
import numpy as np
import pandas
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.inspection import partial_dependence, permutation_importance

peal = sys.argv[1]
rows = pandas.read_csv("rows.csv", dtype=str, keep_default_na=False)
inputs = ["a", "b", "noise", "job", "day", "words"]


def ask(*words, rows=None):
    text = None if rows is None else rows.to_csv(index=False).encode()
    return subprocess.run([peal, *words, "--quiet"], input=text, stdout=subprocess.PIPE, check=True).stdout.decode()


class Asked(BaseEstimator):
    def __init__(self, model):
        self.model = model

    def fit(self, x, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def table(self, x):
        return pandas.read_csv(io.StringIO(ask("predict", self.model, "-", "--format", "csv", rows=x)))


class Number(RegressorMixin, Asked):
    def predict(self, x):
        return self.table(x)["prediction"].to_numpy()


class Classes(ClassifierMixin, Asked):
    classes_ = np.array(["no", "yes"])

    def predict_proba(self, x):
        return self.table(x)[["p_no", "p_yes"]].to_numpy()

    def predict(self, x):
        return self.classes_[self.predict_proba(x).argmax(axis=1)]


for model, estimator, target, scoring in (("linear", Number, rows["y"].astype(float), "r2"),
                                          ("tokens", Classes, rows["c"], "roc_auc")):
    asked = estimator(model + ".st").fit(rows, target)
    theirs = permutation_importance(asked, rows[inputs], target, scoring=scoring, n_repeats=3, random_state=0)
    told = json.loads(ask("eval", asked.model, "rows.csv", "--permutations", "3", "--json"))["permutation"]
    ours = {one["name"]: one for one in told}
    assert sorted(ours) == sorted(inputs), ours
    for i, name in enumerate(inputs):
        bound = 4 * np.hypot(theirs.importances_std[i], ours[name]["deviation"]) / np.sqrt(3) + 0.005
        assert abs(ours[name]["mean"] - theirs.importances_mean[i]) < bound, (model, name, ours[name], theirs)
    for name in ("b",) if estimator is Number else ("job",):
        table = pandas.read_csv(io.StringIO(ask("predict", asked.model, "rows.csv", "--dependence", name)), dtype=str,
                                keep_default_na=False)
        found = partial_dependence(asked, rows[inputs], [inputs.index(name)], kind="average", method="brute",
                                   response_method="auto" if estimator is Number else "predict_proba",
                                   categorical_features=inputs, custom_values={inputs.index(name): table["value"].to_numpy(dtype=object)})
        mean = table["prediction" if estimator is Number else "p_yes"].astype(float)
        assert np.abs(found["average"][0] - mean).max() < 1e-6, (model, name, found, mean)
PYTHON
