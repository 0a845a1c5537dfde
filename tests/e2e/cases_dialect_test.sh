#!/usr/bin/env bash
# Cases from the field, second part: how files are written and packed, and what lies beside them in a folder.
source tests/lib.sh
source "$root/tests/cases.sh"

base=$cases/18_site_a_daily.csv # 300 rows of a, b, c and y, from which most of the files were made

# same_as_base FILE...: the dataset's columns a, b, c and the classes of y are those of the FILEs, or of the base.
same_as_base() {
    local files=("$@")
    [ $# -gt 0 ] || files=("$base")
    rows "$(awk 'FNR > 1' "${files[@]}" | wc -l)"
    mean a "$(awk 'FNR > 1 || NR == 1' "${files[@]}" | average 1)"
    mean b "$(awk 'FNR > 1 || NR == 1' "${files[@]}" | average 2)"
    has_values c blue green red
    has_values y 0 1
}

# same_as_first N: the same, of the first N rows of the base.
same_as_first() {
    sed "$(($1 + 1))q" "$base" >first.csv
    same_as_base first.csv
}

# A table as it should be, as the measure of the others.
case_00() {
    etl "$base" --label y
    well
    same_as_base
    silent warning
}

# pandas to_csv with its index: the first name of the header is empty.
case_02() {
    etl "$cases/02_index_noname.csv" --label y
    well
    told 'column c1: it only says which row it is' type
    etl "$cases/02_index_noname.csv" --label y --type c1=number
    well
    rows 300 300
    mean c1 149.5
    mean a "$(average 2 <"$cases/02_index_noname.csv")"
    has_values c blue green red
    quick "$cases/02_index_noname.csv" --label y --model logistic --drop c1
    metric_least accuracy 0.6 "$cases/02_index_noname.csv"
    quick "$cases/02_index_noname.csv" --label y --model logistic --transform minmax:columns=c1
    metric_least accuracy 0.6 "$cases/02_index_noname.csv"
}

# GeoDa#390: names of columns that are years; the label is one of them.
case_03() {
    etl "$cases/03_years.csv" --label 2021
    well
    rows 200 200
    mean 2019 "$(average 2 <"$cases/03_years.csv")"
    mean 2020 "$(average 3 <"$cases/03_years.csv")"
    label_number 2021 "$(average 4 <"$cases/03_years.csv")"
}

# polars#9396, doris#1594: a folder that Spark wrote: _SUCCESS, a checksum, an empty part.
case_05() {
    etl "$cases/05_spark" --label y
    well
    same_as_base "$cases/05_spark/part-00000.csv" "$cases/05_spark/part-00002.csv"
    told 'part-00001\.csv' 'empty|0 rows'
}

# polars#2686: the same by a glob.
case_05b() {
    etl "$cases/05_spark/*" --label y
    well
    same_as_base "$cases/05_spark/part-00000.csv" "$cases/05_spark/part-00002.csv"
}

# polars#2686: an empty gzip file among others.
case_05c() {
    etl "$cases/05b_gz_empty" --label y
    well
    rows 3 3
    mean a 2
    told 'p1\.csv\.gz' 'empty|0 rows'
}

# Where all files are empty, or have a header only, there is nothing to make a dataset of.
case_05d() {
    mkdir all
    : >all/1.csv
    echo a,b,y >all/2.csv
    etl all --label y
    refused 'row|empty'
}

# pandas skipinitialspace: a blank after each comma.
case_06d() {
    etl "$cases/06d_label_blank.csv" --label y
    if [ "$code" = 0 ]; then same_as_base; else refused "--trim|' y'"; fi
    etl "$cases/06d_label_blank.csv" --label y --trim
    well
    same_as_base
}

# pandas skipinitialspace: quotes after blanks.
case_63() {
    etl "$cases/63_space_quote.csv" --label y --trim
    well
    rows 60 60
    has_values name n0 n1 n2
    has_values size 'small, round'
}

# RFC 4180: a blank between the closing quote and the comma is told, or a bad row.
case_63b() {
    cp "$cases/63b_quote_space.csv" in.csv
    etl in.csv --label y
    if [ "$code" != 0 ]; then
        refused 'in\.csv' 'line 2' 'quote'
    elif [ "$(values name | tr '\n' ' ')" != "n0 n1 n2 " ]; then
        told 'quote'
    fi
}

# duckdb PR582: marks of inches inside a field, an odd quote.
case_09() {
    etl "$cases/09_inches.csv" --label y
    well
    rows 60 60
    local parts
    mapfile -t parts < <(awk -F, 'NR > 1 { gsub(/"/, "\\\""); print $2 }' "$cases/09_inches.csv" | sort -u)
    [ ${#parts[@]} = 9 ]
    has_values part "${parts[@]}"
}

# duckdb PR582: a backslash before quotes: the rows are named, and the option that helps.
case_09b() {
    etl "$cases/09b_backslash.csv" --label y
    if [ "$code" = 0 ]; then
        mean x "$(awk -F, 'NR > 1 { s += $(NF - 1); n++ } END { printf "%.15g", s / n }' "$cases/09b_backslash.csv")"
        rows 60 60
    else
        refused 'line 2' '4 fields, expected 3' '--[a-z]'
    fi
}

# duckdb PR582: one quote inside a field.
case_09c() {
    etl "$cases/09c_odd_quote.csv" --label y
    well
    rows 60 60
    has_values part desk 'monitor 24\"'
}

# Quotes that mean nothing: a field begins with one that is never closed.
case_09d() {
    awk 'BEGIN { print "part,x,y"; for (i = 0; i < 40; i++) print (i % 2 ? "\"deep" : "flat") "," i "," i % 2 }' >never.csv
    etl never.csv --label y --quote none
    well
    rows 40 40
    has_values part '\"deep' flat
    mean x 19.5
}

# PapaParse#43: lines end in CR, as on old Macs.
case_10() {
    etl "$cases/10_cr_only.csv" --label y
    well
    same_as_first 50
}

# encoded FILE NAME...: is read with one of the NAMEs of its encoding.
encoded() {
    local name
    for name in "${@:2}"; do
        etl "$1" --label y --encoding "$name"
        [ "$code" != 0 ] || return 0
    done
    well
}

# duckdb encodings: UTF-16, as spreadsheets write "Unicode text": named, and read where it is named.
case_11() {
    etl "$cases/11_utf16.csv" --label y
    if [ "$code" != 0 ]; then refused '11_utf16\.csv' 'UTF-16' '--encoding'; else same_as_first 50; fi
    encoded "$cases/11_utf16.csv" utf-16 utf16 utf-16le UTF-16
    same_as_first 50
}

# duckdb encodings: Latin-1: named by line and byte, and read where it is named.
case_11b() {
    etl "$cases/11b_latin1.csv" --label y
    refused '11b_latin1\.csv' 'line 2' '0xe9' '--encoding'
    encoded "$cases/11b_latin1.csv" latin-1 latin1 iso-8859-1 Latin-1
    rows 50 50
    # The accent may be written as it is or as JSON's escape.
    [ "$(values c | tr '\n' ' ')" = "blue green rosé " ] || [ "$(values c | tr '\n' ' ')" = 'blue green ros\u00e9 ' ] ||
        wrong "the values of c are $(values c | tr '\n' ' ')"
    mean a "$(average 1 <"$cases/11b_latin1.csv")"
}

# duckdb encodings: Windows-1252 has a sign for the Euro that Latin-1 has not.
case_11c() {
    LC_ALL=C awk 'BEGIN { print "price,x,y"; for (i = 0; i < 40; i++) printf "%s,%d,%d\n", (i % 2 ? "\200uro" : "pound"), i, i % 2 }' >windows.csv
    [ "$(LC_ALL=C tr -dc '\200' <windows.csv | wc -c)" = 20 ]
    etl windows.csv --label y
    refused 'windows\.csv' 'line 3' '0x80' '--encoding'
    encoded windows.csv windows-1252 cp1252 Windows-1252
    [ "$(values price | tr '\n' ' ')" = "pound €uro " ] || [ "$(values price | tr '\n' ' ')" = '\u20acuro pound ' ] ||
        wrong "the values of price are $(values price | tr '\n' ' ')"
}

# A NUL byte in a text, NUL bytes at the end of the file: named, with their line.
case_12() {
    cp "$cases/12_nul.csv" in.csv # the file's name should not tell
    etl in.csv --label y
    refused 'in\.csv' 'line 4' 'NUL|0x00|byte 0\b'
}
case_12b() {
    cp "$cases/12b_nul_num.csv" in.csv
    etl in.csv --label y
    refused 'in\.csv' 'line 52' 'NUL|0x00|byte 0\b'
}

# pandas#4793, duckdb#12288: a byte order mark and quotes in each file, another order of columns, CRLF.
case_13() {
    etl "$cases/13_bom" --label y
    well
    same_as_base
}

# duckdb#4699: brackets in a file's name are no glob where there is such a file.
case_18() {
    cp "$base" '[Site A]_daily.csv'
    etl '[Site A]_daily.csv' --label y
    well
    same_as_base
}

# A comma at the end of the header and of all rows: an empty column without a name is left out.
case_21() {
    etl "$cases/21_trailing_sep.csv" --label y
    well
    same_as_base
    [ "$(columns | tr '\n' ' ')" = "a b c y " ] || grep -q '"role": "dropped"' <<<"$(fitted c5)" ||
        wrong "the columns are $(columns | tr '\n' ' ')"
}

# pandas#14124: a comma at the end of the rows only is an error, or read.
case_21b() {
    etl "$cases/21b_trailing_rows.csv" --label y
    if [ "$code" = 0 ]; then same_as_base; else refused '21b_trailing_rows\.csv' 'line 2' '5 fields, expected 4'; fi
}

# found_or FILE OPTION...: FILE is read as it is, or the message names the option's name and with the OPTIONs it is read.
found_or() {
    etl "$1" --label y
    if [ "$code" != 0 ]; then
        refused "$2"
        etl "$1" --label y "${@:2}"
        well
    fi
    same_as_base
}

# rainbow_csv#129: `sep=;` in the first line.
case_22() { found_or "$cases/22_sep.csv" --skip 1; }

# Two lines and an empty one stand before the header.
case_22b() { found_or "$cases/22b_preamble.csv" --skip 3; }

# A line of remark stands before the header.
case_22c() { found_or "$cases/22c_comment.csv" --comment '#'; }

# rainbow_csv#129: lines of remark among the rows.
case_22d() {
    sed '100i # the sensor was cleaned, twice, in May' "$cases/22c_comment.csv" >comments.csv
    found_or comments.csv --comment '#'
}

# CSV.jl#626: as many blanks as make the columns straight.
case_23() {
    etl "$cases/23_spaces.txt" --label c3 --delimiter blanks
    well
    rows 300 300
    mean c1 "$(awk '{ s += $1 } END { printf "%.15g", s / NR }' "$cases/23_spaces.txt")"
    mean c2 "$(awk '{ s += $2 } END { printf "%.15g", s / NR }' "$cases/23_spaces.txt")"
    has_values c3 0 1
}

# The same name twice: named, or told apart.
case_30() {
    etl "$cases/30_dup.csv" --label y
    if [ "$code" = 0 ]; then
        mean a "$(average 1 <"$cases/30_dup.csv")"
        told "'a'"
    else
        refused "'a'" 'two|twice|same'
    fi
}

# A byte 0x1A at the end, as DOS wrote it.
case_31() {
    etl "$cases/31_ctrlz.csv" --label y
    well
    same_as_base
}

# A line of blanks only is a blank line.
case_31b() {
    etl "$cases/31b_blank.csv" --label y
    well
    same_as_base
}

# Texts alone and no header: the names are those of the first row, which are shown; the option says otherwise.
case_38() {
    etl "$cases/38_alltext_nohead.csv" --label no
    well
    told 'b0'
    etl "$cases/38_alltext_nohead.csv" --label c3 --header no
    well
    rows 100 100
    has_values c3 no yes
    has_values c2 u v w
}

# Ends of lines inside quotes.
case_39() {
    etl "$cases/39_embedded.csv" --label y
    well
    rows 80 80
    local notes
    mapfile -t notes < <(awk -F'"' 'NR > 1 && NR % 2 == 0 { first = $2 } NR > 1 && NR % 2 { print first "\\n" $1 }' "$cases/39_embedded.csv" |
        LC_ALL=C sort -u)
    has_values note "${notes[@]}"
}

# A row with fewer fields is named; it can be left out or set aside.
case_43() {
    local mode
    etl "$cases/43_ragged.csv" --label y
    refused '43_ragged\.csv' 'line 32' '2 fields, expected 4'
    for mode in drop quarantine; do
        etl "$cases/43_ragged.csv" --label y --on-bad-row $mode
        well
        rows 299 300
        mean a "$(sed 32d "$cases/43_ragged.csv" | average 1)"
    done
    grep -q '32.87' ds/quarantine.jsonl || wrong "the row is not in the quarantine: $(ls ds)"
}

# cat of two files: the header stands in the middle too, and no column tells it by its type.
case_44() {
    etl "$cases/44_cat.csv" --label y
    refused '44_cat\.csv' 'line 102' 'header|names'
    etl "$cases/44_cat.csv" --label y --on-bad-row drop
    well
    rows 300 301
    has_values y n p
    has_values c blue green red
}

# A field of 6 MB.
case_45() {
    awk 'BEGIN { print "note,x,y"; for (i = 0; i < 50; i++) { if (i != 30) printf "n%d", i % 3
        else { long = "z"; while (length(long) < 6000000) long = long long; printf "%s", substr(long, 1, 6000000) }
        print "," i "," i % 2 } }' >long.csv
    etl long.csv --label y
    well
    rows 50 50
    mean x 24.5
    grep -qF '"n0"' <<<"$(fitted note | tr -d z)" || wrong "the column note is $(fitted note | cut -c 1-200)"
    [ "$(tr -dc z <ds/manifest.json | wc -c)" -ge 6000000 ] || wrong "the text of 6 MB is not among the values of note"
}

# duckdb#12288: the second file has one column more, which is told.
case_51() {
    etl "$cases/51_drift" --label y
    well
    rows 5 5
    mean a 1.8
    told 'extra' '2\.csv'
}

# duckdb#4720: the second file has one column less, which is an error that names it; or both orders give the same.
case_51b() {
    etl "$cases/51b_drift" --label y
    if [ "$code" != 0 ]; then
        refused 'extra' '2\.csv'
    else
        told 'extra'
        [ "$(columns | tr '\n' ' ')" = "a b y " ] || wrong "the columns are $(columns | tr '\n' ' ')"
    fi
}

# Each file has a header or has none.
case_52() {
    etl "$cases/52_nohead" --label y
    well
    rows 6 6
    mean a 2
    has_values y 0 1
}
case_52b() {
    etl "$cases/52b_head_only_later" --label y
    well
    rows 3 3
    mean a 2
    told '2\.csv'
}

# polars#9396: a README lies beside the data.
case_53() {
    etl "$cases/53_readme" --label y
    well
    rows 3 3
    mean a 2
    told 'README\.md'
}

# polars#9396: a hidden file of a Mac, and a folder inside: both are not read, the folder is told of (or read).
case_53b() {
    etl "$cases/53b_hidden" --label y
    well
    "$peal" inspect ds --json >inspect.json
    [ "$(json inspect.json rows.used)" = 6 ] && return
    rows 3 3
    told '\bsub\b'
}

# duckdb glob dialects: each file has its own delimiter.
case_54() {
    etl "$cases/54_delims" --label y
    well
    rows 6 6
    mean a 2
    mean b 2
    has_values y 0 1
}

# PapaParse#600, #861: semicolons, and commas in one name of the header.
case_56() {
    etl "$cases/56_delim_header.csv" --label y --type id=number
    well
    rows 100 100
    mean id 49.5
    mean 'amount (net, gross, total, EUR)' "$(average 2 ';' <"$cases/56_delim_header.csv")"
    has_values y 0 1
}

# packed FILE [PLAIN]: FILE is read, and holds the base, or the numbers of PLAIN.
packed() {
    etl "$1" --label y
    well
    if [ $# = 1 ]; then
        same_as_base
        return
    fi
    rows 300 300
    mean a "$(average 1 <"$2")"
    mean b "$(average 2 <"$2")"
    has_values y 0 1
}

# bun#31522, zlib#984: zeros after the last member.
case_17b() { packed "$cases/17b_zeros.csv.gz"; }

# zlib#984: members with nothing in them between others.
case_17c() { packed "$cases/17c_multi_emptymember.csv.gz"; }

# gzip data in a file that is named .csv.
case_17d() { packed "$cases/17d_gz_named.csv"; }

# bgzip writes many small members.
case_17i() { packed "$cases/17i_bgzip.csv.gz" "$cases/17_plain.csv"; }

# libdeflate#31: a header with 64 KB of extra field and a checksum of its own.
case_17j() { packed "$cases/17j_long_header.csv.gz" "$cases/17_plain.csv"; }

# Rubbish behind the data, a file that ends too early, a wrong checksum: named by byte.
case_17a() {
    etl "$cases/17_garbage.csv.gz" --label y
    refused '17_garbage\.csv\.gz' 'byte 1978'
    etl "$cases/17h_truncated_tail.csv.gz" --label y
    refused '17h_truncated_tail\.csv\.gz' 'truncated' 'byte 1975'
    etl "$cases/17o_bad_crc.csv.gz" --label y
    refused '17o_bad_crc\.csv\.gz' 'checksum'
}

# Files that other programs packed.
case_17e() { packed "$cases/17e.csv.bz2"; }
case_17f() { packed "$cases/17f.csv.xz"; }
case_17g() { packed "$cases/17g.zip"; }
case_17k() { packed "$cases/17k_twice.csv.gz" "$cases/17_plain.csv"; }
case_17l() { packed "$cases/17l.tar.gz" "$cases/17_plain.csv"; }
case_17m() { packed "$cases/17m.csv.zst"; }
case_17t() {
    gunzip -c "$cases/17l.tar.gz" >plain.tar
    packed plain.tar "$cases/17_plain.csv"
}

# A file that says of itself that it is Zstandard and is broken is named as such.
case_17x() {
    etl "$cases/17m_bad.csv.zst" --label y
    refused '17m_bad\.csv\.zst' 'zstd|zstandard'
}

# What cannot be read is named for what it is: Parquet, a workbook, a page, a document.
case_17n() {
    cp "$cases/17n.parquet" table.bin
    etl table.bin --label y
    refused 'table\.bin' 'Parquet'
}
case_17p() {
    cp "$cases/17p.xlsx" table.bin
    etl table.bin --label y
    refused 'table\.bin' 'xlsx|Excel|spreadsheet|workbook'
}
case_17q() {
    printf '<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n<body><p>Please, sign in</p></body></html>\n' >download.csv
    etl download.csv --label y
    refused 'download\.csv' '(^|[^<])\bHTML\b([^>]|$)'
}
case_17r() {
    printf '%%PDF-1.4\n%%\342\343\317\323\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%%%EOF\n' >report.csv
    etl report.csv --label y
    refused 'report\.csv' '(^|[^%])\bPDF\b([^-]|$)'
}

run_cases "$@"
