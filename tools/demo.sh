#!/usr/bin/env bash
# The main job from nothing: installs what is missing, builds, turns the bundled digits into a dataset, trains on them and
# shows the accuracy on the held-out file. Leaves dataset, model and run folder in out/.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh
bazel build --ui_event_filters=-info --noshow_progress //tools:peal
peal=bazel-bin/tools/peal
mkdir -p out
$peal etl 'tests/data/digits/train-*.csv.gz' --label digit --out out/digits
$peal train out/digits --model mlp:hidden=256x128 --epochs 30 --out out/digits.safetensors
$peal eval out/digits.safetensors tests/data/digits/test.csv.gz
echo "to look at: out/digits (dataset), out/digits.safetensors (model), out/digits.run (run)"
