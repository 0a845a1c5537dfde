/* The model of trees: its tensors, their check, and scores; see forest.h. */
#include "models/learner/compiled.h"
#include "models/learner/means.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

models__unit models__forest_unit(const models__goal *goal) {
    return models__unit_of(&goal->shape, NULL);
}

size_t models__forest_leaves(const peal_model_spec *spec) {
    enum { LEAVES = 31, DEPTH_MOST = 16 };
    const double said = spec->parameters[MODELS__LEAVES], depth = spec->parameters[MODELS__DEPTH];
    if (said >= 2) return (size_t)said;
    if (spec->words[MODELS__GROWTH] != MODELS__BY_DEPTH || depth < 1) return LEAVES;
    return (size_t)1 << (depth < DEPTH_MOST ? (size_t)depth : DEPTH_MOST);
}

void models__forest_model_free(void *model) {
    models__forest_model *self = model;
    if (!self) return;
    free(self->shape.vocabularies);
    models__bins_clear(&self->bins);
    models__columns_clear(&self->columns);
    free(self->forest.sizes);
    if (self->stored != self->forest.nodes) free(self->stored);
    free(self->splits);
    free(self->compiled);
    free(self->forest.nodes);
    free(self->forest.thresholds);
    free(self->forest.sets);
    free(self->forest.values);
    free(self->forest.base);
    free(self->forest.gains);
    free(self->forest.leaf_covers);
    free(self->forest.leaf_rows);
    free(self);
}

static void add_tensor(models__forest_model *self, const char *name, peal_tensor_type type, const void *data,
                       size_t rows, size_t width) {
    if (rows == 0 || width == 0) return;
    self->tensors[self->count++] =
        (peal_tensor){.name = name, .type = type, .data = data, .rows = rows, .width = width};
}

static void list_tensors(models__forest_model *self) {
    const models__forest *forest = &self->forest;
    const models__bins *bins = &self->bins;
    const size_t nodes = forest->leaves - 1, numbers = self->shape.features;
    self->count = 0;
    /* Those of wide numbers first, so that all are aligned in the file. */
    add_tensor(self, "base", PEAL_TENSOR_FLOAT64, forest->base, 1, forest->outputs);
    add_tensor(self, "values", PEAL_TENSOR_FLOAT64, forest->values, forest->trees, forest->leaves);
    if (forest->gains) add_tensor(self, "gains", PEAL_TENSOR_FLOAT64, forest->gains, forest->trees, nodes);
    if (forest->leaf_covers) {
        add_tensor(self, "leaf_covers", PEAL_TENSOR_FLOAT64, forest->leaf_covers, forest->trees, forest->leaves);
    }
    add_tensor(self, "edge_counts", PEAL_TENSOR_UINT32, bins->edge_counts, 1, numbers);
    add_tensor(self, "edges", PEAL_TENSOR_FLOAT32, bins->edges, numbers, MODELS__BINS_MOST);
    add_tensor(self, "sizes", PEAL_TENSOR_UINT32, forest->sizes, 1, forest->trees);
    add_tensor(self, "nodes", PEAL_TENSOR_UINT32, self->stored, forest->trees, nodes * 4);
    if (forest->thresholds) {
        add_tensor(self, "thresholds", PEAL_TENSOR_FLOAT32, forest->thresholds, forest->trees, nodes);
    }
    if (forest->sets) {
        add_tensor(self, "sets", PEAL_TENSOR_UINT32, forest->sets, forest->trees, nodes * MODELS__SET_WORDS);
    }
    if (forest->leaf_rows) {
        add_tensor(self, "leaf_rows", PEAL_TENSOR_UINT32, forest->leaf_rows, forest->trees, forest->leaves);
    }
    add_tensor(self, "aspects", PEAL_TENSOR_UINT32, bins->code_column + self->shape.code_columns, 1, self->aspects);
    add_tensor(self, "code_bins", PEAL_TENSOR_UINT8, bins->code_bins, 1, bins->code_first[bins->code_features]);
}

/* Room for how trees came about: all of it in training, of a file what it has. */
static peal_status make_history(models__forest *forest, const peal_tensor *given, size_t given_count, peal_error *err) {
    const size_t nodes = forest->trees * (forest->leaves - 1), leaves = forest->trees * forest->leaves;
    if (!given || peal_tensor_find(given, given_count, "gains")) {
        PEAL_TRY(peal_alloc_checked(&forest->gains, nodes, sizeof(double), "trees", err));
    }
    if (!given || peal_tensor_find(given, given_count, "leaf_covers")) {
        PEAL_TRY(peal_alloc_checked(&forest->leaf_covers, leaves, sizeof(double), "trees", err));
    }
    if (given && !peal_tensor_find(given, given_count, "leaf_rows")) return PEAL_OK;
    return peal_alloc_checked(&forest->leaf_rows, leaves, sizeof(uint32_t), "trees", err);
}

