/* What trees tell of themselves: how much columns serve them, and a tree with the names and values of the input. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/memory.h"
#include "models/learner/forest.h"

static double squared(double x) {
    return x * x;
}

/* ---- importance ---- */

typedef struct importance {
    double gain;
    uint64_t splits;
    size_t column;
} importance;

static int by_importance(const void *a, const void *b) {
    const importance *p = a, *q = b;
    if (p->gain != q->gain) return p->gain > q->gain ? -1 : 1;
    if (p->splits != q->splits) return p->splits > q->splits ? -1 : 1;
    return (p->column > q->column) - (p->column < q->column);
}

static void add_up(const models__forest_model *self, importance *columns) {
    const models__forest *forest = &self->forest;
    const double unit = squared(models__forest_unit(&self->goal).scale);
    for (size_t c = 0; c < self->columns.count; c++) columns[c].column = c;
    for (size_t tree = 0; tree < forest->trees; tree++) {
        for (uint32_t i = 0; i < forest->sizes[tree]; i++) {
            const size_t at = tree * (forest->leaves - 1) + i;
            importance *one = &columns[self->columns.of[forest->nodes[at].feature]];
            one->splits++;
            if (forest->gains) one->gain += forest->gains[at] * unit;
        }
    }
}

static json_t *name_of(const models__forest_model *self, const peal_pipeline *pipeline, size_t column) {
    const char *name = models__column_name(&self->columns, pipeline, column);
    return peal_json_bytes(name, strlen(name));
}

json_t *models__forest_importance(const void *model, const peal_pipeline *pipeline) {
    const models__forest_model *self = model;
    importance *columns;
    double all = 0;
    json_t *list = json_array();
    if (peal_alloc_checked(&columns, self->columns.count, sizeof *columns, "columns", NULL) != PEAL_OK) {
        json_decref(list);
        return NULL;
    }
    add_up(self, columns);
    for (size_t c = 0; c < self->columns.count; c++) all += columns[c].gain;
    qsort(columns, self->columns.count, sizeof *columns, by_importance);
    for (size_t c = 0; c < self->columns.count; c++) {
        json_t *one = json_pack("{s:o}", "name", name_of(self, pipeline, columns[c].column));
        if (self->forest.gains) {
            one = peal_json_set(one, "gain", peal_json_real(columns[c].gain));
            one = peal_json_set(one, "share", peal_json_real(all > 0 ? columns[c].gain / all : 0));
        }
        one = peal_json_set(one, "splits", json_integer((json_int_t)columns[c].splits));
        list = peal_json_append(list, one);
    }
    free(columns);
    return list;
}

/* ---- a tree ---- */

/* A tree at hand. Its nodes have numbers from 0 on, and its leaves those behind them. */
typedef struct one_tree {
    const models__forest_model *model;
    const peal_pipeline *pipeline;
    const models__tree_node *nodes;
    size_t tree, first; /* of all nodes, the tree's first */
    uint32_t size;
    double *rows, *covers; /* [2 size + 1] of nodes and leaves; NULL: not known */
} one_tree;

static uint32_t number_of(const one_tree *self, uint32_t child) {
    return child & MODELS__LEAF ? self->size + (child & ~MODELS__LEAF) : child;
}

static peal_status find_sums(one_tree *self, peal_error *err) {
    const models__forest *forest = &self->model->forest;
    const size_t all = 2 * (size_t)self->size + 1, leaf = self->tree * forest->leaves;
    if (forest->leaf_rows) {
        PEAL_TRY(peal_alloc_checked(&self->rows, all, sizeof(double), "a tree", err));
        for (uint32_t l = 0; l <= self->size; l++) self->rows[self->size + l] = (double)forest->leaf_rows[leaf + l];
        models__forest_sum_leaves(forest, self->tree, self->rows + self->size, self->rows);
    }
    if (forest->leaf_covers) {
        PEAL_TRY(peal_alloc_checked(&self->covers, all, sizeof(double), "a tree", err));
        for (uint32_t l = 0; l <= self->size; l++) self->covers[self->size + l] = forest->leaf_covers[leaf + l];
        models__forest_sum_leaves(forest, self->tree, self->covers + self->size, self->covers);
    }
    return PEAL_OK;
}

/* The name of a code: its text, or its number where it has none. */
static json_t *code_json(const peal_pipeline_column *column, uint32_t code) {
    const peal_pipeline_step *last = &column->steps[column->step_count - 1];
    if (!last->transform->code_name) return json_integer(code);
    const peal_text text = last->transform->code_name(last->state, code);
    return text.data ? peal_json_bytes(text.data, text.length) : json_integer(code);
}

