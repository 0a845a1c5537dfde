#!/usr/bin/env bash
# Numbers keep all their digits in a job: a resume with 0.7000004 in the place of 0.7 is another job.
source tests/lib.sh

(echo a,b,y; seq 400 | awk '{ print $1 % 17 "," $1 % 5 "," ($1 % 7 > 3 ? "p" : "q") }') >rows.csv
$peal etl rows.csv --label y --out d --quiet
job=(train d --model mlp:hidden=20 --epochs 3 --partitions 2 --out m.safetensors)
$peal "${job[@]}" --outer nesterov:lr=0.7 --lr 0.1 --quiet
expect 2 "'outer' differs" $peal "${job[@]}" --outer nesterov:lr=0.7000004 --lr 0.1 --resume
expect 2 "'lr' differs" $peal "${job[@]}" --outer nesterov:lr=0.7 --lr 0.10000000000000001387778780781446 --resume
$peal "${job[@]}" --outer nesterov:lr=0.7 --lr 0.1 --resume --quiet
echo ok
