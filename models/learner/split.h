/* The best split of a leaf by one feature's histogram. Private to this folder. */
#ifndef PEAL_MODELS_SPLIT_H
#define PEAL_MODELS_SPLIT_H

#include <math.h>

#include "models/learner/trees.h"

/* What decides about splits. */
typedef struct models__rules {
    double gradient_unit, hessian_unit; /* of sums */
    double l1, l2, max_delta;           /* max_delta: a leaf's value is at most so large; 0: no limit */
    double min_gain, min_hessian;
    uint64_t min_rows;
    int row_bits; /* of packed sums */
} models__rules;

/* What a leaf of gradient G and second derivative H + l2 adds to scores: -T(G) / (H + l2), T drawing G towards 0 by l1,
 * and bounded by max_delta. */
static inline double models__leaf_value(const models__rules *rules, double gradient, double hessian) {
    const double size = fabs(gradient) - rules->l1;
    if (!(hessian > 0) || !(size > 0)) return 0;
    const double value = size / hessian;
    return -copysign(rules->max_delta > 0 ? fmin(value, rules->max_delta) : value, gradient);
}

/* Whether a split by `feature` takes the place of `best`: of equal gains the feature that comes first has it, whatever
 * the order in which they are looked at. */
static inline bool models__is_better(double gain, uint32_t feature, const models__best *best) {
    return gain > best->gain || (gain > 0 && gain >= best->gain && feature < best->feature);
}

/* Improves `best` of a leaf of which `all` is the sum if one of feature `feature`'s splits is better; of equal ones the
 * first is. `bins` [count] are its histogram, bin 0 what is missing. Categories are ordered by their mean gradient
 * (Fisher 1958, JASA 53), smoothed, and few of them go left. */
void models__split_numbers(const models__rules *rules, const models__packed *bins, size_t count, const models__sum *all,
                           uint32_t feature, models__best *best);
void models__split_categories(const models__rules *rules, const models__packed *bins, size_t count,
                              const models__sum *all, uint32_t feature, models__best *best);

#endif
