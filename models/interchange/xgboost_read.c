/* XGBoost's JSON model (Booster.save_model with a name in .json; 1.7 to 3.x).
 *
 * Source: XGBoost's documentation (doc/tutorials/saving_model.rst, doc/model.schema) and files that it writes.
 * Numbers are compared as float32 and `x < threshold` goes left, so the edge is the least number that rounds to the
 * threshold. A category in a node's set goes right; what is negative or in no set goes left. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/number.h"
#include "core/base/utf8.h"
#include "models/interchange/reader.h"

/* Categories are compared as float32, too, which holds whole numbers below it. */
enum { CATEGORY_MOST = 1 << 24 };

static peal_status wrong(const char *what, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "'%s' is missing or makes no sense", what);
}

static const json_t *object_at(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_object(value) ? value : NULL;
}

/* A whole number that may be written as a text. */
static bool to_whole(const json_t *value, json_int_t least, json_int_t most, size_t *out) {
    double number = -1;
    if (json_is_string(value)) {
        if (!peal_number_parse(json_string_value(value), json_string_length(value), &number)) return false;
    } else if (json_is_number(value)) {
        number = json_number_value(value);
    }
    if (!(number >= (double)least && number <= (double)most && number == floor(number))) return false;
    *out = (size_t)number;
    return true;
}

/* The least double that rounds to `threshold`, or above it: half way from its lower neighbour, which itself rounds to
 * the one of the two whose last bit is 0. */
static double edge_of(float threshold) {
    const float below = nextafterf(threshold, -INFINITY);
    if (!isfinite(below) || !isfinite(threshold)) return (double)threshold;
    const double middle = ((double)below + (double)threshold) / 2;
    return (float)middle < threshold ? interchange__above(middle) : middle;
}

static double category_edge(uint32_t category) {
    return edge_of((float)category);
}

/* ---- objectives ---- */

typedef enum label_kind { NUMBER, TWO_CLASSES, MORE_CLASSES } label_kind;
typedef enum base_space { AS_SCORE, AS_PROBABILITY, AS_RATE } base_space;

/* Objectives, what Peal's trees call them (NULL: what they learn of such a label by themselves), and what base_score
 * is. Those that are not listed are refused. */
static const struct {
    const char *name, *loss;
    label_kind label;
    base_space base;
} objectives[] = {
    {"reg:squarederror", NULL, NUMBER, AS_SCORE},
    {"reg:linear", NULL, NUMBER, AS_SCORE},
    {"reg:squaredlogerror", NULL, NUMBER, AS_SCORE},
    {"reg:pseudohubererror", NULL, NUMBER, AS_SCORE},
    {"reg:absoluteerror", NULL, NUMBER, AS_SCORE},
    {"reg:quantileerror", NULL, NUMBER, AS_SCORE},
    {"rank:pairwise", NULL, NUMBER, AS_SCORE},
    {"rank:ndcg", "lambdarank", NUMBER, AS_SCORE},
    {"rank:map", NULL, NUMBER, AS_SCORE},
    {"binary:logitraw", NULL, NUMBER, AS_SCORE}, /* in 2.1, 3.0 and 3.2 */
    {"binary:logistic", NULL, TWO_CLASSES, AS_PROBABILITY},
    {"reg:logistic", NULL, TWO_CLASSES, AS_PROBABILITY},
    {"multi:softprob", "softmax", MORE_CLASSES, AS_SCORE},
    {"multi:softmax", "softmax", MORE_CLASSES, AS_SCORE},
    {"count:poisson", "poisson", NUMBER, AS_RATE},
    {"reg:gamma", "gamma", NUMBER, AS_RATE},
    {"reg:tweedie", "tweedie", NUMBER, AS_RATE},
};

typedef struct reading {
    interchange__foreign *out;
    const json_t *learner, *model; /* model: of the trees */
    base_space base;
    const json_t *drops; /* dart's weights of the trees, or NULL */
} reading;

