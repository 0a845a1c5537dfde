#!/usr/bin/env bash
# Weights, offsets and exposures: columns beside what is learnt from, from the command line to predictions.
source tests/lib.sh

awk 'BEGIN { srand(5); print "x,hours,w,n,y"; for (i = 0; i < 400; i++) { x = rand() * 4 - 2; h = 1 + int(rand() * 9); n = 0
    for (k = 0; k < h; k++) n += rand() < 1 / (1 + exp(2 - x))
    printf "%.3f,%d,%d,%d,%s\n", x, h, i % 4, n, (x + rand() > 0.5) ? "a" : "b" } }' >rows.csv

# A weight is as many rows: the same model, whether rows stand there more than once or are weighed.
awk -F, 'NR == 1 { print "x,y" } NR > 1 { for (i = 0; i < $3; i++) print $1 "," $5 }' rows.csv >copies.csv
cut -d, -f1,3,5 rows.csv >weighed.csv
$peal etl copies.csv --label y --transform cast:columns=x,to=number --transform clip:columns=x,least=-9 --out copies --quiet
$peal etl weighed.csv --label y --weight w --transform cast:columns=x,to=number --transform clip:columns=x,least=-9 --out weighed --quiet
for dataset in copies weighed; do
    $peal train $dataset --model logistic:l2=0.001 --sync full:tolerance=1e-9 --out $dataset.st --quiet
    $peal predict $dataset.st weighed.csv --quiet | cut -c1-8 >$dataset.txt
done
cmp copies.txt weighed.txt || fail "weights are not copies"
$peal inspect weighed --json | grep -q '"role": "weight"' || fail "inspect does not show the weight"
cut -d, -f1,3 weighed.csv | $peal predict weighed.st - --quiet >bare.txt || fail "a prediction wants weights"
$peal predict weighed.st weighed.csv --quiet | cmp - bare.txt || fail "weights change predictions"

# Any number of workers gives the same bits, and every learner takes weights.
for how in 'logistic --sync full' 'logistic --sync epoch --epochs 3' 'mlp:hidden=8 --sync step --epochs 3' 'bayes'; do
    for workers in 1 2 3; do
        $peal train weighed --model $how --partitions 3 --workers $workers --out w$workers.st --quiet
    done
    cmp w1.st w2.st && cmp w1.st w3.st || fail "the bits of '$how' depend on the workers"
    $peal train copies --model $how --partitions 3 --out plain.st --quiet
    $peal eval w1.st rows.csv --json | grep -q '"accuracy": 0.[89]' || fail "$($peal eval w1.st rows.csv)"
done

# A count over an exposure: twice the hours, twice the count.
$peal train rows.csv --label n --task regress --model poisson --exposure hours --drop y --drop w --out n.st --quiet
$peal predict n.st - --quiet <<<$'x,hours\n0.5,3\n0.5,6\n-1,1' >n.txt
awk 'NR == 2 { one = $1 } NR == 3 { exit !($1 / one > 1.999999 && $1 / one < 2.000001) }' n.txt || fail "$(cat n.txt)"
expect 3 "there is no column 'hours'" $peal predict n.st - <<<$'x\n1'
expect 3 "row 2 (of the good ones): column 'hours' has no value that can be added" $peal predict n.st - <<<$'x,hours\n1,2\n1,'

# An exposure that has no logarithm is a bad row, by the line of its file, however it is written.
head -n 5 rows.csv | sed '3s/,[0-9]*,/,0,/' >zero.csv
awk -F, 'NR > 1 { printf "{\"x\": %s, \"hours\": %s, \"w\": %s, \"n\": %s, \"y\": \"%s\"}\n", $1, $2, $3, $4, $5 }' zero.csv >zero.jsonl
for how in 'zero.csv: line 3' 'zero.jsonl: line 2'; do
    expect 3 "$how: column 'hours': '0" $peal etl "${how%%:*}" --exposure hours --label n --task regress --out no
    expect 3 "an exposure is a number above 0 (--on-bad-row drop" $peal predict n.st "${how%%:*}"
done
expect 3 "line 4: column 'hours': '-2': an exposure is a number above 0" \
    $peal train - --label n --task regress --exposure hours --out no.st <<<$'x,hours,n\n1,1,2\n2,1,3\n3,-2,4\n4,2,6'
$peal predict n.st zero.csv --on-bad-row drop >n.txt 2>err.txt
grep -q '^rows: 4 in = 3 used + 1 dropped' err.txt || fail "$(cat err.txt)"
[ "$(sed -n 3p n.txt)" = "" ] && [ "$(wc -l <n.txt)" = 5 ] || fail "the bad row has no line of its own: $(cat n.txt)"
for flats in flats/flats.csv arrow/flats.arrow; do # of which 100 are on the ground floor
    $peal etl "$data/$flats" --label price --exposure floor --on-bad-row drop --out floors 2>err.txt
    grep -q ' + 100 dropped' err.txt || fail "$flats: $(cat err.txt)"
