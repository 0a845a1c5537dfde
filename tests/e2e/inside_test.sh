#!/usr/bin/env bash
# Looking inside boosted trees: importance, trees as text and graph, leaves, raw scores and contributions.
source tests/lib.sh

awk 'BEGIN { srand(1); print "age,hours,job,y,class"; split("clerk smith baker nurse cook", jobs, " ")
    for (i = 0; i < 600; i++) { age = i % 60 + 20; h = i * 7 % 40; job = i * 11 % 5 + 1
        y = (age > 40) * 3 + (h < 10) + (job == 2) * 2
        print age "," (i % 9 ? h : "") "," jobs[job] "," y "," (y > 3 ? "high" : y > 1 ? "middle" : "low") } }' >rows.csv
$peal train rows.csv --label y --drop class --model trees:rounds=3,leaves=4,rate=0.5 --task regress --out y.st --quiet
$peal train rows.csv --label class --drop y --model trees:rounds=5,leaves=6 --out class.st --quiet

# What a tree is, for people and for Graphviz.
cat >tree.txt <<'TEXT'
tree 1 of 3: 4 leaves
age < 40.5 (gain 1237.51, 600 rows)
  yes: leaf 0: -0.9785714 (210 rows)
  no: job is baker or smith (gain 66.8828, 390 rows)
    yes: job is baker (gain 159.995, 160 rows)
      yes: leaf 1: 0.325 (80 rows)
      no: leaf 3: 1.325 (80 rows)
    no: leaf 2: 0.3195652 (230 rows)
TEXT
cat >tree.dot <<'TEXT'
digraph tree_1 {
  node [shape=box];
  0 [label="age < 40.5\ngain 1237.51\n600 rows"];
  0 -> 3 [label="yes"];
  0 -> 1 [label="no"];
  1 [label="job is baker or smith\ngain 66.8828\n390 rows"];
  1 -> 2 [label="yes"];
  1 -> 5 [label="no"];
  2 [label="job is baker\ngain 159.995\n160 rows"];
  2 -> 4 [label="yes"];
  2 -> 6 [label="no"];
  3 [label="-0.9785714\n210 rows", style=rounded];
  4 [label="0.325\n80 rows", style=rounded];
  5 [label="0.3195652\n230 rows", style=rounded];
  6 [label="1.325\n80 rows", style=rounded];
}
TEXT
$peal inspect y.st --tree 1 >got.txt
diff tree.txt got.txt || fail "the tree"
$peal inspect y.st --tree 1 --to dot >got.dot
diff tree.dot got.dot || fail "the graph"
command -v dot >/dev/null && { dot -Tsvg got.dot >/dev/null || fail "Graphviz does not take the graph"; }
$peal inspect y.st --tree 3 --json | jq -e '.tree == 3 and .trees == 3 and (.nodes | length) == 7 and .nodes[0].rows == 600' >told.txt ||
    fail "$(cat told.txt)"
[ "$($peal inspect class.st --tree 5 --json | jq -r .class)" = low ] || fail "the second tree of a round is of the second class"

# What columns serve for, in inspect.
$peal inspect y.st | sed -n '/^importance/,$p' >importance.txt
[ "$(sed -n 2p importance.txt | cut -d= -f1)" = "  - age gain" ] || fail "$(cat importance.txt)"
$peal inspect y.st --json | jq -e '[.importance[].splits] | add == 9' >told.txt || fail "$(cat told.txt)"
$peal inspect y.st --json | jq -e '[.importance[].share] | add - 1 | fabs < 1e-12' >told.txt || fail "$(cat told.txt)"

# Contributions add up to the raw score, which is the number itself or becomes the probabilities.
for model in y class; do
    for view in raw leaves contributions; do $peal predict $model.st rows.csv --$view --quiet >$model.$view.csv; done
    $peal predict $model.st rows.csv --quiet >$model.csv
    [ "$(wc -l <$model.contributions.csv)" = 601 ] || fail "$model: rows are missing"
done
[ "$(head -1 y.contributions.csv)" = age,hours,job,expected ] || fail "$(head -1 y.contributions.csv)"
[ "$(head -1 class.contributions.csv | cut -d, -f1,8)" = high:age,low:expected ] || fail "$(head -1 class.contributions.csv)"
[ "$(head -1 y.leaves.csv)" = tree_1,tree_2,tree_3 ] || fail "$(head -1 y.leaves.csv)"
near='function near(a, b) { return a - b < 1e-6 && b - a < 1e-6 }'
paste -d, y.csv y.raw.csv y.contributions.csv | awk -F, "$near"' NR > 1 && !(near($1, $2) && near($2, $3 + $4 + $5 + $6)) { exit 1 }' ||
    fail "contributions to a number"
paste -d, class.csv class.raw.csv class.contributions.csv | awk -F, "$near"' NR > 1 { all = exp($5) + exp($6) + exp($7)
    if (!near($2, exp($5) / all) || !near($7, $16 + $17 + $18 + $19)) exit 1 }' || fail "contributions to classes"

