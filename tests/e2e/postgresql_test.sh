#!/usr/bin/env bash
# Tables and queries of PostgreSQL: types, ranges of one moment while others write, errors, and no password anywhere. The server is a
# private one on a Unix socket.
source tests/lib.sh
server=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$server/initdb" ] || skip "postgresql is not installed"
base=$work/server
mkdir "$base"
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then # the server does not run as root: it sees another user, who owns what root does
    unshare --user --map-user=1 --map-group=1 true 2>/dev/null || skip "unshare does not work here"
    as() { unshare --user --map-user=1 --map-group=1 "$@"; }
fi
socket=$(mktemp -d /tmp/peal-pg-XXXXXX) # a socket's path may have 107 bytes
as "$server/initdb" -D "$base/data" -U peal -A trust -N >initdb.txt 2>&1 || skip "initdb does not work here: $(tail -n 1 initdb.txt)"
as "$server/postgres" -D "$base/data" -k "$socket" -c listen_addresses= -c fsync=off -c shared_buffers=16MB >server.txt 2>&1 &
trap 'kill -QUIT "$(head -n 1 "$base/data/postmaster.pid")" 2>/dev/null; rm -rf "$socket"' EXIT
export PGHOST=$socket PGUSER=peal PGPASSWORD=sesame-7
wait_for psql -d postgres -c ''
psql -q -d postgres -v ON_ERROR_STOP=1 <<'END'
create type mood as enum ('sad', 'glad');
create table orders (id bigint, s smallint, i int, f real, d double precision, n numeric(12,2), ok bool, t text, v varchar(9), day date, at timestamp,
    atz timestamptz, u uuid, m mood, j jsonb, tags text[], raw bytea, y int);
insert into orders select i, i % 100, -i, i / 4.0, i / 7.0::float8, case when i % 10 = 0 then null else i / 100.0 - 7 end, i % 2 = 0, case when i % 7 = 0 then null else
    'text, "quoted" ' || i % 13 end, 'v' || i % 5, date '1999-12-01' + i % 90, timestamp '2024-02-29 12:00:00.25' + i * interval '1 s', timestamptz '2024-02-29 12:00:00+00' + i *
    interval '1 s', md5((i % 3)::text)::uuid, case when i % 2 = 0 then 'sad'::mood else 'glad' end, '{"a": 1}', '{a,b}', '\x00', i * 7 % 3 from generate_series(1, 3000) i;
create table wide (id int, filler text, y int);
alter table wide alter filler set storage plain;
insert into wide select i, repeat('x', 7000), i % 2 from generate_series(1, 9000) i;
create table parent (x int, y int);
create table child () inherits (parent);
insert into parent values (1, 0); insert into child values (2, 1);
create table counted (batch int, y int);
create table late (day date, at timestamp, n numeric, f real, y int);
insert into late select case when i % 50 = 0 then 'infinity' else date '2024-01-01' + i end, case when i % 40 = 0 then '-infinity' else timestamp '2024-01-01 12:00' + i * interval
    '1 h' end, case when i = 7 then 'infinity'::numeric else i / 4.0 end, case when i = 9 then '-infinity'::real else i end, i % 2 from generate_series(1, 200) i;
create sequence counter;
create table nothing (x int, y int);
create table unused as select i id, null::int a, null::timestamp b, null::date c, i % 2 y from generate_series(1, 40) i;
create view even as select id, y from orders where id % 2 = 0;
END
url=postgresql:///postgres
# As the server itself writes it: the same dataset as of its CSV. What CSV cannot tell (that a column is text, or true) it is told.
columns='id, s, i, f, d, n, t, v, day, u, m, y'
psql -q -d postgres -c "\\copy (select $columns from orders) to orders.csv csv header"
"$peal" etl orders.csv --out reference --label y --quiet
"$peal" etl "$url?query=select $columns from orders -- all" --out query --label y --quiet
cmp query/train-00000.arrow reference/train-00000.arrow || fail "a query gives other rows than CSV"
for end in ';' ' ; ;%0A' ' -- all;' '; -- all' ';%0A-- all%0A /* of /* them; */ */ '; do
    "$peal" etl "$url?query=select $columns from orders$end" --out ended --label y --quiet
    cmp ended/train-00000.arrow reference/train-00000.arrow || fail "a query that ends with '$end' gives other rows"
