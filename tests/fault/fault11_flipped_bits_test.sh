#!/usr/bin/env bash
# A model, dataset or checkpoint of which a byte was changed anywhere, or that has no checksum, is refused; all flips are tried by tests/models:flips_test.
source tests/lib.sh

printf 'a,c,y\n1.5,red,u\n2.5,blue,v\n3.5,red,u\n4.5,blue,v\n' >t.csv
$peal etl t.csv --label y --out t.ds --quiet
$peal train t.ds --model logistic --partitions 1 --epochs 2 --checkpoint-seconds 0 --run-dir run --out m.safetensors --quiet

# change FILE FROM TO: a copy of FILE at FILE.old, and FILE with the first FROM as TO, of the same length.
change() {
    cp "$1" "$1.old"
    sed -i "0,/$2/s//$3/" "$1"
    ! cmp -s "$1" "$1.old" || fail "'$2' is not in $1"
}

change m.safetensors '"shift' '"shiff'
expect 3 "checksum" timeout 60 $peal predict m.safetensors t.csv --out p.csv --quiet || true
mv m.safetensors.old m.safetensors
change m.safetensors 'red' 'rad'
expect 3 "m.safetensors is damaged" timeout 60 $peal predict m.safetensors t.csv --out p.csv --quiet
mv m.safetensors.old m.safetensors
change m.safetensors 'xxh3' 'xxh4'
expect 3 "has no checksum" timeout 60 $peal predict m.safetensors t.csv --out p.csv --quiet
mv m.safetensors.old m.safetensors
change m.safetensors '"version":"3"' '"version":"2"'
expect 3 "make it again" timeout 60 $peal predict m.safetensors t.csv --out p.csv --quiet
mv m.safetensors.old m.safetensors

change t.ds/manifest.json 'red' 'rad'
mv t.ds/manifest.json.old keep
expect 3 "manifest.json is damaged" timeout 60 $peal train t.ds --out n.safetensors --quiet
mv keep t.ds/manifest.json
digits=$(grep -oE '"xxh3": "[0-9a-f]*[a-f][0-9a-f]*"' t.ds/manifest.json | sed -n 1p)
change t.ds/manifest.json "$digits" "\"xxh3\": $(sed 's/"xxh3": //' <<<"$digits" | tr a-f A-F)"
mv t.ds/manifest.json.old keep
expect 3 "manifest.json is damaged" timeout 60 $peal train t.ds --out n.safetensors --quiet
mv keep t.ds/manifest.json

# The newest checkpoint is named and the one before it used.
newest=run/checkpoint-000002.safetensors
change "$newest" 'best_epoch' 'best_epoqh'
rm "$newest.old"
expect 0 "$newest is damaged" timeout 60 $peal train t.ds --model logistic --partitions 1 --epochs 2 --checkpoint-seconds 0 \
    --run-dir run --resume --out n.safetensors
cmp m.safetensors n.safetensors
