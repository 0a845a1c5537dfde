#!/usr/bin/env python3
"""Makes the click log of the ETL benchmark: ROWS rows of a label, 13 numbers with gaps and 26 categories, in gzip files.

usage: make_clicks.py FOLDER [ROWS] [FILES]

The numbers are whole and heavy-tailed, a third of some columns is missing; the categories are hexadecimal words whose
frequencies follow a power law, with 4 to 100,000 distinct ones a column. Needs numpy and polars. The same arguments give
the same rows.
"""
import gzip
import multiprocessing
import os
import sys

import numpy as np
import polars as pl

CARDINALITIES = [1500, 550, 100000, 50000, 300, 20, 12000, 600, 4, 50000, 5000, 80000, 3200, 27, 11000, 60000, 10, 4800,
                 2000, 4, 70000, 18, 15, 40000, 90, 30000]


def word(column, code):
    return f"{(code * 2654435761 + column * 40503 + 97) & 0xFFFFFFFF:08x}"


def make_file(job):
    path, rows, seed = job
    rng = np.random.default_rng(seed)
    columns = {"label": (rng.random(rows) < 0.26).astype(np.int8)}
    for i in range(13):
        values = np.floor(np.exp(rng.normal(1.0 + 0.3 * (i % 5), 1.2, rows))).astype(np.int64) - (i % 3)
        missing = rng.random(rows) < 0.03 * (i % 12)
        columns[f"n{i + 1}"] = pl.Series(values).set(pl.Series(missing), None)
    for i, distinct in enumerate(CARDINALITIES):
        words = pl.Series([word(i, code) for code in range(distinct)])
        codes = np.minimum(distinct * rng.random(rows) ** 3, distinct - 1).astype(np.int64)
        columns[f"c{i + 1}"] = words.gather(codes)
    text = pl.DataFrame(columns).write_csv().encode()
    with open(path, "wb") as out, gzip.GzipFile("", "wb", 6, out, mtime=0) as packed:
        packed.write(text)
    return len(text)


def main():
    folder = sys.argv[1]
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000
    files = int(sys.argv[3]) if len(sys.argv) > 3 else 16
    os.makedirs(folder, exist_ok=True)
    jobs = [(os.path.join(folder, f"clicks-{i:02d}.csv.gz"), rows // files, i) for i in range(files)]
    with multiprocessing.get_context("spawn").Pool() as pool:
        size = sum(pool.imap(make_file, jobs))
    print(f"{rows // files * files} rows, {size / 1e6:.0f} MB as text, in {files} files in {folder}")


if __name__ == "__main__":
    main()
