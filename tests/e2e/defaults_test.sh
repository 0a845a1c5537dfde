#!/usr/bin/env bash
# A table with nothing but a label: a net learns texts as it learns numbers, what is warned of is so, and the run folder
# holds one job.
source tests/lib.sh

# What the label depends on are two texts together; a third column is noise.
awk 'BEGIN { srand(7); print "a,b,c,y"
    for (i = 0; i < 1200; i++) {
        a = int(rand() * 6); b = int(rand() * 6)
        printf "k%d,l%d,m%d,%s\n", a, b, rand() * 6, ((a + b) % 2 ? "yes" : "no") } }' >texts.csv
awk 'BEGIN { srand(8); print "a,b,y,noise,rare"
    for (i = 0; i < 1000; i++) {
        a = rand(); b = rand()
        printf "%.5f,%.5f,%.5f,%.5f,%s\n", a, b, a - b, rand(), (i == 3 ? "bad" : "good") } }' >numbers.csv

# Texts alone, whatever the seed; linear models cannot tell this label.
for seed in 1 2; do
    $peal train texts.csv --label y --model mlp:hidden=64x32 --seed $seed --out texts.safetensors --quiet
    $peal eval texts.safetensors texts.csv --json >eval.json
    at_least "$(json eval.json metrics.accuracy)" 0.98
done
expect 0 "model: mlp is chosen" $peal train texts.csv --label y --epochs 30 --out texts.safetensors

# A loss that falls is told, one that does not is not.
numbers() { # numbers LABEL OPTION...
    local label=$1 other
    shift
    local drop=()
    for other in y noise rare; do [ $other = "$label" ] || drop+=(--drop $other); done
    $peal train numbers.csv --label "$label" "${drop[@]}" "$@"
}
expect 0 "the loss still falls" numbers y --model linear --lr 0.001 --epochs 3 --out m.safetensors
expect 0 "the loss still falls" numbers y --model linear --lr 0.001 --epochs 30 --schedule constant --valid 0.2 --out m.safetensors
expect 0 "better than always saying the mean" numbers noise --epochs 30 --out m.safetensors
grep -q "still falls" err.txt && fail "a loss of noise is said to fall"
expect 0 "the label is the same in all" numbers rare --epochs 10 --valid 0.2 --out m.safetensors
grep -q "still falls\|better than" err.txt && fail "a wrong warning: $(cat err.txt)"
expect 0 "chosen" numbers y --out m.safetensors
grep -q "warning" err.txt && fail "a warning without a cause: $(cat err.txt)"

# With a rate too high for it luck decides how good a net gets; the model is as good as its trial all the same.
kept=0
for seed in 1 2 3 4 5 6; do
    $peal train "$data/flats/flats.csv" --label price --model mlp:hidden=32 --lr 0.5 --seed $seed --out luck.safetensors \
        --json >luck.json 2>err.txt
    $peal eval luck.safetensors "$data/flats/flats.csv" --json >eval.json
    at_least "$(json luck.json metrics.rmse)" "$(awk -v rmse="$(json eval.json metrics.rmse)" 'BEGIN { print rmse / 1.25 }')"
    ! grep -q "warning: trained on all rows the model is worse" err.txt || kept=$((kept + 1))
done
[ $kept -gt 0 ] || fail "no training of six was worse than its trial"

# Trials of an earlier job do not stay in the run folder, nor its training beside trials.
run=m.run
[ -e $run/trial-1 ] && [ -e $run/trial-2 ] && [ -e $run/trial-3 ] || fail "there are no trials in $(ls $run)"
echo mine >$run/trial-2/notes
numbers y --model mlp:hidden=8 --out m.safetensors --quiet
[ -e $run/trial-1/run.json ] || fail "the trial of the present job is missing"
[ "$(ls $run/trial-2)" = notes ] || fail "of an earlier trial are left: $(ls $run/trial-2)"
numbers y --model linear --out m.safetensors --quiet
[ -e $run/trial-1 ] && fail "a trial of an earlier job is left"
numbers y --valid 0.2 --epochs 5 --out m.safetensors --quiet # the better trial is the model: no training comes after it
[ -e $run/run.json ] && fail "the training of an earlier job is left"
[ -e $run/trial-3/run.json ] || fail "the trials of the present job are missing"
[ "$(cat $run/trial-2/notes)" = mine ]

