#!/usr/bin/env bash
# Output that cannot be written: a folder that is read-only, a reader that goes away (| head), a standard output that is
# closed or full. A named error or a clean end, never a hang, never a torn file.
source tests/lib.sh

$peal etl "$data/digits/train-*.csv.gz" --label digit --out digits --quiet
$peal train digits --epochs 2 --out m.safetensors --quiet
zcat "$data/digits/test.csv.gz" >rows.csv
tail -n +2 rows.csv >more.csv
for i in $(seq 20); do cat more.csv; done >>rows.csv

# `| head`: predictions, JSON and help end without a word, not by a crash or a hang.
for command in "predict m.safetensors rows.csv" "help" "help train" "inspect m.safetensors" "inspect digits --json"; do
    # shellcheck disable=SC2086
    timeout 60 bash -c 'set -o pipefail; "$@" 2>err.txt | head -n 1 >head.txt; echo "${PIPESTATUS[0]}" >code.txt' - $peal $command || true
    code=$(cat code.txt)
    [ "$code" != 124 ] && [ "$code" -lt 128 ] || fail "'$command | head' ends with $code"
    [ "$code" = 0 ] || grep -qE "Broken pipe|standard output" err.txt || fail "'$command | head' ends with $code: $(cat err.txt)"
    [ -s head.txt ] || fail "'$command | head' shows nothing"
done

# Closed, and full.
for command in "predict m.safetensors rows.csv" "eval m.safetensors rows.csv --json" "help train"; do
    code=0
    # shellcheck disable=SC2086
    timeout 60 $peal $command >&- 2>err.txt || code=$?
    [ "$code" = 1 ] || fail "'$command >&-' ends with $code: $(cat err.txt)"
    grep -q "standard output" err.txt || fail "'$command >&-' does not say why: $(cat err.txt)"
    code=0
    # shellcheck disable=SC2086
    timeout 60 $peal $command >/dev/full 2>err.txt || code=$?
    [ "$code" = 1 ] || fail "'$command >/dev/full' ends with $code"
    grep -q "No space left on device" err.txt || fail "'$command >/dev/full' does not say why: $(cat err.txt)"
done

# A folder that nobody may write to; for root that takes a read-only mount.
mkdir locked
cp m.safetensors locked/
if mount --bind locked locked 2>/dev/null && mount -o remount,bind,ro locked 2>/dev/null; then
    trap 'umount locked' EXIT
elif [ "$(id -u)" != 0 ]; then
    chmod a-w locked
else
    skip "a read-only folder cannot be made here"
fi
why="Read-only file system|Permission denied"
refused() { # refused COMMAND...
    local code=0
    timeout 60 "$@" >out.txt 2>err.txt || code=$?
    [ $code = 1 ] || [ $code = 2 ] || { cat err.txt; fail "exit code $code: $*"; }
    grep -qE "cannot (write|make|create).*locked.*($why)" err.txt || fail "not named: $(cat err.txt)"
}
refused $peal etl "$data/digits/train-*.csv.gz" --label digit --out locked/d
refused $peal train digits --epochs 1 --out locked/n.safetensors
refused $peal train digits --epochs 1 --out n.safetensors --run-dir locked/run
refused $peal predict m.safetensors rows.csv --out locked/p.csv
[ -e n.safetensors ] && fail "a model although its run could not be written"
[ "$(ls -A locked)" = m.safetensors ] || fail "left in the read-only folder: $(ls -A locked)"
echo ok
