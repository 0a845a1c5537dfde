/* ADWIN: a window over a sequence of numbers in [0, 1] that keeps as many of the last ones as have one mean, as far as
 * can be told. When an older and a newer part differ by more than chance allows, the oldest numbers are dropped.
 * Source: Bifet and Gavalda, "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007: ADWIN2, whose window
 * is an exponential histogram, so that memory and time are logarithmic in its length.
 *
 * All is a function of the numbers and their order. The struct holds float64 alone (counts stay exact up to 2^53), so
 * that it can be kept as a tensor. */
#ifndef PEAL_MODELS_ADWIN_H
#define PEAL_MODELS_ADWIN_H

#include <stdbool.h>
#include <stddef.h>

enum {
    MODELS__ADWIN_LEVELS = 48, /* a bucket of level i is of 2^i numbers */
    MODELS__ADWIN_BUCKETS = 5, /* of a level, at most: then the two oldest become one of the next level */
    MODELS__ADWIN_EVERY = 32,  /* numbers after which the parts are compared */
    MODELS__ADWIN_LEAST = 5,   /* numbers of a part that is compared */
};

/* Zeroed but for delta: empty. */
typedef struct models__adwin {
    double delta;                         /* the chance of a cut where nothing has changed, in (0, 1) */
    double count, sum, squares;           /* of the window */
    double since;                         /* numbers since the parts were compared last */
    double buckets[MODELS__ADWIN_LEVELS]; /* of each level */
    double sums[MODELS__ADWIN_LEVELS][MODELS__ADWIN_BUCKETS + 1]; /* the oldest first */
    double squared[MODELS__ADWIN_LEVELS][MODELS__ADWIN_BUCKETS + 1];
} models__adwin;

/* How the means of the two parts differed that led to a cut. */
typedef struct models__adwin_change {
    double before, after;
} models__adwin_change;

/* The mean of the window; 0 if it is empty. */
double models__adwin_mean(const models__adwin *self);
/* The greatest difference of means that chance allows to an older part of `older` numbers and a newer one of `newer`,
 * of a window with this variance (the paper's epsilon_cut with delta / ln n). */
double models__adwin_bound(double delta, double older, double newer, double variance);
/* Puts a number in. True if the window was cut: *out tells why. */
bool models__adwin_add(models__adwin *self, double value, models__adwin_change *out);
/* False if it cannot have come about by putting numbers in: what a checkpoint tells is checked. */
bool models__adwin_is_whole(const models__adwin *self);

#endif
