#!/usr/bin/env bash
# A limit on the size of files is a named error that leaves nothing behind, not a death by a signal.
source tests/lib.sh

(echo a,y; seq 20000 | awk '{ print $1 % 7 "," ($1 % 7 > 3 ? "p" : "q") }') >rows.csv
"$peal" etl rows.csv --label y --quiet --out d
"$peal" train d --epochs 1 --quiet --out m.safetensors
# (The thread sanitizer would write a file of its own to the temporary folder, beyond the limit.)
export TMPDIR=$work/nowhere
limited() { # limited NAME COMMAND...: the error is of NAME and tells the limit
    local name=$1 code=0
    shift
    (ulimit -f 8 && exec "$@") 2>&1 | cat >err.txt || true
    code=$( (ulimit -f 8 && "$@" >/dev/null 2>&1; echo $?) | cat)
    [ "$code" = 1 ] || fail "exit code $code: $*"
    grep -qF "limit on file sizes" err.txt && grep -qF "$name" err.txt || fail "not said: $(cat err.txt)"
    [ -z "$(find . -name '*peal-tmp*')" ] || fail "left: $(find . -name '*peal-tmp*')"
}
limited p.csv "$peal" predict m.safetensors rows.csv --quiet --out p.csv
[ ! -e p.csv ] || fail "torn predictions"
limited run/ "$peal" train d --epochs 1 --model mlp:hidden=100x100 --quiet --out n.safetensors --run-dir run
[ ! -e n.safetensors ] || fail "a model in spite of the limit"
limited e "$peal" etl rows.csv --label y --quiet --out e
[ ! -e e ] || fail "a dataset in spite of the limit"
code=$( (ulimit -f 8 && "$peal" predict m.safetensors rows.csv --quiet 2>err.txt >out.csv; echo $?) | cat)
[ "$code" = 1 ] && grep -q "standard output" err.txt || fail "standard output: exit code $code"
echo ok
