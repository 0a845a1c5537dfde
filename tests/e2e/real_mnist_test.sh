#!/usr/bin/env bash
# MNIST from its IDX files: what must be reached in ten epochs with default settings.
source tests/lib.sh

real=${PEAL_TEST_DATA:-}
[ -d "$real/mnist" ] || skip "PEAL_TEST_DATA names no folder with mnist"

$peal etl "$real"/mnist/train-* --out mnist --quiet
for sync in epoch step; do
    $peal train mnist --model mlp:hidden=512x256 --sync $sync --out mnist.safetensors --quiet
    $peal eval mnist.safetensors "$real"/mnist/t10k-* --json --quiet >mnist.json
    at_least "$(json mnist.json metrics.accuracy)" 0.980
done

echo ok
