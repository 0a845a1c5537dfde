#!/usr/bin/env bash
# kill -9 of an ETL job at random moments: no dataset or the whole one; the same command again, with --resume or without,
# ends in the same bits and leaves nothing else.
source tests/lib.sh

seed=${PEAL_FAULT_SEED:-$RANDOM}
RANDOM=$seed
echo "seed $seed"
zcat "$data"/digits/train-0.csv.gz >all.csv
for i in $(seq 1 60); do zcat "$data/digits/train-$((i % 3)).csv.gz" | tail -n +2 >>all.csv; done
mkdir files
for i in $(seq 1 12); do cp all.csv files/part-$i.csv; done
gzip -1 files/*.csv

job=("$peal" etl files --label digit --out d --quiet)
"${job[@]}"
cat d/*.arrow | sha256sum >calm.sum
for trial in $(seq 1 12); do
    rm -rf d
    "${job[@]}" &
    pid=$!
    sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    if [ -e d ]; then cat d/*.arrow | sha256sum | cmp - calm.sum || fail "a torn dataset (seed $seed)"; fi
    resume=$([ $((trial % 2)) = 0 ] && echo --resume || true)
    "${job[@]}" $resume --threads $((1 + RANDOM % 4))
    cat d/*.arrow | sha256sum | cmp - calm.sum || fail "the dataset changed after a kill (seed $seed, trial $trial $resume)"
    [ -z "$(ls -A | grep peal-tmp || true)" ] || fail "a temporary folder is left (seed $seed)"
done
code=0
"${job[@]}" &
pid=$!
sleep 0.05
kill -INT $pid
wait $pid || code=$?
[ $code = 4 ] || [ $code = 0 ] || fail "exit code $code after SIGINT"
"${job[@]}" --resume
cat d/*.arrow | sha256sum | cmp - calm.sum || fail "the dataset changed after SIGINT"
[ -z "$(ls -A | grep peal-tmp || true)" ] || fail "a temporary folder is left after SIGINT"
echo ok
