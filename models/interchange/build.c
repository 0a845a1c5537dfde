/* Makes pipeline, spec and tensors of foreign trees; see build.h. What was made is checked by those who load models:
 * the pipeline as a saved one, the forest by its learner. */
#include "models/interchange/build.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "models/interchange/aspects.h"

enum { LEAVES_MOST = 65536, ROUNDS_MOST = 1000000 };

typedef struct build {
    const interchange__foreign *foreign;
    const char *label, *query; /* columns; query: NULL: there is none */
    interchange__aspects aspects;
    size_t *column_of;             /* [feature_count] among the columns of codes; SIZE_MAX: not used */
    size_t columns, extra_aspects; /* of codes */
    size_t *first_aspect;          /* [feature_count] of its aspects but the first: the feature of the forest */
    size_t leaves, rounds;         /* of a tree at most */
    size_t *order;                 /* [rounds, outputs] trees; SIZE_MAX: an empty one */
    interchange__built *out;
} build;

/* ---- what there is ---- */

/* A model of no feature is one of the first column, in one bin. */
static peal_status count_columns(build *self, peal_error *err) {
    const interchange__foreign *foreign = self->foreign;
    interchange__column *columns = self->aspects.columns;
    bool any = false;
    PEAL_TRY(peal_zeroed_checked(&self->column_of, foreign->feature_count, sizeof(size_t), "columns", err));
    PEAL_TRY(peal_zeroed_checked(&self->first_aspect, foreign->feature_count, sizeof(size_t), "columns", err));
    for (size_t f = 0; f < foreign->feature_count; f++) any = any || columns[f].is_used;
    if (!any) {
        columns[0].is_used = true;
        if (foreign->features[0].texts) columns[0].codes = json_array_size(foreign->features[0].texts);
        PEAL_TRY(peal_buffer_reserve(&columns[0].bins, columns[0].codes, err));
        memset(columns[0].bins.data, 1, columns[0].bins.size = columns[0].codes);
    }
    for (size_t f = 0; f < foreign->feature_count; f++) {
        self->column_of[f] = columns[f].is_used ? self->columns++ : SIZE_MAX;
    }
    for (size_t f = 0; f < foreign->feature_count; f++) {
        if (!columns[f].is_used) continue;
        self->first_aspect[f] = self->columns + self->extra_aspects;
        self->extra_aspects += interchange__column_aspects(&columns[f]) - 1;
    }
    self->out->columns_used = self->columns;
    return PEAL_OK;
}

/* Trees are kept round by round, in a round one for each output: those of each output in the order of the file, and
 * empty ones where an output has fewer. */
static peal_status order_trees(build *self, peal_error *err) {
    const interchange__foreign *foreign = self->foreign;
    const size_t outputs = foreign->outputs;
    size_t count, *made;
    const interchange__tree *trees = interchange__trees(foreign, &count);
    PEAL_TRY(peal_zeroed_checked(&made, outputs, sizeof *made, "trees", err));
    self->rounds = 1;
    for (size_t t = 0; t < count; t++) {
        if (++made[trees[t].output] > self->rounds) self->rounds = made[trees[t].output];
    }
    memset(made, 0, outputs * sizeof *made);
    peal_status status = PEAL_OK;
    if (self->rounds > ROUNDS_MOST) {
        status = peal_fail(err, PEAL_E_DATA, "it has %zu rounds of trees, more than %d", self->rounds, ROUNDS_MOST);
    } else if (self->rounds > 1 && self->rounds * outputs > foreign->file_bytes) {
        status = peal_fail(err, PEAL_E_DATA, "most of its classes have no trees");
    }
    if (status == PEAL_OK) {
        status = peal_alloc_checked(&self->order, self->rounds * outputs, sizeof *self->order, "trees", err);
    }
    for (size_t i = 0; status == PEAL_OK && i < self->rounds * outputs; i++) self->order[i] = SIZE_MAX;
    for (size_t t = 0; status == PEAL_OK && t < count; t++) {
        self->order[made[trees[t].output]++ * outputs + trees[t].output] = t;
    }
    free(made);
    return status;
}

