#!/usr/bin/env bash
# A file whose decoding crashes: with --processes it costs that file only, which is named; all else has the same bits as
# with threads. No process outlives the job, however it ends.
source tests/lib.sh

poison=$root/tests/fault/poisoned_image.so
tar xzf "$data/images/digits.tar.gz"
steps='--transform resize:width=12'
# shellcheck disable=SC2086
$peal etl digits/train --out calm --threads 2 $steps --quiet
for processes in 1 3; do
    # shellcheck disable=SC2086
    $peal etl digits/train --out apart --processes $processes $steps --quiet
    cmp calm/train-00000.arrow apart/train-00000.arrow || fail "processes differ from threads"
done
$peal etl digits/train --to images --out calm-images $steps --quiet
$peal etl digits/train --to images --out apart-images --processes 2 $steps --quiet
diff -r calm-images apart-images || fail "processes write other images"

# What is merely damaged is told as ever.
cp -r digits/train bad
cp "$data"/images/{cut,bomb}.png bad/5
cp "$data/images/cut.jpg" bad/6
for how in --threads --processes; do
    $peal etl bad --out "bad$how" --on-bad-row quarantine $how 2 2>"err$how.txt"
    grep -v ' in [0-9.]* s$\|^bound' "err$how.txt" | sed "s/bad$how/bad/" >"told$how.txt"
done
cmp told--threads.txt told--processes.txt || fail "$(diff told--threads.txt told--processes.txt)"
cmp bad--threads/quarantine.jsonl bad--processes/quarantine.jsonl || fail "other rows are bad"
cmp bad--threads/train-00000.arrow bad--processes/train-00000.arrow || fail "other rows are good"

# Poison: among the first that are looked at, of both kinds.
png=$(ls digits/train/0/*.png | head -1) jpg=$(ls digits/train/7/*.jpg | tail -1)
export LD_PRELOAD=$poison
cp "$png" saved.png
cp "$jpg" saved.jpg
printf PEAL-POISON-CRASH >>"$png"
printf PEAL-POISON-CRASH >>"$jpg"
code=0
$peal etl digits/train --out refused --quiet 2>/dev/null || code=$?
[ $code = 139 ] || skip "the decoders are not poisoned here (exit code $code)"
expect 3 "$png: decoding it crashes: the task's process was killed by signal 11" $peal etl digits/train --out refused \
    --processes 2
# shellcheck disable=SC2086
$peal etl digits/train --out some --processes 2 --on-bad-row quarantine $steps 2>err.txt
grep -q 'rows: 480 in = 478 used + 0 dropped + 2 quarantined' err.txt || fail "$(cat err.txt)"
for name in "$png" "$jpg"; do grep -q "\"file\":\"$name\"" some/quarantine.jsonl || fail "$name is not named"; done
# shellcheck disable=SC2086
$peal etl digits/train --to images --out some-images --processes 2 --on-bad-row drop $steps 2>err.txt
grep -q 'rows: 480 in = 478 used + 2 dropped' err.txt || fail "$(cat err.txt)"
unset LD_PRELOAD
diff -r calm-images some-images -x '_*' >differ.txt || true
[ "$(cut -d: -f1 differ.txt | sort)" = "$(printf 'Only in calm-images/0\nOnly in calm-images/7')" ] ||
    fail "$(cat differ.txt)"
echo damaged | tee "$png" >"$jpg"
# shellcheck disable=SC2086
$peal etl digits/train --out rest --on-bad-row drop $steps --quiet
cmp some/train-00000.arrow rest/train-00000.arrow || fail "a crash changes other rows"

# A process that dies of something else costs nothing.
cp saved.png "$png"
cp saved.jpg "$jpg"
printf PEAL-POISON-ONCE >>"$jpg"
# shellcheck disable=SC2086
PEAL_POISON_ONCE=$work/died LD_PRELOAD=$poison $peal etl digits/train --out once --processes 2 $steps --quiet
[ -e "$work/died" ] || fail "nothing died"
cmp once/train-00000.arrow calm/train-00000.arrow || fail "a death changes rows"
cp saved.jpg "$jpg"

# kill -9 of the job: its processes end with it, and --resume goes on at once.
mkdir many
for i in 1 2 3 4; do cp -r digits "many/$i"; done
job=("$peal" etl many --to images --out o --processes 2 --transform resize:width=200 --image-format jpeg --quiet)
"${job[@]}" &
pid=$!
for _ in $(seq 1 300); do
    if [ -n "$(child $pid 2)" ]; then break; fi
    sleep 0.01
done
children=$(pgrep -P $pid || true)
sleep 0.1
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
"${job[@]}" --resume
for one in $children; do
    for _ in $(seq 1 200); do
        if [ ! -e "/proc/$one" ]; then break; fi
        sleep 0.01
    done
    [ ! -e "/proc/$one" ] || fail "process $one outlives its job"
done
"$peal" etl many --to images --out p --threads 2 --transform resize:width=200 --image-format jpeg --quiet
diff -r o p || fail "a resume by processes is another"
[ -z "$(ls -A | grep peal-tmp || true)" ] || fail "a temporary folder is left"
