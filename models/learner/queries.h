/* Derivatives of rows that are ranked: all workers together. Private to this folder. */
#ifndef PEAL_MODELS_QUERIES_H
#define PEAL_MODELS_QUERIES_H

#include "models/learner/grow.h"

/* All workers, when m->own->scores are up to date: fills in the derivatives of own rows, and adds the losses of the
 * queries that this worker has computed to its told->loss, in units of 2^-30. */
peal_status models__query_derivatives(models__member *m);

#endif
