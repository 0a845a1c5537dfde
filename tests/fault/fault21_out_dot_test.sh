#!/usr/bin/env bash
# A name that no output can have is refused at once, before any work.
source tests/lib.sh

(echo a,y; seq 200 | awk '{ print $1 % 7 "," ($1 % 7 > 3 ? "p" : "q") }') >rows.csv
"$peal" etl rows.csv --label y --quiet --out d
"$peal" train d --epochs 1 --quiet --out m.safetensors
ls -AR | grep -v txt >before.txt
for command in "etl rows.csv --label y" "train rows.csv --label y --epochs 1" "predict m.safetensors none.csv"; do
    # shellcheck disable=SC2086
    expect 2 "--out must not be empty" "$peal" $command --out ''
done
for name in . .. d/. d/.. ./ d/./ / // "../$(basename "$work")" "$work"; do
    expect 2 "cannot write to" "$peal" etl rows.csv --label y --out "$name"
    expect 2 "cannot write to" "$peal" etl none.csv --label y --out "$name"
    expect 2 "cannot write to" "$peal" train rows.csv --label y --epochs 1 --out "$name"
    expect 2 "cannot write to" "$peal" train rows.csv --label y --epochs 1 --out n.safetensors --run-dir "$name"
    expect 2 "cannot write to" "$peal" predict m.safetensors none.csv --out "$name"
done
ls -AR | grep -v txt >after.txt
cmp before.txt after.txt || fail "something was done: $(diff before.txt after.txt)"
[ ! -e "$PEAL_CACHE" ] || fail "a dataset was made before the name was refused"
"$peal" etl rows.csv --label y --quiet --out d/
"$peal" train d --epochs 1 --quiet --out ./m.safetensors
echo ok
