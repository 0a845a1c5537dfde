#!/usr/bin/env bash
# Fuzzes every parser of outside bytes, and every loader of documents, with libFuzzer, address and undefined-behaviour sanitizers.
# usage: tools/fuzz.sh [SECONDS each, default 60] [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
targets=("${@:2}")
[ "${#targets[@]}" -gt 0 ] || targets=(arrow arrow_input bzip2 checkpoint_edit csv date gzip http idx image job_edit jsonl libsvm
    lightgbm manifest_edit model_edit npy page pipeline_edit robots rows s3 safetensors tar url vw webdriver xgboost xz zip zstd)
tools/setup.sh
bazel build --noshow_progress --ui_event_filters=-info --config=fuzz $(printf '//tests/fuzz:%s_fuzz ' "${targets[@]}")
failed=0
for target in "${targets[@]}"; do
    work=$(mktemp -d)
    export TEST_TMPDIR=$work.files # what the *_edit targets make
    mkdir "$TEST_TMPDIR"
    if bazel-bin/tests/fuzz/${target}_fuzz -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="$work/" "$work" "tests/fuzz/corpus/$target" >"$work.log" 2>&1; then
        echo "fuzz $target: no finding in $(grep -oE 'number_of_executed_units: [0-9]+' "$work.log" | cut -d' ' -f2) runs"
        rm -rf "$work"
    else
        failed=1
        echo "fuzz $target: FOUND SOMETHING, see $work.log and $work"
        tail -n 30 "$work.log"
    fi
    rm -rf "$TEST_TMPDIR"
done
exit $failed
