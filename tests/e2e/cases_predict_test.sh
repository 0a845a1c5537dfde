#!/usr/bin/env bash
# Cases from the field, fourth part: what a model is given to predict from.
source tests/lib.sh
source "$root/tests/cases.sh"

# A model of the columns a, b (numbers) and c (red, green, blue), and what it predicts for five plain rows.
base=$cases/18_site_a_daily.csv
plain=$cases/33b_pred_same.csv
$peal train "$base" --label y --model logistic --epochs 40 --out base.safetensors --quiet
$peal predict base.safetensors "$plain" --quiet >plain.txt
[ "$(head -n 1 plain.txt)" = "prediction,p_0,p_1" ] && [ "$(wc -l <plain.txt)" = 6 ]

base() { # base SOURCE OPTION...: predicts with that model
    cp "$work/base.safetensors" m.safetensors
    predict "$@"
}

same_as_plain() { # the predictions of the five rows
    well
    cmp -s out.txt "$work/plain.txt" || wrong "other predictions: $(diff out.txt "$work/plain.txt" | head -n 4)"
}

same() { # same ROW ROW: have one prediction
    [ "$(predicted "$1" 1-3)" = "$(predicted "$2" 1-3)" ] || wrong "row $1 is $(predicted "$1" 1-3), row $2 $(predicted "$2" 1-3)"
}

# vowpal_wabbit#651: values beyond all that was learnt: as the largest that was learnt, no further, or a bad row.
case_14e() {
    local least most
    quick "$cases/14_inf.csv" --label y --model logistic --null inf --null=-Infinity
    least=$(awk -F, 'NR > 1 && $1 !~ /[iI]nf/ { if (n++ == 0 || $1 < v) v = $1 } END { print v }' "$cases/14_inf.csv")
    most=$(awk -F, 'NR > 1 && $1 !~ /[iI]nf/ { if (n++ == 0 || $1 > v) v = $1 } END { print v }' "$cases/14_inf.csv")
    printf 'x,b\n%s,0\n%s,0\n50,0\n,0\n' "$least" "$most" >range.csv
    predict range.csv
    well
    local low high missing
    low=$(predicted 1 3) high=$(predicted 2 3) missing=$(predicted 4 3)
    predict "$cases/14e_pred_huge.csv"
    if [ "$code" != 0 ]; then
        refused '14e_pred_huge\.csv' 'line [23]' '\bx\b'
        return
    fi
    lines 5
    awk -v low="$low" -v high="$high" -v missing="$missing" -F, 'NR == 2 || NR == 3 {
            least = low < high ? low : high; most = low < high ? high : low
            if ($3 !~ /^[0-9.e-]+$/ || $3 < least - 1e-6 || $3 > most + 1e-6) exit 1
            if (($3 - high) ^ 2 > ($3 - missing) ^ 2) exit 1 }' out.txt ||
        wrong "p is $(predicted 1 3) and $(predicted 2 3); at the largest value learnt it is $high, where it is missing $missing"
}

# xgboost#8357, #2857: another order of columns, and one that was not learnt.
case_33() {
    base "$cases/33_pred_order.csv"
    same_as_plain
}

# xgboost#2857: gzip data on standard input.
case_33b() {
    cp "$work/base.safetensors" m.safetensors
    gzip -c "$plain" >plain.gz
    run "$peal" predict m.safetensors - <plain.gz
    same_as_plain
}

# polars#2686: a file without a header.
case_33c() {
    base "$cases/33c_pred_nohead.csv" --header no
    same_as_plain
}

# polars#2686: an empty batch: a header and no rows come out.
case_33d() {
    base "$cases/33d_pred_header_only.csv"
    well
    cmp -s out.txt <(head -n 1 "$work/plain.txt") || wrong "the output is $(head -n 3 out.txt)"
}

