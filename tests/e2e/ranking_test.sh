#!/usr/bin/env bash
# Rows of queries are ranked: beside LightGBM on the same rows; the same bits for any number of workers and partitions,
# after deaths and a resume; queries that no split cuts; rows and labels that are refused.
#
# What LightGBM 4.7.0 reaches is of lightgbm.train({"objective": "lambdarank" or "rank_xendcg", "metric": ["ndcg",
# "map"], "eval_at": 10, "num_threads": 1, "deterministic": True, "seed": 1, "verbose": -1}, Dataset(train, label,
# group), 30) on the held-out queries of the files that this script makes; the mean over five numbers of bins (max_bin), for
# where the edges fall moves each by some thousandths.
source tests/lib.sh

# Numbers between 0 and 1 that no awk and no machine makes otherwise (Lewis, Goodman and Miller 1969). The queries of
# mixed.csv are those of train.csv in another order: no two rows of one stand together.
awk '
function uniform() { state = state * 16807 % 2147483647; return state / 2147483647 }
BEGIN {
    state = 20
    for (q = 0; q < 320; q++) {
        file = q < 240 ? "train.csv" : "test.csv"
        if (q == 0 || q == 240) print "q,a,b,c,d,w,y" >file
        level = uniform() * 2; count = 5 + int(uniform() * 40)
        for (i = 0; i < count; i++) {
            a = int(uniform() * 400) / 100; b = int(uniform() * 400) / 100; c = int(uniform() * 400) / 100
            s = sin(2 * a) + (c > 2 ? 0.5 * b : 0) + level + 1.5 * (uniform() + uniform() - 1)
            y = s > 4 ? 4 : s > 3 ? 3 : s > 2.3 ? 2 : s > 1.5 ? 1 : 0
            printf "s%d,%g,%g,%g,%.2f,%d,%d\n", q, a, b, c, level, 1 + i % 3, y >file
        }
    }
}'
awk -F, 'NR == 1 { print } NR > 1 { row[$1, n[$1]++] = $0; if (!($1 in at)) { at[$1] = queries; name[queries++] = $1 } }
    END { for (i = 0; i < 50; i++) for (q = 0; q < queries; q++) if (i < n[name[q]]) print row[name[q], i] }' train.csv >mixed.csv
for table in train mixed; do
    $peal etl $table.csv --label y --query q --drop w --transform bins:columns=numbers --out $table.ds --quiet 2>etl.txt
done
$peal inspect train.ds --json | tr -d ' \n' | grep -q '"role":"query"' || fail "inspect does not show the query"

# beside OBJECTIVE NDCG: no worse than LightGBM's at 10 by more than so few queries let it
beside() {
    local bins got=""
    for bins in 127 200 230 250 255; do
        $peal train bins-$bins.ds --model "trees:rounds=30,objective=$1" --out "$1.safetensors" --quiet
        $peal eval "$1.safetensors" test.csv --json --quiet >out.json
        got+=" $(json out.json 'ndcg@10')"
    done
    got=$(awk '{ for (i = 1; i <= NF; i++) s += $i; print s / NF }' <<<"$got")
    echo "$1 $got, LightGBM $2"
    at_least "$got" "$(awk -v x="$2" 'BEGIN { print x - 0.012 }')"
}
for bins in 127 200 230 250 255; do
    $peal etl train.csv --label y --query q --drop w --transform bins:columns=numbers,buckets=$bins --out bins-$bins.ds --quiet
done
beside lambdarank 0.880287
beside rank_xendcg 0.869557
$peal eval lambdarank.safetensors test.csv >out.txt 2>/dev/null
grep -Eq '^ndcg@1 0\.[0-9]{4}, ndcg@5 0\.[0-9]{4}, ndcg@10 0\.[0-9]{4}, map@10 0\.[0-9]{4}; 80 queries$' out.txt || fail "$(cat out.txt)"
if grep -q rmse out.txt; then fail "scores that are no numbers have an rmse"; fi
cut -d, -f2-5 test.csv | $peal predict lambdarank.safetensors - --quiet >bare.txt || fail "a prediction wants queries"
$peal predict lambdarank.safetensors test.csv --quiet | cmp - bare.txt || fail "queries change predictions"
expect 3 "'q'" $peal eval lambdarank.safetensors - <<<$'a,b,c,d,y\n1,2,3,1,0'

