/* A model of trees as LightGBM's text (see lightgbm_read.c), over raw columns: what the pipeline does to a column is
 * taken into the thresholds.
 *
 * A split of Peal's says for each code, or each float of the feature block, on which side it is. Of numbers those on
 * the left must be all up to a bound, which becomes the threshold; of a float the bound is searched among all doubles,
 * as what a pipeline does to a number keeps the order. Codes of texts are LightGBM's categories.
 * Numbers within 1e-35 of zero are zero to LightGBM, whatever the model says of them. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/number.h"
#include "core/base/spec.h"
#include "models/interchange/reader.h"
#include "models/learner/forest.h"

/* A feature of the forest: which raw column it is of, and which of its features or aspects. */
typedef struct source {
    size_t column;            /* of the schema */
    uint32_t number;          /* SIZE: of the feature block; UINT32_MAX: codes */
    size_t code_first, codes; /* of its bins in code_bins */
} source;

/* How LightGBM sends a row left. */
typedef struct split {
    bool is_set, swaps; /* swaps: what the file calls left is Peal's right */
    double threshold;
    unsigned decision;
    peal_buffer *words; /* of the tree's sets */
} split;

/* What lies between the codes of a column of numbers. */
typedef struct column_edges {
    double *edges; /* NULL: not asked for yet */
    size_t count;
} column_edges;

typedef struct writing {
    const peal_predictor *predictor;
    const peal_pipeline *pipeline;
    peal_shape shape;      /* as the objective learns it */
    const char *objective; /* as LightGBM calls it */
    peal_buffer *out;
    peal_error *err;
    source *sources; /* [feature_count] */
    size_t feature_count;
    size_t *numbers;      /* [columns of the schema] in the file; SIZE_MAX: not in it */
    column_edges *bounds; /* [columns of the schema] */
    models__forest forest;
    const models__bins *bins;
} writing;

enum { CATEGORY = 1, DEFAULT_LEFT = 2, MISSING_IS_ZERO = 4, MISSING_IS_NAN = 8, NODE_WORDS = 4 };

static peal_status refuse(const writing *self, size_t column, const char *why) {
    return peal_fail(self->err, PEAL_E_USAGE, "column '%s' cannot be said in LightGBM's file: %s",
                     self->pipeline->schema.fields[column].name, why);
}

/* ---- text ---- */

static peal_status put(const writing *self, const char *text) {
    return peal_buffer_append(self->out, text, strlen(text), self->err);
}

static peal_status put_whole(const writing *self, const char *before, long long value) {
    char text[64];
    peal_snprintf(text, sizeof text, "%s%lld", before, value);
    return put(self, text);
}

static peal_status put_number(const writing *self, const char *before, double value) {
    char text[PEAL_NUMBER_TEXT];
    PEAL_TRY(put(self, before));
    return put(self, peal_number_text(value, text));
}

/* ---- where features come from ---- */

static const peal_pipeline_step *last_step(const writing *self, size_t column) {
    const peal_pipeline_column *one = &self->pipeline->columns[column];
    return one->step_count ? &one->steps[one->step_count - 1] : NULL;
}

/* Whether the codes or features of the column are those of texts that have names. */
static bool is_named(const writing *self, size_t column) {
    const peal_pipeline_step *step = last_step(self, column);
    return step && step->transform->role == PEAL_TRANSFORM_ENCODE && step->transform->encode &&
           step->transform->code_name;
}

/* Texts that have a code, what is missing not among them. */
static size_t text_count(const writing *self, size_t column) {
    const peal_pipeline_step *step = last_step(self, column);
    return step->transform->width(step->state) - (step->transform->encode(step->state, (peal_text){0}) >= 0);
}

static peal_status check_column(const writing *self, size_t column) {
    const peal_pipeline_column *one = &self->pipeline->columns[column];
    const bool is_number = peal_types[self->pipeline->schema.fields[column].type].is_number;
    if (one->role == PEAL_ROLE_OFFSET) return refuse(self, column, "it is an offset, which is added to the score");
    if (one->role == PEAL_ROLE_SPARSE) return refuse(self, column, "its features are sparse");
    if (one->role != PEAL_ROLE_FEATURE && one->role != PEAL_ROLE_INDEX) return PEAL_OK;
    if (peal_pipeline_column_has(one, &peal_transform_missing)) {
        return refuse(self, column, "one of its numbers stands for a missing one (missing)");
    }
    const bool is_one = one->width == 1 || peal_pipeline_marker(one);
    if (is_number && (one->role == PEAL_ROLE_INDEX || is_one)) return PEAL_OK;
    if (!is_named(self, column)) {
        return refuse(self, column, "it is neither a number nor a text that is looked up (index, onehot)");
    }
    return one->step_count == 1 ? PEAL_OK : refuse(self, column, "its texts are changed before they are looked up");
}

