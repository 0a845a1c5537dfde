#!/usr/bin/env bash
# Cases from the field, third part: labels. What is missing, what is a number, what a class is called.
source tests/lib.sh
source "$root/tests/cases.sh"

# xgboost, pandas int to float: 0/1 and 0.0/1.0 in one label are the same classes.
case_06() {
    etl "$cases/06_label_float.csv" --label y
    well
    rows 300 300
    [ "$(values y | wc -l)" = 2 ] || wrong "y has $(values y | wc -l) classes: $(values y | tr '\n' ' ')"
    silent warning
}

# pandas int to float: learnt as 0/1, evaluated as 0.0/1.0.
case_06b() {
    quick "$cases/06b_train_int.csv" --label y --model logistic
    metric_least accuracy 0.6 "$cases/06c_eval_float.csv"
    [ "$(json out.txt unknown_labels)" = 0 ] || wrong "$(json out.txt unknown_labels) labels are unknown"
}

# readings OPTION...: what the table with decimal commas holds.
readings() {
    etl "$cases/07_decimal_comma.csv" --label price "$@"
    well
    rows 300 300
    tr , . <"$cases/07_decimal_comma.csv" >points.csv
    mean area "$(average 1 ';' <points.csv)"
    mean rooms "$(average 2 ';' <points.csv)"
    label_number price "$(average 3 ';' <points.csv)"
}

# polars#6698, CSV.jl#1185: semicolons and decimal commas, also in the label.
case_07() { readings --decimal ,; }

# Without the option a regression is refused, with the line and the option (or the commas are found).
case_07b() {
    train "$cases/07_decimal_comma.csv" --label price --task regress --model linear --epochs 5
    if [ "$code" = 0 ]; then
        readings --task regress
    else
        refused 'price' 'line [0-9]+' '--(decimal|number|type)'
        told_line_of "$cases/07_decimal_comma.csv" ,
    fi
}

# With nothing said, 299 classes of 300 rows are warned of by name, with the option (or the commas are found).
case_07c() {
    etl "$cases/07_decimal_comma.csv" --label price
    if [ "$code" = 0 ] && grep -qF '"as": "number"' ds/manifest.json; then readings; else told 'price' '--(decimal|number|type)'; fi
}

# readr#799, duckdb#17220: commas between the thousands, also in the label.
case_08() {
    etl "$cases/08_thousands.csv" --label price --thousands ,
    well
    rows 300 300
    # Fields two and three are quoted: "47,893","350,824".
    sed 's/"\([0-9]*\),\([0-9]*\)"/\1\2/g; s/"//g' "$cases/08_thousands.csv" >plain.csv
    mean area "$(average 1 <plain.csv)"
    mean income "$(average 2 <plain.csv)"
    label_number price "$(average 3 <plain.csv)"
}
case_08b() {
    etl "$cases/08_thousands.csv" --label price --task regress
    well
    sed 's/"\([0-9]*\),\([0-9]*\)"/\1\2/g; s/"//g' "$cases/08_thousands.csv" >plain.csv
    mean income "$(average 2 <plain.csv)"
    label_number price "$(average 3 <plain.csv)"
}
case_08c() {
    etl "$cases/08_thousands.csv" --label price
    told 'price' '--(thousands|number|type)'
}

# Amounts with $ as the target: as with commas.
case_41() {
    etl "$cases/41_label_dollar.csv" --label price --task regress
    well
    tr -d '$' <"$cases/41_label_dollar.csv" >plain.csv
    label_number price "$(average "$(head -n 1 plain.csv | tr , '\n' | grep -n '^price$' | cut -d: -f1)" <plain.csv)"
}
case_41b() {
    etl "$cases/41_label_dollar.csv" --label price
    told 'price' '--(number|type|null|on-bad-row|currency)'
}

