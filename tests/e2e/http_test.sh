#!/usr/bin/env bash
# Sources of web servers: the right dataset or a named error whatever the server does, and nothing torn; private
# addresses, credentials, templates, checksums, --resume, sources that are left out.
source tests/lib.sh
command -v python3 >/dev/null || skip "python3 is not installed"
server=$root/tests/e2e/fault_server.py

awk 'BEGIN { print "y,x,c,n"; for (i = 0; i < 90000; i++) printf "%d,%.9f,%c,%d\n", i * 7 % 10, (i * 7919 % 65536) / 65536, 97 + i % 5, i * 31 % 1000 }' >a.csv
sed '20s/,[0-9]*$/,999/' a.csv >b.csv
while [ "$(stat -c %s b.csv)" -lt "$(stat -c %s a.csv)" ]; do sed -i '30s/^[0-9]*/&0/' b.csv; done
head -c "$(stat -c %s a.csv)" b.csv >c.csv && mv c.csv b.csv
"$peal" etl a.csv --out reference --label y --quiet

serve() { # serve ADDRESS FILE OTHER: a server for as long as the test runs; its port is in $port
    rm -f port
    python3 "$server" "$2" "$3" "$1" >port 2>>requests.txt &
    servers+=($!)
    wait_for test -s port
    port=$(cat port)
}
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
serve 127.0.0.1 a.csv b.csv
url=http://127.0.0.1:$port
options=(--label y --quiet --allow-private --http-stall-seconds 2 --http-retries 2 --http-most-bytes 20000000)

# Each fault is tried in a folder of its own, all at a time: most of them wait.
same() { # same FAULT...: the dataset is that of the file
    local fault
    for fault in "$@"; do
        mkdir "$fault"
        (cd "$fault" && "$peal" etl "$url/$fault/a.csv" --out d "${options[@]}" 2>err.txt &&
            cmp d/train-00000.arrow ../"${reference:-reference}"/train-00000.arrow && touch right) &
        tried+=("$fault=$!")
    done
}
named() { # named FAULT WORDS: an error that says so, and nothing but it
    mkdir "$1"
    (cd "$1" && expect 3 "$2" timeout 60 "$peal" etl "$url/$1/a.csv" --out d "${options[@]}" &&
        grep -qF "$url/$1/a.csv" err.txt && [ "$(ls -A | sort | tr '\n' ' ')" = "err.txt out.txt " ] && touch right) &
    tried+=("$1=$!")
}
tried=()

same good cut cut_no_etag cut_nothing stall busy failing closed no_ranges no_range_at_all chunked moved
awk '{ size += length($0) + 1; print } size > 3000 { exit }' a.csv >small.csv
"$peal" etl small.csv --out small --label y --quiet
reference=small same short_chunked short_closed
named cut_always "cut at byte"
named stall_always "nothing came for 2 s"
named busy_for_long "asks to wait for 86400 s"
named unavailable "answered 503 (tried 3 times)"
named missing "answered 404"
named long_length "was cut at byte"
named other_etag 'its etag was "one" and now is "two"'
named other_date "its date was"
named other_size "its size was"
named other_bytes "bytes are others"
named other_range "answered other bytes"
named empty "is empty"
named nothing_there "answered 416"
named brotli "encoded as 'br'"
named endless "more than the 20000000 bytes"
named endless_head "headers"
named no_http "HTTP/0.9"
named loop "redirects"
named to_file "disabled"
named secret "answered 401"
for one in "${tried[@]}"; do
    wait "${one#*=}" || true
    [ -e "${one%=*}/right" ] || { cat "${one%=*}/err.txt" >&2; ls -A "${one%=*}" >&2; fail "${one%=*}"; }
done
grep -qE '^cut/a.csv bytes=[0-9]{7}- "one"' requests.txt || fail "a cut did not go on by a range"
[ "$(grep -c '^good/' requests.txt)" -le 4 ] || fail "a good object took more than two requests"

# A server that sends a byte now and then never stalls, and is given up all the same.
expect 3 "bytes came in 4 s" timeout 60 "$peal" etl "$url/trickle/a.csv" --out d --label y --quiet --allow-private \
    --http-stall-seconds 1 --http-retries 0

# There is no such host: it is asked for again, as one may be that a name server forgot for a moment.
expect 3 "(tried 3 times)" "$peal" etl http://no-such-host.invalid/a.csv --out d "${options[@]}"

# Nobody listens.
expect 3 "tried 3 times" "$peal" etl http://127.0.0.1:1/a.csv --out d "${options[@]}"

