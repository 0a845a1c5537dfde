#!/usr/bin/env bash
# kill -9 of a job that learns from a stream, or of its workers, at random moments; then --resume, with another number of
# workers, until it is done: the same bits, and each window once. PEAL_TRIALS says how many (10), PEAL_FAULT_SEED where
# the seeds begin.
source tests/lib.sh
workers_are_killed

trials=${PEAL_TRIALS:-10}
seed=${PEAL_FAULT_SEED:-$RANDOM}
rows=6000 window=150
awk -v rows=$rows 'BEGIN { srand(7); print "x,z,town,y"
    for (i = 1; i <= rows; i++) {
        x = rand(); z = rand(); t = int(rand() * 5)
        y = (6 * (x - 0.5) + 3 * (z - 0.5) + t - 2 + rand() > 0.5) ? "yes" : "no"
        printf "%.4f,%.4f,town%d,%s\n", x, z, t, y } }' >stream.csv

jobs=("--model logistic --epochs 3" "--model mlp:hidden=64x32 --epochs 2" "--model mlp:hidden=64 --sync step" "--model bayes"
    "--model mlp:hidden=32 --publish 3")
# Each other trial follows the file, and goes on at the place that the checkpoint holds.
sources=("stream.csv" "stream.csv --idle-seconds 0")
# No function: in the background that would be a shell of its own, which would be killed in the place of the program.
job=($peal train --follow --window $window --label y --partitions 3 --deaths 1000)
for i in "${!jobs[@]}"; do
    begin=$(date +%s%N)
    "${job[@]}" ${sources[i % 2]} ${jobs[i]} --workers 2 --out calm$i.safetensors --quiet
    took[i]=$((($(date +%s%N) - begin) / 1000000))
done

killed=0
for trial in $(seq "$trials"); do
    own=$((seed + trial))
    RANDOM=$own
    which=$((trial % ${#jobs[@]}))
    story="trial $trial (PEAL_FAULT_SEED=$((own - 1)), ${jobs[which]})"
    rm -rf trial.run trial.safetensors
    resume=
    for attempt in $(seq 30); do
        moment=$((RANDOM % (took[which] + 1)))
        workers=$((1 + RANDOM % 3))
        victim=$((RANDOM % 4))
        [ "$attempt" -le 4 ] || victim=none
        "${job[@]}" ${sources[trial / ${#jobs[@]} % 2]} ${jobs[which]} --workers $workers --out trial.safetensors $resume --json >out.json 2>log.txt &
        pid=$!
        sleep "$(awk -v ms="$moment" 'BEGIN { printf "%.3f", ms / 1000 }')"
        children=$(pgrep -P $pid | tr '\n' ' ' || true)
        if [ $victim = 0 ]; then
            worker=$(child $pid 1)
            [ -z "$worker" ] || kill -9 "$worker" 2>/dev/null || true
        elif [ $victim != none ]; then
            kill -9 $pid 2>/dev/null || true
        fi
        code=0
        wait $pid 2>/dev/null || code=$?
        for child in $children; do # they die with the job, and hold its lock until then
            for wait in $(seq 100); do
                { [ -d "/proc/$child" ] && ! grep -q ') Z' "/proc/$child/stat"; } 2>/dev/null || break
                sleep 0.05
            done
        done
        [ $code = 0 ] && break
        [ $code = 137 ] || { cat log.txt; fail "$story: exit code $code"; }
        killed=$((killed + 1))
        resume=--resume
    done
    [ $code = 0 ] || fail "$story: not done"
    cmp calm$which.safetensors trial.safetensors || fail "$story: the model changed"
    [ "$(json out.json learnt)" = $rows ] && [ "$(json out.json in)" = $rows ] || { cat out.json; fail "$story: not every row once"; }
    grep -o '"window":[0-9]*' trial.run/metrics.jsonl | cut -d: -f2 >windows.txt
    seq $((rows / window)) | cmp - windows.txt || fail "$story: the windows are not each there once"
    [ -z "$(ls -A trial.run | grep -e peal-tmp -e first-rows || true)$(ls -A | grep peal-tmp || true)" ] || fail "$story: a temporary file is left"
done
echo "ok: $trials trials, $killed kills of the job"

# Ctrl-C: exit code 4, what is committed is published, and the command to go on ends in the same bits.
(cat stream.csv; for i in 1 2 3; do tail -n +2 stream.csv; done) >long.csv
"${job[@]}" long.csv --model logistic --epochs 20 --out calm.safetensors --quiet
rm -rf trial.run trial.safetensors
code=0
"${job[@]}" long.csv --model logistic --epochs 20 --out trial.safetensors 2>log.txt &
pid=$!
wait_for test -e trial.safetensors
kill -INT $pid
wait $pid || code=$?
[ $code = 4 ] || { cat log.txt; fail "exit code $code after SIGINT"; }
grep -q "to go on: " log.txt || { cat log.txt; fail "no command to go on"; }
"${job[@]}" long.csv --model logistic --epochs 20 --out trial.safetensors --resume --quiet
cmp calm.safetensors trial.safetensors || fail "the resumed model changed"
echo ok
