/* LightGBM's text model, as Booster.save_model writes it (versions v3 and v4): a header of `key=value` lines, a block
 * of such lines for each tree, and behind them what pandas called the categories.
 *
 * Source: LightGBM's documentation (docs/Features.rst, docs/Advanced-Topics.rst) and files that it writes.
 * `x <= threshold` goes left, so the edge is the next number above. Bits of decision_type: 1 a set of categories, 2
 * what is missing goes left, then two bits for what is missing: 0 nothing (NaN counts as 0), 1 zero and NaN, 2 NaN.
 * Numbers within 1e-35 of zero are read as zero. Categories are whole numbers; what is missing, negative or in no set
 * goes right. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/number.h"
#include "core/base/utf8.h"
#include "models/interchange/reader.h"

typedef struct span {
    const char *at, *end;
} span;

static size_t length_of(span text) {
    return (size_t)(text.end - text.at);
}

static bool is_text(span text, const char *word) {
    return length_of(text) == strlen(word) && memcmp(text.at, word, strlen(word)) == 0;
}

static bool begins(span text, const char *word) {
    return length_of(text) >= strlen(word) && memcmp(text.at, word, strlen(word)) == 0;
}

static bool next_line(span *rest, span *line) {
    if (rest->at == rest->end) return false;
    const char *end = memchr(rest->at, '\n', length_of(*rest));
    *line = (span){rest->at, end ? end : rest->end};
    rest->at = end ? end + 1 : rest->end;
    if (line->end > line->at && line->end[-1] == '\r') line->end--;
    return true;
}

/* The next of the words between blanks. */
static bool next_word(span *rest, span *word) {
    while (rest->at < rest->end && *rest->at == ' ') rest->at++;
    if (rest->at == rest->end) return false;
    const char *end = memchr(rest->at, ' ', length_of(*rest));
    *word = (span){rest->at, end ? end : rest->end};
    rest->at = word->end;
    return true;
}

/* A whole number from `least` to `most`. */
static bool to_whole(span word, int64_t least, int64_t most, int64_t *out) {
    const bool minus = word.at < word.end && *word.at == '-';
    int64_t value = 0;
    if (minus) word.at++;
    if (word.at == word.end || length_of(word) > 12) return false;
    for (; word.at < word.end; word.at++) {
        if (*word.at < '0' || *word.at > '9') return false;
        value = value * 10 + (*word.at - '0');
    }
    *out = minus ? -value : value;
    return *out >= least && *out <= most;
}

static bool to_number(span word, double *out) {
    if (is_text(word, "inf") || is_text(word, "-inf")) {
        *out = *word.at == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    return peal_number_parse(word.at, length_of(word), out);
}

/* ---- blocks of lines ---- */

enum header_key { VERSION, CLASSES, PER_ROUND, FEATURES, OBJECTIVE, NAMES, INFOS, HEADER_KEYS };
static const char *const header_keys[] = {"version",   "num_class",     "num_tree_per_iteration", "max_feature_idx",
                                          "objective", "feature_names", "feature_infos"};
enum tree_key {
    LEAVES,
    SPLIT,
    THRESHOLD,
    DECISION,
    LEFT,
    RIGHT,
    VALUE,
    CATEGORIES,
    BOUNDARIES,
    BITS,
    LINEAR,
    GAIN,
    COUNT,
    WEIGHT,
    TREE_KEYS
};
static const char *const tree_keys[] = {"num_leaves",  "split_feature", "threshold",  "decision_type",  "left_child",
                                        "right_child", "leaf_value",    "num_cat",    "cat_boundaries", "cat_threshold",
                                        "is_linear",   "split_gain",    "leaf_count", "leaf_weight"};

/* Keeps the value of a line whose key is one of `keys`. */
static void take_line(span line, const char *const *keys, size_t count, span *values) {
    const char *sign = memchr(line.at, '=', length_of(line));
    for (size_t k = 0; sign && k < count; k++) {
        if (is_text((span){line.at, sign}, keys[k])) values[k] = (span){sign + 1, line.end};
    }
}

static peal_status wrong(const char *where, const char *key, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "%s: '%s' is missing or makes no sense", where, key);
}