done
"$peal" etl "$url?table=orders" --out table --label y 2>err.txt
for left in "tags is left out: it is a list" "raw is left out: it is binary data"; do grep -qF "$left" err.txt || fail "$(cat err.txt)"; done
[ "$(json table/manifest.json rows.in)" = 3000 ] || fail "a table"
"$peal" etl "$url?query=select ok, at, atz, j, y from orders" --out times --label y --quiet
psql -q -d postgres -c "\\copy (select ok::text, to_char(at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US') as at, to_char(atz at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as atz, j::text, y from orders) to times.csv csv header"
"$peal" etl times.csv --out times_csv --label y --type ok=bool --quiet || "$peal" etl times.csv --out times_csv --label y --quiet
cmp times/train-00000.arrow times_csv/train-00000.arrow || fail "times"

# What is infinite is what it is in a CSV file: a time is none, and told, a number makes a bad row.
psql -q -d postgres -c "\\copy (select day, to_char(at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US') as at, n, f, y from late where at > '-infinity') to late.csv csv header"
"$peal" etl "$url?query=select * from late where at > '-infinity'" --out late --label y --on-bad-row drop --json 2>late.txt >late.json
"$peal" etl late.csv --out late_csv --label y --on-bad-row drop --json 2>late_csv.txt >late_csv.json
[ "$(json late.json rows.dropped)" = 2 ] || fail "infinite numbers: $(cat late.json)"
cmp late/train-00000.arrow late_csv/train-00000.arrow || fail "infinite values give other rows than CSV: $(cat late.txt late_csv.txt)"
grep -q "infinity" late.txt || fail "infinite dates are not told: $(cat late.txt)"

# Columns of numbers and of times without one value, as tables often have, are left out and told.
"$peal" etl "$url?table=unused" --out unused --label y --json 2>err.txt >unused.json
grep -qF "3 columns (a ... c): no row to learn from has a value, so they are left out" err.txt || fail "$(cat err.txt)"
[ "$(json unused.json rows.used)" = 40 ] || fail "$(cat unused.json)"

# Gaps at every place among fields of one size, which are measured together.
psql -q -d postgres <<'END'
create table gaps as select i a, nullif(i::bigint, i / 1000 * 1000 + 7) b, case when i % 11 > 0 then i / 4.0::float4 end c, case when i % 13 > 0 then i / 7.0::float8 end d,
    case when i % 17 > 0 then i::smallint end e, case when i % 19 > 3 then -i end f, case when i % 3 > 0 then 'text ' || i % 50 end g, case when i % 2 > 0 then i::bigint * 1000000 end h,
    i % 5 j, case when i % 29 > 0 then i end k, case when i % 31 > 0 then i end l, case when i % 37 > 0 then i end m, case when i % 41 > 0 then i end n, i % 2 y from generate_series(1, 9000) i;
END
psql -q -d postgres -c '\copy gaps to gaps.csv csv header'
"$peal" etl gaps.csv --out gaps_csv --label y --quiet 2>/dev/null
for threads in 1 2 4; do
    "$peal" etl "$url?table=gaps" --out "gaps$threads" --label y --threads "$threads" --quiet 2>/dev/null
    cmp "gaps$threads/train-00000.arrow" gaps_csv/train-00000.arrow || fail "gaps, with $threads threads"
done

# Ranges of pages, by any number of threads.
for threads in 1 3; do "$peal" etl "$url?table=public.wide" --drop filler --out "wide$threads" --label y --threads "$threads" --quiet; done
[ "$(json wide1/manifest.json rows.in)" = 9000 ] || fail "ranges"
[ "$(grep -o 'from page' wide1/manifest.json | wc -l)" = 3 ] || fail "there are not three ranges"
cmp wide1/train-00000.arrow wide3/train-00000.arrow || fail "threads"
"$peal" etl "$url?table=parent" --out parent --label y --quiet
[ "$(json parent/manifest.json rows.in)" = 2 ] || fail "rows of a table that inherits are missed"
"$peal" etl "$url?table=even" --out even --label y --quiet

