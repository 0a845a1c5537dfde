#!/usr/bin/env bash
# peal cache lists the cached datasets and removes those that are wholly Peal's, and nothing else.
source tests/lib.sh

[ "$($peal cache --json | jq '.datasets | length')" = 0 ] || fail "a cache that is not there is not empty"
for name in train-0 train-1 train-2; do
    cp "$data/digits/$name.csv.gz" .
    $peal train $name.csv.gz --label digit --epochs 1 --out m.st --quiet
done
$peal cache --json >list.json
[ "$(jq '.datasets | length' list.json)" = 3 ] || fail "not three: $(cat list.json)"
jq -e '.datasets[] | select(.inputs[0] == "train-1.csv.gz") | .rows > 300 and .bytes > 1000 and .age_seconds < 1000' list.json >/dev/null ||
    fail "$(cat list.json)"
$peal cache >list.txt
grep -q "made of train-0.csv.gz" list.txt && grep -q "^3 datasets" list.txt || fail "$(cat list.txt)"
first=$(jq -r '.datasets[0].path' list.json) second=$(jq -r '.datasets[1].path' list.json)

# A damaged one is made anew, whatever of it is damaged, and what another program put there still stands in the way.
third=$(jq -r '.datasets[2].path' list.json)
input=$(jq -r '.datasets[2].inputs[0]' list.json)
again() { $peal train "$input" --label digit --epochs 1 --out again.st --quiet; }
again && cp again.st whole.st
echo junk >"$third/manifest.json"
[ "$($peal cache --json | jq '.datasets[2].damaged')" = true ] || fail "a damaged dataset is listed as a whole one"
$peal cache | grep -q damaged || fail "a damaged dataset is shown as a whole one"
again
cmp again.st whole.st || fail "another model from the dataset that was made anew"
[ "$($peal cache --json | jq '.datasets[2].damaged')" = false ] || fail "it is still damaged"
rm "$third/manifest.json" && again
echo '{"kind": "another"}' >"$third/manifest.json"
echo keep >"$third/notes.txt"
expect 2 "holds what is no part of a cached dataset (notes.txt)" $peal train "$input" --label digit --out n.st
rm "$third/notes.txt"
$peal cache clear "$third" >/dev/null && again

# By key, by path, and all.
$peal cache clear "$(basename "$first")" >/dev/null
[ ! -e "$first" ] && [ -e "$second" ] || fail "not the one named by its key"
mkdir "$PEAL_CACHE/person"
echo keep >"$PEAL_CACHE/person/notes.txt"
echo '{"kind": "another"}' >"$PEAL_CACHE/person/manifest.json"
echo keep >"$second/notes.txt"
expect 2 "holds what is no part of a cached dataset (notes.txt)" $peal cache clear "$second"
expect 2 "holds what is no part of a cached dataset" $peal cache clear
rm "$second/notes.txt"
expect 2 "holds no dataset 'person'" $peal cache clear person
$peal etl train-0.csv.gz --label digit --out elsewhere --quiet
expect 2 "holds no dataset 'elsewhere'" $peal cache clear elsewhere
expect 2 "did you mean 'clear'" $peal cache cler
$peal cache clear "$second/" >/dev/null
[ ! -e "$second" ] || fail "not the one named by its path"
$peal cache clear --json >cleared.json
[ -d elsewhere ] && [ "$(cat "$PEAL_CACHE/person/notes.txt")" = keep ] || fail "too much is gone"
[ "$($peal cache --json | jq '.datasets | length')" = 0 ] || fail "something is left"
echo ok
