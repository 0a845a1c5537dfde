#!/usr/bin/env bash
# Other tools open what Peal writes, and see the right values.
source tests/lib.sh

python=${PEAL_TEST_PYTHON:-python3}
"$python" -c 'import pyarrow, polars, duckdb, safetensors, numpy' 2>/dev/null ||
    skip "no python3 with pyarrow, polars, duckdb, safetensors and numpy (PEAL_TEST_PYTHON names one)"

printf 'n,colour,y\n1.5,red,a\n,"grün, hell",b\n-2,,a\n4,red,b\n' >t.csv
$peal etl t.csv --label y --transform impute:with=0 --out t.ds --quiet
$peal train t.ds --model logistic --partitions 2 --epochs 1 --out t.safetensors --quiet
$peal train t.ds --model logistic --sync epoch --partitions 2 --epochs 1 --out n.safetensors --quiet
awk 'BEGIN { for (c = 0; c < 20; c++) printf "é%d,", c; print "y"
             for (r = 0; r < 60; r++) { for (c = 0; c < 20; c++) printf "%d,", r * c % 7; print r % 2 ? "a" : "b" } }' >w.csv
$peal train w.csv --label y --model logistic --epochs 1 --out w.safetensors --quiet
"$python" - <<'PYTHON'
import json
import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from safetensors.numpy import load_file
from safetensors import safe_open

table = pa.ipc.open_file("t.ds/train-00000.arrow").read_all()
table.validate(full=True)
assert table.column("features").to_pylist() == [[1.5], [0.0], [-2.0], [4.0]], table
assert table.column("colour").to_pylist() == ["red", "grün, hell", None, "red"], table
assert table.column("y").to_pylist() == ["a", "b", "a", "b"], table
frame = pl.read_ipc("t.ds/train-00000.arrow")
assert frame["colour"].cast(pl.String).to_list() == ["red", "grün, hell", None, "red"], frame
assert [list(row) for row in frame["features"]] == [[1.5], [0.0], [-2.0], [4.0]], frame
arrow_rows = table
counted = duckdb.sql("select y, count(*) from arrow_rows group by y order by y").fetchall()
assert counted == [("a", 2), ("b", 2)], counted
manifest = json.load(open("t.ds/manifest.json"))
assert manifest["rows"]["used"] == 4

for model, shapes, numbers in (("t", {"weight": (1, 1), "bias": (1,), "codes": (2, 1)}, np.float64), ("n", {
        "output.weight": (1, 1), "output.bias": (1, 1), "output.codes": (2, 1)}, np.float32)):
    tensors = load_file(model + ".safetensors")
    assert {name: t.shape for name, t in tensors.items()} == shapes, tensors
    assert all(np.isfinite(t).all() and t.dtype == numbers for t in tensors.values()), tensors
with safe_open("t.safetensors", "np") as file:
    assert file.metadata()["kind"] == "peal model"
    json.loads(file.metadata()["pipeline"])
# Of many columns that are treated alike the pipeline's numbers and names are tensors.
tensors = load_file("w.safetensors")
assert bytes(tensors["names.0"]).decode() == "".join(f"é{i}\0" for i in range(20)), tensors
assert tensors["pipeline.0"].dtype == np.float64 and tensors["pipeline.0"].shape == (20,), tensors
assert tensors["weight"].shape == (1, 20), tensors
print("ok")
PYTHON

# Typed dates, times and instants are the features that their texts are; those of a place's zone are taken in UTC.
"$python" - <<'PYTHON'
import datetime as dt
import pyarrow as pa

begin = dt.datetime(2021, 3, 1, tzinfo=dt.timezone(dt.timedelta(hours=-5, minutes=-30)))
instants = [begin + dt.timedelta(hours=7 * i, seconds=i) for i in range(400)]
days = [(begin + dt.timedelta(days=i % 90)).date() for i in range(400)]
times = [dt.time(i % 24, i * 7 % 60, i * 11 % 60) for i in range(400)]
y = [i % 5 * 1.5 for i in range(400)]
table = pa.table({"at": pa.array(instants, pa.timestamp("us", "-05:30")), "day": pa.array(days, pa.date32()),
                  "time": pa.array(times, pa.time32("s")), "y": y})
place = table.set_column(0, "at", table["at"].cast(pa.timestamp("us", "America/New_York")))
for name, one in (("typed", table), ("place", place)):
    with pa.OSFile(f"{name}.arrow", "wb") as file, pa.ipc.new_file(file, one.schema) as writer:
        writer.write_table(one)
with open("typed.csv", "w") as file:
    print("at,day,time,y", file=file)
    for row in zip(instants, days, times, y):
        print(*(part.isoformat() if hasattr(part, "isoformat") else part for part in row), sep=",", file=file)
PYTHON
for name in typed.arrow typed.csv place.arrow; do
    $peal etl $name --label y --task regress --out $name.ds 2>$name.err || { cat $name.err >&2; fail "$name"; }
    for column in at day; do grep -qE "^column $column +text +date$" $name.err || { cat $name.err >&2; fail "$name: $column"; }; done
    grep -qE "^column time +text +number impute standardize$" $name.err || { cat $name.err >&2; fail "$name: time"; }
done
cmp typed.arrow.ds/train-00000.arrow typed.csv.ds/train-00000.arrow || fail "an instant's clock is another one in Arrow"
grep -q "column at: its times are taken in UTC" place.arrow.err || fail "$(cat place.arrow.err)"
! grep -q "taken in UTC" typed.arrow.err || fail "$(cat typed.arrow.err)"
