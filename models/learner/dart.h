/* Trees that are left out while others are grown (DART; Rashmi and Gilad-Bachrach 2015, AISTATS 18), as LightGBM does
 * it by default. Private to this folder.
 *
 * Each round has a weight, which its trees' values count for. In every round some of the earlier ones are dropped: the
 * scores that the new tree is to mend lack them; then they and the new one are scaled so that together they say as much
 * as before. So weights change all the time, and scores are changed by what is taken away and what is put in its place.
 * That they do not depend on the way by which they came about, values are multiples of DART_UNIT, and bounded, so that
 * each sum of them is exact. */
#ifndef PEAL_MODELS_DART_H
#define PEAL_MODELS_DART_H

#include "models/learner/trees.h"

/* PEAL_E_USAGE if the spec's options do not go together. */
peal_status models__dart_check(const peal_model_spec *spec, peal_error *err);
/* What the spec says. */
models__dart models__dart_choose(const peal_model_spec *spec);

/* What all rows begin with, as it may be. */
double models__dart_round(const models__dart *dart, double score);
/* What a leaf of this value counts for in a round of this weight; of other boosting weights are 0 and 1. */
double models__dart_value(const models__trees *self, double weight, double value);

/* The weight of a round in a state. */
static inline double models__round_weight(const models__trees *self, int state, size_t round) {
    return self->weights[state] ? self->weights[state][round] : 1;
}

/* Sets `weights` [rounds] to those of the committed state, which has so many rounds, but 0 for those that are dropped,
 * by (seed, round) alone. Returns how many are. */
size_t models__dart_drop(const models__trees *self, int committed, size_t rounds, double *weights);
/* Writes the weights of the next state [rounds + 1]. */
void models__dart_scale(const models__trees *self, int committed, size_t rounds, const double *weights, size_t dropped);

/* Changes the scores [count, outputs] of rows from the trees of a round with one weight to the same with another.
 * `leaves` [outputs, count] where the rows are in them, MODELS__NO_LEAF where that is not known; NULL: nowhere. */
void models__change_scores(const models__trees *self, size_t round, double from, double to,
                           const models__seen_rows *rows, const uint16_t *leaves, double *scores);

#endif
