#!/usr/bin/env bash
# The shared library exports peal_ symbols only, and those of the public header.
library=$PWD/libpeal.so
source tests/lib.sh

nm -D --defined-only "$library" | awk '{ print $3 }' >symbols.txt
[ "$(wc -l <symbols.txt)" -ge 100 ] || fail "$(wc -l <symbols.txt) symbols only"
others=$(grep -v '^peal_' symbols.txt || true)
[ -z "$others" ] || fail "it also exports: $others"
for symbol in peal_etl peal_train peal_predict peal_eval peal_predictor_text peal_executor_map peal_dataset_open; do
    grep -qx $symbol symbols.txt || fail "it lacks $symbol"
done
echo ok
