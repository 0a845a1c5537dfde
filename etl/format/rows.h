/* The format rows: what databases give (etl/source/rows.h), cut at rows and parsed column by column. Private to this
 * folder. */
#ifndef PEAL_ETL_FORMAT_ROWS_H
#define PEAL_ETL_FORMAT_ROWS_H

#include "etl/format/arrow.h"
#include "etl/source/rows.h"

enum { ROWS_COLUMNS_MOST = 32767 }; /* a row counts its fields in 15 bits */

/* Some columns in a row whose types have one size: where nothing of them is missing, their places are known without
 * looking at a size that is still on its way from memory. */
enum { ROWS_RUN_MOST = 8 };
typedef struct rows__run {
    int32_t size;    /* bytes of a value of this column's type; ROWS_MISSING: they differ */
    uint32_t count;  /* of columns from this one on that have a size; at most ROWS_RUN_MOST */
    uint32_t length; /* bytes of all their fields */
} rows__run;

typedef struct rows__reader {
    peal_reader base;
    const peal_wanted *wanted;
    char *name;
    peal_stream *stream;
    peal_schema columns;   /* with the types that a survey tells */
    uint32_t *types;       /* [columns.count] ROWS_... */
    rows__run *runs;       /* [columns.count] */
    size_t *fields;        /* [columns.count] of the wanted schema; SIZE_MAX: nobody wants it */
    peal_buffer rest;      /* bytes of the stream that the next block begins with */
    uint64_t at;           /* bytes handed out in blocks */
    uint64_t rows, number; /* rows and blocks so far */
    bool ended;
} rows__reader;

/* True if the fields of the run at `at`, of which all bytes are there, have the sizes of their types. */
static inline bool rows__run_is_whole(const rows__run *run, const uint8_t *at) {
    uint32_t other = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        other |= source__get32(at) ^ (uint32_t)run[i].size;
        at += 4 + run[i].size;
    }
    return other == 0;
}

peal_status rows__parse(const peal_reader *base, peal_block *block, peal_error *err);

/* The digits of PostgreSQL's numeric in binary, as text, in at most ROWS_DECIMAL_MOST bytes: 0 of NaN; SIZE_MAX if it
 * is none, or longer. */
enum { ROWS_DECIMAL_MOST = 200 };
size_t rows__decimal_text(const uint8_t *bytes, size_t size, char *text);

#endif
