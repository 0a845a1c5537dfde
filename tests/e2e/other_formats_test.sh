#!/usr/bin/env bash
# Arrow and NumPy as input: the same table as CSV and as Arrow gives the same predictions, also compressed and through a
# pipe; images in an npz archive train and are evaluated. Sparse text: a model knows what its features' indices are.
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

# What was cut where a message, or a member, ends cannot be told from a whole one but by the end mark: all that is there
# is read, and it is told. A lone block of zeros is a mark.
head -c -8 flats.arrows >cut.arrows
$peal etl cut.arrows --label price --out unmarked 2>err.txt
cmp d-flats.arrows/train-00000.arrow unmarked/train-00000.arrow || fail "a stream without its end mark has other rows"
[ "$(grep -c "cut.arrows: the Arrow stream ends at byte $(stat -c %s cut.arrows), .* it may have been cut there" err.txt)" = 1 ] || fail "$(cat err.txt)"
$peal predict flats.arrow.safetensors - <cut.arrows >unmarked.predictions 2>err.txt
cmp flats.csv.predictions unmarked.predictions || fail "a pipe without its end mark predicts something else"
grep -q "it may have been cut there" err.txt || fail "of a pipe it is not told: $(cat err.txt)"
$peal etl flats.arrows --label price --out marked 2>err.txt
! grep -q "may have been cut" err.txt || fail "a whole stream is said to be cut: $(cat err.txt)"
tar --format=ustar -b 1 -cf whole.tar flats.csv
members=$(($(stat -c %s whole.tar) - 1024))
for blocks in 0 1 2; do
    head -c $((members + 512 * blocks)) whole.tar >cut.tar
    $peal etl cut.tar --label price --out "tar$blocks" 2>err.txt
    [ "$(grep -c "cut.tar: the archive ends behind a member, .* it may have been cut there" err.txt)" = $((blocks == 0)) ] || fail "$blocks blocks: $(cat err.txt)"
    cmp d-flats.csv/train-00000.arrow "tar$blocks/train-00000.arrow" || fail "$blocks blocks of zeros: other rows"
done

# Features that count from 1, and the same from 0: `base` is kept, so that each is read as the model's, unless told otherwise.
awk 'BEGIN { srand(3); for (i = 0; i < 300; i++) { a = rand(); b = rand(); c = rand()
    printf "%.4f 1:%.4f 2:%.4f 3:%.4f\n", 4 * a - 2 * b + c, a, b, c >"one.libsvm"
    printf "%.4f 0:%.4f 1:%.4f 2:%.4f\n", 4 * a - 2 * b + c, a, b, c >"zero.libsvm" } }'
$peal train one.libsvm --base 1 --model linear --out one.safetensors --quiet
$peal train zero.libsvm --model linear --out zero.safetensors --quiet
$peal predict zero.safetensors zero.libsvm >expected.txt
$peal predict one.safetensors one.libsvm --base 1 >told.txt
$peal predict one.safetensors one.libsvm >kept.txt
$peal predict one.safetensors - <one.libsvm >piped.txt
$peal predict one.safetensors zero.libsvm --base 0 >other.txt
$peal predict zero.safetensors one.libsvm --base 1 >to_zero.txt
for text in told kept piped other to_zero; do
    cmp expected.txt $text.txt || fail "$text: features are read one place off"
done
$peal eval one.safetensors one.libsvm >eval.txt 2>err.txt
$peal eval one.safetensors one.libsvm --base 1 >told.txt 2>err.txt
cmp told.txt eval.txt || fail "an evaluation reads features one place off: $(cat eval.txt)"
expect 3 "zero.libsvm: line 1: '0:" $peal predict one.safetensors zero.libsvm
# The dataset has it too, for the models that learn from it.
$peal etl one.libsvm --base 1 --out one.ds --quiet
$peal train one.ds --model linear --out of_dataset.safetensors --quiet
$peal predict of_dataset.safetensors one.libsvm >of_dataset.txt
cmp expected.txt of_dataset.txt || fail "the dataset does not keep the base"
$peal eval one.safetensors one.ds >of_dataset.txt 2>err.txt
$peal eval zero.safetensors one.ds >of_zero.txt 2>err.txt
cmp of_dataset.txt of_zero.txt || fail "the base of the inputs makes other columns: $(cat of_zero.txt)"

