/* The rows of a window: a table with the columns of a pipeline's output, in shared memory of a fixed size that is made
 * before the workers are forked. The parent fills it, the workers read it. */
#ifndef PEAL_MODELS_WINDOW_SLAB_H
#define PEAL_MODELS_WINDOW_SLAB_H

#include "core/process/slab.h"
#include "etl/dataset/dataset.h"
#include "etl/pipeline/applier.h"

/* Entries of sparse features that there is room for, a row on average; a window with more of them ends earlier. */
enum { MODELS__SLAB_ENTRIES = 256 };

typedef struct models__slab {
    peal_slab memory;
    peal_table table;      /* its columns point into the memory; `rows` is how many there is room for */
    peal_column *children; /* [column_count] */
    size_t *entries;       /* [column_count] room for items of LIST columns */
    size_t rows;           /* in it now; the parent's to know */
} models__slab;

/* Room for `rows` rows of a table like `schema`, whose names and dictionaries are borrowed. */
peal_status models__slab_new(const peal_table *schema, size_t rows, models__slab *out, peal_error *err);
void models__slab_free(models__slab *slab);
void models__slab_empty(models__slab *slab);
/* Appends rows of `from` from `first` on, at most `count`, and returns how many there was room for. */
size_t models__slab_append(models__slab *slab, const peal_table *from, size_t first, size_t count);
/* A hash of all of its rows, that begins with `seed`. */
uint64_t models__slab_hash(const models__slab *slab, uint64_t seed);

#endif
