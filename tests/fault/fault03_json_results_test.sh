#!/usr/bin/env bash
# Bytes that are not UTF-8 are refused by name or kept escaped; no failure of the JSON library passes unseen.
source tests/lib.sh

# Numbers whose mean or spread is no number have no JSON: the column is named.
printf 'a,y\n1e308,1.5\n-1e308,2.5\n1e308,3.5\n-1e308,0.5\n' >huge.csv
expect 3 "column 'a'" timeout 60 $peal etl huge.csv --label y --out huge.ds --quiet
[ ! -e huge.ds ] || fail "a dataset was made"

# A bad row that is not UTF-8 stands in quarantine.jsonl, escaped.
printf 'a,b,y\n1,x,u\n2,z\xff,v\n3,x,v\n4,x,u\n' >bad.csv
$peal etl bad.csv --label y --on-bad-row quarantine --out bad.ds --quiet
grep -qF '"text":"2,z\\xff,v"' bad.ds/quarantine.jsonl || fail "$(cat bad.ds/quarantine.jsonl)"

# A label of the caller's that is not UTF-8.
expect 2 'wants text in UTF-8' timeout 60 $peal etl bad.csv --label $'y\xff' --out other.ds --quiet
[ ! -e other.ds ] || fail "a dataset was made"
