/* Derivatives as whole numbers, of which sums have no order. Private to this folder. */
#ifndef PEAL_MODELS_QUANTA_H
#define PEAL_MODELS_QUANTA_H

#include "models/learner/grow.h"

enum { MODELS__QUANTA_ROWS = 256 }; /* at a time, at most */

/* Writes the quanta of output m->output of own rows begin .. begin + count - 1. A derivative is rounded up or down by a
 * random number that is keyed by seed, tree, output and the row of the dataset. */
void models__quanta_write(const models__member *m, size_t begin, size_t count);

#endif