# Of few rows all are held out in turn. Nothing but noise wants a strong penalty, a plane next to none; one column of many
# in which a step tells the class is for trees. Whatever the number of workers, and after a death, the bits are the same.
awk 'BEGIN { srand(9); print "a,b,plane,noise"
    for (i = 0; i < 60; i++) { a = rand(); b = rand(); printf "%.5f,%.5f,%.5f,%.5f\n", a, b, 3 * a - b, rand() } }' >few.csv
awk 'BEGIN { srand(10); printf "y"; for (c = 0; c < 40; c++) printf ",x%d", c; print ""
    for (i = 0; i < 90; i++) {
        line = ""
        for (c = 0; c < 40; c++) { x = rand(); if (c == 7) y = x > 0.3 && x < 0.7 ? "in" : "out"; line = line "," x }
        print y line } }' >step.csv
strength() { sed -n 's/.*model: linear:l2=\([0-9.e+-]*\) is chosen.*/\1/p' err.txt; }
expect 0 "loss on 60 held-out rows: linear " "$peal" train few.csv --label plane --drop noise --out few.safetensors
at_least 0.002 "$(strength)"
expect 0 "loss on 60 held-out rows: linear " "$peal" train few.csv --label noise --drop plane --out few.safetensors
at_least "$(strength)" 0.15
expect 0 "model: trees is chosen: loss on 90 held-out rows: logistic" "$peal" train step.csv --label y --workers 1 --out one.safetensors
"$peal" train step.csv --label y --workers 3 --out three.safetensors --quiet
cmp one.safetensors three.safetensors || fail "other bits with three workers"
for delay in 0.02 0.05 0.1 0.2; do
    rm -rf again.safetensors again.run
    "$peal" train step.csv --label y --out again.safetensors --quiet &
    sleep $delay
    kill -9 $! 2>/dev/null || true # it may have come to its end
    wait $! 2>/dev/null || true
    "$peal" train step.csv --label y --out again.safetensors --resume --quiet
    cmp one.safetensors again.safetensors || fail "other bits after a death"
done

# A net, too, is held against all of few rows, and so its choice is no luck: a product is the net's, whatever the seed.
# Bits as above.
awk 'function n() { return (rand() + rand() + rand() + rand() - 2) * 1.7 }
    BEGIN { srand(92); print "a,b,c,d,e,f,y"
    for (i = 0; i < 200; i++) { a = n(); b = n(); d = n()
        printf "%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%s\n", a, b, n(), d, n(), n(), (2 * a * b + d + 1.8 * n() > 0 ? "up" : "down") } }' >product.csv
for seed in 1 2 3; do
    expect 0 "model: mlp is chosen: loss on 200 held-out rows: logistic" "$peal" train product.csv --label y --seed $seed --out product.safetensors
done
for delay in 0.1 0.4 0.7; do
    rm -rf again.safetensors again.run
    "$peal" train product.csv --label y --seed 3 --checkpoint-seconds 0.01 --out again.safetensors --quiet &
    sleep $delay
    kill -9 $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    "$peal" train product.csv --label y --seed 3 --out again.safetensors --resume --quiet
    cmp product.safetensors again.safetensors || fail "other bits after a death among folds of a net"
done

# Where a linear model does not tell the classes, as of many columns, it is chosen no more for being linear.
awk 'BEGIN { srand(31); printf "y"; for (c = 0; c < 200; c++) printf ",x%d", c; print ""
    for (i = 0; i < 64; i++) {
        line = ""; s = 0
        for (c = 0; c < 200; c++) { x = rand() + rand() + rand(); if (c < 5) s += x - 1.5; line = line "," int(x * 1e4) / 1e4 }
        print (s + 2 * rand() - 1 > 0 ? "up" : "down") line } }' >wide.csv
