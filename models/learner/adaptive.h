/* One pass of online learning, by which exact gradients begin nearer to the end: a linear model takes a step down the
 * loss of each row, along each parameter as long as the gradients so far along it allow. Private to this folder.
 *
 * AdaGrad (Duchi, Hazan, Singer 2011, JMLR 12), made free of the features' scales (Ross, Mineiro, Langford 2013, UAI,
 * algorithm 3), as Agarwal et al. 2014 (JMLR 15, section 2.3) use it before L-BFGS. Penalties are left to what follows.
 */
#ifndef PEAL_MODELS_ADAPTIVE_H
#define PEAL_MODELS_ADAPTIVE_H

#include "models/learner/linear_model.h"

/* What a partition has learnt; all 0 at first, but for the weights. */
typedef struct models__adapted {
    double *weights; /* [count] of linear_model.h */
    double *trust;   /* [count] sums of squared gradients */
    double *largest; /* [count] of each feature so far, its absolute value */
    double *tally;   /* [2] rows, and the sum of their squared features in units of the largest */
} models__adapted;

/* Takes the steps of some rows, one after the other, and adds to `loss` what each cost before its step. `terms->extra`
 * is not read. `scratch`: [features * MODELS__LINEAR_ROWS + 2 * outputs]. */
void models__adapt(const models__linear *linear, const peal_weighing *weighing, const peal_loss_terms *terms,
                   const peal_batch *rows, models__adapted *to, double *loss, double *scratch);

#endif
