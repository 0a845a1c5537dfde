#!/usr/bin/env bash
# Metrics go to standard output, also with --quiet; a label that the model does not know counts as wrong and is counted.
source tests/lib.sh

{
    echo x,y
    for i in $(seq 400); do echo "$((i % 40)),$([ $((i % 40)) -lt 20 ] && echo low || echo high)"; done
} >rows.csv
$peal train rows.csv --label y --out m.st --quiet
$peal eval m.st rows.csv --quiet >quiet.txt 2>err.txt
[ -s err.txt ] && fail "quiet is not quiet: $(cat err.txt)"
grep -q '^accuracy 0' quiet.txt || grep -q '^accuracy 1' quiet.txt || fail "no metrics: $(cat quiet.txt)"
grep -qx 'rows: 400 in = 400 used + 0 dropped + 0 quarantined' quiet.txt || fail "no rows: $(cat quiet.txt)"
$peal eval m.st rows.csv >loud.txt 2>/dev/null
cmp quiet.txt loud.txt || fail "--quiet changes the metrics"
$peal eval m.st rows.csv --json >known.json 2>/dev/null
[ "$(wc -l <known.json)" = 1 ] && [ "$(json known.json unknown_labels)" = 0 ] || fail "$(cat known.json)"

# A hundred rows of a class that is not the model's: accuracy falls by a fifth.
{ cat rows.csv; for i in $(seq 100); do echo "$i,middle"; done; } >more.csv
$peal eval m.st more.csv --json >more.json 2>err.txt
[ "$(json more.json unknown_labels)" = 100 ] && [ "$(json more.json rows)" = 500 ] || fail "$(cat more.json)"
grep -q "warning: 100 of 500 rows have a label that the model does not know; they count as wrong" err.txt ||
    fail "no warning: $(cat err.txt)"
awk -v all="$(json more.json accuracy)" -v known="$(json known.json accuracy)" \
    'BEGIN { d = all - known * 0.8; exit !(d < 1e-9 && d > -1e-9) }' || fail "$(cat known.json more.json)"

# Another habit of case is no other class.
sed 's/low/Low/; s/high/High/' rows.csv >cased.csv
cmp <($peal eval m.st rows.csv --json --quiet) <($peal eval m.st cased.csv --json --quiet) || fail "Low is not low"
# Nothing in common: an error that shows both.
sed 's/low/small/; s/high/large/' rows.csv >other.csv
expect 3 "its classes are 'high', 'low', those of other.csv 'small', 'large'" $peal eval m.st other.csv
[ -s out.txt ] && fail "metrics of nothing"

# A class whose spelling is not of the model is not taken for one when predictions are many.
[ "$($peal eval m.st rows.csv 2>/dev/null | wc -l)" = 2 ] || fail "more than rows and metrics"
echo ok
