#!/usr/bin/env bash
# Special files are written to, as cp does, and never replaced; a symbolic link stays and what it names is replaced.
source tests/lib.sh

(echo a,y; seq 200 | awk '{ print $1 % 7 "," ($1 % 7 > 3 ? "p" : "q") }') >rows.csv
"$peal" train rows.csv --label y --epochs 1 --quiet --out m.safetensors
predict() { # predict OUT
    timeout 60 "$peal" predict m.safetensors rows.csv --quiet --out "$1"
}
predict right.csv

if mknod null c 1 3 2>/dev/null; then
    predict null
    [ -c null ] || fail "a device was replaced"
fi
predict /dev/null
[ -c /dev/null ] || fail "/dev/null was replaced"

echo head >kept.csv
predict /dev/stdout >>kept.csv
(echo head; cat right.csv) | cmp - kept.csv || fail "/dev/stdout is not where standard output stands"
predict /dev/stdout | cmp - right.csv
predict /dev/fd/7 7>seven.csv
cmp seven.csv right.csv
predict /proc/self/fd/7 7>seven.csv
cmp seven.csv right.csv
expect 2 "/dev/fd/8" predict /dev/fd/8 8<rows.csv
expect 2 "/dev/fd/9" predict /dev/fd/9

mkfifo pipe
cat pipe >from-pipe.csv &
predict pipe
wait $!
cmp from-pipe.csv right.csv
[ -p pipe ] || fail "a FIFO was replaced"
predict >(cat >from-substitution.csv)
wait_for cmp -s from-substitution.csv right.csv
cmp from-substitution.csv right.csv

# Nobody reads: the first signal ends the wait.
"$peal" predict m.safetensors rows.csv --out pipe 2>err.txt &
job=$!
until_heeds $job
sleep 0.5
kill $job
code=0
wait $job || code=$?
[ $code = 4 ] || fail "exit code $code instead of 4: $(cat err.txt)"
grep -q "nobody reads from pipe" err.txt || fail "not said: $(cat err.txt)"

mkdir elsewhere
echo old >elsewhere/file.csv
ln -s elsewhere/file.csv link
ln -s elsewhere/new.csv dangling
for link in link dangling; do
    predict $link
    [ -L $link ] || fail "$link was replaced"
    cmp $link right.csv
done
ln -s elsewhere/model.safetensors model.safetensors
"$peal" train rows.csv --label y --epochs 1 --quiet --out model.safetensors
[ -L model.safetensors ] && cmp model.safetensors m.safetensors || fail "the model's link was replaced"
# Who may read a file stays as it is.
cp right.csv private.csv
chmod 600 private.csv
predict private.csv
[ "$(stat -c %a private.csv)" = 600 ] || fail "a private file can be read by others"
ln -s loop loop
expect 2 loop predict loop

expect 2 "no regular file" "$peal" train rows.csv --label y --epochs 1 --quiet --out /dev/null --run-dir run
[ -c /dev/null ] || fail "/dev/null was replaced"
expect 2 pipe "$peal" etl rows.csv --label y --quiet --out pipe
[ -p pipe ] || fail "a FIFO was replaced"
[ -z "$(find . -name '*peal-tmp*')" ] || fail "a temporary is left"
echo ok
