#!/usr/bin/env bash
# kill -9 in place of each call that changes files, from the first checkpoint's on to the end of the job: what stands in
# the run folder is always whole, never older than the checkpoint before, and --resume ends in the same bits.
source tests/lib.sh

counter=$root/tests/fault/kill_at_call.so
$peal etl "$data/digits/train-*.csv.gz" --label digit --out digits --quiet
job=(train digits --model mlp:hidden=30 --partitions 4 --epochs 3 --checkpoint-seconds 0 --keep 1 --out m.safetensors --quiet)

LD_PRELOAD=$counter PEAL_KILL_FROM=/checkpoint- PEAL_KILL_LOG=calls.txt $peal "${job[@]}"
calls=$(cat calls.txt)
[ "$calls" -ge 30 ] || fail "only $calls calls were counted"
mv m.safetensors calm.safetensors
least=0
for ((at = 1; at <= calls; at++)); do
    rm -rf m.run m.safetensors
    code=0
    LD_PRELOAD=$counter PEAL_KILL_FROM=/checkpoint- PEAL_KILL_AT=$at $peal "${job[@]}" || code=$?
    [ $code = 137 ] || fail "exit code $code instead of a death at call $at of $calls"
    newest=0
    for file in m.run/*.safetensors; do
        [ -e "$file" ] || continue
        $peal inspect "$file" --json >inspected.json || fail "$file is not whole after a death at call $at"
        [ "${file#m.run/checkpoint-}" = "$file" ] || newest=$(json inspected.json epoch)
    done
    # Deaths come later and later: what was safe once stays safe.
    [ "$newest" -ge "$least" ] || fail "a death at call $at leaves epoch $newest, an earlier one left epoch $least"
    least=$newest
    if [ -e m.safetensors ]; then cmp calm.safetensors m.safetensors; fi
    $peal "${job[@]}" --resume
    cmp calm.safetensors m.safetensors || fail "the model changed after a death at call $at"
    [ -z "$(find . -name '*peal-tmp*')" ] || fail "a temporary file is left after a death at call $at"
done
[ "$least" = 3 ] || fail "no death came after the last checkpoint"
echo "$calls calls, a death at each: always whole, always the same bits"
