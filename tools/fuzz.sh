#!/usr/bin/env bash
# Fuzzes every parser of outside bytes with libFuzzer, address and undefined-behaviour sanitizers.
# usage: tools/fuzz.sh [SECONDS each, default 60] [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
targets=("${@:2}")
[ "${#targets[@]}" -gt 0 ] || targets=(arrow csv gzip idx safetensors)
tools/setup.sh
bazel build --noshow_progress --ui_event_filters=-info --config=fuzz $(printf '//tests/fuzz:%s_fuzz ' "${targets[@]}")
failed=0
for target in "${targets[@]}"; do
    work=$(mktemp -d)
    if bazel-bin/tests/fuzz/${target}_fuzz -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="$work/" "$work" "tests/fuzz/corpus/$target" >"$work.log" 2>&1; then
        echo "fuzz $target: no finding in $(grep -oE 'number_of_executed_units: [0-9]+' "$work.log" | cut -d' ' -f2) runs"
        rm -rf "$work"
    else
        failed=1
        echo "fuzz $target: FOUND SOMETHING, see $work.log and $work"
        tail -n 30 "$work.log"
    fi
done
exit $failed
