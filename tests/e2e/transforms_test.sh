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
expect 0 "1 value (the first of column 'income') is not known to the model" $peal predict m.st odd.csv
expect 2 "cannot be both" $peal etl odd.csv --transform number:columns=income,thousands=. --out no

# Hashed texts: a plain column of codes; a text that was never seen has one, too.
awk 'BEGIN { print "user,zip,y"; for (i = 0; i < 600; i++) { u = i * 7919 % 53
    printf "%s,%05d,%s\n", i % 29 ? "u" u : "", 1000 + i % 7, u % 2 ? "yes" : "no" } }' >users.csv
$peal etl users.csv --label y --transform hash:columns=user,bits=10,seed=5 --transform hash:columns=zip,bits=4 --out ds 2>err.txt
steps user hash
steps zip hash
$peal inspect ds/train-00000.arrow --json | grep -q '"name": "user", "type": "int32"' || fail "$($peal inspect ds/train-00000.arrow --json)"
$peal train ds --model logistic --epochs 40 --out m.st --quiet
same users.csv
[ "$($peal eval m.st ds --json 2>/dev/null | grep -oE '"accuracy": 0.9[0-9]*|"accuracy": 1')" ] || fail "$($peal eval m.st ds)"
printf 'user,zip\nnobody,77777\n,\n' >new.csv
expect 0 "2 used" $peal predict m.st new.csv
expect 2 "'bits' must be a whole number from 1 to 30" $peal etl users.csv --transform hash:columns=user,bits=40 --out no

echo ok
