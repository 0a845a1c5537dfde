#!/usr/bin/env bash
# A file that changes while it is read is a named error in etl, train, eval and predict, and nothing comes of it.
source tests/lib.sh

seq 1 100000 | awk 'BEGIN { print "x,y" } { print $1 "," $1 % 2 }' >rows.csv
head -n 1000 rows.csv >few.csv
$peal train few.csv --label y --epochs 1 --out m.safetensors --quiet
(while [ ! -e enough ]; do echo "1,0" >>rows.csv; done) &
grower=$!

# The one who writes may stand still for the whole of a short reading: then once more.
notices() { # notices OUTPUT COMMAND...
    local output=$1 got
    shift
    for _ in $(seq 30); do
        got=0
        timeout 60 "$@" >out.txt 2>err.txt || got=$?
        [ $got = 0 ] || break
        rm -rf "$output"
    done
    [ $got = 3 ] || fail "exit code $got: $* $(cat err.txt)"
    grep -q "rows.csv changed while it was read (" err.txt || fail "$(cat err.txt)"
    [ ! -e "$output" ] || fail "something came of it: $output"
}
notices d $peal etl rows.csv --label y --out d
notices n.safetensors $peal train rows.csv --label y --epochs 1 --out n.safetensors
notices p.csv $peal predict m.safetensors rows.csv --out p.csv
notices none $peal eval m.safetensors rows.csv
touch enough
wait $grower
expect 0 "" $peal etl rows.csv --label y --out d
echo ok