/* ---- a tree ---- */

/* A child that is still to be numbered: where its number goes, and what it is in the file. */
typedef struct pending {
    uint32_t *number;
    uint32_t child;
} pending;

typedef struct walk {
    const interchange__foreign *foreign;
    const interchange__tree *tree;
    size_t index; /* for messages */
    pending *stack;
    size_t depth, nodes, leaves; /* so far */
} walk;

static peal_status no_tree(const walk *self, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "the nodes of tree %zu are no tree: a child is missing, or of two parents",
                     self->index);
}

/* Walks the tree from its root; nodes and leaves are numbered as they are met, so that a child comes behind its parent.
 * `visit` (NULL: only counts) is given each node with its number, and sets where the numbers of its children go. */
typedef uint32_t *(*node_visit)(void *user, size_t number, const interchange__node *node);

static peal_status walk_tree(walk *self, node_visit visit, void (*leaf)(void *user, size_t number, size_t value),
                             void *user, peal_error *err) {
    const interchange__tree *tree = self->tree;
    uint32_t root = 0, unused[2];
    self->depth = self->nodes = self->leaves = 0;
    self->stack[self->depth++] = (pending){&root, tree->node_count ? 0 : INTERCHANGE__LEAF};
    while (self->depth) {
        const pending at = self->stack[--self->depth];
        const uint32_t index = at.child & ~INTERCHANGE__LEAF;
        if (at.child & INTERCHANGE__LEAF) {
            if (index >= tree->value_count) return no_tree(self, err);
            if (leaf) leaf(user, self->leaves, tree->first_value + index);
            *at.number = MODELS__LEAF | (uint32_t)self->leaves++;
            continue;
        }
        if (index >= tree->node_count || self->nodes == tree->node_count) return no_tree(self, err);
        const interchange__node *node = &interchange__nodes(self->foreign)[tree->first_node + index];
        if (node->feature == INTERCHANGE__NO_NODE) return no_tree(self, err);
        uint32_t *children = visit ? visit(user, self->nodes, node) : unused;
        *at.number = (uint32_t)self->nodes++;
        self->stack[self->depth++] = (pending){&children[1], node->right};
        self->stack[self->depth++] = (pending){&children[0], node->left};
    }
    return PEAL_OK;
}

/* Room for the stack of the largest tree; each node met leaves one child more on it. */
static peal_status make_walk(const interchange__foreign *foreign, walk *out, peal_error *err) {
    size_t count, most = 0;
    const interchange__tree *trees = interchange__trees(foreign, &count);
    for (size_t t = 0; t < count; t++) most = trees[t].node_count > most ? trees[t].node_count : most;
    *out = (walk){.foreign = foreign};
    return peal_alloc_checked(&out->stack, most + 2, sizeof *out->stack, "a tree", err);
}

/* How many leaves the largest tree has, and whether room for as many in each of them is in proportion to the file. */
static peal_status measure_trees(build *self, walk *at, peal_error *err) {
    const interchange__foreign *foreign = self->foreign;
    size_t count;
    const interchange__tree *trees = interchange__trees(foreign, &count);
    self->leaves = 2;
    for (at->index = 0; at->index < count; at->index++) {
        at->tree = &trees[at->index];
        PEAL_TRY(walk_tree(at, NULL, NULL, NULL, err));
        if (at->leaves > self->leaves) self->leaves = at->leaves;
    }
    if (self->leaves > LEAVES_MOST) {
        return peal_fail(err, PEAL_E_DATA, "a tree has %zu leaves, more than the %d of a Peal model", self->leaves,
                         LEAVES_MOST);
    }
    size_t node = sizeof(models__tree_node) + sizeof(double), bytes;
    if (self->aspects.sets.size) node += MODELS__SET_WORDS * sizeof(uint32_t);
    if (__builtin_mul_overflow(self->rounds * foreign->outputs, self->leaves * node, &bytes) ||
        bytes / 1000 > foreign->file_bytes + (1 << 15)) {
        return peal_fail(err, PEAL_E_DATA,
                         "its trees are of too different sizes: each takes room for the largest one's %zu leaves",
                         self->leaves);
    }
    return PEAL_OK;
}

