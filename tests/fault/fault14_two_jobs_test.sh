#!/usr/bin/env bash
# One run folder, one model file, one file of predictions, one dataset: one job. The second refuses and names the first.
source tests/lib.sh

(echo a,y; seq 200 | awk '{ print $1 % 7 "," ($1 % 7 > 3 ? "p" : "q") }') >rows.csv
"$peal" etl rows.csv --label y --quiet --out d
epochs=$(epochs_for 20000 50 "$peal" train d --model mlp)
"$peal" train d --model mlp --epochs "$epochs" --quiet --out m.safetensors --run-dir run &
first=$!
wait_for test -e run/run.json
expect 1 "run is in use by another job (process $first)" "$peal" train d --model mlp --epochs 1 --out n.safetensors --run-dir run
expect 1 "run is in use by another job (process $first)" "$peal" train d --model mlp --epochs 1 --out n.safetensors --run-dir run --resume
expect 1 "m.safetensors is in use by another job (process $first)" "$peal" train d --model mlp --epochs 1 --out m.safetensors --run-dir other
"$peal" train d --model mlp --epochs 1 --quiet --out n.safetensors --run-dir other
expect 1 "m.safetensors is in use by another job (process $first)" "$peal" predict n.safetensors rows.csv --out m.safetensors
kill -0 $first 2>/dev/null || skip "the first job ended too early"

# Its death frees all at once, though its workers may live a moment longer.
kill -9 $first
wait $first 2>/dev/null || true
"$peal" train d --model mlp --epochs 1 --quiet --out m.safetensors --run-dir run
[ -z "$(find . -name '*peal-tmp*')" ] || fail "a temporary is left: $(find . -name '*peal-tmp*')"

# Datasets: of many jobs at once one makes it at a time, and the others say why they do not.
for trial in 1 2 3; do
    rm -rf e
    for i in 1 2 3 4 5 6; do "$peal" etl rows.csv --label y --out e >out-$i.txt 2>&1 && echo made >>made.txt || grep -q "e is in use by another job" out-$i.txt || cat out-$i.txt >>other.txt & done
    wait
    [ ! -e other.txt ] || fail "refused for another reason: $(cat other.txt)"
    "$peal" inspect e >/dev/null || fail "no whole dataset after six jobs at once"
done
[ -s made.txt ] || fail "no job of six made it"
[ -z "$(find . -name '*peal-tmp*')" ] || fail "a temporary is left: $(find . -name '*peal-tmp*')"
echo ok
