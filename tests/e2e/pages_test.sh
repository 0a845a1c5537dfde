#!/usr/bin/env bash
# Sources of web pages: the same rows whatever comes first, no page twice, and nothing that robots.txt forbids: the
# server's log tells. Duplicates, redirects, charsets, selectors, tables; errors and what is left out; stopping.
source tests/lib.sh
command -v python3 >/dev/null || skip "python3 is not installed"
server=$root/tests/e2e/pages_server.py

servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
serve() { # serve LOG SITE [PAGES [DELAY_MS]]: a server for as long as the test runs; its URL is in $url
    rm -f port
    python3 "$server" "${@:2}" >port 2>>"$1" &
    servers+=($!)
    wait_for test -s port
    url=pages:http://127.0.0.1:$(cat port)
}
keep=(--transform keep:columns=url+title+text+links --transform keep:columns=depth)
etl() { # etl OUT NAME OPTIONS...
    rm -rf "$1"
    "$peal" etl "$2" --out "$1" --allow-private --http-retries 2 "${@:3}" 2>err.txt || { cat err.txt >&2; return 1; }
}
once() { # once LOG: no path was asked for twice
    local twice
    twice=$(awk '{ print $3 }' "$1" | sort | uniq -d)
    [ -z "$twice" ] || fail "asked for twice: $twice"
}

# 120 pages of four levels: the same bits for any number of requests at once, none forbidden, none twice.
serve one.log plain 120 5
etl one "$url/p/0" --crawl-depth 4 "${keep[@]}" --crawl-per-host 1 --threads 1
once one.log
[ "$(grep -c ' /p/' one.log)" = 120 ] || fail "$(grep -c ' /p/' one.log) pages were read"
! grep -q '/private/secret' one.log || fail "a page was read that robots.txt forbids"
grep -q '/private/open' one.log || fail "a page was not read that robots.txt allows"
head -n 1 one.log | grep -q '/robots.txt' || fail "robots.txt was not read first"
awk '$4 > 1 { exit 1 }' one.log || fail "more than one request at once"
grep -q ' peal/' one.log || fail "the agent has no name"
grep -q '121 read, 121 rows' err.txt || fail "the pages are not counted: $(cat err.txt)"
grep -q '1 not asked for (robots.txt)' err.txt || fail "what is forbidden is not counted"
for many in 2 16; do
    : >one.log
    etl many "$url/p/0" --crawl-depth 4 "${keep[@]}" --crawl-per-host $many
    cmp one/train-00000.arrow many/train-00000.arrow || fail "$many requests at once: other rows"
    awk -v most=$many '$4 > most { exit 1 }' one.log || fail "more than $many requests at once"
    once one.log
done

# How far: depth, number, patterns.
count() { # count EXPECTED OPTIONS...: so many rows
    etl some "$url/p/0" "${@:2}" "${keep[@]}"
    grep -q " $1 rows" err.txt || fail "not $1 rows: $(cat err.txt)"
}
count 1 --crawl-depth 0
count 12 --crawl-depth 1
count 30 --crawl-pages 30 --crawl-depth 9
grep -q 'more pages than the 30' err.txt || fail "what was left is not told"
count 3 --crawl-include '*/p/2 */p/3' --crawl-depth 9
count 11 --crawl-exclude '*/private/*' --crawl-depth 1

# Pauses: the option's, and the longer one of robots.txt. One request may be held up on its way to the server, all cannot.
apart() { # apart LOG MS: the requests of the log began so far apart
    awk -v least="$2" 'NR == 1 { first = $1 } { last = $1 } END { exit (last - first) < 0.8 * least * (NR - 1) }' "$1" || fail "$1: too fast"
}
: >one.log
count 12 --crawl-depth 1 --crawl-delay 0.05
apart one.log 50
serve slow.log slow 3
etl some "$url/p/0" "${keep[@]}" --crawl-delay 0.01 --crawl-per-host 8
grep -q ' 4 rows' err.txt || fail "not 4 rows: $(cat err.txt)"
apart slow.log 200

# Tables, and elements, are what a CSV of them is; the types come from all values.
serve plain.log plain 120
site=$url
seq 0 119 | awk -v site="${site#pages:}" 'BEGIN { print "url,table,k,v" } { printf "%s/p/%d,1,%d,%d\n", site, $1, $1, $1 * $1 }' >tables.csv
etl tables "$site/p/0" --crawl-depth 4 --page-tables --label v
"$peal" etl tables.csv --out reference --label v --quiet
cmp tables/train-00000.arrow reference/train-00000.arrow || fail "tables: other rows"
seq 0 119 | awk -v site="${site#pages:}" 'BEGIN { print "url,depth,colour,price"; split("red green blue", colours, " ") }
    { depth = $1 == 0 ? 0 : $1 <= 10 ? 1 : $1 <= 110 ? 2 : 3; printf "%s/p/%d,%d,%s,%s\n", site, $1, depth, colours[$1 % 3 + 1], $1 * 7 % 101 / 4 }' >elements.csv
etl elements "$site/p/0" --crawl-depth 4 --crawl-exclude '*/private/*' --page-each 'body > p' --page-select 'colour=.colour; price=span[class=price]' --label price
rm -rf reference
"$peal" etl elements.csv --out reference --label price --quiet
cmp elements/train-00000.arrow reference/train-00000.arrow || fail "elements: other rows"

