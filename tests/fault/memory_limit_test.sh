#!/usr/bin/env bash
# Too little address space: a clear error with the arithmetic, never a hang.
source tests/lib.sh

(ulimit -v 200000 && $peal help >/dev/null 2>&1) || skip "the program does not run in little address space (a sanitizer)"
$peal etl "$data/digits/train-*.csv.gz" --label digit --out d --quiet
$peal train d --epochs 1 --out m.safetensors --quiet
limited() { (ulimit -v "$1" && timeout 60 "${@:2}"); }
expect 1 "GEMM needs 143 MB of address space, but only" limited 100000 $peal train d --epochs 1 --out x.safetensors
expect 1 "GEMM needs 143 MB of address space, but only" limited 100000 $peal eval m.safetensors "$data/digits/test.csv.gz"
expect 1 "for each of 4 partitions" limited 200000 $peal train d --model mlp:hidden=3000x2000 --partitions 4 --optimizer sgd --out x.safetensors
grep -qE "25 MB of parameters.* needs [0-9]+ MB of address space, but only [0-9]+ MB of the limit of 205 MB" err.txt ||
    { cat err.txt; fail "the arithmetic is not there"; }
[ -e x.safetensors ] && fail "a model all the same"

# The same from a control group's limit, and its quota of CPUs; where groups can be made, which takes root.
train() { # train GROUP OPTIONS...: in the control group
    local group=$1
    shift
    bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$peal" train d "$@"
}
# When others fill the group's memory, the kernel kills the worker that it is told to prefer: that is said, and the model
# does not change. (Then it kills the one that fills.)
lose_worker_to_oom() { # lose_worker_to_oom GROUP
    local job=(--model mlp:hidden=800x800 --batch 8 --workers 2 --partitions 4) epochs
    epochs=$(epochs_for 5000 2 $peal train d "${job[@]}")
    job+=(--epochs "$epochs")
    $peal train d "${job[@]}" --out calm.safetensors --quiet
    train "$1" "${job[@]}" --out oom.safetensors 2>log.txt &
    local pid=$! worker=
    for i in $(seq 100); do
        worker=$(pgrep -P "$(pgrep -P $pid)" 2>/dev/null | tail -n 1) || true
        [ -z "$worker" ] || break
        sleep 0.05
    done
    sleep 0.3
    echo 1000 >"/proc/$worker/oom_score_adj"
    bash -c 'echo $$ >"$0/cgroup.procs" && exec dd if=/dev/zero of=/dev/null bs=500M count=1' "$1" || true
    wait $pid || { cat log.txt; fail "the job did not outlive a worker killed for memory"; }
    grep -qE "worker [01] \(pid $worker\) was killed by signal 9 \(Killed; the cgroup's memory ran out\)" log.txt ||
        { cat log.txt; fail "the memory is not named"; }
    cmp calm.safetensors oom.safetensors || fail "the model changed"
}
held=0
for top in /sys/fs/cgroup/memory /sys/fs/cgroup; do
    group=$top/peal-test-$$
    mkdir "$group" 2>/dev/null || continue
    trap 'rmdir "$group" 2>/dev/null || true' EXIT
    if { echo 150M >"$group/memory.limit_in_bytes" || echo 150M >"$group/memory.max"; } 2>/dev/null; then
        expect 1 "under the cgroup's limit of 157 MB" train "$group" --model mlp:hidden=3000x2000 --partitions 4 --optimizer sgd --out y.safetensors
        grep -qE "25 MB of parameters.* needs [0-9]+ MB of memory, but only [0-9]+ MB can still be had" err.txt ||
            { cat err.txt; fail "the arithmetic is not there"; }
        [ -e y.safetensors ] && fail "a model all the same"
        train "$group" --epochs 2 --model mlp:hidden=20 --out y.safetensors --quiet
        lose_worker_to_oom "$group"
        held=$((held + 1))
    fi
    rmdir "$group"
    break
done
for top in /sys/fs/cgroup/cpu /sys/fs/cgroup; do
    group=$top/peal-test-$$
    mkdir "$group" 2>/dev/null || continue
    trap 'rmdir "$group" 2>/dev/null || true' EXIT
    if { echo 100000 >"$group/cpu.cfs_quota_us" || echo "100000 100000" >"$group/cpu.max"; } 2>/dev/null; then
        train "$group" --epochs 1 --model mlp --partitions 4 --out y.safetensors 2>log.txt
        grep -q "4 partitions, 1 worker;" log.txt || { cat log.txt; fail "the quota of one CPU is not kept"; }
        held=$((held + 1))
    fi
    rmdir "$group"
    break
done
[ $held = 2 ] || echo "no control group could be made here: its limits of memory and CPUs were not tried ($held of 2 were)"
echo ok
