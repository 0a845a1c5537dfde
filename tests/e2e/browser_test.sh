#!/usr/bin/env bash
# Pages by browsers: what their scripts make is there; the same rows when a browser and a driver are killed; nothing of
# a browser outlives a job that ends, is stopped, or is killed.
source tests/lib.sh
command -v python3 >/dev/null || skip "python3 is not installed"
command -v chromium >/dev/null && command -v chromedriver >/dev/null || skip "chromium and chromium-driver are not installed"

TMPDIR=$(mktemp -d /tmp/peal-XXXXXX) # Chromium's sockets want a short path
export TMPDIR
python3 "$root/tests/e2e/pages_server.py" dynamic 12 100 >port 2>>log &
server=$!
trap 'kill $server 2>/dev/null || true; rm -rf "$TMPDIR"' EXIT
wait_for test -s port
host=http://127.0.0.1:$(cat port)
options=(--allow-private --browser-wait '.v, a' --page-each .v --page-select 'v=:scope' --transform keep:columns=url+v --transform keep:columns=depth)

below() { # below PID: all that it has started
    local one
    for one in $(pgrep -P "$1" || true); do echo "$one" && below "$one"; done
}
gone() { # gone PID...: none of them is left, and no file
    local one
    for one in "$@"; do
        for _ in $(seq 200); do kill -0 "$one" 2>/dev/null || break; sleep 0.1; done
        ! kill -0 "$one" 2>/dev/null || fail "process $one is left: $(ps -o pid,ppid,args -p "$one")"
    done
    for _ in $(seq 100); do [ -n "$(ls -A "$TMPDIR")" ] || break; sleep 0.1; done
    [ -z "$(ls -A "$TMPDIR")" ] || fail "left behind: $(ls -A "$TMPDIR")"
}
begin() { # begin OUT BROWSERS: in $job and, once a page was read, $browser and $all
    rm -rf "$1"
    : >log
    "$peal" etl "pages:$host/" --out "$1" "${options[@]}" --browsers "$2" 2>"$1.txt" &
    job=$!
    for _ in $(seq 1200); do grep -q '/data/' log && break || sleep 0.05; done
    grep -q '/data/' log || fail "no page was shown: $(cat "$1.txt")"
    guard=$(child $job 1)
    driver=$(child "$guard" 1)
    browser=$(child "$driver" 1)
    all=$(below $job)
}

seq 0 11 | awk -v host="$host" 'BEGIN { print "url,depth,v" } { printf "%s/d/%d,1,%d\n", host, $1, $1 * $1 }' >a.csv
"$peal" etl a.csv --out reference --transform keep:columns=url+v --transform keep:columns=depth --quiet

begin two 2
second=$(child $job 2)
kill -9 "$browser"
for _ in $(seq 1200); do driver=$(child "$second" 1) && [ -n "$driver" ] && break || sleep 0.05; done
kill -9 "$driver" || fail "there is no second browser: $(cat two.txt)"
wait $job || { cat two.txt >&2; fail "a job whose browsers were killed"; }
[ "$(grep -c 'warning: browser . .* is lost' two.txt)" -ge 1 ] || fail "the lost browser is not named: $(cat two.txt)"
cmp two/train-00000.arrow reference/train-00000.arrow || fail "killed browsers: other rows"
gone $all
! grep -q ' /data/.* 3 ' log || fail "more than two pages at once"

begin killed 1
kill -9 $job
wait $job 2>/dev/null || true
gone $all
begin stopped 1
kill -INT $job
code=0
wait $job || code=$?
[ $code = 4 ] || fail "exit code $code after SIGINT"
gone $all

# What is waited for and never comes is the page's failure; options that need browsers; no driver.
expect 3 "did not come within 1 s" "$peal" etl "pages:$host/never" --out d "${options[@]}" --browsers 1 --browser-seconds 1 --http-retries 0
expect 2 "give 'browsers', too" "$peal" etl "pages:$host/" --out d --browser-wait p
expect 3 "loopback" "$peal" etl "pages:$host/" --out d "${options[@]:1}" --browsers 1
expect 1 "chromedriver, which is not installed" env PATH=/nowhere "$peal" etl "pages:$host/" --out d "${options[@]}" --browsers 1
gone