/* Room for nodes as they are stored, and for as many sparse features and edges as there may be splits. */
static peal_status make_sparse(models__forest_model *self, peal_error *err) {
    models__forest *forest = &self->forest;
    models__sparse *sparse = &self->bins.sparse;
    const size_t nodes = forest->trees * (forest->leaves - 1);
    self->stored = forest->nodes;
    if (!self->shape.sparse) return PEAL_OK;
    self->stored = NULL;
    PEAL_TRY(peal_alloc_checked(&self->stored, nodes, sizeof(models__tree_node), "trees", err));
    PEAL_TRY(peal_alloc_checked(&forest->thresholds, nodes, sizeof(float), "trees", err));
    PEAL_TRY(peal_zeroed_checked(&self->splits, nodes, sizeof(uint64_t), "trees", err));
    PEAL_TRY(peal_zeroed_checked(&sparse->indices, nodes, sizeof(uint32_t), "trees", err));
    PEAL_TRY(peal_zeroed_checked(&sparse->first, nodes + 1, sizeof(size_t), "trees", err));
    PEAL_TRY(peal_zeroed_checked(&sparse->edges, nodes, sizeof(float), "trees", err));
    return peal_zeroed_checked(&sparse->zeros, nodes, 1, "trees", err);
}

static peal_status make_room(models__forest_model *self, bool has_sets, peal_error *err) {
    models__forest *forest = &self->forest;
    const size_t trees = forest->trees, nodes = forest->leaves - 1;
    PEAL_TRY(peal_alloc_checked(&forest->sizes, trees, sizeof(uint32_t), "trees", err));
    PEAL_TRY(peal_alloc_checked(&forest->nodes, trees * nodes, sizeof(models__tree_node), "trees", err));
    PEAL_TRY(peal_alloc_checked(&forest->values, trees * forest->leaves, sizeof(double), "trees", err));
    PEAL_TRY(peal_alloc_checked(&forest->base, forest->outputs, sizeof(double), "trees", err));
    PEAL_TRY(make_sparse(self, err));
    if (!has_sets && !models__bins_have_categories(&self->bins)) {
        return peal_alloc_checked(&self->compiled, trees * models__compiled_stride(forest), sizeof *self->compiled,
                                  "trees", err);
    }
    return peal_alloc_checked(&forest->sets, trees * nodes * MODELS__SET_WORDS, sizeof(uint32_t), "trees", err);
}

/* Whether a file has the bins of all codes that its aspects are of; else these would make us take memory by their word.
 */
static bool aspects_fit(const peal_shape *shape, const peal_tensor *aspects, const peal_tensor *code_bins) {
    size_t codes = peal_shape_codes(shape);
    for (size_t i = 0; i < peal_tensor_count(aspects); i++) {
        uint32_t column;
        memcpy(&column, (const char *)aspects->data + i * sizeof column, sizeof column);
        codes += column < shape->code_columns ? shape->vocabularies[column] : 0;
    }
    return code_bins && peal_tensor_count(code_bins) == codes;
}

/* With the aspects of a file, or in training those of the spec. */
static peal_status make_bins(models__forest_model *self, const peal_pipeline *pipeline, const peal_model_spec *spec,
                             const peal_tensor *given, const peal_tensor *aspects, peal_error *err) {
    uint32_t *list = NULL;
    if (aspects) self->aspects = peal_tensor_count(aspects);
    if (!given) {
        PEAL_TRY(models__means_aspects(pipeline, &self->shape, self->forest.outputs, spec->parameters[MODELS__MEANS],
                                       &list, &self->aspects, err));
    }
    const peal_status status = models__bins_init(&self->bins, pipeline, &self->shape,
                                                 aspects ? aspects->data : (const void *)list, self->aspects, err);
    free(list);
    return status;
}

/* As many trees as a file has, with room for as many leaves (which may be more than its spec says, where it was gone on
 * from another model); in training there is room for all rounds, and those that are not taken stay empty. */
