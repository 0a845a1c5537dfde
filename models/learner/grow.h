/* What a worker holds while it makes a round of trees, and growing one. Private to this folder. */
#ifndef PEAL_MODELS_GROW_H
#define PEAL_MODELS_GROW_H

#include "core/base/philox.h"
#include "models/learner/split.h"

/* A leaf of the tree that grows, as one worker sees it. */
typedef struct models__leaf {
    size_t first, count; /* of the worker's rows, in its list */
    models__sum all;     /* of all workers' rows */
    uint32_t depth, parent;
    bool is_right;    /* of its parent */
    size_t alive;     /* of the worker's sparse features, by how many the leaf may be split */
    double low, high; /* see models__rules */
    models__path path;
    models__best best;
} models__leaf;

typedef struct models__member {
    models__trees *self;
    const peal_work *work;
    size_t rank;
    size_t begin, count;   /* rows: the first one, and how many */
    size_t own_begin;      /* the sparse features that it sums and searches, in the order of their places: */
    size_t own_end;        /* own_begin .. own_end - 1 */
    models__own_rows *own; /* of them */
    size_t round;          /* from 0 on, of all that the trees are of */
    size_t output, tree;
    models__packed *packed;
    models__rules rules;
    models__leaf *leaves; /* [leaves] */
    size_t leaf_count;
    models__packed *sums; /* [leaves] */
    double *mending;      /* [8 forest.leaves] */
    double *weights;      /* [rounds] with which the scores are to hold earlier rounds */
} models__member;

/* Waits for all workers. */
peal_status models__meet(const models__member *m);
/* The largest gradient of all rows, or second derivative, by its size; all workers have told theirs. */
double models__most_of(const models__trees *self, bool hessian);
/* The power of two by which the largest becomes a whole number of so many bits. */
double models__scale_for(double most, int bits);

/* What random numbers of rows are keyed by: the seed, and `rest` behind the row of the dataset. */
void models__row_key(const models__member *m, size_t output, peal_purpose purpose, uint32_t key[2], uint32_t rest[3]);
/* Random numbers of row `i` of the worker's, keyed by seed, round, output and the row of the dataset. */
void models__row_random(const models__member *m, size_t i, size_t output, peal_purpose purpose, uint32_t out[4]);

/* The same of the row at a place of the order of all rows. */
void models__place_random(const models__member *m, size_t place, size_t output, peal_purpose purpose, uint32_t out[4]);

/* Grows tree m->tree of output m->output over all workers' rows, and writes it into the forest. */
peal_status models__grow_tree(models__member *m);

#endif
