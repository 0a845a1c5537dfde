#!/usr/bin/env bash
# kill -9 of a job that writes images, at random moments: no folder or the whole one; the same command again with
# --resume goes on from what was written and ends in the same bits, without it anew; nothing else is left.
source tests/lib.sh

seed=${PEAL_FAULT_SEED:-$RANDOM}
RANDOM=$seed
echo "seed $seed"
tar xzf "$data/images/digits.tar.gz"
for i in 1 2; do cp -r digits "many$i"; done
tar cf keys.tar --sort=name many1 many2

job=("$peal" etl keys.tar --to images --out o --transform resize:width=100 --image-format jpeg)
begin=$(date +%s%N)
"${job[@]}" --quiet
took=$((($(date +%s%N) - begin) / 1000000))
mv o calm
kept=0
for trial in $(seq 1 30); do
    if [ $trial -gt 3 ] && [ $kept -gt 0 ]; then break; fi
    rm -rf o
    "${job[@]}" --quiet &
    pid=$!
    sleep "$(awk -v t=$took -v r=$RANDOM 'BEGIN { printf "%.3f", t * r / 32768 / 1000 }')"
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    if [ -e o ]; then diff -r o calm || fail "a torn folder (seed $seed)"; fi
    rm -rf o
    resume=$([ $((trial % 3)) != 0 ] && echo --resume || true)
    "${job[@]}" $resume --threads $((1 + RANDOM % 4)) 2>err.txt
    if grep -q 'of them were written by the job that was stopped' err.txt; then kept=$((kept + 1)); fi
    diff -r o calm || fail "other images after a kill (seed $seed, trial $trial $resume)"
    [ -z "$(ls -A | grep peal-tmp || true)" ] || fail "a temporary folder is left (seed $seed)"
done
[ $kept -gt 0 ] || fail "no job went on from what was there (seed $seed)"

# What lies there damaged is written again.
rm -rf o
"${job[@]}" --quiet &
pid=$!
for _ in $(seq 1 200); do
    journal=$(ls o.peal-tmp-*/.work/.journal 2>/dev/null || true)
    if [ -n "$journal" ] && [ "$(wc -l <"$journal")" -gt 100 ]; then break; fi
    sleep 0.01
done
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
if [ ! -e o ]; then
    for file in $(ls o.peal-tmp-*/.work/many1/*/0/*.jpg | head -3); do
        printf X | dd of="$file" bs=1 seek=300 conv=notrunc status=none
    done
    "${job[@]}" --resume --quiet
fi
diff -r o calm || fail "damaged images were kept (seed $seed)"

# So is one whose label changed meanwhile.
rm -rf o
mkdir beside
for file in digits/train/0/*; do
    cp "$file" "beside/${file##*/}"
    name=${file##*/}
    echo zero >"beside/${name%.*}.cls"
done
labelled=("$peal" etl beside --to images --out o --transform resize:width=300 --image-format png --quiet)
"${labelled[@]}" &
pid=$!
for _ in $(seq 1 200); do
    journal=$(ls o.peal-tmp-*/.work/.journal 2>/dev/null || true)
    if [ -n "$journal" ] && [ "$(wc -l <"$journal")" -gt 10 ]; then break; fi
    sleep 0.01
done
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
for file in beside/*.cls; do echo null >"$file"; done
"${labelled[@]}" --resume
[ "$(cat o/*.cls | sort -u)" = null ] || fail "a label that changed was kept"

code=0
rm -rf o
"${job[@]}" --quiet &
pid=$!
until_heeds $pid
sleep 0.1
kill -INT $pid 2>/dev/null || true
wait $pid || code=$?
[ $code = 4 ] || [ $code = 0 ] || fail "exit code $code after SIGINT"
"${job[@]}" --resume --quiet
diff -r o calm || fail "other images after SIGINT"
[ -z "$(ls -A | grep peal-tmp || true)" ] || fail "a temporary folder is left after SIGINT"