static peal_status make(models__forest_model *self, const peal_pipeline *pipeline, const peal_model_spec *spec,
                        const peal_tensor *given, size_t given_count, peal_error *err) {
    const peal_tensor *sizes = peal_tensor_find(given, given_count, "sizes"),
                      *aspects = peal_tensor_find(given, given_count, "aspects"),
                      *values = peal_tensor_find(given, given_count, "values");
    const bool has_sets = peal_tensor_find(given, given_count, "sets") != NULL;
    PEAL_TRY(peal_pipeline_shape(pipeline, &self->shape, err));
    PEAL_TRY(models__goal_choose(spec, &self->shape, &self->goal, err));
    self->forest.outputs = self->goal.outputs;
    self->forest.leaves = values ? values->width : models__forest_leaves(spec);
    self->forest.trees = (size_t)spec->parameters[MODELS__ROUNDS] * self->forest.outputs;
    if (given && !sizes) return peal_fail(err, PEAL_E_DATA, "it has no tensor 'sizes'");
    if (given) self->forest.trees = peal_tensor_count(sizes);
    if (values && (values->rows != self->forest.trees || values->width < 2)) {
        return peal_fail(err, PEAL_E_DATA, "its 'values' are not of its trees");
    }
    if (aspects && (aspects->type != PEAL_TENSOR_UINT32 ||
                    !aspects_fit(&self->shape, aspects, peal_tensor_find(given, given_count, "code_bins")))) {
        return peal_fail(err, PEAL_E_DATA, "its 'aspects' do not fit its columns of codes");
    }
    self->bins_most = (size_t)spec->parameters[MODELS__BINS];
    PEAL_TRY(make_bins(self, pipeline, spec, given, aspects, err));
    const size_t splits = self->shape.sparse ? self->forest.trees * (self->forest.leaves - 1) : 0;
    PEAL_TRY(models__columns_init(&self->columns, pipeline, &self->bins, splits, err));
    PEAL_TRY(make_room(self, has_sets, err));
    PEAL_TRY(make_history(&self->forest, given, given_count, err));
    list_tensors(self);
    return PEAL_OK;
}

peal_status models__forest_model_new(const peal_pipeline *pipeline, const peal_model_spec *spec,
                                     const peal_tensor *given, size_t given_count, void **model, peal_error *err) {
    models__forest_model *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a model");
    const peal_status status = make(self, pipeline, spec, given, given_count, err);
    if (status == PEAL_OK) {
        *model = self;
    } else {
        models__forest_model_free(self);
    }
    return status;
}

const peal_tensor *models__forest_model_tensors(const void *model, size_t *count) {
    const models__forest_model *self = model;
    *count = self->count;
    return self->tensors;
}

/* ---- sparse features that nodes split by ---- */

/* Whole numbers in the order of features and thresholds. -0 is 0. */
static uint64_t split_key(uint32_t index, float threshold) {
    const float value = threshold + 0.0F;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint64_t)index << 32 | (bits >> 31 ? ~bits : bits | UINT32_C(1) << 31);
}

