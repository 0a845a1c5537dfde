#!/usr/bin/env bash
# peal train --follow: the same bits however many workers there are and however the rows come; each window predicted by
# the model that the windows before it made; drift that is said, and none where there is none.
source tests/lib.sh

# stream ROWS CHANGE SEED: two numbers, a text and a label that they tell; behind row CHANGE the other way round, and x
# is larger.
stream() {
    awk -v rows="$1" -v change="$2" -v seed="$3" 'BEGIN { srand(seed); print "x,z,town,y"
        for (i = 1; i <= rows; i++) {
            x = rand(); z = rand(); t = int(rand() * 5)
            s = 6 * (x - 0.5) + 3 * (z - 0.5) + t - 2
            y = (rand() < 1 / (1 + exp(-s))) ? "yes" : "no"
            if (i > change) { y = (y == "yes") ? "no" : "yes"; x += 0.7 }
            printf "%.4f,%.4f,town%d,%s\n", x, z, t, y } }'
}
stream 6000 3000 1 >drift.csv
awk -F, 'NR == 1 { print "x,z,town,n" } NR > 1 { printf "%s,%s,%s,%.4f\n", $1, $2, $3, 3 * $1 - $2 + ($4 == "yes") }' drift.csv >numbers.csv

follow=(train --follow --window 500 --quiet)

# The same bits for any W, and from a pipe.
for model in "logistic" "mlp:hidden=8 --epochs 2" "logistic --sync step" "mlp:hidden=8 --sync 3 --schedule inverse" bayes; do
    for workers in 1 2 3; do
        $peal "${follow[@]}" drift.csv --label y --model $model --partitions 3 --workers $workers --out w$workers.safetensors
    done
    cmp w1.safetensors w2.safetensors || fail "$model: W 1 and 2 differ"
    cmp w1.safetensors w3.safetensors || fail "$model: W 1 and 3 differ"
done
cat drift.csv | $peal "${follow[@]}" - --label y --model bayes --partitions 3 --out pipe.safetensors
cmp w1.safetensors pipe.safetensors || fail "a pipe gives another model"
mkfifo pipe
cat drift.csv >pipe &
$peal "${follow[@]}" pipe --label y --model bayes --partitions 3 --threads 1 --out fifo.safetensors
wait
cmp w1.safetensors fifo.safetensors || fail "a FIFO gives another model"
# A connection is one, although its first rows are looked at before all are read.
if command -v python3 >/dev/null; then
    python3 -c "
