#!/usr/bin/env bash
# What is no regular file gives each of its bytes once, whatever its name: all rows arrive, in every subcommand, also
# where a job has to look at the beginning first.
source tests/lib.sh

awk 'BEGIN { for (i = 0; i < 200000; i++) print i % 97 "," i % 13 "," i % 2 }' >rows.csv # 2 MB: more than a pipe holds
mkfifo fifo
rows=200000

check() { # check WHAT FILE
    [ "$(json "$2" in)" = $rows ] || fail "$1: $(cat "$2") instead of $rows rows"
}
$peal etl rows.csv --header no --label c3 --out whole --quiet
cat rows.csv | $peal etl /dev/stdin --header no --label c3 --out d1 --json --quiet >1.json
check /dev/stdin 1.json
cat rows.csv | $peal etl - --header no --label c3 --out d2 --json --quiet >2.json
check - 2.json
$peal etl <(cat rows.csv) --header no --label c3 --out d3 --json --quiet >3.json
check "<(...)" 3.json
cat rows.csv >fifo &
timeout 60 $peal etl fifo --header no --label c3 --out d4 --json --quiet >4.json
check "a FIFO" 4.json
for d in d1 d2 d3 d4; do
    cmp whole/train-00000.arrow $d/train-00000.arrow || fail "$d has other rows than the file"
done

$peal train <(cat rows.csv) --header no --label c3 --epochs 1 --model logistic --out m.safetensors --quiet
$peal predict m.safetensors rows.csv --out p.csv --quiet
[ "$(wc -l <p.csv)" = $((rows + 1)) ] || fail "$(wc -l <p.csv) lines of predictions"
$peal predict m.safetensors <(cat rows.csv) --out p1.csv --quiet
cat rows.csv | $peal predict m.safetensors /dev/stdin --out p2.csv --quiet
cmp p.csv p1.csv || fail "predictions from a process differ"
cmp p.csv p2.csv || fail "predictions from /dev/stdin differ"
$peal eval m.safetensors rows.csv --json --quiet >e.json
$peal eval m.safetensors <(cat rows.csv) --json --quiet >e1.json
cmp e.json e1.json || fail "metrics from a process differ"

# Two pipes at once are two sources; one pipe named twice cannot be.
$peal etl <(cat rows.csv) <(cat rows.csv) --header no --label c3 --out d5 --json --quiet >5.json
rows=400000 check "two processes" 5.json
expect 2 "are the same pipe, which can be read only once" $peal etl - /dev/stdin --header no --out d6 < <(cat rows.csv)
# A device that has nothing is an empty source.
expect 3 "/dev/null is empty" $peal etl /dev/null --out d7
echo ok
