#!/usr/bin/env bash
# kill -9 of workers and of the whole job while it trains, at random moments (the seed is printed).
source tests/lib.sh
workers_are_killed

seed=${PEAL_FAULT_SEED:-$RANDOM}
RANDOM=$seed
echo "seed $seed"
$peal etl "$data/digits/train-*.csv.gz" --label digit --out digits --quiet

options=(--workers 2 --partitions 4 --model mlp:hidden=512x256 --deaths 1000)
epochs=$(epochs_for 2500 4 $peal train digits "${options[@]}")
options+=(--epochs "$epochs")
for sync in epoch step; do
    $peal train digits "${options[@]}" --sync $sync --out calm.safetensors --quiet
    for trial in 1 2 3; do
        $peal train digits "${options[@]}" --sync $sync --out killed.safetensors 2>log.txt &
        job=$!
        kills=0
        for kill in 1 2; do
            sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
            which=$((1 + RANDOM % 2)) # outside of $(...), where RANDOM would not go by the seed
            worker=$(child $job $which)
            [ -n "$worker" ] || break
            kill -9 "$worker" 2>/dev/null && kills=$((kills + 1))
        done
        wait $job || { cat log.txt; fail "the job did not go on"; }
        cmp calm.safetensors killed.safetensors || fail "the model changed (seed $seed, --sync $sync)"
        named=$(grep -c "killed by signal 9" log.txt || true)
        [ "$named" -ge 1 ] || [ "$kills" = 0 ] || { cat log.txt; fail "the death is not named"; }
    done

    # The whole job, then --resume with another number of workers.
    rm -rf killed.run
    $peal train digits "${options[@]}" --sync $sync --checkpoint-seconds 0 --out killed.safetensors --quiet &
    job=$!
    sleep "0.$((3 + RANDOM % 5))"
    workers=$(pgrep -P $job | tr '\n' ' ' || true) # none if the job was done before
    kill -9 $job 2>/dev/null || true
    wait $job 2>/dev/null || true
    sleep 1
    for pid in $workers; do
        [ -d "/proc/$pid" ] && ! grep -q ') Z' "/proc/$pid/stat" && fail "worker $pid outlives the job"
    done
    [ -z "$(ls /dev/shm | grep -i peal || true)" ] || fail "something is left in /dev/shm"
    rm -f killed.safetensors
    $peal train digits "${options[@]}" --sync $sync --workers 1 --checkpoint-seconds 0 --out killed.safetensors --resume --quiet
    cmp calm.safetensors killed.safetensors || fail "the resumed model changed (seed $seed, --sync $sync)"
    [ -z "$(ls -A | grep peal-tmp || true)$(ls -A killed.run | grep peal-tmp || true)" ] || fail "a temporary file is left"
done

# Ctrl-C: exit code 4, and the command to go on.
rm -rf killed.run killed.safetensors
code=0
$peal train digits --epochs 100000 --out killed.safetensors 2>log.txt &
job=$!
until_heeds $job
sleep 0.7
kill -INT $job
wait $job || code=$?
[ $code = 4 ] || { cat log.txt; fail "exit code $code after SIGINT"; }
grep -q "to go on: .* train --resume digits --epochs 100000 --out killed.safetensors" log.txt || { tail -n 3 log.txt; fail "no command to go on"; }
[ -e killed.safetensors ] && fail "a model although interrupted"

# A partition whose workers always die ends the job.
$peal train digits --epochs 100000 --deaths 2 --out poison.safetensors 2>log.txt &
job=$!
kill_busy_workers $job 10
code=0
wait $job || code=$?
[ $code = 1 ] || fail "exit code $code after many deaths"
grep -q "deaths of workers" log.txt || fail "the deaths are not named"
echo ok