/* ---- the pipeline ---- */

static json_t *save_edges(const interchange__column *column) {
    json_t *edges = json_array();
    for (size_t i = 0; i < column->edge_count; i++) edges = peal_json_append(edges, json_real(column->edges[i]));
    return edges;
}

static json_t *describe_column(const build *self, size_t f) {
    const interchange__feature *feature = &self->foreign->features[f];
    const interchange__column *column = &self->aspects.columns[f];
    const char *type = feature->texts ? "dictionary" : "float64";
    const size_t usual = 100000;
    if (!column->is_used) {
        return json_pack("{s:s, s:s, s:s, s:[]}", "name", feature->name, "type", type, "role", "dropped", "steps");
    }
    json_t *step = feature->texts
                       ? json_pack("{s:s, s:f, s:f, s:i, s:O}", "transform", "index", "max_values",
                                   (double)(column->codes > usual ? column->codes : usual), "min_count", 1.0, "missing",
                                   -1, "values", feature->texts)
                       : json_pack("{s:s, s:i, s:o}", "transform", "bins", "buckets",
                                   (int)(column->codes < 2 ? 2 : column->codes), "edges", save_edges(column));
    return json_pack("{s:s, s:s, s:s, s:[o]}", "name", feature->name, "type", type, "role", "index", "steps", step);
}

/* Classes are numbers in both programs' files: 0, 1... */
static json_t *describe_label(const build *self) {
    if (!self->foreign->classes) {
        return json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:f, s:f, s:f, s:f}]}", "name", self->label, "type", "float64",
                         "role", "label", "steps", "transform", "label", "as", "number", "mean", 0.0, "deviation", 1.0,
                         "min", 0.0, "max", 0.0);
    }
    json_t *values = json_array();
    for (size_t k = 0; k < self->foreign->classes; k++) {
        char text[24];
        snprintf(text, sizeof text, "%zu", k);
        values = peal_json_append(values, json_string(text));
    }
    return json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:o}]}", "name", self->label, "type", "dictionary", "role", "label",
                     "steps", "transform", "label", "as", "class", "values", values);
}

static peal_status make_pipeline(build *self, peal_error *err) {
    json_t *columns = json_array();
    for (size_t f = 0; f < self->foreign->feature_count; f++) {
        columns = peal_json_append(columns, describe_column(self, f));
    }
    columns = peal_json_append(columns, describe_label(self));
    if (self->query) {
        columns = peal_json_append(columns, json_pack("{s:s, s:s, s:s, s:[{s:s}]}", "name", self->query, "type", "utf8",
                                                      "role", "query", "steps", "transform", "query"));
    }
    json_t *document = json_pack("{s:o, s:[]}", "columns", columns, "nulls");
    if (!document) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    const peal_status status = peal_pipeline_load(document, &self->out->fitted, err);
    json_decref(document);
    PEAL_TRY(status);
    self->out->pipeline = peal_pipeline_save(self->out->fitted);
    return self->out->pipeline ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
}

/* ---- the tensors ---- */

static const peal_tensor *find_tensor(const build *self, const char *name) {
    size_t count;
    const peal_tensor *all = self->out->learner->model_tensors(self->out->model, &count);
    return peal_tensor_find(all, count, name);
}

/* The values of a tensor, which are to be written; NULL: the model has none of this name. */
static void *tensor_of(const build *self, const char *name) {
    const peal_tensor *tensor = find_tensor(self, name);
    return tensor ? (void *)tensor->data : NULL;
}

/* The tree that is being written. */
typedef struct writing {
    const build *self;
    models__tree_node *nodes; /* of the tree */
    uint32_t *sets, *rows;    /* NULL: the model has none, as the next ones */
    double *values, *gains, *covers;
} writing;

