#!/usr/bin/env python3
"""JSON Lines to a dataset: Peal beside DuckDB and Polars, in one run, from the same files.

usage: jsonl.py FOLDER [REPEATS]        (make_clicks.py makes the folder, of which this makes JSON Lines in FOLDER/jsonl)

Wall seconds, seconds of CPU and peak memory of a process of its own for each, taking turns; medians. DuckDB: create table as, types found.
Polars: scan_ndjson, collected. Peal writes its dataset to disk, checksummed and fsynced, which the others do not.
"""
import glob
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEAL = os.path.join(HERE, "../../bazel-bin/tools/peal")


def make_lines(folder):
    """The same rows as one object a line; a file that is there is left as it is."""
    import polars

    lines = os.path.join(folder, "jsonl")
    os.makedirs(lines, exist_ok=True)
    for path in sorted(glob.glob(os.path.join(folder, "*.csv.gz"))):
        out = os.path.join(lines, os.path.basename(path)[: -len(".csv.gz")] + ".jsonl")
        if not os.path.exists(out):
            polars.read_csv(path).write_ndjson(out + ".part")
            os.rename(out + ".part", out)
    return os.path.join(lines, "*.jsonl")


def run(command):
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {command}")
    return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    folder, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    pattern = make_lines(folder)
    with tempfile.TemporaryDirectory() as work:
        contenders = {
            "peal etl": [PEAL, "etl", pattern, "--label", "label", "--out", os.path.join(work, "d"), "--quiet"],
            "duckdb": [sys.executable, "-c", f"import duckdb; duckdb.connect().execute(\"create table t as select * from read_json('{pattern}')\")"],
            "polars": [sys.executable, "-c", f"import polars; polars.scan_ndjson('{pattern}').collect()"],
        }
        results = {name: [] for name in contenders}
        for _ in range(repeats):
            for name, command in contenders.items():
                shutil.rmtree(os.path.join(work, "d"), ignore_errors=True)
                results[name].append(run(command))
    ours = [statistics.median(values) for values in zip(*results["peal etl"])]
    for name, values in results.items():
        seconds, cpu, memory = (statistics.median(column) for column in zip(*values))
        print(f"{name:10s} {seconds:6.2f} s  {cpu:6.2f} s of CPU  {memory:7.0f} MB peak   "
              f"peal is {seconds / ours[0]:5.2f} x, by CPU {cpu / ours[1]:5.2f} x")


if __name__ == "__main__":
    main()
