/* Features as bins: small whole numbers that trees are grown over, and predict by. Private to this folder.
 *
 * The features are the numbers of the pipeline's output, then its columns of codes. Bin 0 is for what is missing. (A
 * number that was filled in with its column's mean is known by that.) A number's bins follow its order: bin i holds
 * edges[i - 2] < x <= edges[i - 1]. Codes of numbers (bucketize) keep their order, too; other codes are categories: the
 * most frequent ones have a bin each, the rest shares the last one.
 *
 * Behind them come *aspects*: a column of codes once more, with other bins. Of models from elsewhere, so that a column
 * can have more bounds than a feature has bins, and sets of more categories; of our own, so that categories have an
 * order (means.h). All these are *dense*: every row has them.
 * Last come the sparse features that are kept (sparse.h). */
#ifndef PEAL_MODELS_BINS_H
#define PEAL_MODELS_BINS_H

#include "models/learner/learner.h"
#include "models/learner/sparse.h"

enum { MODELS__BINS_MOST = 255 }; /* of a feature, beside bin 0 */

typedef struct models__bins {
    peal_shape shape;       /* its vocabularies are the caller's */
    size_t dense, features; /* features: with the sparse ones */
    uint32_t *edge_counts;  /* [shape.features] */
    float *filled;          /* [shape.features] what a missing number has become; NaN: none, or it cannot be told */
    uint8_t *marks;         /* [shape.features] 1: it tells where the one before is missing, which that one does here */
    float *edges;           /* [shape.features, MODELS__BINS_MOST], rising; the rest is 0 */
    size_t code_features;   /* shape.code_columns and the aspects */
    uint32_t *code_column;  /* [code_features] the column of codes that it is of */
    uint8_t *code_bins;     /* [codes of all code_features] */
    size_t *code_first;     /* [code_features + 1] */
    uint8_t *categories;    /* [shape.code_columns] 1: its bins have no order */
    uint16_t *counts;       /* [dense] bins, bin 0 among them */
    models__sparse sparse;
} models__bins;

/* Finds the bins of the rows to train on, at most `most` of each feature: numbers by quantiles of evenly spaced rows.
 * They are initialised; the bins of aspects are the caller's to find.
 * Sparse features are kept that at least `rows_least` rows have. `also` is given each row, too, so that one reading
 * serves (NULL: nobody). With the bins `from` of a model (NULL: none) dense features have those, and sparse ones also
 * have its edges. `sample`, zeroed, is what the bins of sparse features were found in, *sampled rows; the caller clears
 * it. */
peal_status models__bins_fit(models__bins *bins, const models__bins *from, const peal_training *training, size_t most,
                             uint64_t rows_least, peal_row_visit also, void *user, models__sparse_sample *sample,
                             size_t *sampled, peal_error *err);
/* Takes those of a model over the same pipeline, with the same aspects and without sparse features. */
peal_status models__bins_copy(models__bins *bins, const models__bins *from, peal_error *err);
/* Makes room for bins of the shape and for aspects of the columns `aspects` ([aspect_count] uint32_t, perhaps
 * unaligned); edge_counts, edges and code_bins are then the caller's to write. PEAL_E_DATA if an aspect is of no
 * column. */
peal_status models__bins_init(models__bins *bins, const peal_pipeline *pipeline, const peal_shape *shape,
                              const void *aspects, size_t aspect_count, peal_error *err);
/* When they stand there: what follows from them. PEAL_E_DATA if they make no
 * sense. */
peal_status models__bins_finish(models__bins *bins, peal_error *err);
void models__bins_clear(models__bins *bins);

/* Whether a column of codes has categories, which have no order. */
static inline bool models__bins_makes_categories(const peal_pipeline_column *column) {
    return column->role == PEAL_ROLE_INDEX && column->steps[column->step_count - 1].transform->buckets == NULL;
}
bool models__bins_have_categories(const models__bins *bins);

/* Where a row is. */
typedef struct models__row_at {
    const peal_table *table;
    size_t row;
} models__row_at;

/* Writes the bins of rows: [dense] each, `stride` bytes apart. */
void models__bins_dense_rows(const models__bins *bins, const models__row_at *rows, size_t count, uint8_t *out,
                             size_t stride);
/* Of one row: [dense], or of all features. */
void models__bins_dense_row(const models__bins *bins, const peal_table *table, size_t row, uint8_t *out);
void models__bins_row(const models__bins *bins, const peal_table *table, size_t row, uint8_t *out);

/* The number that feature `f` is. */
static inline float models__bins_number(const models__bins *bins, const peal_table *table, size_t row, size_t f) {
    const void *values = table->columns[0].child->values;
    const size_t at = row * bins->shape.features + f;
    return bins->shape.bytes ? (float)((const uint8_t *)values)[at] : ((const float *)values)[at];
}

static inline bool models__bins_is_category(const models__bins *bins, size_t feature) {
    return feature >= bins->shape.features && feature < bins->dense &&
           bins->categories[bins->code_column[feature - bins->shape.features]];
}

#endif