static int by_key(const void *a, const void *b) {
    const uint64_t *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

static float key_threshold(uint64_t key) {
    uint32_t bits = (uint32_t)key;
    float value;
    bits = bits >> 31 ? bits & ~(UINT32_C(1) << 31) : ~bits;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool is_sparse_split(const models__forest_model *self, const models__tree_node *node) {
    const size_t dense = self->bins.dense;
    return node->feature >= dense && node->feature - dense < self->shape.sparse && node->what == 0;
}

/* The features and thresholds that occur become the model's sparse features and their edges. */
static peal_status collect_splits(models__forest_model *self, peal_error *err) {
    const models__forest *forest = &self->forest;
    models__sparse *sparse = &self->bins.sparse;
    const size_t dense = self->bins.dense;
    size_t count = 0, edges = 0;
    for (size_t tree = 0; tree < forest->trees; tree++) {
        for (size_t i = 0; i < forest->sizes[tree] && i < forest->leaves - 1; i++) {
            const size_t at = tree * (forest->leaves - 1) + i;
            const models__tree_node *node = &self->stored[at];
            if (is_sparse_split(self, node)) {
                self->splits[count++] = split_key((uint32_t)(node->feature - dense), forest->thresholds[at]);
            }
        }
    }
    if (count) qsort(self->splits, count, sizeof *self->splits, by_key);
    sparse->count = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t index = (uint32_t)(self->splits[i] >> 32);
        if (i && self->splits[i] == self->splits[i - 1]) continue;
        if (sparse->count == 0 || sparse->indices[sparse->count - 1] != index) sparse->indices[sparse->count++] = index;
        sparse->edges[edges++] = key_threshold(self->splits[i]);
        sparse->first[sparse->count] = edges;
    }
    for (size_t k = 0; k < sparse->count; k++) {
        if (models__sparse_edges(sparse, k) >= MODELS__BINS_MOST) {
            return peal_fail(err, PEAL_E_DATA, "sparse feature %u has too many thresholds", sparse->indices[k]);
        }
        sparse->zeros[k] = models__sparse_bin(sparse, k, 0);
    }
    return PEAL_OK;
}

/* A stored node as the trees are walked by; one that makes no sense keeps making none. */
static models__tree_node known_node(const models__forest_model *self, size_t at) {
    const models__sparse *sparse = &self->bins.sparse;
    models__tree_node node = self->stored[at];
    if (node.feature < self->bins.dense) return node;
    if (!is_sparse_split(self, &node)) {
        node.feature = UINT32_MAX;
        return node;
    }
    const uint32_t index = (uint32_t)(node.feature - self->bins.dense);
    const size_t k = models__index_place(sparse->indices, sparse->count, 0, index);
    node.feature = (uint32_t)(self->bins.dense + k);
    node.what = models__sparse_bin(sparse, k, self->forest.thresholds[at]);
    return node;
}

/* What follows from the tensors once they are written. */
static peal_status finish(models__forest_model *self, peal_error *err) {
    const models__forest *forest = &self->forest;
    if (self->shape.sparse) {
        PEAL_TRY(collect_splits(self, err));
        for (size_t tree = 0; tree < forest->trees; tree++) {
            for (size_t i = 0; i < forest->leaves - 1; i++) {
                const size_t at = tree * (forest->leaves - 1) + i;
                forest->nodes[at] = i < forest->sizes[tree] ? known_node(self, at) : (models__tree_node){0};
            }
        }
    }
    PEAL_TRY(models__bins_finish(&self->bins, err));
    models__columns_finish(&self->columns, &self->bins);
    return PEAL_OK;
}

/* When the nodes are right. */
static void compile(models__forest_model *self) {
    if (!self->compiled) return;
    self->is_compiled = models__compiled_can(&self->forest, self->bins.features);
    if (self->is_compiled) models__compiled_make(&self->forest, self->compiled);
}

/* ---- what was loaded ---- */

/* How a tree came about: no gain or cover is negative, and no leaf that a split made is without a row. */
static bool history_is_right(const models__forest *forest, size_t tree) {
    const uint32_t size = forest->sizes[tree];
    const double *gains = forest->gains ? forest->gains + tree * (forest->leaves - 1) : NULL;
    const double *covers = forest->leaf_covers ? forest->leaf_covers + tree * forest->leaves : NULL;
    const uint32_t *rows = forest->leaf_rows ? forest->leaf_rows + tree * forest->leaves : NULL;
    bool right = true;
    for (uint32_t i = 0; i < size; i++) right = right && (!gains || (gains[i] >= 0 && isfinite(gains[i])));
    for (uint32_t i = 0; i <= size; i++) {
        right = right && (!covers || (covers[i] >= 0 && isfinite(covers[i]))) && (!rows || size == 0 || rows[i] > 0);
    }
    return right;
}

/* Every node but the first and every leaf has one parent: a child that occurs twice is wrong. `seen` [2 leaves]. */
static bool node_is_right(const models__forest *forest, const models__bins *bins, size_t tree, uint32_t i,
                          uint8_t *seen) {
    const uint32_t size = forest->sizes[tree];
    const models__tree_node *node = &forest->nodes[tree * (forest->leaves - 1) + i];
    const uint32_t children[] = {node->left, node->right};
    bool right = node->feature < bins->features && node->what <= (MODELS__CATEGORY | MODELS__MISSING_LEFT | 0xff);
    right = right && (!(node->what & MODELS__CATEGORY) || forest->sets);
    if (right && node->feature >= bins->dense) {
        right = node->what >= 1 && node->what <= models__sparse_edges(&bins->sparse, node->feature - bins->dense);
    }
    for (size_t c = 0; c < 2; c++) {
        const bool is_leaf = children[c] & MODELS__LEAF;
        const uint32_t number = children[c] & ~MODELS__LEAF;
        right = right && (is_leaf ? number <= size : number > i && number < size);
        if (right) right = !seen[2 * (size_t)number + is_leaf]++;
    }
    return right;
}

peal_status models__forest_check(const models__forest *forest, const models__bins *bins, size_t tree, peal_error *err) {
    const uint32_t size = forest->sizes[tree];
    if (size >= forest->leaves) return peal_fail(err, PEAL_E_DATA, "tree %zu has too many nodes", tree + 1);
    if (!history_is_right(forest, tree)) {
        return peal_fail(err, PEAL_E_DATA, "the gains, rows or covers of tree %zu make no sense", tree + 1);
    }
    uint8_t *seen;
    PEAL_TRY(peal_zeroed_checked(&seen, 2 * ((size_t)size + 1), 1, "trees", err));
    uint32_t i = 0;
    while (i < size && node_is_right(forest, bins, tree, i, seen)) i++;
    free(seen);
    if (i == size) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "node %u of tree %zu makes no sense", i + 1, tree + 1);
}

