/* What the parts of the CSV format share: the dialect of one input, its separators and fields. Private to the format.
 */
#ifndef PEAL_ETL_FORMAT_CSV_H
#define PEAL_ETL_FORMAT_CSV_H

#include "etl/format/format.h"

/* How one input writes its rows: what the options say, and for the rest what its beginning tells. */
typedef struct csv__dialect {
    char delimiter;
    bool blanks; /* runs of blanks and tabs are one delimiter */
    bool trim;   /* blanks around fields are dropped */
    bool header;
    bool header_given; /* by an option */
    bool doubtful;     /* the header: it might as well be a row, for all of its fields stand in other rows, too */
    bool carriage;     /* lines end in CR alone */
    char quote;        /* 0: none */
    char escape;       /* takes what follows it literally within quotes; 0: none */
    char comment;      /* lines that begin with it are left out; 0: none */
    size_t begin;      /* bytes in front of the header or the first row: a mark, sep=, a preamble */
    size_t columns;    /* fields of the first record */
    peal_spelling spelling;
} csv__dialect;

/* What a dialect can be told by, besides the text. */
typedef struct csv__evidence {
    const char *name;          /* of the input */
    const peal_schema *schema; /* columns that are wanted; NULL: none are known yet */
    const char *label;         /* a column that there should be, or NULL */
    const peal_reporter *reporter;
    char tab_or_none; /* '\t': the format is tab-separated; else 0 */
} csv__evidence;

extern const peal_option csv__options[];

/* The dialect of an input that begins with `text`, which may be changed (CR becomes LF), with room for one more byte
 * and PEAL_BLOCK_PADDING behind; `*size` grows by a last line's end if `whole`, that is if the text is all there is. */
peal_status csv__find_dialect(const json_t *options, const csv__evidence *evidence, char *text, size_t *size,
                              bool whole, csv__dialect *out, peal_error *err);
/* Takes a last byte 0x1A off, ends the last line; `*size` may grow by one. Of a text that is all there is. */
void csv__end_text(char *text, size_t *size);

/* Marks for which there must be room, beyond one for each byte. */
enum { CSV_MARKS_PADDING = 8 };

/* Writes the positions of all delimiters and newlines outside of quotes to `marks` (with room for `size` and
 * CSV_MARKS_PADDING) and returns how many. A quote counts only at the beginning of a field (after blanks, if `trim`),
 * as RFC 4180 has it, and not if the one that would close it stands on another line with text behind it. A line of
 * comment has one mark, at its end. *open_quote is the position of a quote that is never closed, or SIZE_MAX. `text` is
 * readable 64 bytes beyond `size`. */
size_t csv__marks(const csv__dialect *dialect, const char *text, size_t size, uint32_t *marks, size_t *open_quote);
/* How many quotes close a field and have text behind them, as none has that is written by the dialect. *first is where
 * the first of these fields begins. */
size_t csv__loose_quotes(const csv__dialect *dialect, const char *text, size_t size, size_t *first);
/* The length of the whole records at the beginning of the text, which begins with a record; 0 if there is none. */
size_t csv__whole_records(const csv__dialect *dialect, const char *text, size_t size);
/* How much of a beginning is enough to see how it is written, and its first record: some KB, more if the lines are
 * long.
 */
size_t csv__enough(const char *text, size_t size);
bool csv__is_ascii(const char *text, size_t size);

extern const char csv__delimiters[]; /* those that are looked for where none is given */

/* Of the beginning of a text that no delimiter cuts evenly, so that its lines are whole: the delimiter that seems to
 * separate fields in most of them. */
typedef struct csv__cuts {
    char delimiter;
    size_t lines, cut;             /* those that were looked at, and those that it seems to cut */
    size_t first_cut, first_whole; /* bytes where the first of either kind begins; SIZE_MAX: there is none */
} csv__cuts;
csv__cuts csv__find_cuts(const csv__dialect *dialect, char *text, size_t size, uint32_t *marks);
/* Refuses a text of which the half of the lines or more seem to be cut. */
peal_status csv__check_cuts(const csv__dialect *dialect, const csv__cuts *cuts, const char *name, char *text,
                            size_t size, uint32_t *marks, peal_error *err);
