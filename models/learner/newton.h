/* Newton's method for linear models of few parameters: the second derivatives of rows, and the step that they ask for.
 * Private to this folder. */
#ifndef PEAL_MODELS_NEWTON_H
#define PEAL_MODELS_NEWTON_H

#include "models/learner/linear_model.h"

/* Whether it can be used, and whether it costs less than L-BFGS: a pass costs more the more parameters there are, but
 * few passes are enough. */
bool models__newton_serves(const models__linear *linear);
bool models__newton_suits(const models__linear *linear);

/* Adds the second derivatives of the loss of some rows to the lower triangle of `hessian` [count, count]. `seconds`
 * [MODELS__LINEAR_ROWS, outputs, outputs] are those by the rows' scores; of rows that are not there they are 0. */
void models__newton_add(const models__linear *linear, const models__few *few, const double *seconds, double *hessian);

/* Solves matrix * out = -gradient by Cholesky's factor, for which there is room [count, count]. Of `matrix` [count,
 * count], symmetric with no eigenvalue below 0, the lower triangle is read; its diagonal is raised by as little as
 * makes it positive. False, with nothing in `out`, if it holds what is no number. */
bool models__newton_solve(const double *matrix, size_t count, const double *gradient, double *factor, double *out);

#endif