/* ---- the header ---- */

typedef enum label_kind { NUMBER, TWO_CLASSES, MORE_CLASSES } label_kind;

/* Objectives, and what Peal's trees call them (NULL: what they learn of such a label by themselves). Those that are not
 * listed are refused: their predictions are no function of the scores that Peal has. */
static const struct {
    const char *name, *loss;
    label_kind label;
} objectives[] = {
    {"regression", NULL, NUMBER},
    {"regression_l1", NULL, NUMBER},
    {"huber", NULL, NUMBER},
    {"fair", NULL, NUMBER},
    {"quantile", NULL, NUMBER},
    {"mape", NULL, NUMBER},
    {"lambdarank", "lambdarank", NUMBER},
    {"rank_xendcg", "rank_xendcg", NUMBER},
    {"custom", NULL, NUMBER},
    {"poisson", "poisson", NUMBER},
    {"gamma", "gamma", NUMBER},
    {"tweedie", "tweedie", NUMBER},
    {"binary", NULL, TWO_CLASSES},
    {"cross_entropy", NULL, TWO_CLASSES},
    {"multiclass", "softmax", MORE_CLASSES},
};

typedef struct reading {
    interchange__foreign *out;
    span rest;
    span header[HEADER_KEYS];
    bool averages;
    double scale; /* of all values */
    size_t tree;
} reading;

static int64_t whole_of(span value, int64_t otherwise, int64_t least, int64_t most) {
    int64_t out;
    if (!value.at) return otherwise;
    return to_whole(value, least, most, &out) ? out : -1;
}

static peal_status refuse_objective(span objective, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "the objective '%.*s' is none that the trees of Peal have",
                     (int)(length_of(objective) < 100 ? length_of(objective) : 100), objective.at);
}

/* "binary sigmoid:2": the score is twice the trees' sum. */
static peal_status read_objective(reading *self, int64_t classes, peal_error *err) {
    static const char custom[] = "custom"; /* a loss of the user's own stands in no file */
    const span whole = self->header[OBJECTIVE].at ? self->header[OBJECTIVE] : (span){custom, custom + strlen(custom)};
    span rest = whole, word;
    if (!next_word(&rest, &word)) return wrong("the header", "objective", err);
    size_t found = 0;
    const size_t count = sizeof objectives / sizeof *objectives;
    while (found < count && !is_text(word, objectives[found].name)) found++;
    if (found == count || peal_utf8_error(whole.at, length_of(whole)) != length_of(whole)) {
        return refuse_objective(word, err);
    }
    while (next_word(&rest, &word)) {
        if (is_text(word, "sqrt")) return refuse_objective(whole, err);
        if (!begins(word, "sigmoid:")) continue;
        const span number = {word.at + strlen("sigmoid:"), word.end};
        if (!to_number(number, &self->scale) || !(self->scale > 0) || !isfinite(self->scale)) {
            return wrong("the header", "sigmoid", err);
        }
    }
    const label_kind label = objectives[found].label;
    const bool fits = label == MORE_CLASSES ? classes > 1 : classes == 1;
    if (!fits) return refuse_objective(whole, err);
    self->out->loss = objectives[found].loss;
    self->out->classes = label == NUMBER ? 0 : label == TWO_CLASSES ? 2 : (size_t)classes;
    peal_snprintf(self->out->objective, sizeof self->out->objective, "%.*s", (int)length_of(whole), whole.at);
    return PEAL_OK;
}

static peal_status read_names(reading *self, peal_error *err) {
    span rest = self->header[NAMES], word;
    for (size_t f = 0; f < self->out->feature_count; f++) {
        if (!next_word(&rest, &word)) return wrong("the header", "feature_names", err);
        PEAL_TRY(interchange__foreign_name(self->out, f, word.at, length_of(word), err));
    }
    if (next_word(&rest, &word)) return wrong("the header", "feature_names", err);
    return interchange__foreign_check_names(self->out, err);
}