/* Tells that a delimiter is text, if it seems to cut some lines. */
void csv__report_cuts(const csv__cuts *cuts, const char *name, const char *text, const peal_reporter *reporter);

/* A field of a record without its quotes, blanks and doubled quotes; `text` may be changed. */
typedef struct csv__field {
    char *text;
    size_t length;
    bool quoted;
    bool odd; /* blanks stand behind the closing quote */
} csv__field;
csv__field csv__field_of(const csv__dialect *dialect, char *begin, char *end);
/* The same with quotes within as they stand there: the text is not changed, and so can be looked at again. */
csv__field csv__outer_field(const csv__dialect *dialect, char *begin, char *end);

/* A record of a text whose marks are known: fields lie between marks[first .. first + count - 1]. */
typedef struct csv__records {
    const csv__dialect *dialect;
    char *text;
    const uint32_t *marks;
    size_t mark_count, next; /* of the marks */
    size_t begin;            /* of the next record */
} csv__records;
typedef struct csv__record {
    size_t begin, end;   /* bytes; `end` without the line's end */
    size_t first, count; /* marks */
} csv__record;
/* The whole records of a text that begins with one, with room for its marks. What stands behind the last line's
 * end is left out: it is cut short, or the quote at *open_quote is never closed (else SIZE_MAX). */
csv__records csv__records_of(const csv__dialect *dialect, char *text, size_t size, uint32_t *marks, size_t *open_quote);
/* The next record that is no comment and, of more than one column, not blank; false at the end. */
bool csv__next_record(csv__records *records, bool blank_is_row, csv__record *out);
/* Field `index` of a record; the name as csv__field_of makes it, once. */
csv__field csv__record_name(const csv__records *records, const csv__record *record, size_t index);
csv__field csv__record_field(const csv__records *records, const csv__record *record, size_t index);
/* A column that has no name in the header is called c1, c2... by its place, with so many _ behind as there must be for
 * no column that has a name to be called so. */
enum { CSV__UNNAMED = 48, CSV__MARKS_MOST = 16 };
size_t csv__unnamed_marks(const csv__records *records, const csv__record *header);
void csv__name_unnamed(size_t index, size_t marks, char name[CSV__UNNAMED]);

/* One input under way; csv.c reads, csv_parse.c parses. */
typedef struct csv__reader {
    peal_reader base;
    const peal_wanted *wanted;
    peal_stream *stream;
    char *name;
    csv__dialect dialect;
    char *carry; /* what is read and not yet handed out */
    size_t carry_begin, carry_size, carry_capacity;
    bool ended;
    uint64_t line;   /* of the next record */
    uint64_t number; /* of the next block */
    uint64_t offset; /* bytes of the input in front of it */
    size_t *columns; /* [column_count] index in the schema of each of the file's columns; SIZE_MAX: not wanted */
    size_t column_count;
    size_t *absent; /* [absent_count] columns of the schema that the file lacks, and may lack */
    size_t absent_count;
    char *header; /* the record that names the columns, or NULL */
    size_t header_size;
} csv__reader;

/* True of the header's line, which stands where two files were put together. */
bool csv__is_header_again(const csv__reader *reader, const char *record, size_t size);
/* The same names in another order, of an input that is several: what stands behind it has other columns. */
bool csv__is_header_reordered(const csv__reader *reader, const char *record, size_t size);
peal_status csv__parse(const peal_reader *base, peal_block *block, peal_error *err);
peal_status csv__survey(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                        peal_error *err);
peal_status csv__survey_tabs(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                             peal_error *err);
/* The first bytes of an input, which are a sample or as many more as its first line takes; freed by the caller, also on
 * failure. There is room for one more byte and PEAL_BLOCK_PADDING behind. *whole: they are all there is. */
peal_status csv__read_beginning(const peal_input *input, char **text, size_t *size, bool *whole, peal_error *err);
/* The stream in UTF-8, from the encoding that an option names, or from UTF-16 if it begins with its mark. Takes
 * `stream` over, even on failure. */
peal_status csv__decode(const json_t *options, const char *name, peal_stream *stream, peal_stream **out,
                        peal_error *err);

#endif
