#!/usr/bin/env bash
# The models of the ring, the barrier and the tree of sums (*.pml), checked by spin over all interleavings and deaths;
# and the faults that each model can bring back, all of which the check must find.
source tests/lib.sh

command -v spin >/dev/null || skip "spin is not installed"

# check MODEL DEFINES...: prints what the exhaustive search says, in one line.
check() {
    local model=$1
    shift
    rm -rf check && mkdir check && cd check
    spin -a "$@" "$root/$model.pml" >spin.txt 2>&1 || { cat spin.txt; fail "spin does not read $model.pml"; }
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

holds core/process/ring
holds core/process/ring -DSLOTS=1 -DMESSAGES=4
holds core/process/ring -DSLOTS=4 -DMESSAGES=10
for fault in WAKER_CLEARS NO_SIGNAL CLOSE_BESIDE_THE_WORD SLEEP_UNCOMPARED PUBLISH_BEFORE_FILLED FREE_BEFORE_TAKEN; do
    breaks core/process/ring -DBREAK_$fault
done

holds core/process/barrier -DMEMBERS=2 -DROUNDS=3
holds core/process/barrier -DMEMBERS=3 -DROUNDS=2
holds core/process/barrier -DMEMBERS=2 -DROUNDS=3 -DHANDS=2
holds core/process/barrier -DMEMBERS=3 -DROUNDS=2 -DHANDS=2
for fault in WAKER_CLEARS RELEASE_BEFORE_RESET ABORT_BESIDE_THE_WORD; do
    breaks core/process/barrier -DBREAK_$fault
done

for hands in 1 2 3; do
    holds core/process/barrier -DFREEZE -DHANDS=$hands
done
for fault in AWAIT_UNTOLD END_UNTOLD; do
    breaks core/process/barrier -DFREEZE -DHANDS=2 -DBREAK_$fault
done
breaks core/process/barrier -DHANDS=2 -DBREAK_WORK_UNGATHERED
breaks core/process/barrier -DHANDS=2 -DBREAK_RELEASE_BEFORE_RESET

holds core/process/tree -DCUT=1
holds core/process/tree -DCUT=2
holds core/process/tree -DMEMBERS=3 -DCUT=1 -DSTEPS=1
holds core/process/tree -DMEMBERS=3 -DCUT=2 -DSTEPS=1
for fault in COUNTS_STAY COME_BEFORE_LEFT; do
    breaks core/process/tree -DBREAK_$fault
done

# steps MODEL FILE...: each label of a model is a step that the C code names.
steps() {
    local model=$1 step
    shift
    for step in $(grep -oE '^[a-z_]+:$|/\* (flag|look|park|unflag|come|await_work|await_end) \*/' "$root/$model" | tr -d ':/* ' | sort -u); do
        [ "$step" = quiet ] || [ "$step" = done ] || [ "$step" = died ] || grep -qF "[$step]" "${@/#/$root/}" ||
            fail "$* does not name the step $step of $model"
    done
    echo "named: all steps of $model"
}
steps core/process/ring.pml core/process/ring.c
steps core/process/barrier.pml core/process/collective.c
steps core/process/tree.pml core/process/comm_shared.c