peal_status models__forest_model_check(const void *model, peal_error *err) {
    models__forest_model *self = (models__forest_model *)model; /* what follows from its tensors is made here */
    const size_t trees = self->forest.trees, outputs = self->forest.outputs;
    if (trees % outputs) return peal_fail(err, PEAL_E_DATA, "it has not a tree for each class");
    PEAL_TRY(finish(self, err));
    for (size_t tree = 0; tree < trees; tree++) PEAL_TRY(models__forest_check(&self->forest, &self->bins, tree, err));
    compile(self);
    return PEAL_OK;
}

bool models__forest_is_constant(const void *model) {
    const models__forest *forest = &((const models__forest_model *)model)->forest;
    size_t tree = 0;
    while (tree < forest->trees && forest->sizes[tree] == 0) tree++;
    return tree == forest->trees;
}

/* ---- scores ---- */

/* Bins [PEAL_PREDICT_BATCH, features], then scores [outputs]. */
peal_status models__forest_model_scratch(const void *model, void **scratch, peal_error *err) {
    const models__forest_model *self = model;
    const size_t bins = (PEAL_PREDICT_BATCH * self->bins.features + 63) / 64 * 64;
    uint8_t *room;
    PEAL_TRY(peal_alloc_checked(&room, bins + PEAL_PREDICT_BATCH * self->forest.outputs * sizeof(double), 1,
                                "predictions", err));
    *scratch = room;
    return PEAL_OK;
}

const peal_table *models__forest_model_row(const models__forest_model *self, const peal_batch *batch, size_t i,
                                           uint8_t *bins, size_t *row) {
    const peal_table *table = peal_batch_row(batch, i, row);
    models__bins_row(&self->bins, table, *row, bins);
    return table;
}

/* Adds what the trees say of rows with these bins to their sums: a multiple of MODELS__COMPILED_LANES, tree by tree, so
 * that a tree is read once for all of them. */
static void add_rows(const models__forest_model *self, const uint8_t *bins, size_t rows, double *sums) {
    const models__forest *forest = &self->forest;
    const size_t outputs = forest->outputs, features = self->bins.features;
    for (size_t tree = 0; tree < forest->trees; tree++) {
        const double *values = forest->values + tree * forest->leaves;
        double *own = sums + tree % outputs;
        for (size_t first = 0; first < rows; first += MODELS__COMPILED_LANES) {
            uint32_t leaves[MODELS__COMPILED_LANES];
            models__compiled_rows(forest, self->compiled, tree, bins + first * features, features, leaves);
            for (size_t i = 0; i < MODELS__COMPILED_LANES; i++) own[(first + i) * outputs] += values[leaves[i]];
        }
    }
}

/* Of one row. */
static void add_row(const models__forest_model *self, const uint8_t *bins, double *sums) {
    const models__forest *forest = &self->forest;
    for (size_t first = 0, count; first < forest->trees; first += count) {
        uint32_t leaves[MODELS__COMPILED_LANES];
        count = forest->trees - first < MODELS__COMPILED_LANES ? forest->trees - first : MODELS__COMPILED_LANES;
        models__compiled_trees(forest, self->compiled, first, count, bins, leaves);
        for (size_t t = 0; t < count; t++) {
            sums[(first + t) % forest->outputs] += forest->values[(first + t) * forest->leaves + leaves[t]];
        }
    }
}

/* Of a forest that is not compiled. */
static void add_plainly(const models__forest_model *self, const uint8_t *bins, size_t rows, double *sums) {
    const models__forest *forest = &self->forest;
    for (size_t tree = 0; tree < forest->trees; tree++) {
        const double *values = forest->values + tree * forest->leaves;
        for (size_t i = 0; i < rows; i++) {
            const uint32_t leaf = models__tree_leaf(forest, tree, bins + i * self->bins.features);
            sums[i * forest->outputs + tree % forest->outputs] += values[leaf];
        }
    }
}

