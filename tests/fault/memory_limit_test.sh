#!/usr/bin/env bash
# Too little address space: a clear error with the arithmetic, never a hang.
source tests/lib.sh

(ulimit -v 200000 && $peal help >/dev/null 2>&1) || skip "the program does not run in little address space (a sanitizer)"
$peal etl "$data/digits/train-*.csv.gz" --label digit --out d --quiet
$peal train d --epochs 1 --out m.safetensors --quiet
limited() { (ulimit -v "$1" && timeout 60 "${@:2}"); }
expect 1 "GEMM needs 143 MB of address space, but only" limited 100000 $peal train d --epochs 1 --out x.safetensors
expect 1 "GEMM needs 143 MB of address space, but only" limited 100000 $peal eval m.safetensors "$data/digits/test.csv.gz"
expect 1 "for each of 4 partitions" limited 200000 $peal train d --model mlp:hidden=3000x2000 --out x.safetensors
grep -qE "25 MB of parameters.* needs [0-9]+ MB of address space, but only [0-9]+ MB of the limit of 205 MB" err.txt ||
    { cat err.txt; fail "the arithmetic is not there"; }
[ -e x.safetensors ] && fail "a model all the same"

# The same from a control group's limit, and its quota of CPUs; where groups can be made, which takes root.
train() { # train GROUP OPTIONS...: in the control group
    local group=$1
    shift
    bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$peal" train d "$@"
}
held=0
for top in /sys/fs/cgroup/memory /sys/fs/cgroup; do
    group=$top/peal-test-$$
    mkdir "$group" 2>/dev/null || continue
    trap 'rmdir "$group" 2>/dev/null || true' EXIT
    if echo 150M >"$group/memory.limit_in_bytes" || echo 150M >"$group/memory.max"; then
        expect 1 "under the cgroup's limit of 157 MB" train "$group" --model mlp:hidden=3000x2000 --out y.safetensors
        grep -qE "25 MB of parameters.* needs [0-9]+ MB of memory, but only [0-9]+ MB can still be had" err.txt ||
            { cat err.txt; fail "the arithmetic is not there"; }
        [ -e y.safetensors ] && fail "a model all the same"
        train "$group" --epochs 2 --model mlp:hidden=20 --out y.safetensors --quiet
        held=$((held + 1))
    fi 2>/dev/null
    rmdir "$group"
    break
done
for top in /sys/fs/cgroup/cpu /sys/fs/cgroup; do
    group=$top/peal-test-$$
    mkdir "$group" 2>/dev/null || continue
    trap 'rmdir "$group" 2>/dev/null || true' EXIT
    if echo 100000 >"$group/cpu.cfs_quota_us" || echo "100000 100000" >"$group/cpu.max"; then
        train "$group" --epochs 1 --out y.safetensors 2>log.txt
        grep -q "4 partitions, 1 worker," log.txt || { cat log.txt; fail "the quota of one CPU is not kept"; }
        held=$((held + 1))
    fi 2>/dev/null
    rmdir "$group"
    break
done
[ $held = 2 ] || echo "no control group could be made here: its limits of memory and CPUs were not tried ($held of 2 were)"
echo ok
