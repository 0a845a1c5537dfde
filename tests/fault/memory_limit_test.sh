#!/usr/bin/env bash
# Too little address space: a clear error with the arithmetic, never a hang.
source tests/lib.sh

(ulimit -v 200000 && $peal help >/dev/null 2>&1) || skip "the program does not run in little address space (a sanitizer)"
$peal etl "$data/digits/train-*.csv.gz" --label digit --out d --quiet
$peal train d --epochs 1 --out m.safetensors --quiet
limited() { (ulimit -v "$1" && timeout 60 "${@:2}"); }
expect 1 "GEMM needs 143 MB of address space, but only" limited 100000 $peal train d --epochs 1 --out x.safetensors
expect 1 "GEMM needs 143 MB of address space, but only" limited 100000 $peal eval m.safetensors "$data/digits/test.csv.gz"
expect 1 "for each of 4 partitions" limited 200000 $peal train d --model mlp:hidden=3000x2000 --out x.safetensors
grep -qE "25 MB of parameters.* needs [0-9]+ MB of address space, but only [0-9]+ MB of the limit of 205 MB" err.txt ||
    { cat err.txt; fail "the arithmetic is not there"; }
[ -e x.safetensors ] && fail "a model all the same"
echo ok
