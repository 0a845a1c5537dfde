#!/usr/bin/env bash
# Sources of S3: the objects that a name means and no others, signed right, the right dataset or a named error whatever
# the store does; keys in nothing that is written. At the end the same from moto's server, if it is there.
source tests/lib.sh
command -v python3 >/dev/null || skip "python3 is not installed"

unset "${!AWS_@}" # whatever the host has
export HOME=$work
awk 'BEGIN { print "y,x,c,n"; for (p = ""; length(p) < 150;) p = p "padding"; for (i = 0; i < 10000; i++) printf "%d,%.9f,%s%c,%d\n", i * 7 % 10, (i * 7919 % 65536) / 65536, p, 97 + i % 5, i * 31 % 1000 }' >a.csv
tr abc bca <a.csv >b.csv
for n in 1 2 3; do "$peal" etl $(yes a.csv | head -n $n) --out reference$n --label y --quiet; done

trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
python3 "$root/tests/e2e/s3_server.py" a.csv b.csv >port 2>requests.txt &
servers=($!)
wait_for test -s port
endpoint=http://127.0.0.1:$(cat port)
options=(--label y --quiet --s3-endpoint "$endpoint" --http-stall-seconds 5 --http-retries 2)
etl() { "$peal" etl "$@" "${options[@]}"; }
same() { # same N OUT: the dataset is that of so many files
    cmp "$2/train-00000.arrow" "reference$1/train-00000.arrow" || fail "$2: other rows"
}

# No keys: requests are not signed.
etl s3://public/part-1.csv --out anonymous
same 1 anonymous
expect 3 "AccessDenied: Access Denied; the request was not signed" etl s3://good/part-1.csv --out none
expect 3 "s3://good/d/: the server answered 403" etl s3://good/d/ --out none

export AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=secret/of+mine

# An object, a folder, globs; keys with what URLs do not have.
etl s3://good/part-1.csv --out one
same 1 one
"$peal" etl s3://good/d/ --out folder --label y --s3-endpoint "$endpoint" 2>said.txt
same 3 folder
grep -qF "s3://good/d/: left out: 2 objects (d/README.md, d/_SUCCESS)" said.txt || fail "what is left out is not told"
etl 's3://good/part-*.csv' --out glob
same 2 glob
etl 's3://good/*/part-[0-9].csv' "s3://good/d/e f+ü&~'.csv" --out globs
same 2 globs
grep -q "^GET /good/d/e%20f%2B%C3%BC%26~%27.csv " requests.txt || fail "a key was encoded in another way"
! grep -q "WRONG" requests.txt || fail "a signature was wrong: $(grep WRONG requests.txt | head -n 1)"
grep -q "delimiter=%2F" requests.txt || fail "a glob listed the folders"
expect 3 "no object matches" etl 's3://good/*.parquet' --out none
expect 3 "s3://good/nosuch/: no objects" etl s3://good/nosuch/ --out none
expect 3 "NoSuchKey: The specified key does not exist.; all objects below a folder are named by a slash" etl s3://good/d --out none
expect 3 "is empty" etl s3://good/empty.csv --out none

# Faults: the right dataset, or an error that says so and names the object.
etl s3://cut/part-1.csv --out cut
same 1 cut
grep -qE "^GET /cut/part-1.csv bytes=[0-9]{7}- \"" requests.txt || fail "a cut did not go on by a range and If-Match"
etl s3://cut/d/ --out cuts
same 3 cuts
etl s3://backwards/d/ --out backwards --json >backwards.json
grep -o '"path": *"[^"]*"' backwards/manifest.json >order.txt
[ "$(LC_ALL=C sort order.txt)" = "$(cat order.txt)" ] && [ "$(wc -l <order.txt)" = 3 ] || fail "another order: $(cat order.txt)"
etl s3://slow-down/d/ --out slow
same 3 slow
expect 3 "s3://slow-always/d/: the server answered 503 (SlowDown: Please reduce your request rate.) (tried 3 times)" etl s3://slow-always/d/ --out none
expect 3 "500 (InternalError: We encountered" etl s3://failing/x --out none
expect 3 "s3://changed/part-1.csv: changed while it was read: its etag is not" etl s3://changed/part-1.csv --out none
expect 3 "s3://changed-early/d/a.csv: changed while it was read: its etag is not" etl s3://changed-early/d/ --out none
expect 3 "s3://denied/x: the server answered 403 (AccessDenied: Access Denied)" etl s3://denied/x --out none
expect 3 "s3://gone/d/: the server answered 404 (NoSuchBucket: The specified bucket does not exist)" etl s3://gone/d/ --out none
expect 3 "'html' where a list of objects (ListBucketResult) is expected" etl s3://page-of-html/d/ --out none
expect 3 "the list that the store answered: line 1: " etl s3://half-a-page/d/ --out none
expect 3 "the same page again" etl s3://same-page/d/ --out none
expect 3 "lists the key 'd/a.csv' twice" etl s3://twice/d/ --out none
before=$(wc -l <requests.txt)
expect 3 "the bucket is in the region eu-west-1: set AWS_REGION" etl s3://permanent/x --out none
expect 3 "the bucket is at temporary.s3-eu-west-2.amazonaws.com" etl s3://temporary/x --out none
expect 3 "the bucket is in the region eu-west-3: set AWS_REGION" etl s3://region/x --out none
[ $(($(wc -l <requests.txt) - before)) = 3 ] || fail "a redirect was followed"
[ ! -e none ] || fail "something was written"
etl s3://good/part-1.csv s3://denied/x s3://gone/d/ s3://good/part-2.csv --out left --on-bad-source drop --json >left.json 2>err.txt
same 2 left
[ "$(json left.json sources_left_out)" = 2 ] || fail "other sources were left out"

