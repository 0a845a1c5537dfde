#!/usr/bin/env bash
# Images end to end: a folder of classes trains, predicts and is evaluated; archives of the same images give the same
# dataset; threads change nothing; what is damaged is named by its file; a change is seen by the cache and by --resume.
source tests/lib.sh

tar xzf "$data/images/digits.tar.gz"
$peal train digits/train --epochs 30 --out m.safetensors >out.txt 2>err.txt
grep -q 'images: 480, 8 x 8, grey' err.txt || fail "$(cat err.txt)"
grep -q 'column image *bytes *grey resize' err.txt || fail "$(cat err.txt)"
$peal eval m.safetensors digits/test --json >eval.json 2>err.txt
at_least "$(json eval.json metrics.accuracy)" 0.85

# A column names the file, of a folder, of single files and of a pipe, and a row alone is what it is among others.
$peal predict m.safetensors digits/test --quiet >all.csv
[ "$(head -1 all.csv | cut -d, -f1-3)" = file,prediction,p_0 ] || fail "$(head -1 all.csv)"
[ "$(wc -l <all.csv)" = 121 ] || fail "$(wc -l <all.csv) lines of predictions"
one=$(ls digits/test/3/* | head -1)
$peal predict m.safetensors "$one" --quiet >one.csv
[ "$(tail -1 one.csv)" = "$(grep "^$one," all.csv)" ] || fail "$(cat one.csv)"
$peal predict m.safetensors - --quiet <"$one" >pipe.csv
[ "$(tail -1 pipe.csv | cut -d, -f2-)" = "$(tail -1 one.csv | cut -d, -f2-)" ] || fail "$(cat pipe.csv)"

# As tar archives they are the same rows: class folders, compressed as a whole; WebDataset's keys.
same() {
    cmp a/train-00000.arrow "$1/train-00000.arrow" || fail "$1 is another dataset"
}
$peal etl digits/train --out a --quiet
$peal inspect a 2>&1 | grep -q 'features: 64' || fail "$($peal inspect a 2>&1)"
tar cf folders.tar --sort=name digits/train
gzip -k folders.tar
for from in folders.tar folders.tar.gz 'digits/train/*/*'; do
    $peal etl "$from" --out b --quiet
    same b
    rm -r b
done
mkdir keys
for file in digits/train/*/*; do
    class=${file%/*} name=${file##*/}
    class=${class##*/} key=keys/$class-${name%.*}
    cp "$file" "$key.${name##*.}"
    case $((10#${name%.*} % 3)) in
    0) echo "$class" >"$key.cls" && echo "$key" >"$key.txt" ;;
    1) echo "{\"label\": \"$class\"}" >"$key.json" ;;
    2) echo "$class" >"$key.txt" ;;
    esac
    echo no label >"$key.other"
