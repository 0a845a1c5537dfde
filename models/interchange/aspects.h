/* From the splits of foreign trees to columns of codes, their aspects and bins (models/learner/bins.h). Private to this
 * folder. */
#ifndef PEAL_MODELS_ASPECTS_H
#define PEAL_MODELS_ASPECTS_H

#include "models/interchange/foreign.h"
#include "models/learner/forest.h"

/* What a node of the foreign trees has become. */
typedef struct interchange__placed {
    uint32_t aspect; /* of its column, from 0 */
    uint32_t what;   /* of a models__tree_node */
    size_t set;      /* of SET_WORDS words in `sets` */
} interchange__placed;

/* A column: codes by its edges (or its texts), and for each aspect a bin of each code. */
typedef struct interchange__column {
    bool is_used;  /* a split is of it */
    double *edges; /* [edge_count] rising: code i holds edges[i - 1] <= x < edges[i]. Of numbers */
    size_t edge_count;
    size_t codes;
    peal_buffer bins; /* [aspects, codes] bytes; at least one aspect */
} interchange__column;

typedef struct interchange__aspects {
    interchange__column *columns; /* [feature_count] */
    size_t feature_count;
    interchange__placed *placed; /* [nodes of all trees] */
    peal_buffer sets;            /* [][SET_WORDS] uint32_t */
} interchange__aspects;

static inline size_t interchange__column_aspects(const interchange__column *column) {
    return column->bins.size / column->codes;
}

/* Cleared by the caller, also after a failure. PEAL_E_DATA names the column of which there is too much. */
peal_status interchange__aspects_make(const interchange__foreign *foreign, interchange__aspects *out, peal_error *err);
void interchange__aspects_clear(interchange__aspects *aspects);

#endif