/* The columns that the file names, and the features of the forest, which are those of the block, then the columns of
 * codes, then their aspects. */
static peal_status find_sources(writing *self) {
    const peal_schema *schema = &self->pipeline->schema;
    const models__bins *bins = self->bins;
    const size_t numbers = self->shape.features, columns = self->shape.code_columns;
    size_t at = numbers, named = 0;
    self->feature_count = bins->features;
    PEAL_TRY(peal_zeroed_checked(&self->sources, self->feature_count, sizeof(source), "a model", self->err));
    PEAL_TRY(peal_zeroed_checked(&self->numbers, schema->count, sizeof(size_t), "a model", self->err));
    PEAL_TRY(peal_zeroed_checked(&self->bounds, schema->count, sizeof(column_edges), "a model", self->err));
    for (size_t i = 0; i < schema->count; i++) {
        const peal_pipeline_column *one = &self->pipeline->columns[i];
        PEAL_TRY(check_column(self, i));
        const bool is_input = one->role == PEAL_ROLE_FEATURE || one->role == PEAL_ROLE_INDEX;
        self->numbers[i] = is_input ? named++ : SIZE_MAX;
        for (uint32_t w = 0; one->role == PEAL_ROLE_FEATURE && w < one->width; w++) {
            self->sources[one->offset + w] = (source){.column = i, .number = one->offset + w};
        }
        if (one->role == PEAL_ROLE_INDEX) self->sources[at++] = (source){.column = i, .number = UINT32_MAX};
    }
    for (size_t c = 0; c < bins->code_features; c++) {
        source *from = &self->sources[numbers + c];
        if (c >= columns) *from = self->sources[numbers + bins->code_column[c]];
        from->code_first = bins->code_first[c];
        from->codes = bins->code_first[c + 1] - bins->code_first[c];
    }
    return PEAL_OK;
}

/* ---- bounds of raw numbers ---- */

/* Whether a raw number goes left. Of two numbers that do not go the same way the lesser one does. */
typedef bool (*side_of)(const void *user, double x);