static const double *sum_trees(const models__forest_model *self, void *scratch, const peal_batch *batch) {
    const models__forest *forest = &self->forest;
    const size_t outputs = forest->outputs, features = self->bins.features;
    const size_t whole = batch->count / MODELS__COMPILED_LANES * MODELS__COMPILED_LANES;
    uint8_t *bins = scratch;
    double *sums = (double *)(void *)(bins + (PEAL_PREDICT_BATCH * features + 63) / 64 * 64);
    for (size_t i = 0; i < batch->count; i++) {
        size_t row;
        const peal_table *table = models__forest_model_row(self, batch, i, bins + i * features, &row);
        models__forest_begin(forest, &self->goal.shape, table, row, sums + i * outputs);
    }
    if (!self->is_compiled) {
        add_plainly(self, bins, batch->count, sums);
        return sums;
    }
    add_rows(self, bins, whole, sums);
    for (size_t i = whole; i < batch->count; i++) add_row(self, bins + i * features, sums + i * outputs);
    return sums;
}

void models__forest_model_raw(const void *model, void *scratch, const peal_batch *batch, double *out) {
    const models__forest_model *self = model;
    const size_t outputs = self->forest.outputs;
    memcpy(out, sum_trees(self, scratch, batch), batch->count * outputs * sizeof *out);
}

void models__forest_model_score(const void *model, void *scratch, const peal_batch *batch, double *scores) {
    const models__forest_model *self = model;
    const double *sums = sum_trees(self, scratch, batch);
    const size_t outputs = self->forest.outputs, width = peal_shape_scores(&self->shape);
    for (size_t i = 0; i < batch->count; i++) {
        self->goal.objective->predict(&self->goal, sums + i * outputs, scores + i * width);
    }
}

/* Nodes as they are stored, of a forest whose bins these are. */
static void store_nodes(models__forest_model *self, const models__forest *forest, const models__bins *bins) {
    const size_t dense = bins->dense, nodes = forest->leaves - 1;
    memcpy(self->stored, forest->nodes, forest->trees * nodes * sizeof(models__tree_node));
    if (!self->shape.sparse) return;
    for (size_t tree = 0; tree < forest->trees; tree++) {
        for (size_t i = 0; i < forest->sizes[tree]; i++) {
            const size_t at = tree * nodes + i, k = forest->nodes[at].feature - dense;
            self->forest.thresholds[at] = 0;
            if (forest->nodes[at].feature < dense) continue;
            self->forest.thresholds[at] = bins->sparse.edges[bins->sparse.first[k] + forest->nodes[at].what - 1];
            self->stored[at].feature = (uint32_t)dense + bins->sparse.indices[k];
            self->stored[at].what = 0;
        }
    }
}

void models__forest_model_fill(void *model, const models__forest *forest, const models__bins *bins) {
    models__forest_model *self = model;
    models__forest *own = &self->forest;
    const size_t trees = forest->trees, nodes = forest->leaves - 1, numbers = self->shape.features;
    memcpy(own->base, forest->base, own->outputs * sizeof(double));
    memcpy(own->sizes, forest->sizes, trees * sizeof(uint32_t));
    store_nodes(self, forest, bins);
    if (own->sets) memcpy(own->sets, forest->sets, trees * nodes * MODELS__SET_WORDS * sizeof(uint32_t));
    memcpy(own->values, forest->values, trees * forest->leaves * sizeof(double));
    memcpy(own->gains, forest->gains, trees * nodes * sizeof(double));
    memcpy(own->leaf_covers, forest->leaf_covers, trees * forest->leaves * sizeof(double));
    memcpy(own->leaf_rows, forest->leaf_rows, trees * forest->leaves * sizeof(uint32_t));
    memcpy(self->bins.edge_counts, bins->edge_counts, numbers * sizeof(uint32_t));
    memcpy(self->bins.edges, bins->edges, numbers * MODELS__BINS_MOST * sizeof(float));
    memcpy(self->bins.code_bins, bins->code_bins, bins->code_first[bins->code_features]);
    finish(self, NULL);
    compile(self);
}

const peal_ranking *models__forest_model_ranking(const void *model) {
    const models__forest_model *self = model;
    return models__goal_ranks(&self->goal) ? &self->goal.rule.ranking : NULL;
}
