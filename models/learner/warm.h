/* Going on from a model of trees: its bins are those of the training, its trees are the first ones. Private to this
 * folder. */
#ifndef PEAL_MODELS_WARM_H
#define PEAL_MODELS_WARM_H

#include "models/learner/trees.h"

/* Rounds that the model to go on from has; 0: there is none. */
size_t models__warm_rounds(const models__trees *self);
/* Leaves for which its trees have room; 0: there is none. */
size_t models__warm_leaves(const models__trees *self);
/* PEAL_E_USAGE if the training, whose goal is chosen, cannot go on from the model. */
peal_status models__warm_check(const models__trees *self, peal_error *err);
/* Takes its bins, but for sparse features' whose bounds are found in the rows anew, and what all rows begin with.
 * `note` is given each row if they are read. */
peal_status models__warm_begin(models__trees *self, peal_row_visit note, void *user, peal_error *err);
/* The value of `means` by which a training has its aspects. */
double models__warm_means(const models__trees *self);
/* PEAL_E_USAGE if its trees do not keep the training's constraints: with them the model would not. */
peal_status models__warm_check_trees(const models__trees *self, peal_error *err);
/* The first committed state has its trees. */
void models__warm_take(void *self, const void *model);

#endif
