/* A table: a batch of rows as typed columns, in Arrow's layout. What flows through the ETL stages and lies in shards.
 */
#ifndef PEAL_ETL_TABLE_H
#define PEAL_ETL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "etl/table/dictionary.h"

typedef enum peal_type {
    PEAL_TYPE_UINT8,
    PEAL_TYPE_INT8,
    PEAL_TYPE_INT16,
    PEAL_TYPE_INT32,
    PEAL_TYPE_FLOAT32,
    PEAL_TYPE_FLOAT64
} peal_type;

/* Bytes of one value. */
size_t peal_type_size(peal_type type);
/* "uint8", "float32"... */
const char *peal_type_name(peal_type type);

/* One column of a table; the arrays belong to whoever made the table. */
typedef struct peal_column {
    const char *name;
    peal_type type;
    uint32_t width; /* 0: one value a row; n > 0: FixedSizeList of n values */
    const void *values;
    const uint8_t *validity; /* Arrow bitmap, a set bit is a value; NULL if nothing is missing */
    size_t null_count;
    const peal_dictionary *dictionary; /* of a column of categories, whose values are codes; else NULL */
} peal_column;

typedef struct peal_table {
    size_t rows;
    size_t column_count;
    peal_column *columns;
} peal_table;

/* Values per row: max(width, 1). */
static inline size_t peal_column_row_values(const peal_column *column) {
    return column->width ? column->width : 1;
}

/* The column called `name`, or NULL. */
const peal_column *peal_table_find(const peal_table *table, const char *name);

#endif
