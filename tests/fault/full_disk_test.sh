#!/usr/bin/env bash
# A full disk: a named error, no torn output, nothing left.
source tests/lib.sh

mkdir small
mount -t tmpfs -o size=200k tmpfs small 2>/dev/null || skip "a small file system cannot be mounted here"
trap 'umount small' EXIT
expect 1 "No space left on device" $peal etl "$data/digits/train-*.csv.gz" --label digit --out small/d
[ -z "$(ls -A small)" ] || fail "left on the full disk: $(ls -A small)"
$peal etl "$data/digits/train-*.csv.gz" --label digit --out d --quiet
expect 1 "No space left on device" $peal train d --model mlp:hidden=300x300 --epochs 1 --out small/m.safetensors --run-dir run
[ -z "$(ls -A small)" ] || fail "left on the full disk: $(ls -A small)"
expect 1 "No space left on device" $peal train d --model mlp:hidden=300x300 --epochs 1 --out m.safetensors --run-dir small/run
[ -e m.safetensors ] && fail "a model although its run could not be written"
row=$(zcat "$data/digits/test.csv.gz" | sed -n 2p)
for i in $(seq 20000); do echo "$row"; done >rows.txt
(zcat "$data/digits/test.csv.gz" | sed -n 1p; cat rows.txt) >many.csv
$peal train d --epochs 1 --out m.safetensors --quiet
rm -rf small/*
expect 1 "No space left on device" $peal predict m.safetensors many.csv --out small/p.csv
[ -z "$(ls -A small)" ] || fail "left on the full disk: $(ls -A small)"
echo ok