/* Whole numbers in the order of the doubles. */
static double double_of(int64_t key) {
    const int64_t bits = key >= 0 ? key : INT64_MIN - key;
    double out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

static int64_t key_of(double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >= 0 ? bits : INT64_MIN - bits;
}

/* The greatest number that goes left; -DBL_MAX if there is none. */
static double find_bound(side_of is_left, const void *user) {
    int64_t low = key_of(-DBL_MAX), high = key_of(DBL_MAX);
    if (is_left(user, DBL_MAX)) return DBL_MAX;
    while (high - 1 > low) { /* low goes left or is the least, high does not */
        const int64_t middle = (low >> 1) + (high >> 1) + (low & high & 1);
        if (is_left(user, double_of(middle))) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return double_of(low);
}

/* A feature of the block, as models__bins_row and models__goes_left see it. */
typedef struct float_split {
    const peal_pipeline_column *column;
    const float *edges;
    uint32_t edge_count, last;
} float_split;

static bool float_is_left(const void *user, double x) {
    const float_split *self = user;
    if (self->last == 0) return false;
    return self->last > self->edge_count || !(self->edges[self->last - 1] < peal_pipeline_feature(self->column, x));
}

static peal_status split_float(const writing *self, const models__tree_node *node, split *out) {
    const float_split one = {.column = &self->pipeline->columns[self->sources[node->feature].column],
                             .edges = self->bins->edges + (size_t)node->feature * MODELS__BINS_MOST,
                             .edge_count = self->bins->edge_counts[node->feature],
                             .last = node->what & 0xff};
    out->threshold = find_bound(float_is_left, &one);
    const bool is_known = !isnan(peal_pipeline_filled(self->pipeline, self->sources[node->feature].column));
    const bool left = is_known ? (node->what & MODELS__MISSING_LEFT) != 0 : float_is_left(&one, (double)NAN);
    out->decision = MISSING_IS_NAN | (left ? DEFAULT_LEFT : 0);
    return PEAL_OK;
}

/* ---- splits by codes ---- */

/* Whether rows with the code, or without one (SIZE_MAX), go left. */
typedef struct code_split {
    const writing *self;
    const models__tree_node *node;
    const uint32_t *set;
    const source *from;
} code_split;

static uint8_t bin_of(const code_split *one, size_t code) {
    return one->self->bins->code_bins[one->from->code_first + code];
}

static bool code_is_left(const code_split *one, size_t code) {
    return models__goes_left(one->node, one->set, code == SIZE_MAX ? 0 : bin_of(one, code));
}

/* A step that makes numbers codes: the bounds between them, as it saves them. */
static peal_status load_edges(const writing *self, size_t column, column_edges *out) {
    const peal_pipeline_step *step = last_step(self, column);
    json_t *saved = step->transform->save(step->state);
    const json_t *edges = json_object_get(saved, "edges");
    peal_status status = json_is_array(edges) ? PEAL_OK : refuse(self, column, "its codes are not those of bins");
    const size_t count = json_array_size(edges);
    if (status == PEAL_OK) status = peal_alloc_checked(&out->edges, count, sizeof *out->edges, "edges", self->err);
    for (size_t i = 0; status == PEAL_OK && i < count; i++) {
        out->edges[out->count++] = json_number_value(json_array_get(edges, i));
    }
    json_decref(saved);
    return status;
}

/* Code `code` holds numbers within 1e-35 of zero, and no others. */
static bool is_zero_code(const double *edges, size_t count, size_t code) {
    return code > 0 && code < count && edges[code - 1] >= -PEAL_NEARLY_ZERO &&
           edges[code] <= nextafter(PEAL_NEARLY_ZERO, 1);
}

/* A column of codes: numbers go left whose codes are below an edge. */
typedef struct raw_split {
    const peal_pipeline_column *column;
    double edge;
    bool missing_left;
} raw_split;

static bool raw_is_left(const void *user, double x) {
    const raw_split *self = user;
    const double number = peal_pipeline_raw_number(self->column, x);
    return isnan(number) ? self->missing_left : number < self->edge || self->edge == (double)INFINITY;
}

/* Numbers up to a bound go left; those near zero perhaps with what is missing. */
static peal_status split_ordered(const code_split *one, const double *edges, size_t count, split *out) {
    bool zero = false, left = true;
    size_t last = 0, zeros = 0;
    for (size_t code = 0; code < one->from->codes; code++) {
        if (bin_of(one, code) == 0) {
            if (!is_zero_code(edges, count, code)) {
                return refuse(one->self, one->from->column, "a bin of it goes with what is missing");
            }
            zero = true;
            zeros += (edges[code - 1] == -PEAL_NEARLY_ZERO) + (edges[code] == nextafter(PEAL_NEARLY_ZERO, 1));
            continue;
        }
        if (!code_is_left(one, code)) {
            left = false;
        } else if (!left) {
            return refuse(one->self, one->from->column, "numbers between others go left");
        } else {
            last = code + 1;
        }
    }
    if (zero && zeros != 2) return refuse(one->self, one->from->column, "a part of zero goes with what is missing");
    const raw_split raw = {.column = &one->self->pipeline->columns[one->from->column],
                           .edge = last == 0      ? -(double)INFINITY
                                   : last > count ? (double)INFINITY
                                                  : edges[last - 1],
                           .missing_left = code_is_left(one, SIZE_MAX)};
    if (zero && raw.column->step_count > 1) {
        return refuse(one->self, one->from->column, "zero goes with what is missing");
    }
    if (last > 0 && !raw_is_left(&raw, -DBL_MAX)) {
        return refuse(one->self, one->from->column, "the least numbers go with what is missing");
    }
    const bool is_plain = raw.column->step_count == 1 && isfinite(raw.edge);
    out->threshold = is_plain ? nextafter(raw.edge, -(double)INFINITY) : find_bound(raw_is_left, &raw);
    out->decision = zero ? MISSING_IS_ZERO : MISSING_IS_NAN;
    if (raw_is_left(&raw, (double)NAN)) out->decision |= DEFAULT_LEFT; /* a number, where one was filled in */
    return PEAL_OK;
}

static peal_status set_bit(const writing *self, split *out, size_t first, size_t category) {
    const uint32_t none = 0;
    while (out->words->size / sizeof(uint32_t) <= first + category / 32) {
        PEAL_TRY(peal_buffer_append(out->words, &none, sizeof none, self->err));
    }
    ((uint32_t *)(void *)out->words->data)[first + category / 32] |= UINT32_C(1) << category % 32;
    return PEAL_OK;
}

/* The codes that are in the set of a split of texts; what is in no set goes right in LightGBM, so where Peal sends what
 * is missing left, sides change. */
static peal_status split_texts(const code_split *one, split *out) {
    const size_t first = out->words->size / sizeof(uint32_t);
    out->is_set = true;
    out->swaps = code_is_left(one, SIZE_MAX);
    PEAL_TRY(peal_buffer_append(out->words, &(uint32_t){0}, sizeof(uint32_t), one->self->err));
    for (size_t code = 0; code < one->from->codes; code++) {
        if (code_is_left(one, code) != out->swaps) PEAL_TRY(set_bit(one->self, out, first, code));
    }
    return PEAL_OK;
}

/* The whole number at which the categories from `edge` on begin; -1: at none. */
static int64_t category_at(double edge) {
    if (edge == nextafter(-1, 0)) return 0;
    return edge >= 1 && edge <= 0x1p31 && edge == floor(edge) ? (int64_t)edge : -1;
}

/* Sets of whole numbers. */
static peal_status split_wholes(const code_split *one, const double *edges, size_t count, split *out) {
    enum { LONGEST = 1 << 20 };
    const size_t first = out->words->size / sizeof(uint32_t);
    if (one->self->pipeline->columns[one->from->column].step_count > 1) {
        return refuse(one->self, one->from->column, "a set of its numbers is none of raw ones");
    }
    out->is_set = true;
    out->swaps = code_is_left(one, SIZE_MAX);
    PEAL_TRY(peal_buffer_append(out->words, &(uint32_t){0}, sizeof(uint32_t), one->self->err));
    for (size_t code = 0; code <= count; code++) {
        if (code_is_left(one, code) == out->swaps) continue;
        const int64_t begin = code > 0 ? category_at(edges[code - 1]) : -1;
        const int64_t end = code < count ? category_at(edges[code]) : -1;
        if (begin < 0 || end < 0 || end > LONGEST) {
            return refuse(one->self, one->from->column, "a set of its numbers is none of whole numbers");
        }
        for (int64_t k = begin; k < end; k++) PEAL_TRY(set_bit(one->self, out, first, (size_t)k));
    }
    return PEAL_OK;
}

static peal_status split_codes(const code_split *one, split *out) {
    if (is_named(one->self, one->from->column)) return split_texts(one, out);
    column_edges *bounds = &one->self->bounds[one->from->column];
    if (!bounds->edges) PEAL_TRY(load_edges(one->self, one->from->column, bounds));
    return one->node->what & MODELS__CATEGORY ? split_wholes(one, bounds->edges, bounds->count, out)
                                              : split_ordered(one, bounds->edges, bounds->count, out);
}

/* One of the features of 0 or 1 that a text becomes: a set of one code. */
static peal_status split_onehot(const writing *self, const models__tree_node *node, split *out) {
    const source *from = &self->sources[node->feature];
    const uint32_t code = from->number - self->pipeline->columns[from->column].offset, last = node->what & 0xff;
    const float *edges = self->bins->edges + (size_t)node->feature * MODELS__BINS_MOST;
    const uint32_t count = self->bins->edge_counts[node->feature];
    const bool left_of_0 = last > 0 && (last > count || !(edges[last - 1] < 0));
    const bool left_of_1 = last > 0 && (last > count || !(edges[last - 1] < 1));
    const size_t first = out->words->size / sizeof(uint32_t);
    if (code >= text_count(self, from->column)) {
        return refuse(self, from->column, "what is missing has a feature of its own");
    }
    out->is_set = true;
    out->swaps = left_of_0;
    PEAL_TRY(peal_buffer_append(out->words, &(uint32_t){0}, sizeof(uint32_t), self->err));
    return left_of_1 != left_of_0 ? set_bit(self, out, first, code) : PEAL_OK;
}

static peal_status make_split(const writing *self, const models__tree_node *node, const uint32_t *set, split *out) {
    const source *from = &self->sources[node->feature];
    const code_split one = {self, node, set, from};
    if (from->number == UINT32_MAX) return split_codes(&one, out);
    return is_named(self, from->column) ? split_onehot(self, node, out) : split_float(self, node, out);
}

/* ---- trees ---- */

/* The lists of a tree, each a line. */
typedef struct lists {
    peal_buffer features, thresholds, decisions, left, right, boundaries, words, bits;
    size_t sets;
} lists;

static void lists_clear(lists *all) {
    peal_buffer *each[] = {&all->features, &all->thresholds, &all->decisions, &all->left,
                           &all->right,    &all->boundaries, &all->words,     &all->bits};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) peal_buffer_clear(each[i]);
}

static peal_status add_number(const writing *self, peal_buffer *line, double value) {
    char text[PEAL_NUMBER_TEXT];
    peal_number_text(value, text);
    if (line->size) PEAL_TRY(peal_buffer_append(line, " ", 1, self->err));
    return peal_buffer_append(line, text, strlen(text), self->err);
}

/* LightGBM's number of a child: of a leaf below zero. */
static double child_number(uint32_t child) {
    return child & MODELS__LEAF ? -1 - (double)(child & ~MODELS__LEAF) : (double)child;
}

static peal_status add_node(const writing *self, lists *all, size_t at) {
    const models__tree_node *node = &self->forest.nodes[at];
    const uint32_t *set = self->forest.sets ? self->forest.sets + at * MODELS__SET_WORDS : NULL;
    split one = {.words = &all->words};
    PEAL_TRY(make_split(self, node, set, &one));
    if (one.is_set) {
        one.threshold = (double)all->sets++;
        one.decision = CATEGORY;
        PEAL_TRY(add_number(self, &all->boundaries, (double)(all->words.size / sizeof(uint32_t))));
    }
    PEAL_TRY(add_number(self, &all->features, (double)self->numbers[self->sources[node->feature].column]));
    PEAL_TRY(add_number(self, &all->thresholds, one.threshold));
    PEAL_TRY(add_number(self, &all->decisions, (double)one.decision));
    PEAL_TRY(add_number(self, &all->left, child_number(one.swaps ? node->right : node->left)));
    return add_number(self, &all->right, child_number(one.swaps ? node->left : node->right));
}

static peal_status put_line(const writing *self, const char *key, const peal_buffer *line) {
    PEAL_TRY(put(self, key));
    if (line->size) PEAL_TRY(peal_buffer_append(self->out, line->data, line->size, self->err));
    return put(self, "\n");
}

static double unit_of(const writing *self) {
    return self->shape.classes ? 1 : self->shape.label_deviation;
}

/* In the label's own unit; what all rows begin with stands in the leaves of the first round. */
static double leaf_value(const writing *self, size_t tree, size_t leaf) {
    const double mean = self->shape.classes ? 0 : self->shape.label_mean;
    const double base = self->forest.base[tree % self->forest.outputs] * unit_of(self) + mean;
    return self->forest.values[tree * self->forest.leaves + leaf] * unit_of(self) +
           (tree < self->forest.outputs ? base : 0);
}

static peal_status put_values(const writing *self, size_t tree) {
    for (size_t i = 0; i <= self->forest.sizes[tree]; i++) {
        PEAL_TRY(put_number(self, i ? " " : "leaf_value=", leaf_value(self, tree, i)));
    }
    return put(self, "\n");
}

/* ---- how a tree came about, by which LightGBM explains predictions ---- */

static peal_status put_numbers(const writing *self, const char *before, const double *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) PEAL_TRY(put_number(self, i ? " " : before, numbers[i]));
    return put(self, "\n");
}

