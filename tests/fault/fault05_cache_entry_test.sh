#!/usr/bin/env bash
# Two jobs at once on one source, with different labels: each trains on its own dataset.
source tests/lib.sh

(echo a,y,z; seq 200 | awk '{ print $1 % 7 "," ($1 % 7 > 3 ? "p" : "q") "," ($1 % 3 ? "u" : "v") }') >rows.csv
train() { # train LABEL MODEL
    "$peal" train rows.csv --label "$1" --epochs 1 --quiet --out "$2"
}
train y calm-y.safetensors
train z calm-z.safetensors

# The first job is slow between making its dataset and reading it, where strace can make it so. (Leaks cannot be looked
# for in a program that is traced.)
slow=()
if strace -o /dev/null true 2>/dev/null; then slow=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o /dev/null -e trace=rename -e inject=rename:delay_exit=1000000:when=2); fi
for trial in 1 2; do
    rm -rf "$PEAL_CACHE"
    "${slow[@]}" "$peal" train rows.csv --label y --epochs 1 --quiet --out y.safetensors &
    first=$!
    wait_for compgen -G "$PEAL_CACHE/*/manifest.json" >entry.txt
    train z z.safetensors
    wait $first
    cmp calm-y.safetensors y.safetensors || fail "a model of another job's data"
    cmp calm-z.safetensors z.safetensors || fail "a model of another job's data"
done

# The same job twice: the second waits for the first and uses what it made.
rm -rf "$PEAL_CACHE"
for i in 1 2 3 4; do "${slow[@]}" "$peal" train rows.csv --label y --epochs 1 --quiet --out same-$i.safetensors & done
wait
for i in 1 2 3 4; do cmp calm-y.safetensors same-$i.safetensors || fail "job $i of the same four has another model"; done
[ "$(find "$PEAL_CACHE" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ] || fail "not one entry: $(ls -A "$PEAL_CACHE")"

# An entry that is read is not replaced: who finds it stale meanwhile makes a dataset of its own.
epochs=$(epochs_for 15000 50 "$peal" train rows.csv --label y --model mlp)
"$peal" train rows.csv --label y --model mlp --epochs "$epochs" --quiet --out long.safetensors --run-dir long &
reader=$!
wait_for test -e long/run.json
before=$(stat -c %i "$PEAL_CACHE"/*)
echo 1,p,u >>rows.csv
TMPDIR=$work "$peal" train rows.csv --label y --epochs 1 --out other.safetensors 2>err.txt || { cat err.txt; fail "no model while the stale entry is read"; }
kill -0 $reader 2>/dev/null || skip "the reader ended too early"
[ "$(stat -c %i "$PEAL_CACHE"/*)" = "$before" ] || fail "an entry was replaced while it was read"
grep -q "201 in" err.txt || fail "not made of the new rows: $(cat err.txt)"
kill $reader
wait $reader || true
"$peal" train rows.csv --label y --epochs 1 --quiet --out again.safetensors
cmp again.safetensors other.safetensors || fail "the private dataset gave another model"
[ -z "$(find . -name '*peal-tmp*')" ] || fail "a temporary is left: $(find . -name '*peal-tmp*')"
echo ok
