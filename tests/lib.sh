# What the script tests share; sourced by them. $root is the tree of built files, $peal the program, $data the bundled data, $work a fresh folder.
set -euo pipefail
trap 'echo "FAILED: line $LINENO: $BASH_COMMAND" >&2' ERR

root=$PWD
peal=$root/tools/peal
data=$root/tests/data
work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/peal-e2e-XXXXXX")
export PEAL_CACHE=$work/cache
cd "$work"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# skip REASON: ends the test, which then counts as skipped.
skip() {
    echo "SKIPPED: $*"
    exit 0
}

# expect CODE WORDS COMMAND...: the exit code, and a text that the message on standard error holds.
expect() {
    local code=$1 words=$2 got=0
    shift 2
    "$@" >out.txt 2>err.txt || got=$?
    [ "$got" = "$code" ] || { cat err.txt >&2; fail "exit code $got instead of $code: $*"; }
    grep -qF -- "$words" err.txt || { cat err.txt >&2; fail "'$words' is not in the message of: $*"; }
}

# json FILE PATH: a value of a JSON file, by dots: json out.json metrics.accuracy
json() {
    local value
    value=$(tr -d '\n' <"$1" | grep -oE "\"${2##*.}\": *(\"[^\"]*\"|[-+0-9.eE]+|true|false|null)" | sed -n 1p) ||
        fail "there is no $2 in $(cat "$1")"
    value=${value#*:}
    value=${value# }
    value=${value#\"}
    echo "${value%\"}"
}

# child JOB N: the pid of a job's Nth child; nothing if there is none.
child() { pgrep -P "$1" 2>/dev/null | sort -n | sed -n "${2}p" || true; }

# until_heeds PID: until the program handles SIGINT (by the mask of what it catches): before, on a busy machine after
# seconds, a shell's job in the background ignores that signal, and others just end it. Done, too, if the job is over.
until_heeds() {
    local caught
    for _ in $(seq 1200); do
        kill -0 "$1" 2>/dev/null || return 0
        caught=$(awk '/^SigCgt/ { print $2 }' "/proc/$1/status" 2>/dev/null || true)
        [ "$(cat "/proc/$1/comm" 2>/dev/null)" = bash ] || [ $((16#${caught:-0} & 2)) = 0 ] || return 0
        sleep 0.05
    done
    fail "process $1 does not handle SIGINT"
}

# epochs_for MS TRIED COMMAND...: how many epochs of a training take about so long, whatever the build; TRIED are timed.
epochs_for() {
    local ms=$1 tried=$2 begin
    shift 2
    begin=$(date +%s%N)
    "$@" --epochs "$tried" --out speed.safetensors --quiet || return
    echo $((tried * ms / (($(date +%s%N) - begin) / 1000000 + 1) + tried))
}

# at_least A B: A >= B, as numbers
at_least() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 >= b + 0) }' || fail "$1 is below $2"
}