/* A line of what leaves have, and one of what nodes have, which is the sum of their leaves'. `sums` [nodes] has room.
 */
static peal_status put_sums(const writing *self, size_t tree, const char *of_leaves, const char *of_nodes,
                            const double *leaves, double *sums) {
    const size_t size = self->forest.sizes[tree];
    models__forest_sum_leaves(&self->forest, tree, leaves, sums);
    PEAL_TRY(put_numbers(self, of_leaves, leaves, size + 1));
    return put_numbers(self, of_nodes, sums, size);
}

/* `leaves` [leaves of a tree], `counts` and `sums` [nodes of one]: room. */
static peal_status put_history(const writing *self, size_t tree, double *leaves, double *counts, double *sums) {
    const models__forest *forest = &self->forest;
    const size_t size = forest->sizes[tree], first = tree * (forest->leaves - 1);
    const uint32_t *rows = forest->leaf_rows + tree * forest->leaves;
    const double unit = unit_of(self);
    for (size_t i = 0; i < size; i++) {
        PEAL_TRY(put_number(self, i ? " " : "split_gain=", forest->gains[first + i] * unit * unit));
    }
    PEAL_TRY(put(self, "\n"));
    PEAL_TRY(
        put_sums(self, tree, "leaf_weight=", "internal_weight=", forest->leaf_covers + tree * forest->leaves, sums));
    for (size_t i = 0; i <= size; i++) leaves[i] = (double)rows[i];
    PEAL_TRY(put_sums(self, tree, "leaf_count=", "internal_count=", leaves, counts));
    /* The value of a node: its rows' mean. */
    for (size_t i = 0; i <= size; i++) leaves[i] *= leaf_value(self, tree, i);
    models__forest_sum_leaves(forest, tree, leaves, sums);
    for (size_t i = 0; i < size; i++) sums[i] /= counts[i];
    return put_numbers(self, "internal_value=", sums, size);
}

