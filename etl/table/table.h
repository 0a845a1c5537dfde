/* Tables: batches of rows as typed columns, in Arrow's layout. What flows from the parser to the net: a format fills
 * them, the spill keeps them, the pipeline turns them into other ones, shards hold them.
 *
 * All that differs by type stands in one table, `peal_types`; other code asks it and not which type a column is. */
#ifndef PEAL_ETL_TABLE_TABLE_H
#define PEAL_ETL_TABLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/memory.h"
#include "core/base/status.h"
#include "etl/table/dictionary.h"

typedef enum peal_type {
    PEAL_TYPE_BOOL,
    PEAL_TYPE_INT8,
    PEAL_TYPE_INT16,
    PEAL_TYPE_INT32,
    PEAL_TYPE_INT64,
    PEAL_TYPE_UINT8,
    PEAL_TYPE_UINT16,
    PEAL_TYPE_UINT32,
    PEAL_TYPE_UINT64,
    PEAL_TYPE_FLOAT32,
    PEAL_TYPE_FLOAT64,
    PEAL_TYPE_TIMESTAMP, /* int64 microseconds since 1970 in UTC */
    PEAL_TYPE_UTF8,
    PEAL_TYPE_BINARY,
    PEAL_TYPE_LIST,
    PEAL_TYPE_FIXED_LIST,
    PEAL_TYPE_DICTIONARY,
    PEAL_TYPES
} peal_type;

/* One column. The arrays belong to whoever made the table and are 64-byte aligned where they come from a dataset. */
typedef struct peal_column {
    const char *name;
    peal_type type;
    peal_type codes; /* of a DICTIONARY: INT8, INT16 or INT32 */
    uint32_t width;  /* of a FIXED_LIST: items a row */
    size_t length;   /* rows */
    size_t null_count;
    const uint8_t *validity;           /* Arrow's bitmap, a set bit is a value; NULL: nothing is missing */
    const int32_t *offsets;            /* [length + 1] of UTF8, BINARY and LIST, into the bytes or the child */
    const void *values;                /* the values; bits of BOOL; bytes of UTF8 and BINARY; codes of DICTIONARY */
    const struct peal_column *child;   /* the items of LIST and FIXED_LIST */
    const peal_dictionary *dictionary; /* what the codes of a DICTIONARY mean; NULL: they are numbers of their own */
} peal_column;

typedef struct peal_table {
    size_t rows;
    size_t column_count;
    peal_column *columns;
} peal_table;

/* What is to be known of a type. */
typedef struct peal_type_info {
    const char *name; /* "float64" */
    const char *kind; /* what people call it: "number", "text", "bytes"... */
    size_t size;      /* bytes of a value; 0: bits, or what offsets or a width tell */
    bool is_number;   /* `numbers` turns its values into doubles */
    bool has_offsets, has_child;
    bool is_text;        /* values are texts: of its own in each row, or codes of distinct ones: */
    bool has_vocabulary; /* values are codes of distinct texts */
    bool is_signed;
    uint8_t arrow; /* its number in Arrow's Schema.fbs */
    /* Rows first .. first + count - 1 as doubles, NaN where one is missing. A missing FLOAT64 may be NaN itself. */
    void (*numbers)(const peal_column *column, size_t first, size_t count, double *out);
    /* Appends row `row`, which is not missing, as text: all digits of a number, "true", an ISO 8601 time. */
    peal_status (*text)(const peal_column *column, size_t row, peal_buffer *out, peal_error *err);
} peal_type_info;

extern const peal_type_info peal_types[PEAL_TYPES];

/* "float64", "uint8 x 784": the type with what belongs to it, in `text`, which is returned. */
enum { PEAL_TYPE_TEXT = 64 };
const char *peal_column_type_text(const peal_column *column, char text[PEAL_TYPE_TEXT]);

static inline bool peal_column_is_valid(const peal_column *column, size_t row) {
    return !column->validity || (column->validity[row / 8] >> (row % 8) & 1);
}

/* The code of a row of a DICTIONARY, or of whole numbers (UINT8, UINT16, INT32) that are codes without names; -1 if it
 * is missing. */
static inline int32_t peal_column_code(const peal_column *column, size_t row) {
    if (!peal_column_is_valid(column, row)) return -1;
    switch (column->type == PEAL_TYPE_DICTIONARY ? column->codes : column->type) {
    case PEAL_TYPE_INT8:
        return ((const int8_t *)column->values)[row];
    case PEAL_TYPE_INT16:
        return ((const int16_t *)column->values)[row];
    case PEAL_TYPE_UINT8:
        return ((const uint8_t *)column->values)[row];
    case PEAL_TYPE_UINT16:
        return ((const uint16_t *)column->values)[row];
    default:
        return ((const int32_t *)column->values)[row];
    }
}

/* Bytes of `values` of a column of fixed size; of lists and texts: of what lies in its own arrays but the offsets. */
static inline size_t peal_column_value_size(const peal_column *column) {
    return peal_types[column->type == PEAL_TYPE_DICTIONARY ? column->codes : column->type].size;
}

/* Dates of the proleptic Gregorian calendar: days since 1970-01-01. Source: H. Hinnant, "chrono-Compatible Low-Level
 * Date Algorithms", days_from_civil and civil_from_days. */
int64_t peal_days_from_date(int64_t year, unsigned month, unsigned day);
void peal_date_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

#endif
