#!/usr/bin/env bash
# The program under a locale with a decimal comma: the same model, predictions and messages. (The library
# in a program that has set such a locale: tests/models/locale_test.c.)
source tests/lib.sh

printf 'LC_NUMERIC\ndecimal_point ","\nthousands_sep "."\ngrouping 3;3\nEND LC_NUMERIC\n' >source
localedef -c -i source -f UTF-8 ./comma.UTF-8 >/dev/null 2>&1 || true
[ -e comma.UTF-8/LC_NUMERIC ] || skip "localedef cannot make a locale with a decimal comma"
comma=(env "LOCPATH=$work" LC_ALL=comma.UTF-8 "$peal")

seq 1 300 | awk 'BEGIN { print "x,y" } { print $1 / 8 "," ($1 % 2) }' >rows.csv
for way in plain comma; do
    run=("$peal")
    [ $way = plain ] || run=("${comma[@]}")
    "${run[@]}" etl rows.csv --label y --out ds --quiet
    "${run[@]}" train ds --model mlp:hidden=8,dropout=0.2 --optimizer adam:beta1=0.85 --valid 0.25 --epochs 3 \
        --out $way.safetensors --quiet
    "${run[@]}" predict $way.safetensors rows.csv --out $way.csv --quiet
    "${run[@]}" eval $way.safetensors rows.csv --json --quiet >$way.json
    "${run[@]}" etl none.csv --out x 2>$way.txt || true
done
cmp plain.safetensors comma.safetensors || fail "the locale changes the model"
cmp plain.csv comma.csv || fail "the locale changes predictions"
cmp plain.json comma.json || fail "the locale changes metrics"
cmp plain.txt comma.txt || fail "the locale changes messages"
echo ok
