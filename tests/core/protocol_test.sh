#!/usr/bin/env bash
# The models of the ring and the barrier (core/*.pml), checked by spin over all interleavings and deaths; and the faults
# that each model can bring back, all of which the check must find.
source tests/lib.sh

command -v spin >/dev/null || skip "spin is not installed"
models=$root/core

# check MODEL DEFINES...: prints what the exhaustive search says, in one line.
check() {
    local model=$1
    shift
    rm -rf check && mkdir check && cd check
    spin -a "$@" "$models/$model.pml" >spin.txt 2>&1 || { cat spin.txt; fail "spin does not read $model.pml"; }
    cc -O2 -w -DSAFETY -DVECTORSZ=4096 -o pan pan.c
    ./pan -m1000000 >pan.txt 2>&1 || true
    cd ..
    grep -q 'max search depth too small\|out of memory' check/pan.txt && fail "the search of $model $* was not whole"
    grep -oE 'errors: [0-9]+' check/pan.txt
}

holds() {
    [ "$(check "$@")" = "errors: 0" ] || { cat check/pan.txt >&2; fail "$* does not hold"; }
    echo "holds: $* ($(grep -oE '[0-9]+ states, stored' check/pan.txt))"
}

breaks() {
    [ "$(check "$@")" = "errors: 1" ] || fail "the fault of $* is not found"
    echo "found: $*"
}

holds ring
holds ring -DSLOTS=1 -DMESSAGES=4
holds ring -DSLOTS=4 -DMESSAGES=10
for fault in WAKER_CLEARS NO_SIGNAL CLOSE_BESIDE_THE_WORD SLEEP_UNCOMPARED PUBLISH_BEFORE_FILLED FREE_BEFORE_TAKEN; do
    breaks ring -DBREAK_$fault
done

holds barrier -DMEMBERS=2 -DROUNDS=3
holds barrier -DMEMBERS=3 -DROUNDS=2
holds barrier -DMEMBERS=2 -DROUNDS=3 -DHANDS=2
holds barrier -DMEMBERS=3 -DROUNDS=2 -DHANDS=2
for fault in WAKER_CLEARS RELEASE_BEFORE_RESET ABORT_BESIDE_THE_WORD; do
    breaks barrier -DBREAK_$fault
done

breaks barrier -DHANDS=2 -DBREAK_WORK_UNGATHERED
breaks barrier -DHANDS=2 -DBREAK_RELEASE_BEFORE_RESET

# Each label of a model is a step that the C code names, and the other way round.
for pair in ring:ring barrier:collective; do
    model=$(grep -oE '^[a-z_]+:$|/\* (flag|look|park|unflag) \*/' "$models/${pair%:*}.pml" | tr -d ':/* ' | sort -u)
    named=$(grep -oE '\[[a-z_]+\]' "$models/${pair#*:}.c" | tr -d '[]' | sort -u)
    for step in $model; do
        grep -qx "$step" <<<"$named" || [ "$step" = quiet ] || fail "${pair#*:}.c does not name the step $step of the model"
    done
    echo "named: all steps of ${pair%:*}.pml"
done