static size_t column_of(const one_tree *self, size_t f) {
    return self->model->columns.of[f];
}

/* Categories that go left: those that have a bin of their own by name, those of the bin that the rest shares counted.
 * Which these are follows from how many codes the bin has. */
static json_t *set_categories(const one_tree *self, json_t *out, const models__tree_node *node, const uint32_t *set) {
    const models__bins *bins = &self->model->bins;
    const size_t f = node->feature, c = f - bins->shape.features, first = bins->code_first[c];
    const peal_pipeline_column *column = &self->pipeline->columns[self->model->columns.places[column_of(self, f)]];
    json_t *names = json_array();
    size_t codes[MODELS__BINS_MOST + 1] = {0}, others = 0;
    for (size_t i = first; i < bins->code_first[c + 1]; i++) codes[bins->code_bins[i]]++;
    for (size_t i = first; i < bins->code_first[c + 1]; i++) {
        const uint8_t bin = bins->code_bins[i];
        if (!models__goes_left(node, set, bin)) continue;
        if (bin == 0 || codes[bin] > 1) {
            others++;
        } else {
            names = peal_json_append(names, code_json(column, (uint32_t)(i - first)));
        }
    }
    out = peal_json_set(out, "in", names);
    return others ? peal_json_set(out, "others", json_integer((json_int_t)others)) : out;
}

/* Numbers that go left: up to "at_most", or below "below"; neither where all do, or none. */
static json_t *set_bound(const one_tree *self, json_t *out, const models__tree_node *node) {
    const models__bins *bins = &self->model->bins;
    const size_t f = node->feature;
    const uint32_t bin = node->what & 0xff;
    double most = -INFINITY;
    if (f >= bins->dense) {
        const float *edges = bins->sparse.edges + bins->sparse.first[f - bins->dense];
        return peal_json_set(out, "at_most", json_real((double)edges[bin - 1]));
    }
    if (f < bins->shape.features) {
        if (bin) most = bin <= bins->edge_counts[f] ? (double)bins->edges[f * MODELS__BINS_MOST + bin - 1] : INFINITY;
    } else {
        const size_t c = f - bins->shape.features, first = bins->code_first[c];
        for (size_t i = first; i < bins->code_first[c + 1]; i++) {
            if (bins->code_bins[i] <= bin && bins->code_bins[i]) most = (double)(i - first);
        }
    }
    if (models__column_is_ordered(&self->model->columns, self->pipeline, f) && isfinite(most)) {
        most = models__column_bound(&self->model->columns, self->pipeline, f, most);
    }
    if (!isfinite(most)) return peal_json_set(out, "known", json_string(most > 0 ? "left" : "right"));
    if (f < bins->shape.features) return peal_json_set(out, "at_most", json_real(most));
    return peal_json_set(out, "below", json_real(nextafter(most, INFINITY)));
}

/* A sparse feature's number among all of the dataset, from 0 on; and the text that it is of, or its number in its
 * column. */
static json_t *set_sparse(const one_tree *self, json_t *out, size_t f) {
    const models__bins *bins = &self->model->bins;
    const uint32_t index = bins->sparse.indices[f - bins->dense];
    const peal_pipeline_column *column = &self->pipeline->columns[self->model->columns.places[column_of(self, f)]];
    out = peal_json_set(out, "index", json_integer(index));
    const peal_pipeline_step *last = column->step_count ? &column->steps[column->step_count - 1] : NULL;
    char text[512];
    peal_text name = {NULL, 0};
    if (last && last->transform->code_name) name = last->transform->code_name(last->state, index - column->offset);
    if (name.data) return peal_json_set(out, "feature", peal_json_bytes(name.data, name.length));
    const char *from = models__column_name(&self->model->columns, self->pipeline, column_of(self, f));
    peal_snprintf(text, sizeof text, "%s[%u]", from, index - column->offset);
    return peal_json_set(out, "feature", peal_json_bytes(text, strlen(text)));
}

/* The feature's own name where the column has several. */
static json_t *set_feature(const one_tree *self, json_t *out, size_t f) {
    const models__columns *columns = &self->model->columns;
    const peal_pipeline_column *column = &self->pipeline->columns[columns->places[column_of(self, f)]];
    out = peal_json_set(out, "column", name_of(self->model, self->pipeline, column_of(self, f)));
    if (f >= self->model->bins.dense) return set_sparse(self, out, f);
    if (f >= columns->numbers || column->width == 1) return out;
    char text[512];
    peal_pipeline_feature_name(self->pipeline, (uint32_t)f, text, sizeof text);
    return peal_json_set(out, "feature", peal_json_bytes(text, strlen(text)));
}

