#!/usr/bin/env bash
# The command to go on after an interruption can be pasted into a shell: each word is one word, whatever its name is.
source tests/lib.sh

name="a'\$(touch HACKED)'.csv"
mkdir "bin dir"
ln -s "$peal" "bin dir/pe\$al"
zcat "$data/digits/train-0.csv.gz" >"./$name"
interrupt() { # interrupt COMMAND...: SIGINT as soon as the first epoch is told; the message is in log.txt
    local code=0 job
    rm -f log.txt # of the job before this one
    "$@" 2>log.txt <&0 &
    job=$!
    for _ in $(seq 600); do grep -qs '^epoch 1/' log.txt && break; kill -0 $job || { cat -v log.txt; fail "$*"; }; sleep 0.05; done
    kill -INT $job
    wait $job || code=$?
    [ $code = 4 ] || { cat log.txt; fail "exit code $code instead of 4"; }
}
interrupt "bin dir/pe\$al" train --label digit --model mlp --epochs 100000 --out m.safetensors -- "$name"
line=$(sed -n 's/^peal: to go on: //p' log.txt)
[ -n "$line" ] || { cat log.txt; fail "no command to go on"; }
grep -q -- " --epochs 100000 " <<<"$line" || fail "not the whole command: $line"
for shell in sh bash; do
    code=0
    timeout 60 $shell -c "${line/100000/1}" >pasted.txt 2>&1 || code=$?
    [ ! -e HACKED ] || fail "$shell ran what stands in a file's name"
    grep -q "no option\|no such file\|not found" pasted.txt && { cat pasted.txt; fail "$shell did not get the words"; }
done
line=${line/--epochs 100000/--help}
[ "$(sh -c "$line" | head -n 1)" = "peal train DATASET|SOURCE... [--out MODEL] [options]" ] || fail "not the program: $line"

# What came through a pipe is gone: no command is promised.
zcat "$data/digits/train-0.csv.gz" >rows.csv
interrupt $peal train - --label digit --model mlp --epochs 100000 --out p.safetensors <rows.csv
grep -q "to go on" log.txt && fail "a command to go on without its input"

# What cannot be shown on a terminal is not shown.
odd=$(printf 'x\ey.csv')
cp rows.csv "$odd"
interrupt $peal train "$odd" --label digit --model mlp --epochs 100000 --out o.safetensors
grep -q "to go on: the same command with --resume" log.txt || { cat -v log.txt; fail "nothing said"; }
echo ok
