/* What the parts of the CSV format share: separators, fields, and what can be learnt from a sample. */
#ifndef PEAL_ETL_FORMAT_CSV_H
#define PEAL_ETL_FORMAT_CSV_H

#include "etl/format/format.h"

/* One input under way; csv.c reads, csv_parse.c parses. */
struct peal_format_reader {
    const peal_format_job *job;
    peal_stream *stream;
    char *path;
    char delimiter;
    char *carry; /* the beginning of a record whose end is not read yet */
    size_t carry_size, carry_capacity;
    bool ended, begun;
    uint64_t line;   /* of the next record */
    uint64_t number; /* of the next block */
    size_t *columns; /* [column_count] index in the schema of each of the file's columns; SIZE_MAX: not wanted */
    size_t column_count;
};

uint64_t format__count_newlines(const char *text, size_t size);
peal_status format__csv_parse(const peal_format_reader *reader, peal_block *block, peal_error *err);

/* Writes the positions of all delimiters and newlines outside of quotes to `marks` (room for `size` + 1) and returns
 * how many. A quote counts only at the beginning of a field (after blanks, if `trim`), as RFC 4180 has it.
 * *open_quote is the position of a quote that is never closed, or SIZE_MAX. `text` is readable 64 bytes beyond
 * `size`. */
size_t format__csv_marks(const char *text, size_t size, char delimiter, bool trim, uint32_t *marks, size_t *open_quote);

/* A field of a record without its quotes, blanks and doubled quotes; `text` may be changed. */
typedef struct csv_field {
    char *text;
    size_t length;
    bool quoted;
} csv_field;
csv_field format__csv_field(char *begin, char *end, bool trim);

peal_status format__csv_infer(const char *path, const char *sample, size_t size, bool whole,
                              peal_format_options *options, peal_raw_schema *schema, peal_error *err);

/* Bytes of a UTF-8 byte-order mark at the beginning: 3 or 0. */
size_t format__byte_order_mark(const char *text, size_t size);

#endif