# Odd pages: each kind is told, and those that cannot be read are left out only if that is asked for.
serve odd.log odd
expect 3 "more than 8 redirects" "$peal" etl "$url/" --out d "${keep[@]}" --allow-private --http-retries 2
[ ! -e d ] || fail "a dataset of a crawl that failed"
: >odd.log
etl odd "$url/" "${keep[@]}" --on-bad-source drop
for words in ' 8 rows' '1 with the bytes of another' '2 that ask not to be indexed' '1 no HTML' '1 that are not there' \
    '1 moved to where is not read' '1 left out' '1 not asked for (robots.txt)' 'left out: .*/loop'; do
    grep -q -- "$words" err.txt || fail "'$words' is not told: $(cat err.txt)"
done
! grep -qE ' (/private|/never|/alias )' odd.log || fail "read what must not be read: $(grep -E ' (/private|/never|/alias )' odd.log)"
[ "$(grep -c ' /same ' odd.log)" = 1 ] || fail "/same was read more than once"
[ "$(grep -c ' /flaky ' odd.log)" = 1 ] || [ "$(grep -c ' /flaky ' odd.log)" = 3 ] || fail "/flaky: $(grep -c ' /flaky ' odd.log) requests"
grep -aq 'grüße' odd/train-00000.arrow || fail "latin1 was not read"
grep -q '/loop' odd/*manifest.json || fail "what was left out is not in the manifest"
# Why there is nothing to read is told, also where that is only what was met already.
expect 3 "no page to read: ${url#pages:}/to_itself leads to ${url#pages:}/to_itself, which was asked for already" \
    "$peal" etl "$url/to_itself" --out d "${keep[@]}" --allow-private
expect 3 "${url#pages:}/nowhere: the server answered 302 and does not say which page is meant" \
    "$peal" etl "$url/nowhere" --out d "${keep[@]}" --allow-private
expect 3 "no page to read: ${url#pages:}/nowhere: the server answered 302" \
    "$peal" etl "$url/nowhere" --out d "${keep[@]}" --allow-private --on-bad-source drop

! grep -q localhost odd.log || fail "another host was read"
etl any "$url/" "${keep[@]}" --on-bad-source drop --crawl-hosts any
grep -q ' 9 rows' err.txt || fail "any host: not 9 rows: $(cat err.txt)"
grep -q 'left out: http://127.0.0.2:1/robots.txt: .*nothing of it may be read' err.txt || fail "a host without an answer is not told"
[ "$(grep localhost odd.log | cut -d ' ' -f 3 | tr '\n' ' ')" = "/robots.txt /other " ] || fail "robots.txt of another host was not read first"

# Errors are named before and while pages are read.
expect 2 "a URL was expected" "$peal" etl pages:ftp://h/ --out d
expect 2 "has no '#'" "$peal" etl pages:http://h/#sha256=0 --out d
expect 2 "character 2" "$peal" etl "$site/p/0" --out d --page-each 'a!'
expect 2 "does not go with page-select" "$peal" etl "$site/p/0" --out d --page-tables --page-select 'a=b'
expect 2 "0 to 300" "$peal" etl "$site/p/0" --out d --crawl-delay 1000
expect 2 "same or any" "$peal" etl "$site/p/0" --out d --crawl-hosts all
expect 3 "loopback" "$peal" etl "$site/p/0" --out d "${keep[@]}"
expect 3 "answered 404" "$peal" etl "$site/nothing" --out d --allow-private "${keep[@]}"
expect 3 "robots.txt" "$peal" etl "$site/private/secret" --out d --allow-private "${keep[@]}"
expect 3 "fits page-each" "$peal" etl "$site/p/0" --out d --allow-private --page-each .nowhere "${keep[@]}"
expect 3 "are allowed" "$peal" etl "$site/p/0" --out d --allow-private --page-most-bytes 500 --http-retries 0 "${keep[@]}"
expect 3 "tried 1 times" "$peal" etl pages:http://127.0.0.1:1/ --out d --allow-private --http-retries 0 "${keep[@]}"
serve broken.log broken 3
expect 3 "nothing of it may be read" "$peal" etl "$url/p/0" --out d --allow-private --http-retries 0 "${keep[@]}"
! grep -q ' /p/' broken.log || fail "a page was read without robots.txt"

# A job that is stopped, or killed, in the middle of a crawl leaves nothing, and can be done again.
serve late.log plain 120 100
begin_late() {
    rm -rf late
    : >late.log
    "$peal" etl "$url/p/0" --out late --allow-private --crawl-depth 4 "${keep[@]}" --quiet >out.txt 2>err.txt &
    job=$!
    for _ in $(seq 600); do [ "$(grep -c ' /p/' late.log)" -ge 4 ] && break || sleep 0.05; done
}
begin_late
kill -INT $job
code=0
wait $job || code=$?
[ $code = 4 ] || { cat err.txt >&2; fail "exit code $code after SIGINT"; }
begin_late
kill -9 $job
wait $job 2>/dev/null || true
etl late "$url/p/0" --crawl-depth 4 "${keep[@]}" --crawl-per-host 16 --resume
etl again "$url/p/0" --crawl-depth 4 "${keep[@]}" --crawl-per-host 16
cmp late/train-00000.arrow again/train-00000.arrow || fail "after kill -9: other rows"
[ "$(ls -A | grep -c peal-tmp)" = 0 ] || fail "temporary files are left: $(ls -A)"