/* Of a tree with nodes, if the model knows it; an imported one may not. */
static peal_status put_known_history(const writing *self, size_t tree) {
    const models__forest *forest = &self->forest;
    double *room;
    if (!forest->gains || !forest->leaf_covers || !forest->leaf_rows || forest->sizes[tree] == 0) return PEAL_OK;
    PEAL_TRY(peal_alloc_checked(&room, 3 * forest->leaves, sizeof *room, "a tree", self->err));
    const peal_status status = put_history(self, tree, room, room + forest->leaves, room + 2 * forest->leaves);
    free(room);
    return status;
}

static peal_status put_lists(const writing *self, lists *all) {
    const uint32_t *words = (const uint32_t *)(const void *)all->words.data;
    PEAL_TRY(put_line(self, "split_feature=", &all->features));
    PEAL_TRY(put_line(self, "threshold=", &all->thresholds));
    PEAL_TRY(put_line(self, "decision_type=", &all->decisions));
    PEAL_TRY(put_line(self, "left_child=", &all->left));
    PEAL_TRY(put_line(self, "right_child=", &all->right));
    if (!all->sets) return PEAL_OK;
    for (size_t i = 0; i < all->words.size / sizeof *words; i++) PEAL_TRY(add_number(self, &all->bits, words[i]));
    PEAL_TRY(put_line(self, "cat_boundaries=0 ", &all->boundaries));
    return put_line(self, "cat_threshold=", &all->bits);
}

