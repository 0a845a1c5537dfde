#!/usr/bin/env bash
# --valid takes a fraction, a dataset or raw files; raw files go through the pipeline of the dataset to train on.
source tests/lib.sh

$peal etl "$data/digits/train-*.csv.gz" --label digit --out ds --quiet
$peal etl "$data/digits/test.csv.gz" --like ds --out test.ds --quiet
$peal train ds --epochs 2 --valid test.ds --out a.st --json --quiet >a.json
$peal train ds --epochs 2 --valid "$data/digits/test.csv.gz" --out b.st --json --quiet >b.json
[ "$(jq -c .metrics a.json)" = "$(jq -c .metrics b.json)" ] || fail "raw file and dataset differ: $(cat a.json b.json)"
cmp a.st b.st || fail "another model"
$peal train "$data/digits/train-0.csv.gz" --label digit --epochs 1 --valid "$data/digits/te*.csv.gz" --out c.st --quiet
$peal train ds --epochs 1 --valid 0.2 --out d.st --quiet
zcat "$data/digits/test.csv.gz" | $peal train ds --epochs 2 --valid - --out f.st --quiet
cmp a.st f.st || fail "standard input gives another model than the dataset"
printf 'a,b\n1,2\n' >other.csv
expect 3 "there is no column 'p00'" $peal train ds --valid other.csv --out e.st
[ -e e.st ] && fail "a model without its validation"
echo ok
