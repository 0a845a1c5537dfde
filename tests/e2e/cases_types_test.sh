#!/usr/bin/env bash
# Cases from the field, first part: what is a number, what is missing, what a column is. Names of reports are of the public trackers.
source tests/lib.sh
source "$root/tests/cases.sh"

# pandas#24681, #10647: 15 % of a number column are `NA`.
case_01() {
    etl "$cases/01_na_text.csv" --label y
    well
    rows 300 300
    mean age "$(average 1 <"$cases/01_na_text.csv")"
    told '\bage\b' "\b$(count '^NA,' <"$cases/01_na_text.csv")\b"
    has_values c blue green red
}

# pandas#24681: 3 % are `nan`, as numpy writes what is missing.
case_01b() {
    etl "$cases/01b_nan_few.csv" --label y
    well
    rows 300 300
    mean age "$(average 1 <"$cases/01b_nan_few.csv")"
    told '\bage\b' '\b10\b'
}

# pandas#10647, a column of texts: a spelling of missing stays a text, unless it is named as missing.
case_01c() {
    awk 'BEGIN { print "c,x,y"; for (i = 0; i < 60; i++) print (i % 3 ? "k" i % 3 : "NA") "," i "," i % 2 }' >texts.csv
    etl texts.csv --label y
    well
    has_values c NA k1 k2
    etl texts.csv --label y --null NA
    well
    has_values c k1 k2
}

# OasisLMF#307: every usual spelling of missing, in any case of letters, in columns of numbers.
case_01d() {
    awk 'BEGIN { n = split("NA N/A nan null None \\N - ? . #N/A <NA> NaN NULL none n/a NONE", missing, " "); print "x,z,y"
        for (i = 1; i <= 320; i++) print (i % 20 ? i : missing[i / 20]) "," i "," i % 2 }' >missing.csv
    etl missing.csv --label y
    well
    mean x "$(average 1 <missing.csv)"
    told '\bx\b' '\b16\b'
}

# OasisLMF#307: numbers, three spellings of missing, and `unknown`, which is told to be missing, too.
case_67() {
    etl "$cases/67_mixed_numbers.csv" --label y
    well
    rows 400 400
    mean hours "$(average 1 <"$cases/67_mixed_numbers.csv")"
    told 'hours' "\b$(count '^unknown,' <"$cases/67_mixed_numbers.csv") values are no number, as 'unknown'" type
    etl "$cases/67_mixed_numbers.csv" --label y --null unknown
    well
    mean hours "$(average 1 <"$cases/67_mixed_numbers.csv")"
}

# OasisLMF#307: the same with numbers that are nearly all different, where the column was left out.
case_67b() {
    etl "$cases/67b_mixed_numbers_unique.csv" --label y
    well
    rows 2000 2000
    mean dist "$(average 1 <"$cases/67b_mixed_numbers_unique.csv")"
    told 'dist' "\b$(count '^NA,' <"$cases/67b_mixed_numbers_unique.csv")\b"
}

# duckdb#14166: the first part has a header only.
case_04() {
    etl "$cases/04_parts" --label y
    well
    rows 300 300
    mean a "$(average 1 <"$cases/04_parts/part-0001.csv")"
    mean b "$(average 2 <"$cases/04_parts/part-0001.csv")"
    has_values c blue green red
    has_values y 0 1
    told 'part-0000\.csv'
}

# pandas skipna, numpy inf: `inf` and `-Infinity` in a column of numbers: named, with a way out that works.
case_14() {
    etl "$cases/14_inf.csv" --label y
    told_line_of "$cases/14_inf.csv" '^(inf|-Infinity),'
    told '\bx\b' '--(null|type)'
    etl "$cases/14_inf.csv" --label y --null inf --null=-Infinity
    well
    rows 300 300
    mean x "$(average 1 <"$cases/14_inf.csv")"
}

