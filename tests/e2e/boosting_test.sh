#!/usr/bin/env bash
# Constraints, growth, sampling, dropped trees and going on from a model: beside LightGBM and XGBoost on the same rows; the
# same bits for any number of workers and partitions, also when one dies, and when the job dies and goes on.
#
# The losses are those of LightGBM 4.7.0: lightgbm.train({"objective": "l2" or "binary", "num_threads": 1, "deterministic":
# True, "verbose": -1, ...}, Dataset(train, label), 100), t a pandas Categorical, with monotone_constraints=[1,0,0,-1,0];
# interaction_constraints=[[0,1],[2,3],[4]]; boosting="goss"; boosting="dart", xgboost_dart_mode=True, drop_rate=0.2,
# skip_drop=0.3, uniform_drop=True; and of XGBoost 3.2.0: eta=0.1, max_depth=4, grow_policy="depthwise",
# tree_method="hist", reg_lambda=0, min_child_weight=20 (of numbers; else 5), max_cat_to_onehot=4, the mean over max_bin of
# 200, 240, 250, 253, 254 and 255, for where the edges fall moves each by one percent. What goes by random numbers is the
# mean over eight seeds, here over a few.
source tests/lib.sh

awk '
function uniform() { state = state * 16807 % 2147483647; return state / 2147483647 }
function exponential() { return -log(uniform()) }
BEGIN {
    state = 21
    for (i = 0; i < 9000; i++) {
        a = int(uniform() * 400) / 100 - 2; b = int(uniform() * 400) / 100 - 2
        c = int(uniform() * 400) / 100 - 2; d = int(uniform() * 400) / 100 - 2; t = int(uniform() * 30)
        eta = 0.5 * a + 0.3 * sin(3 * a) + (c > 0 ? 0.4 * b : 0) - 0.3 * d + 0.2 * d * c + (t * 7 % 30 < 9 ? 0.5 : 0)
        row = a "," b "," c "," d ",t" t ","
        part = i < 6000 ? "train" : "test"
        if (i == 0 || i == 6000)
            for (k = 1; k <= 2; k++) print "a,b,c,d,t,y" >(substr("nk", k, 1) "." part ".csv")
        noise = exponential() - exponential()
        printf "%s%.4f\n", row, 10 * eta + 4 * noise >("n." part ".csv")
        printf "%s%s\n", row, (uniform() < 1 / (1 + exp(-2 * eta)) ? "yes" : "no") >("k." part ".csv")
    }
}'
$peal etl n.train.csv --label y --task regress --transform bins:columns=numbers --out n.ds --quiet
$peal etl k.train.csv --label y --transform bins:columns=numbers --out k.ds --quiet

