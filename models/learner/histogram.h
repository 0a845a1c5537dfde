/* Histograms: sums of the rows of a leaf, by the bins of their features. Private to this folder.
 *
 * A worker adds up its rows in shared memory; when all have met, each takes the sums of some features. It alone writes
 * to its sums, for what another one has written to is far from it. Of dense features a worker adds 8 bytes for each row
 * and column: a *narrow* sum, which has room for so few rows that it is emptied into the wide ones (models__packed)
 * whenever they have been added. A worker with no more rows than that leaves its sums narrow. */
#ifndef PEAL_MODELS_HISTOGRAM_H
#define PEAL_MODELS_HISTOGRAM_H

#include "models/learner/grow.h"

/* Of a narrow sum: rows in the lowest 11 bits, second derivatives in the 26 above them, the gradient in the rest. */
enum { MODELS__NARROW_ROW_BITS = 11, MODELS__NARROW_HESSIAN_BITS = 26 };
enum { MODELS__NARROW_ROWS = (1 << MODELS__NARROW_ROW_BITS) - 1 };

/* Adds lists of this worker's rows to its sums, which begin as zero; no other worker reads the ones before any more. */
void models__histogram_begin(const models__member *m);
void models__histogram_add(const models__member *m, const uint32_t *list, size_t count);
void models__histogram_end(const models__member *m);
/* The sums over all workers, who have met, of dense features' bins begin .. end - 1, into out[0 .. end - begin - 1]. */
void models__histogram_take(const models__member *m, size_t begin, size_t end, models__packed *out);
/* The sum over all workers of a bin of a sparse feature. */
models__packed models__histogram_sum(const models__trees *self, size_t at);
/* Makes zero again what this worker's rows of a leaf have added to bins of sparse features, which no one reads any
 * more. */
void models__histogram_clear_sparse(const models__member *m, const models__leaf *one);
/* Makes zero what this worker has added to bins of sparse features. */
void models__histogram_clear(const models__member *m);

#endif
