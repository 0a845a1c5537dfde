#!/usr/bin/env bash
# Each transform from raw rows to predictions: what the dataset holds, and that raw rows and the dataset give the same metrics.
source tests/lib.sh

# same SOURCE NAME...: eval of m.st on the dataset ds and on raw rows agree in all their words.
same() {
    $peal eval m.st ds --json 2>/dev/null | grep -oE '"metrics".*' >dataset.txt
    $peal eval m.st "$1" --json 2>/dev/null | grep -oE '"metrics".*' >raw.txt
    [ -s raw.txt ] && cmp dataset.txt raw.txt || fail "raw rows differ from the dataset: $(cat dataset.txt raw.txt)"
}

# steps COLUMN STEPS: what is done to a column, as the notes of the last run in err.txt tell.
steps() {
    grep -qE "^column $1 +[a-z]+ +$2\$" err.txt || fail "not '$2' but: $(grep "^column $1 " err.txt)"
}

# A text step leaves numbers: they are read behind it, in the label, too.
awk 'BEGIN { print "id,area,income,price"; for (i = 0; i < 400; i++) { a = i % 37 + 1; n = i * 7919 % 1000
    printf "%d,%d,\"%d,%03d\",\"%d,%03d\"\n", i, a, 1 + i % 9, n, 100 + a, n } }' >thousands.csv
cat >job.yaml <<END
sources: thousands.csv
label: price
drop: id
transforms:
  - {transform: replace, columns: [income, price], find: ","}
END
$peal etl --job job.yaml --out ds --threads 1 2>err.txt
steps income 'replace number impute standardize'
steps price 'replace number label'
$peal train ds --model linear --epochs 20 --out m.st --quiet
same thousands.csv
[ "$($peal predict m.st thousands.csv 2>/dev/null | wc -l)" = 401 ] || fail "predictions of raw rows"
cp ds/train-00000.arrow first.arrow
$peal etl --job job.yaml --out ds --threads 3 --quiet
cmp first.arrow ds/train-00000.arrow || fail "threads change the bits"

# The same by a step that reads them; what is no number is missing, and is told of.
sed '10s/"[0-9]*,[0-9]*",/oops,/; 20s/"[0-9]*,[0-9]*",/n.a.,/' thousands.csv >odd.csv
$peal etl odd.csv --label price --drop id --transform number:columns=income,thousands=, \
    --transform number:columns=price,thousands=, --out ds 2>err.txt
steps income 'number impute standardize'
grep -q "warning: column income: 1 value is no number, as 'oops', and counts for missing" err.txt || fail "$(cat err.txt)"
grep -q "column income: 1 value (n.a.) is taken for missing" err.txt || fail "$(cat err.txt)"
$peal train ds --model linear --epochs 20 --out m.st --quiet
same odd.csv
expect 0 "1 value (the first of column 'income': 'oops') is not known to the model" $peal predict m.st odd.csv
expect 2 "cannot be both" $peal etl odd.csv --transform number:columns=income,thousands=. --out no

# Hashed texts: a plain column of codes; a text that was never seen has one, too.
awk 'BEGIN { print "user,zip,y"; for (i = 0; i < 600; i++) { u = i * 7919 % 53
    printf "%s,%05d,%s\n", i % 29 ? "u" u : "", 1000 + i % 7, u % 2 ? "yes" : "no" } }' >users.csv
$peal etl users.csv --label y --transform hash:columns=user,bits=10,seed=5 --transform hash:columns=zip,bits=4 --out ds 2>err.txt
steps user hash
steps zip hash
$peal inspect ds/train-00000.arrow --json | grep -q '"name": "user", "type": "uint16"' || fail "$($peal inspect ds/train-00000.arrow --json)"
$peal train ds --model logistic --epochs 40 --out m.st --quiet
same users.csv
# From whatever format the texts come, and from whichever block.
cp ds/train-00000.arrow first.arrow
hashed="--label y --transform hash:columns=user,bits=10,seed=5 --transform hash:columns=zip,bits=4 --quiet"
awk -F, 'NR > 1 { printf "{\"user\": \"%s\", \"zip\": \"%s\", \"y\": \"%s\"}\n", $1, $2, $3 }' users.csv >users.jsonl
$peal etl users.csv --transform keep:columns=user+zip+y --out texts --quiet
for source in users.jsonl texts/train-00000.arrow users.csv; do
    $peal etl $source $hashed --out ds --threads 3
    cmp first.arrow ds/train-00000.arrow || fail "hashed texts of $source are others"
