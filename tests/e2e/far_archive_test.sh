#!/usr/bin/env bash
# A zip archive of a web server or a store: its members come by ranges, only what is wanted is transferred, and the
# dataset is that of the file; whatever the server does, it is that or a named error.
source tests/lib.sh
command -v python3 >/dev/null || skip "python3 is not installed"
unset "${!AWS_@}" # whatever the host has
export HOME=$work

awk 'BEGIN { print "y,x,c,n"; for (i = 0; i < 360000; i++) printf "%d,%.9f,%c,%d\n", i * 7 % 10, (i * 7919 % 65536) / 65536, 97 + i % 5, i * 31 % 1000 }' >one.csv
sed '20,50s/,[0-9]*$/,7/' one.csv >two.csv
sed '20,50s/,[0-9]*$/,8/' one.csv >three.csv
cat >pack.py <<'END'
import os, sys, zipfile
with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_STORED) as out:
    out.write("one.csv") # 8 MB, as the next ones
    out.write("two.csv")
    out.writestr("__MACOSX/two.bin", os.urandom(12 << 20))
    out.write("three.csv")
    out.writestr("__MACOSX/three.bin", os.urandom(8 << 20))
    for i in range(2000):
        out.writestr("_small/%d" % i, b"")
data = bytearray(open("a.zip", "rb").read())
data[1000] ^= 1
open("b.zip", "wb").write(data)
END
python3 pack.py
"$peal" etl a.zip --out reference --label y --quiet
size=$(stat -c %s a.zip)

serve() { # serve FILE OTHER: a server for as long as the test runs; its address is in $url
    rm -f port
    python3 "$root/tests/e2e/fault_server.py" "$1" "$2" 127.0.0.1 >port 2>requests.txt &
    servers+=($!)
    wait_for test -s port
    url=http://127.0.0.1:$(cat port)
}
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
serve a.zip b.zip
options=(--label y --quiet --allow-private --http-stall-seconds 2 --http-retries 2)
asked() { # asked FAULT: how many bytes were asked for
    grep "^$1/" requests.txt | grep -oE "bytes=[0-9]+-[0-9]*" | tr '=-' '  ' | awk -v size="$size" '{ sum += ($3 ? $3 + 1 : size) - $2 } END { print sum + 0 }'
}

# Only the directory and the members are asked for, each byte once; several at a time; nothing is read again when the
# dataset is up to date.
"$peal" etl "$url/good/a.zip" --out d "${options[@]}" --threads 2
cmp d/train-00000.arrow reference/train-00000.arrow || fail "other rows"
[ "$(asked good)" -lt $((29 << 20)) ] || fail "$(asked good) bytes of $size were asked for"
grep -oE "^good/a.zip bytes=[0-9]+" requests.txt | sort | uniq -d | grep . && fail "a block came twice"
"$peal" etl "$url/good/a.zip" --out d "${options[@]}" --resume --json >again.json
[ "$(json again.json up_to_date)" = true ] || fail "it is not up to date"
[ "$(asked good)" -lt $((32 << 20)) ] || fail "the members were asked for again: $(asked good) bytes"
"$peal" etl "$url/late/a.zip" --out e "${options[@]}" --threads 2
cmp e/train-00000.arrow reference/train-00000.arrow || fail "late: other rows"
grep -q "at once: [2-9]" requests.txt || fail "members were not fetched at the same time"
rm -rf e
"$peal" etl "$url/late/a.zip" --out e "${options[@]}" --threads 2 --connections 1
cmp e/train-00000.arrow reference/train-00000.arrow || fail "one connection: other rows"

# Cuts, stalls, errors that pass; no ranges, no version, a sum of all bytes: the archive is read whole then.
sum=$(sha256sum a.zip)
for name in cut/a.zip stall/a.zip failing/a.zip cut_nothing/a.zip no_ranges/a.zip "good/a.zip#sha256=${sum%% *}"; do
    rm -rf e
    "$peal" etl "$url/$name" --out e "${options[@]}"
    cmp e/train-00000.arrow reference/train-00000.arrow || fail "$name: other rows"
done
grep -qE '^cut/a.zip bytes=[0-9]*[1-9]-[0-9]+ "one"' requests.txt || fail "a cut did not go on by a range"
expect 3 "another SHA-256" "$peal" etl "$url/good/a.zip#sha256=$(printf '0%.0s' {1..64})" --out f "${options[@]}"

