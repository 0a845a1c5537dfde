#!/usr/bin/env bash
# JSON Lines in place of CSV: the same dataset, the same model, the same predictions; and what a bad line does.
source tests/lib.sh

# The same 600 rows, as pandas wrote them: each shard has the same bytes.
$peal etl "$data/flats/flats.csv" --label price --out csv --quiet
$peal etl "$data/json/flats.jsonl.gz" --label price --out lines --quiet
shards=0
for shard in csv/*.arrow; do
    cmp "$shard" "lines/${shard##*/}" || fail "$shard differs"
    shards=$((shards + 1))
done
[ "$shards" -gt 0 ] || fail "no shards: $(ls csv)"

# An array of objects, cut into small pieces by a pipe, is told by its bytes.
$peal etl - --label price --out list --quiet <"$data/json/flats.json"
$peal etl - --label price --out head --quiet < <(head -n 41 "$data/flats/flats.csv")
cmp list/*.arrow head/*.arrow || fail "an array of objects gives other rows"

# Trained on JSON Lines, the model predicts from both.
$peal train "$data/json/flats.jsonl.gz" --label price --model linear --epochs 20 --out m.st --quiet
cat >new.jsonl <<'END'
{"district":"Hafen","area":64.5,"rooms":2,"floor":3,"built":1998,"balcony":"yes"}
{"balcony":"no","district":"Nord","area":40,"rooms":1,"floor":0}
END
printf '%s\n' district,area,rooms,floor,built,balcony Hafen,64.5,2,3,1998,yes Nord,40,1,0,,no >new.csv
$peal predict m.st new.jsonl >from_lines.txt 2>/dev/null
$peal predict m.st new.csv >from_csv.txt 2>/dev/null
[ "$(wc -l <from_lines.txt)" = 3 ] && cmp from_lines.txt from_csv.txt || fail "$(cat from_lines.txt from_csv.txt)"
$peal eval m.st "$data/json/flats.json" --json >eval.json 2>/dev/null
[ "$(json eval.json rows)" = 40 ] || fail "$(cat eval.json)"

# Bad lines are counted and named; a file without a good one is refused by its first.
{
    zcat "$data/json/flats.jsonl.gz"
    echo '{"district":"Nord","area":40,}'
    echo 'rows that are none'
} >spoilt.jsonl
$peal etl spoilt.jsonl --label price --on-bad-row quarantine --out spoilt >out.txt 2>err.txt || fail "$(cat err.txt)"
cat out.txt err.txt >all.txt
grep -q "rows: 602 in = 600 used + 0 dropped + 2 quarantined" all.txt || fail "$(cat all.txt)"
grep -rq "byte 29: a key in double quotes was expected, not '}'" all.txt spoilt || fail "$(cat all.txt)"
printf '{\n "a": 1\n}\n' >one.json
expect 3 "one.json: line 1: byte 1: a key in double quotes was expected, but the record ends" \
    $peal etl one.json --out none

# Columns of objects within objects are named as others are; arrays are left out, and that is told.
printf '{"at":{"x":%d,"tags":[1]},"y":"%s"}\n' 1 a 2 b 3 a 4 b 5 a 6 b >within.ndjson
$peal etl within.ndjson --label y --type at.x=number --out within >out.txt 2>err.txt || fail "$(cat err.txt)"
cat out.txt err.txt >all.txt
grep -q "arrays are left out: 'at.tags'" all.txt || fail "$(cat all.txt)"
grep -q "column at.x" all.txt || fail "$(cat all.txt)"

# A key that the first megabyte has not is told, and where.
awk 'BEGIN { for (i = 1; i <= 24000; i++) printf "{\"a\":%d,\"pad\":\"%050d\"%s,\"y\":\"c%d\"}\n", i, i % 5, (i > 23000) ? ",\"late\":{\"x\":1}" : "", i % 2 }' >late.jsonl
$peal etl late.jsonl --label y --out late >out.txt 2>err.txt || fail "$(cat err.txt)"
grep -q "1000 values of keys that the first megabyte has not are passed over, the first of 'late.x' in line 23001" err.txt || fail "$(cat err.txt)"
[ "$(grep -c "first megabyte" err.txt)" = 1 ] || fail "a late key is told more than once"
$peal etl late.jsonl --like late --out again 2>err.txt || fail "$(cat err.txt)"
grep "first megabyte" err.txt && fail "what the pipeline does not know is no news"
echo ok