# One to four workers at once, whatever queries their rows cut; trees that do not know partitions.
seed=${PEAL_FAULT_SEED:-$RANDOM}
RANDOM=$seed
crowd() { env LD_PRELOAD="$root/tests/more_cpus.so" TEST_CPUS=4 "$peal" "$@"; }
for job in train/lambdarank mixed/lambdarank,rows=0.7 mixed/rank_xendcg; do
    options=(train "${job%%/*}.ds" --model "trees:rounds=8,objective=${job#*/}" --quiet)
    crowd "${options[@]}" --partitions 4 --workers 1 --out one.safetensors
    for workers in 2 3 4; do
        crowd "${options[@]}" --partitions 4 --workers $workers --out more.safetensors
        cmp one.safetensors more.safetensors || fail "the model of $job depends on --workers $workers"
    done
    $peal predict one.safetensors test.csv --quiet >one.txt
    "$peal" "${options[@]}" --partitions 1 --out one.safetensors
    $peal predict one.safetensors test.csv --quiet | cmp - one.txt || fail "the trees of $job depend on partitions"
done

# A death, and a job that dies and goes on.
options=(train mixed.ds --model trees:objective=lambdarank --partitions 3 --deaths 100 --valid 0.2)
epochs=$(epochs_for 400 20 "$peal" "${options[@]}" --workers 2)
options+=(--epochs "$epochs")
"$peal" "${options[@]}" --workers 1 --run-dir calm.run --out calm.safetensors --quiet
"$peal" "${options[@]}" --workers 2 --out killed.safetensors 2>log.txt &
job=$!
for kill in 1 2; do
    sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
    worker=$(child $job $((1 + RANDOM % 2)))
    [ -n "$worker" ] || break
    kill -9 "$worker" 2>/dev/null || true
done
wait $job || { cat log.txt; fail "the job did not go on"; }
cmp calm.safetensors killed.safetensors || fail "the model changed after a death (seed $seed)"
"$peal" "${options[@]}" --workers 2 --run-dir dead.run --checkpoint-seconds 0 --out dead.safetensors --quiet 2>log.txt &
job=$!
for wait in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(cat dead.run/metrics.jsonl 2>/dev/null | wc -l)" -lt 3 ] || break
    sleep 0.2
done
kill -9 $job 2>/dev/null || true
wait $job 2>/dev/null || true
"$peal" "${options[@]}" --workers 3 --run-dir dead.run --resume --out dead.safetensors --quiet 2>log.txt || { cat log.txt; fail "no resume"; }
cmp calm.safetensors dead.safetensors || fail "the model changed by a resume"
told() { tail -n 1 $1.run/metrics.jsonl | grep -o '"valid": *{[^}]*}'; }
[ "$(told calm)" = "$(told dead)" ] || fail "the metrics changed by a resume"
told calm | grep -q '"ndcg@10"' && told calm | grep -q '"map@3"' || fail "$(told calm)"

# Held-out rows are whole queries, and so are splits.
$peal train mixed.csv --label y --query q --model trees:objective=lambdarank,rounds=3,at=4 --valid 0.25 --out v.safetensors 2>err.txt
grep -Eq 'epoch 3/3: loss 0\.[0-9]+, valid ndcg@4 0\.[0-9]{4}, map@4 0\.[0-9]{4}$' err.txt || fail "$(cat err.txt)"
grep -Eq '^best: .*ndcg@4.*; 60 queries$' err.txt || fail "$(cat err.txt)"
$peal etl mixed.csv --label y --query q --transform split:test=0.25 --transform bins:columns=numbers --out s.ds --quiet
$peal train s.ds --model trees:objective=lambdarank,rounds=3 --out s.safetensors --quiet
$peal eval s.safetensors s.ds --quiet >out.txt
kept=$(sed -n 's/.*; \([0-9]*\) queries$/\1/p' out.txt)
$peal train s.ds --model trees:objective=lambdarank,rounds=1 --valid s.ds --out s.safetensors 2>err.txt
grep -q "; $kept queries\$" err.txt || fail "$(cat err.txt)"
[ "$kept" -gt 30 ] && [ "$kept" -lt 90 ] || fail "$kept of 240 queries are a quarter"

# Where nothing is said of a model: labels that are ranks choose one, others do not.
$peal train train.csv --label y --query q --drop w --out default.safetensors 2>err.txt
grep -q '^model: trees:objective=lambdarank is chosen: rows have queries, and labels are whole numbers from 0 to 4$' err.txt || fail "$(cat err.txt)"
grep -q '^stopped early\|^best: epoch' err.txt || fail "$(cat err.txt)"
$peal train train.csv --label b --query q --drop w --drop y --model linear --out number.safetensors --quiet
$peal eval number.safetensors test.csv --quiet >out.txt
grep -q '^rmse' out.txt || fail "$(cat out.txt)"
if grep -q ndcg out.txt; then fail "numbers that are no ranks have an ndcg"; fi
$peal train train.csv --label y --query q --drop w --model linear --out linear.safetensors --quiet
$peal eval linear.safetensors test.csv --quiet | grep -Eq '^rmse .*, r2 [-0-9.]*, ndcg@10 0[0-9.]*, map@10 0[0-9.]*; 80 queries$' || fail "a linear model's ranks are not told"