static peal_status read_header(reading *self, peal_error *err) {
    span line;
    span before = self->rest;
    while (next_line(&self->rest, &line)) {
        if (begins(line, "Tree=") || is_text(line, "end of trees")) break;
        if (is_text(line, "average_output")) self->averages = true;
        take_line(line, header_keys, HEADER_KEYS, self->header);
        before = self->rest;
    }
    self->rest = before; /* the line that is none of the header's is read again */
    const span version = self->header[VERSION];
    if (!version.at || !(is_text(version, "v3") || is_text(version, "v4"))) {
        return peal_fail(err, PEAL_E_DATA, "the file's version is none of LightGBM's v3 and v4");
    }
    peal_snprintf(self->out->format, sizeof self->out->format, "lightgbm %.*s", 2, version.at);
    const int64_t classes = whole_of(self->header[CLASSES], 1, 1, 65536);
    const int64_t outputs = whole_of(self->header[PER_ROUND], classes, 1, 65536);
    const int64_t last = whole_of(self->header[FEATURES], -1, 0, INT32_MAX);
    if (classes < 1 || outputs != classes) return wrong("the header", "num_class", err);
    /* Each feature has a name, of one byte at least, and a blank. */
    if (last < 0 || !self->header[NAMES].at || (size_t)last > length_of(self->header[NAMES]) / 2) {
        return wrong("the header", "max_feature_idx", err);
    }
    PEAL_TRY(read_objective(self, classes, err));
    PEAL_TRY(interchange__foreign_reserve(self->out, (size_t)last + 1, (size_t)outputs, err));
    return read_names(self, err);
}

/* ---- trees ---- */

typedef struct tree_reading {
    char where[48];
    span values[TREE_KEYS];
    int64_t leaves;
    int64_t *boundaries; /* [sets + 1] words of the bits */
    int64_t sets;
    span bits;
    uint32_t *words; /* [boundaries[sets]] */
} tree_reading;

/* All bits of set number `set`, as rising categories. */
static peal_status add_members(reading *self, const tree_reading *tree, int64_t set, interchange__node *node,
                               peal_error *err) {
    peal_buffer *members = &self->out->members;
    const int64_t begin = tree->boundaries[set], end = tree->boundaries[set + 1];
    node->set_first = members->size / sizeof(uint32_t);
    for (int64_t w = begin; w < end; w++) {
        for (uint32_t bit = 0; bit < 32; bit++) {
            if (!(tree->words[w] >> bit & 1)) continue;
            const uint32_t category = (uint32_t)(w - begin) * 32 + bit;
            PEAL_TRY(peal_buffer_append(members, &category, sizeof category, err));
        }
    }
    node->set_count = members->size / sizeof(uint32_t) - node->set_first;
    return PEAL_OK;
}

/* A child of LightGBM's: a node, or ~leaf. */
static bool to_child(span word, int64_t leaves, uint32_t *out) {
    int64_t value;
    if (!to_whole(word, -leaves, leaves - 2, &value)) return false;
    *out = value < 0 ? INTERCHANGE__LEAF | (uint32_t)~value : (uint32_t)value;
    return true;
}

/* The edge that `x <= threshold` is. LightGBM reads numbers within 1e-35 of zero as zero. */
static double edge_of(double threshold) {
    if (fabs(threshold) > PEAL_NEARLY_ZERO) return interchange__above(threshold);
    return threshold < 0 ? -PEAL_NEARLY_ZERO : interchange__above(PEAL_NEARLY_ZERO);
}

