#!/usr/bin/env python3
"""Rows of 40 columns from a pipe into windows: what `peal etl --follow` takes, beside the same file read as a whole.

usage: windows.py FOLDER [REPEATS]        (make_clicks.py makes the folder)

The files are unpacked once into one CSV, which cat writes into the pipe. Each run writes its dataset, a shard of 100,000 rows a
window, checksummed and fsynced. Told are rows a second by the clock, and by the CPU time of the program alone (what two cores
would give if they had nothing else to do); medians. The first window is what transforms are fitted on; the rate of those behind it, by the
times of their shards, is told by itself. The machine's load is told, for the clock means little where it is above 0.5.
"""
import glob
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WINDOW = 100000  # rows
PEAL = os.path.join(HERE, "../../bazel-bin/tools/peal")


def unpack(folder, path):
    rows = 0
    with open(path, "wb") as out:
        for i, name in enumerate(sorted(glob.glob(os.path.join(folder, "*.csv.gz")))):
            with gzip.open(name) as packed:
                header = packed.readline()
                if i == 0:
                    out.write(header)
                for block in iter(lambda: packed.read(1 << 20), b""):
                    rows += block.count(b"\n")
                    out.write(block)
    return rows


def run(command, stdin):
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {command}")
    return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def follow(path, out):
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
        return run([PEAL, "etl", "-", "--label", "label", "--follow", "--window", str(WINDOW), "--out", out, "--quiet"], cat.stdout)


def whole(path, out):
    return run([PEAL, "etl", path, "--label", "label", "--out", out, "--quiet"], None)


def rate_behind_first(out):
    """Rows a second from the first shard to the last whole one."""
    times = [os.stat(shard).st_mtime_ns * 1e-9 for shard in sorted(glob.glob(os.path.join(out, "train-*.arrow")))[:-1]]
    return WINDOW * (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else float("nan")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    repeats = int(sys.argv[2]) if len(sys.argv) == 3 else 5
    work = tempfile.mkdtemp(prefix="peal-stream-")
    try:
        path = os.path.join(work, "clicks.csv")
        rows = unpack(sys.argv[1], path)
        print(f"{rows} rows, {os.path.getsize(path) / 1e6:.0f} MB, load {os.getloadavg()[0]:.1f}")
        behind = []
        results = {"windows from a pipe": (follow, []), "the file as a whole": (whole, [])}
        for _ in range(repeats):
            for function, found in results.values():
                out = os.path.join(work, "out")
                found.append(function(path, out))
                if function is follow:
                    behind.append(rate_behind_first(out))
                shutil.rmtree(out)
        for name, (_, found) in results.items():
            wall, cpu, memory = (statistics.median(column) for column in zip(*found))
            print(f"{name}: {wall:.2f} s, {rows / wall:,.0f} rows/s by the clock; {cpu:.2f} s of CPU, "
                  f"{2 * rows / cpu:,.0f} rows/s of two cores; {memory:.0f} MB")
        print(f"windows behind the first: {statistics.median(behind):,.0f} rows/s by the clock")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
