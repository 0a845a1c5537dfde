#!/usr/bin/env bash
# A vocabulary of non-ASCII texts takes about the room of its texts, and a model that no reader would take is refused before the training.
source tests/lib.sh

# 60,000 distinct texts of 20 characters of 3 bytes: 3.6 MB.
awk 'BEGIN {
    print "c,y"
    for (i = 0; i < 60000; i++) {
        text = sprintf("%06d", i)
        for (j = 0; j < 20; j++) text = text "\344\270\226"
        print text "," (i % 2 ? "a" : "b")
    }
}' >texts.csv
$peal etl texts.csv --label y --transform index:columns=c --out texts.ds --quiet
$peal train texts.ds --model logistic --epochs 1 --out m.safetensors --quiet
size=$(stat -c %s m.safetensors)
[ "$size" -lt 6000000 ] || fail "the model has $size bytes"
$peal predict m.safetensors texts.csv --out p.csv --quiet
[ "$(wc -l <p.csv)" = 60001 ] || fail "there are $(wc -l <p.csv) lines"

# Over 100 MB of texts, in 200 that are long.
awk 'BEGIN {
    print "c,y"
    for (part = "xxxxxxxxxx"; length(part) < 350000;) part = part part
    for (i = 0; i < 200; i++) print i part "," (i % 2 ? "a" : "b")
}' >long.csv
$peal etl long.csv --label y --transform index:columns=c --out long.ds --quiet
expect 2 "that of column 'c' has 200 values" timeout 200 $peal train long.ds --model logistic --epochs 100000 --out l.safetensors --quiet
[ ! -e l.safetensors ] || fail "a model was written"
