#!/usr/bin/env bash
# A shard that is cut or overwritten while it is trained on is named, and no model comes of it; one that was cut before
# is named by predict and eval.
source tests/lib.sh

awk 'BEGIN { srand(1); print "a,b,y"; for (i = 0; i < 60000; i++) print rand() "," rand() "," (rand() > 0.5) }' >rows.csv
$peal etl rows.csv --label y --out whole --quiet
shard=d/train-00000.arrow
cut_it() { truncate -s 4096 $shard; }
overwrite_it() { printf 'XXXXXXXX' | dd of=$shard bs=1 seek=100000 conv=notrunc status=none; }

for sync in epoch step; do
    for change in cut_it overwrite_it; do
        rm -rf d
        cp -r whole d
        timeout 100 $peal train d --model mlp --sync $sync --epochs 200 --patience 0 --run-dir run \
            --out m.safetensors >out.txt 2>&1 &
        job=$!
        for _ in $(seq 300); do
            [ -e run/run.json ] && [ "$(pgrep -cP "$(child $job 1 || echo 0)" || true)" != 0 ] && break
            sleep 0.05
        done
        sleep 0.2
        $change
        got=0
        wait $job || got=$?
        [ $got = 3 ] || fail "exit code $got ($sync, $change): $(tail -n 3 out.txt)"
        grep -q "$shard changed while it was in use" out.txt || fail "$(tail -n 3 out.txt)"
        [ ! -e m.safetensors ] || fail "a model came of it"
        rm -rf run
    done
done

$peal train whole --model logistic --epochs 1 --out m.safetensors --quiet
rm -rf d
cp -r whole d
cut_it
expect 3 "$shard is damaged" $peal predict m.safetensors d --out p.csv
expect 3 "$shard is damaged" $peal eval m.safetensors d
[ ! -e p.csv ] || fail "predictions came of it"
[ -z "$(find . -name '*peal-tmp*')" ] || fail "something is left: $(find . -name '*peal-tmp*')"
echo ok
