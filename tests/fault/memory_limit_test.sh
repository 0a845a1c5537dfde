#!/usr/bin/env bash
# Too little address space: a clear error with the arithmetic, never a hang.
source tests/lib.sh

(ulimit -v 200000 && $peal help >/dev/null 2>&1) || skip "the program does not run in little address space (a sanitizer)"
$peal etl "$data/digits/train-*.csv.gz" --label digit --out d --quiet
$peal train d --epochs 1 --out m.safetensors --quiet
limited() { (ulimit -v "$1" && timeout 60 "${@:2}"); }
expect 1 "GEMM needs 143 MB of address space, but only" limited 100000 $peal train d --epochs 1 --out x.safetensors
expect 1 "GEMM needs 143 MB of address space, but only" limited 100000 $peal eval m.safetensors "$data/digits/test.csv.gz"
expect 1 "in the states of 4 partitions, need" limited 200000 $peal train d --model mlp:hidden=3000x2000 --out x.safetensors
[ -e x.safetensors ] && fail "a model all the same"
echo ok
