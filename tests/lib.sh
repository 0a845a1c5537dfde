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

# wait_for COMMAND...: until the command succeeds, for a minute
wait_for() {
    local i
    for i in $(seq 1200); do
        if "$@" 2>/dev/null; then return; fi
        sleep 0.05
    done
    fail "waited in vain for: $*"
}

heeds() { # heeds PID: the program handles SIGINT (bit 1 of the mask of what it catches); or it is over
    kill -0 "$1" || return 0
    [ "$(cat "/proc/$1/comm")" != bash ] && grep -q '^SigCgt:.*[2367abef]$' "/proc/$1/status"
}
# until_heeds PID: before, on a busy machine after seconds, a shell's job in the background ignores SIGINT, and other
# signals just end it.
until_heeds() { wait_for heeds "$1"; }

# workers_are_killed: of the jobs that follow. The sanitizer's check for leaks, when a job ends, has a child of its own; were
# that taken for a worker and killed, the check would wait for it without end. Other tests have it.
workers_are_killed() { export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"; }

# kill_busy_workers JOB TICKS: until the job is over, those that have computed for so many hundredths of a second, and so
# have come to their task, however slow the machine is.
kill_busy_workers() {
    local worker ticks
    for _ in $(seq 3000); do
        kill -0 "$1" 2>/dev/null || return 0
        for worker in $(pgrep -P "$1" || true); do
            ticks=$(awk '{ print $14 + $15 }' "/proc/$worker/stat" 2>/dev/null || echo 0)
            if [ "${ticks:-0}" -ge "$2" ]; then kill -9 "$worker" 2>/dev/null || true; fi
        done
        sleep 0.1
    done
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
