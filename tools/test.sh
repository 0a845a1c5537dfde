#!/usr/bin/env bash
# Installs what is missing, builds everything and runs all tests. Words behind it go to bazel: tools/test.sh --config=asan
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh
exec bazel test --noshow_progress --test_summary=short "$@" //...