# sentinel FILE REGEX VALUE: two of 300 cells hold VALUE, spelt REGEX: named together with the column, or scaled rightly.
sentinel() {
    etl "$1" --label y
    if [ "$code" != 0 ]; then
        refused '\bx\b' "$2"
        return
    fi
    if ! grep -E -e "$2" err.txt | grep -qE '\bx\b'; then
        near "$(fitted_number x shift)" "$(awk -v v="$3" 'BEGIN { printf "%.17g", v / 300 * 2 }')" 1e-3 ||
            wrong "no word of x, and its mean is $(fitted_number x shift)"
        near "$(fitted_number x scale)" "$(awk -v v="$3" 'BEGIN { p = 2 / 300; printf "%.17g", v * sqrt(p * (1 - p)) }')" 1e-2 ||
            wrong "no word of x, and its scale is $(fitted_number x scale)"
    fi
    train "$1" --label y --model logistic --epochs 20
    well
    predict "$1"
    well
    ! grep -qi 'nan\|inf' out.txt || wrong "predictions that are no numbers: $(grep -i 'nan\|inf' out.txt | head -n 1)"
}

# cudf#6235, vowpal_wabbit#651: DBL_MAX as a sentinel.
case_14b() { sentinel "$cases/14b_dblmax.csv" '1\.79[0-9]*e\+?308' 1.7976931348623157e308; }

# vowpal_wabbit#651: one value of 1.8e19 among ones is scaled as any other.
case_14c() {
    etl "$cases/14c_huge.csv" --label y
    well
    mean x "$(average 1 <"$cases/14c_huge.csv")"
    near "$(fitted_number x scale)" "$(awk 'BEGIN { p = 1 / 300; printf "%.17g", 18446745900000000000 * sqrt(p * (1 - p)) }')" 1e-5 ||
        wrong "the scale of x is $(fitted_number x scale)"
}

# scikit-learn#34664: 1e200 as a sentinel: its square is beyond what a double holds.
case_14d() { sentinel "$cases/14d_1e200.csv" '1e\+?200' 1e200; }

# scikit-learn#17794, #19450: constant columns whose mean cannot be written exactly; a constant text, an empty column.
case_16() {
    local column
    etl "$cases/16_constant.csv" --label y
    well
    grep -q '"role": "dropped"' <<<"$(fitted k)" || near "$(fitted_number k scale)" 1 || wrong "the scale of k is $(fitted_number k scale)"
    awk 'BEGIN { print "p,q,r,s,b,y"; for (i = 0; i < 300; i++) print "0.3,14.62,123.456,1e-7," i % 17 "," i % 2 }' >constant.csv
    etl constant.csv --label y
    well
    for column in p q r s; do
        grep -q '"role": "dropped"' <<<"$(fitted $column)" || near "$(fitted_number $column scale)" 1 ||
            wrong "the scale of $column is $(fitted_number $column scale)"
    done
}

# scikit-learn#19450: at prediction such a column differs a little; the prediction may differ a little.
case_16c() {
    quick "$cases/16_constant.csv" --label y --model logistic
    predict "$cases/16c_predict.csv"
    well
    lines 5
    near "$(predicted 1 2)" "$(predicted 3 2)" 0.2 || wrong "p is $(predicted 1 2) at k = 0.1 and $(predicted 3 2) at k = 0.11"
    near "$(predicted 2 2)" "$(predicted 4 2)" 0.4 || wrong "p is $(predicted 2 2) at k = 0.1 and $(predicted 4 2) at k = 0.2"
}

# Time stamps as features: hours and weekdays are of use, 400 categories are not.
case_24() {
    local kind
    etl "$cases/24_dates.csv" --label y
    well
    rows 400 400
    mean load "$(average 2 <"$cases/24_dates.csv")"
    grep -q '"role": "feature"' <<<"$(fitted when)" && return
    told 'when'
    for kind in $("$peal" help transforms | grep -oE '^  [a-z_]*(date|time|calendar)[a-z_]*' || true); do
        etl "$cases/24_dates.csv" --label y --transform "$kind:columns=when"
        well
        grep -qE '"role": "(feature|index)"' <<<"$(fitted when)" && return
    done
    wrong "no transform of dates: $(last_words)"
}

