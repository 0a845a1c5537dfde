#!/usr/bin/env bash
# Real files of sparse text, value by value as scikit-learn reads them.
source tests/lib.sh

real=${PEAL_TEST_DATA:-}
python=${PEAL_TEST_PYTHON:-python3}
[ -d "$real/agaricus" ] && [ -d "$real/rcv1" ] || skip "PEAL_TEST_DATA names no folder with agaricus and rcv1"
"$python" -c 'import sklearn' 2>/dev/null || skip "no python3 with scikit-learn (PEAL_TEST_PYTHON names one)"

sparse=$root/tools/bench/sparse
for part in train test; do
    "$sparse" libsvm "$real/agaricus/agaricus.txt.$part" print >"$part.rows"
done
"$sparse" vw "$real/rcv1/rcv1_small.dat" print >rcv1.rows
# The features of rcv1 are numbers, which Vowpal Wabbit takes as they are, plus the hash of their namespace.
sed 's/|f//' "$real/rcv1/rcv1_small.dat" >rcv1.libsvm

"$python" - "$real" <<'PYTHON'
import sys
import numpy as np
from sklearn.datasets import load_svmlight_file


def same(ours, theirs, shift, bits):
    """Whether the file of rows `ours` holds what scikit-learn reads from `theirs`, with indices that are moved."""
    matrix, labels = load_svmlight_file(theirs, dtype=np.float64, zero_based=True)
    lines = open(ours).read().splitlines()
    assert len(lines) == matrix.shape[0], (len(lines), matrix.shape)
    for number, line in enumerate(lines):
        words = line.split()
        row = matrix[number]
        expected = sorted(zip(((row.indices.astype(np.int64) + shift) % bits).tolist(), row.data.astype(np.float32).tolist()))
        pairs = [(int(index), float(np.float32(value))) for index, value in (word.split(":") for word in words[1:])]
        assert float(words[0]) == labels[number] and pairs == expected, (theirs, number + 1)
    print(theirs, len(lines), "rows", matrix.nnz, "features")


for part in ("train", "test"):
    same(f"{part}.rows", f"{sys.argv[1]}/agaricus/agaricus.txt.{part}", 0, 1 << 31)
same("rcv1.rows", "rcv1.libsvm", 34875, 1 << 18)
PYTHON
echo ok