static uint32_t *write_node(void *user, size_t number, const interchange__node *node) {
    const writing *at = user;
    const build *self = at->self;
    const interchange__placed *placed = &self->aspects.placed[node - interchange__nodes(self->foreign)];
    models__tree_node *out = &at->nodes[number];
    out->feature = (uint32_t)(placed->aspect ? self->first_aspect[node->feature] + placed->aspect - 1
                                             : self->column_of[node->feature]);
    out->what = placed->what;
    if (at->gains) {
        at->gains[number] = interchange__history(&self->foreign->gains)[node - interchange__nodes(self->foreign)];
    }
    if (placed->what & MODELS__CATEGORY) {
        const size_t bytes = MODELS__SET_WORDS * sizeof(uint32_t);
        memcpy(at->sets + number * MODELS__SET_WORDS, self->aspects.sets.data + placed->set * bytes, bytes);
    }
    _Static_assert(offsetof(models__tree_node, right) == offsetof(models__tree_node, left) + sizeof(uint32_t),
                   "the children stand side by side");
    return &out->left;
}

static void write_leaf(void *user, size_t number, size_t value) {
    const writing *at = user;
    const interchange__foreign *foreign = at->self->foreign;
    at->values[number] = interchange__values(foreign)[value];
    /* Of a tree that is a leaf nothing need be told. */
    if (at->rows && interchange__history(&foreign->rows)[value] >= 1) {
        at->rows[number] = (uint32_t)interchange__history(&foreign->rows)[value];
    }
    if (at->covers && interchange__history(&foreign->covers)[value] >= 0) {
        at->covers[number] = interchange__history(&foreign->covers)[value];
    }
}

static peal_status write_trees(const build *self, walk *at, peal_error *err) {
    size_t count;
    const interchange__tree *trees = interchange__trees(self->foreign, &count);
    models__tree_node *nodes = tensor_of(self, "nodes");
    uint32_t *sizes = tensor_of(self, "sizes"), *sets = tensor_of(self, "sets");
    uint32_t *rows = tensor_of(self, "leaf_rows");
    double *values = tensor_of(self, "values"), *gains = tensor_of(self, "gains");
    double *covers = tensor_of(self, "leaf_covers");
    for (size_t i = 0; i < self->rounds * self->foreign->outputs; i++) {
        const size_t first = i * (self->leaves - 1);
        writing out = {.self = self,
                       .nodes = nodes + first,
                       .sets = sets ? sets + first * MODELS__SET_WORDS : NULL,
                       .rows = rows ? rows + i * self->leaves : NULL,
                       .values = values + i * self->leaves,
                       .gains = gains ? gains + first : NULL,
                       .covers = covers ? covers + i * self->leaves : NULL};
        if (self->order[i] == SIZE_MAX) continue;
        at->index = self->order[i];
        at->tree = &trees[at->index];
        PEAL_TRY(walk_tree(at, write_node, write_leaf, &out, err));
        sizes[i] = (uint32_t)at->nodes;
    }
    return PEAL_OK;
}

/* First those of the columns, then those of the aspects, in the order of their columns. */
static void write_bins(const build *self) {
    uint32_t *aspects = tensor_of(self, "aspects");
    uint8_t *bins = tensor_of(self, "code_bins");
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t f = 0; f < self->foreign->feature_count; f++) {
            const interchange__column *column = &self->aspects.columns[f];
            if (!column->is_used) continue;
            const size_t size = pass ? column->bins.size - column->codes : column->codes;
            memcpy(bins, column->bins.data + (pass ? column->codes : 0), size);
            bins += size;
            for (size_t v = 0; pass && v < size / column->codes; v++) *aspects++ = (uint32_t)self->column_of[f];
        }
    }
}

/* Whether a list of how trees came about has a number of each, as many as there are of nodes or values, that can be
 * one: from `least` to `most`. Of nodes that are leaves, of leaves that are nodes, and of what is a tree by itself
 * nothing is asked. */
