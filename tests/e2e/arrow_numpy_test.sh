#!/usr/bin/env bash
# Arrow and NumPy as input: the same table as CSV, Arrow and npz trains to models of the same predictions; a pipe and a
# compressed file are read too.
set -euo pipefail
source tests/lib.sh

python=${PEAL_TEST_PYTHON:-python3}
"$python" -c 'import pyarrow, numpy' 2>/dev/null || skip "there is no python3 with pyarrow and numpy (PEAL_TEST_PYTHON)"
cd "$TEST_TMPDIR"
"$python" - <<'END'
import numpy as np, pyarrow as pa, pyarrow.csv, pyarrow.ipc as ipc
r = np.random.default_rng(3)
n = 400
a, k = r.integers(-50, 50, n), r.integers(0, 3, n)
b = np.round(r.normal(size=n), 3)
y = (a / 20 + b + k > 0.5).astype(np.int64)
colours = pa.DictionaryArray.from_arrays(pa.array(k, pa.int8()), pa.array(["red", "green", "blue"]))
t = pa.table({"a": a, "b": b, "colour": colours, "y": y})
with ipc.new_file("t.arrow", t.schema) as w: w.write_table(t, max_chunksize=70)
with ipc.new_stream("t.arrows", t.schema, options=ipc.IpcWriteOptions(compression="zstd")) as w: w.write_table(t)
pa.csv.write_csv(pa.table({**{c: t[c] for c in ("a", "b")}, "colour": t["colour"].cast(pa.string()), "y": t["y"]}), "t.csv")
images = r.integers(0, 256, (300, 6, 6)).astype(np.uint8)
labels = (images[:, :3].mean((1, 2)) > images[:, 3:].mean((1, 2))).astype(np.uint8)
np.savez_compressed("images.npz", x_train=images[:200], y_train=labels[:200], x_test=images[200:], y_test=labels[200:])
END
gzip -k t.arrow

for from in t.csv t.arrow t.arrows t.arrow.gz; do
    "$PEAL" etl "$from" --label y --out "d-$from" >/dev/null 2>&1 || fail "no dataset from $from"
    "$PEAL" train "d-$from" --model logistic --epochs 3 --out "$from.safetensors" >/dev/null 2>&1 || fail "no model from $from"
    "$PEAL" predict "$from.safetensors" "$from" --out "$from.predictions" >/dev/null 2>&1 || fail "no predictions from $from"
    cmp t.csv.predictions "$from.predictions" || fail "$from predicts something else than t.csv"
done
"$PEAL" predict t.arrow.safetensors - <t.arrows >piped.predictions 2>/dev/null || fail "no predictions from a pipe"
cmp t.csv.predictions piped.predictions || fail "a pipe predicts something else"

"$PEAL" train images.npz --label y_train --arrays x_train+y_train --model logistic --epochs 2 --out i.safetensors >out 2>&1 ||
    fail "images do not train: $(cat out)"
"$PEAL" eval i.safetensors images.npz --arrays x_test:image+y_test:y_train >out 2>&1 || fail "images: $(cat out)"
grep -q 'rows: 100 in = 100 used' out || fail "images: $(cat out)"
if "$PEAL" etl images.npz --label y_train --out d-images >out 2>&1; then fail "arrays of two lengths were read"; fi
grep -q 'x_train (200, 6, 6), y_train (200,)' out || fail "the shapes are not named: $(cat out)"
