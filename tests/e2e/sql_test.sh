#!/usr/bin/env bash
# Tables and queries of databases: SQLite, whose tables are read in ranges, of one moment; what is wrong is named.
source tests/lib.sh
command -v python3 >/dev/null || skip "python3 is not installed"
python3 -c 'import sqlite3' 2>/dev/null || skip "python3 has no sqlite3"

# The same rows as a table and as CSV; 600,000 rowids with gaps make several ranges.
cat >make.py <<'END'
import csv, random, sqlite3, sys
path, rows = sys.argv[1], int(sys.argv[2])
random.seed(1)
base = sqlite3.connect(path)
base.execute("create table orders (id integer primary key, x real, n integer, c text, code text, day date, y integer, raw blob)")
outs = [csv.writer(open(path + name, "w"), lineterminator="\n") for name in (".csv", ".1.csv", ".2.csv", ".3.csv")]
for out in outs: out.writerow(["id", "x", "n", "c", "day", "y"])
for i in range(rows):
    row = [1 + i * 60, random.choice([None, random.random(), i / 7]), random.choice([None, i, -i * 10**9]),
           random.choice([None, "a", "b", 'with "quotes", and more letters', "\u00e9t\u00e9"]), "2024-%02d-%02d" % (i % 12 + 1, i % 28 + 1), i * 7 % 3]
    base.execute("insert into orders values (?,?,?,?,?,?,?,x'00ff')", row[:4] + ["%05d" % (i % 10)] + row[4:])
    for out in (outs[0], outs[1 + i * 60 // 199981]): out.writerow(["" if v is None else v for v in row])  # ranges of 199,981 rowids
base.execute("create table mixed (k integer, v numeric, y integer)")
base.executemany("insert into mixed values (?,?,?)", [(i, i if i % 3 else "%d" % i if i % 2 else "word%d" % (i % 4), i % 2) for i in range(300)])
base.execute("create table without_ids (name text primary key, y integer) without rowid")
base.executemany("insert into without_ids values (?,?)", [("n%d" % (i % 100 * 7), i) for i in range(100)])
base.execute("create table taken (rowid text, _rowid_ text, oid text, y integer)")
base.executemany("insert into taken values ('a','b','c',?)", [(i % 2,) for i in range(50)])
base.execute("create table empty (a integer, y integer)")
base.execute("create table holes (id integer primary key, y integer)")
base.executemany("insert into holes values (?,?)", [(i, abs(i) % 2) for i in (-2**63, -5, 0, 7, 2**63 - 1)])
base.execute("create table bad (v integer, t text, y integer)")
base.executemany("insert into bad values (?,?,?)", [(5, "a", 0), (b"\x01\x02", "b", 1), (7, b"\xff", 1), (8, "d", 0), (9, "a", 1)])
base.execute("create view even as select id, x, n, c, day, y from orders where id % 120 = 1")
base.commit()
END
python3 make.py shop.db 10000
"$peal" etl shop.db.csv --out reference --label y --quiet
"$peal" etl shop.db.{1,2,3}.csv --out parts --label y --quiet

# The dataset is that of the CSV file for any number of threads; a query, a view and a range give the same values.
query='sqlite:shop.db?query=select id, x, n, c, day, y from orders'
"$peal" etl "$query" --out query --label y --quiet
cmp query/train-00000.arrow reference/train-00000.arrow || fail "a query gives other rows than CSV"
for end in ';' ' ; ;%0A' ' -- all;' '; -- all' ';%0A-- all%0A /* of them; */ '; do
    "$peal" etl "$query$end" --out ended --label y --quiet
    cmp ended/train-00000.arrow reference/train-00000.arrow || fail "a query that ends with '$end' gives other rows"
done
for threads in 1 2 5; do
    "$peal" etl 'sqlite:shop.db?table=orders' --out "table$threads" --label y --drop code --threads "$threads" 2>err.txt
    cmp "table$threads/train-00000.arrow" parts/train-00000.arrow || fail "$threads threads: a table gives other rows than CSV"
done
grep -q "column raw is left out: it was declared to hold BLOBs" err.txt || fail "$(cat err.txt)"
[ "$(grep -o '"path"' table1/manifest.json | wc -l)" = 3 ] || fail "there are not three ranges"
"$peal" etl 'sqlite:shop.db?table=even' --out view --label y --quiet
[ "$(json view/manifest.json rows.in)" = 5000 ] || fail "a view"
for table in without_ids=100 taken=50 holes=5; do
    rm -rf d
    "$peal" etl "sqlite:shop.db?table=${table%=*}" --out d --label y --quiet
    [ "$(json d/manifest.json rows.in)" = "${table#*=}" ] || fail "$table: $(json d/manifest.json rows.in)"
done

# A column's own type tells where it has one: 00001 stays text. A column that holds texts as well is text.
"$peal" etl 'sqlite:shop.db?query=select code, y from orders' --out codes --label y --quiet
grep -q '"index"' codes/manifest.json || fail "a code became a number"
"$peal" etl 'sqlite:shop.db?table=mixed' --out mixed --label y --quiet
"$peal" train 'sqlite:shop.db?table=orders' --label y --out model.safetensors --seed 1 --epochs 1 --quiet
"$peal" predict model.safetensors "$query limit 5" --out predicted.csv --quiet 2>err.txt && fail "a column was missed by nobody"
"$peal" predict model.safetensors 'sqlite:shop.db?query=select * from orders limit 5' --out predicted.csv --quiet
[ "$(wc -l <predicted.csv)" = 6 ] || fail "five rows"

# A BLOB among other values makes a bad row, in a column of any type.
"$peal" etl 'sqlite:shop.db?table=bad' --out blobs --label y --on-bad-row quarantine --json --quiet >blobs.json
[ "$(json blobs.json rows.quarantined)" = 2 ] && [ "$(json blobs.json rows.used)" = 3 ] || fail "BLOBs: $(cat blobs.json)"
grep -q "column 'v': it is a BLOB" blobs/quarantine.jsonl && grep -q "column 't': it is a BLOB" blobs/quarantine.jsonl || fail "$(cat blobs/quarantine.jsonl)"
"$peal" etl 'sqlite:shop.db?query=select v, t, y from bad where typeof(v) <> "blob" and typeof(t) <> "blob"' --out whole --label y --quiet
cmp blobs/train-00000.arrow whole/train-00000.arrow || fail "BLOBs: other rows"

# What is wrong is named.
expect 3 "did you mean 'orders'?" "$peal" etl 'sqlite:shop.db?table=order' --out d1 --label y
expect 3 "no such column: z" "$peal" etl 'sqlite:shop.db?query=select z from orders' --out d1 --label y
expect 3 "one SELECT was expected" "$peal" etl 'sqlite:shop.db?query=select 1; select 2' --out d1 --label y
for statement in 'delete from orders' "attach 'x.db' as x" 'pragma user_version=3' ' ' 'vacuum'; do
    expect 3 "one SELECT was expected" "$peal" etl "sqlite:shop.db?query=$statement" --out d1 --label y
done
expect 3 "not authorized" "$peal" etl 'sqlite:shop.db?query=select load_extension(1)' --out d1 --label y
[ ! -e x.db ] || fail "a query made a file"
expect 3 "parameter" "$peal" etl 'sqlite:shop.db?query=select y from orders where id=?' --out d1 --label y
expect 3 "line 2: column 'v': it is a BLOB" "$peal" etl 'sqlite:shop.db?table=bad' --out d1 --label y
expect 3 "not one row" "$peal" etl 'sqlite:shop.db?table=empty' --out d1 --label y
expect 3 "no such file: none.db" "$peal" etl 'sqlite:none.db?table=orders' --out d1 --label y
expect 3 "not a database" "$peal" etl 'sqlite:shop.db.csv?table=orders' --out d1 --label y
expect 2 "add ?table=NAME" "$peal" etl sqlite:shop.db --out d1 --label y
expect 2 "nothing called 'tabel'" "$peal" etl 'sqlite:shop.db?tabel=orders' --out d1 --label y
expect 2 "one table or one query" "$peal" etl 'sqlite:shop.db?table=a&query=b' --out d1 --label y
expect 2 "%XX" "$peal" etl 'sqlite:shop.db?query=select y from orders where c like %b' --out d1 --label y
expect 2 "a file was expected" "$peal" etl 'sqlite:?table=orders' --out d1 --label y
expect 2 "it is read by this job too" "$peal" predict model.safetensors 'sqlite:shop.db?table=orders' --out shop.db
expect 3 "sqlite:FILE?table=NAME" "$peal" etl shop.db --out d1 --label y
head -c 200000 shop.db >short.db
expect 3 "SQLite" "$peal" etl 'sqlite:short.db?table=orders' --out d1 --label y
[ ! -e d1 ] || fail "there is a dataset in spite of all"

# A writer at work: the rows are those of one moment, in which each batch is there as a whole. Its log is kept.
cat >writer.py <<'END'
import sqlite3, sys, time
base = sqlite3.connect("busy.db", timeout=60)
base.execute("pragma journal_mode=" + sys.argv[1])
base.execute("create table if not exists t (id integer primary key, batch integer, y integer)")
end, batch = time.time() + float(sys.argv[2]), 0
while time.time() < end:
    # 1,000 rows, half of them in front and half behind all others
    with base:
        base.executemany("insert into t values (?,?,?)", [(s * (1000000 + batch * 500 + i), batch, i % 2) for s in (1, -1) for i in range(500)])
    batch += 1
    if batch == 3: print("on", flush=True)
    time.sleep(0.002)
END
for mode in wal delete; do
    rm -f busy.db* on.txt
    python3 writer.py "$mode" 60 >on.txt &
    writer=$!
    wait_for test -s on.txt
    for i in 1 2; do
        rm -rf d
        "$peal" etl 'sqlite:busy.db?table=t' --out d --label y --quiet
        rows=$(json d/manifest.json rows.in)
        [ "$rows" -gt 0 ] && [ $((rows % 1000)) = 0 ] || fail "$mode: $rows rows are of no single moment"
    done
    kill "$writer" 2>/dev/null
    wait "$writer" || true
done

# The cache knows a database that has not changed, and one that has, also in the log and within one tick of the clock.
"$peal" train 'sqlite:shop.db?table=holes' --label y --out m1.safetensors --seed 1 --epochs 1 2>err1.txt
"$peal" train 'sqlite:shop.db?table=holes' --label y --out m2.safetensors --seed 1 --epochs 1 2>err2.txt
cmp m1.safetensors m2.safetensors
grep -q "cache" err2.txt || fail "$(cat err2.txt)"
for mode in wal delete; do
    python3 - "$mode" <<'END' &
import sqlite3, sys, time
base = sqlite3.connect("shop.db"); base.execute("pragma journal_mode=" + sys.argv[1])
base.execute("pragma wal_autocheckpoint=0")
base.execute("update holes set y = 1 - y where id = 7"); base.commit(); open("changed", "w").close(); time.sleep(60)
END
    holder=$!
    until [ -e changed ]; do sleep 0.02; done
    rm -rf changed d
    "$peal" etl 'sqlite:shop.db?table=holes' --out d --label y --quiet
    mv d "last_$mode"
    kill "$holder"
    wait "$holder" || true
done
cmp -s last_wal/train-00000.arrow last_delete/train-00000.arrow && fail "a change in the log was not seen"

# A database with a log, closed, of a folder that nobody may write to.
if [ "$(id -u)" != 0 ]; then
    mkdir locked && cp shop.db locked/ && python3 -c "import sqlite3; b = sqlite3.connect('locked/shop.db'); b.execute('pragma journal_mode=wal'); b.close()"
    chmod a-w locked locked/shop.db
    rm -rf d
    "$peal" etl 'sqlite:locked/shop.db?table=holes' --out d --label y --quiet
    chmod u+w locked
fi

# kill -9 and --resume end in the same bits; nothing is left beside the database.
"$peal" etl 'sqlite:shop.db?table=orders' --out killed --label y --drop code --threads 1 --quiet &
job=$!
sleep 0.05
kill -9 "$job" 2>/dev/null || true
wait "$job" || true
[ -d killed ] || "$peal" etl 'sqlite:shop.db?table=orders' --out killed --label y --drop code --resume --quiet
cmp killed/train-00000.arrow parts/train-00000.arrow || fail "resumed"
[ -z "$(ls shop.db-* 2>/dev/null)" ] || fail "$(ls shop.db-*)"
