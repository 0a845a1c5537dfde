#!/usr/bin/env bash
# The same bits for any number of threads and workers; predictions from raw rows and from a dataset.
source tests/lib.sh

make() { # make NAME OPTIONS...
    local name=$1
    shift
    $peal etl "$data/digits/train-*.csv.gz" --label digit --transform split:valid=0.2,seed=3 --out "$name" --quiet "$@"
    cat "$name"/*.arrow "$name"/manifest.json | sha256sum >"$name.sum"
}
make t1 --threads 1
for threads in 2 5 16; do
    make t$threads --threads $threads
    cmp t1.sum t$threads.sum || fail "the dataset depends on --threads $threads"
done

for sync in epoch step 7; do
    for workers in 1 2 3 4; do
        $peal train t1 --model mlp --partitions 4 --sync $sync --workers $workers --epochs 3 --out $sync-$workers.safetensors --quiet
        cmp $sync-1.safetensors $sync-$workers.safetensors || fail "the model depends on --workers $workers (--sync $sync)"
    done
done
$peal train t1 --model mlp --partitions 16 --workers 16 --epochs 2 --out a.safetensors --quiet
$peal train t1 --model mlp --partitions 16 --workers 1 --epochs 2 --out b.safetensors --quiet
cmp a.safetensors b.safetensors || fail "the model depends on the workers (16)"

# Raw rows and the dataset made of them by the same pipeline.
zcat "$data/digits/test.csv.gz" >test.csv
$peal etl test.csv --like epoch-1.safetensors --out test.ds --quiet
$peal predict epoch-1.safetensors test.csv --out raw.csv --quiet
$peal predict epoch-1.safetensors test.ds --out mapped.csv --quiet
$peal predict epoch-1.safetensors - <test.csv >piped.csv 2>/dev/null
cat test.csv | $peal predict epoch-1.safetensors - >pipe.csv 2>/dev/null
cmp raw.csv mapped.csv || fail "predictions of raw rows and of the dataset differ"
cmp raw.csv piped.csv || fail "predictions from standard input differ"
cmp raw.csv pipe.csv || fail "predictions from a pipe differ"
# One row at a time, and without the label.
sed -n '2,21p' raw.csv >twenty.csv
for row in $(seq 2 21); do
    (head -n 1 test.csv; sed -n ${row}p test.csv) | sed 's/,[^,]*$//' >one.csv
    $peal predict epoch-1.safetensors one.csv --quiet | tail -n 1
done >single.csv
cmp twenty.csv single.csv || fail "a row's prediction depends on what stands beside it"
$peal eval epoch-1.safetensors test.csv --json --quiet >raw.json
$peal eval epoch-1.safetensors test.ds --json --quiet >mapped.json
cmp raw.json mapped.json || fail "metrics differ"
echo ok