/* What is known of the rows of a node or leaf. */
static json_t *set_sums(const one_tree *self, json_t *out, uint32_t number) {
    if (self->rows) out = peal_json_set(out, "rows", json_integer((json_int_t)self->rows[number]));
    return self->covers ? peal_json_set(out, "cover", json_real(self->covers[number])) : out;
}

/* Whether the feature can be missing: codes, and numbers of which it is known what they were filled in with. */
static bool knows_missing(const models__bins *bins, size_t f) {
    if (f >= bins->dense) return false;
    return f >= bins->shape.features || !isnan(bins->filled[f]);
}

static json_t *node_json(const one_tree *self, uint32_t i) {
    const models__forest_model *model = self->model;
    const models__forest *forest = &model->forest;
    const models__tree_node *node = &self->nodes[i];
    const uint32_t *set = forest->sets ? forest->sets + (self->first + i) * MODELS__SET_WORDS : NULL;
    const double unit = squared(models__forest_unit(&model->goal).scale);
    json_t *out = set_feature(self, json_pack("{s:i}", "node", (int)i), node->feature);
    out = node->what & MODELS__CATEGORY ? set_categories(self, out, node, set) : set_bound(self, out, node);
    if (knows_missing(&model->bins, node->feature)) {
        out = peal_json_set(out, "missing", json_string(models__goes_left(node, set, 0) ? "left" : "right"));
    }
    if (forest->gains) out = peal_json_set(out, "gain", json_real(forest->gains[self->first + i] * unit));
    out = set_sums(self, out, i);
    out = peal_json_set(out, "left", json_integer(number_of(self, node->left)));
    return peal_json_set(out, "right", json_integer(number_of(self, node->right)));
}

static json_t *leaf_json(const one_tree *self, uint32_t leaf) {
    const models__forest *forest = &self->model->forest;
    const double value = forest->values[self->tree * forest->leaves + leaf];
    json_t *out = json_pack("{s:i, s:i, s:f}", "node", (int)(self->size + leaf), "leaf", (int)leaf, "value",
                            value * models__forest_unit(&self->model->goal).scale);
    return set_sums(self, out, self->size + leaf);
}

/* The class that the tree speaks for. */
static json_t *set_class(const one_tree *self, json_t *out) {
    const models__forest_model *model = self->model;
    const uint32_t classes = model->shape.classes;
    if (!classes) return out;
    const uint32_t class = model->forest.outputs > 1 ? (uint32_t)(self->tree % model->forest.outputs) : classes - 1;
    const peal_text name = peal_pipeline_class_name(self->pipeline, class);
    return peal_json_set(out, "class", peal_json_bytes(name.data, name.length));
}

static json_t *tree_json(const one_tree *self) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < self->size; i++) list = peal_json_append(list, node_json(self, i));
    for (uint32_t l = 0; l <= self->size; l++) list = peal_json_append(list, leaf_json(self, l));
    json_t *out = json_pack("{s:s, s:I, s:I}", "kind", "tree", "tree", (json_int_t)self->tree + 1, "trees",
                            (json_int_t)self->model->forest.trees);
    return peal_json_set(set_class(self, out), "nodes", list);
}

peal_status models__forest_tree(const void *opaque, const peal_pipeline *pipeline, uint64_t number, json_t **out,
                                peal_error *err) {
    const models__forest_model *model = opaque;
    const models__forest *forest = &model->forest;
    if (number < 1 || number > forest->trees) {
        return peal_fail(err, PEAL_E_USAGE, "there is no tree %llu: the model's are 1 to %zu",
                         (unsigned long long)number, forest->trees);
    }
    one_tree self = {.model = model, .pipeline = pipeline, .tree = (size_t)number - 1};
    self.first = self.tree * (forest->leaves - 1);
    self.nodes = forest->nodes + self.first;
    self.size = forest->sizes[self.tree];
    const peal_status status = find_sums(&self, err);
    if (status == PEAL_OK) *out = tree_json(&self);
    free(self.rows);
    free(self.covers);
    if (status != PEAL_OK || *out) return status;
    return peal_fail(err, PEAL_E_MEMORY, "no memory for a tree");
}
