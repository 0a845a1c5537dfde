/* Trees over bins, and the model that is kept of them. Private to this folder. */
#ifndef PEAL_MODELS_FOREST_H
#define PEAL_MODELS_FOREST_H

#include "models/learner/bins.h"
#include "models/learner/columns.h"
#include "models/learner/objective.h"
#include "models/learner/views.h"

/* The numbers of the model's spec, in the order in which trees.c lists them. */
enum {
    MODELS__LEAVES,
    MODELS__DEPTH,
    MODELS__RATE,
    MODELS__ROUNDS,
    MODELS__MIN_ROWS,
    MODELS__MIN_HESSIAN,
    MODELS__MIN_GAIN,
    MODELS__ROWS,
    MODELS__COLUMNS,
    MODELS__BINS,
    MODELS__MAX_DELTA,
    MODELS__ALPHA,
    MODELS__TWEEDIE_POWER,
    MODELS__POISSON_STEP,
    MODELS__TOP_RATE,
    MODELS__OTHER_RATE,
    MODELS__DROP_RATE,
    MODELS__MAX_DROP,
    MODELS__SKIP_DROP,
    MODELS__TRUNCATION,
    MODELS__SIGMOID,
    MODELS__AT,
    MODELS__BUNDLES,
    MODELS__MEANS
};

typedef enum models__growth { MODELS__BY_LEAF, MODELS__BY_DEPTH } models__growth;
enum { MODELS__UNIFORM, MODELS__BY_GRADIENTS }; /* sampling */
enum {
    MODELS__BOOSTING_PLAIN,
    MODELS__BOOSTING_GOSS,
    MODELS__BOOSTING_DART
}; /* boosting; in LightGBM also of sampling */

/* Its words. */
enum {
    MODELS__OBJECTIVE,
    MODELS__GROWTH,
    MODELS__SAMPLING,
    MODELS__BOOSTING,
    MODELS__UNIFORM_DROP,
    MODELS__XGBOOST_DART,
    MODELS__NORM
};
enum { MODELS__NO, MODELS__YES };

/* And its texts. */
enum { MODELS__INCREASING, MODELS__DECREASING, MODELS__INTERACTIONS, MODELS__MONOTONE };

enum {
    MODELS__MISSING_LEFT = 1 << 8, /* rows without a value go left; else right */
    MODELS__CATEGORY = 1 << 9,     /* the bins of a set go left, all others right */
    MODELS__SET_WORDS = 8          /* 256 bits, one a bin */
};
#define MODELS__LEAF (UINT32_C(1) << 31) /* a child that is a leaf, with its number */

/* A node: rows whose bin of `feature` is up to the last byte of `what` go left. A child's number is above its
 * parent's. Features are those of models__bins. In a model's file a node by a sparse feature names it by its number in
 * the dataset, behind the dense ones, its `what` is 0, and rows go left where it is at most the node's threshold. */
typedef struct models__tree_node {
    uint32_t feature, what, left, right;
} models__tree_node;

/* Trees in their order: round by round, and in a round one for each output. A tree of n nodes has n + 1 leaves. */
typedef struct models__forest {
    size_t outputs, leaves;   /* leaves of a tree at most */
    size_t trees;             /* that there are */
    uint32_t *sizes;          /* [trees] nodes of each */
    models__tree_node *nodes; /* [trees, leaves - 1] */
    float *thresholds;        /* [trees, leaves - 1] of a model whose dataset has sparse features; else NULL */
    uint32_t *sets;           /* [trees, leaves - 1, SET_WORDS], or NULL: no feature is a category */
    double *values;           /* [trees, leaves] */
    double *base;             /* [outputs] what all rows begin with */

    /* How the trees came about, of the rows that they were grown over; NULL: the file does not tell. */
    double *gains;       /* [trees, leaves - 1] by how much a node's split makes twice the loss smaller */
    double *leaf_covers; /* [trees, leaves] sums of second derivatives */
    uint32_t *leaf_rows; /* [trees, leaves] of a tree that has nodes at least 1 */
} models__forest;

static inline bool models__goes_left(const models__tree_node *node, const uint32_t *set, uint8_t bin) {
    if (node->what & MODELS__CATEGORY) return set[bin / 32] >> bin % 32 & 1;
    if (bin == 0) return (node->what & MODELS__MISSING_LEFT) != 0;
    return bin <= (node->what & 0xff);
}