# healthcareai-py#276, datatable#3261: one bad row of five: its line of the output is empty, so that the others stay in place.
case_33e() {
    local mode row
    base "$cases/33e_pred_bad.csv"
    refused '33e_pred_bad\.csv' 'line 4' "'oops'"
    for mode in drop quarantine; do
        base "$cases/33e_pred_bad.csv" --on-bad-row $mode --out predictions.csv
        well
        cp predictions.csv out.txt
        lines 6
        [ -z "$(predicted 3 | tr -d '"')" ] || wrong "row 3 is $(predicted 3 1-3)"
        for row in 1 2 4 5; do
            [ "$(predicted $row 1-3)" = "$(sed -n $((row + 1))p "$work/plain.txt")" ] || wrong "row $row is $(predicted $row 1-3)"
        done
    done
    [ -e predictions.csv.quarantine.jsonl ] || wrong "there is no predictions.csv.quarantine.jsonl but: $(ls)"
    [ "$(grep -c oops predictions.csv.quarantine.jsonl) of $(wc -l <predictions.csv.quarantine.jsonl)" = "1 of 1" ] ||
        wrong "the quarantine holds $(cat predictions.csv.quarantine.jsonl)"
}

# The same to standard output: where the bad row went is told.
case_33n() {
    base "$cases/33e_pred_bad.csv" --on-bad-row drop
    well
    lines 6
    [ -z "$(predicted 3 | tr -d '"')" ] || wrong "row 3 is $(predicted 3 1-3)"
    told 'line 4|1 dropped'
}

# LightGBM#1936, #804: a category that was not learnt is as a missing one, and counted; all may be missing.
case_33f() {
    base "$cases/33f_pred_unseen.csv"
    well
    lines 5
    same 1 2
    [ "$(predicted 2 3)" != "$(predicted 3 3)" ] || wrong "a missing category is as red"
    [ -n "$(predicted 4 3)" ] || wrong "a row with two missing values has no prediction"
    told 'warning' '\b1\b' "\bc\b"
}

# A label among the rows to predict, that is no class: it is not looked at.
case_33h() {
    base "$cases/33h_pred_labelbad.csv"
    well
    lines 4
    printf 'a,b,c\n50,0,red\n50,0,blue\n50,0,green\n' >clean.csv
    cp out.txt first.txt
    base clean.csv
    cmp -s out.txt first.txt || wrong "the label changes the predictions: $(diff out.txt first.txt | head -n 2)"
}

# A label that cannot be read, of a number, of classes that are numbers and of classes: a prediction does not read it, an
# evaluation does.
case_33u() {
    local how format
    awk 'BEGIN { srand(2); print "a,b,n,k,c"; for (i = 0; i < 200; i++) { a = rand(); b = rand()
        printf "%.3f,%.3f,%.4f,%d,%s\n", a, b, 3 * a - b + 0.1 * rand(), (a > b), (a > b) ? "yes" : "no" } }' >rows.csv
    printf 'a,b,label\n0.1,0.2,?\n0.3,0.4,unknown\n0.5,0.6,\n0.7,0.8,NA\n0.9,0.1,\xff\n' >rubbish.csv
    cut -d, -f1,2 rubbish.csv >bare.csv
    printf '{"a": 0.1, "b": 0.2, "label": [1]}\n{"a": 0.3, "b": 0.4, "label": {"x": 2}}\n{"a": 0.5, "b": 0.6}\n' >rubbish.jsonl
    printf '{"a": 0.7, "b": 0.8, "label": "NA"}\n{"a": 0.9, "b": 0.1, "label": null}\n' >>rubbish.jsonl
    for how in 'n regress linear' 'k classify logistic' 'c classify logistic'; do
        # shellcheck disable=SC2086
        set -- $how
        rm -f m.safetensors
        cut -d, -f1,2,$(($(expr index nkc "$1") + 2)) rows.csv | sed "1s/,[nkc]$/,label/" >in.csv
        quick in.csv --label label --task "$2" --model "$3"
        predict bare.csv
        well
        lines 6
        cp out.txt first.txt
        for format in csv jsonl; do
            predict rubbish.$format
            well
            cmp -s out.txt first.txt || wrong "$1: the label of $format changes the predictions: $(diff out.txt first.txt | head -n 2)"
            told '5 in = 5 used'
        done
        run "$peal" eval m.safetensors rubbish.csv
        [ "$code" = 3 ] || wrong "$1: an evaluation does without labels"
    done
}