# gzip that ends early; one whose bytes are all there; checksums; a template; several kinds of sources together.
gzip -kc a.csv >a.csv.gz
head -c 200000 a.csv.gz >short.gz
serve 127.0.0.1 short.gz a.csv.gz
expect 3 "ends" "$peal" etl "http://127.0.0.1:$port/good/a.csv.gz" --out d "${options[@]}"
serve 127.0.0.1 a.csv.gz a.csv.gz
rm -rf d
"$peal" etl "http://127.0.0.1:$port/cut/a.csv.gz" --out d "${options[@]}"
cmp d/train-00000.arrow reference/train-00000.arrow || fail "gzip: other rows"
sum=$(sha256sum a.csv)
rm -rf d
"$peal" etl "$url/good/a.csv#sha256=${sum%% *}" --out d "${options[@]}"
expect 3 "another SHA-256" "$peal" etl "$url/good/a.csv#sha256=$(printf '0%.0s' {1..64})" --out e "${options[@]}"
rm -rf d e
"$peal" etl "$url/good/part-{00..02}.csv" a.csv --out d "${options[@]}" --threads 1
"$peal" etl a.csv a.csv a.csv a.csv --out e --label y --quiet
cmp d/train-00000.arrow e/train-00000.arrow || fail "a template: other rows"

# An archive of a web server, and prediction from one.
mkdir -p members && cp a.csv members/one.csv && cp a.csv members/two.csv && tar cf members.tar members
serve 127.0.0.1 members.tar members.tar
rm -rf d e
"$peal" etl "http://127.0.0.1:$port/good/members.tar" --out d "${options[@]}"
"$peal" etl members.tar --out e --label y --quiet
cmp d/train-00000.arrow e/train-00000.arrow || fail "an archive: other rows"

# What such a job waits for: of one connection and four objects some wait for it.
rm -rf d
"$peal" etl "$url/late/"{a,b,c,d}.csv --out d --label y --quiet --allow-private --connections 1 --explain >told.txt
grep -qE "^read +[0-9.]+ s +[0-9.]+ s +[0-9.]+ s +[0-9.]+ s +[0-9.]+ s$" told.txt || fail "the stages are not told: $(cat told.txt)"
grep -qE "^connections: [01]\.[0-9] of 1 were receiving on average$" told.txt && grep -qE "^objects waited for a connection for [1-9][0-9]* % of the time$" told.txt || fail "$(cat told.txt)"
awk 'length > 80 { exit 1 }' told.txt || fail "more than 80 columns: $(cat told.txt)"
"$peal" etl a.csv --out e --label y --quiet --explain --threads 1 >told.txt
grep -q "^the job waits for " told.txt && grep -q "^more threads: " told.txt && ! grep -q "^more connections" told.txt || fail "$(cat told.txt)"
expect 2 "explain is of datasets" "$peal" etl a.csv --out f --to images --explain

# Few connections and many that want one; a column that turns out to be text, so that all is read twice; no ranges.
rm -rf d e
"$peal" etl "$url/cut_nothing/b.csv" "$url/good/b.csv" "$url/no_ranges/{a,b}.csv" --out d "${options[@]}" --connections 1 --threads 3
"$peal" etl a.csv a.csv a.csv a.csv --out e --label y --quiet
cmp d/train-00000.arrow e/train-00000.arrow || fail "one connection: other rows"
{ cat a.csv && for i in $(seq 300); do echo "1,text$((i % 7)),a,1"; done; } >late.csv
serve 127.0.0.1 late.csv late.csv
rm -rf d e
"$peal" etl "http://127.0.0.1:$port/good/late.csv" "http://127.0.0.1:$port/cut_nothing/late.csv" --out d "${options[@]}"
"$peal" etl late.csv late.csv --out e --label y --quiet
cmp d/train-00000.arrow e/train-00000.arrow || fail "read twice: other rows"

# A model trained on a web server's rows, and tried on them, is the one of the file.
few=(--model softmax --epochs 1 --seed 1 --quiet --workers 1)
head -n 3000 a.csv >few.csv
serve 127.0.0.1 few.csv few.csv
"$peal" train "http://127.0.0.1:$port/good/few.csv" --out web.st --label y --allow-private "${few[@]}"
"$peal" train few.csv --out file.st --label y "${few[@]}"
cmp web.st file.st || fail "another model"
"$peal" eval web.st "http://127.0.0.1:$port/cut/few.csv" --allow-private --json --quiet >web.json
"$peal" eval file.st few.csv --json --quiet >file.json
[ "$(json web.json metrics.log_loss)" = "$(json file.json metrics.log_loss)" ] || fail "another loss"