# duckdb#15076, #17451: a column of numbers that is empty in the first 1.2 MB.
case_25() {
    awk 'BEGIN { print "a,late,y"; for (i = 0; i < 120000; i++)
        printf "%.6f,%s,%d\n", (i * 7919 % 10007) / 1000, (i < 90000 ? "" : (i * 31 % 4001) / 1000), i % 2 }' >late.csv
    etl late.csv --label y
    well
    rows 120000 120000
    mean late "$(average 2 <late.csv)"
}

# duckdb#17451: the same over two files: no value in the first.
case_25c() {
    etl "$cases/66_null_first_file" --label y
    well
    rows 5 5
    mean z 4.5
}

# duckdb#15376: digits for 1.5 MB, then letters: texts; the line that decided is named.
case_25b() {
    awk 'BEGIN { print "patent,a,y"; for (i = 0; i < 120000; i++)
        printf "%s,%.6f,%d\n", (i < 110000 ? 3000000 + i : sprintf("D%07d", i)), (i * 7919 % 10007) / 1000, i % 2 }' >letters.csv
    etl letters.csv --label y
    well
    rows 120000 120000
    text patent
    told 'patent' 'letters\.csv' 'line [0-9]+'
    told_line_of letters.csv '^D'
}

# One text in a small table of numbers is a bad row, not a type; so are two in 2,000. Three are a type.
case_25d() {
    awk 'BEGIN { print "x,y"; for (i = 1; i <= 30; i++) print i "," i % 2; print "many,1" }' >one.csv
    etl one.csv --label y
    refused 'one\.csv' 'line 32' "'many'" '--type x=text'
    etl one.csv --label y --on-bad-row drop
    well
    rows 30 31
    mean x 15.5
    awk 'BEGIN { print "x,y"; for (i = 1; i <= 2000; i++) print (i == 7 || i == 1999 ? "many" : i) "," i % 2 }' >two.csv
    etl two.csv --label y
    refused 'two\.csv' 'line (8|2000)' "'many'" '--type x=text'
    awk 'BEGIN { print "x,y"; for (i = 1; i <= 2000; i++) print (i == 7 || i == 9 || i == 1999 ? "many" : i) "," i % 2 }' >three.csv
    etl three.csv --label y
    well
    text x
    told_line_of three.csv '^many'
}

# Rows with a wrong number of fields have no vote: the types are those of the other rows.
case_25e() {
    awk 'BEGIN { print "x,z,y"; for (i = 1; i <= 40; i++) { if (i % 10 == 1) print "remark " i; print i "," i * 2 "," i % 2 } }' >ragged.csv
    etl ragged.csv --label y
    refused 'line 2' '1 field' 'expected 3'
    etl ragged.csv --label y --on-bad-row drop
    well
    rows 40 44
    mean x 20.5
    mean z 41
}

# duckdb#15376: digits in one file, letters in the other: texts, in whichever order the files come.
case_65() {
    etl "$cases/65_type_drift" --label y
    well
    text a
    has_values a 1 2 3 high low
    told_line_of "$cases/65_type_drift/2.csv" 'low|high'
}
case_65b() {
    etl "$cases/65b_type_drift" --label y
    well
    text a
    has_values a 1 2 3 high low
    told_line_of "$cases/65b_type_drift/1.csv" 'low|high'
}

# pandas booleans: True, true and TRUE are one value, in training and at prediction.
case_26() {
    sed '1s/flag/f/' "$cases/26_bool.csv" >bool.csv
    etl bool.csv --label y
    well
    rows 300 300
    [ "$(values f | wc -l)" -le 2 ] || wrong "f has $(values f | wc -l) values"
    [ "$(values y | wc -l)" = 2 ] || wrong "y has $(values y | wc -l) classes"
    quick bool.csv --label y --model logistic
    predict "$cases/60_pred_bool.csv"
    well
    lines 6
    [ "$(predicted 1 2) $(predicted 1 2)" = "$(predicted 2 2) $(predicted 3 2)" ] || wrong "True, true and TRUE differ"
    [ "$(predicted 4 2)" = "$(predicted 5 2)" ] || wrong "False and false differ"
    [ "$(predicted 1 2)" != "$(predicted 4 2)" ] || wrong "True and False are the same"
}