static peal_status read_node(reading *self, tree_reading *tree, peal_error *err) {
    enum { CATEGORY = 1, DEFAULT_LEFT = 2 };
    interchange__node node = {0};
    span words[RIGHT + 1];
    int64_t feature, decision = 0, set;
    double threshold;
    for (size_t k = SPLIT; k <= RIGHT; k++) {
        if (!next_word(&tree->values[k], &words[k])) return wrong(tree->where, tree_keys[k], err);
    }
    if (!to_whole(words[SPLIT], 0, (int64_t)self->out->feature_count - 1, &feature)) {
        return wrong(tree->where, "split_feature", err);
    }
    if (!to_number(words[THRESHOLD], &threshold)) return wrong(tree->where, "threshold", err);
    if (!to_whole(words[DECISION], 0, 15, &decision) || decision >> 2 > 2) {
        return wrong(tree->where, "decision_type", err);
    }
    if (!to_child(words[LEFT], tree->leaves, &node.left)) return wrong(tree->where, "left_child", err);
    if (!to_child(words[RIGHT], tree->leaves, &node.right)) return wrong(tree->where, "right_child", err);
    node.feature = (uint32_t)feature;
    node.is_set = decision & CATEGORY;
    if (node.is_set) {
        set = threshold >= 0 && threshold < (double)tree->sets ? (int64_t)threshold : -1;
        if (set < 0 || (double)set != threshold) return wrong(tree->where, "threshold", err);
        PEAL_TRY(add_members(self, tree, set, &node, err));
    } else {
        const int64_t missing = decision >> 2;
        node.edge = edge_of(threshold);
        node.zero_is_missing = missing == 1;
        node.missing_left = missing == 0 ? 0 <= threshold : (decision & DEFAULT_LEFT) != 0;
    }
    return peal_buffer_append(&self->out->nodes, &node, sizeof node, err);
}

/* The sets: where the words of each begin, and the words. */
static peal_status read_sets(tree_reading *tree, peal_error *err) {
    span rest = tree->values[BOUNDARIES], word;
    tree->sets = whole_of(tree->values[CATEGORIES], 0, 0, INT32_MAX);
    if (tree->sets < 0 || (size_t)tree->sets > length_of(rest)) return wrong(tree->where, "num_cat", err);
    if (tree->sets == 0) return PEAL_OK;
    PEAL_TRY(peal_zeroed_checked(&tree->boundaries, (size_t)tree->sets + 1, sizeof(int64_t), "a tree", err));
    for (int64_t i = 0; i <= tree->sets; i++) {
        const int64_t least = i ? tree->boundaries[i - 1] : 0, most = i ? INT32_MAX : 0;
        if (!next_word(&rest, &word) || !to_whole(word, least, most, &tree->boundaries[i])) {
            return wrong(tree->where, "cat_boundaries", err);
        }
        if (tree->boundaries[i] - least > INTERCHANGE__CATEGORY_MOST / 32) {
            return wrong(tree->where, "cat_boundaries", err);
        }
    }
    rest = tree->values[BITS];
    const size_t words = (size_t)tree->boundaries[tree->sets];
    if (words > length_of(rest)) return wrong(tree->where, "cat_threshold", err);
    PEAL_TRY(peal_zeroed_checked(&tree->words, words, sizeof(uint32_t), "a tree", err));
    for (size_t i = 0; i < words; i++) {
        int64_t bits;
        if (!next_word(&rest, &word) || !to_whole(word, 0, UINT32_MAX, &bits)) {
            return wrong(tree->where, "cat_threshold", err);
        }
        tree->words[i] = (uint32_t)bits;
    }
    return PEAL_OK;
}

static peal_status read_values(reading *self, tree_reading *tree, peal_error *err) {
    span word;
    for (int64_t i = 0; i < tree->leaves; i++) {
        double value;
        if (!next_word(&tree->values[VALUE], &word) || !to_number(word, &value) || !isfinite(value)) {
            return wrong(tree->where, "leaf_value", err);
        }
        PEAL_TRY(peal_buffer_append(&self->out->values, &value, sizeof value, err));
    }
    return next_word(&tree->values[VALUE], &word) ? wrong(tree->where, "leaf_value", err) : PEAL_OK;
}

/* `count` numbers of a list that may be missing, or shorter: NaN stands for what is. */
static peal_status read_history(span list, int64_t count, peal_buffer *out, peal_error *err) {
    for (int64_t i = 0; i < count; i++) {
        span word;
        double value;
        if (!next_word(&list, &word) || !to_number(word, &value)) value = (double)NAN;
        PEAL_TRY(peal_buffer_append(out, &value, sizeof value, err));
    }
    return PEAL_OK;
}

