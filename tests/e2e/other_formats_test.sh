#!/usr/bin/env bash
# Arrow and NumPy as input: the same table as CSV and as Arrow gives the same predictions, also compressed and through a
# pipe; images in an npz archive train and are evaluated.
source tests/lib.sh

cp "$data"/flats/flats.csv "$data"/arrow/flats.arrow "$data"/arrow/flats.arrows .
gzip -k flats.arrow
for from in flats.csv flats.arrow flats.arrows flats.arrow.gz; do
    $peal etl "$from" --label price --out "d-$from" --quiet
    $peal train "d-$from" --model linear --epochs 3 --out "$from.safetensors" --quiet
    $peal predict "$from.safetensors" "$from" --out "$from.predictions" --quiet
    cmp flats.csv.predictions "$from.predictions" || fail "$from predicts something else than flats.csv"
done
$peal predict flats.arrow.safetensors - <flats.arrows >piped.predictions 2>err.txt
cmp flats.csv.predictions piped.predictions || fail "a pipe predicts something else"

$peal train "$data/numpy/patches.npz" --label y_train --arrays x_train+y_train --model logistic --epochs 2 \
    --out patches.safetensors --quiet
$peal eval patches.safetensors "$data/numpy/patches.npz" --arrays x_test:image+y_test:y_train >eval.txt 2>err.txt
grep -q 'rows: 100 in = 100 used' eval.txt err.txt || fail "$(cat eval.txt err.txt)"
expect 3 'x_train (200, 6, 6), y_train (200,)' $peal etl "$data/numpy/patches.npz" --label y_train --out refused
expect 3 'column li is left out: it is a list' $peal etl "$data/arrow/types.arrow" --label f64 --out types
expect 3 'is cut short' $peal etl <(head -c 3000 flats.arrow) --label price --out cut