# The hashes of vw: other bits would make other features.
awk '{ gsub("[0-9]:", "f&"); print $1 " | " $2 " " $3 " " $4 }' one.libsvm >rows.vw
$peal train rows.vw --bits 8 --model linear --out vw.safetensors --quiet
$peal predict vw.safetensors rows.vw --bits 8 >told.txt
$peal predict vw.safetensors rows.vw >kept.txt
cmp told.txt kept.txt || fail "features are hashed with other bits than the model's"
expect 2 'rows.vw: the features that are wanted were made with bits 8, and with 10' \
    $peal predict vw.safetensors rows.vw --bits 10

# A column of numbers of which every one is missing: the type is the input's, so that it cannot be taken for texts. It is left out, and told,
# unless somebody asked for it.
doubles() { # doubles FILE NUMBER...: an array of rows of three; 0 to 2, or x, which is none
    printf "\x93NUMPY\x01\x00\x76\x00%-117s\n" "{'descr': '<f8', 'fortran_order': False, 'shape': ($((($# - 1) / 3)), 3), }" >"$1"
    for number in "${@:2}"; do
        case $number in
        0) printf '\0\0\0\0\0\0\0\0' ;;
        1) printf '\0\0\0\0\0\0\xf0\x3f' ;;
        2) printf '\0\0\0\0\0\0\0\x40' ;;
        x) printf '\0\0\0\0\0\0\xf8\x7f' ;;
        esac
    done >>"$1"
}
doubles empty.npy 0 x 0 1 x 1 2 x 0 0 x 1
$peal etl empty.npy --label c3 --out empty --json 2>err.txt >empty.json
grep -qF 'column c2: no row to learn from has a value, so it is left out' err.txt || fail "$(cat err.txt)"
[ "$(json empty.json rows.used)" = 4 ] || fail "$(cat empty.json)"
expect 3 "column 'c2' has no value at all" $peal etl empty.npy --label c3 --transform impute:columns=c2 --out asked
$peal train empty.npy --label c3 --model logistic --epochs 1 --out empty.safetensors --quiet 2>err.txt
$peal predict empty.safetensors empty.npy >predicted.txt
[ "$(wc -l <predicted.txt)" = 5 ] || fail "$(cat predicted.txt)"

# What stands beside data is left out of an archive as of a folder: texts for people, checksums, what a desktop leaves.
mkdir -p packed/set
cp flats.csv packed/set
echo 'Flats, made by a formula.' >packed/README.txt
echo 'do as you like' >packed/LICENSE
echo 0123 >packed/set/flats.csv.md5
printf '\0' >packed/set/Thumbs.db
tar -cf packed.tar -C packed .
$peal etl packed.tar --label price --out packed-d 2>err.txt
cmp packed-d/train-00000.arrow d-flats.csv/train-00000.arrow || fail "a README beside the data changes them"
grep -qF 'packed.tar: left out: 4 files that are no data (' err.txt || fail "$(cat err.txt)"
$peal etl packed --label price --out folder-d --quiet 2>err.txt && fail "a folder without files"
rm packed/README.txt packed/set/Thumbs.db
$peal etl packed/set --label price --out folder-d --quiet
cmp folder-d/train-00000.arrow d-flats.csv/train-00000.arrow || fail "a checksum beside the data changes them"
mv packed/set/flats.csv packed/README.csv
tar -cf only.tar -C packed README.csv
$peal etl only.tar --label price --out only-d --quiet
cmp only-d/train-00000.arrow d-flats.csv/train-00000.arrow || fail "a file that is alone in its archive is data"
