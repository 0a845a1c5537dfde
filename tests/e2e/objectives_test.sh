#!/usr/bin/env bash
# What trees learn, beside LightGBM on the same rows; the same bits for any number of workers, also when one dies; and
# labels that an objective does not take.
#
# The losses of LightGBM 4.7.0 are of its defaults: lightgbm.train({"objective": ..., "num_threads": 1,
# "deterministic": True, "verbose": -1}, Dataset(train, label), 100), with init_score = log of w for an exposure and
# weight = w for weights, over the files that this script makes.
source tests/lib.sh

# Numbers between 0 and 1 that no awk and no machine makes otherwise (Lewis, Goodman and Miller 1969).
awk '
function uniform() { state = state * 16807 % 2147483647; return state / 2147483647 }
function poisson(rate,  p, k) { p = uniform(); for (k = 0; p > exp(-rate); k++) p *= uniform(); return k }
function exponential() { return -log(uniform()) }
BEGIN {
    state = 20
    for (i = 0; i < 9000; i++) {
        a = int(uniform() * 400) / 100 - 2; b = int(uniform() * 400) / 100 - 2
        c = int(uniform() * 400) / 100 - 2; d = int(uniform() * 400) / 100 - 2; w = int(uniform() * 280 + 20) / 100
        eta = 0.6 * sin(2 * a) + (c > 0 ? 0.4 * b : 0) + 0.3 * (d > 0 ? d : -d)
        row = a "," b "," c "," d "," w ","
        part = i < 6000 ? "train" : "test"
        if (i == 0 || i == 6000)
            for (k = 1; k <= 5; k++) print "a,b,c,d,w,y" >(substr("ncgtk", k, 1) "." part ".csv")
        noise = exponential() - exponential()
        printf "%s%.4f\n", row, 10 * eta + 4 * noise * (noise > 0 ? noise : -noise) >("n." part ".csv")
        printf "%s%d\n", row, poisson(w * exp(eta)) >("c." part ".csv")
        printf "%s%.6f\n", row, exp(eta) * (exponential() + exponential()) / 2 + 1e-6 >("g." part ".csv")
        claims = poisson(exp(eta - 0.5)); sum = 0
        for (k = 0; k < claims; k++) sum += exponential()
        printf "%s%.5f\n", row, sum >("t." part ".csv")
        u = uniform() * (exp(eta) + exp(a * d / 2) + 1)
        printf "%sk%d\n", row, (u < exp(eta) ? 0 : u < exp(eta) + exp(a * d / 2) ? 1 : 2) >("k." part ".csv")
    }
}'
for table in n c g t k; do
    task=regress
    if [ $table = k ]; then task=classify; fi
    $peal etl $table.train.csv --label y --task $task --drop w --transform bins:columns=numbers --out $table.ds --quiet
done
$peal etl c.train.csv --label y --task regress --exposure w --out e.ds --quiet
$peal etl n.train.csv --label y --task regress --weight w --out w.ds --quiet

# loss NAME TABLE: the mean loss of the predictions in out.csv
loss() {
    paste -d, "$2.test.csv" <(sed 's/"//g' out.csv) | awk -F, -v name="$1" '
    function pinball(e, q) { return e > 0 ? q * e : (q - 1) * e }
    NR == 1 { for (i = 7; i <= NF; i++) place[$i] = i; next }
    {
        y = $6; m = $7; e = y - m; size = e > 0 ? e : -e
        if (name == "absolute" || name == "weighted") sum += size
        else if (name == "huber") sum += size < 2 ? e * e / 2 : 2 * (size - 1)
        else if (name == "quantile") sum += pinball(e, 0.8)
        else if (name == "squared" || name == "bounded") sum += e * e
        else if (name == "poisson" || name == "exposed") sum += 2 * ((y > 0 ? y * log(y / m) : 0) - y + m)
        else if (name == "gamma") sum += 2 * (y / m - 1 - log(y / m))
        else if (name == "tweedie") sum += 2 * (m ^ 0.5 / 0.5 + y * m ^ -0.5 / 0.5 - 4 * y ^ 0.5)
        else for (p in place) if (p ~ y) sum -= log($place[p])
    }
    END { printf "%.6f\n", sum / (NR - 1) }'
}