# A regression on texts that are nothing but texts.
case_41c() {
    awk 'BEGIN { print "x,y"; for (i = 0; i < 40; i++) print i "," (i % 2 ? "yes" : "no") }' >texts.csv
    train texts.csv --label y --task regress --model linear --epochs 5
    refused "'y'" 'line [0-9]+'
    told_line_of texts.csv '(yes|no)$'
}

# missing_label FILE LABEL REGEX: rows of which the label is missing (it matches) are named and can be left out.
missing_label() {
    local all missing
    all=$(awk 'END { print NR - 1 }' "$1")
    missing=$(count "$3" <"$1")
    etl "$1" --label "$2"
    refused "$(basename "$1")" "the label '$2' is missing" '--on-bad-row'
    told_line_of "$1" "$3"
    etl "$1" --label "$2" --on-bad-row drop
    well
    rows $((all - missing)) "$all"
}

# autogluon#2509: NaN in 10 % of the label: no third class.
case_40() {
    missing_label "$cases/40_label_nan.csv" y ',NaN$'
    [ "$(values y | wc -l)" = 2 ] || wrong "y has the classes $(values y | tr '\n' ' ')"
}

# xgboost#9747: NA in 12 % of a label of numbers: no classes.
case_40b() {
    missing_label "$cases/40b_label_nan_reg.csv" t ',NA$'
    label_number t "$(average 3 <"$cases/40b_label_nan_reg.csv")"
}

# NA among texts in the label.
case_40c() {
    missing_label "$cases/40c_label_na_text.csv" y ',NA$'
    has_values y no yes
}

# What is named as missing is missing in the label.
case_40d() {
    awk 'BEGIN { print "x,y"; for (i = 1; i <= 40; i++) print i "," (i % 8 == 0 ? -1 : i % 2) }' >codes.csv
    etl codes.csv --label y --null=-1 --on-bad-row drop
    well
    rows 35 40
    has_values y 0 1
    etl codes.csv --label y --null=-1
    refused 'line 9' "the label 'y' is missing"
}

# pu-learn#2: -1 and +1 are two classes.
case_27() {
    etl "$cases/27_neg.csv" --label y
    well
    rows 300 300
    [ "$(values y | tr '\n' ' ')" = "-1 1 " ] || has_values y +1 -1
}

# duckdb#15473: the target is sorted, and 0 for the first MB: all rows are looked at.
case_37() {
    awk 'BEGIN { print "a,t"; for (i = 0; i < 160000; i++)
        printf "%.6f,%s\n", (i * 7919 % 10007) / 1000, (i < 130000 ? "0" : sprintf("%.3f", (i - 130000) * 0.013 + 0.005)) }' >sorted.csv
    etl sorted.csv --label t
    well
    rows 160000 160000
    label_number t "$(average 2 <sorted.csv)"
}

# duckdb#15473: whole numbers below 16 for the first MB, up to 5,000 later.
case_49() {
    awk 'BEGIN { print "a,clicks"; for (i = 0; i < 160000; i++)
        printf "%.6f,%d\n", (i * 7919 % 10007) / 1000, (i * 31 % 4999) % (i < 140000 ? 16 : 5001) }' >counts.csv
    etl counts.csv --label clicks
    well
    label_number clicks "$(average 2 <counts.csv)"
}

# csvkit#977, readr#976: zip codes as classes keep their zeros.
case_62() {
    quick "$cases/62_label_zip.csv" --label zip --task classify --model softmax
    predict "$cases/62_label_zip.csv"
    well
    lines 91
    [ "$(head -n 1 out.txt)" = "prediction,p_01003,p_01009,p_90210" ] || wrong "the first line is $(head -n 1 out.txt)"
    ! cut -d, -f1 out.txt | sed 1d | grep -qvxE '01003|01009|90210' || wrong "a class is $(predicted 1)"
    metric_least accuracy 0.2 "$cases/62_label_zip.csv"
}

