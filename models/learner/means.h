/* Categories by the mean of what is learnt of their rows. Private to this folder.
 *
 * Of a column of more categories than there are bins, or with few rows for each, trees tell little by the bins of the
 * most frequent ones. So it has *aspects* (bins.h), one for each output: bins that follow the mean target of a
 * category's rows, drawn to the mean of all where they are few (Micci-Barreca 2001, SIGKDD Explorations 3(1)). A row
 * that trees are grown over has another bin than the model has of its category: that of the mean over other rows, or
 * trees would learn from a row's own target (Prokhorenkova et al. 2018, NeurIPS). Rows are dealt into folds for that by
 * the seed and their numbers. */
#ifndef PEAL_MODELS_MEANS_H
#define PEAL_MODELS_MEANS_H

#include "models/learner/bins.h"
#include "models/learner/objective.h"

/* Values of the spec's `means`, besides a number of categories: columns of more have such aspects. */
enum { MODELS__MEANS_CHOSEN = -1, MODELS__MEANS_NONE = 0 };

typedef struct models__means {
    size_t columns, outputs, codes; /* columns that have aspects, and their codes */
    uint32_t *column;               /* [columns] their numbers among the columns of codes */
    size_t *first;                  /* [columns + 1] where their codes begin */
    uint32_t key[2];                /* of the folds */

    /* while the rows are read */
    double *sums;     /* [folds, outputs, codes] of targets by what their rows count */
    double *weights;  /* [folds, codes] */
    double *all_sums; /* [outputs] */
    double all_weight;
    uint64_t rows;

    uint8_t *bins;  /* [folds, outputs, codes] of rows of a fold */
    uint8_t *usual; /* [columns, outputs] the bin of the mean of all rows; 0: it cannot be told */
} models__means;

/* Of how many categories a column must have more: a fit of them for so many rows, of which a feature has `most` bins.
 */
double models__means_choose(const peal_pipeline *pipeline, const peal_shape *shape, size_t outputs, uint64_t rows,
                            size_t most);
/* The columns of more than `above` categories (MODELS__MEANS_NONE: none), each `outputs` times over, as
 * models__bins_init takes them: [*count], the caller's to free. */
peal_status models__means_aspects(const peal_pipeline *pipeline, const peal_shape *shape, size_t outputs, double above,
                                  uint32_t **aspects, size_t *count, peal_error *err);
/* For those aspects, before the rows are read. */
peal_status models__means_init(models__means *means, const peal_shape *shape, const uint32_t *aspects, size_t count,
                               size_t outputs, uint64_t seed, peal_error *err);
/* A row to train on: its number, its target (a class, or as models__goal_target makes it), and what it counts. */
void models__means_note(models__means *means, const models__goal *goal, const peal_table *table, size_t row,
                        uint64_t number, double target, double weight);
/* When all have come: the bins of the aspects, at most `most` of each. With `is_given` they stand there already, of a
 * model; if these rows would have made the same, it has learnt from them, else it knows nothing of their targets. */
peal_status models__means_fit(models__means *means, models__bins *bins, size_t most, bool is_given, peal_error *err);
void models__means_clear(models__means *means);

/* Writes the aspects' bins of a row to train on into those of its dense features. */
void models__means_row(const models__means *means, const models__bins *bins, const peal_table *table, size_t row,
                       uint32_t number, uint8_t *out);
/* The bin of aspect `feature` that a category which no row had comes nearest to. */
static inline uint8_t models__means_usual(const models__means *means, const models__bins *bins, size_t feature) {
    return means->usual[feature - bins->shape.features - bins->shape.code_columns];
}

#endif
