#!/usr/bin/env bash
# A job never writes over what it reads: sources, model, what it validates on, the job file.
source tests/lib.sh

mkdir src
(echo a,y; seq 200 | awk '{ print $1 % 7 "," ($1 % 7 > 3 ? "p" : "q") }') >src/rows.csv
echo "epochs: 1" >job.yaml
cp src/rows.csv valid.csv
ln -s src/rows.csv link.csv
"$peal" etl src --label y --quiet --out dataset
train() { "$peal" train "$@" --label y --epochs 1 --quiet; }
train src --out m.safetensors
cp -r . "$work.before"

refused() { # refused OUT COMMAND...
    expect 2 "cannot write $1: it is read by this job too" "${@:2}"
}
for out in src/rows.csv link.csv; do
    for source in src src/rows.csv link.csv 'src/*.csv'; do
        refused $out train "$source" --out $out --run-dir run
        refused $out "$peal" predict m.safetensors "$source" --quiet --out $out
    done
    refused $out "$peal" predict m.safetensors - --quiet --out $out <src/rows.csv
done
refused src train src --out new.safetensors --run-dir src
refused valid.csv train src --valid valid.csv --out valid.csv --run-dir run
refused job.yaml train src --job job.yaml --out job.yaml --run-dir run
refused m.safetensors "$peal" predict m.safetensors src --quiet --out m.safetensors
for out in dataset/train-00000.arrow dataset/manifest.json; do
    refused $out "$peal" train dataset --epochs 1 --quiet --out $out --run-dir run
done
refused dataset "$peal" train dataset --epochs 1 --quiet --out new.safetensors --run-dir dataset
diff -r --exclude=out.txt --exclude=err.txt --exclude=cache "$work.before" . || fail "something was written"
rm -r "$work.before"

# What is only near is no input.
"$peal" predict m.safetensors src --quiet --out predicted.csv
"$peal" predict m.safetensors src --quiet --out predicted.csv
train src --out m.safetensors
echo ok