static peal_status put_tree(const writing *self, size_t tree) {
    lists all = {0};
    const size_t first = tree * (self->forest.leaves - 1), size = self->forest.sizes[tree];
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < size && status == PEAL_OK; i++) status = add_node(self, &all, first + i);
    if (status == PEAL_OK) status = put_whole(self, "Tree=", (long long)tree);
    if (status == PEAL_OK) status = put_whole(self, "\nnum_leaves=", (long long)size + 1);
    if (status == PEAL_OK) status = put_whole(self, "\nnum_cat=", (long long)all.sets);
    if (status == PEAL_OK) status = put(self, "\n");
    if (status == PEAL_OK) status = put_lists(self, &all);
    if (status == PEAL_OK) status = put_values(self, tree);
    if (status == PEAL_OK) status = put_known_history(self, tree);
    if (status == PEAL_OK) status = put(self, "is_linear=0\nshrinkage=1\n\n\n");
    lists_clear(&all);
    return status;
}

/* ---- the header and the rest ---- */

/* LightGBM's names have no blanks. */
static peal_status put_name(const writing *self, const char *name) {
    const size_t begin = self->out->size;
    PEAL_TRY(put(self, name));
    for (size_t i = begin; i < self->out->size; i++) {
        if (memchr(" \t\r\n", self->out->data[i], 4)) self->out->data[i] = '_';
    }
    return PEAL_OK;
}