static peal_status read_tree_lists(reading *self, tree_reading *tree, peal_error *err) {
    interchange__foreign *out = self->out;
    const size_t first_node = out->nodes.size / sizeof(interchange__node);
    const size_t first_value = out->values.size / sizeof(double);
    span word;
    tree->leaves = whole_of(tree->values[LEAVES], -1, 1, INT32_MAX);
    if (tree->leaves < 1) return wrong(tree->where, "num_leaves", err);
    if (whole_of(tree->values[LINEAR], 0, 0, 1) != 0) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s is a linear tree, whose leaves are functions; the trees of Peal have numbers there",
                         tree->where);
    }
    PEAL_TRY(read_sets(tree, err));
    for (int64_t i = 0; i + 1 < tree->leaves; i++) PEAL_TRY(read_node(self, tree, err));
    for (size_t k = SPLIT; k <= RIGHT && tree->leaves > 1; k++) {
        if (next_word(&tree->values[k], &word)) return wrong(tree->where, tree_keys[k], err);
    }
    PEAL_TRY(read_values(self, tree, err));
    PEAL_TRY(read_history(tree->values[GAIN], tree->leaves - 1, &out->gains, err));
    PEAL_TRY(read_history(tree->values[COUNT], tree->leaves, &out->rows, err));
    PEAL_TRY(read_history(tree->values[WEIGHT], tree->leaves, &out->covers, err));
    const interchange__tree made = {.first_node = first_node,
                                    .node_count = (size_t)tree->leaves - 1,
                                    .first_value = first_value,
                                    .value_count = (size_t)tree->leaves,
                                    .output = self->tree++ % out->outputs};
    return peal_buffer_append(&out->trees, &made, sizeof made, err);
}

/* One block: the line "Tree=N" has been read. */
static peal_status read_tree(reading *self, peal_error *err) {
    tree_reading tree = {0};
    span line, before = self->rest;
    peal_snprintf(tree.where, sizeof tree.where, "tree %zu", self->tree);
    while (next_line(&self->rest, &line) && !begins(line, "Tree=") && !is_text(line, "end of trees")) {
        take_line(line, tree_keys, TREE_KEYS, tree.values);
        before = self->rest;
    }
    self->rest = before;
    const peal_status status = read_tree_lists(self, &tree, err);
    free(tree.boundaries);
    free(tree.words);
    return status;
}

static peal_status read_trees(reading *self, peal_error *err) {
    span line;
    while (next_line(&self->rest, &line)) {
        if (is_text(line, "end of trees")) {
            return self->tree % self->out->outputs == 0
                       ? PEAL_OK
                       : peal_fail(err, PEAL_E_DATA, "%zu trees are not so many for each of %zu classes", self->tree,
                                   self->out->outputs);
        }
        if (begins(line, "Tree=")) PEAL_TRY(read_tree(self, err));
    }
    return peal_fail(err, PEAL_E_DATA, "the file is cut off: there is no line 'end of trees' behind tree %zu",
                     self->tree);
}

/* ---- categories that are texts ---- */

/* A category of pandas as it stands in a table: a text, or how pandas writes a number or a bool. NULL: it is none. */
static json_t *text_of(const json_t *value) {
    char text[PEAL_NUMBER_TEXT];
    if (json_is_string(value)) return json_incref((json_t *)value);
    if (json_is_boolean(value)) return json_string(json_is_true(value) ? "True" : "False");
    if (!json_is_number(value)) return NULL;
    return json_string(peal_number_text(json_number_value(value), text));
}

static peal_status take_texts(interchange__feature *feature, const json_t *list, peal_error *err) {
    json_t *texts = json_array();
    bool right = json_array_size(list) > 0;
    for (size_t i = 0; right && texts && i < json_array_size(list); i++) {
        json_t *text = text_of(json_array_get(list, i));
        right = text != NULL;
        texts = right ? peal_json_append(texts, text) : texts;
    }
    feature->texts = texts;
    if (!texts) return peal_fail(err, PEAL_E_MEMORY, "no memory for categories");
    if (right) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA,
                     "pandas_categorical: the categories of '%s' are none, or are no texts, numbers or "
                     "bools",
                     feature->name);
}

