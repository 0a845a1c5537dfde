#!/usr/bin/env bash
# Random trials: a random job (model, optimiser, P, sync, checkpoints), a random death at a random moment (SIGKILL or
# SIGSTOP of a worker; SIGKILL or SIGINT of the whole job), then --resume with a random W until it is done. The model's
# SHA-256 must be that of the undisturbed run, and no process, shared object or temporary file may be left.
#
# PEAL_TRIALS says how many (30), PEAL_FAULT_SEED where the seeds begin; a trial's own seed is printed with it.
source tests/lib.sh

trials=${PEAL_TRIALS:-30}
seed=${PEAL_FAULT_SEED:-$RANDOM}

between() { echo $(($1 + RANDOM % ($2 - $1 + 1))); }
one_of() {
    local words=("$@")
    echo "${words[RANDOM % ${#words[@]}]}"
}

$peal etl "$data/digits/train-*.csv.gz" --label digit --out digits --quiet
awk 'BEGIN { srand(5); print "a,b,c,d,city,y,z"
    for (i = 0; i < 4000; i++) {
        a = rand(); b = rand(); c = rand(); d = rand(); t = int(rand() * 20)
        y = 3 * a - 2 * b + c * d + t / 7 + rand() / 5
        printf "%.5f,%.5f,%.5f,%.5f,town%d,%.5f,%s\n", a, b, c, d, t, y, (y > 2.5 ? "yes" : "no") } }' >table.csv
$peal etl table.csv --label y --out numbers --drop z --quiet
$peal etl table.csv --label z --out classes --drop y --quiet

# Sets job (the options that shape the model) at random.
random_job() {
    local dataset model epochs sync
    case $(between 0 4) in
    0) dataset=numbers model=linear epochs=$(between 150 600) ;;
    1) dataset=classes model=logistic epochs=$(between 150 600) ;;
    2) dataset=digits model=softmax epochs=$(between 150 600) ;;
    3) dataset=digits model=mlp:hidden=$(between 8 256)x$(between 8 128) epochs=$(between 30 120) ;;
    4) dataset=digits model=mlp:hidden=$(between 16 400),dropout=0.3 epochs=$(between 30 120) ;;
    esac
    case $(between 0 2) in
    0) sync=epoch ;;
    1) sync=step ;;
    2) sync=$(between 1 12) ;;
    esac
    job=(train $dataset --model $model --epochs "$epochs" --sync "$sync" --partitions "$(between 1 7)"
        --batch "$(one_of 16 32 64)" --optimizer "$(one_of sgd adam adamw adagrad)" --seed "$(between 1 1000)")
    if [ "$(between 0 1)" = 1 ]; then job+=(--valid 0.2 --patience 1000); fi
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

# Runs the job with a random W, strikes it at a random moment before it would be done; sets code.
strike() {
    local what worker=""
    "$peal" "${job[@]}" --workers "$(between 1 4)" "${keeping[@]}" --out trial.safetensors "$@" 2>log.txt &
    local pid=$!
    sleep "$(awk -v n="$RANDOM" -v d="$duration" 'BEGIN { printf "%.3f", d * 1.1 * n / 32768 / 1e9 }')"
    what=$(one_of kill-worker kill-worker stop-worker kill-job kill-job interrupt)
    worker=$(pgrep -P $pid 2>/dev/null | shuf -n 1 --random-source=<(yes "$RANDOM") || true)
    case $what in
    kill-worker) [ -z "$worker" ] || kill -9 "$worker" 2>/dev/null || true ;;
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
    keeping=(--checkpoint-seconds "$(one_of 0 0.02 0.1)" --keep "$(between 1 3)" --stall-seconds 1 --deaths 100)
    story="trial $trial, seed $((seed + trial)): ${job[*]} ${keeping[*]}"
    rm -rf calm.safetensors calm.run trial.safetensors trial.run
    begin=$(now)
    "$peal" "${job[@]}" --workers "$(between 1 4)" --out calm.safetensors --quiet || fail "the calm run ($story)"
    duration=$(($(now) - begin))
    strike
    story="$story; $struck"
    counts+="$struck"$'\n'
    for ((again = 0; code != 0; again++)); do
        left_over && fail "something outlives the job ($story)"
        if ((again < 2)) && [ "$(between 0 2)" = 0 ]; then
            strike --resume
            story="$story, then $struck"
        else
            code=0
            "$peal" "${job[@]}" --workers "$(between 1 4)" "${keeping[@]}" --out trial.safetensors --resume 2>log.txt || code=$?
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
