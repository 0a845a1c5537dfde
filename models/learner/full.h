/* Exact gradients: what full.c, the learner, shares with descent.c, its arithmetic and its decisions. Private to this
 * folder. */
#ifndef PEAL_MODELS_FULL_H
#define PEAL_MODELS_FULL_H

#include "models/learner/adaptive.h"
#include "models/learner/newton.h"
#include "models/learner/search.h"

enum {
    MODELS__H_MOST = MODELS__MEMORY_MOST + 1, /* pairs that are kept, and one that is made */
    MODELS__BASIS_MOST = 2 * MODELS__H_MOST + 1
};

/* Why it ended. */
enum { MODELS__RUNNING, MODELS__CONVERGED, MODELS__ROUNDING };

/* What directions come from: pairs of steps and changes, or second derivatives. */
enum { MODELS__OPEN, MODELS__LBFGS, MODELS__NEWTON };

/* Where the training stands to the adaptive pass. */
enum { MODELS__BEFORE, MODELS__BEHIND, MODELS__WITHOUT };

/* What a round hands on; all float64, for it is one tensor. */
typedef struct models__full_numbers {
    double state;                      /* MODELS__RUNNING... */
    double point, gradient, direction; /* which of the pool's two is in use */
    double pairs, newest;              /* of steps and changes: how many, and the place of the last one */
    double warmth;                     /* MODELS__BEFORE... */
    double is_scaled;                  /* the scales are known */
    double is_fresh;                   /* the point itself is to be evaluated: there is no direction yet */
    double is_plain;                   /* the direction is the gradient's */
    double smooth;                     /* which width of the kink */
    double loss, norm;                 /* at the point: with its penalties; the largest entry of the gradient */
    double trials;                     /* evaluations so far */
    models__line line;
    double coefficients[MODELS__BASIS_MOST];
    double products[MODELS__BASIS_MOST * MODELS__BASIS_MOST];
} models__full_numbers;
enum { MODELS__FULL_NUMBERS = sizeof(models__full_numbers) / sizeof(double) };

enum { MODELS__FULL_SUMS = 3 * MODELS__BASIS_MOST }; /* over a segment, at most */

typedef struct models__full {
    peal_training *training;
    models__linear linear;
    double tolerance, l1, l2, unit;
    size_t memory, h;                  /* h: memory + 1 */
    bool is_adaptive;                  /* a pass of online learning comes first */
    size_t method;                     /* MODELS__OPEN... */
    char names[2][MODELS__H_MOST][32]; /* of steps and changes */

    /* a worker's own */
    double *at;      /* [count] the weights that are tried */
    double *scratch; /* features of a few rows, their scores, their derivatives */

    /* shared memory */
    models__full_numbers *states[2];
    double *scales;                                         /* [count] */
    double *points[2], *gradients[2], *directions[2];       /* [count] */
    double **steps, **changes;                              /* [h][count] */
    double **slot_gradients, **slot_losses, **slot_squares; /* [partitions][count], [partitions][1] */
    double **slot_hessians;            /* [partitions][count, count], of Newton's method; or NULL */
    double *hessian, *factor;          /* [count, count] */
    models__adapted *slot_adapted;     /* [partitions] of the adaptive pass; NULL: there is none */
    double (*sums)[MODELS__FULL_SUMS]; /* [segments] */
} models__full;

/* Of a pair in the pool, the one that is in use, and the other one. */
static inline const double *models__pooled(double *const pair[2], double which) {
    return pair[which != 0];
}
static inline double *models__other(double *const pair[2], double which) {
    return pair[which == 0];
}

/* Whether pair `index` is one of those that are in use. */
static inline bool models__is_live(const models__full *self, const models__full_numbers *it, size_t index) {
    const size_t age = ((size_t)it->newest + self->h - index) % self->h;
    return age < (size_t)it->pairs;
}

/* A learner's hooks (learner.h). */
size_t models__full_work(void *self, const peal_work *work);
void models__full_combine(void *self, const peal_round *round, size_t segment);
size_t models__full_advance(void *self, const peal_round *round);

#endif