expect 0 "model: trees is chosen: loss on 64 held-out rows: logistic" "$peal" train wide.csv --label y --out m.safetensors

# A net that still gets better at its end goes on.
awk 'BEGIN { srand(13); print "a,b,c,y"
    for (i = 0; i < 3000; i++) { a = rand() * 4 - 2; b = rand() * 4 - 2; c = rand() * 4 - 2
        printf "%.4f,%.4f,%.4f,%.4f\n", a, b, c, sin(3 * a) * b + sin(2 * c + a) } }' >waves.csv
expect 0 "training: 106 epochs of 47 steps" "$peal" train waves.csv --label y --model mlp --out waves.safetensors
[ -e waves.run/trial-4/run.json ] || fail "there is no longer trial in $(ls waves.run)"
for delay in 0.3 1.2; do
    rm -rf again.safetensors again.run
    "$peal" train waves.csv --label y --model mlp --checkpoint-seconds 0.05 --out again.safetensors --quiet &
    sleep $delay
    kill -9 $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    "$peal" train waves.csv --label y --model mlp --out again.safetensors --resume --quiet
    cmp waves.safetensors again.safetensors || fail "other bits after a death in a longer trial"
done

# Few whole numbers are classes, but not those whose tail ends in single rows: they count.
awk 'BEGIN { print "x,y"; for (i = 0; i < 127; i++) { n = 0; for (k = i + 1; k % 2 == 0; k /= 2) n++; print i * 7 % 20 "," n } }' >counts.csv
awk 'BEGIN { print "x,y"; for (i = 0; i < 128; i++) print i * 7 % 20 "," i % 8 }' >classes.csv
awk 'BEGIN { print "x,y"; for (i = 0; i < 15; i++) print i * 7 % 20 "," i * i % 8 + i % 3 }' >handful.csv
expect 0 "label y: taken for a number" $peal train counts.csv --label y --out m.safetensors
expect 0 "label y: taken for a class" $peal train classes.csv --label y --out m.safetensors
expect 0 "label y: taken for a class" $peal train handful.csv --label y --out m.safetensors
# Who names a model that learns numbers alone says that the label is one.
expect 0 "label y: taken for a number" "$peal" train classes.csv --label y --model poisson --out m.safetensors
for model in linear huber quantile trees:objective=tweedie trees:objective=mae; do
    "$peal" train classes.csv --label y --model $model --out m.safetensors --quiet
done
expect 0 "label y: taken for a class" "$peal" train classes.csv --label y --model trees --out m.safetensors
expect 2 "or take it for a number (--task regress)" "$peal" train classes.csv --label y --model poisson --task classify --out m.safetensors
# Of many classes a net is tried on one fold: what each epoch says of all rows would be large.
awk 'BEGIN { print "x,z,y"; for (i = 0; i < 240; i++) print i % 40 + i % 7 / 10 "," i % 3 ",k" i % 40 }' >forty.csv
expect 0 "model: mlp" "$peal" train forty.csv --label y --model mlp:hidden=8 --workers 2 --out m.safetensors
expect 0 "(on 48)" "$peal" train forty.csv --label y --out m.safetensors

# Patience is of held-out rows: trials hold some out, a training of a given number of epochs does not by itself.
expect 2 "none are held out: give some (--valid)" "$peal" train product.csv --label y --model mlp:hidden=8 --epochs 3 --patience 2 --out m.safetensors
expect 2 "none are held out: give some (--valid)" "$peal" train product.csv --label y --model trees --patience 2 --out m.safetensors
"$peal" train product.csv --label y --model mlp:hidden=8 --patience 2 --out m.safetensors --quiet
"$peal" train product.csv --label y --model mlp:hidden=8 --epochs 3 --valid 0.2 --patience 2 --out m.safetensors --quiet

# Exact gradients without a model: of those that can.
"$peal" train step.csv --label y --sync full --out m.safetensors 2>err.txt || fail "$(cat err.txt)"
grep "mlp" err.txt && fail "a net has no exact gradients"
echo ok
