#!/usr/bin/env bash
# A symbolic link that was planted where a temporary could be guessed to come is not written through.
source tests/lib.sh

(echo a,y; seq 200 | awk '{ print $1 % 7 "," ($1 % 7 > 3 ? "p" : "q") }') >rows.csv
"$peal" etl rows.csv --label y --quiet --out d
"$peal" train d --epochs 1 --quiet --out m.safetensors
echo precious >victim
mkdir victims
planted() { # planted OUT COMMAND...: the command runs as the process that the shell here is, so that its number is known
    # shellcheck disable=SC2016
    bash -c 'ln -s "$PWD/victim" "$0.peal-tmp-$$"; ln -s "$PWD/victims" "$0/peal.peal-tmp-$$" 2>/dev/null; exec "$@"' "$@" || fail "failed: $*"
    [ "$(cat victim)" = precious ] || fail "written through a planted link: $*"
    [ -z "$(ls -A victims)" ] || fail "written into a planted link's folder: $*"
}
planted p.csv "$peal" predict m.safetensors rows.csv --quiet --out p.csv
planted n.safetensors "$peal" train d --epochs 1 --quiet --out n.safetensors
planted e "$peal" etl rows.csv --label y --quiet --out e
mkdir run
planted run/run.json "$peal" train d --epochs 1 --quiet --out o.safetensors --run-dir run

# One with a proper name is not taken for a leftover either: nothing but a file or folder of one's own is.
ln -s "$PWD/victims" q.csv.peal-tmp-0123456789abcdef
"$peal" predict m.safetensors rows.csv --quiet --out q.csv
[ -d victims ] && [ "$(cat victim)" = precious ] || fail "what a planted link names was removed"
echo ok
