/* Values of leaves that are quantiles of what their rows lack. Private to this folder. */
#ifndef PEAL_MODELS_RENEW_H
#define PEAL_MODELS_RENEW_H

#include "models/learner/grow.h"

/* All workers, when tree m->tree has its leaves: their values become those of the objective, in the
 * directions of the constraints: the bounds that leaves have are of other values. */
peal_status models__renew_leaves(models__member *m);

#endif