static bool history_is_told(const interchange__foreign *foreign, const peal_buffer *history, bool of_nodes,
                            double least, double most) {
    const double *numbers = interchange__history(history);
    const interchange__node *nodes = interchange__nodes(foreign);
    size_t count;
    const interchange__tree *trees = interchange__trees(foreign, &count);
    if (history->size != (of_nodes ? foreign->nodes.size / sizeof *nodes * sizeof(double) : foreign->values.size)) {
        return false;
    }
    for (size_t t = 0; t < count; t++) {
        const interchange__tree *tree = &trees[t];
        const bool is_mixed = tree->node_count == tree->value_count; /* nodes and leaves are numbered alike */
        const size_t first = of_nodes ? tree->first_node : tree->first_value;
        for (size_t i = 0; tree->node_count && i < (of_nodes ? tree->node_count : tree->value_count); i++) {
            if (is_mixed && (nodes[tree->first_node + i].feature == INTERCHANGE__NO_NODE) == of_nodes) continue;
            if (!(numbers[first + i] >= least && numbers[first + i] <= most)) return false;
        }
    }
    return true;
}

/* Which tensors the learner is to make room for: what it would find in a file, but for the values. */
static peal_status make_model(build *self, peal_error *err) {
    const size_t trees = self->rounds * self->foreign->outputs, nodes = self->leaves - 1;
    size_t codes = 0, given_count = 0;
    peal_model_spec spec;
    uint32_t *aspects;
    for (size_t f = 0; f < self->foreign->feature_count; f++) codes += self->aspects.columns[f].bins.size;
    PEAL_TRY(peal_alloc_checked(&aspects, self->extra_aspects, sizeof *aspects, "aspects", err));
    for (size_t f = 0, at = 0; f < self->foreign->feature_count; f++) {
        const interchange__column *column = &self->aspects.columns[f];
        for (size_t v = 1; column->is_used && v < interchange__column_aspects(column); v++) {
            aspects[at++] = (uint32_t)self->column_of[f];
        }
    }
    peal_tensor given[7];
    given[given_count++] = (peal_tensor){.name = "sizes", .type = PEAL_TENSOR_UINT32, .rows = 1, .width = trees};
    given[given_count++] = (peal_tensor){.name = "code_bins", .type = PEAL_TENSOR_UINT8, .rows = 1, .width = codes};
    if (self->extra_aspects) {
        given[given_count++] = (peal_tensor){
            .name = "aspects", .type = PEAL_TENSOR_UINT32, .data = aspects, .rows = 1, .width = self->extra_aspects};
    }
    if (self->aspects.sets.size) {
        given[given_count++] = (peal_tensor){
            .name = "sets", .type = PEAL_TENSOR_UINT32, .rows = trees, .width = nodes * MODELS__SET_WORDS};
    }
    if (history_is_told(self->foreign, &self->foreign->gains, true, 0, DBL_MAX)) {
        given[given_count++] =
            (peal_tensor){.name = "gains", .type = PEAL_TENSOR_FLOAT64, .rows = trees, .width = nodes};
    }
    if (history_is_told(self->foreign, &self->foreign->covers, false, 0, DBL_MAX)) {
        given[given_count++] =
            (peal_tensor){.name = "leaf_covers", .type = PEAL_TENSOR_FLOAT64, .rows = trees, .width = self->leaves};
    }
    if (history_is_told(self->foreign, &self->foreign->rows, false, 1, UINT32_MAX)) {
        given[given_count++] =
            (peal_tensor){.name = "leaf_rows", .type = PEAL_TENSOR_UINT32, .rows = trees, .width = self->leaves};
    }
    peal_status status = peal_model_parse(self->out->spec, &spec, err);
    if (status == PEAL_OK) {
        self->out->learner = spec.kind->learner;
        status = self->out->learner->model_new(self->out->fitted, &spec, given, given_count, &self->out->model, err);
    }
    free(aspects);
    return status;
}