done
# Where a step makes another number of it, that one counts, and an offset of any sign is one.
$peal etl zero.csv --label n --task regress --transform clip:columns=hours,least=1 --transform exposure:columns=hours --out clipped --quiet
$peal etl zero.csv --label n --task regress --offset x --out negative --quiet

# Trees and nets add an offset to their score, too.
for model in trees:rounds=20 mlp:hidden=4; do
    $peal train rows.csv --label x --task regress --offset hours --drop w --model $model --epochs 20 --out o.st --quiet
    $peal predict o.st - --quiet <<<$'hours,n,y\n1,3,a\n11,3,a' >o.txt
    awk 'NR == 2 { one = $1 } NR == 3 { exit !($1 - one > 9.9999 && $1 - one < 10.0001) }' o.txt || fail "$model: $(cat o.txt)"
done

# What is missing leaves the row out, what cannot be is named.
sed '4s/,[0-3],/,,/' weighed.csv >gap.csv
$peal train gap.csv --label y --weight w --model logistic --out gap.st 2>err.txt
grep -q '^warning: 1 rows have no label that is known, or no weight or offset, and are left out' err.txt || fail "$(cat err.txt)"
expect 3 "line 3: column 'w': '-1': a weight is a number from 0 on (--on-bad-row drop leaves such rows out)" \
    $peal train - --label y --weight w --out no.st <<<$'x,w,y\n1,1,a\n2,-1,b\n3,1,a'
sed '4s/,[0-3],/,-0.5,/; 7s/,[0-3],/,inf,/' weighed.csv >below.csv
$peal etl below.csv --label y --weight w --on-bad-row quarantine --out below 2>err.txt
grep -q '^rows: 400 in = 398 used + 0 dropped + 2 quarantined' err.txt || fail "$(cat err.txt)"
$peal train below --model logistic --out below.st --quiet
$peal predict below.st below.csv >below.txt 2>err.txt && grep -q '^rows: 400 in = 400 used' err.txt || fail "$(cat err.txt)"
sed '4s/,[0-3],/,-0.0,/' weighed.csv | $peal etl - --label y --weight w --out no_less --quiet
expect 3 "add up to 0: no row counts" $peal train - --label y --weight w --model logistic --out no.st <<<$'x,w,y\n1,0,a\n2,0,b\n3,0,a'
expect 2 "both columns of offsets" $peal train rows.csv --label y --offset n --exposure hours --out no.st
expect 2 "an offset is added to one score" $peal train rows.csv --label w --offset n --model softmax --task classify --out no.st
expect 2 "weight: its columns must be named" $peal etl rows.csv --transform weight --out no
expect 2 "does not fit column 'y', which holds texts" $peal etl rows.csv --weight y --out no
expect 2 "is a dataset already" $peal train weighed --weight w --out no.st

# Vowpal Wabbit's importance and base are these.
awk 'BEGIN { srand(6); for (i = 0; i < 200; i++) { x = rand(); printf "%d %g 0.25 |f x:%.3f\n", (x > 0.5) ? 1 : -1, 1 + i % 3, x } }' >rows.vw
$peal train rows.vw --out vw.st --model logistic 2>err.txt
grep -Eq '^column importance +number +weight' err.txt && grep -Eq '^column base +number +offset' err.txt || fail "$(cat err.txt)"
$peal predict vw.st - --format vw --quiet <<<'|f x:0.9' | grep -q '^1,' || fail "a row of vw without importance and base"

# Rows that do not count judge nothing: half of them have no weight and a label that stands for none.
awk 'BEGIN { srand(8); print "a,b,w,y"; for (i = 0; i < 2400; i++) { a = rand() - 0.5; b = rand() - 0.5; w = rand() < 0.5
    printf "%.4f,%.4f,%d,%.4f\n", a, b, w, w ? 50 + 8 * a * b + a + 0.1 * rand() : 0 } }' >holes.csv
awk -F, 'NR == 1 || $3' holes.csv >counted.csv
for options in "--model mlp:hidden=16" "--model trees:rounds=200 --valid 0.2 --patience 5" ""; do
    # shellcheck disable=SC2086
    $peal train holes.csv --label y --weight w --task regress --out holes.st --quiet $options
    $peal eval holes.st counted.csv --json --quiet >m.json
    at_least "$(json m.json metrics.r2)" 0.8
done

# Models are compared by the rows that count: held-out rows of weight 0 do not hide that a class is there often enough.
awk 'BEGIN { srand(5); print "x,w,y"; for (i = 0; i < 900; i++) { x = rand()
    printf "%.6f,%d,%s\n", x, i % 9 == 0, (x > 0.3 && x < 0.7) ? "in" : "out" } }' >band.csv
$peal train band.csv --label y --weight w --out band.st 2>err.txt || fail "$(cat err.txt)"
grep -Eq 'model: (trees|mlp) is chosen' err.txt || fail "no line tells a band: $(grep chosen err.txt)"
echo ok
