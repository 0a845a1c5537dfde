/* Rows of a pipeline's output that are kept in memory, as many as a bound allows, and can be looked at with one raw
 * column's values taken from other rows: all that came of the column (numbers, one-hot columns, codes, tokens)
 * together. What explaining a model stands on; private to this folder.
 *
 * Which rows are kept depends on the seed and on their numbers alone: each has a random key, and those with the lowest
 * keys stay. When there are too many, the bound of the keys is halved. */
#ifndef PEAL_MODELS_KEPT_H
#define PEAL_MODELS_KEPT_H

#include "etl/pipeline/pipeline.h"
#include "models/net/net.h"

typedef struct models__kept_column {
    peal_column like, child; /* types and width; no names, for these would not last */
    size_t size;             /* bytes of a row; of LIST 0: */
    peal_buffer values;
    peal_buffer ends;    /* uint64_t [rows] of LIST: where each row's items end in `values` */
    peal_buffer missing; /* uint8_t [rows], of fixed size */
} models__kept_column;

typedef struct models__kept {
    const peal_pipeline *pipeline;
    peal_shape shape;
    uint64_t seed;
    size_t rows, rows_most;
    uint32_t bound;               /* of keys */
    peal_buffer keys;             /* uint32_t [rows] */
    models__kept_column *columns; /* [count] of the model's table, then the caller's own */
    size_t count, table_count;
} models__kept;

/* Keeps up to rows_most rows, and up to about half a GB of them. `extras` are the caller's own columns, of a fixed size
 * and named by type. `pipeline` outlives it. */
peal_status models__kept_init(models__kept *kept, const peal_pipeline *pipeline, uint64_t seed, size_t rows_most,
                              const peal_type *extras, size_t extra_count, peal_error *err);
void models__kept_clear(models__kept *kept);

/* A row's key: of its number, or of its query's where whole queries stay. */
uint32_t models__kept_key(const models__kept *kept, uint64_t number);
/* Adds those rows of a table, and of the caller's columns beside it, whose keys [table->rows] are low enough.
 * PEAL_E_USAGE if so many have one key that none could stay. */
peal_status models__kept_add(models__kept *kept, const peal_table *table, const peal_column *extras,
                             const uint32_t *keys, peal_error *err);
/* The rows' values of the caller's column `index`, [rows] of its type. */
const void *models__kept_extra(const models__kept *kept, size_t index);

/* Whether the column is one that the model learns from, alone. */
bool models__kept_has(const peal_pipeline *pipeline, size_t raw);

/* Where a raw column's values come from: of row i from row from[i], or all from row `row`. raw = SIZE_MAX: as it is. */
typedef struct models__swap {
    size_t raw;
    const uint32_t *from; /* NULL: */
    uint32_t row;
} models__swap;

/* A table of some rows in memory of its own, used again and again; one a thread. */
typedef struct models__kept_view {
    peal_table table;
    peal_column *columns, *children; /* [table_count] */
    peal_buffer *values, *others;    /* [table_count]; others: validity, or offsets of LIST */
} models__kept_view;

peal_status models__kept_view_init(models__kept_view *view, const models__kept *kept, peal_error *err);
void models__kept_view_clear(models__kept_view *view);
/* Rows first .. first + count - 1; view->table lasts until the next call. */
peal_status models__kept_look(const models__kept *kept, const models__swap *swap, size_t first, size_t count,
                              models__kept_view *view, peal_error *err);

#endif