done
rm keys/*.other
$peal etl keys --out b --quiet
same b
rm -r b
cp "$data/images/grey.jpg" keys/zz.jpg
: >keys/zz.cls
expect 3 'keys/zz.jpg: the image has no label' $peal etl keys --out refused
rm keys/zz.*
tar cf keys.tar --sort=name -C keys .
$peal etl keys.tar --out b --quiet
same b
rm -r b

# Further images of a sample (masks, in shards of WebDataset) are no rows, in a folder nor in an archive; to images all go.
for image in keys/*.jpg; do
    cp "$image" "${image%.jpg}.mask.jpg"
done
tar cf masks.tar --sort=name -C keys .
for from in keys masks.tar; do
    $peal etl "$from" --out b 2>log.txt || fail "$(cat log.txt)"
    same b
    grep -qE 'left out: [0-9]+ images beside the one of a sample \(.*mask.jpg' log.txt || fail "$(cat log.txt)"
    rm -r b
done
$peal etl masks.tar --to images --transform resize:width=4,height=4 --out again --quiet
[ "$(find again -name '*.mask.jpg' | wc -l)" = "$(ls keys/*.mask.jpg | wc -l)" ] || fail "masks are no images any more"
rm keys/*.mask.jpg

# A label whose image is missing is no table, in a folder nor in an archive; what is left out has its name.
for ending in cls json txt; do
    cp "$(ls keys/*.$ending | head -n 1)" keys/zz.$ending
    $peal etl keys --out b 2>log.txt || fail "$(cat log.txt)"
    same b
    grep -q "left out: 1 file beside the images (zz.$ending)" log.txt || fail "$(cat log.txt)"
    rm -r b
    tar cf orphan.tar --sort=name -C keys .
    $peal etl orphan.tar --out b 2>log.txt || fail "$(cat log.txt)"
    same b
    grep -q "left out: .*(./zz.$ending" log.txt || grep -q "left out: .* that tell" log.txt || fail "$(cat log.txt)"
    rm -r b keys/zz.$ending
done

# The same bits for any number of threads, with few descriptors and with small blocks of a large image.
steps='--transform resize:width=20,height=12,fit=cover --transform pad:width=21,fill=7 --transform rotate:by=90
    --transform flip:axis=vertical --transform crop:width=10 --transform normalize --transform rgb'
for threads in 1 2 7; do
    # shellcheck disable=SC2086
    (ulimit -n 40 && $peal etl digits/train --out "t$threads" --threads "$threads" $steps --quiet)
done
cmp t1/train-00000.arrow t2/train-00000.arrow && cmp t1/train-00000.arrow t7/train-00000.arrow || fail "threads differ"
$peal inspect t1 2>&1 | grep -q 'steps=resize pad rotate flip crop normalize rgb' || fail "$($peal inspect t1 2>&1)"
$peal inspect t1 2>&1 | grep -q 'features: 300' || fail "$($peal inspect t1 2>&1)"

# Other sizes and colours are made alike, and that is said.
mkdir -p mixed/a mixed/b
cp "$data"/images/{photo,rgb8,grey8}.png mixed/a
cp "$data"/images/{colour,turned6,cmyk}.jpg mixed/b
$peal etl mixed --out mixed-ds 2>err.txt
grep -q "from 8 x 9 to 33 x 24, some grey, some in colour; made alike by 'resize' (64 x 64" err.txt || fail "$(cat err.txt)"
$peal inspect mixed-ds 2>&1 | grep -q 'features: 12288' || fail "$($peal inspect mixed-ds 2>&1)"
expect 3 'too small to crop 20 x 20 from it' $peal etl mixed --out refused --transform crop:width=20
expect 2 "'resize' is for images, and the input has none" $peal etl "$data/flats/flats.csv" --out refused \
    --transform resize:width=3

# What is damaged: a bad row that is named by its file; what a decoder passes over is counted.
cp -r digits/train bad
cp "$data"/images/{bomb,cut,checksum,text}.png "$data/images/empty.jpg" bad/5
cp "$data/images/cut.jpg" bad/6
expect 3 'bad/5/bomb.png: the image would have 60000 x 60000 pixels' $peal etl bad --out refused
$peal etl bad --out bad-ds --on-bad-row quarantine 2>err.txt
grep -q 'rows: 486 in = 481 used + 0 dropped + 5 quarantined' err.txt || fail "$(cat err.txt)"
grep -q '1 image is damaged and decoded as far as it goes; the first is bad/6/cut.jpg: Premature end' err.txt ||
    fail "$(cat err.txt)"
$peal predict m.safetensors "$data/images/cut.jpg" 2>err.txt >cut.csv
grep -q 'images/cut.jpg: Premature end' err.txt || fail "$(cat err.txt)"
for name in bomb.png cut.png checksum.png text.png empty.jpg; do
    grep -rq "\"file\":\"bad/5/$name\"" bad-ds* || fail "$name is not in the quarantine"
done
$peal predict m.safetensors bad/5 --on-bad-row drop --quiet >bad.csv
grep -qx 'bad/5/cut.png,,,,,,,,,,,' bad.csv || fail "$(cat bad.csv)"
[ "$(wc -l <bad.csv)" = $(($(ls bad/5 | wc -l) + 1)) ] || fail "rows are missing in $(cat bad.csv)"

# More than one input has room for: each row keeps its file, and the rows are those of the parts.
mkdir many
for i in 1 2 3 4 5; do cp -r digits/train "many/$i"; done
cp "$data/images/cut.png" many/5/9
$peal predict m.safetensors many --on-bad-row drop --quiet | tail -n +2 >many.csv
find many -type f | LC_ALL=C sort >files.txt
cut -d, -f1 many.csv | cmp - files.txt || fail "the files of many.csv are others"
grep -qx 'many/5/9/cut.png,,,,,,,,,,,' many.csv || fail "cut.png is predicted"
$peal predict m.safetensors digits/train --quiet | tail -n +2 | cut -d, -f2- >part.csv
sed -n '1921,$p' many.csv | grep -v cut.png | cut -d, -f2- | cmp - part.csv || fail "rows of many are others"
rm many/5/9/cut.png
for threads in 1 3; do $peal etl many --out "many-$threads" --threads "$threads" --quiet; done
cmp many-1/train-00000.arrow many-3/train-00000.arrow || fail "threads differ in many"

# The cache sees a change of one image.
$peal train digits/train --epochs 1 --out n.safetensors 2>err.txt
grep -q 'is up to date' err.txt || fail "$(cat err.txt)"
touch "$(ls -d digits/train/1/* | tail -1)"
$peal train digits/train --epochs 1 --out n.safetensors 2>err.txt
grep -q 'changed' err.txt || fail "$(cat err.txt)"

# Data beside pictures stay data.
mkdir report
cp "$data/flats/flats.csv" "$data/images/photo.png" report
$peal etl report --label price --out report-ds 2>err.txt
grep -q 'rows: 600 in = 600 used' err.txt || fail "$(cat err.txt)"
