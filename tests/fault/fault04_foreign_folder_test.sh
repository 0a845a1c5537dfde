#!/usr/bin/env bash
# Only a folder that is wholly a dataset of Peal's, or empty, is replaced: what else stands in it is named and stays.
source tests/lib.sh

(echo a,y; seq 200 | awk '{ print $1 % 7 "," ($1 % 7 > 3 ? "p" : "q") }') >rows.csv
job=("$peal" etl rows.csv --label y --quiet --out)

stays() { # stays FOLDER NAMED: the job is refused, names what is in the way, and changes nothing
    ls -AR "$1" >before.txt
    find "$1" -type f -exec cat {} + >>before.txt
    expect 2 "$2" "${job[@]}" "$1"
    expect 2 "$2" "${job[@]}" "$1" --resume
    ls -AR "$1" >after.txt
    find "$1" -type f -exec cat {} + >>after.txt
    cmp before.txt after.txt || fail "$1 was changed"
}

mkdir manifest && echo '{"kind": "something else"}' >manifest/manifest.json
stays manifest manifest.json
mkdir forged && echo '{"pipeline": {}, "splits": {"train": {"shards": [{"file": "notes.txt"}]}}}' >forged/manifest.json && echo notes >forged/notes.txt
stays forged notes.txt

"${job[@]}" d
for thing in note.txt model.safetensors train-00099.arrow quarantine.jsonl.old; do
    echo mine >d/$thing
    stays d $thing
    rm d/$thing
done
mkdir d/folder && echo mine >d/folder/file
stays d folder
rm -r d/folder
ln -s ../rows.csv d/quarantine.jsonl
stays d quarantine.jsonl
rm d/quarantine.jsonl
mkfifo d/pipe
stays d pipe
rm d/pipe

"${job[@]}" d
mkdir empty
"${job[@]}" empty
"$peal" inspect empty >/dev/null
ln -s d link
"${job[@]}" link
[ -L link ] && "$peal" inspect d >/dev/null || fail "the link was replaced, and not what it names"

# A run is begun only in a folder whose files are a run's.
mkdir run && echo '{"mine": 1}' >run/metrics.jsonl
expect 2 metrics.jsonl "$peal" train d --epochs 1 --out m.safetensors --run-dir run
[ "$(ls run)" = metrics.jsonl ] || fail "trials were written into a folder that is no run's: $(ls run)"
grep -q mine run/metrics.jsonl || fail "metrics of another program were removed"
[ -z "$(find . -name '*peal-tmp*')" ] || fail "a temporary is left"
echo ok
