#!/usr/bin/env bash
# What comes through a pipe is known by its bytes: other bytes are never taken for those of an earlier job, in the cache
# or with --resume; the same bytes are.
source tests/lib.sh

seq 1 200 | awk 'BEGIN { print "x,y" } { print $1 "," $1 % 2 }' >long.csv
head -n 51 long.csv >short.csv

cat long.csv | $peal train - --label y --epochs 1 --out a.safetensors --json --quiet >a.json
cat short.csv | $peal train - --label y --epochs 1 --out b.safetensors --json --quiet >b.json
[ "$(json a.json in)" = 200 ] || fail "$(cat a.json)"
[ "$(json b.json in)" = 50 ] || fail "the second training used the first one's rows: $(cat b.json)"
cat long.csv | timeout 60 $peal train - --label y --epochs 1 --out c.safetensors 2>c.txt
grep -q "is up to date" c.txt || fail "the same bytes were not found in the cache: $(cat c.txt)"
cmp a.safetensors c.safetensors || fail "the same bytes gave another model"

cat long.csv | $peal etl - --label y --out d --quiet
cat short.csv | $peal etl - --label y --out d --resume --json --quiet >d.json
[ "$(json d.json in)" = 50 ] || fail "other bytes were resumed: $(cat d.json)"
cat short.csv | $peal etl - --label y --out d --resume --json --quiet >d.json
grep -q '"up_to_date": *true' d.json || fail "the same bytes were done again: $(cat d.json)"
# The other names of a pipe.
$peal etl <(cat long.csv) --label y --out d --resume --json --quiet >d.json
[ "$(json d.json in)" = 200 ] || fail "other bytes of a process were resumed: $(cat d.json)"
# A file as standard input has an identity, and is read from where it stands.
$peal etl - --label y --out e --json --quiet <short.csv >e.json
[ "$(json e.json in)" = 50 ] || fail "$(cat e.json)"
$peal etl - --label y --out e --resume --json --quiet <long.csv >e.json
[ "$(json e.json in)" = 200 ] || fail "another file was resumed: $(cat e.json)"
(read -r line; $peal etl - --header no --out f --json --quiet <&0 >f.json) <short.csv
echo ok
