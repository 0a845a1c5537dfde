/* Gradient boosting: what trees.c (the learner) and grow.c (how a tree grows) share. Private to this folder.
 *
 * A round makes a tree for each output. All workers grow it together: each has some rows, and adds up their gradients
 * by bins; these histograms are summed, and the best split of a leaf is found, feature by feature. Gradients are whole
 * numbers of 15 bits, so that sums have no order and trees do not depend on workers, partitions or machines. */
#ifndef PEAL_MODELS_TREES_H
#define PEAL_MODELS_TREES_H

#include <string.h>

#include "models/learner/bundles.h"
#include "models/learner/constraints.h"
#include "models/learner/forest.h"
#include "models/learner/means.h"
#include "models/learner/quantile.h"

/* Sums of gradients, second derivatives and rows, in units of the round's scales. */
typedef struct models__sum {
    int64_t gradient, hessian;
    uint64_t rows;
} models__sum;

/* The same as histograms hold it: the gradient, and beside it rows in the lower bits and the second derivative above
 * them. One addition of 16 bytes adds a row, one subtraction makes a sibling. */
typedef int64_t models__packed __attribute__((vector_size(16)));
enum { MODELS__GRADIENT_BITS = 15 };

/* The best way to split a leaf. */
typedef struct models__best {
    double gain; /* 0: there is none */
    uint32_t feature, what;
    uint32_t set[MODELS__SET_WORDS];
    models__sum left;
} models__best;

/* Exact sums over a leaf's rows, in units of 2^-40 of the largest. */
typedef struct models__exact {
    __int128 gradient, hessian;
} models__exact;

/* A row's derivatives for one output, as whole numbers. */
typedef struct models__quantum {
    int16_t gradient;
    uint16_t hessian;
} models__quantum;

/* Of a leaf's number in 16 bits: it is not known; of the last leaf that there can be it never is. */
#define MODELS__NO_LEAF UINT16_MAX

/* A worker's rows: its own memory, made when it first works, and made anew by the one that takes its place if it dies.
 * What a histogram wants of a row, which is anywhere, stands together: a models__quantum of the tree that grows, then
 * the bytes of its columns (bundles.h), in one line of the cache if they fit. */
typedef struct models__own_rows {
    double *held;                        /* [rounds] with which weight the scores hold each round's trees; 0: not */
    size_t stride;                       /* bytes of a row */
    uint8_t *matrix;                     /* [rows, stride] */
    uint8_t *columns;                    /* [columns, rows] the bytes again */
    size_t *row_first;                   /* [rows + 1] in `entries`: where a row's list begins */
    uint32_t *entries;                   /* where in a histogram a row of each listed feature that it has is counted */
    size_t *list_first;                  /* [sparse features + 1] in the two below */
    uint32_t *list_rows;                 /* the rows that have a listed feature, rising, */
    uint8_t *list_bytes;                 /* and the bytes that they would have in a column */
    uint8_t *marks;                      /* [rows] a listed feature as a column, while a leaf is parted by it; else 0 */
    uint32_t *alive;                     /* [leaves, own sparse features] those that a leaf may be split by */
    double *targets;                     /* [rows] what is learnt */
    double *weights;                     /* [rows] what each counts */
    bool is_weighted;                    /* some count other than 1 */
    double *scores;                      /* [rows, outputs] */
    double *derivatives;                 /* [rows, outputs, 2] */
    float *shares;                       /* [rows] what each counts in this round; 0: it is out. NULL: all are in */
    uint64_t *keys;                      /* [rows] by which some are chosen, see sample.c */
    uint32_t *lists[2];                  /* [rows] by leaves, and room to part them */
    size_t grown;                        /* the last round; SIZE_MAX: it was not whole */
    struct models__own_queries *queries; /* memory of queries.c */
    uint16_t *leaves; /* [outputs, rows] where the last round's trees have put them, or MODELS__NO_LEAF */
} models__own_rows;

/* The bytes of a row's columns, of which the first are the bins of its dense features. */
static inline uint8_t *models__row_bins(const models__own_rows *own, size_t row) {
    return own->matrix + row * own->stride + sizeof(models__quantum);
}

static inline models__quantum models__quantum_of(const models__own_rows *own, size_t row) {
    models__quantum quantum;
    memcpy(&quantum, own->matrix + row * own->stride, sizeof quantum);
    return quantum;
}

/* What a row adds to packed sums. */
static inline models__packed models__pack_row(models__quantum quantum, int row_bits) {
    return (models__packed){quantum.gradient, ((int64_t)quantum.hessian << row_bits) + 1};
}

/* Bytes of a row: a part of a cache line, or whole ones, where that costs little. */
static inline size_t models__row_stride(size_t columns) {
    const size_t bytes = sizeof(models__quantum) + columns;
    size_t whole = 8;
    while (whole < bytes && whole < 64) whole *= 2;
    if (whole < bytes) whole = (bytes + 63) / 64 * 64;
    return whole - bytes <= bytes / 4 || whole <= 16 ? whole : (bytes + 3) / 4 * 4;
}