# beside NAME DATASET SPEC LIGHTGBM: within 1 % of its held-out loss
beside() {
    local got
    $peal train "$2.ds" --model "trees:$3" --workers 1 --out "$1.safetensors" --quiet
    local table=${2/e/c}
    table=${table/w/n}
    $peal predict "$1.safetensors" "$table.test.csv" --out out.csv --quiet
    got=$(loss "$1" "$table")
    echo "$1 $got, LightGBM $4"
    at_least "$(awk -v x="$4" 'BEGIN { print 1.01 * x }')" "$got"
}
beside squared n objective=l2 392.941651
beside bounded n objective=l2,l1=50,l2=10,max_delta=3 384.935817
beside absolute n objective=mae 8.062996
beside weighted w objective=mae 8.077512
beside huber n objective=huber,alpha=2 14.657303
beside quantile n objective=quantile,alpha=0.8 3.710735
beside poisson c objective=poisson 1.876519
beside exposed e objective=count:poisson 1.150493
beside gamma g objective=reg:gamma 0.620547
beside tweedie t objective=tweedie 2.449677
beside softmax k objective=multiclass 1.066535
beside ova k objective=multiclassova 1.062461

# One to four workers at once, some of which die.
seed=${PEAL_FAULT_SEED:-$RANDOM}
RANDOM=$seed
crowd() { env LD_PRELOAD="$root/tests/more_cpus.so" TEST_CPUS=4 "$peal" "$@"; }
for job in n/mae n/quantile,alpha=0.3,rows=0.6 w/quantile e/poisson t/tweedie k/ova; do
    options=(train "${job%%/*}.ds" --model "trees:rounds=30,objective=${job#*/}" --quiet)
    crowd "${options[@]}" --workers 1 --out one.safetensors
    for workers in 2 3 4; do
        crowd "${options[@]}" --workers $workers --out more.safetensors
        cmp one.safetensors more.safetensors || fail "the model of $job depends on --workers $workers"
    done
done
for job in n/mae w/quantile; do
    options=(train "${job%%/*}.ds" --model "trees:objective=${job#*/}" --deaths 100)
    epochs=$(epochs_for 1500 20 "$peal" "${options[@]}" --workers 2)
    options+=(--epochs "$epochs")
    "$peal" "${options[@]}" --workers 1 --out calm.safetensors --quiet
    "$peal" "${options[@]}" --workers 2 --out killed.safetensors 2>log.txt &
    job=$!
    kills=0
    for kill in 1 2; do
        sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
        worker=$(child $job $((1 + RANDOM % 2)))
        [ -n "$worker" ] || break
        kill -9 "$worker" 2>/dev/null && kills=$((kills + 1))
    done
    wait $job || { cat log.txt; fail "the job did not go on"; }
    cmp calm.safetensors killed.safetensors || fail "the model changed after a death (seed $seed)"
    named=$(grep -c "killed by signal 9" log.txt || true)
    [ "$named" -ge 1 ] || [ "$kills" = 0 ] || { cat log.txt; fail "the death is not named"; }
done

# Held-out rows judge by the objective, not by squares: the loss that is told is what the last model's predictions cost.
$peal train c.train.csv --label y --task regress --drop w --model trees:objective=poisson,rounds=20 --valid c.test.csv \
    --run-dir held.run --out held.safetensors --quiet 2>held.txt
if grep -q "no better" held.txt; then fail "a model that is better than the mean is said to be no better"; fi
$peal predict held.safetensors c.test.csv --out out.csv --quiet
told=$(json <(tail -n 1 held.run/metrics.jsonl) valid.loss)
awk -v told="$told" -v own="$(loss poisson c)" 'BEGIN { exit !(told - own / 2 < 1e-5 && own / 2 - told < 1e-5) }' ||
    fail "the held-out loss is said to be $told and is $(loss poisson c) / 2"

# What an objective does not take.
sed '7s/[^,]*$/-3/' c.train.csv >negative.csv
sed '7s/[^,]*$/0/' g.train.csv >zero.csv
refuse() { # refuse CODE WORDS SPEC FILE
    expect "$1" "$2" $peal train "$4" --label y --task "${5:-regress}" --drop w --model "trees:$3" --out no.safetensors --quiet
    [ ! -e no.safetensors ] || fail "there is a model"
}
refuse 3 "learns labels from 0, and the least one is -3" objective=poisson negative.csv
refuse 3 "learns labels from 0, and the least one is -3" objective=tweedie negative.csv
refuse 3 "learns labels above 0, and the least one is 0" objective=gamma zero.csv
refuse 2 "no objective is called 'poison' (did you mean 'poisson'?)" objective=poison negative.csv
refuse 2 "has no option 'num_leafs' (did you mean 'num_leaves'?)" num_leafs=3 negative.csv
refuse 2 "an alpha between 0 and 1, not 3" objective=quantile,alpha=3 negative.csv
refuse 2 "learns two classes, but the label has 3" objective=binary k.train.csv classify
refuse 2 "learns numbers, but the label has 3 classes" objective=mae k.train.csv classify
echo ok
