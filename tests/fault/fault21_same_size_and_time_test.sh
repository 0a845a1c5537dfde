#!/usr/bin/env bash
# Another content with the same size and time of modification is not taken for the old one, neither from the cache nor
# with --resume, nor for labels that stand in a file of their own; the same content with another time is.
source tests/lib.sh

seq 1 100 | awk 'BEGIN { print "x,y" } { print 100 + $1 "," $1 % 2 }' >rows.csv
touch -d "2026-01-01 12:00:00" rows.csv
$peal train rows.csv --label y --epochs 1 --out a.safetensors --quiet
$peal etl rows.csv --label y --out d --quiet
expect 0 "is up to date" $peal train rows.csv --label y --epochs 1 --out a.safetensors

sed 's/^1\(..\),/2\1,/' rows.csv >other.csv
[ "$(stat -c %s rows.csv)" = "$(stat -c %s other.csv)" ] || fail "the test's own files"
cat other.csv >rows.csv # the same inode
touch -d "2026-01-01 12:00:00" rows.csv
expect 0 "rows.csv changed its content" $peal train rows.csv --label y --epochs 1 --out b.safetensors
cmp -s a.safetensors b.safetensors && fail "the model is that of the old content"
$peal etl rows.csv --label y --out d --resume --quiet
$peal etl other.csv --label y --out e --quiet
cmp d/train-00000.arrow e/train-00000.arrow || fail "--resume kept the old content"

# The same content under another time, and as another file, is the same.
touch rows.csv
expect 0 "is up to date" $peal train rows.csv --label y --epochs 1 --out b.safetensors
cp rows.csv copy.csv
mv copy.csv rows.csv
expect 0 "is up to date" $peal train rows.csv --label y --epochs 1 --out b.safetensors

# IDX: two images of 2 x 2, and labels of their own.
printf '\0\0\10\3\0\0\0\2\0\0\0\2\0\0\0\2\1\2\3\4\5\6\7\10' >images
printf '\0\0\10\1\0\0\0\2\0\1' >labels
$peal etl images labels --out idx --quiet
printf '\0\0\10\1\0\0\0\2\1\0' >labels
$peal etl images labels --out idx --resume --json --quiet >idx.json
grep -q '"up_to_date": *true' idx.json && fail "the old labels were kept"
$peal etl images labels --out idx --resume --json --quiet >idx.json
grep -q '"up_to_date": *true' idx.json || fail "the same labels were done again"
echo ok