# Ids above 2^53 that differ by 1 are two classes.
case_62b() {
    quick "$cases/62b_label_bigid.csv" --label shop --task classify --model logistic
    predict "$cases/62b_label_bigid.csv"
    well
    [ "$(head -n 1 out.txt)" = "prediction,p_9007199254740992,p_9007199254740993" ] || wrong "the first line is $(head -n 1 out.txt)"
    metric_least accuracy 0.4 "$cases/62b_label_bigid.csv"
    [ "$(json out.txt unknown_labels)" = 0 ] || wrong "$(json out.txt unknown_labels) labels are unknown"
}

# Doses as classes: 0.1 is printed as 0.1.
case_62c() {
    quick "$cases/62c_label_decimal.csv" --label dose --task classify --model softmax
    predict "$cases/62c_label_decimal.csv"
    well
    [ "$(head -n 1 out.txt)" = "prediction,p_0.1,p_0.2,p_0.7" ] || wrong "the first line is $(head -n 1 out.txt)"
    ! cut -d, -f1 out.txt | sed 1d | grep -qvxE '0\.1|0\.2|0\.7' || wrong "a class is $(predicted 1)"
}

# `yes ` and ` no` beside `yes` and `no`: a warning (or the same classes).
case_57() {
    etl "$cases/57_label_blanks.csv" --label y
    [ "$(values y | wc -l)" = 2 ] || told 'warning' 'blank|space|--trim'
    etl "$cases/57_label_blanks.csv" --label y --trim
    well
    has_values y no yes
}

# The same with capital letters.
case_57b() {
    awk 'BEGIN { print "x,y"; for (i = 0; i < 60; i++) print i "," (i % 2 ? (i % 3 ? "yes" : "Yes") : (i % 5 ? "no" : "NO")) }' >letters.csv
    etl letters.csv --label y
    [ "$(values y | wc -l)" = 2 ] || told 'warning' 'case|capital|letters'
}

# Names of classes with commas and quotes are written as RFC 4180 has it.
case_32() {
    quick "$cases/32_classnames.csv" --label y --model logistic
    predict "$cases/33b_pred_same.csv"
    well
    lines 6
    [ "$(head -n 1 out.txt)" = 'prediction,"p_no, thanks","p_yes ""sure"""' ] || wrong "the first line is $(head -n 1 out.txt)"
    grep -qE '^("yes ""sure"""|"no, thanks"),[0-9.e-]+,[0-9.e-]+$' <<<"$(sed -n 2p out.txt)" || wrong "a row is $(sed -n 2p out.txt)"
}

# One column only, which is the label: there is nothing to learn from.
case_58() {
    train "$cases/58_single_col.csv" --label v
    refused 'nothing to learn from|no feature|no column is left|only column'
}

# The label is a user's id: 5,000 classes, which is warned of by name, and works.
case_48() {
    awk 'BEGIN { print "x,z,who"; for (i = 0; i < 10000; i++)
        printf "%.3f,%.3f,u%d\n", (i * 7919 % 10007) / 1000, (i * 31 % 4001) / 1000, i % 5000 }' >users.csv
    train users.csv --label who --model softmax --epochs 1
    well
    told 'warning' 'who' '5,?000'
    printf 'x,z\n1,2\n' >one.csv
    predict one.csv
    well
    lines 2
    [ "$(head -n 1 out.txt | tr , '\n' | wc -l)" = 5001 ] || wrong "$(head -n 1 out.txt | tr , '\n' | wc -l) columns of predictions"
    grep -qxE 'u[0-9]+' <<<"$(predicted 1)" || wrong "the prediction is $(predicted 1)"
}

# xgboost#9747: a class at evaluation that the model has not learnt: a warning with a count.
case_50() {
    quick "$cases/06_label_float.csv" --label y --model logistic
    run "$peal" eval m.safetensors "$cases/50_eval_unseen_class.csv"
    well
    told 'warning' '\b1 of 3\b' 'label'
}

run_cases "$@"
