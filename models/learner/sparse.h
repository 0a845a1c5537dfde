/* Sparse features as bins. Private to this folder.
 *
 * A sparse feature is 0 where a row does not list it, and it is never missing. Of all that a dataset has, only some are
 * kept: while trees grow those that have enough rows to be split by, in a model those that it is split by. A feature's
 * bins follow its order, as those of dense numbers do; one of them holds 0, and rows are said to *have* a feature where
 * they are in another one. */
#ifndef PEAL_MODELS_SPARSE_H
#define PEAL_MODELS_SPARSE_H

#include "core/base/memory.h"
#include "models/learner/edges.h"
#include "models/net/net.h"

/* Kept feature k is number indices[k] of the dataset. */
typedef struct models__sparse {
    size_t count;
    uint32_t *indices; /* [count] rising */
    size_t *first;     /* [count + 1] in edges */
    float *edges;      /* of feature k first[k] .. first[k + 1] - 1, rising */
    uint8_t *zeros;    /* [count] the bin that holds 0 */
} models__sparse;

void models__sparse_clear(models__sparse *sparse);

static inline size_t models__sparse_edges(const models__sparse *sparse, size_t k) {
    return sparse->first[k + 1] - sparse->first[k];
}

static inline uint8_t models__sparse_bin(const models__sparse *sparse, size_t k, float x) {
    return models__bin_of(sparse->edges + sparse->first[k], models__sparse_edges(sparse, k), x);
}

/* Where `index` stands in `indices` [count], rising, from place `from` on; if it does not, where it would. */
static inline size_t models__index_place(const uint32_t *indices, size_t count, size_t from, uint32_t index) {
    size_t low = from;
    for (size_t length = count - from; length > 0;) {
        const size_t half = (length + 1) / 2;
        low = indices[low + half - 1] < index ? low + half : low;
        length -= half;
    }
    return low;
}

/* The entries of a row of the pipeline's output, if it has sparse features. */
static inline peal_sparse_row models__sparse_row(const peal_shape *shape, const peal_table *table, size_t row) {
    if (!shape->sparse) return (peal_sparse_row){0};
    const peal_column *columns = table->columns + (shape->features > 0) + shape->code_columns;
    return peal_shape_sparse(&columns[0], &columns[1], row);
}

/* The bin of kept feature k in a row. */
static inline uint8_t models__sparse_row_bin(const models__sparse *sparse, peal_sparse_row row, size_t k) {
    const uint32_t index = sparse->indices[k];
    const size_t at = models__index_place(row.indices, row.count, 0, index);
    return at < row.count && row.indices[at] == index ? models__sparse_bin(sparse, k, row.values[at])
                                                      : sparse->zeros[k];
}

/* A kept feature that a row has, met on a walk over the row's entries: begin with all zero. */
typedef struct models__entry {
    size_t at, k; /* the next entry; the feature */
    uint8_t bin;
} models__entry;

/* The next one; false: the row has no more. */
static inline bool models__entry_next(const models__sparse *sparse, peal_sparse_row row, models__entry *entry) {
    for (; entry->at < row.count; entry->at++) {
        const uint32_t index = row.indices[entry->at];
        entry->k = models__index_place(sparse->indices, sparse->count, entry->k, index);
        if (entry->k == sparse->count) return false;
        if (sparse->indices[entry->k] != index) continue;
        entry->bin = models__sparse_bin(sparse, entry->k, row.values[entry->at]);
        if (entry->bin == sparse->zeros[entry->k]) continue;
        entry->at++;
        return true;
    }
    return false;
}

/* ---- finding ---- */

/* What one reading of the rows tells: of all features how many rows list them, and the entries of sampled rows. */
typedef struct models__sparse_sample {
    size_t width;        /* features of the dataset */
    uint32_t *counts;    /* [width] rows where it is not 0 */
    peal_buffer entries; /* of sampled rows, as they come */
    uint64_t wrong_row;  /* from 1 on: the first that cannot be; 0: none */
    bool has_failed;     /* there was no memory */
    size_t *first;       /* [kept + 1] in the two below */
    uint32_t *rows;      /* of the sample, rising */
    float *values;       /* that they list */
} models__sparse_sample;

peal_status models__sparse_sample_init(models__sparse_sample *sample, size_t width, peal_error *err);
void models__sparse_sample_clear(models__sparse_sample *sample);
/* Row `number` of the dataset comes, which is row `sampled` of the sample; UINT32_MAX: it is not in it. */
void models__sparse_note(models__sparse_sample *sample, peal_sparse_row row, uint64_t number, uint32_t sampled);
/* Keeps the features that at least `rows_least` rows have, with at most `most` bins each, or fewer where all together
 * would have too many; and those of `known` (NULL: none), with all of their edges. `sampled` rows are in the sample.
 * PEAL_E_DATA if the indices of a row do not rise, or a value is not finite. */
peal_status models__sparse_fit(models__sparse_sample *sample, size_t sampled, uint64_t rows_least, size_t most,
                               const models__sparse *known, models__sparse *out, peal_error *err);

#endif