static peal_status put_names(const writing *self) {
    const peal_schema *schema = &self->pipeline->schema;
    PEAL_TRY(put(self, "feature_names="));
    for (size_t i = 0; i < schema->count; i++) {
        if (self->numbers[i] == SIZE_MAX) continue;
        if (self->numbers[i]) PEAL_TRY(put(self, " "));
        PEAL_TRY(put_name(self, schema->fields[i].name));
    }
    return put(self, "\n");
}

static peal_status put_infos(const writing *self) {
    PEAL_TRY(put(self, "feature_infos="));
    for (size_t i = 0; i < self->pipeline->schema.count; i++) {
        if (self->numbers[i] == SIZE_MAX) continue;
        if (self->numbers[i]) PEAL_TRY(put(self, " "));
        if (!is_named(self, i)) {
            PEAL_TRY(put(self, "[-inf:inf]"));
            continue;
        }
        const size_t texts = text_count(self, i);
        if (texts == 0) PEAL_TRY(put(self, "none"));
        for (size_t code = 0; code < texts; code++) PEAL_TRY(put_whole(self, code ? ":" : "", (long long)code));
    }
    return put(self, "\n");
}

static peal_status put_header(const writing *self, const peal_buffer *sizes) {
    const size_t outputs = self->forest.outputs;
    size_t named = 0;
    for (size_t i = 0; i < self->pipeline->schema.count; i++) named += self->numbers[i] != SIZE_MAX;
    PEAL_TRY(put_whole(self, "tree\nversion=v4\nnum_class=", (long long)outputs));
    PEAL_TRY(put_whole(self, "\nnum_tree_per_iteration=", (long long)outputs));
    PEAL_TRY(put_whole(self, "\nlabel_index=0\nmax_feature_idx=", (long long)named - 1));
    PEAL_TRY(put(self, "\nobjective="));
    PEAL_TRY(put(self, self->objective));
    if (outputs > 1) PEAL_TRY(put_whole(self, " num_class:", (long long)outputs));
    PEAL_TRY(put(self, "\n"));
    PEAL_TRY(put_names(self));
    PEAL_TRY(put_infos(self));
    return put_line(self, "tree_sizes=", sizes);
}

/* The texts of each column of them, in the order of their codes. */
static peal_status put_pandas(const writing *self) {
    json_t *all = json_array();
    for (size_t i = 0; i < self->pipeline->schema.count; i++) {
        if (self->numbers[i] == SIZE_MAX || !is_named(self, i) || !text_count(self, i)) continue;
        const peal_pipeline_step *step = last_step(self, i);
        json_t *texts = json_array();
        for (uint32_t code = 0; code < text_count(self, i); code++) {
            const peal_text text = step->transform->code_name(step->state, code);
            texts = peal_json_append(texts, json_stringn_nocheck(text.data, text.length));
        }
        all = peal_json_append(all, texts);
    }
    char *text;
    const bool any = json_array_size(all) > 0;
    peal_status status = peal_json_dump(all, JSON_COMPACT, "categories", &text, self->err);
    json_decref(all);
    PEAL_TRY(status);
    status = put(self, "end of trees\n\nfeature_importances:\n\nparameters:\nend of parameters\n\npandas_categorical:");
    if (status == PEAL_OK) status = put(self, any ? text : "null");
    if (status == PEAL_OK) status = put(self, "\n");
    free(text);
    return status;
}

/* ---- the whole ---- */

static peal_status check_names(const writing *self) {
    const peal_schema *schema = &self->pipeline->schema;
    for (size_t i = 0; i < schema->count; i++) {
        if (self->numbers[i] == SIZE_MAX || !strpbrk(schema->fields[i].name, " \t\r\n")) continue;
        for (size_t k = 0; k < schema->count; k++) {
            const char *a = schema->fields[i].name, *b = schema->fields[k].name;
            if (k == i || self->numbers[k] == SIZE_MAX || strlen(a) != strlen(b)) continue;
            bool same = true;
            for (; *a; a++, b++) {
                same = same && (strchr(" \t\r\n_", *a) ? strchr(" \t\r\n_", *b) != NULL : *a == *b);
            }
            if (same) return refuse(self, i, "without blanks its name is that of another one");
        }
    }
    return PEAL_OK;
}

