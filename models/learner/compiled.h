/* A forest laid out for prediction. Private to this folder.
 *
 * A node is 8 bytes, a tree an array of its nodes and, behind them, its leaves, which lead to themselves. So a row goes
 * down without a branch that a processor would have to guess, and several go down side by side: while one waits for
 * memory the others step. */
#ifndef PEAL_MODELS_COMPILED_H
#define PEAL_MODELS_COMPILED_H

#include "models/learner/forest.h"

/* A row goes to children[1] if (uint8_t)(bin - shift) > bound: shift is 1 where rows without a value, whose bin is 0,
 * go right. */
typedef struct models__compiled_node {
    uint16_t feature;
    uint8_t shift, bound;
    uint16_t children[2];
} models__compiled_node;

enum { MODELS__COMPILED_LANES = 8 }; /* rows that go down a tree side by side, or trees that a row does */

/* Whether a forest can be laid out so: without sets of categories, and with no more leaves and features than the
 * numbers of a node can name. */
bool models__compiled_can(const models__forest *forest, size_t features);
/* Nodes and leaves of a tree: how far apart trees stand. */
static inline size_t models__compiled_stride(const models__forest *forest) {
    return 2 * forest->leaves - 1;
}
/* Lays the trees out into `nodes` [trees, stride]; they have been checked. */
void models__compiled_make(const models__forest *forest, models__compiled_node *nodes);
/* Writes the leaves [MODELS__COMPILED_LANES] that as many rows come to in tree `tree`: row i has the bins
 * bins[i * features]. */
void models__compiled_rows(const models__forest *forest, const models__compiled_node *nodes, size_t tree,
                           const uint8_t *bins, size_t features, uint32_t *leaves);
/* Writes the leaves [count] that one row comes to in the trees from `first` on, at most MODELS__COMPILED_LANES. */
void models__compiled_trees(const models__forest *forest, const models__compiled_node *nodes, size_t first,
                            size_t count, const uint8_t *bins, uint32_t *leaves);

#endif
