#!/usr/bin/env bash
# Workers that are dead, stopped or stuck are found within the stated bounds, named with rank, pid, signal, partition and
# how long, and replaced; the model does not change. A partition that kills again and again ends the job.
source tests/lib.sh
workers_are_killed

$peal etl "$data/digits/train-*.csv.gz" --label digit --out digits --quiet

# A job of about four seconds, whatever the build.
lasting() { # lasting MODEL EPOCHS: sets job; so many epochs are tried
    local epochs
    epochs=$(epochs_for 4000 "$2" $peal train digits --model "$1" --workers 2 --partitions 4)
    [ $epochs -le 2000 ] || epochs=2000
    job=(train digits --model "$1" --epochs $epochs --checkpoint-seconds 0.5 --workers 2 --partitions 4)
}

start() { # start OPTIONS...
    rm -rf lost.run lost.safetensors
    "$peal" "${job[@]}" "$@" --out lost.safetensors 2>log.txt &
    pid=$!
    for i in $(seq 100); do
        worker=$(pgrep -P $pid | tail -n 1 || true)
        [ -z "$worker" ] || break
        sleep 0.05
    done
    sleep 0.2
}

# found WORDS SECONDS: the log says so of the worker within the seconds.
found() {
    local begin=$SECONDS
    until grep -qE "$1" log.txt; do
        kill -0 $pid 2>/dev/null || { cat log.txt; fail "the job ended before '$1' was said"; }
        [ $((SECONDS - begin)) -le "$2" ] || { cat log.txt; fail "'$1' is not said within $2 s"; }
        sleep 0.05
    done
    grep -m 1 -E "$1" log.txt
}

finish() {
    wait $pid || { cat log.txt; fail "the job did not go on"; }
    cmp calm.safetensors lost.safetensors || fail "the model changed"
}

# Freezes a worker of the job that has been started; it alone must be found.
freeze() {
    [ -n "$worker" ] || return 0
    "$root/tests/fault/freeze" "$worker" >frozen.txt 2>&1 &
    sleep 0.3
    if grep -q frozen frozen.txt; then
        found "worker [01] \(pid $worker(, partition [0-3])?\) has not moved for 1\.[0-9] s; it is killed" 4
        finish
        [ "$(grep -c "it is killed" log.txt)" = 1 ] || { cat log.txt; fail "the innocent one was killed too"; }
    else
        echo "no process can be frozen here: $(cat frozen.txt)"
        kill -9 $pid
        wait $pid 2>/dev/null || true
    fi
}

lasting mlp:hidden=64x32 50
for sync in epoch step; do
    "$peal" "${job[@]}" --sync $sync --out calm.safetensors --quiet

    start --sync $sync
    kill -9 "$worker"
    found "worker [01] \(pid $worker\) was killed by signal 9 \(Killed\) in epoch [0-9]+, .*; it is replaced" 2
    finish

    start --sync $sync --stall-seconds 1
    kill -STOP "$worker"
    found "worker [01] \(pid $worker(, partition [0-3])?\) has been stopped by signal 19 \(Stopped \(signal\)\) for 1\.[0-9] s; it is killed" 4
    found "worker [01] \(pid $worker\) was killed by signal 9 .*; it is replaced" 2
    finish
    [ "$(grep -c "it is killed" log.txt)" = 1 ] || { cat log.txt; fail "the innocent one was killed too"; }

    # A stop that ends in time does no harm.
    start --sync $sync --stall-seconds 3
    kill -STOP "$worker"
    sleep 0.5
    kill -CONT "$worker"
    finish
    grep "killed" log.txt && fail "killed although it went on"

    start --sync $sync --stall-seconds 1
    freeze
done

# A model whose gradients both workers sum: each then waits for the other's part too.
lasting mlp:hidden=512x256 5
"$peal" "${job[@]}" --sync step --out calm.safetensors --quiet
for again in 1 2 3; do
    start --sync step --stall-seconds 1
    freeze
done

# SIGINT waits for the end of a step, which a stopped worker does not reach; a second one does not wait. (The first epoch
# lasts seconds, so that the worker is stopped in a step: between epochs there is nothing to wait for.)
zcat "$data/digits/train-0.csv.gz" >digits.csv
{ cat digits.csv; for i in $(seq 99); do tail -n +2 digits.csv; done; } >long.csv
$peal etl long.csv --label digit --out long --quiet
job=(train long --model mlp:hidden=800x800 --batch 8 --epochs 100 --workers 2 --partitions 4)
start
sleep 0.5
kill -STOP "$worker"
sleep 0.2
kill -INT $pid
sleep 0.6
kill -0 $pid 2>/dev/null || { cat log.txt; fail "the first SIGINT did not wait for the step's end"; }
begin=$(date +%s%N)
kill -INT $pid
code=0
wait $pid || code=$?
[ $code = 4 ] || { cat log.txt; fail "exit code $code after a second SIGINT"; }
[ $((($(date +%s%N) - begin) / 1000000)) -lt 1000 ] || fail "the second SIGINT took its time"
for i in $(seq 20); do
    [ -d "/proc/$worker" ] && ! grep -q ') Z' "/proc/$worker/stat" || break
    [ "$i" != 20 ] || fail "the stopped worker outlives the job"
    sleep 0.05
done

# Poison: the partition is named, and the job ends with 1 after so many deaths. (Nearly all of the time is training.)
job=(train digits --model mlp:hidden=800x800 --batch 8 --epochs 100000 --workers 1 --partitions 1 --deaths 3)
start
kill_busy_workers $pid 30
code=0
wait $pid || code=$?
[ $code = 1 ] || { cat log.txt; fail "exit code $code after many deaths"; }
grep -qE "3 deaths of workers while training partition 0, as many as are allowed \(--deaths\): .* \(worker 0, pid [0-9]+\) was killed by signal 9" log.txt ||
    { tail -n 3 log.txt; fail "the poison is not named"; }
[ -e lost.safetensors ] && fail "a model all the same"
echo ok
