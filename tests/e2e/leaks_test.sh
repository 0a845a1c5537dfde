#!/usr/bin/env bash
# Columns that give the label away are named, whatever way they do, and no other column is.
source tests/lib.sh

awk 'BEGIN { srand(7); print "a,b,refund,status,churn" > "classes.csv"; print "a,b,cents,price" > "numbers.csv"
    for (i = 0; i < 1500; i++) {
        a = rand() * 4 - 2; b = substr("pqrs", int(rand() * 4) + 1, 1); y = a + (b == "p") + rand() > 1; v = 3 * a + 2 * (b == "q") + rand()
        printf "%.4f,%s,%.2f,%s,%s\n", a, b, y ? 5 + 85 * rand() : 0, y ? "closed" : "open", y ? "yes" : "no" > "classes.csv"
        printf "%.4f,%s,%d,%.4f\n", a, b, v * 100, v > "numbers.csv" } }'

warned() { # warned WORDS SOURCE OPTION...
    $peal train "${@:2}" --model "${model:-linear}" --epochs 3 --out m.st 2>err.txt
    grep -F "warning: $1" err.txt || fail "'$1' is not said: $(cat err.txt)"
}

silent() { # silent SOURCE OPTION...
    $peal train "$@" --model "${model:-linear}" --epochs 3 --out m.st 2>err.txt
    ! grep -q "the label: if it is known only" err.txt || fail "$(cat err.txt)"
}

warned "the column 'cents' alone tells the label" numbers.csv --label price
silent numbers.csv --label price --drop cents
# All that is left tells the label: nothing else to learn from, so nothing to say.
silent numbers.csv --label price --drop a --drop b
model=logistic
warned "each of the columns 'refund' and 'status' tells the label" classes.csv --label churn
warned "the column 'status' alone tells the label" classes.csv --label churn --drop refund
warned "the column 'status' alone tells the label" classes.csv --label churn --drop refund --transform onehot:columns=status,max_values=1
silent classes.csv --label churn --drop refund --drop status
# A class of one row in twenty is told as well; too few rows tell nothing.
awk -F, 'NR == 1 || $5 == "no" || ++n <= 40' classes.csv >rare.csv
warned "the column 'status' alone tells the label" rare.csv --label churn --drop refund
head -n 40 classes.csv >few.csv
silent few.csv --label churn
model=mlp:hidden=8
silent "$data/digits/train-*.csv.gz" --label digit