/* What a worker tells the others; it alone writes. */
typedef struct models__told {
    _Alignas(64) double most_gradient, most_hessian; /* of its rows, by their size */
    __int128 loss;                                   /* in units of 2^-30 */
    models__packed root;                             /* the sum of its rows that a tree is grown over */
    bool is_wide;                                    /* its histogram, see histogram.h, */
    uint32_t held;                                   /* and the rows in its narrow sums */
} models__told;

/* How rows are drawn; see sample.h. */
typedef struct models__sampling {
    bool by_gradients;
    double rows;        /* the part of them, if not by gradients */
    double top, other;  /* of the largest gradients so many, of the others so many as a part of all */
    size_t first_round; /* by gradients: until this round all are in */
} models__sampling;

/* Which rounds are dropped; see dart.h. */
typedef struct models__dart {
    bool is_on, is_uniform, is_xgboost;
    double rate, skip; /* which part of the rounds; in which part of them none */
    size_t most;
} models__dart;

/* The numbers of a state. */
enum { MODELS__STATE_ROUNDS, MODELS__STATE_LOSS, MODELS__STATE_NUMBERS };

typedef struct models__trees {
    peal_training *training;
    models__bins bins;
    models__means means;
    models__goal goal;
    models__constraints constraints;
    size_t outputs, members;
    size_t leaves;    /* of a tree that grows, at most; earlier ones may have more, see forest.leaves */
    int row_bits;     /* of a packed sum that tell rows: so many as all rows need */
    int hessian_bits; /* of one row's second derivative: as many as are then left, 15 at most */
    models__bundles places;
    double rate, l1, l2, max_delta, min_gain, min_hessian, columns_part;
    models__sampling sampling;
    models__dart dart;
    size_t rounds; /* that there is room for */
    uint64_t min_rows;
    uint32_t depth; /* at most; 0: no limit */
    models__growth growth;
    double *base;          /* [outputs] */
    models__own_rows *own; /* a worker's; NULL: not yet */

    /* shared memory: tensors */
    double *states[2];
    double *weights[2];    /* [rounds] of dart: what a round's trees count in that state. NULL: all count 1 */
    models__forest forest; /* of all rounds; the committed state says how many of its trees there are */

    /* and what is made anew from them, or in each round */
    models__packed *packed;     /* [members, places.bins_all] a worker's rows of a leaf */
    uint64_t *narrow;           /* [members, places.bins_all] the same, see histogram.h. NULL: of sparse features */
    models__packed *histograms; /* [leaves, places.bins_all]; of a sparse feature where it is alive */
    models__best *bests;        /* [leaves, members] */
    models__exact *exacts;      /* [members, leaves] */
    models__told *told;         /* [members] */
    uint64_t *digits;           /* counts of gradients' digits, see sample.c */
    models__keys keys;          /* [rows] of leaves that are renewed: what their rows lack */
    models__span *spans;        /* [leaves, members] where they stand */
    double *query_scores;       /* [rows] of objectives that rank: of all workers' rows */
    double *query_derivatives;  /* [rows, 2] */
    uint8_t *valid_matrix;      /* [valid rows, dense features] */
    double *valid_sums;         /* [valid rows, outputs] */
    double *valid_held;         /* [chunks, rounds] as `held` of a worker's rows */
    uint8_t *valid_known;       /* [chunks] whether the sums are what that says */
} models__trees;

/* Rows that a child has at least, whatever its part of the second derivatives. */
static inline uint64_t models__least_rows(uint64_t min_rows) {
    return (min_rows + 3) / 4;
}

static inline models__sum models__unpack(models__packed packed, int row_bits) {
    return (models__sum){packed[0], packed[1] >> row_bits, (uint64_t)packed[1] & ((UINT64_C(1) << row_bits) - 1)};
}

extern const peal_learner models__trees_learner;

static inline models__packed models__pack(const models__sum *sum, int row_bits) {
    return (models__packed){sum->gradient, (int64_t)((uint64_t)sum->hessian << row_bits) + (int64_t)sum->rows};
}

/* Rows of the training's tables as its trees see them: the bins of their dense features, `stride` bytes apart, and what
 * row i lists. */
typedef struct models__seen_rows {
    size_t count;
    const uint8_t *dense;
    size_t stride;
    peal_sparse_row (*sparse)(const void *user, size_t i);
    const void *user;
} models__seen_rows;

/* All workers: makes the next state; see peal_learner. */
peal_status models__trees_round(void *self, const peal_work *work, size_t *reached);

/* The rows that a member works on, of those to train on. */
static inline void models__member_rows(const models__trees *self, size_t rank, size_t *begin, size_t *count) {
    *begin = (size_t)(self->training->row_count * rank / self->members);
    *count = (size_t)(self->training->row_count * (rank + 1) / self->members) - *begin;
}

#endif
