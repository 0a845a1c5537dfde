#!/usr/bin/env bash
# The examples for embedders do what they say.
source tests/lib.sh
examples=$root/tools/examples

# The same digits for any number of processes, and the interval holds the truth (the seed is fixed).
for processes in 1 2 3 7; do $examples/monte_carlo $processes 20 >digits.$processes; done
for processes in 2 3 7; do cmp digits.1 digits.$processes || fail "other digits with $processes processes"; done
cat digits.1
awk '{ d = $2 - $NF; if (d < 0) d = -d; exit !(d <= $4 && $4 < 0.2) }' digits.1 || fail "the interval is off"

$examples/gzip_lines "$data"/digits/*.csv.gz >lines.txt
for file in "$data"/digits/*.csv.gz; do
    grep -qE "^ *$(zcat "$file" | wc -l) lines +$(zcat "$file" | wc -c) bytes  $file$" lines.txt || fail "$file: $(cat lines.txt)"
done
grep -q "^ *$(zcat "$data"/digits/*.csv.gz | wc -l) lines in all$" lines.txt || fail "the total"
head -c 1000 "$data/digits/test.csv.gz" >torn.csv.gz
expect 1 "torn.csv.gz" $examples/gzip_lines "$data/digits/test.csv.gz" torn.csv.gz

$examples/train digit d.ds m.safetensors "$data"/digits/train-*.csv.gz | tee train.txt
grep -q "[0-9] epochs, accuracy 0.[89][0-9]*" train.txt || fail "the accuracy"
lines=$(grep -cvE '^ *$' "$root/tools/examples/train.c")
[ "$lines" -lt 40 ] || fail "the example takes $lines lines"
expect 1 "no column 'nosuch'" $examples/train nosuch d2.ds m2.safetensors "$data"/digits/test.csv.gz

zcat "$data/digits/test.csv.gz" | tail -n +2 >rows.csv
for threads in 1 2 4; do $examples/serve m.safetensors rows.csv $threads >served.$threads; done
for threads in 2 4; do cmp served.1 served.$threads || fail "other scores from $threads threads"; done
cat served.1

# Models of one dataset, each in its process: the same for any number of them, and the best one is the best.
"$peal" etl "$data"/digits/train-*.csv.gz --label digit --out digits.ds --quiet
for processes in 1 3; do
    mkdir models.$processes
    $examples/instances digits.ds models.$processes $processes >models.$processes.txt || fail "$processes processes"
done
cmp models.1.txt models.3.txt || fail "other models with three processes"
for i in 0 1 2 3; do cmp models.1/$i.safetensors models.3/$i.safetensors || fail "another model $i"; done
cat models.1.txt
[ "$(sed '$d' models.1.txt | sort -k3g | head -n 1 | cut -d' ' -f1)" = "$(sed -n 's/best: //p' models.1.txt)" ] || fail "the best one"
expect 1 "no model is called 'nosuch'" $examples/instances digits.ds models.1 2 mlp:hidden=4 nosuch

# The jobs. Sources that are not here are replaced by those of servers.
job() { "$peal" etl --job "$examples/$1.yaml" "${@:2}" --quiet; }
cp "$data/flats/flats.csv" .
job rows --out rows1 --threads 1
job rows --out rows3 --threads 3
cmp rows1/train-00000.arrow rows3/train-00000.arrow && cmp rows1/valid-00000.arrow rows3/valid-00000.arrow || fail "other rows with three threads"
tar xzf "$data/images/digits.tar.gz" && mv digits/test photos
cp "$data/images/cut.png" photos/0/zz.png
job pictures --out small --json >small.json
[ "$(json small.json rows.quarantined)" = 1 ] && [ "$(find small/0 -name '*.png' | wc -l)" -gt 5 ] || fail "pictures: $(cat small.json)"
job pictures_apart --out apart --json >apart.json
[ "$(json apart.json rows.quarantined)" = 1 ] && [ "$(json apart.json rows.used)" = 120 ] || fail "pictures_apart: $(cat apart.json)"
sed /processes/d "$examples/pictures_apart.yaml" >pictures_threads.yaml
"$peal" etl --job pictures_threads.yaml --out threads --quiet
cmp apart/train-00000.arrow threads/train-00000.arrow || fail "other pixels from processes"
cp flats.csv orders.csv
job stream --out orders --idle-seconds 0 --json >orders.json
[ "$(json orders.json windows)" = 1 ] && [ "$(json orders.json rows.used)" = 600 ] || fail "stream: $(cat orders.json)"
tail -n 300 flats.csv >>orders.csv
job stream --out orders --idle-seconds 0 --resume --json >orders.json
[ "$(json orders.json windows)" = 2 ] && [ "$(json orders.json rows.used)" = 900 ] || fail "stream, gone on: $(cat orders.json)"
"$peal" train --job "$examples/learning.yaml" --out price.safetensors --json --quiet >price.json
[ "$(json price.json windows)" = 5 ] && "$peal" predict price.safetensors flats.csv --quiet >/dev/null || fail "learning: $(cat price.json)"
if ! command -v python3 >/dev/null; then
    echo "python3 is not installed: the jobs that want a server were not tried"
    exit 0
fi
python3 - <<'END'
import csv, sqlite3
rows = list(csv.DictReader(open("flats.csv")))
base = sqlite3.connect("flats.db")
base.execute("create table flats (price real, area real, rooms integer, built integer)")
base.executemany("insert into flats values (?, ?, ?, ?)", [(r["price"], r["area"], r["rooms"], r["built"] or None) for r in rows])
base.commit()
END
job queries --out queried --json >queried.json
[ "$(json queried.json rows.in)" = "$(awk -F, 'NR > 1 && $5 != "" { n++ } END { print n }' flats.csv)" ] || fail "queries: $(cat queried.json)"
serve() { # serve SERVER ARGUMENT...: one of tests/e2e; its port is in $port
    rm -f port
    python3 "$root/tests/e2e/$1" "${@:2}" >port 2>"$1.txt" &
    servers+=($!)
    wait_for test -s port
    port=$(cat port)
}
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
unset "${!AWS_@}"
printf '{"price": 1.5, "area": 2}\n{"price": 2.5, "area": 3}\n{"price": 3, "area": 3}\n' >prices.json
serve fault_server.py prices.json prices.json 127.0.0.1
job sites "http://127.0.0.1:$port/late/{00..39}.json" "http://127.0.0.1:$port/missing/x.json" --out prices --allow-private --json >sites.json
[ "$(json sites.json rows.in)" = 120 ] && [ "$(json sites.json sources_left_out)" = 1 ] || fail "sites: $(cat sites.json)"
[ "$(sed -n 's/^at once: //p' fault_server.py.txt | sort -n | tail -n 1)" -ge 4 ] || fail "sites: they were asked one by one"
serve fault_server.py flats.csv flats.csv 127.0.0.1
web=http://127.0.0.1:$port
serve s3_server.py flats.csv flats.csv
job downloads "$web/cut/part-{00..03}.csv" "s3://public/part-*.csv" --s3-endpoint "http://127.0.0.1:$port" --label price --out loaded --allow-private
"$peal" etl $(yes flats.csv | head -n 6) --out files --label price --quiet
cmp loaded/train-00000.arrow files/train-00000.arrow || fail "downloads: other rows"
serve pages_server.py plain 30
job pages "pages:http://127.0.0.1:$port/p/0" --out products --allow-private --crawl-delay 0 --json >products.json
[ "$(json products.json rows.in)" = 30 ] || fail "pages: $(cat products.json)"
if command -v chromium >/dev/null && command -v chromedriver >/dev/null && [ -z "${ASAN_OPTIONS:-}${TSAN_OPTIONS:-}" ]; then
    serve pages_server.py dynamic 4 100
    TMPDIR=$(mktemp -d /tmp/peal-XXXXXX) # Chromium's sockets want a short path
    trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$TMPDIR"' EXIT
    TMPDIR=$TMPDIR job scripted_pages "pages:http://127.0.0.1:$port/" --out shown --allow-private --browser-wait ".v, a" \
        --page-each .v --page-select "price=:scope" --json >shown.json
    [ "$(json shown.json rows.in)" = 4 ] || fail "scripted_pages: $(cat shown.json)"
else
    echo "no chromium with chromium-driver, or a build that is too slow for them: scripted_pages was not tried"
fi
echo ok
