#!/usr/bin/env bash
# The main job on the bundled digits, and what it leaves.
source tests/lib.sh

$peal etl "$data/digits/train-*.csv.gz" --label digit --out digits --json >etl.json
[ "$(json etl.json in)" = 1438 ] || fail "rows in"
[ "$(json etl.json used)" = 1438 ] || fail "rows used"
$peal train digits --model mlp --epochs 30 --out digits.safetensors --json --quiet >train.json
[ "$(json train.json epochs)" = 30 ] || fail "epochs"
[ "$(json train.json model_sha256)" = "$(sha256sum digits.safetensors | cut -d' ' -f1)" ] || fail "sha256"
$peal eval digits.safetensors "$data/digits/test.csv.gz" --json --quiet >eval.json
[ "$(json eval.json rows)" = 359 ] || fail "rows evaluated"
at_least "$(json eval.json metrics.accuracy)" 0.955

# Predictions agree with the evaluation.
$peal predict digits.safetensors "$data/digits/test.csv.gz" --out predictions.csv --quiet
[ "$(wc -l <predictions.csv)" = 360 ] || fail "rows predicted"
head -n 1 predictions.csv | grep -q '^prediction,p_0,p_1,.*p_9$' || fail "header of the predictions"
right=$(paste -d, <(zcat "$data/digits/test.csv.gz" | tail -n +2 | sed 's/.*,//') <(tail -n +2 predictions.csv | cut -d, -f1) |
    awk -F, '$1 == $2' | wc -l)
at_least "$(awk -v r="$right" 'BEGIN { print r / 359 }')" "$(awk -v a="$(json eval.json accuracy)" 'BEGIN { print a - 1e-9 }')"

for path in digits digits/train-00000.arrow digits.safetensors digits.run digits.run/checkpoint-*.safetensors digits.run/best.safetensors; do
    $peal inspect $path >inspect.txt || fail "inspect $path"
    $peal inspect $path --json >inspect.json
    grep -q '"kind"' inspect.json || fail "inspect --json $path"
done
[ "$(wc -l <digits.run/metrics.jsonl)" = 30 ] || fail "metrics"

# Straight from the files, through the cache: made once, then reused, then made anew with the reason said.
cp "$data"/digits/train-*.csv.gz .
$peal train train-?.csv.gz --label digit --epochs 1 --out a.safetensors 2>log.txt
grep -q "there is none yet" log.txt || fail "the cache is not filled"
$peal train train-?.csv.gz --label digit --epochs 1 --out b.safetensors 2>log.txt
grep -q "is up to date" log.txt || fail "the cache is not used"
cmp a.safetensors b.safetensors
zcat train-2.csv.gz | sed -n 1,400p | gzip >new.gz
mv -f new.gz train-2.csv.gz
$peal train train-?.csv.gz --label digit --epochs 1 --out c.safetensors 2>log.txt
grep -q "train-2.csv.gz changed its size" log.txt || fail "the reason is not said"
grep -q "rows: 1357 in = 1357 used" log.txt || { cat log.txt; fail "rows of the new dataset"; }
echo ok
