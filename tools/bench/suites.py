#!/usr/bin/env python3
"""The edge cases of other projects' tests: what Peal, Polars and DuckDB make of each file.

usage: suites.py --peal PROGRAM --suites FOLDER [--only TEXT] [--list [CONTENDER]] [--refused]    (needs pyarrow, polars and duckdb)

FOLDER has a folder for each suite. Every file goes through each contender with nothing but the options that its suite asks for
(NEEDS below), so that what is found by itself counts too; Polars looks for no dialect. Each outcome is one of
  right    what was read is what this script reads itself with Python's own modules: rows, names and values
  refused  Peal: exit code 2 or 3 and one sentence that names the file; a peer: an exception
  other    a crash, a panic, no end within 20 s, a table that is not the one expected, or a refusal of another shape
A picture is no table, so its refusal is right. Of other files that hold no table refusal is called `refused`: none of them is to be read.
A text table may have more than one reading, for nothing in it says whether its first line is a header, what quotes, whether quotes that
fit no rule are letters, or whether what cuts a few lines of many is a delimiter. All are computed, and one must fit. A file that Peal refused although it has a reading could have been read: --refused lists these. `other` is not
always wrong: where a line has more fields than the others, this script knows no table but people may.

Peal is run twice where it reads a file: as it is, for names and rows; and with `keep` for all columns, for the values as they were.
A peer's values are those of its default types; where it made a date or a time of a text, only what is missing is compared.
Each peer runs in a process of its own for each suite, which is started again after a crash.
"""
import argparse
import collections
import csv
import fnmatch
import gzip
import io
import itertools
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib

TIMEOUT_SECONDS = 20
CONTENDERS = ["peal", "polars", "duckdb"]

Table = collections.namedtuple("Table", "names rows")  # rows: a list of values each. names: None if no header tells them
Outcome = collections.namedtuple("Outcome", "verdict detail")  # verdict: read (detail: a Table), refused or other (detail: why)

# What a suite says in its own tests that a file needs: the first pattern that matches counts. The gzip suites are about bytes, not tables:
# their text is read as one column of lines.
LINES = {"delimiter": "|", "header": False}
NEEDS = [
    ("gzip-misc/*311*", {}),
    ("gzip-*.json", {}),
    ("gzip-*", LINES),
    ("pngsuite/*README", LINES),
    ("duckdb-csv/encodings/*latin1*", {"encoding": "latin1"}),
    ("duckdb-csv/encodings/*utf16*", {"encoding": "utf-16"}),
    ("duckdb-csv/encodings/shift_jis*", {"encoding": "shift_jis"}),
    ("duckdb-csv/pollock/*0x20*", {"delimiter": " "}),
    ("duckdb-csv/pollock/*0x27*", {"quote": "'"}),
    ("duckdb-csv/comments/*", {"comment": "#"}),
]


def needs_of(name):
    return next((needs for pattern, needs in NEEDS if fnmatch.fnmatch(name, pattern)), {})


# ---- The independent reader: all tables that a file may be, none if it is no table ----

GENERATED = re.compile(r"c\d+|column_?\d+")  # names of columns without a name: Peal's, Polars' and DuckDB's
MISSING = {"", "na", "n/a", "nan", "null", "\\n", "none", "-", "--", "?", ".", "nil", "missing"}
COMMA_NUMBER = re.compile(r"[-+]?(\d+(,\d+)?|\d{1,3}(,\d{3})+(\.\d*)?)")  # a decimal comma, or one between thousands
NOWHERE = "\x1f"  # a delimiter that stands in no text
UNREADABLE = (csv.Error, EOFError, OSError, UnicodeDecodeError, ValueError, RecursionError, zipfile.BadZipFile, zlib.error)


