#!/usr/bin/env bash
# Rows that are read, parsed and predicted by several threads come out in order and with the same bits as by one, good
# and bad ones, up to an error too; what a pipe has brought is answered before more of it comes.
source tests/lib.sh

# table ROWS SEED TEXTS: numbers, texts of so many kinds, and a label.
table() {
    echo a,b,c,y
    seq "$1" | awk -v seed="$2" -v texts="$3" 'BEGIN { srand(seed) }
        { printf "%.5f,k%d,%d,%s\n", rand() * 8 - 4, rand() * texts, rand() * 9, rand() < 0.5 ? "yes" : "no" }'
}
table 2000 1 90 >train.csv
mkdir many
table 450000 2 100 >many/1.csv # several blocks of text
table 10 3 100 >many/2.csv
: >many/3.csv
table 220000 4 100 | gzip -1 >many/4.csv.gz
rows=670010
$peal train train.csv --label y --model mlp:hidden=16 --epochs 2 --out m.st --quiet

for threads in 1 2 7; do
    $peal predict m.st many --threads $threads --out p$threads.csv --quiet
    $peal eval m.st many --threads $threads >e$threads.txt 2>w$threads.txt
done
[ "$(wc -l <p1.csv)" = $((rows + 1)) ] || fail "$(wc -l <p1.csv) lines"
for threads in 2 7; do
    cmp p1.csv p$threads.csv || fail "the predictions of $threads threads differ"
    cmp e1.txt e$threads.txt || fail "the metrics of $threads threads differ"
done
grep -q "of column 'b': 'k[0-9]*') are not known" w1.txt || fail "no warning: $(cat w1.txt)"
cmp <(grep warning w1.txt) <(grep warning w7.txt) || fail "the warnings differ"

# So are the rows of a dataset, a table of which is cut for all threads.
$peal etl many --like m.st --out dataset --quiet
for threads in 1 2 7; do
    $peal predict m.st dataset --threads $threads --out d.csv --quiet
    cmp p1.csv d.csv || fail "the predictions of a dataset's rows differ with $threads threads"
done

# The order is that of the rows: a row alone has the same prediction.
for line in 2 450001 450011; do
    { head -1 train.csv; cat many/1.csv many/2.csv | grep -v '^a,' | sed -n "$((line - 1))p"; } >one.csv
    [ "$($peal predict m.st one.csv --quiet | tail -1)" = "$(sed -n "${line}p" p7.csv)" ] || fail "line $line is another's"
done

# Bad rows keep their places, in the predictions and in the quarantine.
awk 'NR % 100000 == 7 { print "odd,k1,3,no"; next } { print }' many/1.csv >bad.csv
for threads in 1 2 7; do
    $peal predict m.st bad.csv train.csv --threads $threads --out b$threads.csv --on-bad-row quarantine --quiet
done
[ "$(grep -c '^,,$' b1.csv)" = 5 ] && [ "$(wc -l <b1.csv.quarantine.jsonl)" = 5 ] || fail "not five bad rows"
sed -n 300007p b7.csv | grep -qx ',,' || fail "the bad row of line 300007 stands elsewhere"
for threads in 2 7; do
    cmp b1.csv b$threads.csv || fail "good and bad rows of $threads threads differ"
    cmp b1.csv.quarantine.jsonl b$threads.csv.quarantine.jsonl || fail "the quarantines differ"
done

# An error comes behind all rows that stand before its block, and is the first one.
awk 'NR == 300007 || NR == 440000 { print "odd,k1,3,no"; next } { print }' many/1.csv >late.csv
for threads in 1 7; do
    expect 3 "late.csv: line 300007" $peal predict m.st many/2.csv late.csv many/1.csv --threads $threads --quiet
    mv out.txt late$threads.txt
    head -c 100000 many/4.csv.gz >cut.csv.gz
    expect 3 "cut.csv.gz" $peal predict m.st many/1.csv cut.csv.gz train.csv --threads $threads --quiet
    mv out.txt cut$threads.txt
done
[ "$(wc -l <late1.txt)" -gt 10 ] && cmp late1.txt late7.txt || fail "another number of rows before the error"
[ "$(wc -l <cut1.txt)" -gt 450000 ] && cmp cut1.txt cut7.txt || fail "another number of rows before the cut"

# Who reads the predictions goes away: the job ends.
timeout 60 $peal predict m.st many --threads 7 --quiet 2>err.txt | head -2 >/dev/null || [ "${PIPESTATUS[0]}" != 124 ] ||
    fail "it goes on without a reader"

# Rows of a pipe do not wait for those that come after them, nor do those of a file in front of it.
mkfifo rows answers
$peal predict m.st many/2.csv rows --threads 7 --quiet >answers 2>err.txt &
job=$!
exec 4<answers
exec 3>rows
for line in $(seq 450001 450011); do
    IFS= read -r -t 60 -u 4 answer || fail "no answer to the file: $(cat err.txt)"
    [ $line = 450001 ] || [ "$answer" = "$(sed -n "${line}p" p1.csv)" ] || fail "line $line is answered by $answer"
done
echo a,b,c,y >&3
for line in 450002 450003 450004; do
    sed -n "$((line - 450000))p" many/2.csv >&3
    IFS= read -r -t 60 -u 4 answer || fail "no answer to line $line: $(cat err.txt)"
    [ "$answer" = "$(sed -n "${line}p" p1.csv)" ] || fail "line $line is answered by $answer"
done
exec 3>&-
wait $job || fail "$(cat err.txt)"

# A FIFO whose writer is gone before it is looked at has an end, too.
mkfifo left
cat many/2.csv >left &
exec 5<left
wait $!
timeout 60 $peal predict m.st - --quiet <&5 >answers.txt || fail "the end of a FIFO whose writer is gone is not seen"
[ "$(wc -l <answers.txt)" = 11 ] || fail "$(wc -l <answers.txt) lines for 10 rows and a header"
echo ok