# Up to date by the list and the beginnings.
before=$(wc -l <requests.txt)
etl s3://good/d/ --out folder --resume --json >again.json
[ "$(json again.json up_to_date)" = true ] || fail "it is not up to date"
! tail -n "+$((before + 1))" requests.txt | grep -vE "list-type=2|bytes=0-4095 \"" || fail "more than the beginnings was asked for"

# Keys of a file, of a session; wrong ones. They stand in nothing that was written.
expect 3 "SignatureDoesNotMatch" env AWS_SECRET_ACCESS_KEY=wrong-one "$peal" etl s3://good/part-1.csv --out none "${options[@]}"
AWS_ACCESS_KEY_ID=ASIATEST AWS_SECRET_ACCESS_KEY=secret/of+theirs AWS_SESSION_TOKEN=token/of+mine== etl s3://good/d/ --out session
same 3 session
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
mkdir .aws
printf '[theirs]\naws_access_key_id = ASIATEST\naws_secret_access_key = secret/of+theirs\naws_session_token = token/of+mine==\n' >.aws/credentials
printf '[profile theirs]\nregion = eu-central-1\nendpoint_url = %s/\n' "$endpoint" >.aws/config
AWS_PROFILE=theirs "$peal" etl s3://good/part-1.csv --out profile --label y --quiet
same 1 profile
expect 3 "the server answered 403 (AccessDenied)" env AWS_PROFILE=theirs "$peal" etl s3://echo/x --out none "${options[@]}"
"$peal" train s3://public/part-1.csv --out model.st --label y --quiet --model softmax --epochs 1 --s3-endpoint "$endpoint"
rm -r .aws port
! grep -rlE "secret.of.(mine|theirs)|token.of.mine|wrong-one" --exclude=requests.txt . || fail "keys were written"

# What cannot be right is refused before any request, and without keys in the message.
before=$(wc -l <requests.txt)
expect 2 "a bucket's name has no '@'" etl s3://AKID:hunter2@good/x --out none
! grep -q hunter2 err.txt || fail "a key is in a message"
expect 2 "s3://BUCKET/KEY is expected" etl s3://x --out none
expect 2 "s3-endpoint: https://HOST or http://HOST:PORT is expected" "$peal" etl s3://good/x --out none --s3-endpoint localhost
expect 2 "not the secret" env AWS_ACCESS_KEY_ID=AKIDTEST "$peal" etl s3://good/x --out none "${options[@]}"
expect 2 "has no aws_access_key_id" env AWS_PROFILE=nosuch "$peal" etl s3://good/x --out none "${options[@]}"
[ "$(wc -l <requests.txt)" = "$before" ] || fail "a request came before the check"

# A store that others wrote.
python=${PEAL_TEST_PYTHON:-python3}
if ! "$python" -c 'import moto.server, boto3' 2>/dev/null; then
    echo "moto is not installed: not tried with it"
    echo passed
    exit 0
fi
cat >store.py <<'END'
import os, time
os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="y", AWS_DEFAULT_REGION="us-east-1",
                  MOTO_S3_DEFAULT_MAX_KEYS="10")
import boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
address = "http://%s:%d" % server.get_host_and_port()
client = boto3.client("s3", endpoint_url=address)
client.create_bucket(Bucket="bucket")
data = open("a.csv", "rb").read()
for key in ["d/a.csv", "d/b c+\u00fc.csv", "d/s/c.csv", "d/_SUCCESS"]:
    client.put_object(Bucket="bucket", Key=key, Body=data)
for i in range(25): # three pages
    client.put_object(Bucket="bucket", Key="few/%d.csv" % i, Body=b"y,x\n%d,%d\n" % (i % 2, i))
print("at", address, flush=True)
time.sleep(600)
END
"$python" store.py >port 2>store.txt &
servers+=($!)
wait_for grep -q "^at " port
export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=y AWS_ENDPOINT_URL=$(sed -n "s/^at //p" port)
"$peal" etl s3://bucket/d/ --out moto --label y --quiet
same 3 moto
"$peal" etl 's3://bucket/few/*.csv' --out few --label y --quiet --json >few.json
[ "$(json few.json rows.in)" = 25 ] || fail "not all of three pages: $(cat few.json)"
expect 3 "NoSuchBucket" "$peal" etl s3://nosuch/d/ --out none --label y
echo passed
