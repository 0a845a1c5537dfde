#!/usr/bin/env bash
# A label of very many classes is questioned, one of far too many is an error, and a column of which not all texts are
# kept is named.
source tests/lib.sh

# classes FILE ROWS CLASSES
classes() {
    awk -v rows="$2" -v classes="$3" 'BEGIN {
        print "x,label"
        for (i = 0; i < rows; i++) printf "%d,name-%d\n", i % 10, i % classes
    }' >"$1"
}

classes some.csv 300 100
"$peal" etl some.csv --label label --out d 2>err.txt
if grep -q "is it a number" err.txt; then fail "100 classes in 300 rows were questioned"; fi

classes half.csv 60 40
expect 0 "label label: 40 classes in 60 rows; is it a number (--task regress) or an identifier?" \
    "$peal" etl half.csv --label label --out d
classes many.csv 3000 1001
expect 0 "label label: 1001 classes in 3000 rows" "$peal" etl many.csv --label label --out d
classes most.csv 65536 65536
expect 0 "65536 classes" "$peal" etl most.csv --label label --out d
classes too-many.csv 65537 65537
expect 3 "the label 'label' has 65537 classes, more than 65536: is it a number (--task regress) or an identifier?" \
    "$peal" etl too-many.csv --label label --out e
[ ! -e e ] || fail "a dataset of too many classes was made"

expect 0 "column label: 100 distinct texts, the 30 most frequent are kept (max_values)" \
    "$peal" etl some.csv --transform index:columns=label,max_values=30 --out d
expect 2 "'max_values' must be a whole number from 1 to" "$peal" etl some.csv --transform index:columns=label,max_values=0 --out d
echo ok
