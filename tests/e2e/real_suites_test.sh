#!/usr/bin/env bash
# The edge cases of other projects' tests: gzip and CSV files (also in zstd), whole and broken.
source tests/lib.sh

real=${PEAL_TEST_DATA:-}
[ -d "$real/suites" ] || skip "PEAL_TEST_DATA names no folder with suites"

# Every gzip file of other projects' tests: read as gzip reads it, or refused with a clear error.
for file in "$real"/suites/gzip-*/*.gz "$real"/suites/gzip-*/*/*.gz; do
    [ -f "$file" ] || continue
    code=0
    timeout 60 $peal etl "$file" --format csv --header no --delimiter '|' --on-bad-row drop --out any 2>err.txt --quiet || code=$?
    [ $code = 0 ] || [ $code = 2 ] || [ $code = 3 ] || { cat err.txt; fail "exit code $code on $file"; }
    if [ $code != 0 ]; then grep -q '^peal: ' err.txt || fail "no message on $file"; fi
    if gzip -t "$file" 2>/dev/null && grep -q ": gzip " err.txt; then fail "gzip reads $file, but: $(cat err.txt)"; fi
    rm -rf any
done
# The same of CSV files: any end but a crash or a hang.
for file in "$real"/suites/csv-spectrum/*.csv "$real"/suites/csv-spectrum/*/*.csv "$real"/suites/duckdb-csv/*.csv \
    "$real"/suites/duckdb-csv/*/*.csv "$real"/suites/duckdb-csv/*/*.zst; do
    [ -f "$file" ] || continue
    code=0
    timeout 60 $peal etl "$file" --on-bad-row drop --out any 2>err.txt --quiet || code=$?
    [ $code = 0 ] || [ $code = 2 ] || [ $code = 3 ] || { cat err.txt; fail "exit code $code on $file"; }
    rm -rf any
done
# All PNG of a decoder's own tests, many of which are broken to bring decoders down: right, or named.
if [ -d "$real/suites/pngsuite" ]; then
    for how in --threads --processes; do
        $peal etl "$real/suites/pngsuite" --to images --out png$how $how 2 --on-bad-row quarantine 2>err.txt
        grep -q 'rows: 83 in = 61 used + 0 dropped + 22 quarantined' err.txt || fail "$(cat err.txt)"
        [ "$(grep -c '"file":".*/crashers/' png$how/_quarantine.jsonl)" = 22 ] || fail "$(cat png$how/_quarantine.jsonl)"
    done
    diff -r png--threads png--processes || fail "processes differ from threads"
fi
echo ok
