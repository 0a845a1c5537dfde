#!/usr/bin/env bash
# Images to images: what is written is what a dataset would hold, whatever the threads and wherever it was read from;
# names stay, and stay in the folder; what is bad is named; only a folder of such a job is ever replaced.
source tests/lib.sh

tar xzf "$data/images/digits.tar.gz"
steps='--transform resize:width=20,height=12,fit=cover --transform rotate:by=90'

# The same pixels as in a dataset, under the same names, for any number of threads.
# shellcheck disable=SC2086
for threads in 1 3; do
    $peal etl digits/train --to images --out "again$threads" --image-format png --threads $threads $steps 2>err.txt
    grep -q 'rows: 480 in = 480 used + 0 dropped + 0 quarantined' err.txt || fail "$(cat err.txt)"
done
diff -r again1 again3 || fail "threads differ"
(cd digits/train && find . -type f | sed 's/\.[a-z]*$/.png/' | sort) >names.txt
(cd again1 && find . -name '*.png' | sort) | cmp - names.txt || fail "the names are others"
# shellcheck disable=SC2086
$peal etl digits/train --out direct $steps --quiet
$peal etl again1 --out written --quiet
cmp direct/train-00000.arrow written/train-00000.arrow || fail "a dataset of the written images is another"

# From archives, of class folders and with labels beside, which go along.
tar cf folders.tar --sort=name -C digits/train .
# shellcheck disable=SC2086
$peal etl folders.tar --to images --out tarred --image-format png $steps --quiet
diff -r again1 tarred -x _manifest.json || fail "from an archive other images come"
mkdir keys
for file in digits/train/*/*; do
    class=${file%/*} name=${file##*/}
    class=${class##*/} key=keys/$class-${name%.*}
    cp "$file" "$key.${name##*.}"
    echo "{\"label\": \"$class\"}" >"$key.json"
done
$peal etl keys --to images --out keyed --transform grey --image-format png --quiet
[ "$(cat keyed/3-*.cls | sort -u)" = 3 ] || fail "labels did not go along"
$peal etl keys --out direct2 --transform grey --quiet
$peal etl keyed --out written2 --transform grey --quiet
cmp direct2/train-00000.arrow written2/train-00000.arrow || fail "labels beside images are lost"

# Kinds and quality; sizes need not be the same.
mkdir mixed
cp "$data"/images/{photo,rgb8,grey8}.png "$data"/images/{colour,turned6}.jpg mixed
$peal etl mixed --to images --out same --quiet
[ "$(ls same | tr '\n' ' ')" = '_files.jsonl _manifest.json colour.jpg grey8.png photo.png rgb8.png turned6.jpg ' ] ||
    fail "$(ls same)"
$peal etl same --to images --out twice --quiet
cmp same/photo.png twice/photo.png || fail "a PNG is not itself"
for quality in 30 95; do
    $peal etl 'mixed/*' --to images --out q$quality --image-format jpeg --quality $quality --quiet
done
[ "$(stat -c %s q30/photo.jpg)" -lt "$(stat -c %s q95/photo.jpg)" ] || fail "quality says nothing"

# What is bad is named, by its file.
cp -r digits/train bad
cp "$data"/images/{bomb,cut}.png "$data/images/empty.jpg" bad/5
cp "$data/images/cut.jpg" bad/6
expect 3 'bad/5/bomb.png: the image would have 60000 x 60000 pixels' $peal etl bad --to images --out refused
[ ! -e refused ] || fail "a folder is there"
$peal etl bad --to images --out good --on-bad-row quarantine 2>err.txt
grep -q 'rows: 484 in = 481 used + 0 dropped + 3 quarantined' err.txt || fail "$(cat err.txt)"
grep -q '1 image is damaged and decoded as far as it goes; the first is bad/6/cut.jpg' err.txt || fail "$(cat err.txt)"
for name in bomb.png cut.png empty.jpg; do
    grep -q "\"file\":\"bad/5/$name\"" good/_quarantine.jsonl || fail "$name is not in the quarantine"
    [ ! -e "good/5/$name" ] || fail "$name is there"
done

# No name leads out of the folder, no two go to one place.
mkdir -p deep/in
cp "$data/images/photo.png" deep/in
tar cPf out.tar --transform 's,^,../../,' -C deep/in photo.png
tar rf out.tar -C deep/in photo.png
mkdir -p a/b
expect 3 'out.tar/../../photo.png: its name leads out of the folder' $peal etl out.tar --to images --out a/b/c
$peal etl out.tar --to images --out a/b/c --on-bad-row quarantine --quiet
grep -q 'leads out' a/b/c/_quarantine.jsonl || fail "$(cat a/b/c/_quarantine.jsonl)"
[ "$(find a -name '*.png')" = a/b/c/photo.png ] || fail "$(find a)"
tar cPf root.tar --transform 's,^,/tmp/peal-escaped/,' -C deep/in photo.png
$peal etl root.tar --to images --out rooted --quiet
[ -e rooted/tmp/peal-escaped/photo.png ] || fail "$(find rooted)"
cp mixed/colour.jpg deep/in/photo.jpg
expect 2 'would both be written to photo.png' $peal etl deep/in --to images --out clash --image-format png

# Only what such a job wrote is replaced; --resume knows what is whole.
$peal etl digits --to images --out again1 --resume 2>err.txt
grep -q '600 in = 600 used' err.txt || fail "$(cat err.txt)"
$peal etl digits --to images --out again1 --resume 2>err.txt
grep -q 'again1 is complete and up to date' err.txt || fail "$(cat err.txt)"
cp again1/train/3/* keys
file=$(ls again1/train/4/* | head -1)
cp "$file" whole.bin
printf X | dd of="$file" bs=1 seek=60 conv=notrunc status=none
$peal etl digits --to images --out again1 --resume --quiet
cmp "$file" whole.bin || fail "a damaged file was taken for whole"
echo mine >again1/train/notes.txt
expect 2 'it holds what is no part of a folder of images that Peal wrote (train)' $peal etl digits --to images --out again1
[ -e again1/train/notes.txt ] || fail "notes.txt is gone"
expect 2 'it holds what is no part of' $peal etl digits --to images --out digits/train
expect 2 'it lies in digits, which is read' $peal etl digits --to images --out digits/small

# Wishes that cannot be.
expect 2 'is of datasets, not of --to images' $peal etl digits --to images --out refused --label x
expect 2 '--quality wants --to images' $peal etl digits --out refused --quality 3
expect 2 'quality must be 1 to 100' $peal etl digits --to images --out refused --quality 101
expect 2 'image-format must be jpeg or png' $peal etl digits --to images --out refused --image-format gif
expect 2 "'standardize' makes features" $peal etl digits --to images --out refused --transform standardize
expect 3 'flats.csv is no image' $peal etl "$data/flats/flats.csv" --to images --out refused
[ ! -e refused ] || fail "a folder is there"
[ -z "$(ls -A | grep peal-tmp || true)" ] || fail "a temporary folder is left"