def plain_bytes(path):
    """The bytes behind the codec. One that is broken raises."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        import pyarrow

        return pyarrow.input_stream(io.BytesIO(data), compression="zstd").read()
    if path.endswith(".zlib"):
        return zlib.decompress(data)
    if path.endswith(".deflate"):
        return zlib.decompress(data, -zlib.MAX_WBITS)
    return data


def unpacked(data):
    """The files of an archive, one behind the other; other bytes as they are."""
    file = io.BytesIO(data)
    if tarfile.is_tarfile(file):
        archive = tarfile.open(fileobj=file)
        files = [archive.extractfile(member).read() for member in archive if member.isfile()]
        return b"".join(files) or data  # 1,024 bytes of 0 are an archive without files, and may be meant as bytes
    if data[:4] == b"PK\x03\x04":
        archive = zipfile.ZipFile(file)
        return b"".join(map(archive.read, archive.namelist()))
    return data


def readings_of(path, name):
    if name.endswith(".png"):
        return []
    try:
        data = unpacked(plain_bytes(path))
        if name.endswith(".json"):
            return json_readings(data, name)
        return csv_readings(data, needs_of(name)) + lines_of_json(data)
    except UNREADABLE:
        return []


def json_readings(data, name):
    """An object or an array of objects is a table. Of other valid JSON, and of what may be taken either way, only the rows are told."""
    either = os.path.basename(name).startswith("i_")
    text = data.decode("utf-8-sig", "replace" if either else "strict")

    def refuse(constant):
        raise ValueError(constant + " is not JSON")

    value = json.loads(text, parse_int=str, parse_float=str, parse_constant=refuse)
    records = value if isinstance(value, list) else [value]
    if not either and records and all(isinstance(record, dict) for record in records):
        return [flat_table(records)]
    return [Table([], [[]] * len(records))]


def lines_of_json(data):
    """The reading as JSON Lines, if all lines are objects."""
    try:
        records = [json.loads(line) for line in data.decode().split("\n") if line.strip()]
    except ValueError:
        return []
    return [flat_table(records)] if records and all(isinstance(record, dict) for record in records) else []


def flat_table(records):
    """Objects within become columns a.b, arrays are left out, as in Peal; columns in the order of their names."""

    def leaves(value, path):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from leaves(inner, f"{path}.{key}" if path is not None else key)
        elif not isinstance(value, list):
            yield path, value

    rows = [dict(leaves(record, None)) for record in records]
    names = sorted(set(itertools.chain.from_iterable(rows)))
    return Table(names, [[row.get(name) for name in names] for row in rows])


def csv_readings(data, needs):
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16")
    else:
        text = data.decode(needs.get("encoding", "utf-8")).removeprefix("\ufeff")
    if not text.strip():
        return [Table([], [])]
    texts = [text]
    if "comment" in needs:  # of whole lines only, or behind a row too
        texts = ["".join(line for line in text.splitlines(True) if not line.startswith(needs["comment"]))]
        texts.append(re.sub(re.escape(needs["comment"]) + "[^\r\n]*", "", text))
    if text.endswith("\x1a"):  # the end-of-file mark of DOS, or a letter
        texts.append(text[:-1])
    quotings = [{"quotechar": needs.get("quote", '"')}]
    if re.search(r"(^|[,;|\t])'", text, re.MULTILINE):
        quotings.append({"quotechar": "'"})
    if "\\" in text:
        quotings.append({"escapechar": "\\", "doublequote": False})
    if re.search(r'[,;|\t] +"', text):
        quotings.append({"skipinitialspace": True})
    delimiters = [needs["delimiter"]] if "delimiter" in needs else [",", ";", "\t", "|"]
    found = [rows for text, quoting in itertools.product(texts, quotings) for rows in grids(text, delimiters, quoting)]
    if not found:  # the quotes fit no rule, so they may be letters like others
        found = grids(texts[0], delimiters, {"quoting": csv.QUOTE_NONE})
    found += [rows for text in texts for rows in grids(text, delimiters, quotings[0], loose_rows)]
    return [table for rows in found for table in with_and_without_header(rows, needs.get("header"))]


def strict_rows(text, delimiter, **quoting):
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, **quoting))


def loose_rows(text, delimiter, quotechar):
    """The rows of a text whose quotes fit no rule, as they often are not doubled within a field, or are letters: text behind a quote that
    closes belongs to its field; what begins and ends with a quote is quoted, and what only begins with one is as it stands."""
    try:
        return strict_rows(text, delimiter, quotechar=quotechar)
    except csv.Error:
        pass
    quote, separator = re.escape(quotechar), re.escape(delimiter)
    field = re.compile(
        f"{quote}(?:[^{quote}]|{quote}{quote})*{quote}(?=[{separator}\r\n]|\\Z)"  # as the rule is
        f"|{quote}(?:[^{quote}\r\n]|{quote}{quote})*{quote}[^{separator}\r\n]*"  # with text behind the second quote
        f"|[^{separator}\r\n]*"
    )
    rows, at, goes_on = [], 0, False
    while at < len(text) or goes_on:
        value = field.match(text, at).group()
        at += len(value)
        if len(value) > 1 and value[0] == value[-1] == quotechar:
            value = value[1:-1].replace(quotechar * 2, quotechar)
        rows.append(rows.pop() + [value] if goes_on else [value])
        goes_on = text.startswith(delimiter, at)
        at += 2 if text.startswith("\r\n", at) else 1
    return rows


def grids(text, delimiters, quoting, read=strict_rows):
    """All rows of fields that a delimiter cuts evenly, and the lines as one column, if none cuts or few are cut."""
    cut = {}
    for delimiter in delimiters:
        try:
            cut[delimiter] = read(text, delimiter, **quoting)
        except csv.Error:
            pass
    wide = list(itertools.chain.from_iterable(map(rectangles, cut.values())))
    narrow = [rows for rows in cut.values() if all(len(row) < 2 for row in rows)]
    if wide or not any(delimiter in text for delimiter in cut if cut[delimiter] in narrow) and len(narrow) < len(cut):
        narrow = []  # what cuts some lines, unevenly, may be a delimiter, and nothing says that it stands within quotes
        if len(cut) == len(delimiters) > 1 and all(cuts_few(*item) for item in cut.items()):
            narrow = [read(text, NOWHERE, **quoting)]
    lines = [[row or [""] for row in rows] for rows in narrow]
    return wide + lines + [[row for row in rows if row != [""]] for rows in lines]  # an empty line is a missing value, or nothing


def cuts_few(delimiter, rows):
    """True if most lines are whole, as those of plain text are, or if nothing is cut but numbers written with commas."""
    pieces = [delimiter.join(row) for row in rows if len(row) > 1]
    return 2 * len(pieces) < sum(map(bool, rows)) or all(map(COMMA_NUMBER.fullmatch, pieces))


def rectangles(grid):
    """The rows if all have as many fields, more than one, but for lines in front. A delimiter at each line's end may be none."""
    rows = [row for row in grid if len(row) > 1 or "".join(row).strip()]
    if not rows:
        return []
    width = len(rows[-1])
    front = next(i for i, row in enumerate(rows) if len(row) in (width, width - 1 if not rows[-1][-1] else width))
    if front > len(rows) / 2:
        return []
    rows = rows[front:]
    choices = [rows]
    if all(not row[-1] for row in rows[1:]):
        choices.append([row[: width - 1] for row in rows if len(row) < width or not row[-1]])
        choices[-1] = choices[-1] if len(choices[-1]) == len(rows) else []
    return [choice for choice in choices if choice and len(choice[0]) > 1 and len(set(map(len, choice))) == 1]