# beside TABLE SEEDS SPEC LOSS [DATASET...]: within 1 % of another program's held-out loss: the squared error, or the log loss
beside() {
    local seed got="" dataset datasets=("${@:5}")
    [ $# -gt 4 ] || datasets=("$1.ds")
    for dataset in "${datasets[@]}"; do
        for seed in $(seq "$2"); do
            $peal train "$dataset" --model "trees:$3" --seed "$seed" --workers 1 --out m.safetensors --quiet
            $peal eval m.safetensors "$1.test.csv" --json --quiet >m.json
            got+=" $(json m.json "metrics.$([ "$1" = n ] && echo rmse || echo log_loss)")"
        done
    done
    got=$(awk -v table="$1" '{ for (i = 1; i <= NF; i++) s += table == "n" ? $i * $i : $i; print s / NF }' <<<"$got")
    echo "$1 $3: $got, beside $4"
    at_least "$(awk -v x="$4" 'BEGIN { print 1.01 * x }')" "$got"
}
beside n 1 increasing=a,decreasing=d 33.9919
beside k 1 increasing=a,decreasing=d 0.539538
beside n 1 "interactions=a+b|c+d" 38.5955
for bins in 200 240 250 253 254; do
    $peal etl n.train.csv --label y --task regress --transform bins:columns=numbers,buckets=$bins --out n$bins.ds --quiet
done
beside n 1 growth=depth,depth=4 32.5174 n.ds n2??.ds
beside n 2 sampling=goss 34.1092
beside k 2 boosting=goss 0.5559
beside n 1 boosting=dart,xgboost_dart_mode=true,drop_rate=0.2,skip_drop=0.3,uniform_drop=true 32.9459
beside k 2 boosting=dart 0.5244

# One to four workers at once, and other partitions.
crowd() { env LD_PRELOAD="$root/tests/more_cpus.so" TEST_CPUS=4 "$peal" "$@"; }
jobs=("n/increasing=a,decreasing=d,growth=depth,depth=5" "n/interactions=a+b|c+d,rows=0.6"
    n/sampling=goss,rate=0.5,objective=mae,increasing=a k/boosting=dart,sampling=goss,rate=0.5,drop_rate=0.4,skip_drop=0)
for job in "${jobs[@]}"; do
    options=(train "${job%%/*}.ds" --model "trees:rounds=8,${job#*/}" --quiet)
    for workers in 1 2 4; do
        crowd "${options[@]}" --partitions 4 --workers $workers --out "w$workers.safetensors"
        cmp w1.safetensors "w$workers.safetensors" || fail "the model of $job depends on --workers $workers"
    done
    "$peal" "${options[@]}" --partitions 1 --out p1.safetensors
    $peal predict w1.safetensors n.test.csv --raw --out w1.csv --quiet
    $peal predict p1.safetensors n.test.csv --raw --out p1.csv --quiet
    cmp w1.csv p1.csv || fail "the trees of $job depend on --partitions"
done

# A worker dies, then the job; it goes on with other workers.
seed=${PEAL_FAULT_SEED:-$RANDOM}
RANDOM=$seed
for job in n/boosting=dart,sampling=goss,objective=mae,increasing=a,drop_rate=0.2,rate=0.3; do
    options=(train "${job%%/*}.ds" --model "trees:${job#*/}" --deaths 100 --partitions 4)
    epochs=$(epochs_for 800 10 "$peal" "${options[@]}" --workers 2)
    options+=(--epochs "$epochs" --valid 0.2 --checkpoint-seconds 0.1)
    "$peal" "${options[@]}" --workers 1 --out calm.safetensors --quiet
    "$peal" "${options[@]}" --workers 2 --out killed.safetensors --quiet 2>/dev/null &
    pid=$!
    for kill in 1 2; do
        sleep "0.$((1 + RANDOM % 3))$((RANDOM % 10))"
        worker=$(child $pid $((1 + RANDOM % 2)))
        [ -z "$worker" ] || kill -9 "$worker" 2>/dev/null || true
    done
    sleep "0.$((1 + RANDOM % 3))$((RANDOM % 10))"
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    "$peal" "${options[@]}" --workers 1 --out killed.safetensors --resume --quiet 2>log.txt || { cat log.txt; fail "no resume"; }
    cmp calm.safetensors killed.safetensors || fail "the model of $job changed (seed $seed)"
done

# Going on from a model gives the trees that one training would have given, also where rows and columns are drawn.
same_trees() { # same_trees ONE OTHER WHAT
    local show
    for show in --raw --leaves --contributions; do
        $peal predict "$1" n.test.csv $show --out one.csv --quiet
        $peal predict "$2" n.test.csv $show --out other.csv --quiet
        cmp one.csv other.csv || fail "$3: $show differ"
    done
}
for more in ,sampling=goss,objective=mae,increasing=a ,rows=0.6,columns=0.6,leaves=7; do
    $peal train n.ds --model "trees:rounds=12$more" --out first.safetensors --quiet
    $peal train n.ds --model "trees:rounds=8$more" --init first.safetensors --out both.safetensors --workers 2 --quiet
    $peal train n.ds --model "trees:rounds=20$more" --out whole.safetensors --quiet
    same_trees both.safetensors whole.safetensors "trees$more"
done
# Raw rows, other leaves, and dropping trees of the first model; killed on the way.
options=(train n.train.csv --init first.safetensors --model trees:boosting=dart,skip_drop=0,leaves=15 --epochs 60)
options+=(--checkpoint-seconds 0)
rm -rf killed.* # of the jobs above: this one may be killed before it has a run
"$peal" "${options[@]}" --out calm.safetensors --quiet
"$peal" "${options[@]}" --out killed.safetensors --quiet 2>/dev/null &
pid=$!
sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
"$peal" "${options[@]}" --out killed.safetensors --resume --quiet
cmp calm.safetensors killed.safetensors || fail "a training that goes on from a model changed (seed $seed)"
$peal train n.ds --model trees:leaves=31,rounds=5 --init calm.safetensors --out wider.safetensors --quiet
[ "$($peal predict wider.safetensors n.test.csv --leaves --quiet | head -n 1 | tr , '\n' | wc -l)" = 77 ] ||
    fail "12 + 60 + 5 trees are others"

# What cannot be gone on from.
refuse_init() { # refuse_init WORDS MODEL INIT DATASET
    expect "${5:-2}" "$1" $peal train "$4" --model "$2" --init "$3" --out no.safetensors --quiet
    [ ! -e no.safetensors ] || fail "there is a model"
}
$peal train n.ds --model linear --out linear.safetensors --quiet
refuse_init "has learnt the objective 'squared', and this training is to learn 'huber'" trees:objective=huber first.safetensors n.ds
refuse_init "do not keep to increasing, decreasing or interactions" trees:increasing=b first.safetensors n.ds
refuse_init "do not keep to increasing, decreasing or interactions" "trees:interactions=a|b" first.safetensors n.ds
refuse_init "leave bins out" trees:bins=63 first.safetensors n.ds
refuse_init "'trees' cannot go on from linear.safetensors" trees linear.safetensors n.ds
refuse_init "another pipeline" trees first.safetensors k.ds 3
$peal export first.safetensors --to lightgbm --out first.txt --quiet
$peal import first.txt --out imported.safetensors --label y --quiet
$peal etl n.train.csv --like imported.safetensors --out imported.ds --quiet
refuse_init "imported.safetensors was imported" trees imported.safetensors imported.ds

# What is told of held-out rows is what the best round's model, with the weights of that round, says of them.
$peal train n.ds --model trees:boosting=dart,rounds=40,drop_rate=0.3,skip_drop=0 --valid n.test.csv --patience 5 \
    --run-dir held.run --out held.safetensors --json --quiet >held.json
$peal eval held.safetensors n.test.csv --json --quiet >m.json
told=$(json <(sed -n "$(json held.json best_epoch)p" held.run/metrics.jsonl) valid.rmse)
awk -v told="$told" -v own="$(json m.json metrics.rmse)" 'BEGIN { exit !(told - own < 1e-9 && own - told < 1e-9) }' ||
    fail "the held-out error is said to be $told and is $(json m.json metrics.rmse)"

# A model with weights folded in explains and exports like any other.
$peal predict held.safetensors n.test.csv --contributions --out parts.csv --quiet
$peal predict held.safetensors n.test.csv --raw --out raw.csv --quiet
paste -d, parts.csv raw.csv | awk -F, 'NR > 1 { s = 0; for (i = 1; i < NF; i++) s += $i; if (s - $NF > 1e-6 || $NF - s > 1e-6) exit 1 }' ||
    fail "contributions do not add up"

# Columns of odd names: with a comma, and with what stands between names.
sed '1s/.*/"a,1",b+c,c|,d,t,y/' n.train.csv >odd.csv
for spec in 'increasing=a%2C1+b+c' 'interactions=a%2C1+b+c|c|+d'; do
    $peal train odd.csv --label y --task regress --model "trees:rounds=5,$spec" --out odd.safetensors --quiet
    $peal predict odd.safetensors odd.csv --out odd.out --quiet
done
expect 2 "(did you mean 'b+c'?)" $peal train odd.csv --label y --task regress --model trees:increasing=b-c \
    --out no.safetensors --quiet
[ ! -e no.safetensors ] || fail "there is a model"

# What is resumed when its best round is long past still has that round's model.
awk 'BEGIN { srand(5); print "a,b,y"; for (i = 0; i < 600; i++) printf "%.3f,%.3f,%d\n", rand(), rand(), rand() < 0.5 }' >noise.csv
past=(train noise.csv --label y --model trees:rounds=40 --valid 0.3 --run-dir past.run --quiet)
$peal "${past[@]}" --out past.safetensors 2>log.txt
timeout -s KILL 60 "$peal" "${past[@]}" --resume --out again.safetensors 2>log.txt || { cat log.txt; fail "no resume"; }
cmp past.safetensors again.safetensors || fail "another model although nothing was left to do"
echo ok
