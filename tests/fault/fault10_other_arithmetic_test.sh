#!/usr/bin/env bash
# GEMM's sums follow the kernel that OpenBLAS takes for a type of CPU: which one is recorded in model, run and checkpoint,
# and resuming under another is refused with both names.
source tests/lib.sh

(echo a,b,y; seq 400 | awk '{ print $1 % 17 "," $1 % 5 "," ($1 % 7 > 3 ? "p" : "q") }') >rows.csv
$peal etl rows.csv --label y --out d --quiet
own=$($peal --version | grep -o 'openblas-[^ )]*')
other=Prescott
job=(train d --model mlp:hidden=20 --epochs 3 --partitions 2 --out m.safetensors)
$peal "${job[@]}" --quiet
for path in m.safetensors m.run m.run/checkpoint-000003.safetensors; do
    $peal inspect $path --json | grep -qF "\"arithmetic\": \"$own" || fail "$path does not say its arithmetic"
done
OPENBLAS_CORETYPE=$other $peal --version | grep -q "/$other" || skip "this BLAS has one kernel only"
expect 2 "openblas-" env OPENBLAS_CORETYPE=$other $peal "${job[@]}" --resume
grep -qF "made with the arithmetic of $own" err.txt || { cat err.txt; fail "the run's arithmetic is not named"; }
grep -q "/$other" err.txt || { cat err.txt; fail "this one's arithmetic is not named"; }
$peal "${job[@]}" --resume --quiet # where it began it goes on
OPENBLAS_CORETYPE=$other $peal "${job[@]}" --quiet || fail "a new run under another arithmetic"
$peal inspect m.safetensors --json | grep -q "/$other" || fail "the new model does not say its arithmetic"
echo ok
