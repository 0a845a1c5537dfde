#!/usr/bin/env bash
# A FIFO that nobody writes to: a wait for a source ends at the first signal, and what must be a regular file is refused
# at once. Folders and globs leave out what is no regular file.
source tests/lib.sh

mkfifo fifo
seq 1 100 | awk 'BEGIN { print "x,y" } { print $1 "," $1 % 2 }' >rows.csv
$peal train rows.csv --label y --epochs 1 --out m.safetensors --quiet

ends() { # ends SIGNAL COMMAND...: it waits, and one signal ends it
    local signal=$1 got=0
    shift
    # Not with a look for leaks at the end: it stops all threads by ptrace, and waits for ever where signals come meanwhile
    # (timeout sends one to the whole group, then SIGCONT): in 2 of 64 ends, when all of the program's work was done.
    ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" \
        timeout -k 30 --preserve-status -s "$signal" 1 "$@" >out.txt 2>err.txt || got=$?
    [ $got = 4 ] || fail "exit code $got instead of 4 after SIG$signal: $* $(cat err.txt)"
    grep -q "interrupted while waiting for" err.txt || fail "$(cat err.txt)"
}
ends TERM $peal etl fifo --label y --out d
ends INT $peal train fifo --label y --out n.safetensors
ends TERM $peal predict m.safetensors fifo --out p.csv
ends TERM $peal eval m.safetensors fifo
# A writer that falls silent, as standard input.
(echo "x,y"; exec sleep 5) | ends TERM $peal etl - --label y --out d

# Under nohup a hangup ends nothing.
(trap '' HUP && exec $peal etl fifo --label y --out d 2>err.txt) &
job=$!
until_heeds $job
[ "$(cat /proc/$job/comm)" = peal ] || fail "ps calls it $(cat /proc/$job/comm)"
sleep 0.5
kill -HUP $job
sleep 0.5
kill -TERM $job || fail "a SIGHUP that was ignored ended it: $(cat err.txt)"
got=0
wait $job || got=$?
[ $got = 4 ] || fail "exit code $got instead of 4"

expect 3 "fifo is not a regular file" timeout 60 $peal predict fifo rows.csv
expect 3 "fifo is neither a regular file nor a folder" timeout 60 $peal inspect fifo
expect 2 "fifo is not a regular file" timeout 60 $peal etl rows.csv --job fifo --out d
expect 3 "not a regular file" timeout 60 $peal predict /dev/zero rows.csv
mkdir dataset
mkfifo dataset/manifest.json
expect 3 "manifest.json is not a regular file" timeout 60 $peal train dataset --out n.safetensors
$peal etl rows.csv --label y --out ds --quiet
rm ds/train-00000.arrow
mkfifo ds/train-00000.arrow
expect 3 "no regular file" timeout 60 $peal train ds --epochs 1 --out n.safetensors

mkdir folder
cp rows.csv folder
mkfifo folder/pipe
expect 0 "the folder folder: left out: 1 FIFO (pipe)" timeout 60 $peal etl folder --label y --out d
expect 0 "left out: 1 FIFO (folder/pipe)" timeout 60 $peal etl 'folder/*' --label y --out d
expect 0 "left out: 1 FIFO (pipe)" timeout 60 $peal predict m.safetensors folder --out p.csv
[ -z "$(find . -name '*peal-tmp*')" ] || fail "something is left: $(find . -name '*peal-tmp*')"
echo ok