# It changes between two ranges.
expect 3 'changed while it was read: its etag was "one" and now is "two"' "$peal" etl "$url/other_etag/a.zip" --out f "${options[@]}"
expect 3 "changed while it was read: its date was" "$peal" etl "$url/other_date/a.zip" --out f "${options[@]}"
expect 3 "answered other bytes" "$peal" etl "$url/other_range/a.zip" --out f "${options[@]}"
[ ! -e f ] || fail "something was written"

# kill -9 while the third member is waited for: the first two are not fetched again, but for what tells their columns.
"$peal" etl "$url/stuck_late/a.zip" --out g --label y --quiet --allow-private --threads 1 &
job=$!
for _ in $(seq 400); do [ -z "$(find . -name input-000002)" ] || break; sleep 0.05; done
kill -9 $job
wait $job 2>/dev/null || true
cp requests.txt before.txt
"$peal" etl "$url/stuck_late/a.zip" --out g "${options[@]}" --resume
cmp g/train-00000.arrow reference/train-00000.arrow || fail "kill -9: other rows"
tail -n +$(($(wc -l <before.txt) + 1)) requests.txt | grep -oE "bytes=[0-9]+-" | tr -dc '0-9\n' | awk '$1 > 4 * 1024 * 1024 && $1 < 15 * 1024 * 1024 { exit 1 }' ||
    fail "kill -9: the first members were fetched again"

# Images, which are many and small: neighbours come together; processes, which have no connections, read a copy.
python3 - "$data/images/colour.jpg" <<'END'
import os, sys, zipfile
with zipfile.ZipFile("images.zip", "w", zipfile.ZIP_STORED) as out:
    for i in range(800):
        out.write(sys.argv[1], "class%d/%03d.jpg" % (i % 2, i))
    out.writestr("_rest", os.urandom(3 << 20))
END
serve images.zip images.zip
"$peal" etl images.zip --out h --quiet
for processes in 0 2; do
    rm -rf i
    "$peal" etl "$url/good/images.zip" --out i --quiet --allow-private $([ $processes = 0 ] || echo --processes 2)
    cmp h/train-00000.arrow i/train-00000.arrow || fail "images: other rows"
    [ $processes != 0 ] || [ "$(grep -c "^good/" requests.txt)" -le $(($(stat -c %s images.zip) / (1 << 20) + 2)) ] || fail "images: $(grep -c "^good/" requests.txt) requests"
done

# To images again, with the options of sources.
"$peal" etl images.zip --to images --out k --transform grey --quiet
"$peal" etl "$url/good/images.zip" --to images --out l --transform grey --quiet --allow-private
diff -r k l -x _manifest.json || fail "other images"
expect 3 "allow-private" "$peal" etl "$url/good/images.zip" --to images --out m
expect 2 "on-bad-source is of datasets" "$peal" etl "$url/good/images.zip" --to images --out m --on-bad-source drop

# An image that is larger than what is fetched at first, decoded by a process, which reads a copy.
python3 - <<'END'
import os, struct, zlib
def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
rows = b"".join(b"\0" + os.urandom(3 * 900) for _ in range(900))
open("noise.png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 900, 900, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))
END
serve noise.png noise.png
for name in good no_ranges; do
    timeout 100 "$peal" etl "$url/$name/noise.png" --to images --out "noise_$name" --transform grey --quiet --allow-private --processes 1
    "$peal" etl "$url/$name/noise.png" --to images --out "threads_$name" --transform grey --quiet --allow-private
    diff -r "noise_$name" "threads_$name" -x _manifest.json || fail "$name: a process makes another image"
done

# A store.
export AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=secret/of+mine
python3 "$root/tests/e2e/s3_server.py" a.zip b.zip >s3_port 2>s3_requests.txt &
servers+=($!)
wait_for test -s s3_port
stored=(--label y --quiet --s3-endpoint "http://127.0.0.1:$(cat s3_port)" --http-retries 2)
"$peal" etl s3://good/part-1.csv --out j "${stored[@]}"
cmp j/train-00000.arrow reference/train-00000.arrow || fail "s3: other rows"
! grep -q "WRONG" s3_requests.txt || fail "a signature was wrong"
grep "^GET /good/part-1.csv" s3_requests.txt | grep -oE "bytes=[0-9]+-" | tr -dc '0-9\n' | awk '$1 > 18 * 1024 * 1024 && $1 < 25 * 1024 * 1024 { exit 1 }' || fail "s3: what nobody wants was fetched"
expect 3 "s3://changed/part-1.csv: changed while it was read: its etag is not" "$peal" etl s3://changed/part-1.csv --out f "${stored[@]}"
echo passed
