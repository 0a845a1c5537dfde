#!/usr/bin/env bash
# File names are bytes: one that is not UTF-8 works wherever a file is named. What goes into a job must be UTF-8, and an
# option that is not is named, with its value escaped, and never left out.
source tests/lib.sh

latin=$(printf 'caf\xe9')
for i in 0 1 2; do cp "$data/digits/train-$i.csv.gz" "$latin-$i.csv.gz"; done
cp "$data/digits/train-0.csv.gz" plain.csv.gz
zcat ./*.csv.gz | grep -vc p00 >rows.txt
$peal etl ./*.csv.gz --label digit --out "$latin.ds" --json --quiet >etl.json
[ "$(json etl.json rows.used)" = "$(cat rows.txt)" ] || fail "rows are lost: $(cat etl.json)"
cp plain.csv.gz "$latin.csv.gz"
$peal etl "$latin.csv.gz" --like "$latin.ds" --out "$latin.like" --quiet
printf 'label: digit\n' >"$latin.yaml"
$peal etl "$latin.csv.gz" --job "$latin.yaml" --out "$latin.job" --quiet
$peal train "$latin.ds" --model softmax --epochs 1 --valid "$latin.csv.gz" --out "$latin.st" --run-dir "$latin.run" --quiet
$peal train "$latin-1.csv.gz" --label digit --model softmax --epochs 1 --out second.st --quiet
$peal eval "$latin.st" "$latin.csv.gz" --quiet >/dev/null
$peal predict "$latin.st" "$latin.csv.gz" --out "$latin.predictions" --quiet
for path in "$latin.ds" "$latin.st" "$latin.run" "$latin.ds/train-00000.arrow"; do
    $peal inspect "$path" --json | jq -e . >/dev/null || fail "inspect $path"
done
$peal cache --json | jq -e '.datasets | length == 2' >/dev/null || fail "the cache: $($peal cache --json)"
[ -s "$latin.predictions" ] && [ -s "$latin.st" ] || fail "outputs"

refused() { # refused OPTION VALUE
    expect 2 "$1" $peal etl plain.csv.gz --label digit "$1" "$2" --out refused
    grep -qF 'caf\xe9' err.txt || fail "the value is not shown escaped: $(cat err.txt)"
    [ -e refused ] && fail "a dataset although $1 was not understood"
    return 0
}
for option in --drop --null --format --task --delimiter --header --on-bad-row; do refused $option "$latin"; done
refused --type "$latin=text"
refused --transform "minmax:columns=$latin"
for option in --model --optimizer --schedule --sync --outer; do
    expect 2 "$option" $peal train plain.csv.gz --label digit $option "$latin" --out refused
done
expect 2 "--label wants text in UTF-8" $peal etl plain.csv.gz --label "$latin" --out refused
echo ok
