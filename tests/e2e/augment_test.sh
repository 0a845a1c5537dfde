#!/usr/bin/env bash
# Augmentation: the same bits for any number of workers and after a kill; held-out rows and predictions are as ever; it
# is worth something; where it cannot be it is refused.
source tests/lib.sh

tar xzf "$data/images/digits.tar.gz"
$peal etl digits/train --out d --quiet
wish='shift=1,rotate=10,jitter=0.1'

# Workers, ways to synchronise and a resume change nothing; the job stands in the model, seed and wish shape it.
train() { # train OUT OPTIONS...
    local out=$1
    shift
    $peal train d --model mlp:hidden=32 --epochs 6 --partitions 4 --augment $wish --out "$out.m" --quiet "$@"
}
for sync in step 3; do
    train "one-$sync" --sync $sync --workers 1
    train "two-$sync" --sync $sync --workers 2
    cmp "one-$sync.m" "two-$sync.m" || fail "workers change the model (sync $sync)"
done
train other --sync 3 --seed 2
cmp -s one-3.m other.m && fail "the seed changes nothing"
$peal train d --model mlp:hidden=32 --epochs 6 --partitions 4 --out plain.m --sync 3 --quiet
cmp -s one-3.m plain.m && fail "nothing was augmented"
grep -aq '\\"augment\\":\\"shift=1,rotate=10,jitter=0.1\\"\|"augment":"shift=1,rotate=10,jitter=0.1"' one-3.m ||
    fail "the job does not tell of it"

# kill -9, then --resume: the same bits; another wish is another job.
long=(--sync epoch --epochs 150 --checkpoint-seconds 0)
train calm "${long[@]}"
train again "${long[@]}" --workers 2 &
pid=$!
for _ in $(seq 1 300); do
    if ls again.run/checkpoint-* >files.txt 2>&1; then break; fi
    sleep 0.01
done
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
train again "${long[@]}" --resume --workers 1
cmp calm.m again.m || fail "a resume changes the model"

# It does no harm. (That it helps, MNIST shows: models/README.md.)
$peal train d --model mlp:hidden=64 --epochs 60 --out without.m --quiet
$peal train d --model mlp:hidden=64 --epochs 60 --augment rotate=10,jitter=0.2 --out with.m --quiet
for name in without with; do $peal eval $name.m digits/test --json --quiet >$name.json; done
echo "accuracy $(json without.json metrics.accuracy), augmented $(json with.json metrics.accuracy)"
at_least "$(awk -v a="$(json with.json metrics.accuracy)" 'BEGIN { print a + 0.02 }')" "$(json without.json metrics.accuracy)"
at_least "$(json with.json metrics.accuracy)" 0.93

# A linear model learns by steps then; what has no image, or another way to learn, is refused before work begins.
$peal train d --model softmax --epochs 3 --augment flip --out linear.m 2>err.txt
grep -q '3 epochs of' err.txt || fail "$(cat err.txt)"
for model in trees bayes; do
    expect 2 'augment' $peal train d --model $model --augment flip --out refused.m
done
expect 2 'augment is of learning by steps' $peal train d --model softmax --sync full --augment flip --out refused.m
expect 2 "augment knows no 'flop' (did you mean 'flip'?)" $peal train d --augment flop --out refused.m
expect 2 'shift and crop must be below' $peal train d --augment shift=8 --out refused.m
expect 2 'saturation and hue are of colours' $peal train d --augment hue=0.1 --out refused.m
expect 2 'leave width and channels out' $peal train d --augment flip,width=16 --out refused.m
expect 2 'augment is of images' $peal train "$data/flats/flats.csv" --label price --model mlp --augment flip --out refused.m

# Arrays do not say how wide they are.
$peal etl "$data/numpy/patches.npz" --arrays x_train+y_train --label y_train --out arrays --quiet
expect 2 'whose width is not known' $peal train arrays --augment flip --out refused.m
expect 2 'are no image that is 5 wide' $peal train arrays --augment flip,width=5 --out refused.m
$peal train arrays --augment flip,width=6 --epochs 2 --out arrays.m --quiet
