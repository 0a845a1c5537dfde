#!/usr/bin/env bash
# The cache is a private folder or none: without one a training makes its dataset in a folder of its own, and says so.
source tests/lib.sh

(echo a,y; seq 200 | awk '{ print $1 % 7 "," ($1 % 7 > 3 ? "p" : "q") }') >rows.csv
mkdir temporary
export TMPDIR=$work/temporary
unset PEAL_CACHE XDG_CACHE_HOME
train=("$peal" train rows.csv --label y --epochs 1)
HOME=$work/home "${train[@]}" --out right.safetensors 2>err.txt
[ "$(stat -c %a home/.cache/peal)" = 700 ] || fail "others can read the cache"

not_kept() { # not_kept WHY VARIABLE=...: no cache is used, and the model is the same
    local why=$1
    shift
    rm -rf m.safetensors m.run
    env "$@" "${train[@]}" --out m.safetensors 2>err.txt || { cat err.txt; fail "no model without a cache: $*"; }
    grep -q "not kept for later jobs: .*$why" err.txt || fail "not said: $(cat err.txt)"
    cmp m.safetensors right.safetensors
    [ -z "$(ls -A temporary)" ] || fail "left: $(ls -A temporary)"
}
mkdir -m 777 open
not_kept "others can write" PEAL_CACHE=open
mkdir -p shared/peal && chmod 770 shared/peal
not_kept "others can write" XDG_CACHE_HOME="$work/shared"
[ -z "$(ls -A open)$(ls -A shared/peal)" ] || fail "something was put where others can write"
not_kept "a file" PEAL_CACHE=rows.csv
mkdir -m 755 foreign
if chown 12345 foreign 2>/dev/null; then
    not_kept "another user" PEAL_CACHE=foreign
fi
# A folder that is named by no whole path is none, and nothing of a cache comes to stand in /tmp.
home=$(getent passwd "$(id -u)" | cut -d : -f 6)
[ ! -e /tmp/.cache/peal ] || fail "there is a /tmp/.cache/peal before the test"
env -u HOME XDG_CACHE_HOME=relative "${train[@]}" --out m.safetensors 2>err.txt
[ ! -e relative ] && [ ! -e /tmp/.cache/peal ] || fail "a cache in a place that nobody named"
grep -qE "making $home/.cache/peal|cached one at $home/.cache/peal|not kept for later jobs" err.txt || fail "not said: $(cat err.txt)"

# After a failure and after a kill nothing is left, at the latest by the next job.
expect 2 nothing env PEAL_CACHE=open "$peal" train rows.csv --label nothing --out m.safetensors
[ -z "$(ls -A temporary)" ] || fail "left after a failure: $(ls -A temporary)"
PEAL_CACHE=open "$peal" train rows.csv --label y --model mlp --epochs 1000000 --quiet --out k.safetensors --run-dir killed &
job=$!
wait_for test -e killed/run.json
kill -9 $job
wait $job 2>/dev/null || true
not_kept "others can write" PEAL_CACHE=open
echo ok