def number_or_date(text):
    return number(text) is not None or re.fullmatch(r"\d+([-/.:]\d+){1,2}([ T].*)?", text.strip()) is not None


def with_and_without_header(rows, header):
    """Both readings, unless the kinds of the values or the suite tell whether the first row is a header."""
    if not rows:
        return []
    first, rest = rows[0], rows[1:]
    if header is None and rest:
        typed = [all(number_or_date(row[i]) for row in rest) for i in range(len(first))]
        if all(map(number_or_date, first)) and all(typed):
            header = False
        elif any(typed) and len(set(first)) == len(first) and all(cell.strip() and not number_or_date(cell) for cell in first):
            header = True
    return ([] if header is False else [Table(first, rest)]) + ([] if header else [Table(None, rows)])


# ---- Comparing ----

def number(value):
    if isinstance(value, bool):
        return None
    try:
        return float(str(value).replace("_", "x"))  # Python reads 1_000, no table does
    except ValueError:
        return None


def same_value(got, expected):
    text = "" if expected is None else str(expected).strip()
    if text.lower() in MISSING:
        return got is None or str(got).strip().lower() in MISSING
    if isinstance(got, bool):  # of true, yes, 1...
        return got == (text[0] in "tTyY1")
    if got is None or number(got) is not None:
        return got is not None and number(got) == number(text)
    return not isinstance(got, str) or got.strip() in (text, text.lower())  # Python's True is JSON's true


