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
echo ok