/* The leaf of tree `tree` that a row with these bins comes to. */
static inline uint32_t models__tree_leaf(const models__forest *forest, size_t tree, const uint8_t *bins) {
    const size_t first = tree * (forest->leaves - 1);
    uint32_t at = forest->sizes[tree] ? 0 : MODELS__LEAF;
    while (!(at & MODELS__LEAF)) {
        const models__tree_node *node = &forest->nodes[first + at];
        const uint32_t *set = forest->sets ? forest->sets + (first + at) * MODELS__SET_WORDS : NULL;
        at = models__goes_left(node, set, bins[node->feature]) ? node->left : node->right;
    }
    return at & ~MODELS__LEAF;
}

/* Each node's sum of what its leaves have: `leaves` [leaves of the tree] into `sums` [its nodes]. */
static inline void models__forest_sum_leaves(const models__forest *forest, size_t tree, const double *leaves,
                                             double *sums) {
    const models__tree_node *nodes = forest->nodes + tree * (forest->leaves - 1);
    for (size_t i = forest->sizes[tree]; i-- > 0;) { /* children stand behind their parents */
        const uint32_t children[] = {nodes[i].left, nodes[i].right};
        sums[i] = 0;
        for (size_t c = 0; c < 2; c++) {
            sums[i] += children[c] & MODELS__LEAF ? leaves[children[c] & ~MODELS__LEAF] : sums[children[c]];
        }
    }
}

/* What a row's scores [outputs] begin with. */
static inline void models__forest_begin(const models__forest *forest, const peal_shape *shape, const peal_table *table,
                                        size_t row, double *scores) {
    const double offset = peal_shape_offset(shape, table, row) / shape->label_deviation;
    for (size_t k = 0; k < forest->outputs; k++) scores[k] = forest->base[k] + offset;
}

/* Leaves of a tree at most: what the spec says; else 31, or where trees grow by depth as many as that gives. */
size_t models__forest_leaves(const peal_model_spec *spec);

/* PEAL_E_DATA if tree `tree` over these bins makes no sense. */
peal_status models__forest_check(const models__forest *forest, const models__bins *bins, size_t tree, peal_error *err);
models__unit models__forest_unit(const models__goal *goal);

/* ---- the model, by a learner's hooks ---- */

enum { MODELS__FOREST_TENSORS = 14 };

typedef struct models__forest_model {
    peal_shape shape; /* the data's */
    models__goal goal;
    models__bins bins;
    size_t aspects; /* of columns of codes; see bins.h */
    size_t bins_most;
    models__columns columns;
    models__forest forest;
    models__tree_node *stored; /* its nodes as in the file; without sparse features forest.nodes */
    uint64_t *splits;          /* [trees, leaves - 1] room to find the sparse features that the nodes split by */
    struct models__compiled_node *compiled; /* room for the trees laid out for prediction; NULL: they cannot be */
    bool is_compiled;                       /* they are laid out there */
    peal_tensor tensors[MODELS__FOREST_TENSORS];
    size_t count;
} models__forest_model;

peal_status models__forest_model_new(const peal_pipeline *pipeline, const peal_model_spec *spec,
                                     const peal_tensor *given, size_t given_count, void **model, peal_error *err);
void models__forest_model_free(void *model);
const peal_tensor *models__forest_model_tensors(const void *model, size_t *count);
peal_status models__forest_model_check(const void *model, peal_error *err);
/* Whether no tree has a split. */
bool models__forest_is_constant(const void *model);
peal_status models__forest_model_scratch(const void *model, void **scratch, peal_error *err);
void models__forest_model_score(const void *model, void *scratch, const peal_batch *batch, double *scores);
/* What they rank by; NULL: they do not rank. */
const peal_ranking *models__forest_model_ranking(const void *model);
/* The sums of trees, before they become a prediction. */
void models__forest_model_raw(const void *model, void *scratch, const peal_batch *batch, double *out);
/* The bins [features] of row `i` of a batch, the table in which it stands, and where. */
const peal_table *models__forest_model_row(const models__forest_model *model, const peal_batch *batch, size_t i,
                                           uint8_t *bins, size_t *row);
/* Its trees become the first ones of `forest`, whose bins these are. */
void models__forest_model_fill(void *model, const models__forest *forest, const models__bins *bins);

/* What it tells besides predictions; see learner.h. */
extern const peal_view *const models__forest_views[];
json_t *models__forest_importance(const void *model, const peal_pipeline *pipeline);
peal_status models__forest_tree(const void *model, const peal_pipeline *pipeline, uint64_t number, json_t **out,
                                peal_error *err);

#endif
