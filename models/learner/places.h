/* Parameters for those values of codes and sparse features alone that occur in the rows of a training: of 2^18 hashed
 * words a thousand rows have ten thousand, and every vector of a linear model's learner is as long as its parameters.
 * Private to this folder. */
#ifndef PEAL_MODELS_PLACES_H
#define PEAL_MODELS_PLACES_H

#include "models/learner/linear_model.h"

/* Reads the rows, and if most of many values do not occur, sets `places` and moves the offsets of `linear`;
 * free(places) ends it. The weights of values that do not occur stay 0. A linear model has the order of all values,
 * `linear` that of those that have places. */
peal_status models__places_find(models__linear *linear, const peal_training *training, peal_error *err);

/* Writes the parameters of `linear`, each times its scale (NULL: 1), into those of a whole model. */
void models__places_expand(const models__linear *linear, const double *parameters, const double *scales, double *out);

#endif