# Few queries: none is held out where nothing is said, one at least where it is, but none of one.
sed -n '1,120p' train.csv >few.csv
$peal train few.csv --label y --query q --drop w --out few.safetensors 2>err.txt
grep -q '; 119 rows to train on, 0 to validate$' err.txt || fail "$(cat err.txt)"
$peal train few.csv --label y --query q --model trees:objective=lambdarank,rounds=3 --valid 0.01 --out few.safetensors 2>err.txt
grep -q '; 1 queries$' err.txt || fail "$(cat err.txt)"
sed -n '1p;/^s0,/p' train.csv >one.csv
expect 3 "all rows to train on are of one query, which cannot be cut" \
    $peal train one.csv --label y --query q --model trees:objective=lambdarank --valid 0.5 --out no.safetensors

# An export, and what LightGBM's file then says here.
$peal export lambdarank.safetensors --to lightgbm --out model.txt --quiet
grep -q '^objective=lambdarank' model.txt || fail "$(grep objective model.txt)"
$peal import model.txt --out back.safetensors --quiet
$peal predict back.safetensors test.csv --quiet | paste -d, - bare.txt |
    awk -F, 'NR > 1 && ($1 - $2 > 1e-6 || $2 - $1 > 1e-6) { exit 1 }' || fail "the imported model ranks otherwise"
expect 2 "it was imported without one" $peal eval back.safetensors test.csv
$peal import model.txt --label y --query q --out back.safetensors --quiet
$peal eval back.safetensors test.csv --quiet >out.txt
$peal eval lambdarank.safetensors test.csv --quiet | cmp - out.txt || fail "the imported model is judged otherwise"
expect 2 "a feature of the model is called 'a'" $peal import model.txt --query a --out no
expect 2 "the label is called 'y'" $peal import model.txt --label y --query y --out no

# A row without a query is bad; labels must be ranks; queries there must be.
sed '7s/^s[0-9]*,/,/' train.csv >nameless.csv
expect 3 "nameless.csv: line 7: the query 'q' is missing" $peal etl nameless.csv --label y --query q --out no
$peal etl nameless.csv --label y --query q --on-bad-row quarantine --out some.ds --quiet
grep -q "the query 'q' is missing" some.ds/quarantine.jsonl || fail "$(ls some.ds)"
expect 3 "line 2: the query 'q' is missing" $peal eval lambdarank.safetensors - <<<$'q,a,b,c,d,y\n,1,2,3,1,0'
refuse() { # refuse CODE WORDS MODEL FILE ARGUMENTS...
    expect "$1" "$2" $peal train "$4" --label y --drop w --model "$3" "${@:5}" --out no.safetensors --quiet
    [ ! -e no.safetensors ] || fail "there is a model"
}
sed '9s/[^,]*$/2.5/' train.csv >half.csv
sed '9s/[^,]*$/-1/' train.csv >below.csv
refuse 3 "row 8: the label is 2.5; the objective 'lambdarank' learns how relevant rows are, by whole numbers from 0 to 30" \
    trees:objective=lambdarank half.csv --query q
refuse 3 "and the least one is -1" trees:objective=rank_xendcg below.csv --query q
refuse 3 "by whole numbers from 0 to 2 (label_gain)" trees:objective=lambdarank,label_gain=0x1x3 train.csv --query q
refuse 2 "name the column that tells them (--query)" trees:objective=lambdarank train.csv --task regress
refuse 2 "learns numbers, but the label has 5 classes" trees:objective=lambdarank train.csv --query q --task classify
refuse 2 "truncation is of the objective lambdarank, not of 'squared'" trees:objective=mse,truncation=3 train.csv --query q
expect 3 "row 1 (of the good ones): the label is 0.5, but the model ranks by whole numbers from 0 to 30" \
    $peal eval lambdarank.safetensors - <<<$'q,a,b,c,d,y\nx,1,2,3,1,0.5'
expect 2 "both columns of queries" $peal etl train.csv --label y --query q --transform query:columns=w --out no
expect 2 "is a dataset already" $peal train train.ds --query q --out no.safetensors

# A column of an Arrow file is what it is in CSV.
$peal etl "$data/arrow/flats.arrows" --label price --query rooms --transform keep:columns=district --out arrow.ds --quiet
$peal etl "$data/flats/flats.csv" --label price --query rooms --transform keep:columns=district --out csv.ds --quiet
cmp arrow.ds/train-00000.arrow csv.ds/train-00000.arrow || fail "texts of an Arrow file are others"

# qid of libsvm is a query by itself.
printf '1 qid:1 1:2\n0 qid:1 1:3\n2 qid:2 2:1\n0 qid:2 1:1\n' >q.svm
$peal etl q.svm --out q.ds 2>err.txt
grep -Eq '^column qid +text +query$' err.txt && grep -Eq '^column label +number +label$' err.txt || fail "$(cat err.txt)"
echo ok
