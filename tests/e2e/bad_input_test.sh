#!/usr/bin/env bash
# Every kind of bad input: exit code 2 or 3, one clear sentence, and nothing left behind.
source tests/lib.sh

good=$data/digits/train-0.csv.gz
$peal etl "$data/digits/train-*.csv.gz" --label digit --out good.ds --quiet
$peal train good.ds --model mlp --epochs 1 --out good.safetensors --quiet
mkdir empty_folder
: >empty.csv
printf '\n%.0s' {1..100} >blank.csv # blank lines are no rows, whether others stand beside them or not
: >empty.csv.gz
printf 'x,y\n' >header.csv
printf 'x,y\n1,a\n2,"b\n3,a\n' >quote.csv
printf 'x,y\n1,a\n2\n3,b\n' >ragged.csv
(echo x,y; for i in $(seq 30); do echo "$i,$((i % 2))"; done; echo "many,1") >text.csv
printf 'x,y\n1,a\n2,\n3,b\n' >nolabel.csv
printf 'x,y\n1,a\n2,a\n3,a\n' >oneclass.csv
printf 'x,x\n1,a\n' >twice.csv
printf 'x,y\n1,a\n2,b\xe9\n' >latin.csv
printf '{"x":1,"y":"a"}\n{"x":2,"y":"b\xe9"}\n' >latin.jsonl
echo "plain text" >fake.csv.gz
echo "plain text" >fake.csv.xz
head -c 5000 "$good" >cut.csv.gz
printf '\x28\xb5\x2f\xfd\x00\x58' >cut.csv.zst
printf '\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00' >wide.csv.zst
printf 'BZh9\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00more' >more.csv.bz2
cp "$good" flipped.csv.gz
printf '\x55' | dd of=flipped.csv.gz bs=1 seek=7000 conv=notrunc status=none
printf '\x00\x00\x08\x03\x00\x00' >short.idx
printf '\x00\x00\x0d\x03\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01abcd' >floats.idx
printf '1 3:1 4:0.5\n0 3:2 9:1\n' >sparse.libsvm

before=$(ls -A)
check() { # check CODE WORDS ARGUMENTS...
    expect "$1" "$2" $peal "${@:3}"
    # One sentence: the message is the last line of standard error (notes may stand before it).
    [ "$(grep -c '^peal: ' err.txt)" = 1 ] || { cat err.txt; fail "not one message: ${*:3}"; }
    [ -s out.txt ] && fail "something on standard output: ${*:3}"
    rm -f out.txt err.txt
    [ "$(ls -A)" = "$before" ] || fail "something is left behind by: ${*:3} ($(ls -A | tr '\n' ' '))"
}

check 3 "no such file: none.csv" etl none.csv --label y --out d
check 3 "no file matches 'none*.csv'" etl 'none*.csv' --label y --out d
check 3 "cannot look at empty.csv/x: Not a directory" etl empty.csv/x --label y --out d
check 3 "has no files" etl empty_folder --label y --out d
check 3 "empty.csv is empty" etl empty.csv --label y --out d
check 3 "blank.csv is empty" etl blank.csv --label y --out d
check 3 "empty.csv.gz is empty" etl empty.csv.gz --label y --out d
check 3 "there is not one row" etl header.csv --label y --out d
check 3 "quote.csv: line 3: a quote is opened and never closed" etl quote.csv --label y --out d
check 3 "ragged.csv: line 3: 1 field, expected 2" etl ragged.csv --label y --out d
check 3 "text.csv: line 32: column 'x': 'many' is not a number" etl text.csv --label y --out d
check 3 "nolabel.csv: line 3: the label 'y' is missing" etl nolabel.csv --label y --out d
check 3 "one class only" etl oneclass.csv --label y --out d
check 3 "two columns are called 'x'" etl twice.csv --label x --out d
check 3 "latin.csv: line 3: column 'y': byte 0xe9 of its text is not UTF-8" etl latin.csv --label y --out d
check 2 "latin.jsonl: the format jsonl has no option 'encoding'" etl latin.jsonl --label y --out d --encoding latin1
check 2 "types.arrow: the format arrow has no option 'encoding'" etl "$data/arrow/types.arrow" --label f64 --out d --encoding latin1
check 3 "fake.csv.gz is named .gz but is not gzip data" etl fake.csv.gz --label y --out d
check 3 "fake.csv.xz is named .xz but is not xz data" etl fake.csv.xz --label y --out d
check 3 "cut.csv.zst: zstd data is truncated: it ends at byte 6" etl cut.csv.zst --label digit --out d
check 3 "wide.csv.zst: the zstd frame at byte 0 has a window of more than 128 MB" etl wide.csv.zst --label digit --out d
check 3 "more.csv.bz2: at byte 14: bytes 6d 6f 72 65 instead of a bzip2 stream" etl more.csv.bz2 --label digit --out d
check 3 "cut.csv.gz: gzip data is truncated: it ends at byte 5000" etl cut.csv.gz --label digit --out d
check 3 "flipped.csv.gz: gzip data is corrupt" etl flipped.csv.gz --label digit --out d
check 3 "short.idx" etl short.idx --out d
check 3 "byte 2: IDX items of type 0x0d" etl floats.idx --out d
check 2 "cannot make the folder /proc/peal" etl "$good" --label digit --out /proc/peal/d
check 2 "did you mean 'digit'" etl "$good" --label digits --out d
check 2 "has no option --lable (did you mean --label?)" etl "$good" --lable digit --out d
check 2 "no dataset was named" etl "$good" --label digit
check 2 "did you mean 'csv'" etl "$good" --format cvs --out d
check 2 "did you mean 'standardize'" etl "$good" --label digit --transform standardise --out d
check 2 "wants a whole number" etl "$good" --label digit --threads two --out d
check 2 "no subcommand is called 'trian' (did you mean 'train'?)" trian good.ds
check 2 "did you mean 'mlp'" train good.ds --model mpl --out m --run-dir r
check 2 "has no option 'hiden' (did you mean 'hidden'?)" train good.ds --model mlp:hiden=3 --out m --run-dir r
check 2 "cannot learn a label of 10 classes" train good.ds --model logistic --out m --run-dir r
check 2 "the model 'linear' cannot learn a label of 10 classes" train good.ds --model linear --out m --run-dir r
check 2 "cannot write /proc/peal/m" train good.ds --out /proc/peal/m --run-dir r
check 3 "no such file" train none.csv --label y --out m --run-dir r
check 3 "cannot open none.safetensors" predict none.safetensors "$good"
check 3 "is not a whole safetensors file" predict "$good" "$good"

