#!/usr/bin/env python3
"""Reading 5 M rows x 12 columns from SQLite and PostgreSQL into a dataset, beside bare readers of the same rows, in turn.

usage: tools/bench/sql.py PEAL FOLDER [ROWS]     (PGHOST and PGUSER name a server whose database `postgres` may get a table peal_bench)

SQLite: Python's sqlite3 steps over all rows (nothing is kept), and DuckDB's scanner where its extension can be had.
PostgreSQL: two psql, each COPY (format binary) of half of the table's pages to /dev/null.
"""
import os
import random
import sqlite3
import subprocess
import sys
import shutil
import time

COLUMNS = "id, y, a, b, c, d, e, f, g, h, i, j"


def make_sqlite(path, rows):
    if os.path.exists(path):
        return
    base = sqlite3.connect(path)
    base.execute("create table t (id integer primary key, y integer, a integer, b integer, c integer, d real, e real, f real, g real, h text, i text, j text)")
    random.seed(1)
    base.executemany("insert into t values (?,?,?,?,?,?,?,?,?,?,?,?)", (
        (k, k % 2, k * 7919 % 10007, k // 3, k % 17, random.random(), k / 7, None if k % 10 == 0 else k * 0.25, random.random() * 1000,
         "category-%d" % (k * 31 % 1000), "category-%d" % (k % 10), "x%d" % (k % 50)) for k in range(1, rows + 1)))
    base.commit()


def make_postgresql(rows):
    sql = f"""drop table if exists peal_bench; create table peal_bench as select k::bigint id, k % 2 y, (k::bigint * 7919 % 10007)::int a, k / 3 b, k % 17 c,
        random() d, k / 7.0::float8 e, case when k % 10 = 0 then null else k * 0.25::float8 end f, random() * 1000 g, 'category-' || (k * 31::bigint % 1000) h,
        'category-' || k % 10 i, 'x' || k % 50 j from generate_series(1, {rows}) k"""
    psql(sql)
    psql("vacuum analyze peal_bench")


def psql(sql):
    return subprocess.run(["psql", "-qAt", "-d", "postgres", "-c", sql], check=True, capture_output=True, text=True).stdout.strip()


def timed(run):
    begin = time.time()
    run()
    return time.time() - begin


def peal(program, source, folder):
    out = os.path.join(folder, "dataset")
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([program, "etl", source, "--out", out, "--label", "y", "--quiet"], check=True)


def step_over(path):
    for _ in sqlite3.connect(path).execute("select * from t"):
        pass


def copy_halves():
    middle = int(psql("select pg_relation_size('peal_bench') / 8192 / 2"))
    jobs = [subprocess.Popen(["psql", "-q", "-d", "postgres", "-c", f"copy (select {COLUMNS} from peal_bench where ctid {where}) to stdout (format binary)"],
                             stdout=subprocess.DEVNULL) for where in (f"< '({middle},0)'", f">= '({middle},0)'")]
    assert all(job.wait() == 0 for job in jobs)


def main():
    program, folder = sys.argv[1], sys.argv[2]
    rows = int(sys.argv[3]) if len(sys.argv) > 3 else 5000000
    path = os.path.join(folder, "bench.db")
    make_sqlite(path, rows)
    runs = [("SQLite: peal etl", lambda: peal(program, f"sqlite:{path}?table=t", folder)), ("SQLite: Python steps over all rows", lambda: step_over(path))]
    try:
        import duckdb
        duckdb.execute("install sqlite; load sqlite")
        runs.append(("SQLite: DuckDB to Parquet", lambda: duckdb.execute(
            f"copy (select * from sqlite_scan('{path}', 't')) to '{folder}/x.parquet'")))
    except Exception as why:
        print("DuckDB's scanner is left out:", str(why).splitlines()[0])
    if os.environ.get("PGHOST"):
        make_postgresql(rows)
        runs += [("PostgreSQL: peal etl", lambda: peal(program, "postgresql:///postgres?table=peal_bench", folder)),
                 ("PostgreSQL: two COPY to /dev/null", copy_halves)]
    best = {}
    for _ in range(3):
        for name, run in runs:
            best[name] = min(best.get(name, 1e9), timed(run))
    for name, seconds in best.items():
        print(f"{name}: {seconds:.2f} s, {rows / seconds / 1e6:.2f} M rows/s")


main()