/* An objective that trees of Peal's do not know is refused by its name. */
static peal_status make_spec(build *self, peal_error *err) {
    const char *loss = self->foreign->loss;
    self->out->spec = peal_sprintf("trees:leaves=%zu,rounds=%zu%s%s", self->leaves, self->rounds,
                                   loss ? ",objective=" : "", loss ? loss : "");
    self->out->job = json_pack("{s:s?, s:s, s:{s:s, s:s}}", "model", self->out->spec, "learner", "trees", "imported",
                               "format", self->foreign->format, "objective", self->foreign->objective);
    if (!self->out->spec || !self->out->job) return peal_fail(err, PEAL_E_MEMORY, "no memory for a model");
    peal_model_spec spec;
    if (peal_model_parse(self->out->spec, &spec, NULL) == PEAL_OK) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "its objective '%s' is none that the trees of Peal have",
                     self->foreign->objective);
}

/* Whether the model has as many scores of a row as the file. */
static bool fits_outputs(const build *self) {
    const peal_tensor *base = find_tensor(self, "base");
    return base && peal_tensor_count(base) == self->foreign->outputs;
}

static peal_status make(build *self, walk *at, peal_error *err) {
    PEAL_TRY(interchange__aspects_make(self->foreign, &self->aspects, err));
    PEAL_TRY(count_columns(self, err));
    PEAL_TRY(order_trees(self, err));
    PEAL_TRY(make_walk(self->foreign, at, err));
    PEAL_TRY(measure_trees(self, at, err));
    PEAL_TRY(make_spec(self, err));
    PEAL_TRY(make_pipeline(self, err));
    PEAL_TRY(make_model(self, err));
    if (!fits_outputs(self)) {
        return peal_fail(err, PEAL_E_DATA, "its %zu scores of a row are not what the objective '%s' has",
                         self->foreign->outputs, self->foreign->objective);
    }
    memcpy(tensor_of(self, "base"), self->foreign->base, self->foreign->outputs * sizeof(double));
    PEAL_TRY(write_trees(self, at, err));
    write_bins(self);
    return self->out->learner->model_check(self->out->model, err);
}

static bool is_feature(const interchange__foreign *foreign, const char *name) {
    for (size_t f = 0; f < foreign->feature_count; f++) {
        if (strcmp(foreign->features[f].name, name) == 0) return true;
    }
    return false;
}

static const char *choose_label(const interchange__foreign *foreign, char text[32]) {
    strcpy(text, "label");
    for (size_t i = 2; is_feature(foreign, text); i++) snprintf(text, 32, "label_%zu", i);
    return text;
}

peal_status interchange__build(const interchange__foreign *foreign, const char *label, const char *query,
                               interchange__built *out, peal_error *err) {
    char text[32];
    *out = (interchange__built){0};
    if (label && is_feature(foreign, label)) {
        return peal_fail(err, PEAL_E_USAGE, "a feature of the model is called '%s': the label cannot be, too", label);
    }
    build self = {.foreign = foreign, .label = label ? label : choose_label(foreign, text), .query = query, .out = out};
    if (query && (is_feature(foreign, query) || strcmp(query, self.label) == 0)) {
        return peal_fail(err, PEAL_E_USAGE, "%s is called '%s': the query cannot be, too",
                         is_feature(foreign, query) ? "a feature of the model" : "the label", query);
    }
    if (query && foreign->classes) {
        return peal_fail(err, PEAL_E_USAGE, "the model predicts classes: it ranks no rows of queries (query)");
    }
    walk at = {0};
    peal_status status = make(&self, &at, err);
    if (status == PEAL_E_USAGE) status = PEAL_E_DATA; /* what the file holds, not what the user wishes, is wrong */
    if (err && status == PEAL_E_DATA) err->status = status;
    interchange__aspects_clear(&self.aspects);
    free(at.stack);
    free(self.column_of);
    free(self.first_aspect);
    free(self.order);
    return status;
}

void interchange__built_clear(interchange__built *built) {
    if (built->model) built->learner->model_free(built->model);
    peal_pipeline_free(built->fitted);
    json_decref(built->pipeline);
    json_decref(built->job);
    free(built->spec);
    *built = (interchange__built){0};
}