done
printf 'user,y\nu1,a\n\xff\xfe,b\nu2,a\n' >bytes.csv
expect 3 "line 3: column 'user': byte 0xff of its text is not UTF-8" $peal etl bytes.csv --label y --transform hash:columns=user --out no
[ "$($peal eval m.st ds --json 2>/dev/null | grep -oE '"accuracy": 0.9[0-9]*|"accuracy": 1')" ] || fail "$($peal eval m.st ds)"
printf 'user,zip\nnobody,77777\n,\n' >new.csv
expect 0 "2 used" $peal predict m.st new.csv
expect 2 "'bits' must be a whole number from 1 to 30" $peal etl users.csv --transform hash:columns=user,bits=40 --out no

# A number that stands for a missing one is missing in prediction, too. A file of LightGBM has no word for that.
awk 'BEGIN { srand(3); print "a,y"; for (i = 0; i < 600; i++) { a = int(rand() * 80); print (i % 10 ? a : -999) "," (a > 40 ? "yes" : "no") } }' >gaps.csv
$peal etl gaps.csv --label y --out ds 2>err.txt
$peal train ds --model trees:rounds=10 --out gaps.st --quiet 2>/dev/null
grep -q "column a: 60 rows have -999, far from all others (0 to 79), and count for missing" err.txt || fail "$(cat err.txt)"
$peal predict gaps.st <(printf 'a\n-999\n-999.0\n') --quiet | sed 1d >given.csv
$peal predict gaps.st <(printf 'a,b\n,1\n,1\n') --quiet 2>/dev/null | sed 1d >empty.csv
cmp given.csv empty.csv && [ "$(wc -l <given.csv)" = 2 ] || fail "-999 is $(cat given.csv), nothing $(cat empty.csv)"
expect 2 "stands for a missing one" $peal export gaps.st --to lightgbm --out trees.txt

# Words of texts, and a signed hash: sparse features beside the others. What is kept stands in the dataset as it was written,
# is not asked for in prediction, and changes no model.
awk 'BEGIN { print "id,review,user,n,y"; split("good,great,fine,bad,awful,poor", w, ",")
    for (i = 0; i < 900; i++) { a = w[i * 7919 % 3 + 1]; b = w[i * 7919 % 3 + 4]; u = i * 31 % 41; y = (i * 104729 % 7 < 4)
    printf "00100000000%09d,\"%s, %s %s!\",%s,%d,%s\n", i, y ? toupper(a) : b, "thing" i, y ? a : b, i % 30 ? "u" u : "", i % 13, y ? "yes" : "no" } }' >reviews.csv
kept="--transform keep:columns=id" words="--transform tokens:columns=review,most=2,bits=12 --transform hash:columns=user,bits=6,signed=yes"
$peal etl reviews.csv --label y $kept $words --out ds --threads 1 2>err.txt
steps id keep
steps review tokens
steps user hash
$peal inspect ds/train-00000.arrow --json >shard.json
for what in '"name": "indices", "type": "uint32"' '"name": "values", "type": "float32"' '"name": "id", "type": "utf8"'; do
    grep -q "$what" shard.json || fail "no $what in $(cat shard.json)"