# nginx, where it is installed: many small objects, with its own etags and ranges.
if command -v nginx >/dev/null; then
    mkdir -p web/files
    for i in $(seq 10 59); do { sed 1q a.csv && sed -n "$((i * 100)),$((i * 100 + 99))p" a.csv; } | gzip >web/files/$i.csv.gz; done
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    temporary=$(for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path $work/web/$kind;"; done)
    cat >web/nginx.conf <<END
daemon off; master_process off; pid $work/web/pid; error_log $work/web/errors;
events { worker_connections 64; }
http { access_log off; $temporary server { listen 127.0.0.1:$port; root $work/web/files; } }
END
    nginx -p "$work/web" -c "$work/web/nginx.conf" 2>web/said &
    servers+=($!)
    wait_for test -s web/pid
    rm -rf d e
    "$peal" etl "http://127.0.0.1:$port/{10..59}.csv.gz" --out d "${options[@]}"
    "$peal" etl web/files --out e --label y --quiet
    cmp d/train-00000.arrow e/train-00000.arrow || fail "nginx: other rows"
    "$peal" etl "http://127.0.0.1:$port/{10..59}.csv.gz" --out d "${options[@]}" --resume --json >again.json
    [ "$(json again.json up_to_date)" = true ] || fail "nginx: it is not up to date"
fi

# Names that cannot be right are refused before any request.
before=$(wc -l <requests.txt)
expect 2 "~/.netrc" "$peal" etl "$url/good/a.csv" "http://me:hunter2@127.0.0.1/a.csv" --out d "${options[@]}"
grep -q hunter2 err.txt && fail "a password is in a message"
expect 2 "in braces" "$peal" etl "$url/good/{a}.csv" --out d "${options[@]}"
expect 2 "sha256=" "$peal" etl "$url/good/a.csv#md5=1" --out d "${options[@]}"
expect 2 "a whole number from 1 to 256" "$peal" etl "$url/good/a.csv" --out d --connections 0
[ "$(wc -l <requests.txt)" = "$before" ] || fail "a request came before the check"

# Private addresses: the first one, and, where there can be a public one, one that it leads to.
rm -rf d
expect 3 "127.0.0.1, a loopback address" "$peal" etl "$url/good/a.csv" --out d --label y --quiet
expect 3 "a loopback address" "$peal" etl "http://localhost:${url##*:}/good/a.csv" --out d --label y --quiet
expect 3 "a private address" "$peal" etl http://10.1.2.3/a.csv --out d --label y --quiet
expect 3 "a link-local address" "$peal" etl http://169.254.169.254/latest --out d --label y --quiet
if unshare -rn true 2>/dev/null && command -v ip >/dev/null; then
    cat >public.sh <<'END'
ip link set lo up && ip addr add 93.184.215.14/32 dev lo
python3 "$1" a.csv b.csv 0.0.0.0 >port2 2>/dev/null &
server=$!
for _ in $(seq 1200); do [ -s port2 ] && break || sleep 0.05; done
"$2" etl "http://93.184.215.14:$(cat port2)/good/a.csv" --out public --label y --quiet || exit 1
code=0
"$2" etl "http://93.184.215.14:$(cat port2)/elsewhere/a.csv" --out d --label y --quiet 2>err.txt || code=$?
kill $server
[ $code = 3 ] && grep -qF "leads to 127.0.0.1, a loopback address" err.txt
END
    unshare -rn bash public.sh "$server" "$peal" || { cat err.txt >&2; fail "a redirect to a private address"; }
fi

# Credentials: from the environment, a file, or netrc; they are in no manifest and no message.
rm -rf d
PEAL_HTTP_BEARER=token-of-mine "$peal" etl "$url/secret/a.csv" --out d "${options[@]}"
grep -q "Bearer token-of-mine" requests.txt || fail "the token was not sent"
echo token-of-mine >token
PEAL_HTTP_BEARER_FILE=token "$peal" etl "$url/secret/a.csv" --out e "${options[@]}"
printf 'machine 127.0.0.1 login me password word-of-mine\n' >netrc
rm -rf e
NETRC=$work/netrc "$peal" etl "$url/secret/a.csv" --out e "${options[@]}"
grep -q "Basic $(printf me:word-of-mine | base64)" requests.txt || fail "netrc was not used"
! grep -rq "token-of-mine\|word-of-mine" d e || fail "credentials stand in a dataset"

# --resume: up to date by a few bytes; a change is noticed.
rm -rf d
"$peal" etl "$url/good/a.csv" --out d "${options[@]}"
"$peal" etl "$url/good/a.csv" --out d "${options[@]}" --resume --json >again.json
[ "$(json again.json up_to_date)" = true ] || fail "it is not up to date"
tail -n 1 requests.txt | grep -q "bytes=0-4095" || fail "more than the beginning was asked for"
"$peal" etl "$url/good/a.csv" --out d "${options[@]}" --resume --json --http-retries 5 >again.json
[ "$(json again.json up_to_date)" = true ] || fail "how sources are reached changed the dataset"

# kill -9 while it waits: what was read whole is not fetched again.
rm -rf d
"$peal" etl "$url/good/"{first,second}.csv "$url/stuck/third.csv" --out d --label y --quiet --allow-private --threads 1 &
job=$!
for _ in $(seq 400); do [ -z "$(find . -name input-000002)" ] || break; sleep 0.05; done # the others are done then
kill -9 $job
wait $job 2>/dev/null || true
before=$(wc -l <requests.txt)
"$peal" etl "$url/good/"{first,second}.csv "$url/stuck/third.csv" --out d "${options[@]}" --resume
rm -rf e
"$peal" etl a.csv a.csv a.csv --out e --label y --quiet
cmp d/train-00000.arrow e/train-00000.arrow || fail "kill -9: other rows"
! tail -n +$((before + 1)) requests.txt | grep "^good/second" | grep -qv "bytes=0-4095" || fail "kill -9: it was fetched again"

# Sources that are left out: at the look, in the middle, and files; the rest is as if they had not been named.
rm -rf d e
"$peal" etl a.csv a.csv --out e --label y --quiet
for way in drop quarantine; do
    "$peal" etl a.csv "$url/missing/a.csv" "$url/other_etag/$way.csv" none.csv a.csv --out d --on-bad-source $way "${options[@]}" --json >left.json 2>err.txt
    [ "$(json left.json sources_left_out)" = 3 ] || fail "$way: other sources were left out"
    cmp d/train-00000.arrow e/train-00000.arrow || fail "$way: other rows"
    grep -q "no such file: none.csv" err.txt && grep -q "answered 404" err.txt && grep -q "its etag was" err.txt || fail "$way: not all were named"
    grep -q '"left_out"' d/manifest.json || fail "$way: the manifest does not tell"
    [ "$way" = drop ] || [ "$(grep -c . d/quarantine.jsonl)" = 3 ] || fail "not in quarantine.jsonl"
done
# Texts and numbers of one that fails at its end are in nothing that was learnt of the others.
sed '1!{s/,[a-e],/,zebra,/; s/,0\./,90./; p; p}' a.csv >zebra.csv # several blocks
serve 127.0.0.1 zebra.csv zebra.csv
rm -rf d
"$peal" etl a.csv "http://127.0.0.1:$port/other_later/a.csv" a.csv --out d --on-bad-source drop "${options[@]}"
cmp d/train-00000.arrow e/train-00000.arrow || fail "one that fails at its end: other rows"
# Of evaluation and prediction, too; rows that came before the failure count, and that is told.
"$peal" eval file.st few.csv few.csv --json --quiet >both.json
"$peal" eval file.st few.csv none.csv "$url/missing/a.csv" few.csv --on-bad-source drop --json --allow-private >left.json 2>err.txt
[ "$(json left.json sources_left_out)" = 2 ] && [ "$(json left.json metrics.log_loss)" = "$(json both.json metrics.log_loss)" ] || fail "eval: $(cat left.json)"
grep -q "no such file: none.csv" err.txt && grep -q "sources: 2 left out" err.txt || fail "eval: $(cat err.txt)"
"$peal" predict file.st few.csv --quiet --out few.out
"$peal" predict file.st "http://127.0.0.1:$port/other_later/b.csv" few.csv --on-bad-source drop --out left.out --json --allow-private >left.json 2>err.txt
[ "$(json left.json sources_left_out)" = 1 ] && tail -n 2999 left.out | cmp - <(tail -n 2999 few.out) || fail "predict: $(cat left.json)"
[ "$(wc -l <left.out)" -gt 3000 ] && grep -q "its rows before that count" err.txt || fail "predict: $(cat err.txt)"
expect 3 "not one of the sources" "$peal" eval file.st none.csv --on-bad-source drop
expect 2 "no quarantine of sources" "$peal" eval file.st few.csv --on-bad-source quarantine
expect 3 "not one of the sources" "$peal" etl none.csv "$url/missing/a.csv" --out f --on-bad-source drop "${options[@]}"

# Interrupted while it waits: soon, and with nothing left.
rm -rf d
"$peal" etl "$url/stall_always/a.csv" --out d --label y --quiet --allow-private & job=$!
until_heeds $job
sleep 0.5
kill -INT $job
code=0
wait $job || code=$?
[ $code = 4 ] || fail "interrupted: exit code $code"
echo passed
