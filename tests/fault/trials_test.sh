#!/usr/bin/env bash
# Random trials: a random job (learner, model or none, optimiser, P, sync, checkpoints), a random death at a random moment
# (SIGKILL of a worker or of ten, SIGSTOP of a worker, SIGKILL or SIGINT of the whole job), then --resume with a random
# W until it is done. The model's SHA-256 must be that of the undisturbed run, and no process, shared object or temporary file may be
# left.
#
# PEAL_TRIALS says how many (30), PEAL_FAULT_SEED where the seeds begin; a trial's own seed is printed with it.
source tests/lib.sh

trials=${PEAL_TRIALS:-30}
seed=${PEAL_FAULT_SEED:-$RANDOM}

# Both set a variable: in a subshell, as for $(...), RANDOM would not go by the seed.
between() { # between NAME LEAST MOST
    printf -v "$1" %d $(($2 + RANDOM % ($3 - $2 + 1)))
}
one_of() { # one_of NAME WORD...
    local words=("${@:2}")
    printf -v "$1" %s "${words[RANDOM % ${#words[@]}]}"
}

$peal etl "$data/digits/train-*.csv.gz" --label digit --out digits --quiet
awk 'BEGIN { srand(5); print "a,b,c,d,city,y,z"
    for (i = 0; i < 4000; i++) {
        a = rand(); b = rand(); c = rand(); d = rand(); t = int(rand() * 20)
        y = 3 * a - 2 * b + c * d + t / 7 + rand() / 5
        printf "%.5f,%.5f,%.5f,%.5f,town%d,%.5f,%s\n", a, b, c, d, t, y, (y > 2.5 ? "yes" : "no") } }' >table.csv
$peal etl table.csv --label y --out numbers --drop z --quiet
$peal etl table.csv --label z --out classes --drop y --quiet
awk -F, '{ print (NR == 1 ? "q,r" : NR % 97 "," int($6 > 0 ? $6 : 0)) "," $1 "," $2 "," $3 "," $4 }' table.csv >ranks.csv
$peal etl ranks.csv --label r --query q --out ranks --quiet

