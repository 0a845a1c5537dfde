/* A histogram of numbers, exact while these have few distinct values: what quantiles are told from. If they have more
 * than PEAL_HISTOGRAM_CELLS, a cell is what is equal but for the last bits of the mantissa, as few of them as will do.
 * Counts are whole, and a part never needs more bits to be dropped than the whole does, so parts merge to the same
 * histogram in any order. */
#ifndef PEAL_ETL_TRANSFORM_HISTOGRAM_H
#define PEAL_ETL_TRANSFORM_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/memory.h"
#include "core/base/status.h"

enum { PEAL_HISTOGRAM_CELLS = 1 << 15 };

typedef struct peal_histogram_cell {
    uint64_t key; /* in the order of the values */
    uint64_t count;
} peal_histogram_cell;

typedef struct peal_histogram {
    peal_buffer cells; /* peal_histogram_cell, by their keys */
    peal_buffer scratch;
    uint64_t count;   /* of all */
    unsigned dropped; /* last bits of the values that keys are without */
} peal_histogram;

void peal_histogram_clear(peal_histogram *histogram);
/* Becomes the histogram of these values (NaN is missing) of which `keep` (may be NULL: all) is not zero. The bits that
 * it has dropped before stay dropped, which is right, and faster, where all that it is given is of one whole. */
peal_status peal_histogram_take(peal_histogram *histogram, const double *values, const uint8_t *keep, size_t count,
                                peal_error *err);
peal_status peal_histogram_merge(peal_histogram *histogram, const peal_histogram *more, peal_error *err);
/* Where a walk through the cells stands; all 0 at the beginning. */
typedef struct peal_histogram_place {
    size_t cell;
    uint64_t below; /* values in the cells before */
} peal_histogram_place;
/* The least value of the cell that holds the value of this rank, from 0; there must be one. Ranks do not fall during a
 * walk. */
double peal_histogram_at(const peal_histogram *histogram, peal_histogram_place *place, uint64_t rank);

#endif
