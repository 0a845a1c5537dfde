#!/usr/bin/env bash
# Many files and few file descriptors: a job of 600 inputs with 40 descriptors.
source tests/lib.sh

mkdir files
for i in $(seq 600); do printf 'x,y\n%d,a\n2,b\n' "$i" >files/f$i.csv; done
ulimit -n 40
$peal etl files --label y --out d --json --quiet >etl.json
[ "$(json etl.json used)" = 1200 ] || fail "rows"
$peal train d --model logistic --epochs 1 --workers 4 --out m.safetensors --quiet
echo ok
