/* Where the bins of features stand in the rows and histograms of a training. Private to this folder.
 *
 * A row is a byte for each *column*, and a list. The first columns are the dense features. Sparse features of which no
 * row has two share a column, their *bundle* (Ke et al. 2017, NIPS, with no conflicts allowed): its byte is 0 where the
 * row has none of them, and each member has bytes of its own beside that. So a bundle holds what its members hold, and
 * trees do not depend on it. A column costs each row a byte, an entry of a list four: so bundles that fewer than a
 * quarter of the rows would use are none, and what rows have of all other sparse features stands in their lists.
 *
 * A histogram holds the bins of the columns, then those of the listed features, of which none has a bin for 0: what is
 * there is the leaf's sum less that of the others. */
#ifndef PEAL_MODELS_BUNDLES_H
#define PEAL_MODELS_BUNDLES_H

#include "models/learner/bins.h"

#define MODELS__NO_COLUMN UINT32_MAX

typedef struct models__bundles {
    size_t dense, columns;  /* columns: dense features, then bundles */
    size_t listed;          /* sparse features that are in no bundle */
    size_t bins_all;        /* of a histogram */
    uint64_t entries;       /* of all rows' lists, at most */
    uint32_t *column_first; /* [columns + 1] where a column's bins begin in a histogram */

    /* of the kept sparse features [sparse.count] */
    uint32_t *column; /* MODELS__NO_COLUMN: it is listed */
    uint8_t *base;    /* the byte of its first bin; 1 if it is listed */
    uint32_t *first;  /* where its bins begin in a histogram */
    uint32_t *order;  /* their numbers, by where they stand */
} models__bundles;

/* The number, from 0 on, of a bin of a sparse feature among its bins but that of 0. */
static inline uint32_t models__sparse_rank(uint8_t bin, uint8_t zero) {
    return (uint32_t)bin - 1 - (bin > zero);
}

/* Finds places for the features of `bins`, with bundles or without; the rows to train on are read to see that no two
 * members of a bundle meet. `sample` is what the bins were found in, `sampled` its rows. */
peal_status models__bundles_find(models__bundles *places, const peal_training *training, const models__bins *bins,
                                 const models__sparse_sample *sample, size_t sampled, bool bundles, peal_error *err);
void models__bundles_clear(models__bundles *places);

#endif
