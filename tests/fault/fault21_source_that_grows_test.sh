#!/usr/bin/env bash
# A file that changes while it is read is a named error in etl, train, eval and predict, and nothing comes of it.
source tests/lib.sh

seq 1 100000 | awk 'BEGIN { print "x,y" } { print $1 "," $1 % 2 }' >rows.csv
head -n 1000 rows.csv >few.csv
$peal train few.csv --label y --epochs 1 --out m.safetensors --quiet
(while [ ! -e enough ]; do echo "1,0" >>rows.csv; done) &
grower=$!
expect 3 "rows.csv changed while it was read (from" $peal etl rows.csv --label y --out d
expect 3 "rows.csv changed while it was read (from" $peal train rows.csv --label y --epochs 1 --out n.safetensors
expect 3 "rows.csv changed while it was read (from" $peal predict m.safetensors rows.csv --out p.csv
expect 3 "rows.csv changed while it was read (from" $peal eval m.safetensors rows.csv
touch enough
wait $grower
[ ! -e d ] && [ ! -e n.safetensors ] && [ ! -e p.csv ] || fail "something came of it: $(ls)"
expect 0 "" $peal etl rows.csv --label y --out d
echo ok