static peal_status read_objective(reading *self, peal_error *err) {
    const json_t *parameters = object_at(self->learner, "learner_model_param");
    const char *name = json_string_value(json_object_get(object_at(self->learner, "objective"), "name"));
    size_t classes, targets = 1;
    if (!name) return wrong("learner.objective.name", err);
    if (!to_whole(json_object_get(parameters, "num_class"), 0, 65536, &classes)) return wrong("num_class", err);
    const json_t *target = json_object_get(parameters, "num_target");
    if (target && !to_whole(target, 0, INT32_MAX, &targets)) return wrong("num_target", err);
    if (targets > 1) {
        return peal_fail(err, PEAL_E_DATA, "it predicts %zu targets at once; a model of Peal's predicts one", targets);
    }
    const size_t count = sizeof objectives / sizeof *objectives;
    size_t found = 0;
    while (found < count && strcmp(name, objectives[found].name) != 0) found++;
    if (found == count || (objectives[found].label == MORE_CLASSES ? classes < 2 : classes > 1)) {
        return peal_fail(err, PEAL_E_DATA, "the objective '%.100s' is none that the trees of Peal have", name);
    }
    const label_kind label = objectives[found].label;
    self->base = objectives[found].base;
    self->out->loss = objectives[found].loss;
    self->out->classes = label == NUMBER ? 0 : label == TWO_CLASSES ? 2 : classes;
    self->out->outputs = label == MORE_CLASSES ? classes : 1;
    peal_snprintf(self->out->objective, sizeof self->out->objective, "%s", name);
    return PEAL_OK;
}

/* ---- what rows begin with ---- */

/* "5E-1", or a list as "[5E-1,2E-1]": number `index`, or the only one. */
static bool base_at(const char *text, size_t index, double *out) {
    const bool is_list = *text == '[';
    if (is_list) text++;
    const char *first = text;
    for (size_t i = 0; is_list && i < index && text; i++) {
        text = strchr(text, ',');
        if (text) text++;
    }
    if (!text && strchr(first, ',')) return false;
    if (!text) text = first;
    return peal_number_parse(text, strcspn(text, is_list ? ",]" : ""), out);
}

static peal_status read_base(const reading *self, peal_error *err) {
    const json_t *saved = json_object_get(object_at(self->learner, "learner_model_param"), "base_score");
    const char *text = json_string_value(saved);
    if (!text) return wrong("base_score", err);
    for (size_t k = 0; k < self->out->outputs; k++) {
        double base;
        if (!base_at(text, k, &base)) return wrong("base_score", err);
        base = (double)(float)base;
        if (self->base == AS_PROBABILITY) base = log(base / (1 - base));
        if (self->base == AS_RATE) base = log(base);
        if (!isfinite(base)) return wrong("base_score", err);
        self->out->base[k] = base;
    }
    return PEAL_OK;
}

/* ---- features ---- */

/* Texts of 3.x: {"offsets": [0, 1, 3], "values": [bytes of all texts]}. */
static peal_status read_texts(const json_t *encoded, interchange__feature *feature, peal_error *err) {
    const json_t *offsets = json_object_get(encoded, "offsets"), *bytes = json_object_get(encoded, "values");
    const size_t size = json_array_size(bytes);
    char *all = malloc(size + 1);
    size_t begin = 0, end;
    bool right = all != NULL;
    for (size_t i = 0; right && i < size; i++) {
        const json_int_t byte = json_integer_value(json_array_get(bytes, i));
        right = byte >= -128 && byte <= 255; /* they are written with a sign */
        all[i] = (char)byte;
    }
    json_t *texts = json_array();
    for (size_t i = 1; right && i < json_array_size(offsets); i++) {
        right = to_whole(json_array_get(offsets, i), (json_int_t)begin, (json_int_t)size, &end) &&
                peal_utf8_error(all + begin, end - begin) == end - begin;
        if (!right) break;
        texts = peal_json_append(texts, json_stringn(all + begin, end - begin));
        begin = end;
    }
    free(all);
    feature->texts = texts;
    if (!texts) return peal_fail(err, PEAL_E_MEMORY, "no memory for categories");
    if (right && json_array_size(texts)) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA,
                     "feature '%s': the texts of its categories are torn (cats.enc; XGBoost writes texts beyond ASCII "
                     "so)",
                     feature->name);
}

