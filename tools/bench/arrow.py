#!/usr/bin/env python3
"""An Arrow file to a dataset: Peal beside a copy in memory of as many bytes, and Polars reading the same file.

usage: arrow.py FILE [REPEATS]        (a file of 2 M rows x 40 columns is made if there is none)

Wall seconds, GB/s of the file and peak memory of a process of its own for each, taking turns; medians. Peal reads the file
twice over (once to hash it, once for its columns), fits, and writes its dataset to disk, checksummed and fsynced. Polars
keeps the table in memory.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEAL = os.path.join(HERE, "../../bazel-bin/tools/peal")
ROWS, NUMBERS, TEXTS = 2_000_000, 36, 3


def make(path):
    import numpy
    import pyarrow
    import pyarrow.ipc
    random = numpy.random.default_rng(1)
    columns = {f"n{i}": random.normal(size=ROWS) for i in range(NUMBERS)}
    words = pyarrow.array([f"value {i}" for i in range(1000)])
    for i in range(TEXTS):
        codes = pyarrow.array(random.integers(0, 1000, ROWS), pyarrow.int32())
        columns[f"c{i}"] = pyarrow.DictionaryArray.from_arrays(codes, words)
    columns["y"] = random.integers(0, 2, ROWS)
    table = pyarrow.table(columns)
    with pyarrow.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


def run(command):
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {command}")
    # The copy tells its own time: that of the copy alone.
    return float(said) if said.strip() else time.perf_counter() - begin, usage.ru_maxrss / 1024


COPY = """
import sys, time
import numpy
words = numpy.ones(int(sys.argv[1]) // 8)
to = numpy.empty_like(words)
to[:] = 0
begin = time.perf_counter()
to[:] = words
print(time.perf_counter() - begin)
"""


def main():
    path, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    if not os.path.exists(path):
        make(path)
    size = os.path.getsize(path)
    with tempfile.TemporaryDirectory() as work:
        contenders = {
            "peal etl": [PEAL, "etl", path, "--label", "y", "--out", os.path.join(work, "d"), "--quiet"],
            "memcpy": [sys.executable, "-c", COPY, str(size)],
            "polars": [sys.executable, "-c", f"import polars; polars.scan_ipc({path!r}).collect()"],
        }
        results = {name: [] for name in contenders}
        for _ in range(repeats):
            for name, command in contenders.items():
                shutil.rmtree(os.path.join(work, "d"), ignore_errors=True)
                results[name].append(run(command))
    for name, values in results.items():
        seconds, memory = statistics.median(v[0] for v in values), statistics.median(v[1] for v in values)
        print(f"{name:10s} {seconds:6.2f} s  {size / seconds / 1e9:6.2f} GB/s  {memory:7.0f} MB peak")


if __name__ == "__main__":
    main()
