/* Trees of other programs, as their files are read into: one form for all formats, from which a Peal model is built.
 * Private to this folder.
 *
 * A reader (lightgbm_read.c, xgboost_read.c) fills it and need not know Peal's trees; build.c makes bins of the
 * thresholds that occur, and need not know files. */
#ifndef PEAL_MODELS_FOREIGN_H
#define PEAL_MODELS_FOREIGN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/memory.h"
#include "core/base/number.h"
#include "core/base/status.h"

enum { INTERCHANGE__CODES_MOST = 65536 /* of a column */, INTERCHANGE__CATEGORY_MOST = 1 << 30 };
#define INTERCHANGE__NO_NODE UINT32_MAX
#define INTERCHANGE__LEAF (UINT32_C(1) << 31) /* a child that is a leaf, with its number in its tree */

/* A column of the raw table. */
typedef struct interchange__feature {
    char *name;
    json_t *texts; /* array of texts: its categories in the order of their codes; NULL: its values are numbers */
} interchange__feature;

/* A node sends a row left if its number is below `edge`; or, of a set, if the number lies within a category of it. */
typedef struct interchange__node {
    uint32_t feature;     /* INTERCHANGE__NO_NODE: the place of a leaf in a list of both */
    uint32_t left, right; /* children: nodes of the tree, or leaves */
    bool is_set, missing_left;
    bool zero_is_missing; /* numbers within 1e-35 of zero go as what is missing */
    double edge;
    size_t set_first, set_count; /* in `members`: rising */
} interchange__node;

typedef struct interchange__tree {
    size_t first_node, node_count, first_value, value_count;
    size_t output; /* to whose score it adds */
} interchange__tree;

typedef struct interchange__foreign {
    size_t file_bytes; /* what is made of it is held against them */
    char format[64];   /* "lightgbm v4" */
    char objective[128];
    const char *loss; /* Peal's name of the objective; NULL: what trees learn of such a label */
    size_t classes;   /* 0: a number */
    size_t best;      /* the round that early stopping found best, from 1 on; 0: the file does not say */
    size_t outputs;
    double *base; /* [outputs] */
    interchange__feature *features;
    size_t feature_count;
    /* The least number that is category k or a later one. */
    double (*category_edge)(uint32_t category);
    peal_buffer trees, nodes, values, members; /* of interchange__tree, interchange__node, double, uint32_t */
    /* How the trees came about, of double: the gain of each node; of each value the rows, and their second
     * derivatives. Empty, or NaN where the file does not tell: then the model does not, either. */
    peal_buffer gains, rows, covers;
} interchange__foreign;

static inline interchange__tree *interchange__trees(const interchange__foreign *foreign, size_t *count) {
    *count = foreign->trees.size / sizeof(interchange__tree);
    return (interchange__tree *)(void *)foreign->trees.data;
}
static inline interchange__node *interchange__nodes(const interchange__foreign *foreign) {
    return (interchange__node *)(void *)foreign->nodes.data;
}
static inline double *interchange__values(const interchange__foreign *foreign) {
    return (double *)(void *)foreign->values.data;
}
/* One of the three that tell how trees came about. */
static inline const double *interchange__history(const peal_buffer *history) {
    return (const double *)(const void *)history->data;
}
static inline const uint32_t *interchange__members(const interchange__foreign *foreign) {
    return (const uint32_t *)(const void *)foreign->members.data;
}

/* Room for so many features and outputs, without names, and zero. */
peal_status interchange__foreign_reserve(interchange__foreign *foreign, size_t features, size_t outputs,
                                         peal_error *err);
/* Names feature `index`. */
peal_status interchange__foreign_name(interchange__foreign *foreign, size_t index, const char *name, size_t length,
                                      peal_error *err);
/* PEAL_E_DATA if two features have one name, or a name is none. */
peal_status interchange__foreign_check_names(const interchange__foreign *foreign, peal_error *err);
/* The least number above `x`. */
double interchange__above(double x);
void interchange__foreign_clear(interchange__foreign *foreign);

#endif