done
grep -aq 00100000000000000000 ds/train-00000.arrow || fail "the kept column lost digits"
$peal train ds --model logistic --epochs 10 --out m.st --quiet
same reviews.csv
[ "$($peal eval m.st ds --json 2>/dev/null | grep -oE '"accuracy": 1')" ] || fail "$($peal eval m.st ds)"
cut -d, -f2- reviews.csv >keyless.csv
$peal predict m.st reviews.csv >with.csv 2>/dev/null
$peal predict m.st keyless.csv >without.csv 2>/dev/null
[ "$(wc -l <with.csv)" = 901 ] && cmp with.csv without.csv || fail "predictions without the kept column"
# Trees take them, too, and tell what they split by; LightGBM's file has no such columns.
$peal train ds --model trees:rounds=30 --out trees.st --quiet
[ "$($peal eval trees.st ds --json 2>/dev/null | grep -oE '"accuracy": 1')" ] || fail "$($peal eval trees.st ds)"
$peal inspect trees.st --tree 1 | grep -qE '^(review|user)\[[0-9]+\] <= -?[0-9.]+ \(gain' || fail "$($peal inspect trees.st --tree 1)"
expect 2 "its features are sparse" $peal export trees.st --to lightgbm --out trees.txt
cp ds/train-00000.arrow first.arrow
$peal etl reviews.csv --label y $kept $words --out ds --threads 3 --quiet
cmp first.arrow ds/train-00000.arrow || fail "threads change the bits of texts"
cp m.st first.st
$peal train reviews.csv --label y --drop id $words --model logistic --epochs 10 --out m.st --quiet
$peal predict m.st keyless.csv 2>/dev/null | cmp - with.csv || fail "what is kept changes the model"
expect 2 "tokens: its columns must be named" $peal etl reviews.csv --transform tokens --out no
expect 2 "'by' must be words, chars or chars-in-words, not 'word'" $peal etl reviews.csv --transform tokens:columns=review,by=word --out no
expect 2 "'most' must be a whole number from 4 to 16" $peal etl reviews.csv --transform tokens:columns=review,least=4,most=3 --out no
expect 2 "nothing can follow 'keep'" $peal etl reviews.csv $kept --transform index:columns=id --out no
expect 2 "'keep' cannot be applied to the label" $peal etl reviews.csv --label y --transform keep:columns=y --out no
# A key alone is a dataset, too.
$peal etl reviews.csv $kept --drop review --drop user --drop n --drop y --out ds --quiet
$peal inspect ds/train-00000.arrow --json | grep -q '"columns": \[{"name": "id", "type": "utf8"}\]' || fail "a dataset of a key alone"

# Dates become features; the order of 13/01/2024 is that of all values, and what is no date is missing.
awk 'BEGIN { print "when,stamp,us,y"; for (i = 0; i < 900; i++) { d = i % 28 + 1; m = int(i / 28) % 12 + 1; h = i * 7 % 24
    w = i == 5 ? "soon" : i == 6 ? "" : sprintf("%02d/%02d/%d", d, m, 2020 + int(i / 336))
    printf "%s,%d-%02d-%02dT%02d:30:00%s,%02d.%02d.2021,%d\n", w, 2020 + int(i / 336), m, d, h, i % 2 ? "Z" : "+01:00", d, m, m * 10 + h } }' >dates.csv
