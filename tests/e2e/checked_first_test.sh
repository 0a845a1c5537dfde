#!/usr/bin/env bash
# All options are checked before the work begins; a misspelt word gets the nearest right one and the list of all.
source tests/lib.sh

refused() { # refused WORDS ARGUMENTS...: wrong usage, and no dataset was made for it
    expect 2 "$1" $peal train "$data/digits/test.csv.gz" --label digit "${@:2}"
    grep -q '^rows:\|^column\|^dataset:' err.txt && { cat err.txt; fail "work was begun: ${*:2}"; }
    [ -z "$(ls -A cache 2>/dev/null)" ] || fail "a dataset was made: ${*:2}"
}
refused "no model is called 'mpl' (did you mean 'mlp'?); there are: linear, logistic, softmax, svm" --model mpl
refused "no optimizer is called 'adm' (did you mean 'adam'?); there are: sgd, adagrad, adam, adamw" --optimizer adm
refused "there are: constant, step, cosine" --schedule cosin
refused "there are: nesterov, momentum, average" --outer nestrov
refused "there are: epoch, N, step, full" --sync epok
refused "has no option 'hiden' (did you mean 'hidden'?); there are: hidden" --model mlp:hiden=3
refused "no transform is called 'standardise' (did you mean 'standardize'?); there are: standardize, minmax" --transform standardise
refused "the transform 'minmax' has no option 'columms'" --transform minmax:columms=p00
refused "must be mean, min, max or a number" --transform impute:with=most
refused "must be number, text or bool" --type p00=float
refused "there are: csv, tsv, " --format cvs
refused "must be auto, yes or no" --header maybe
refused "there are: fail, drop, quarantine" --on-bad-row skip
refused "must be one ASCII character" --delimiter ';;'
refused "valid must be a source or a fraction between 0 and 1, not '1.5'" --valid 1.5
refused "there is no 'none.csv'" --valid none.csv
refused "wants a number" --lr fast
refused "--out must not be empty" --out ''
refused "--run-dir must not be empty" --run-dir ''
refused "cannot write /proc/peal/m" --out /proc/peal/m
mkdir folder
refused "cannot write folder: it is a folder" --out folder
mkdir other && echo mine >other/metrics.jsonl
refused "other will not be used: it holds metrics.jsonl" --run-dir other
refused "a file stands there" --run-dir other/metrics.jsonl
expect 2 "there are: p00, p01, p02, p03, p04, p05, p06, p07, p10, p11, p12, p13 and 53 more" \
    $peal etl "$data/digits/test.csv.gz" --label nothing --out d
expect 2 "name of a source must not be empty" $peal etl '' --out d
expect 2 "--out must not be empty" $peal etl x --out ''
expect 2 "cannot write folder: it is a folder" $peal predict none.st x --out folder

# A dataset takes no options that would be left out.
$peal etl "$data/digits/test.csv.gz" --label digit --out ds --quiet
for option in "--null x" --trim "--delimiter ;" "--header no" "--on-bad-row drop" "--threads 1" "--drop p00"; do
    # shellcheck disable=SC2086
    expect 2 "is a dataset already" $peal train ds $option
done
[ "$($peal --version)" = "$($peal -V)" ] || fail "--version and -V differ"
$peal --version | grep -qE '^peal [0-9]+\.[0-9]+\.[0-9]+ \(openblas-[0-9.]+[^/]*/[A-Za-z0-9]+ glibc-[0-9.]+/(no-)?fma\)$' || fail "$($peal --version)"
echo ok