# The last line has no end.
case_33j() {
    base "$cases/33j_norow_nl.csv"
    well
    lines 2
    cp out.txt first.txt
    printf 'a,b,c\n50,0,red\n' >clean.csv
    base clean.csv
    cmp -s out.txt first.txt || wrong "$(tail -n 1 first.txt) without, $(tail -n 1 out.txt) with the end of the last line"
}

# polars#2686: the delimiter is another than at training: found, and taken as an option; at evaluation too.
case_33k() {
    base "$cases/33k_pred_semicolon.csv"
    same_as_plain
    base "$cases/33k_pred_semicolon.csv" --delimiter ';'
    same_as_plain
    tr , '\t' <"$plain" >tabs.csv
    base tabs.csv
    same_as_plain
    tr , '|' <"$plain" >bars.csv
    base bars.csv --delimiter '|'
    same_as_plain
    tr , ';' <"$base" >labelled.csv
    near "$(metric accuracy labelled.csv --delimiter ';')" "$(metric accuracy "$base")" 1e-9 || wrong "another accuracy with semicolons"
}

# Blanks around fields, at prediction only.
case_33l() {
    base "$cases/33l_pred_blanks.csv" --trim
    well
    lines 2
    cp out.txt first.txt
    printf 'a,b,c\n50,0,red\n' >clean.csv
    base clean.csv
    cmp -s out.txt first.txt || wrong "$(tail -n 1 first.txt) with, $(tail -n 1 out.txt) without blanks"
}

# Spellings of what is missing, at prediction only: named, or the usual ones.
case_33m() {
    base "$cases/33m_pred_nan.csv" --null nan --null NA
    well
    lines 4
    same 1 3
    same 2 3
    base "$cases/33m_pred_nan.csv"
    well
    same 1 3
    same 2 3
}

# A model of a column k of numbers that are categories, and a number b.
categories() {
    awk 'BEGIN { print "k,b,y"; for (i = 0; i < 60; i++) print (i % 2 + 1) "," (i % 7) "," ((i % 2 + i % 5 > 2) ? "p" : "n") }' >codes.csv
    quick codes.csv --label y --model logistic --type k=text
}

# LightGBM#2761: learnt as 1, given as 1.0.
case_59() {
    categories
    predict "$cases/59_pred_cat_float.csv"
    well
    lines 5
    same 1 2
    same 3 4
    [ "$(predicted 1 2)" != "$(predicted 3 2)" ] || wrong "the categories 1 and 2 are the same"
    silent warning
}

# What was not learnt is counted.
case_59b() {
    categories
    printf 'k,b\n1,0\n3,0\n4,0\n2,0\n' >unknown.csv
    predict unknown.csv
    well
    told 'warning' '\b2\b' '\bk\b'
}

# vowpal_wabbit#2832: rows come on a pipe over time; each is answered before the next.
case_S1() {
    local line=
    cp "$work/base.safetensors" m.safetensors
    mkfifo in out
    "$peal" predict m.safetensors - <in >out 2>err.txt &
    local job=$!
    exec 7>in 8<out
    printf 'a,b,c\n62.88,1.449,red\n' >&7
    read -r -t 5 -u 8 line || wrong "nothing comes out within 5 s of the first row"
    [ "$line" = "$(sed -n 1p "$work/plain.txt")" ] || wrong "the first line is $line"
    read -r -t 5 -u 8 line || wrong "no prediction comes out within 5 s of the first row"
    [ "$line" = "$(sed -n 2p "$work/plain.txt")" ] || wrong "the first prediction is $line"
    printf '61.69,-1.38,red\n' >&7
    read -r -t 5 -u 8 line || wrong "no prediction comes out within 5 s of the second row"
    [ "$line" = "$(sed -n 3p "$work/plain.txt")" ] || wrong "the second prediction is $line"
    exec 7>&-
    ! read -r -t 5 -u 8 line || wrong "after the last row comes $line"
    wait $job || wrong "exit code $? at the end of the rows"
}

run_cases "$@"