# One moment while batches of 1,000 rows come, in several ranges.
psql -q -d postgres -c 'insert into counted select 0, i % 2 from generate_series(1, 1000) i'
(while :; do echo "insert into counted select 1, i % 2 from generate_series(1, 1000) i;"; done | psql -q -d postgres >/dev/null 2>&1) &
writer=$!
for _ in 1 2 3; do
    rm -rf d
    "$peal" etl "$url?table=counted" "$url?query=select batch, y from counted" --out d --label y --quiet
    rows=$(json d/manifest.json rows.in)
    [ $((rows % 2000)) = 0 ] || fail "$rows rows are of no single moment"
done
pkill -P "$writer" || true
kill "$writer" 2>/dev/null || true

# Trained and predicted; a cache entry is made anew, for nothing tells whether a server's rows are the same.
"$peal" train "$url?table=orders" --label y --out m.safetensors --epochs 1 --seed 1 --quiet
"$peal" predict m.safetensors "$url?query=select * from orders order by id limit 7" --out p.csv --quiet
[ "$(wc -l <p.csv)" = 8 ] || fail "seven rows"

# What is wrong is named, and nothing of a password.
expect 3 "did you mean 'orders'?" "$peal" etl "$url?table=order" --out d1 --label y
expect 3 'column "z" does not exist' "$peal" etl "$url?query=select z from orders" --out d1 --label y
expect 3 "multiple commands" "$peal" etl "$url?query=select 1; select 2" --out d1 --label y
expect 3 "one SELECT was expected" "$peal" etl "$url?query=delete from orders" --out d1 --label y
expect 3 "PostgreSQL" "$peal" etl "$url?query=delete from orders returning *" --out d1 --label y
expect 3 "read-only" "$peal" etl "$url?query=select nextval('counter') as a, 1 as y" --out d1 --label y
expect 3 "late: line 7: " "$peal" etl "$url?table=late" --out d1 --label y
expect 3 "not one row" "$peal" etl "$url?table=nothing" --out d1 --label y
expect 3 "PostgreSQL" "$peal" etl 'postgresql:///none?table=orders' --out d1 --label y
expect 2 "was expected" "$peal" etl "$url" --out d1 --label y
for name in postgresql://peal:sesame-8@/postgres?table=orders 'postgresql:///postgres?table=orders&password=sesame-8' 'postgresql://peal:sesame-8@h:x:y/p?table=a'; do
    expect 2 "PostgreSQL source" "$peal" etl "$name" --out d1 --label y
    ! grep -q sesame err.txt || fail "a password is shown: $(cat err.txt)"
done
! grep -rlE 'sesame' --include='*.json*' . || fail "a password is in a file"

# Ended at once while the server works.
begin=$SECONDS
"$peal" etl "$url?query=select pg_sleep(60)::text as a, 1 as y" --out d1 --label y --quiet 2>err.txt &
job=$!
until_heeds "$job"
sleep 0.5
kill -INT "$job"
wait "$job" && fail "an interrupted job ended well"
[ $((SECONDS - begin)) -lt 10 ] || fail "an interrupted job went on"
for _ in $(seq 100); do
    left=$(psql -d postgres -Atc "select count(*) from pg_stat_activity where application_name = 'peal'")
    [ "$left" = 0 ] && break || sleep 0.1
done
[ "$left" = 0 ] || fail "$left connections are left"
[ ! -e d1 ] || fail "there is a dataset in spite of all"

# A statement that says nothing is waited for, or only so long.
begin=$SECONDS
expect 3 "the server sent nothing for 1 s (--sql-stall-seconds)" "$peal" etl "$url?query=select pg_sleep(60)::text as a, 1 as y" --out d1 --label y --sql-stall-seconds 1
[ $((SECONDS - begin)) -lt 30 ] || fail "a silent server was waited for"
grep -q "canceling statement due to user request" server.txt || fail "a statement that was given up was not cancelled: $(tail -n 5 server.txt)"
expect 2 "a whole number from 1" "$peal" etl "$url?table=orders" --out d1 --sql-stall-seconds 0