# The same for learners that choose no steps; to the end of what rounding allows, so that it lasts.
exact_job() {
    local chosen dataset model partitions tolerance memory start method
    one_of chosen numbers/linear numbers/huber numbers/quantile:q=0.7 numbers/linear:l1=0.0005 classes/logistic \
        classes/svm classes/logistic:l1=0.0005 digits/softmax digits/svm digits/softmax:l1=0.0001 classes/bayes digits/bayes \
        classes/trees:rounds=60 numbers/trees:rounds=80,leaves=7,rows=0.6 digits/trees:rounds=6,columns=0.3 \
        numbers/trees:rounds=60,objective=mae numbers/trees:rounds=60,objective=quantile,alpha=0.2,rows=0.7 \
        numbers/trees:rounds=60,boosting=dart,skip_drop=0.2,drop_rate=0.2 classes/trees:rounds=60,sampling=goss,rate=0.3 \
        ranks/trees:rounds=60,objective=lambdarank ranks/trees:rounds=60,objective=rank_xendcg,rows=0.7
    dataset=${chosen%%/*} model=${chosen#*/}
    between partitions 1 12
    one_of tolerance 1e-6 1e-9 1e-12
    one_of memory 3 10 32
    one_of start plain adaptive
    one_of method "method=newton" "memory=$memory"
    case $chosen in digits/* | *huber | *quantile:* | *l1=*) method="memory=$memory" ;; esac # not of Newton's
    job=(train "$dataset" --model "$model" --partitions "$partitions")
    if [[ $model != bayes && $model != trees* ]]; then job+=(--sync "full:tolerance=$tolerance,$method,start=$start"); fi
    keep_somehow
}

# Sets keeping and peal_there.
keep_somehow() {
    local with_valid seconds keep
    between with_valid 0 1
    if ((with_valid)); then job+=(--valid 0.2); fi
    one_of seconds 0 0.02 0.1
    between keep 1 3
    keeping=(--checkpoint-seconds "$seconds" --keep "$keep" --stall-seconds 1 --deaths 100)
    one_of cpus 1 4 6
    peal_there=(env LD_PRELOAD="$root/tests/more_cpus.so" TEST_CPUS="$cpus" "$peal")
}

# Sets job (the options that shape the model), keeping (its checkpoints) and peal_there at random: the program on a
# machine with that many CPUs, if they are more than there are. So many workers then work at once.
random_job() {
    local dataset model epochs chosen sync kind width depth partitions batch optimizer seed
    between kind 0 9
    between epochs 150 600
    chosen=()
    case $kind in
    0) dataset=numbers model=linear ;;
    1) dataset=classes model=logistic ;;
    2) dataset=digits model=softmax ;;
    3)
        between width 8 256
        between depth 8 128
        dataset=digits model=mlp:hidden=${width}x$depth epochs=$((epochs / 5))
        ;;
    4)
        between width 16 400
        dataset=digits model=mlp:hidden=$width,dropout=0.3 epochs=$((epochs / 5))
        ;;
    5) dataset=classes model="" epochs=$((epochs / 20)) ;; # two trials before it
    6) dataset=numbers model=mlp:hidden=16 epochs="" ;;    # one
    7 | 8 | 9)
        exact_job
        return
        ;;
    esac
    if [ -n "$model" ]; then chosen+=(--model "$model"); fi
    if [ -n "$epochs" ]; then chosen+=(--epochs "$epochs"); fi
    between sync 1 12
    one_of sync epoch step "$sync"
    between partitions 1 12
    one_of batch 16 32 64
    one_of optimizer sgd adam adamw adagrad
    between seed 1 1000
    job=(train $dataset "${chosen[@]}" --sync "$sync" --partitions "$partitions" --batch "$batch"
        --optimizer "$optimizer" --seed "$seed")
    keep_somehow
    if [[ " ${job[*]} " = *" --valid "* ]]; then job+=(--patience 1000); fi
}

now() { date +%s%N; }

# Nothing of a job whose files begin with trial is left once it is gone; it is given a second.
left_over() {
    local wait
    for wait in $(seq 20); do
        pgrep -f -- "--out trial.safetensors" >/dev/null || break
        sleep 0.1
    done
    pgrep -f -- "--out trial.safetensors" && return 0
    ls /dev/shm | grep -i peal && return 0
    return 1
}

kill_one_after_another() { # kill_one_after_another JOB
    local worker times
    for times in $(seq 10); do
        worker=$(child "$1" $((1 + times % workers)))
        [ -z "$worker" ] || kill -9 "$worker" 2>/dev/null || true
        sleep 0.02
    done
}

# Runs the job with a random W, strikes it at a random moment before it would be done; sets code.
strike() {
    local what which moment workers worker=""
    between workers 1 6
    between moment 0 1100
    between which 1 "$workers"
    one_of what kill-worker kill-workers stop-worker kill-job kill-job interrupt
    "${peal_there[@]}" "${job[@]}" --workers "$workers" "${keeping[@]}" --out trial.safetensors "$@" 2>log.txt &
    local pid=$!
    sleep "$(awk -v n="$moment" -v d="$duration" 'BEGIN { printf "%.3f", d * n / 1000 / 1e9 }')"
    worker=$(child $pid "$which")
    case $what in
    kill-worker) [ -z "$worker" ] || kill -9 "$worker" 2>/dev/null || true ;;
    kill-workers) kill_one_after_another $pid ;;
    stop-worker) [ -z "$worker" ] || kill -STOP "$worker" 2>/dev/null || true ;;
    kill-job) kill -9 $pid 2>/dev/null || true ;;
    interrupt) kill -INT $pid 2>/dev/null || true ;;
    esac
    code=0
    wait $pid 2>/dev/null || code=$?
    struck=$what
    if [ "$code" = 0 ] && ! grep -q "it is replaced" log.txt; then struck+=" (too late)"; fi
    if [ "$code" = 0 ] || [ "$code" = 137 ] || [ "$code" = 4 ]; then return; fi
    cat log.txt >&2
    fail "exit code $code after $what ($story)"
}

counts=""
for ((trial = 0; trial < trials; trial++)); do
    RANDOM=$((seed + trial))
    random_job
    story="trial $trial, PEAL_FAULT_SEED=$((seed + trial)), $cpus CPUs or more: ${job[*]} ${keeping[*]}"
    rm -rf calm.safetensors calm.run trial.safetensors trial.run
    begin=$(now)
    between workers 1 6
    "$peal" "${job[@]}" --workers "$workers" --out calm.safetensors --quiet || fail "the calm run ($story)"
    duration=$(($(now) - begin))
    strike
    story="$story; $struck"
    counts+="$struck"$'\n'
    for ((again = 0; code != 0; again++)); do
        left_over && fail "something outlives the job ($story)"
        between once_more 0 2
        if ((again < 2 && once_more == 0)); then
            strike --resume
            story="$story, then $struck"
        else
            code=0
            between workers 1 6
            "${peal_there[@]}" "${job[@]}" --workers "$workers" "${keeping[@]}" --out trial.safetensors --resume \
                2>log.txt || code=$?
            [ "$code" = 0 ] || { cat log.txt >&2; fail "the resumed run ends with $code ($story)"; }
        fi
    done
    cmp calm.safetensors trial.safetensors || fail "the model changed ($story)"
    left_over && fail "something outlives the job ($story)"
    [ -z "$(find . -name '*peal-tmp*')" ] || fail "a temporary file is left ($story)"
    echo "ok: $story"
done
sort <<<"$counts" | uniq -c
echo "$trials trials from seed $seed: all the same bits"
