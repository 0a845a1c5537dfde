#!/usr/bin/env bash
# Trees over a text column of more categories than a feature has bins: they go by the mean of what is learnt of them, of
# other rows than the one that is trained on.
source tests/lib.sh

# 900 shops of about 9 rows each, every one with its own level; a column of names that say nothing; some rows have no shop.
awk 'BEGIN { srand(3); for (s = 0; s < 900; s++) level[s] = 3 * rand()
    for (i = 0; i < 11000; i++) { s = int(rand() * 900); x = rand(); y = level[s] + x + 0.6 * (rand() - 0.5)
        if (i == 0) { print "shop,name,x,y,class" >"train.csv"; print "shop,name,x,y,class" >"test.csv" }
        printf "%s,n%d,%.3f,%.3f,%s\n", (rand() < 0.03 ? "" : "s" s), int(rand() * 4000), x, y, (y > 2.6 ? "high" : y > 1.4 ? "mid" : "low") \
            >(i < 8000 ? "train.csv" : "test.csv") } }'
learn() { "$peal" train train.csv --label "$1" --drop "$2" --model "$3" --out "$4" --quiet "${@:5}"; }
score() { "$peal" eval "$1" test.csv --json --quiet >m.json; json m.json "metrics.$2"; }

learn y class trees by.safetensors
learn y class trees:means=0 without.safetensors
at_least "$(score by.safetensors r2)" 0.88
awk "BEGIN { exit !($(score by.safetensors r2) > $(score without.safetensors r2) + 0.1) }" || fail "means do not help: $(score without.safetensors r2)"
learn class y trees classes.safetensors
learn class y trees:means=0 classes_without.safetensors
awk "BEGIN { exit !($(score classes.safetensors accuracy) > $(score classes_without.safetensors accuracy) + 0.03) }" || fail "means do not help classes"

# What was learnt of the rows themselves would look better on them than on others by far; names that say nothing do no harm.
cut -d, -f2- train.csv >names.csv
"$peal" train names.csv --label y --drop class --model trees --out names.safetensors --quiet
cut -d, -f2- test.csv >names.test.csv
"$peal" eval names.safetensors names.test.csv --json --quiet >m.json
at_least "$(json m.json metrics.r2)" 0.02

# The same trees for any number of workers and partitions.
for options in "--workers 1 --partitions 1" "--workers 3 --partitions 4" "--workers 2 --partitions 16"; do
    # shellcheck disable=SC2086
    learn y class trees other.safetensors $options
    "$peal" predict by.safetensors test.csv --quiet >a.txt
    "$peal" predict other.safetensors test.csv --quiet | cmp - a.txt || fail "other trees with $options"
done

# Twelve rounds and eight more are twenty; rows that the model has not learnt from go on from it, too.
for target in "y class" "class y"; do
    read -r label drop <<<"$target"
    "$peal" etl train.csv --label "$label" --drop "$drop" --transform bins --out "$label.ds" --quiet
    "$peal" train "$label.ds" --model trees:rounds=20 --out all.safetensors --quiet
    "$peal" train "$label.ds" --model trees:rounds=12 --out first.safetensors --quiet
    "$peal" train "$label.ds" --model trees:rounds=8 --init first.safetensors --out both.safetensors --quiet --workers 2
    "$peal" predict all.safetensors test.csv --quiet >a.txt
    "$peal" predict both.safetensors test.csv --quiet | cmp - a.txt || fail "12 rounds and 8 more of $label are not 20"
done
"$peal" etl test.csv --like class.ds --out other.ds --quiet
"$peal" train other.ds --model trees:rounds=8 --init first.safetensors --out both.safetensors --quiet
expect 2 "leave means out" "$peal" train y.ds --model trees:means=9 --init by.safetensors --out no.safetensors
"$peal" train y.ds --model trees:means=0,rounds=5 --out none.safetensors --quiet
"$peal" train y.ds --init none.safetensors --out both.safetensors --quiet

# Contributions add up, categories that no row had are all alike, and the file of another program says the same.
"$peal" predict by.safetensors test.csv --raw --quiet | tail -n +2 >raw.txt
"$peal" predict by.safetensors test.csv --contributions --quiet | tail -n +2 |
    awk -F, '{ s = 0; for (i = 1; i <= NF; i++) s += $i; print s }' | paste -d, raw.txt - |
    awk -F, '{ d = $1 - $2; if (d * d > 1e-10) exit 1 }' || fail "contributions do not add up"
printf 'shop,name,x\nnever,n1,0.5\nnorever,n1,0.5\n' | "$peal" predict by.safetensors - --quiet | tail -n +2 >unseen.txt
[ "$(sort -u unseen.txt | wc -l)" = 1 ] || fail "unknown shops differ"
awk '{ exit !($1 > 1.4 && $1 < 2.6) }' unseen.txt || fail "an unknown shop is not like the others: $(cat unseen.txt)"
"$peal" export by.safetensors --to lightgbm --out model.txt --quiet
grep -q '^internal_count=' model.txt || fail "the file does not tell how its trees came about"
"$peal" import model.txt --out back.safetensors --quiet 2>/dev/null

expect 2 "means" "$peal" train y.ds --model trees:means=-2 --out no.safetensors