def difference(got, expected):
    """None, or how far the two agree and a sentence about where they do not."""
    if len(got.rows) != len(expected.rows):
        return 0, f"{len(got.rows)} rows, expected {len(expected.rows)}"
    if expected.names == []:  # only the count is known
        return None
    width = len(expected.rows[0] if expected.names is None else expected.names)
    if len(got.names) != width:
        return 1, f"{len(got.names)} columns, expected {width}"
    if expected.names is None:
        strange = [name for name in got.names if not GENERATED.fullmatch(name)]
        if strange:
            return 2, f"column '{strange[0]}', but there is no header"
    else:  # an empty name, and one that stands there twice, may be replaced by another
        names = [name.strip() for name in expected.names]
        for mine, theirs in zip(got.names, names):
            if theirs and names.count(theirs) == 1 and mine.strip() != theirs:
                return 2, f"column '{mine}', expected '{theirs}'"
    for at, (mine, theirs) in enumerate(zip(got.rows, expected.rows)):
        for name, x, y in zip(got.names, mine, theirs):
            if not same_value(x, y):
                return 3 + at, f"row {at + 1}, column '{name}': {x!r}, expected {y!r}"
    return None


def judge(outcome, readings, name):
    """right, refused or other, and why."""
    if outcome.verdict == "refused" and name.endswith(".png"):
        return "right", outcome.detail
    if outcome.verdict != "read":
        return outcome
    differences = [difference(outcome.detail, reading) for reading in readings]
    if None in differences:
        return "right", ""
    shape = f"{len(outcome.detail.rows)} rows of {len(outcome.detail.names)} columns"
    return "other", f"{shape}; " + (max(differences)[1] if differences else "expected a refusal")


# ---- Contenders ----

class Peal:
    def __init__(self, program, work):
        self.program, self.work = program, work

    def etl(self, path, needs, extra=()):
        """Exit code (None if out of time), standard error without warnings, and the dataset."""
        out = tempfile.mkdtemp(dir=self.work) + "/dataset"
        options = [text for key, value in needs.items() for text in (f"--{key}", {False: "no", True: "yes"}.get(value, value))]
        command = [self.program, "etl", path, "--out", out, "--quiet", *options, *extra]
        try:
            run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            return None, "no end within the time limit", out
        errors = run.stderr.decode(errors="replace").strip().split("\n")
        return run.returncode, "\n".join(line for line in errors if not line.startswith("warning: ")), out

    def read(self, path, needs):
        if needs == LINES:  # a column of texts that are all different is left out unless it is asked for
            code, message, out = self.etl(path, needs, ["--transform", "keep:columns=c1"])
        else:
            code, message, out = self.etl(path, needs)
        if code in (2, 3) and message.startswith("peal: ") and "\n" not in message and path in message:
            return Outcome("refused", message)
        if code != 0:
            return Outcome("other", f"exit code {code}: {message}")
        with open(out + "/manifest.json") as file:
            manifest = json.load(file)
        names = [name for entry in manifest["pipeline"]["columns"] for name in entry.get("names", [entry.get("name")])]
        table = self.kept(path, needs, names)
        if isinstance(table, Table) and len(table.rows) != manifest["rows"]["used"]:
            return Outcome("other", f"{manifest['rows']['used']} rows, but {len(table.rows)} where all columns are kept")
        return Outcome("read", table) if isinstance(table, Table) else Outcome("other", f"with keep: {table}")

    def kept(self, path, needs, names):
        """The table with all values as they were written, or why there is none."""
        import pyarrow.ipc

        job = os.path.join(self.work, "job.yaml")
        with open(job, "w") as file:
            file.write("transforms:\n  - {transform: keep, columns: " + json.dumps(names, ensure_ascii=False) + "}\n")
        code, message, out = self.etl(path, needs, ["--job", job])
        if code != 0:
            return f"exit code {code}: {message}"
        rows = []
        for shard in sorted(file for file in os.listdir(out) if file.endswith(".arrow")):
            table = pyarrow.ipc.open_file(os.path.join(out, shard)).read_all()
            rows += list(zip(*(table.column(name).to_pylist() for name in names)))
        return flat_table([dict(zip(names, row)) for row in rows]) if path.endswith(".json") else Table(names, rows)


def polars_read(path, needs):
    import polars

    if path.endswith(".json"):
        frame = polars.read_json(path)
        return flat_table(frame.to_dicts())
    words = {"delimiter": "separator", "header": "has_header", "quote": "quote_char", "comment": "comment_prefix", "encoding": "encoding"}
    frame = polars.read_csv(path, glob=False, **{words[key]: value for key, value in needs.items()})
    return Table(frame.columns, frame.rows())