# Columns that are called as groups of columns are, or with marks that a specification has: they can be named all the same.
case_28() {
    local mark
    etl "$cases/28_names.csv" --label y --type p=q:r=text
    well
    rows 300 300
    has_values texts blue green red
    text p=q:r
    mean a+b "$(average 2 <"$cases/28_names.csv")"
    for mark in '"a+b" "texts"' "'a+b' 'texts'" 'a\+b \texts' 'a++b texts' '[a+b] [texts]'; do
        etl "$cases/28_names.csv" --label y --type p=q:r=text --transform "minmax:columns=${mark% *}" \
            --transform "onehot:columns=${mark#* }"
        [ "$code" != 0 ] || break
    done
    well
    grep -q minmax <<<"$(fitted a+b)" || wrong "a+b is not scaled: $(fitted a+b)"
    ! grep -q onehot <<<"$(fitted p=q:r)" || wrong "what is said of the column texts is done to p=q:r"
}

# readr#604, datatable#771: spellings of numbers.
case_29() {
    etl "$cases/29_spellings.csv" --label y
    well
    rows 20 20
    mean x "$(average 1 <"$cases/29_spellings.csv")"
}

# readr#604: what is no number (0x1A, 1_000, 5%, $5, (5), 1d5, a minus of Unicode) or too large (1e400) is named by line.
case_29b() {
    local bad
    for bad in d dollar hex minus over paren pct under; do
        etl "$cases/29_$bad.csv" --label y
        refused "29_$bad\.csv" 'line 32' '\bx\b' '--type x=text'
    done
}

# Ids of 16 digits as features are numbers. Zip codes, some with 0 in front, that recur are codes with all their digits;
# they are numbers, too, if somebody says so.
case_42() {
    etl "$cases/42_ids.csv" --label y
    well
    rows 300 300
    mean id "$(average 1 <"$cases/42_ids.csv")"
    etl "$cases/42b_zip.csv" --label y
    well
    told 'zip' 'codes' '--type zip=number'
    has_values zip 01000 01001 01002 01003 01004
    etl "$cases/42b_zip.csv" --label y --type zip=number
    well
    mean zip "$(average 1 <"$cases/42b_zip.csv")"
}

# SFrame#44, pandas#59303: -999 is missing, where it is said, and so is -999.0.
case_55() {
    local want
    want=$(grep -v '^-999,' "$cases/55_sentinel.csv" | average 1)
    etl "$cases/55_sentinel.csv" --label y --null -999
    well
    rows 300 300
    mean temp "$want"
    sed '/^-999,/s/-999/-999.0/' "$cases/55_sentinel.csv" >decimal.csv
    etl decimal.csv --label y --null -999
    well
    mean temp "$want"
    sed '/^-999,/s/-999/-9.99e2/' "$cases/55_sentinel.csv" >exponent.csv
    etl exponent.csv --label y --null -999
    well
    mean temp "$want"
}

# pandas#13302: what is named as missing is missing in every column.
case_55b() {
    awk 'BEGIN { print "n,t,y"; for (i = 1; i <= 40; i++) print (i % 4 ? i : -1) "," (i % 5 ? "k" i % 5 : -1) "," i % 2 }' >both.csv
    etl both.csv --label y --null -1
    well
    mean n "$(grep -v '^-1,' both.csv | average 1)"
    has_values t k1 k2 k3 k4
}

run_cases "$@"

# That a yes or no is missing is a value of its own, also for a job that was killed and goes on; without gaps it is a number.
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 300; i++) print (i % 3 == 0 ? "" : i % 3 == 1 ? "true" : "false") "," (i % 2 ? "true" : "false") "," (i % 3 == 0 ? 1 : 0) }' >gaps.csv
$peal etl gaps.csv --label y --out gaps 2>out.txt
grep -Eq "column a +boolean +bins$" out.txt || fail "$(cat out.txt)"
grep -Eq "column b +boolean +impute standardize$" out.txt || fail "$(cat out.txt)"
$peal train gaps --model logistic --out gaps.safetensors --quiet
$peal eval gaps.safetensors gaps.csv --json --quiet | grep -Eq '"auc": 1(\.0)?[,}]' ||
    fail "what is missing tells the label, and a linear model does not see it"
