#!/usr/bin/env python3
"""CSV in gzip files to a dataset: Peal beside DuckDB and Polars, in one run, from the same files.

usage: etl.py [--hash] FOLDER [REPEATS]        (make_clicks.py makes the folder)

Wall seconds and peak memory of a process of its own for each, taking turns; medians. DuckDB: create table as, types found.
Polars: scan_csv, collected. Peal writes its dataset to disk, checksummed and fsynced, which the others do not.

With --hash each of the 26 text columns becomes a column of codes, of 2^22 buckets by the hash of its texts, as one prepares them for
a model of hashed features: Peal's transform hash, Polars' and DuckDB's hash() and a remainder.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEAL = os.path.join(HERE, "../../bazel-bin/tools/peal")


def run(command):
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {command}")
    return time.perf_counter() - begin, usage.ru_maxrss / 1024


TEXTS = [f"c{i}" for i in range(1, 27)]
BITS = 22


def plain_programs(pattern):
    return {
        "duckdb": f"import duckdb; duckdb.connect().execute(\"create table t as select * from read_csv('{pattern}')\")",
        "polars": f"import polars; polars.scan_csv('{pattern}').collect()",
    }


def hashed_programs(pattern):
    buckets = 1 << BITS
    replaced = ", ".join(f"(hash({name}) % {buckets})::uinteger as {name}" for name in TEXTS)
    query = f"create table t as select * replace ({replaced}) from read_csv('{pattern}')"
    return {
        "duckdb": f'import duckdb; duckdb.connect().execute("{query}")',
        "polars": f"import polars as pl; pl.scan_csv('{pattern}').with_columns("
                  f"[(pl.col(name).hash() % {buckets}).cast(pl.UInt32) for name in {TEXTS}]).collect()",
    }


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--hash", action="store_true")
    parser.add_argument("folder")
    parser.add_argument("repeats", nargs="?", type=int, default=5)
    args = parser.parse_args()
    pattern = os.path.join(args.folder, "*.csv.gz")
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "d")
        steps = ["--transform", f"hash:bits={BITS},columns={'+'.join(TEXTS)}"] if args.hash else []
        contenders = {"peal etl": [PEAL, "etl", pattern, "--label", "label", "--out", out, "--quiet"] + steps}
        programs = hashed_programs(pattern) if args.hash else plain_programs(pattern)
        contenders.update((name, [sys.executable, "-c", program]) for name, program in programs.items())
        results = {name: [] for name in contenders}
        for _ in range(args.repeats):
            for name, command in contenders.items():
                shutil.rmtree(out, ignore_errors=True)
                results[name].append(run(command))
    ours = statistics.median(seconds for seconds, _ in results["peal etl"])
    for name, values in results.items():
        seconds, memory = statistics.median(v[0] for v in values), statistics.median(v[1] for v in values)
        print(f"{name:10s} {seconds:6.2f} s  {memory:7.0f} MB peak   peal is {seconds / ours:5.2f} x")


if __name__ == "__main__":
    main()