cp -r good.ds bad.ds
printf '\x55\x55' | dd of=bad.ds/train-00000.arrow bs=1 seek=9000 conv=notrunc status=none
cp good.safetensors bad.safetensors
printf '\x55\x55' | dd of=bad.safetensors bs=1 seek=$(($(stat -c %s bad.safetensors) - 100)) conv=notrunc status=none
head -c 1000 good.safetensors >cut.safetensors
cp -r good.ds torn.ds
echo '{"kind"' >torn.ds/manifest.json
cp -r good.ds gone.ds
rm gone.ds/train-00000.arrow
printf 'a,b\n1,2\n' >other.csv
$peal etl "$good" --label digit --out other.ds --quiet
before=$(ls -A)
check 3 "train-00000.arrow is damaged: its checksum is" train bad.ds --out m --run-dir r
check 3 "manifest.json: line" train torn.ds --out m --run-dir r
check 3 "lacks a shard" train gone.ds --out m --run-dir r
check 3 "bad.safetensors is damaged: its checksum" predict bad.safetensors "$good"
check 3 "cut.safetensors is not a whole safetensors file" eval cut.safetensors "$good"
check 3 "there is no column 'p00'" predict good.safetensors other.csv
check 3 "made with another pipeline" eval good.safetensors other.ds
check 3 "train-00000.arrow" inspect bad.ds
printf 'a,y\n1,2\n3,4\n' >two.csv
$peal etl two.csv blank.csv --label y --out two.ds 2>log.txt || { cat log.txt; fail "a file of blank lines beside another one"; }
grep -q "rows: 2 in = 2 used" log.txt || fail "rows of blank lines"

# A link that leads nowhere costs its own file, not those behind it, where bad sources are left out.
mkdir links photos photos/a photos/b
for i in 1 3; do cp two.csv links/$i.csv; done
ln -s nowhere links/2.csv
expect 3 "cannot look at links/2.csv" $peal etl links --label y --out no.ds
for name in links 'links/*.csv'; do
    $peal etl "$name" --label y --on-bad-source drop --out links.ds 2>log.txt || { cat log.txt; fail "a link that leads nowhere"; }
    grep -q "rows: 4 in = 4 used" log.txt && grep -q "left out: cannot look at links/2.csv" log.txt || fail "$(cat log.txt)"
    rm -r links.ds
done
for folder in a b; do for i in 1 3; do cp "$data/images/grey8.png" photos/$folder/$i.png; done; done
ln -s nowhere photos/a/2.png
$peal etl photos --on-bad-source drop --out photos.ds 2>log.txt || { cat log.txt; fail "a link among images"; }
grep -q "rows: 4 in = 4 used" log.txt && [ "$(grep -c "left out: cannot look at photos/a/2.png" log.txt)" = 1 ] || fail "$(cat log.txt)"
echo ok
