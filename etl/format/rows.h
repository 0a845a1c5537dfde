/* The format rows: what databases give (etl/source/rows.h), cut at rows and parsed column by column. Private to this
 * folder. */
#ifndef PEAL_ETL_FORMAT_ROWS_H
#define PEAL_ETL_FORMAT_ROWS_H

#include "etl/format/arrow.h"
#include "etl/source/rows.h"

enum { ROWS_COLUMNS_MOST = 32767 }; /* a row counts its fields in 15 bits */

typedef struct rows__reader {
    peal_reader base;
    const peal_wanted *wanted;
    char *name;
    peal_stream *stream;
    peal_schema columns;   /* with the types that a survey tells */
    uint32_t *types;       /* [columns.count] ROWS_... */
    size_t *fields;        /* [columns.count] of the wanted schema; SIZE_MAX: nobody wants it */
    peal_buffer rest;      /* bytes of the stream that the next block begins with */
    uint64_t at;           /* bytes handed out in blocks */
    uint64_t rows, number; /* rows and blocks so far */
    bool ended;
} rows__reader;

peal_status rows__parse(const peal_reader *base, peal_block *block, peal_error *err);

/* The digits of PostgreSQL's numeric in binary, as text, in at most ROWS_DECIMAL_MOST bytes: 0 of NaN; SIZE_MAX if it
 * is none, or longer. */
enum { ROWS_DECIMAL_MOST = 200 };
size_t rows__decimal_text(const uint8_t *bytes, size_t size, char *text);

#endif