/* Whole numbers of 3.x: [5, 6, 9], which stand in a table as they are written here. */
static peal_status read_numbers(const json_t *values, interchange__feature *feature, peal_error *err) {
    json_t *texts = json_array();
    for (size_t i = 0; i < json_array_size(values); i++) {
        char text[PEAL_NUMBER_TEXT];
        const double number = json_number_value(json_array_get(values, i));
        texts = peal_json_append(texts, json_string(peal_number_text(number, text)));
    }
    feature->texts = texts;
    return texts ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for categories");
}

static bool are_whole(const json_t *values) {
    for (size_t i = 0; i < json_array_size(values); i++) {
        if (!json_is_integer(json_array_get(values, i))) return false;
    }
    return true;
}

/* Categories of a data frame: a text or a whole number for each code. Other numbers are refused. */
static peal_status read_categories(const reading *self, peal_error *err) {
    const json_t *lists = json_object_get(object_at(self->model, "cats"), "enc");
    for (size_t f = 0; f < json_array_size(lists); f++) {
        const json_t *encoded = json_array_get(lists, f);
        const json_t *values = json_object_get(encoded, "values");
        if (json_array_size(values) == 0) continue;
        if (f >= self->out->feature_count) return wrong("cats.enc", err);
        interchange__feature *feature = &self->out->features[f];
        if (json_is_array(json_object_get(encoded, "offsets"))) {
            PEAL_TRY(read_texts(encoded, feature, err));
        } else if (are_whole(values)) {
            PEAL_TRY(read_numbers(values, feature, err));
        } else {
            return peal_fail(err, PEAL_E_DATA,
                             "feature '%s' has categories that are neither texts nor whole numbers; train it on one "
                             "of these",
                             feature->name);
        }
    }
    return PEAL_OK;
}

static peal_status read_features(reading *self, peal_error *err) {
    const json_t *parameters = object_at(self->learner, "learner_model_param");
    const json_t *names = json_object_get(self->learner, "feature_names");
    size_t count;
    if (!to_whole(json_object_get(parameters, "num_feature"), 1, INT32_MAX, &count)) return wrong("num_feature", err);
    const size_t named = json_array_size(names);
    if (named && named != count) return wrong("feature_names", err);
    if (!named && count > self->out->file_bytes * 64) return wrong("num_feature", err);
    PEAL_TRY(interchange__foreign_reserve(self->out, count, self->out->outputs, err));
    for (size_t f = 0; f < count; f++) {
        char text[32];
        const json_t *name = json_array_get(names, f);
        peal_snprintf(text, sizeof text, "f%zu", f);
        PEAL_TRY(interchange__foreign_name(self->out, f, named ? json_string_value(name) : text,
                                           named ? json_string_length(name) : strlen(text), err));
    }
    PEAL_TRY(interchange__foreign_check_names(self->out, err));
    return read_categories(self, err);
}

/* ---- trees ---- */

enum list_key { LEFT, RIGHT, INDEX, CONDITION, DEFAULT, LISTS };
static const char *const list_keys[] = {"left_children", "right_children", "split_indices", "split_conditions",
                                        "default_left"};

typedef struct tree_reading {
    const json_t *tree, *lists[LISTS], *types;
    size_t count;    /* nodes, leaves among them */
    size_t *segment; /* [count] where a node's set begins among the categories, and how many there are; 0: none */
    size_t *size;
} tree_reading;

static size_t list_item(const json_t *tree, const char *key, size_t index, json_int_t most) {
    size_t out;
    return to_whole(json_array_get(json_object_get(tree, key), index), 0, most, &out) ? out : SIZE_MAX;
}

static peal_status read_sets(tree_reading *tree, peal_error *err) {
    const json_int_t all = (json_int_t)json_array_size(json_object_get(tree->tree, "categories"));
    const size_t sets = json_array_size(json_object_get(tree->tree, "categories_nodes"));
    for (size_t i = 0; i < sets; i++) {
        const size_t node = list_item(tree->tree, "categories_nodes", i, (json_int_t)tree->count - 1);
        const size_t begin = list_item(tree->tree, "categories_segments", i, all);
        const size_t size = list_item(tree->tree, "categories_sizes", i, all);
        if (node == SIZE_MAX || begin == SIZE_MAX || size == SIZE_MAX || begin + size > (size_t)all) {
            return wrong("categories", err);
        }
        tree->segment[node] = begin;
        tree->size[node] = size;
    }
    return PEAL_OK;
}

