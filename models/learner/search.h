/* The decisions of L-BFGS: how far along a direction, and which direction next; from numbers alone.
 *
 * The vectors are elsewhere, cut into segments. What is known of them here are their scalar products, so that whoever
 * has the segments can work on them in any order, and one process decides (Chen, Wang, Zhou 2014: Large-scale L-BFGS
 * using MapReduce, NIPS 27). */
#ifndef PEAL_MODELS_SEARCH_H
#define PEAL_MODELS_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

/* ---- how far: a line search for the strong Wolfe conditions ---- */

/* f and its slope at a distance t. */
typedef struct models__probe {
    double t, f, slope;
} models__probe;

/* Doubles only: it is saved as they are. */
typedef struct models__line {
    models__probe start; /* t = 0 */
    models__probe low;   /* the best so far */
    models__probe high;  /* if `is_bracketed`: the other end of where the distance lies */
    double t;            /* to be tried next */
    double is_bracketed, tries;
} models__line;

typedef enum models__verdict {
    MODELS__GO_ON,  /* at line->t */
    MODELS__ACCEPT, /* the distance that was tried */
    MODELS__GIVE_UP /* rounding hides what is still to be gained */
} models__verdict;

void models__line_begin(models__line *line, double f, double slope, double t);
/* What is to be done after a try at line->t. Nocedal and Wright 2006, algorithms 3.5 and 3.6, with cubic interpolation
 * (3.59); where differences of f are lost in rounding, the approximate conditions of Hager and Zhang 2005 (4.1). */
models__verdict models__line_step(models__line *line, double f, double slope);
/* The same by halves, until f has fallen by a ten-thousandth of `descent`, the slope times the distance, which
 * projections bend: Andrew and Gao 2007, OWL-QN, section 3.2. */
models__verdict models__line_backtrack(models__line *line, double f, double descent);

/* ---- which direction: the two-loop recursion ---- */

enum { MODELS__MEMORY_MOST = 32 };

/* The direction of L-BFGS, the product of the gradient and the inverse Hessian as `count` pairs of steps and changes of
 * the gradient tell it, with a minus: coefficients of the steps, the changes and the gradient. `products` [size, size]
 * are the scalar products of the basis: steps at 0 .. h - 1, changes at h .. 2 h - 1, the gradient at 2 h; size 2 h
 * + 1. `pairs` [count] are places of pairs, the oldest first. Nocedal and Wright, algorithm 7.4. */
void models__two_loops(const double *products, size_t h, const size_t *pairs, size_t count, double *coefficients);

#endif