import socket
server = socket.create_server(('127.0.0.1', 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
connection.sendall(open('drift.csv', 'rb').read())
connection.close()" >port &
    wait_for test -s port
    $peal "${follow[@]}" "tcp://127.0.0.1:$(cat port)" --label y --model bayes --partitions 3 --out tcp.safetensors
    wait
    cmp w1.safetensors tcp.safetensors || fail "a connection gives another model"
fi
# A file that grows is read on until nothing has come for a while; a job that ended goes on with what came since.
lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
awk 'NR <= 2001' drift.csv >grows.csv
$peal "${follow[@]}" grows.csv --label y --model bayes --partitions 3 --idle-seconds 60 --out grown.safetensors &
job=$!
wait_for lines grown.run/metrics.jsonl 4
awk 'NR > 2001 && NR <= 4001' drift.csv >>grows.csv
wait_for lines grown.run/metrics.jsonl 8
kill -INT $job
wait $job && fail "a file that is followed has ended" || [ $? = 4 ]
awk 'NR > 4001' drift.csv >>grows.csv
$peal "${follow[@]}" grows.csv --label y --model bayes --partitions 3 --idle-seconds 0 --resume --out grown.safetensors
cmp w1.safetensors grown.safetensors || fail "a file that grows gives another model"
# Without an idle time a source is read to its end; what was added since is learnt by --resume, in the windows that a file that is
# followed has, also where the first one was shorter than those the pipeline is fitted on, and the last ones than a window.
added() { # added OPTIONS...: in three jobs, into added.safetensors
    awk 'NR <= 401' drift.csv >added.csv
    $peal "${follow[@]}" added.csv --label y --model bayes --partitions 3 --out added.safetensors "$@"
    awk 'NR > 401 && NR <= 3001' drift.csv >>added.csv
    $peal "${follow[@]}" added.csv --label y --model bayes --partitions 3 --out added.safetensors "$@" --resume
    $peal "${follow[@]}" added.csv --label y --model bayes --partitions 3 --out added.safetensors "$@" --resume # nothing is new
    awk 'NR > 3001' drift.csv >>added.csv
    $peal "${follow[@]}" added.csv --label y --model bayes --partitions 3 --out added.safetensors "$@" --resume --json >added.json
    [ "$(json added.json learnt)" = 6000 ] && [ "$(json added.json in)" = 6000 ] || { cat added.json; fail "rows that were added do not add up ($*)"; }
    grep -o '"window":[0-9]*,"rows":[0-9]*' added.run/metrics.jsonl >added.txt
    rm -r added.run
}
for options in "--window 500" "--window 5000" "--window 300 --fit-windows 3"; do
    added $options --idle-seconds 0
    mv added.safetensors asked.safetensors && mv added.txt asked.txt
    added $options
    cmp asked.safetensors added.safetensors || fail "$options: rows that were added give another model"
    cmp asked.txt added.txt || fail "$options: rows that were added are in other windows"
done
awk 'NR <= 401' drift.csv >added.csv
$peal "${follow[@]}" added.csv --label y --model bayes --out added.safetensors
awk 'NR > 1' drift.csv >>added.csv && sed -i '300s/.*/0.9,0.9,town0,no/' added.csv
expect 2 "'pipeline' differs" $peal "${follow[@]}" added.csv --label y --model bayes --out added.safetensors --resume
# Of a line whose end has not come nothing is learnt; it is read whole later.
{ awk 'NR <= 4001' drift.csv; awk 'NR == 4002' drift.csv | cut -c 1-9 | tr -d '\n'; } >part.csv
$peal train --follow --window 500 part.csv --label y --model bayes --partitions 3 --idle-seconds 0 --out part.safetensors 2>log.txt
grep -q "part.csv: its last line is unfinished, and left out" log.txt || { cat log.txt; fail "half a row is left out without a word"; }
{ awk 'NR == 4002' drift.csv | cut -c 10-; awk 'NR > 4002' drift.csv; } >>part.csv
$peal "${follow[@]}" part.csv --label y --model bayes --partitions 3 --idle-seconds 0 --resume --out part.safetensors
cmp w1.safetensors part.safetensors || fail "a row that was unfinished gives another model"
# Where it stands is a place in the file: what was learnt may be rotated away, or be another file's by now.
awk 'NR <= 2201' drift.csv >log.csv
$peal "${follow[@]}" log.csv --label y --model bayes --partitions 3 --idle-seconds 60 --out rotated.safetensors &
job=$!
wait_for lines rotated.run/metrics.jsonl 4
kill -9 $job
wait $job 2>/dev/null || true
awk 'NR > 2201 && NR <= 2600' drift.csv >>log.csv
mv log.csv log.csv.1
awk 'NR == 1 || NR > 2600' drift.csv >log.csv
$peal "${follow[@]}" log.csv --label y --model bayes --partitions 3 --idle-seconds 0 --resume --json --out rotated.safetensors >rotated.json
cmp w1.safetensors rotated.safetensors || fail "a file that was rotated gives another model"
[ "$(json rotated.json in)" = 6000 ] && [ "$(json rotated.json learnt)" = 6000 ] || { cat rotated.json; fail "the rows of a rotated file do not add up"; }
rm log.csv.1
$peal "${follow[@]}" log.csv --label y --model bayes --partitions 3 --idle-seconds 0 --resume --out rotated.safetensors # nothing is new
cmp w1.safetensors rotated.safetensors || fail "nothing came, and the model changed"
expect 2 "follows log.csv, not drift.csv" $peal "${follow[@]}" drift.csv --label y --model bayes --partitions 3 --idle-seconds 0 --resume --out rotated.safetensors
awk 'NR <= 1000' drift.csv >log.csv
cp log.csv copy.csv && mv copy.csv log.csv
expect 3 "is not the file that was read" $peal "${follow[@]}" log.csv --label y --model bayes --partitions 3 --idle-seconds 0 --resume --out rotated.safetensors
# A window of a time ends with it; the rows are each in one.
mkfifo slow
(awk 'NR <= 1501' drift.csv; sleep 2; awk 'NR > 1501 && NR <= 3001' drift.csv; sleep 2; awk 'NR > 3001' drift.csv) >slow &
$peal train --follow slow --window 0.5s --label y --model bayes --json --out timed.safetensors >timed.json 2>log.txt
wait
[ "$(json timed.json learnt)" = 6000 ] && [ "$(json timed.json windows)" -ge 3 ] && [ "$(json timed.json windows)" -le 9 ] || { cat timed.json log.txt; fail "windows of a time"; }
$peal train --follow drift.csv --window 2000,100s --idle-seconds 0 --label y --model bayes --json --quiet --out timed.safetensors >timed.json
[ "$(json timed.json windows)" = 3 ] || { cat timed.json; fail "2000,100s is not 2000 rows"; }
expect 2 "a window of a time is of one source that comes bit by bit" $peal train --follow drift.csv --window 1s --label y --out refused.safetensors
expect 2 "gives its rows once" bash -c "cat drift.csv | $peal train --follow - numbers.csv --label y --out refused.safetensors"
expect 2 "one file is followed" $peal "${follow[@]}" grows.csv drift.csv --label y --idle-seconds 0 --out refused.safetensors
gzip -k drift.csv
$peal "${follow[@]}" drift.csv.gz --label y --model bayes --partitions 3 --threads 3 --out gz.safetensors
cmp w1.safetensors gz.safetensors || fail "a compressed file gives another model"
# A last window of one row for four partitions; sparse rows, and texts that are hashed.
head -n 1002 drift.csv >tail.csv
awk 'BEGIN { srand(3); for (i = 0; i < 900; i++) { printf "%d", (rand() < 0.5) ? 1 : -1
    for (j = k = 0; j < 8; j++) { k += 1 + int(rand() * 40); printf " %d:%.3f", k, rand() }
    print "" } }' >rows.libsvm