static int by_category(const void *a, const void *b) {
    const uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
    return (p > q) - (p < q);
}

static peal_status add_members(const reading *self, const tree_reading *tree, size_t index, interchange__node *node,
                               peal_error *err) {
    peal_buffer *members = &self->out->members;
    const size_t first = members->size / sizeof(uint32_t);
    for (size_t i = 0; i < tree->size[index]; i++) {
        const size_t category = list_item(tree->tree, "categories", tree->segment[index] + i, CATEGORY_MOST - 1);
        if (category == SIZE_MAX) return wrong("categories", err);
        const uint32_t one = (uint32_t)category;
        PEAL_TRY(peal_buffer_append(members, &one, sizeof one, err));
    }
    uint32_t *own = (uint32_t *)(void *)members->data + first;
    if (tree->size[index]) qsort(own, tree->size[index], sizeof *own, by_category);
    size_t kept = 0;
    for (size_t i = 0; i < tree->size[index]; i++) {
        if (i == 0 || own[i] != own[kept - 1]) own[kept++] = own[i];
    }
    members->size = (first + kept) * sizeof *own;
    node->set_first = first;
    node->set_count = kept;
    return PEAL_OK;
}

static const json_t *item(const tree_reading *tree, enum list_key key, size_t index) {
    return json_array_get(tree->lists[key], index);
}

/* Child `key` of a node; its number is also that of its value, should it be a leaf. */
static bool child_of(const tree_reading *tree, enum list_key key, size_t index, uint32_t *out) {
    size_t child;
    if (!to_whole(item(tree, key, index), 0, (json_int_t)tree->count - 1, &child)) return false;
    const bool is_leaf = json_integer_value(item(tree, LEFT, child)) == -1;
    *out = (uint32_t)child | (is_leaf ? INTERCHANGE__LEAF : 0);
    return true;
}

static peal_status add_node(const reading *self, const tree_reading *tree, size_t index, double value,
                            peal_error *err) {
    interchange__node node = {0};
    size_t feature, left = 0;
    const json_t *type = json_array_get(tree->types, index), *side = item(tree, DEFAULT, index);
    if (!to_whole(item(tree, INDEX, index), 0, (json_int_t)self->out->feature_count - 1, &feature)) {
        return wrong("split_indices", err);
    }
    if (json_is_boolean(side)) {
        left = json_is_true(side);
    } else if (!to_whole(side, 0, 1, &left)) {
        return wrong("default_left", err);
    }
    node.feature = (uint32_t)feature;
    node.missing_left = left;
    node.edge = edge_of((float)value);
    node.is_set = json_integer_value(type) == 1;
    if (!child_of(tree, LEFT, index, &node.left) || !child_of(tree, RIGHT, index, &node.right)) {
        return wrong("left_children", err);
    }
    if (node.is_set) { /* what is in the set goes right */
        const uint32_t other = node.left;
        node.left = node.right;
        node.right = other;
        node.missing_left = !node.missing_left;
        PEAL_TRY(add_members(self, tree, index, &node, err));
    } else if (self->out->features[feature].texts) {
        return peal_fail(err, PEAL_E_DATA, "feature '%s' has texts for values, but a split by a number",
                         self->out->features[feature].name);
    }
    return peal_buffer_append(&self->out->nodes, &node, sizeof node, err);
}

/* Of a node or leaf. Their rows are not told. */
static peal_status add_history(const reading *self, const tree_reading *tree, size_t index, peal_error *err) {
    const json_t *gain = json_array_get(json_object_get(tree->tree, "loss_changes"), index);
    const json_t *cover = json_array_get(json_object_get(tree->tree, "sum_hessian"), index);
    const double numbers[] = {json_is_number(gain) ? (double)(float)json_number_value(gain) : (double)NAN,
                              json_is_number(cover) ? (double)(float)json_number_value(cover) : (double)NAN};
    PEAL_TRY(peal_buffer_append(&self->out->gains, &numbers[0], sizeof(double), err));
    return peal_buffer_append(&self->out->covers, &numbers[1], sizeof(double), err);
}

