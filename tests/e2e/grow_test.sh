#!/usr/bin/env bash
# Sources that are followed: windows, the dataset that grows, resumption, rotation, pipes, sockets, answers row by row.
source tests/lib.sh
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT # servers and writers

# rows FIRST LAST: lines of a table, without its header
header=x,city,y
rows() {
    awk -v a="$1" -v b="$2" 'BEGIN { for (i = a; i <= b; i++) printf "%d.5,town%d,%d\n", i * 7 % 100, i % 5, i % 3 == 0 }'
}
{ echo $header && rows 1 2500; } >rows.csv
grow() { "$peal" etl "$@" --label y --follow --quiet; }
sum_of() { cat "$1"/*.arrow | sha256sum; }
shards() { find "$1" -name '*.arrow' | wc -l; }
dataset_rows() { json "$1/manifest.json" used; }

has_windows() { [ -e "$1/manifest.json" ] && [ "$(json "$1/manifest.json" windows)" = "$2" ]; }

# A file to its end: a shard a window, the same bits however the bytes come and whatever the threads.
grow rows.csv --idle-seconds 0 --window 1000 --out d
[ "$(shards d)" = 3 ] && [ "$(dataset_rows d)" = 2500 ] || fail "not three shards of 2500 rows"
"$peal" inspect d >/dev/null
for threads in 1 2 3; do
    grow rows.csv --idle-seconds 0 --window 1000 --out e --threads $threads
    cmp <(sum_of d) <(sum_of e) || fail "other bits with $threads threads"
done
dd if=rows.csv bs=17 status=none | grow - --window 1000 --out e
cmp <(sum_of d) <(sum_of e) || fail "other bits from a pipe"
gzip -c rows.csv | grow - --window 1000 --out e
cmp <(sum_of d) <(sum_of e) || fail "other bits from a compressed pipe"
mkfifo fifo
cat rows.csv >fifo &
grow fifo --window 1000 --out e
cmp <(sum_of d) <(sum_of e) || fail "other bits from a FIFO"

# The pipeline is that of the first windows, and the rows are those of a dataset made at once with it.
head -1001 rows.csv >first.csv
"$peal" etl rows.csv --like d --out once --quiet
"$peal" train once --model linear --task regress --out once.safetensors --quiet 2>/dev/null || true
"$peal" train d --model logistic --out m.safetensors --quiet
"$peal" train once --model logistic --out n.safetensors --quiet
cmp <("$peal" predict m.safetensors rows.csv) <("$peal" predict n.safetensors rows.csv) || fail "another dataset than at once"

# JSON Lines and LIBSVM
awk -F, 'NR > 1 { printf "{\"x\": %s, \"city\": \"%s\", \"y\": %s}\n", $1, $2, $3 }' rows.csv >rows.jsonl
grow rows.jsonl --idle-seconds 0 --window 1000 --out j
[ "$(shards j)" = 3 ] && [ "$(dataset_rows j)" = 2500 ] || fail "JSON Lines"
dd if=rows.jsonl bs=13 status=none | grow - --window 1000 --out k
cmp <(sum_of j) <(sum_of k) || fail "other bits of JSON Lines from a pipe"
awk -F, 'NR > 1 { print $3 " 1:" $1 " " NR % 7 + 2 ":1" }' rows.csv >rows.svm
"$peal" etl rows.svm --format libsvm --follow --idle-seconds 0 --window 1000 --out s --quiet
[ "$(shards s)" = 3 ] && [ "$(dataset_rows s)" = 2500 ] || fail "LIBSVM"

# A file that grows, is rotated and cut; whoever reads the dataset meanwhile sees a whole one.
{ echo $header && rows 1 300; } >log.csv
"$peal" etl log.csv --label y --follow --quiet --window 100 --out g 2>log.txt &
job=$!
wait_for has_windows g 3
rows 301 399 >>log.csv
printf '%s' "$(rows 400 400)" >>log.csv # its line's end comes later
sleep 0.2
has_windows g 3 || fail "a row whose line has not ended was taken"
echo >>log.csv
wait_for has_windows g 4
"$peal" inspect g >/dev/null
mv log.csv log.1
rows 401 500 >>log.1 # its writer has not seen yet that it has another name
{ echo $header && rows 501 650; } >log.csv
wait_for has_windows g 6
{ echo $header && rows 651 700; } >log.csv
wait_for has_windows g 7
kill -INT $job
code=0
wait $job || code=$?
[ $code = 4 ] || fail "exit code $code after SIGINT"
rows 701 1000 >>log.csv
grow log.csv --window 100 --idle-seconds 0 --resume --out g
{ echo $header && rows 1 1000; } >all.csv
grow all.csv --window 100 --idle-seconds 0 --out h
cmp <(sum_of g) <(sum_of h) || fail "rows of a rotated file were lost, doubled or changed"
grow log.csv --window 100 --idle-seconds 0 --resume --out g # nothing is new
cmp <(sum_of g) <(sum_of h) || fail "going on with nothing new changed the dataset"

# Killed in the middle of a window, and the file rotated twice before the job goes on: the files between are read in their turn.
{ echo $header && rows 1 250; } >app.log
"$peal" etl app.log --label y --follow --quiet --format csv --window 100 --out turned &
job=$!
wait_for has_windows turned 2
kill -9 $job
wait $job 2>/dev/null || true
rows 251 260 >>app.log
mv app.log app.log.1
{ echo $header && rows 261 410; } >app.log
mv app.log.1 app.log.2 && mv app.log app.log.1
{ echo $header && rows 411 450; } >app.log
mv app.log.2 app.log.3 && mv app.log.1 app.log.2 && mv app.log app.log.1
{ echo $header && rows 451 500; } >app.log
grow app.log --format csv --window 100 --idle-seconds 0 --resume --out turned
{ echo $header && rows 1 500; } >all.csv
grow all.csv --window 100 --idle-seconds 0 --out h
[ "$(dataset_rows turned)" = 500 ] || fail "$(dataset_rows turned) rows of 500 in files that were rotated twice"
cmp <(sum_of turned) <(sum_of h) || fail "rows of a file that was rotated twice were lost, doubled or in another order"

# A last line whose end has not come when the idle time is over may be half a row: it is left out, told, and read whole later.
{ echo $header && rows 1 150 && printf '5'; } >part.csv
"$peal" etl part.csv --label y --follow --window 100 --idle-seconds 0 --out part 2>err.txt
[ "$(dataset_rows part)" = 150 ] || fail "half a row was taken, or a whole one was not"
grep -q "^part.csv: its last line is unfinished, and left out" err.txt || { cat err.txt >&2; fail "half a row is left out without a word"; }
printf '7.5,town1,0' >>part.csv # whole by its looks, and still without an end
"$peal" etl part.csv --label y --follow --window 100 --idle-seconds 0 --resume --out part 2>err.txt
[ "$(dataset_rows part)" = 150 ] && grep -q "its last line is unfinished" err.txt || fail "a row without its line's end was taken"
{ echo && rows 152 160; } >>part.csv
grow part.csv --window 100 --idle-seconds 0 --resume --out part
[ "$(dataset_rows part)" = 160 ] || fail "a line that was unfinished is not read whole"
{ echo $header && rows 1 150; } >whole.csv
{ echo 57.5,town1,0 && rows 152 160; } >later.csv
grow whole.csv --window 100 --idle-seconds 0 --out whole
cat later.csv >>whole.csv
grow whole.csv --window 100 --idle-seconds 0 --resume --out whole
cmp <(sum_of part) <(sum_of whole) || fail "a line that was unfinished is another one later"
printf '%s' "$(cat whole.csv)" >unended.csv # a pipe has ended, and so has its last line
grow - --window 100 --out piped < <(cat unended.csv)
[ "$(dataset_rows piped)" = 160 ] || fail "the last line of a pipe is no row"
for kind in jsonl svm; do
    lines=$(head -n 20 rows.$kind)
    printf '%s' "$lines" >part.$kind
    "$peal" etl part.$kind --label "$([ $kind = svm ] && echo label || echo y)" --follow --window 10 --idle-seconds 0 --out part-$kind 2>err.txt
    [ "$(dataset_rows part-$kind)" = 19 ] && grep -q "its last line is unfinished" err.txt || fail "an unfinished line of $kind"
done
printf 'x,ci' >header.csv
expect 3 "header.csv: its first line is unfinished" "$peal" etl header.csv --label y --follow --idle-seconds 0 --out header

# Going on wants the same job and the same file.
expect 2 "'follow' differs" "$peal" etl log.csv --label y --follow --window 50 --idle-seconds 0 --resume --out g
expect 2 "follows log.csv, not rows.csv" "$peal" etl rows.csv --label y --follow --window 100 --idle-seconds 0 --resume --out g
cp log.csv kept.csv && rm log.csv && mv kept.csv log.csv
expect 3 "is not the file that was read" "$peal" etl log.csv --label y --follow --window 100 --idle-seconds 0 --resume --out g
expect 2 "it cannot grow" "$peal" etl log.csv --label y --follow --resume --out once

# What a pipe has brought stands; going on says what it does not know.
rows 1001 1100 | "$peal" etl - --label y --follow --window 1000 --resume --out e 2>err.txt
grep -q "cannot be read again" err.txt || fail "it is not said that rows of a pipe may be lost"
[ "$(dataset_rows e)" = 2600 ] || fail "rows that came later are not there"

# A window closes when its time is over; the job ends when nothing has come for so long.
(
    echo $header && rows 1 50
    wait_for has_windows t 1
    rows 51 70
    wait_for has_windows t 2
    rows 71 75
    exec sleep 60
) >fifo &
writer=$!
grow fifo --window 0.2s --idle-seconds 1 --out t
kill $writer
[ "$(dataset_rows t)" = 75 ] && [ "$(shards t)" = 3 ] || fail "windows of a time"

# A window that cannot be written ends the job, though the pipe stays open and nothing more comes.
(
    echo $header && rows 1 150
    wait_for has_windows z 1
    rm -r z
    rows 151 250
    exec sleep 60
) >fifo &
writer=$!
expect 2 "cannot create z/" timeout 30 "$peal" etl fifo --label y --follow --window 100 --out z
kill $writer

# What a pipe had brought when the job was interrupted is not lost.
(
    echo $header && rows 1 150
    exec sleep 60
) >fifo &
writer=$!
"$peal" etl fifo --label y --follow --quiet --window 100 --out i 2>/dev/null &
job=$!
wait_for has_windows i 1
kill -INT $job
code=0
wait $job || code=$?
kill $writer
[ $code = 4 ] && [ "$(dataset_rows i)" = 150 ] || fail "exit code $code, or rows were lost by SIGINT"

# Bad rows, values and classes that are not known.
{ cat rows.csv && echo 1.5,town1 && echo 2.5,elsewhere,1 && echo 3.5,town2,7 && echo words,town2,1; } >odd.csv
# Bad rows that come alone, where a column is kept as it is.
(awk 'NR <= 31' odd.csv; sleep 0.3; echo x; sleep 0.3; sed -n 32,33p odd.csv) |
    "$peal" etl - --label y --follow --window 10 --transform keep:columns=x --on-bad-row drop --quiet --out alone
(awk 'NR <= 31' odd.csv; echo 30,) >torn.csv
expect 3 "torn.csv: line 32" "$peal" etl torn.csv --label y --follow --window 10 --idle-seconds 0 --transform keep:columns=x --out torn
expect 3 "odd.csv: line 2502: 2 fields, expected 3" "$peal" etl odd.csv --label y --follow --window 1000 --idle-seconds 0 --out o
"$peal" etl odd.csv --label y --follow --window 1000 --idle-seconds 0 --on-bad-row quarantine --out o 2>err.txt
grep -q "1 value (the first ones of column 'city') not known" err.txt || fail "an unknown value is not told"
grep -q "rows: 2504 in = 2501 used + 0 dropped + 3 quarantined" err.txt || { cat err.txt >&2; fail "odd rows"; }
[ "$(wc -l <o/quarantine.jsonl)" = 3 ] && grep -q "'7' is none of the classes" o/quarantine.jsonl || fail "quarantine"

# Sockets
if command -v python3 >/dev/null; then
    cat >serve.py <<'END'
import socket, sys
kind, data = sys.argv[1], open(sys.argv[2], "rb").read()
server = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
server.bind("rows.sock" if kind == "unix" else ("127.0.0.1", 0))
server.listen()
print(server.getsockname()[1] if kind != "unix" else "ready", flush=True)
while True:
    connection, _ = server.accept()
    for at in range(0, len(data), 1000):
        connection.sendall(data[at:at + 1000])
    if kind == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
END
    python3 serve.py unix rows.csv >port.txt &
    servers=$!
    wait_for test -s port.txt
    grow unix:rows.sock --window 1000 --out u
    cmp <(sum_of d) <(sum_of u) || fail "other bits from a Unix socket"
    "$peal" predict m.safetensors unix:rows.sock --quiet >predictions.txt # without --follow it is read like a file
    cmp predictions.txt <("$peal" predict m.safetensors rows.csv) || fail "predictions from a Unix socket"
    rm -f port.txt
    python3 serve.py tcp rows.csv >port.txt &
    servers+=" $!"
    wait_for test -s port.txt
    address=tcp://127.0.0.1:$(cat port.txt)
    grow "$address" --window 1000 --out u
    cmp <(sum_of d) <(sum_of u) || fail "other bits from a TCP connection"
    "$peal" etl "$address" --label y --out u --quiet # and copied, of a job that does not follow
    [ "$(dataset_rows u)" = 2500 ] || fail "rows of a TCP connection"
    kill $servers
    wait $servers 2>/dev/null || true
    expect 3 "cannot connect to $address" "$peal" etl "$address" --label y --follow --out v
    rm -f port.txt
    python3 serve.py reset rows.csv >port.txt &
    servers=$!
    wait_for test -s port.txt
    expect 3 "Connection reset by peer" "$peal" etl "tcp://127.0.0.1:$(cat port.txt)" --label y --follow --window 2000 --out v
    kill $servers
fi
expect 3 "cannot connect to unix:nowhere.sock: No such file" "$peal" etl unix:nowhere.sock --label y --out v
expect 2 "tcp://HOST:PORT was expected" "$peal" etl tcp://localhost --label y --out v

# Predictions, row by row, of a file that is rotated.
echo $header >new.csv
"$peal" predict m.safetensors new.csv --follow --quiet >answers.txt &
job=$!
answers() { [ "$(wc -l <answers.txt)" = "$1" ]; }
rows 1 3 >>new.csv
wait_for answers 4
rows 4 4 >>new.csv
wait_for answers 5
mv new.csv old.csv
{ echo $header && rows 5 9; } >new.csv
wait_for answers 10
kill -TERM $job
code=0
wait $job || code=$?
[ $code = 4 ] || fail "exit code $code of predict after SIGTERM"
{ echo $header && rows 1 9; } >nine.csv
cmp answers.txt <("$peal" predict m.safetensors nine.csv) || fail "other answers than all at once"
cmp <("$peal" predict m.safetensors rows.csv --follow --idle-seconds 0) <("$peal" predict m.safetensors rows.csv) ||
    fail "other answers of a file to its end"
{ cat nine.csv && printf '1.5,to'; } >part.csv
"$peal" predict m.safetensors part.csv --follow --idle-seconds 0 2>err.txt | cmp - answers.txt || fail "half a row is answered"
grep -q "part.csv: its last line is unfinished" err.txt || fail "half a row is left without an answer and a word"

# Into a file: whoever ends the stream keeps what was answered, in whole lines; if that is nothing, what stood there.
for signal in INT TERM; do
    echo $header >new.csv && rows 1 4 >>new.csv
    "$peal" predict m.safetensors new.csv --follow --on-bad-row quarantine --out kept.csv 2>err.txt &
    job=$!
    waits() { [ "$(cat kept.csv.peal-tmp-* 2>/dev/null | wc -l)" = "$1" ]; }
    wait_for waits 5
    { rows 5 9 && echo 1.5,town1 && printf 2.5; } >>new.csv
    wait_for waits 11
    kill -$signal $job
    code=0
    wait $job || code=$?
    [ $code = 4 ] || fail "exit code $code of predict --out after SIG$signal"
    cmp kept.csv <(cat answers.txt && echo ,,) || fail "answers are lost by SIG$signal"
    grep -q "kept.csv: the answers to the 10 rows that had come" err.txt || { cat err.txt >&2; fail "what is kept is not told"; }
    [ "$(wc -l <kept.csv.quarantine.jsonl)" = 1 ] || fail "the bad row is lost by SIG$signal"
    echo $header >new.csv
    "$peal" predict m.safetensors new.csv --follow --quiet --out kept.csv &
    job=$!
    wait_for compgen -G 'kept.csv.peal-tmp-*' >/dev/null
    until_heeds $job
    kill -$signal $job
    wait $job && fail "it has ended by itself" || [ $? = 4 ]
    cmp -s kept.csv <(cat answers.txt && echo ,,) || fail "no answer has replaced what stood there"
    rm kept.csv*
done

# A header that comes again is no row; one in another order, as after a rotation, ends it before values get into other columns.
{ echo $header && rows 1 4 && echo $header && rows 5 9; } >twice.csv
"$peal" predict m.safetensors - --follow --quiet < <(cat twice.csv) | cmp - answers.txt || fail "a header that comes again"
other=${header#*,},${header%%,*}
{ echo $header && rows 1 4 && echo "$other" && rows 5 9; } >turned.csv
expect 3 "a header comes with its columns in another order: '$other' behind '$header'" \
    "$peal" predict m.safetensors turned.csv --follow --idle-seconds 0 --on-bad-row drop

# Wishes that cannot be
expect 2 "one is followed" "$peal" etl rows.csv odd.csv --label y --follow --out w
expect 2 "--window wants a number of rows" "$peal" etl rows.csv --label y --follow --window ten --out w
expect 2 "--window is of sources that are followed" "$peal" etl rows.csv --label y --window 10 --out w
expect 2 "it wants --follow" "$peal" predict m.safetensors rows.csv --idle-seconds 1
expect 2 "not split" "$peal" etl rows.csv --label y --follow --transform split:valid=0.1 --out w
expect 2 "cannot be followed" "$peal" etl . --label y --follow --out w
gzip -k rows.csv
expect 3 "only a plain file can be followed" "$peal" etl rows.csv.gz --label y --follow --out w
expect 2 "encoding" "$peal" etl rows.csv --label y --follow --encoding latin1 --idle-seconds 0 --out w
[ ! -e w ] && [ -z "$(find . -name '*peal-tmp*')" ] || fail "something is left"
