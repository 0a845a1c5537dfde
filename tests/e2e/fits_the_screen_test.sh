#!/usr/bin/env bash
# What a person sees fits 80 columns, and what repeats is folded.
source tests/lib.sh

command -v script >/dev/null || skip "there is no 'script' to give a terminal"
# narrow NAME COMMAND...: on a terminal of 80 columns no line is longer.
narrow() {
    local command
    printf -v command ' %q' "${@:2}"
    script -qec "stty cols 80; $command" screen.txt </dev/null >/dev/null
    # The bar is drawn over itself: what stands behind the last return counts.
    sed -e 's/\r*$//' -e 's/.*\r//' -e 's/\x1b\[K//g' screen.txt | grep -v '^Script ' >"$1.txt"
    awk -v name="$1" 'length($0) > 80 { print name ": " length($0) " columns: " $0; bad = 1 } END { exit bad }' "$1.txt" ||
        fail "$1 does not fit"
}
narrow etl $peal etl "$data/digits/train-*.csv.gz" --label digit --out digits
narrow train $peal train digits --epochs 300 --valid 0.2 --model softmax --sync epoch --out m.safetensors --run-dir a-folder-with-a-long-name/and-another-one-in-it
narrow eval $peal eval m.safetensors "$data/digits/test.csv.gz"
narrow inspect $peal inspect m.safetensors
narrow dataset $peal inspect digits
narrow version $peal --version

# 65 columns are a few lines, in a note and in inspect.
[ "$(grep -c column etl.txt)" -le 3 ] || { cat etl.txt; fail "columns are not folded"; }
grep -q "^64 columns (p00 ... p77): number, impute standardize" etl.txt || fail "$(cat etl.txt)"
[ "$(grep -c "role=" dataset.txt)" -le 3 ] || { cat dataset.txt; fail "inspect does not fold"; }
[ "$($peal inspect digits --json | jq '.columns | length')" = 65 ] || fail "--json is folded"

# Of 300 epochs a person sees the first, one a second and the last; metrics.jsonl has all.
seconds=$(jq -s 'map(.seconds) | add | floor' a-folder*/*/metrics.jsonl)
[ "$(grep -c '^epoch ' train.txt)" -le $((seconds + 3)) ] || fail "$(grep -c '^epoch ' train.txt) lines in $seconds s"
grep -q '^epoch 1/300: ' train.txt && grep -q '^epoch 300/300: ' train.txt || { cat train.txt; fail "first and last"; }
[ "$(wc -l <a-folder-with-a-long-name/and-another-one-in-it/metrics.jsonl)" = 300 ] || fail "metrics.jsonl lacks epochs"

# A log has whole lines.
$peal inspect m.safetensors >log.txt
grep -q '^  *pipeline\|^job\|^sha256' log.txt || fail "inspect in a log: $(head log.txt)"
echo ok