/* Nodes and values are numbered alike; of a leaf the node is none, of a node the value. */
static peal_status add_nodes(const reading *self, const tree_reading *tree, double factor, peal_error *err) {
    for (size_t i = 0; i < tree->count; i++) {
        const json_t *condition = item(tree, CONDITION, i);
        const bool is_leaf = json_integer_value(item(tree, LEFT, i)) == -1;
        const double value = (double)(float)json_number_value(condition);
        const double scaled = is_leaf ? factor * value : 0;
        const bool is_set = !is_leaf && json_integer_value(json_array_get(tree->types, i)) == 1;
        if (!is_set && !(json_is_number(condition) && isfinite(scaled))) return wrong("split_conditions", err);
        PEAL_TRY(peal_buffer_append(&self->out->values, &scaled, sizeof scaled, err));
        PEAL_TRY(add_history(self, tree, i, err));
        if (is_leaf) {
            const interchange__node none = {.feature = INTERCHANGE__NO_NODE};
            PEAL_TRY(peal_buffer_append(&self->out->nodes, &none, sizeof none, err));
        } else {
            PEAL_TRY(add_node(self, tree, i, value, err));
        }
    }
    return PEAL_OK;
}

/* Leaves of several values are kept elsewhere than those of one. */
static peal_status check_leaves(const json_t *tree, peal_error *err) {
    size_t values = 1;
    const json_t *saved = json_object_get(object_at(tree, "tree_param"), "size_leaf_vector");
    if (saved && !to_whole(saved, 0, INT32_MAX, &values)) return wrong("size_leaf_vector", err);
    if (values <= 1) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA,
                     "its leaves have %zu values each (multi_strategy multi_output_tree); those of Peal have one",
                     values);
}

static peal_status find_lists(tree_reading *tree, peal_error *err) {
    PEAL_TRY(check_leaves(tree->tree, err));
    for (size_t k = 0; k < LISTS; k++) {
        tree->lists[k] = json_object_get(tree->tree, list_keys[k]);
        if (k == 0) tree->count = json_array_size(tree->lists[k]);
        if (!json_is_array(tree->lists[k]) || json_array_size(tree->lists[k]) != tree->count || tree->count == 0) {
            return wrong(list_keys[k], err);
        }
    }
    tree->types = json_object_get(tree->tree, "split_type");
    PEAL_TRY(peal_zeroed_checked(&tree->segment, tree->count, sizeof *tree->segment, "a tree", err));
    PEAL_TRY(peal_zeroed_checked(&tree->size, tree->count, sizeof *tree->size, "a tree", err));
    return read_sets(tree, err);
}

static peal_status read_tree(const reading *self, const json_t *saved, size_t output, double factor, peal_error *err) {
    interchange__foreign *out = self->out;
    tree_reading tree = {.tree = saved};
    interchange__tree made = {.first_node = out->nodes.size / sizeof(interchange__node),
                              .first_value = out->values.size / sizeof(double),
                              .output = output};
    peal_status status = find_lists(&tree, err);
    if (status == PEAL_OK) status = add_nodes(self, &tree, factor, err);
    free(tree.segment);
    free(tree.size);
    PEAL_TRY(status);
    made.value_count = tree.count;
    made.node_count = json_integer_value(item(&tree, LEFT, 0)) == -1 ? 0 : tree.count;
    return peal_buffer_append(&out->trees, &made, sizeof made, err);
}

