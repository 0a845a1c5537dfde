# What the tests of the cases from the field share; sourced after lib.sh. Each case is a function case_ID. It runs in a folder of its
# own, and the first check that fails ends it with what came out. Means and the like are computed here, by awk, from the input.
# shellcheck shell=bash

cases=$data/cases

# run_cases [ID...]: the named cases, or all of the file; a line for each, and a failure if one is wrong.
run_cases() {
    local id right=0 wrong=0
    local ids=("$@")
    [ $# -gt 0 ] || mapfile -t ids < <(declare -F | sed -n 's/^declare -f case_//p')
    trap - ERR
    for id in "${ids[@]}"; do
        mkdir "$work/$id"
        set +e
        ( # Not under `if`: there `set -e` would have no effect.
            set -eE
            cd "$work/$id"
            trap '[ -e "$work/$id.wrong" ] || echo "line $LINENO: $BASH_COMMAND" >"$work/$id.wrong"' ERR
            "case_$id"
        ) >"$work/$id.log" 2>&1
        local status=$?
        set -e
        # A check may have ended a substitution only, in $(...): its words tell.
        if [ $status = 0 ] && [ ! -e "$work/$id.wrong" ]; then
            right=$((right + 1))
            echo "case $id: right"
        else
            wrong=$((wrong + 1))
            echo "case $id: WRONG: $(cat "$work/$id.wrong" 2>/dev/null || echo "it ended with $status")"
        fi
        rm -rf "${work:?}/$id"
    done
    echo "$right right, $wrong wrong"
    [ $wrong = 0 ]
}

# wrong WORDS: ends the case.
wrong() {
    local words
    words=$(echo "$*" | tr -s '\n\t ' ' ' | LC_ALL=C tr -d '\000-\037\177')
    [ -e "$work/$id.wrong" ] || echo "${words:0:240}" >"$work/$id.wrong"
    exit 1
}

# run COMMAND...: keeps its exit code in $code, what it printed in out.txt and err.txt.
run() {
    code=0
    "$@" >out.txt 2>err.txt || code=$?
}

etl() { # etl SOURCE OPTION...: into the dataset ds
    rm -rf ds
    run "$peal" etl "$@" --out ds
}

train() { # train SOURCE OPTION...: the model m.safetensors
    run "$peal" train "$@" --out m.safetensors
}

quick() { # quick SOURCE OPTION...: a model that is only there to be used
    train "$@" --epochs 20
    well
}

predict() { # predict SOURCE OPTION...: the predictions in out.txt
    run "$peal" predict m.safetensors "$@"
}

# What the last command said: its message, or its notes if it did its work.
last_words() {
    local words
    if [ "$code" = 0 ]; then
        words=$(grep -vE '^(bound by|dataset:|rows:|label |column [^:]*$|epoch|trial)|^ *$' err.txt || true)
    else
        words=$(grep -v '^ *$' err.txt | tail -n 1)
    fi
    echo "exit code $code: ${words//$cases\//}"
}

well() { # the last command did its work
    [ "$code" = 0 ] || wrong "$(last_words)"
}

told() { # told REGEX...: one line of the last messages holds all of them, whatever the case of letters
    local regex lines
    lines=$(LC_ALL=C tr -d '\000' <err.txt)
    for regex in "$@"; do
        lines=$(grep -iE -e "$regex" <<<"$lines") || wrong "not told: $*; $(last_words)"
    done
}

silent() { # silent REGEX: no line of the last messages holds it
    ! grep -iqE -e "$1" err.txt || wrong "told: $(grep -iE -e "$1" err.txt | head -n 1)"
}

refused() { # refused REGEX...: the last command ended with 2 or 3 and one line that holds all of them
    [ "$code" = 2 ] || [ "$code" = 3 ] || wrong "not refused; $(last_words)"
    told "$@"
}

# told_line_of FILE REGEX: a message names a line of FILE that matches.
told_line_of() {
    local line
    for line in $(grep -oiE 'line [0-9,]+' err.txt | tr -dc '0-9\n' || true); do
        ! sed -n "${line}p" "$1" | grep -qE -e "$2" || return 0
    done
    wrong "no line of '$2' is named; $(last_words)"
}

rows() { # rows USED [IN]: of the dataset
    "$peal" inspect ds --json >inspect.json
    [ "$(json inspect.json rows.used)" = "$1" ] || wrong "$(json inspect.json rows.used) rows in place of $1"
    [ $# = 1 ] || [ "$(json inspect.json rows.in)" = "$2" ] || wrong "$(json inspect.json rows.in) rows in, in place of $2"
}

columns() { # the names of the dataset's columns
    "$peal" inspect ds --json | sed 's/"name": /\n/g' | sed -nE 's/^"(.*)", "kind".*/\1/p'
}

# fitted COLUMN: what the dataset holds of the column, on one line; of one of many alike, its own numbers.
fitted() {
    jq --arg name "$1" '.pipeline.columns[] | (.names // [.name] | index($name)) as $at | select($at != null) |
        if .names then .steps |= map(map_values(if type == "array" then .[$at] else . end)) | del(.names) else . end' ds/manifest.json |
        tr -s ' \n' ' ' | grep . || wrong "there is no column '$1' but: $(columns | head -n 20)"
}

fitted_number() { # fitted_number COLUMN KEY...: the first that is there
    local key block
    block=$(fitted "$1")
    for key in "${@:2}"; do
        grep -oE "\"$key\": -?[0-9][-+.0-9eE]*" <<<"$block" | sed 's/.*: //' | head -n 1 | grep . && return
    done
    wrong "column $1 has no $2: ${block:0:100}"
}

near() { # near A B [TOLERANCE]: of the larger one
    awk -v a="$1" -v b="$2" -v t="${3:-1e-6}" 'BEGIN { d = a - b; s = a < 0 ? -a : a; r = b < 0 ? -b : b
        exit !(a != "" && b != "" && (d < 0 ? -d : d) <= t * (s > r ? s : r) + 1e-12) }'
}

number() { # number COLUMN...: is a column of numbers, or of texts that become numbers
    local column
    for column in "$@"; do
        ! grep -qF '"transform": "number"' <<<"$(fitted "$column")" || continue
        ! grep -qE '"type": "(dictionary|utf8|bool)"' <<<"$(fitted "$column")" || wrong "column $column is no number"
    done
}

text() { # text COLUMN...: is a column of texts
    local column
    for column in "$@"; do
        grep -qE '"type": "(dictionary|utf8)"' <<<"$(fitted "$column")" || wrong "column $column is no text"
    done
}

mean() { # mean COLUMN VALUE: a column of numbers and its mean
    local got
    number "$1"
    got=$(fitted_number "$1" shift mean fill)
    near "$got" "$2" || wrong "the mean of $1 is $got in place of $2"
}

label_number() { # label_number COLUMN [MEAN]: the label is a number
    grep -qF '"as": "number"' <<<"$(fitted "$1")" || wrong "the label $1 is no number: $(values "$1" | wc -l) classes"
    [ $# = 1 ] || near "$(fitted_number "$1" mean)" "$2" || wrong "the mean of $1 is $(fitted_number "$1" mean) in place of $2"
}

# values COLUMN: the texts of a column or the classes of the label, sorted, one a line, as JSON writes them.
values() {
    fitted "$1" | grep -oE '"values": \[( ?"([^"\\]|\\.)*",?)* ?\]' | head -n 1 | cut -c 10- |
        grep -oE '"([^"\\]|\\.)*"' | sed 's/^"//; s/"$//' | LC_ALL=C sort || true
}

has_values() { # has_values COLUMN VALUE...: exactly these, in sorted order
    local got want
    got=$(values "$1")
    want=$(printf '%s\n' "${@:2}")
    [ "$got" = "$want" ] || wrong "column $1 has $(wc -l <<<"$got") values: $(head -n 9 <<<"$got" | tr '\n' '|')"
}

average() { # average FIELD [SEPARATOR] <FILE: the mean of a field after the first line, of those values that are numbers
    awk -F"${2:-,}" -v f="$1" 'NR > 1 { v = $f; gsub(/[\r" ]/, "", v); if (v ~ /[0-9]/ && v ~ /^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$/) { s += v; n++ } }
        END { printf "%.15g\n", s / n }'
}

count() { # count REGEX <FILE: lines that match
    grep -cE -e "$1" || true
}

# predicted ROW [FIELD]: a field of the predictions in out.txt; rows count from 1.
predicted() { sed -n "$(($1 + 1))p" out.txt | cut -d, -f"${2:-1}"; }

lines() { # lines N: in out.txt
    [ "$(wc -l <out.txt)" = "$1" ] || wrong "$(wc -l <out.txt) lines of predictions in place of $1; $(last_words)"
}

metric() { # metric NAME SOURCE OPTION...: of the model on it
    run "$peal" eval m.safetensors "${@:2}" --json
    well
    json out.txt "$1"
}

metric_least() { # metric_least NAME VALUE SOURCE OPTION...
    local got
    got=$(metric "$1" "${@:3}")
    awk -v a="$got" -v b="$2" 'BEGIN { exit !(a ~ /^[-+0-9.eE]+$/ && a + 0 >= b + 0) }' || wrong "$1 $got is below $2"
}

metric_most() { # metric_most NAME VALUE SOURCE OPTION...
    local got
    got=$(metric "$1" "${@:3}")
    awk -v a="$got" -v b="$2" 'BEGIN { exit !(a ~ /^[-+0-9.eE]+$/ && a + 0 <= b + 0) }' || wrong "$1 $got is above $2"
}
