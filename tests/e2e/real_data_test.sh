#!/usr/bin/env bash
# Real data sets that do not come with the project: what must be reached on each.
source tests/lib.sh

real=${PEAL_TEST_DATA:-}
[ -d "$real/adult" ] || skip "PEAL_TEST_DATA names no folder with adult and housing"

# adult: logistic regression; the test half spells its labels with a full stop.
label=$(head -n 1 "$real/adult/adult.data" | sed 's/.*, *//')
$peal etl "$real/adult/adult.data" --trim --null '?' --label "$label" --transform "replace:find=.,at=end,columns=$label" \
    --out adult --quiet
$peal train adult --model logistic --out adult.safetensors --quiet
$peal eval adult.safetensors "$real/adult/adult.test" --json --quiet >adult.json
[ "$(json adult.json rows)" = 16281 ] || fail "rows of adult.test"
at_least "$(json adult.json metrics.auc)" 0.904
at_least 0.320 "$(json adult.json metrics.log_loss)"

# housing: numbers with gaps, a category, a number to predict.
$peal etl "$real/housing/housing.csv" --label median_house_value --transform split:test=0.2,seed=1 --out housing --quiet
$peal train housing --model linear --out linear.safetensors --quiet
$peal eval linear.safetensors housing --json --quiet >linear.json
$peal train housing --model mlp --optimizer adamw --lr 0.005 --epochs 50 --out mlp.safetensors --quiet
$peal eval mlp.safetensors housing --json --quiet >mlp.json
at_least 71000 "$(json linear.json metrics.rmse)" # ordinary least squares on this split: see tools/bench/accuracy.py
at_least "$(awk -v r="$(json linear.json metrics.rmse)" 'BEGIN { print 0.8 * r }')" "$(json mlp.json metrics.rmse)"

echo ok