static peal_status read_trees(const reading *self, peal_error *err) {
    const json_t *trees = json_object_get(self->model, "trees"), *infos = json_object_get(self->model, "tree_info");
    if (!json_is_array(trees) || json_array_size(infos) != json_array_size(trees)) return wrong("tree_info", err);
    if (self->drops && json_array_size(self->drops) != json_array_size(trees)) return wrong("weight_drop", err);
    for (size_t t = 0; t < json_array_size(trees); t++) {
        size_t output;
        const json_t *drop = self->drops ? json_array_get(self->drops, t) : NULL;
        if (!to_whole(json_array_get(infos, t), 0, (json_int_t)self->out->outputs - 1, &output)) {
            return wrong("tree_info", err);
        }
        if (self->drops && !json_is_number(drop)) return wrong("weight_drop", err);
        const double factor = drop ? (double)(float)json_number_value(drop) : 1;
        const peal_status status = read_tree(self, json_array_get(trees, t), output, factor, err);
        if (status != PEAL_OK) peal_error_context(err, "tree %zu", t);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

/* ---- the whole ---- */

static peal_status find_trees(reading *self, peal_error *err) {
    const json_t *booster = object_at(self->learner, "gradient_booster");
    const char *name = json_string_value(json_object_get(booster, "name"));
    if (!name) return wrong("learner.gradient_booster.name", err);
    if (strcmp(name, "dart") == 0) {
        self->drops = json_object_get(booster, "weight_drop");
        booster = object_at(booster, "gbtree");
        if (!json_is_array(self->drops)) return wrong("weight_drop", err);
    } else if (strcmp(name, "gbtree") != 0) {
        return peal_fail(err, PEAL_E_DATA, "its booster is '%.40s', which is no trees (gbtree, dart)", name);
    }
    self->model = object_at(booster, "model");
    return self->model ? PEAL_OK : wrong("learner.gradient_booster.model", err);
}

/* What early stopping has left behind: {"best_iteration": "41"}. */
static size_t read_best(const json_t *learner) {
    const char *text = json_string_value(json_object_get(object_at(learner, "attributes"), "best_iteration"));
    double number;
    const bool right = text && peal_number_parse(text, strlen(text), &number) && number >= 0 && number < 1e9;
    return right ? (size_t)number + 1 : 0;
}

static peal_status read_document(const json_t *document, interchange__foreign *out, peal_error *err) {
    reading self = {.out = out, .learner = object_at(document, "learner")};
    const json_t *version = json_object_get(document, "version");
    peal_snprintf(out->format, sizeof out->format, "xgboost %d.%d", (int)json_integer_value(json_array_get(version, 0)),
                  (int)json_integer_value(json_array_get(version, 1)));
    out->category_edge = category_edge;
    if (!self.learner) return wrong("learner", err);
    PEAL_TRY(find_trees(&self, err));
    out->best = read_best(self.learner);
    PEAL_TRY(read_objective(&self, err));
    PEAL_TRY(read_features(&self, err));
    PEAL_TRY(read_base(&self, err));
    return read_trees(&self, err);
}

/* Versions 1.x write NaN, which is no JSON, where a node with a set has no threshold: it becomes an empty list, which
 * is no number either. */
static void replace_nan(char *text, size_t size) {
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        if (quoted && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && size - i >= 3 && memcmp(text + i, "NaN", 3) == 0) {
            memcpy(text + i, "[] ", 3);
        }
    }
}

static peal_status parse(const uint8_t *bytes, size_t size, json_t **out, peal_error *err) {
    peal_buffer text = {0};
    peal_status status = peal_buffer_append(&text, bytes, size, err);
    if (status == PEAL_OK) {
        replace_nan((char *)text.data, size);
        status = peal_json_parse("JSON", text.data, size, out, err);
    }
    peal_buffer_clear(&text);
    return status;
}

static peal_status xgboost_read(const uint8_t *bytes, size_t size, interchange__foreign *out, peal_error *err) {
    json_t *document;
    PEAL_TRY(parse(bytes, size, &document, err));
    const peal_status status = read_document(document, out, err);
    json_decref(document);
    return status;
}

static bool xgboost_recognise(const uint8_t *bytes, size_t size) {
    size_t at = 1;
    if (size < 2 || bytes[0] != '{') return false;
    while (at < size && (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\r' || bytes[at] == '\t')) at++;
    return at < size && (bytes[at] == '"' || bytes[at] == '}');
}

const interchange__format interchange__xgboost = {
    .name = "xgboost",
    .documentation = "XGBoost's JSON model (Booster.save_model('m.json')), 1.7 to 3.x",
    .recognise = xgboost_recognise,
    .read = xgboost_read,
};

/* Universal Binary JSON: a brace, and the length of the first key. */
static bool ubj_recognise(const uint8_t *bytes, size_t size) {
    return size >= 2 && bytes[0] == '{' && !xgboost_recognise(bytes, size) && memchr("iUIlL$#", bytes[1], 7);
}

const interchange__format interchange__xgboost_ubj = {
    .name = "xgboost-ubj",
    .documentation = "XGBoost's binary model (UBJSON)",
    .recognise = ubj_recognise,
    .advice = "it is not read; load it in XGBoost and save it with a name in .json, as in "
              "Booster(model_file='m.ubj').save_model('m.json')",
};