# Workers, threads and what stands beside a row change no bit of it, and a dataset is as good as its rows.
for workers in 1 2 3; do
    $peal train rows.csv --label class --drop y --model trees:rounds=5,leaves=6 --partitions 3 --workers $workers --out w$workers.st --quiet
done
cmp w1.st w2.st && cmp w1.st w3.st || fail "gains and rows depend on the workers"
$peal predict class.st rows.csv --contributions --threads 3 --quiet | cmp - class.contributions.csv || fail "threads change contributions"
(head -1 rows.csv && sed -n 100p rows.csv) | $peal predict class.st - --contributions --quiet | tail -1 >one.txt
sed -n 100p class.contributions.csv | cmp - one.txt || fail "a row's contributions depend on its neighbours"
$peal etl rows.csv --like y.st --out like --quiet
$peal predict y.st like --contributions --quiet | cmp - y.contributions.csv || fail "contributions of a dataset"

# A row that is bad keeps its line; an offset is part of what is expected.
printf 'age,hours,job,y\n30,5,cook,\nx,5,cook,\n30,5,cook,\n' | $peal predict y.st - --contributions --on-bad-row drop --quiet >bad.csv
[ "$(sed -n 3p bad.csv)" = ,,, ] && [ "$(sed -n 2p bad.csv)" = "$(sed -n 4p bad.csv)" ] || fail "$(cat bad.csv)"
$peal train rows.csv --label y --drop class --task regress --offset hours --model trees:rounds=2 --out offset.st --quiet
printf 'age,hours,job\n30,1,cook\n30,4,cook\n' | $peal predict offset.st - --contributions --quiet >offset.csv
awk -F, "$near"' NR == 2 { first = $3 } NR == 3 { exit !near($3, first + 3) }' offset.csv || fail "$(cat offset.csv)"

# A column of several features is one column.
$peal train rows.csv --label y --drop class --task regress --transform onehot:columns=job --model trees:rounds=3 --out onehot.st --quiet
[ "$($peal predict onehot.st rows.csv --contributions --quiet | sed -n 1p)" = age,hours,job,expected ] || fail "onehot"
$peal inspect onehot.st --tree 1 >onehot.txt
grep -q "job=smith <= 0.5 (" onehot.txt || fail "$(cat onehot.txt)"

# A training that stops and goes on keeps what its trees have told.
job=(rows.csv --label class --drop y --model trees:rounds=5,leaves=6 --checkpoint-seconds 0 --run-dir run --quiet)
$peal train "${job[@]}" --keep 9 --out whole.st
rm run/checkpoint-000005.safetensors whole.st
$peal train "${job[@]}" --keep 9 --out whole.st --resume
cmp whole.st class.st || fail "resumption changes the model"

# Linear models and nets tell raw scores, too; a class of several has one each.
for model in softmax mlp:hidden=3; do
    $peal train rows.csv --label class --drop y --model $model --epochs 2 --out net.st --quiet
    $peal predict net.st rows.csv --quiet >net.csv
    $peal predict net.st rows.csv --raw --quiet | paste -d, net.csv - | awk -F, "$near"' NR > 1 {
        if (!near($2, exp($5) / (exp($5) + exp($6) + exp($7)))) exit 1 }' || fail "raw scores of $model"
done
for model in linear mlp:hidden=3; do
    $peal train rows.csv --label y --drop class --task regress --model $model --epochs 5 --out net.st --quiet
    $peal predict net.st rows.csv --quiet >net.csv
    $peal predict net.st rows.csv --raw --quiet | paste -d, net.csv - | awk -F, "$near"' NR > 1 && !near($1, $2) { exit 1 }' ||
        fail "raw numbers of $model"
done

# Of counts it is the logarithm of what is predicted.
awk -F, 'NR == 1 { print "x,n"; next } { print $1 "," int(20 * NR / (NR + 90)) % 9 + 3 }' rows.csv >counts.csv
$peal train counts.csv --label n --task regress --model poisson --out counts.st --quiet
$peal predict counts.st counts.csv --quiet >net.csv
$peal predict counts.st counts.csv --raw --quiet | paste -d, net.csv - | awk -F, "$near"' NR > 1 && !near($1, exp($2)) { exit 1 }' ||
    fail "raw numbers of counts"

# What there is not.
$peal train rows.csv --label class --drop y --model softmax --out linear.st --quiet
expect 2 "a model 'softmax' has no 'leaves' to tell of rows" $peal predict linear.st rows.csv --leaves
expect 2 "has no trees" $peal inspect linear.st --tree 1
expect 2 "there is no tree 4: the model's are 1 to 3" $peal inspect y.st --tree 4
expect 2 "choose one" $peal predict y.st rows.csv --leaves --raw
expect 2 "no form is called 'dott'" $peal inspect y.st --tree 1 --to dott
expect 2 "say which" $peal inspect y.st --to dot
$peal inspect linear.st >linear.txt
grep -q importance linear.txt && fail "a linear model knows no importance"
echo ok