$peal etl dates.csv --label y --out ds --threads 1 2>err.txt
steps when date
steps stamp date
steps us date
grep -q "column when: its texts are dates and become features" err.txt || fail "$(cat err.txt)"
grep -q "warning: column when: 1 value is no date, as 'soon', and counts for missing" err.txt || fail "$(cat err.txt)"
grep -q '"first": "day"' ds/manifest.json || fail "the order of dates: $(grep first ds/manifest.json)"
grep -q '"parts": "year+month+day+weekday+hour+time"' ds/manifest.json || fail "parts: $(grep parts ds/manifest.json)"
$peal train ds --model linear --epochs 30 --out m.st --quiet
same dates.csv
cp ds/train-00000.arrow first.arrow
$peal etl dates.csv --label y --out ds --threads 3 --quiet
cmp first.arrow ds/train-00000.arrow || fail "threads change the bits of dates"
expect 0 "3 used" $peal predict m.st - <<<$'when,stamp,us\n31/12/2021,2021-12-31 10:00,31.12.2021\nnever,,\n,2021-12-31,01.01.2021'
grep -q "1 value (the first of column 'when': 'never') is not known" err.txt || fail "$(cat err.txt)"
# Both orders fit: said, and taken month first. A format and parts can be given.
awk 'BEGIN { print "d,t,y"; for (i = 0; i < 60; i++) printf "%02d/%02d/2024,%d %s 2023,%d\n", i % 9 + 1, i % 7 + 1, i % 28 + 1, i % 2 ? "Mar" : "June", i % 2 }' >both.csv
$peal etl both.csv --label y --transform 'date:columns=t,format=%d %b %Y,parts=month+day' --out ds 2>err.txt
grep -q "column d: its dates fit both orders and are read month first (first=day for the other)" err.txt || fail "$(cat err.txt)"
grep -q '"parts": "month+day"' ds/manifest.json || fail "parts"
$peal train ds --model logistic --epochs 20 --out m.st --quiet
same both.csv
expect 2 "has '%K'" $peal etl both.csv --transform 'date:columns=t,format=%K' --out no
expect 2 "did you mean 'month'" $peal etl both.csv --transform 'date:columns=t,parts=year+mont' --out no
expect 3 "not one of its values is a date, as '" $peal etl both.csv --label y --transform 'date:columns=t,format=%H:%M' --out no

# Levels: what is fitted behind a clip or a logarithm, or on a histogram, sees what comes out of the steps before it.
awk 'BEGIN { print "a,b,c,d,y"; for (i = 0; i < 5000; i++) { r = (i * 7919) % 5003; v = r < 4990 ? r / 10 : 1e6
    printf "%s,%g,\"%d,%03d\",%d,%d\n", i % 50 ? v : "", r - 2500, 1 + r % 9, r % 1000, r % 3, (r > 2500) } }' >levels.csv
cat >levels.yaml <<END
sources: levels.csv
label: y
transforms:
  - {transform: clip, columns: a, quantile: 0.01}
  - {transform: log1p, columns: [a, b]}
  - {transform: standardize, columns: [a, b]}
  - {transform: replace, columns: c, find: ","}
  - {transform: bucketize, columns: [c], buckets: 8}
  - {transform: bucketize, columns: [d]}
  - {transform: split, valid: 0.2}
END
$peal etl --job levels.yaml --out ds --threads 1 2>err.txt
steps a 'impute clip log1p standardize'
steps b 'log1p impute standardize'
steps c 'replace number bucketize'
steps d bucketize
$peal inspect ds/train-00000.arrow --json | grep -q '"name": "c", "type": "uint8"' || fail "$($peal inspect ds/train-00000.arrow --json)"
cp ds/train-00000.arrow first.arrow
cp ds/manifest.json first.json
for threads in 2 5; do
    $peal etl --job levels.yaml --out ds --threads $threads --quiet
    cmp first.arrow ds/train-00000.arrow || fail "$threads threads change the bits of levels"
done
sed 's/  - {transform: split.*//' levels.yaml >whole.yaml
$peal etl --job whole.yaml --out ds --threads 3 --quiet
$peal train ds --model logistic --epochs 20 --out m.st --quiet
same levels.csv
expect 2 "'to' must be number, text or bool" $peal etl levels.csv --transform cast:columns=a,to=date --out no
expect 2 "must be given" $peal etl levels.csv --transform clip:columns=a --out no
expect 2 "'buckets' must be a whole number" $peal etl levels.csv --transform bucketize:columns=a,buckets=1 --out no
expect 2 "'bucketize' cannot be applied to the label" $peal etl levels.csv --label y --task regress --transform bucketize:columns=y --out no
$peal etl levels.csv --label y --transform cast:columns=d,to=text --transform onehot:columns=d --out ds 2>err.txt
steps d onehot
# The default pipeline makes no further pass.
$peal etl levels.csv --label y --out ds 2>err.txt
steps a 'impute standardize'

echo ok
