#!/usr/bin/env bash
# Many files and few file descriptors: a job of 600 inputs with 40 descriptors.
source tests/lib.sh

mkdir files
for i in $(seq 600); do printf 'x,y\n%d,a\n2,b\n' "$i" >files/f$i.csv; done
ulimit -n 40
$peal etl files --label y --out d --json --quiet >etl.json
[ "$(json etl.json used)" = 1200 ] || fail "rows"
$peal train d --model logistic --epochs 1 --workers 4 --partitions 4 --out m.safetensors --quiet

# Too few to begin at all: named, and nothing is left.
for few in 7 8; do
    (ulimit -n $few && expect 1 "Too many open files" $peal train d --model logistic --epochs 1 --workers 2 --partitions 4 --out few.safetensors)
    [ -e few.safetensors ] && fail "a model all the same"
    [ -z "$(find . -name '*peal-tmp*')" ] || fail "a temporary file is left"
done
echo ok
