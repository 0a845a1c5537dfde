#!/usr/bin/env bash
# Names of columns, files and classes reach terminal and log escaped, whatever they hold: no escape sequence, carriage
# return, line break or C1 control character, on either stream, with --json too.
source tests/lib.sh

esc=$(printf 'e\e[31m\e]0;title\a')
del=$(printf 'd\x7f')
c1=$(printf 'c\xc2\x9b2J') # U+009B begins a sequence as ESC [ does
cr=$(printf 'r\rpeal: all is well')
line=$(printf 'n\npeal: all is well')
odd="$esc$del$c1$cr$line.csv"
{
    printf '%s,%s,%s,"%s","%s",y\n' "$esc" "$del" "$c1" "$cr" "$line"
    for i in $(seq 60); do printf '%s,%s,%s,%s,%s,%s%s\n' "$i" $((i % 7)) "$esc$((i % 3))" "$i" "$i" "$c1" $((i % 2)); done
} >"$odd"
clean() { # clean CODE COMMAND...: it ends so, and neither stream holds a control character but the ends of lines
    local code=0
    "${@:2}" >out.txt 2>err.txt || code=$?
    [ $code = "$1" ] || { cat -v err.txt; fail "exit code $code: ${*:2}"; }
    if LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' out.txt err.txt; then
        cat -v out.txt err.txt
        fail "a control character reaches the terminal: $2 $3"
    fi
    if grep -q '^peal: all is well' out.txt err.txt; then fail "a name begins a line of its own"; fi
}
clean 0 $peal etl "$odd" --label y --out "$odd.ds"
grep -qF 'e\x1b[31m' err.txt || { cat -v err.txt; fail "the column is not named"; }
clean 0 $peal etl "$odd" --label y --out "$odd.js" --json
clean 0 $peal train "$odd" --label y --model mlp --epochs 2 --valid 0.3 --out "$odd.st" --json
clean 0 $peal train "$odd" --label y --model mlp --epochs 2 --out "$odd.st"
clean 0 $peal eval "$odd.st" "$odd"
clean 0 $peal predict "$odd.st" "$odd" --out p.csv --json
for path in "$odd.ds" "$odd.st" "$odd.st.run" "$odd.ds/train-00000.arrow"; do
    clean 0 $peal inspect "$path"
    clean 0 $peal inspect "$path" --json
done
clean 0 $peal cache
clean 0 $peal cache --json
clean 2 $peal etl "$odd" --label "$esc" --drop "$c1$cr" --out x
clean 2 $peal etl "$odd" --label nothing --out x
clean 2 $peal train "$odd" --label y --model "$esc" --out x
clean 2 $peal "$esc" "$odd"
clean 2 $peal help "$esc"
clean 2 $peal etl "--$esc" x
clean 3 $peal etl "none$odd" --out x
clean 3 $peal inspect "none$odd"
echo ok