for sync in epoch step; do
    for workers in 1 3; do
        options=(--model logistic --sync $sync --partitions 4 --workers $workers)
        $peal "${follow[@]}" tail.csv --label y --transform hash:columns=town,bits=10 "${options[@]}" --out tail$workers.safetensors
        $peal "${follow[@]}" rows.libsvm --window 200 --label label "${options[@]}" --out rows$workers.safetensors
    done
    cmp tail1.safetensors tail3.safetensors || fail "$sync: a small last window gives other bits"
    cmp rows1.safetensors rows3.safetensors || fail "$sync: sparse rows give other bits"
done
# Whether it is published after each window or never before the end.
$peal "${follow[@]}" drift.csv --label y --model bayes --partitions 3 --publish 100 --out late.safetensors
cmp w1.safetensors late.safetensors || fail "--publish changes the model"

# A window's metrics are those of the model that was published before it, by peal eval.
for table in drift.csv:y numbers.csv:n; do
    file=${table%:*} label=${table#*:}
    for windows in 1 3; do
        head -n $((1 + 500 * windows)) "$file" >before.csv
        awk -v first=$((500 * windows + 1)) 'NR == 1 || (NR > first && NR <= first + 500)' "$file" >next.csv
        head -n $((1 + 500 * windows + 500)) "$file" >both.csv
        $peal "${follow[@]}" before.csv --label $label --out before.safetensors
        $peal "${follow[@]}" both.csv --label $label --out both.safetensors
        $peal eval before.safetensors next.csv --json --quiet >eval.json
        tail -n 1 both.run/metrics.jsonl >window.json
        for metric in $([ $label = y ] && echo accuracy log_loss auc || echo rmse mae r2); do
            [ "$(json window.json $metric)" = "$(json eval.json $metric)" ] ||
                fail "$file, window $((windows + 1)): $metric $(json window.json $metric), by eval $(json eval.json $metric)"
        done
    done
done
# Over all: the mean of the windows'.
grep -o '"metrics":{"accuracy":[0-9.]*' w1.run/metrics.jsonl | awk -F: '{ sum += $3 } END { printf "%.6f\n", sum / NR }' >mean.txt
tail -n 1 w1.run/metrics.jsonl | grep -o '"all":{[^}]*}' >all.json
awk -v a="$(json all.json accuracy)" -v b="$(cat mean.txt)" 'BEGIN { exit !(a - b < 1e-5 && b - a < 1e-5) }' || fail "$(cat all.json) is not the mean $(cat mean.txt)"

# Drift is found within two windows of the change, which is window 6's end.
$peal train --follow --window 500 drift.csv --label y --model logistic --out drift.safetensors 2>log.txt
grep -Eq "window [78]: the loss \(1 - probability of the label\) has risen from 0\.[0-9]+ to 0\.[0-9]+" log.txt || { cat log.txt; fail "the loss has risen, and nobody says so"; }
grep -Eq "window 7: column 'x' has moved \(PSI [0-9.]+\)" log.txt || { cat log.txt; fail "x has moved, and nobody says so"; }
grep -Eq "window [1-6]: (the loss|column)" log.txt && { cat log.txt; fail "a false alarm"; }
grep -q "column 'z'\|column 'town'" log.txt && fail "z and town have not moved"
grep -q "^rows: 6000 in = 6000 used + 0 dropped" log.txt || fail "the rows do not add up"
# And none where there is none, for 100 windows.
stream 20000 20000 2 >calm.csv
$peal train --follow --window 200 calm.csv --label y --model logistic --out calm.safetensors 2>log.txt
[ "$(wc -l <calm.run/metrics.jsonl)" = 100 ] || fail "not 100 windows"
grep -E "has risen|moved" log.txt && fail "a false alarm"

# The version, and going on from a model over its pipeline.
$peal inspect drift.safetensors --json >inspect.json
[ "$(json inspect.json version)" = 12 ] || fail "the version is not the number of windows"
head -n 3001 drift.csv >first.csv
(head -n 1 drift.csv; tail -n +3002 drift.csv) >second.csv
$peal "${follow[@]}" first.csv --label y --model logistic --out first.safetensors
$peal "${follow[@]}" second.csv --init first.safetensors --out second.safetensors
$peal predict second.safetensors drift.csv --quiet --out predicted.csv

# A small last window, rows without a label, bad rows.
(head -n 1204 drift.csv; echo "0.5,0.5,town1,"; echo "0.5,0.5,town1,maybe"; echo "a,b,town1,yes") >odd.csv
$peal train --follow --window 400 odd.csv --label y --model logistic --partitions 4 --on-bad-row drop --json --out odd.safetensors >odd.json 2>log.txt
[ "$(json odd.json in)" = 1206 ] && [ "$(json odd.json dropped)" = 1 ] && [ "$(json odd.json learnt)" = 1203 ] || { cat odd.json log.txt; fail "the rows do not add up"; }
grep -q "2 without a known label" log.txt || { cat log.txt; fail "rows without a label are not told"; }

# What goes on where it was is refused if it cannot.
refused() { expect 2 "$1" $peal train --follow "${@:2}" --out refused.safetensors; }
refused "the model 'trees' cannot go on learning" drift.csv --label y --model trees
refused "sync full cannot go on learning" drift.csv --label y --model logistic --sync full
refused "the schedule 'cosine' goes by the training's end" drift.csv --label y --schedule cosine
refused "goes by the training's end" drift.csv --label y --schedule constant:warmup=0.1
refused "valid is of a training whose rows are all there" drift.csv --label y --valid 0.1
refused "which column is to be predicted" drift.csv
refused "which cannot be learnt from a stream" drift.csv --label y --weight z
refused "a bad row can fail the job or be dropped" drift.csv --label y --on-bad-row quarantine
expect 2 "--window is of --follow" $peal train drift.csv --label y --window 10 --out refused.safetensors
$peal etl drift.csv --label y --out set --quiet
refused "is a dataset, and no stream" set --label y
expect 3 "town" $peal train --follow odd.csv --window 400 --label y --type town=number --out refused.safetensors
cat drift.csv.gz | $peal "${follow[@]}" - --label y --model bayes --partitions 3 --out gzpipe.safetensors
cmp w1.safetensors gzpipe.safetensors || fail "a compressed pipe gives another model"
[ ! -e refused.safetensors ] || fail "a model although refused"
$peal "${follow[@]}" - --label y --model bayes --partitions 3 --out stdin.safetensors <drift.csv.gz # a file, and so it can
cmp w1.safetensors stdin.safetensors || fail "standard input gives another model"
cat drift.csv | $peal "${follow[@]}" - --label y --model bayes --out pipe.safetensors
cat drift.csv >again.csv
expect 2 "cannot resume: a pipe gives its rows once" bash -c "cat drift.csv | $peal train --follow --window 500 - --label y --model bayes --out pipe.safetensors --resume"
sed -i '2s/.*/0.9,0.9,town0,no/' again.csv
$peal "${follow[@]}" drift.csv --label y --model bayes --out again.safetensors
expect 2 "'pipeline' differs" $peal "${follow[@]}" again.csv --label y --model bayes --out again.safetensors --resume
sed '900s/.*/0.9,0.9,town0,no/' drift.csv >again.csv
expect 3 "no longer those that the run has learnt" $peal "${follow[@]}" again.csv --label y --model bayes --out again.safetensors --resume
ls -A | grep -i "first-rows\|peal-tmp" && fail "something is left behind"
ls -A again.run | grep "first-rows" && fail "something is left behind"
echo ok
