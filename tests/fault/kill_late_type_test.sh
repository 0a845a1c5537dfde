#!/usr/bin/env bash
# Sparse features of texts, hashed codes, kept keys, and a column whose type changes late, so that all is read twice: the same bits for
# any number of threads and workers, and after kill -9 and --resume at random moments.
source tests/lib.sh

awk 'BEGIN { print "id,note,user,z,y"; split("good bad fine poor", w, " ")
    for (i = 0; i < 40000; i++) {
        z = i < 39000 ? i % 500 : "x" i % 7
        printf "k%d,\"some %s text %d\",u%d,%s,%s\n", i, w[i * 7919 % 4 + 1], i % 97, i * 31 % 977, z, (i * 7919 % 4) % 2 ? "no" : "yes" } }' >rows.csv
printf '%s\n' '2 1:0.5 7:1' '1 2:1 9:2.5' >pairs.txt
for i in $(seq 3000); do echo "$((i % 2)) $((i % 7)):1 $((10 + i % 13)):0.$((i % 9 + 1)) $((40 + i * 7919 % 101)):2"; done >pairs.libsvm

job=("$peal" etl rows.csv --label y --transform keep:columns=id --transform tokens:columns=note,bits=12 --transform hash:columns=user,bits=8
    --transform index:columns=z --quiet)
for threads in 1 2 5; do
    "${job[@]}" --out d$threads --threads $threads
    cat d$threads/*.arrow d$threads/manifest.json | sha256sum >$threads.sum
    cmp 1.sum $threads.sum || fail "the dataset depends on --threads $threads"
done
grep -q '"transform": "index"' d1/manifest.json || fail "the late column is no text"
for data in d1 pairs.libsvm; do
    for sync in epoch step; do
        for workers in 1 2 3 4; do
            $peal train $data --model logistic --partitions 4 --sync $sync --workers $workers --epochs 2 --out $workers.st --quiet
            cmp 1.st $workers.st || fail "the model of $data depends on --workers $workers (--sync $sync)"
        done
    done
done

seed=${PEAL_FAULT_SEED:-$RANDOM}
RANDOM=$seed
begin=$(date +%s%N)
"${job[@]}" --out calm --threads 2
whole=$((($(date +%s%N) - begin) / 1000000))
killed=0
for trial in $(seq 12); do
    rm -rf d
    wait_ms=$((RANDOM % (whole + 10)))
    "${job[@]}" --out d --threads $((1 + RANDOM % 3)) &
    pid=$!
    sleep "$(printf '0.%03d' $((wait_ms % 1000)))"
    kill -9 $pid 2>/dev/null && killed=$((killed + 1))
    wait $pid 2>/dev/null || true
    [ ! -e d ] || { cat d/*.arrow d/manifest.json | sha256sum | cmp - 1.sum || fail "half a dataset (seed $seed, trial $trial)"; }
    "${job[@]}" --out d --threads $((1 + RANDOM % 4)) --resume
    cat d/*.arrow d/manifest.json | sha256sum | cmp - 1.sum || fail "the dataset changed after a kill (seed $seed, trial $trial, $wait_ms ms)"
done
[ $killed -ge 1 ] || fail "nothing was killed"
! ls -d .*peal-tmp* d.peal-tmp* 2>/dev/null || fail "something is left"
echo "ok: killed $killed times"