/* What LightGBM cannot say of numbers that are filled in. */
static void say_filled(const writing *self, const peal_reporter *reporter) {
    size_t count = 0, first = 0;
    for (size_t i = 0; i < self->pipeline->schema.count; i++) {
        if (isnan(peal_pipeline_filled(self->pipeline, i))) continue;
        if (count++ == 0) first = i;
    }
    if (count == 0) return;
    peal_report(reporter, PEAL_EVENT_NOTE,
                "column '%s'%s: a number that is the very mean counts as missing here, and as the number that it is in "
                "LightGBM's file",
                self->pipeline->schema.fields[first].name, count > 1 ? " and others" : "");
}

static void say_names(const writing *self, const peal_reporter *reporter) {
    say_filled(self, reporter);
    for (size_t i = 0; i < self->pipeline->schema.count; i++) {
        const char *name = self->pipeline->schema.fields[i].name;
        if (self->numbers[i] == SIZE_MAX || !strpbrk(name, " \t\r\n")) continue;
        peal_report(reporter, PEAL_EVENT_NOTE, "column '%s': LightGBM's names have no blanks; it has _ there", name);
    }
    for (uint32_t k = 0; k < self->shape.classes; k++) {
        const peal_text name = peal_pipeline_class_name(self->pipeline, k);
        if (k < 20) peal_report(reporter, PEAL_EVENT_NOTE, "class %u: %.*s", k, (int)name.length, name.data);
    }
}

/* What LightGBM calls them, by Peal's numbers. It makes chances of ova that do not sum to 1. */
static const char *const objectives[MODELS__OBJECTIVES] = {
    [MODELS__SQUARED] = "regression",    [MODELS__ABSOLUTE] = "regression_l1",    [MODELS__HUBER] = "huber",
    [MODELS__QUANTILE] = "quantile",     [MODELS__POISSON] = "poisson",           [MODELS__GAMMA] = "gamma",
    [MODELS__TWEEDIE] = "tweedie",       [MODELS__LOGISTIC] = "binary sigmoid:1", [MODELS__SOFTMAX] = "multiclass",
    [MODELS__LAMBDARANK] = "lambdarank", [MODELS__XENDCG] = "rank_xendcg"};

static peal_status load_model(writing *self) {
    if (strcmp(models__predictor_learner(self->predictor)->name, "trees") != 0) {
        return peal_fail(self->err, PEAL_E_USAGE, "its model is '%s'; only models of trees can be exported",
                         peal_predictor_spec(self->predictor));
    }
    const models__forest_model *model = models__predictor_model(self->predictor);
    self->objective = objectives[model->goal.objective - models__objectives];
    if (!self->objective) {
        return peal_fail(self->err, PEAL_E_USAGE, "its objective '%s' cannot be said in LightGBM's file",
                         model->goal.objective->name);
    }
    self->shape = model->goal.shape;
    self->forest = model->forest;
    self->bins = &model->bins;
    return PEAL_OK;
}

static peal_status put_all(writing *self, peal_buffer *sizes) {
    peal_buffer trees = {0}, *out = self->out;
    peal_status status = PEAL_OK;
    self->out = &trees;
    for (size_t t = 0; t < self->forest.trees && status == PEAL_OK; t++) {
        const size_t begin = trees.size;
        status = put_tree(self, t);
        if (status == PEAL_OK) status = add_number(self, sizes, (double)(trees.size - begin));
    }
    self->out = out;
    if (status == PEAL_OK) status = put_header(self, sizes);
    if (status == PEAL_OK) status = put(self, "\n");
    if (status == PEAL_OK) status = peal_buffer_append(out, trees.data, trees.size, self->err);
    peal_buffer_clear(&trees);
    return status == PEAL_OK ? put_pandas(self) : status;
}

peal_status interchange__lightgbm_write(const peal_predictor *predictor, const peal_reporter *reporter,
                                        peal_buffer *out, peal_error *err) {
    writing self = {.predictor = predictor, .pipeline = peal_predictor_pipeline(predictor), .out = out, .err = err};
    peal_buffer sizes = {0};
    peal_status status = load_model(&self);
    if (status == PEAL_OK) status = find_sources(&self);
    if (status == PEAL_OK) status = check_names(&self);
    if (status == PEAL_OK) status = put_all(&self, &sizes);
    if (status == PEAL_OK) say_names(&self, reporter);
    peal_buffer_clear(&sizes);
    free(self.sources);
    free(self.numbers);
    for (size_t i = 0; self.bounds && i < self.pipeline->schema.count; i++) free(self.bounds[i].edges);
    free(self.bounds);
    return status;
}
