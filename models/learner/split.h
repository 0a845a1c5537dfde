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

    /* of one leaf, and of the feature that it is split by */
    double low, high; /* between which the values of it and of all that becomes of it must be */
    int direction;    /* 1: the right one of its children is no less, -1: no more than the left one; 0: either */
} models__rules;

/* What a leaf of gradient G and second derivative H + l2 adds to scores: -T(G) / (H + l2), T drawing G towards 0 by l1,
 * bounded by max_delta, then by what its place in the tree allows. */
static inline double models__leaf_value(const models__rules *rules, double gradient, double hessian) {
    const double size = fabs(gradient) - rules->l1;
    double value = 0;
    if (hessian > 0 && size > 0) {
        value = size / hessian;
        value = -copysign(rules->max_delta > 0 ? fmin(value, rules->max_delta) : value, gradient);
    }
    return fmin(fmax(value, rules->low), rules->high);
}

/* The same of sums over rows. */
static inline double models__sum_value(const models__rules *rules, const models__sum *sum, double l2) {
    return models__leaf_value(rules, (double)sum->gradient * rules->gradient_unit,
                              (double)sum->hessian * rules->hessian_unit + l2);
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
