#!/usr/bin/env bash
# What a folder has beside files is left out with a word; a folder with nothing else is an error that says what it has.
source tests/lib.sh

mkdir -p all/a all/b only/x
printf 'x,y\n1,0\n2,1\n' >all/rows.csv
cp all/rows.csv elsewhere.csv
ln -s ../elsewhere.csv all/link.csv
expect 0 "the folder all: left out: 2 folders (a, b)" $peal etl all --label y --out d
grep -q '"in": 4' d/manifest.json || fail "the file and the link: $(grep '"in"' d/manifest.json)"
expect 0 "left out: 2 folders (a, b)" $peal train all --label y --epochs 1 --out m.safetensors
expect 3 "the folder only has no files; left out: 1 folder (x)" $peal etl only --label y --out e
for i in 1 2 3 4 5 6 7; do mkdir all/more$i; done
expect 0 "left out: 9 folders (a, b, more1, more2, more3, ...)" $peal etl all --label y --out d
ln -s nowhere.csv all/lost.csv
expect 3 "cannot look at all/lost.csv" $peal etl all --label y --out d
echo ok