def duckdb_read(path, needs):
    import duckdb

    words = {"delimiter": "delim", "latin1": "latin-1"}
    options = {"hive_partitioning": False} | {words.get(key, key): words.get(value, value) for key, value in needs.items()}
    with open(path, "rb") as file:
        if file.read(2) == b"\x1f\x8b":  # it goes by the name's end otherwise
            options["compression"] = "gzip"
    function = "read_json" if path.endswith(".json") else "read_csv"
    arguments = "".join(f", {key}={value!r}" if isinstance(value, bool) else ", {}='{}'".format(key, value.replace("'", "''"))
                        for key, value in options.items())
    cursor = duckdb.connect().execute(f"select * from {function}(?{arguments})", [path])
    names, rows = [column[0] for column in cursor.description], cursor.fetchall()
    return flat_table([dict(zip(names, row)) for row in rows]) if path.endswith(".json") else Table(names, rows)


def serve(read, pipe):
    """The process of a peer: an outcome for each path."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a panic's words
    while True:
        path, needs = pipe.recv()
        try:
            pipe.send(Outcome("read", read(path, needs)))
        except Exception as error:
            pipe.send(Outcome("refused", f"{type(error).__name__}: {error}"))
        except BaseException as error:  # PanicException of Polars is no Exception
            pipe.send(Outcome("other", f"{type(error).__name__}: {error}"))


class Peer:
    def __init__(self, read):
        self.function, self.process = read, None

    def read(self, path, needs):
        if self.process is None:
            self.pipe, far_end = multiprocessing.Pipe()
            self.process = multiprocessing.Process(target=serve, args=(self.function, far_end), daemon=True)
            self.process.start()
            far_end.close()
            self.patience = 60  # the first answer has to wait until the library is loaded
        try:
            self.pipe.send((path, needs))
            if self.pipe.poll(self.patience):
                self.patience = TIMEOUT_SECONDS
                return self.pipe.recv()
            reason = "no end within the time limit"
        except (EOFError, OSError):
            self.process.join()
            reason = f"crashed: exit code {self.process.exitcode}"
        self.stop()
        return Outcome("other", reason)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


# ---- The program ----

def files_of(suites, only):
    for folder, folders, files in os.walk(suites):
        folders.sort()
        for file in sorted(files):
            name = os.path.relpath(os.path.join(folder, file), suites)
            if only in name and os.path.dirname(name):
                yield name


def main():
    parser = argparse.ArgumentParser(description="The edge cases of other projects' tests through Peal, Polars and DuckDB.")
    parser.add_argument("--peal", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bazel-bin/tools/peal"))
    parser.add_argument("--suites", required=True, help="the folder of suites")
    parser.add_argument("--only", default="", help="only files with this text in their name")
    parser.add_argument("--list", nargs="?", const="peal", default="", choices=CONTENDERS, help="name each file that is `other` for Peal (or another), and why")
    parser.add_argument("--refused", action="store_true", help="name each file that Peal refused although it has a reading")
    options = parser.parse_args()
    multiprocessing.set_start_method("spawn")
    csv.field_size_limit(sys.maxsize)

    counts = collections.defaultdict(collections.Counter)  # of (verdict, contender), by suite
    with tempfile.TemporaryDirectory() as work:
        for suite, names in itertools.groupby(files_of(options.suites, options.only), lambda name: name.split(os.sep)[0]):
            contenders = dict(zip(CONTENDERS, [Peal(options.peal, work), Peer(polars_read), Peer(duckdb_read)]))
            for name in names:
                path = os.path.join(options.suites, name)
                readings = readings_of(path, name)
                for contender, reader in contenders.items():
                    verdict, why = judge(reader.read(path, needs_of(name)), readings, name)
                    counts[suite][verdict, contender] += 1
                    listed = verdict == "other" and contender == options.list
                    if listed or options.refused and verdict == "refused" and contender == "peal" and readings:
                        print(f"{verdict}: {name}: {why}", flush=True)
            for reader in contenders.values():
                if isinstance(reader, Peer):
                    reader.stop()

    verdicts = ["right", "refused", "other"]
    print("suite              files" + "".join(f"   {contender + ': right':>13s}  refused  other" for contender in CONTENDERS))
    counts["total"] = sum(counts.values(), collections.Counter())
    for suite, count in counts.items():
        numbers = "".join("   {:13d}  {:7d}  {:5d}".format(*(count[verdict, contender] for verdict in verdicts)) for contender in CONTENDERS)
        print(f"{suite:17s} {sum(count.values()) // len(CONTENDERS):6d}{numbers}")


if __name__ == "__main__":
    main()