/* A feature of categories has their list among the feature_infos, in the place of [least:most] or none. */
static size_t find_categories(const reading *self, size_t *features) {
    span rest = self->header[INFOS], word;
    size_t count = 0;
    for (size_t f = 0; f < self->out->feature_count && next_word(&rest, &word); f++) {
        if (*word.at != '[' && !is_text(word, "none")) features[count++] = f;
    }
    return count;
}

/* pandas_categorical:[["a", "b"], ["x"]]: a list for each column of categories, in their order. */
static peal_status take_pandas(reading *self, const json_t *lists, peal_error *err) {
    size_t *features;
    if (json_array_size(lists) == 0) return PEAL_OK;
    PEAL_TRY(peal_alloc_checked(&features, self->out->feature_count, sizeof *features, "categories", err));
    const size_t count = find_categories(self, features);
    peal_status status = PEAL_OK;
    if (count != json_array_size(lists)) {
        status = peal_fail(err, PEAL_E_DATA,
                           "pandas_categorical has %zu lists, but %zu features are categories: which list is of which "
                           "feature cannot be told",
                           json_array_size(lists), count);
    }
    for (size_t i = 0; i < count && status == PEAL_OK; i++) {
        status = take_texts(&self->out->features[features[i]], json_array_get(lists, i), err);
    }
    free(features);
    return status;
}

static peal_status read_rest(reading *self, peal_error *err) {
    static const char key[] = "pandas_categorical:";
    span line;
    while (next_line(&self->rest, &line)) {
        if (!begins(line, key)) continue;
        json_t *lists;
        line.at += strlen(key);
        if (is_text(line, "null")) return PEAL_OK;
        PEAL_TRY(peal_json_parse("pandas_categorical", line.at, length_of(line), &lists, err));
        const peal_status status = take_pandas(self, lists, err);
        json_decref(lists);
        return status;
    }
    return PEAL_OK;
}

/* ---- the whole ---- */

/* A split of a feature whose values are texts can only be one of categories. */
static peal_status check_nodes(const interchange__foreign *out, peal_error *err) {
    const interchange__node *nodes = interchange__nodes(out);
    for (size_t i = 0; i < out->nodes.size / sizeof *nodes; i++) {
        const interchange__feature *feature = &out->features[nodes[i].feature];
        if (nodes[i].is_set || !feature->texts) continue;
        return peal_fail(err, PEAL_E_DATA, "feature '%s' has texts for values, but a split by a number", feature->name);
    }
    return PEAL_OK;
}

/* What scales the scores scales the values. */
static void scale_values(const reading *self) {
    const size_t rounds = self->tree / self->out->outputs;
    double *values = interchange__values(self->out);
    for (size_t i = 0; i < self->out->values.size / sizeof *values; i++) {
        if (self->scale != 1) values[i] *= self->scale;
        if (self->averages && rounds > 1) values[i] /= (double)rounds;
    }
}

/* Of zero all numbers from -1 on are cut off to it. */
static double category_edge(uint32_t category) {
    return category ? (double)category : interchange__above(-1);
}

static peal_status lightgbm_read(const uint8_t *bytes, size_t size, interchange__foreign *out, peal_error *err) {
    reading self = {.out = out, .rest = {(const char *)bytes, (const char *)bytes + size}, .scale = 1};
    out->category_edge = category_edge;
    PEAL_TRY(read_header(&self, err));
    PEAL_TRY(read_trees(&self, err));
    PEAL_TRY(read_rest(&self, err));
    scale_values(&self);
    return check_nodes(out, err);
}

static bool lightgbm_recognise(const uint8_t *bytes, size_t size) {
    span rest = {(const char *)bytes, (const char *)bytes + (size < 64 ? size : 64)}, line;
    return size > 0 && next_line(&rest, &line) && is_text(line, "tree") && next_line(&rest, &line) &&
           begins(line, "version=");
}

const interchange__format interchange__lightgbm = {
    .name = "lightgbm",
    .documentation = "LightGBM's text model (Booster.save_model), v3 and v4",
    .recognise = lightgbm_recognise,
    .read = lightgbm_read,
    .write = interchange__lightgbm_write,
};
