/* Writes a tree for people and for Graphviz, from its description as JSON; see tree.h. */
#include "tools/tree.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/spec.h"
#include "core/base/text.h"
#include "models/predict/predictor.h"
#include "tools/display.h"

enum { CATEGORIES_SHOWN = 6, NAME_SHOWN = 40, DEPTH_SHOWN = 24 };

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool says(const json_t *object, const char *key, const char *text) {
    return strcmp(text_of(object, key), text) == 0;
}

static peal_status put(peal_buffer *out, const char *text, peal_error *err) {
    return peal_buffer_append(out, text, strlen(text), err);
}

/* "a, b or 12 others": the categories of a node, folded. */
static peal_status put_categories(const json_t *node, peal_buffer *out, peal_error *err) {
    const json_t *names = json_object_get(node, "in");
    const size_t count = json_array_size(names), shown = count > CATEGORIES_SHOWN ? CATEGORIES_SHOWN : count;
    const size_t others = count - shown + (size_t)json_integer_value(json_object_get(node, "others"));
    for (size_t i = 0; i < shown; i++) {
        const json_t *name = json_array_get(names, i);
        char number[32], cut[NAME_SHOWN + PEAL_TEXT_CUT_EXTRA];
        peal_snprintf(number, sizeof number, "%lld", (long long)json_integer_value(name));
        if (i) PEAL_TRY(put(out, i + 1 == shown && !others ? " or " : ", ", err));
        const char *text = json_is_string(name) ? json_string_value(name) : number;
        peal_text_cut(text, NAME_SHOWN, cut);
        PEAL_TRY(put(out, cut, err));
    }
    if (!others) return PEAL_OK;
    char text[64];
    peal_snprintf(text, sizeof text, "%s%zu other%s", shown ? " or " : "", others, others == 1 ? "" : "s");
    return put(out, text, err);
}

/* What sends a row to the left, as in "age < 3.5 or missing". */
static peal_status put_condition(const json_t *node, peal_buffer *out, peal_error *err) {
    const json_t *at_most = json_object_get(node, "at_most"), *below = json_object_get(node, "below");
    const json_t *feature = json_object_get(node, "feature");
    const bool missing_left = says(node, "missing", "left");
    char text[64];
    PEAL_TRY(put(out, feature ? json_string_value(feature) : text_of(node, "column"), err));
    if (json_object_get(node, "in")) {
        const bool is_empty = !json_array_size(json_object_get(node, "in")) && !json_object_get(node, "others");
        if (is_empty) return put(out, missing_left ? " is missing" : " is never", err);
        PEAL_TRY(put(out, " is ", err));
        PEAL_TRY(put_categories(node, out, err));
    } else if (at_most || below) {
        peal_snprintf(text, sizeof text, " %s %.7g", at_most ? "<=" : "<", json_real_value(at_most ? at_most : below));
        PEAL_TRY(put(out, text, err));
    } else if (says(node, "known", "left")) {
        return put(out, missing_left ? " is anything" : " is known", err);
    } else {
        return put(out, missing_left ? " is missing" : " is never", err);
    }
    return missing_left ? put(out, " or missing", err) : PEAL_OK;
}

/* "gain 12.3, 200 rows", by what the file knows. */
static peal_status put_facts(const json_t *node, const char *between, peal_buffer *out, peal_error *err) {
    const json_t *gain = json_object_get(node, "gain"), *rows = json_object_get(node, "rows");
    char text[64];
    if (gain) {
        peal_snprintf(text, sizeof text, "gain %.6g%s", json_real_value(gain), rows ? between : "");
        PEAL_TRY(put(out, text, err));
    }
    if (!rows) return PEAL_OK;
    const long long count = json_integer_value(rows);
    peal_snprintf(text, sizeof text, "%lld row%s", count, count == 1 ? "" : "s");
    return put(out, text, err);
}

/* ---- for people ---- */

static peal_status put_node(const json_t *node, peal_buffer *out, peal_error *err) {
    const json_t *value = json_object_get(node, "value");
    char text[64];
    if (value) {
        peal_snprintf(text, sizeof text, "leaf %lld: %.7g",
                      (long long)json_integer_value(json_object_get(node, "leaf")), json_real_value(value));
        PEAL_TRY(put(out, text, err));
    } else {
        PEAL_TRY(put_condition(node, out, err));
    }
    if (!json_object_get(node, "gain") && !json_object_get(node, "rows")) return PEAL_OK;
    PEAL_TRY(put(out, " (", err));
    PEAL_TRY(put_facts(node, ", ", out, err));
    return put(out, ")", err);
}

/* A node that is still to be shown. */
typedef struct place {
    size_t node, depth;
    const char *side;
} place;

static peal_status print_node(const json_t *node, const place *at, peal_error *err) {
    peal_buffer line = {0};
    peal_status status = put_node(node, &line, err);
    const size_t depth = at->depth > DEPTH_SHOWN ? DEPTH_SHOWN : at->depth;
    if (status == PEAL_OK) tools_print("%*s%s%.*s", (int)(2 * depth), "", at->side, (int)line.size, (char *)line.data);
    peal_buffer_clear(&line);
    return status;
}

/* From the root on, left sides first; at most one side of each node on the way waits. */
static peal_status print_text(const json_t *tree, peal_error *err) {
    const json_t *nodes = json_object_get(tree, "nodes");
    const size_t count = json_array_size(nodes);
    place *waiting;
    size_t left = 1;
    PEAL_TRY(peal_alloc_checked(&waiting, count + 1, sizeof *waiting, "a tree", err));
    waiting[0] = (place){0, 0, ""};
    const char *class = text_of(tree, "class");
    tools_print("tree %lld of %lld%s%s: %zu leaves", (long long)json_integer_value(json_object_get(tree, "tree")),
                (long long)json_integer_value(json_object_get(tree, "trees")), *class ? ", class " : "", class,
                count / 2 + 1);
    peal_status status = PEAL_OK;
    while (left && status == PEAL_OK) {
        const place at = waiting[--left];
        const json_t *node = json_array_get(nodes, at.node);
        status = print_node(node, &at, err);
        if (json_object_get(node, "value")) continue;
        const size_t right_node = (size_t)json_integer_value(json_object_get(node, "right"));
        const size_t left_node = (size_t)json_integer_value(json_object_get(node, "left"));
        waiting[left++] = (place){right_node, at.depth + 1, "no: "};
        waiting[left++] = (place){left_node, at.depth + 1, "yes: "};
    }
    free(waiting);
    return status;
}

/* ---- for Graphviz ---- */

/* The label of a node; "\n" is Graphviz's new line. */
static peal_status put_label(const json_t *node, peal_buffer *out, peal_error *err) {
    peal_buffer plain = {0};
    const json_t *value = json_object_get(node, "value");
    char text[64];
    peal_status status = PEAL_OK;
    if (value) {
        peal_snprintf(text, sizeof text, "%.7g", json_real_value(value));
        status = put(&plain, text, err);
    } else {
        status = put_condition(node, &plain, err);
    }
    for (size_t i = 0; status == PEAL_OK && i < plain.size; i++) {
        if (plain.data[i] == '"' || plain.data[i] == '\\') status = put(out, "\\", err);
        if (status == PEAL_OK) status = peal_buffer_append(out, plain.data + i, 1, err);
    }
    peal_buffer_clear(&plain);
    if (status != PEAL_OK || (!json_object_get(node, "gain") && !json_object_get(node, "rows"))) return status;
    PEAL_TRY(put(out, "\\n", err));
    return put_facts(node, "\\n", out, err);
}

static peal_status print_dot(const json_t *tree, peal_error *err) {
    const json_t *nodes = json_object_get(tree, "nodes");
    tools_print("digraph tree_%lld {", (long long)json_integer_value(json_object_get(tree, "tree")));
    tools_print("  node [shape=box];");
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        peal_buffer label = {0};
        const peal_status status = put_label(node, &label, err);
        if (status == PEAL_OK) {
            tools_print("  %zu [label=\"%.*s\"%s];", i, (int)label.size, (char *)label.data,
                        json_object_get(node, "value") ? ", style=rounded" : "");
        }
        peal_buffer_clear(&label);
        if (status != PEAL_OK) return status;
        if (json_object_get(node, "value")) continue;
        const long long left = json_integer_value(json_object_get(node, "left"));
        const long long right = json_integer_value(json_object_get(node, "right"));
        tools_print("  %zu -> %lld [label=\"yes\"];", i, left);
        tools_print("  %zu -> %lld [label=\"no\"];", i, right);
    }
    tools_print("}");
    return PEAL_OK;
}

static const char *const forms[] = {"text", "dot"};
static peal_status (*const printers[])(const json_t *, peal_error *) = {print_text, print_dot};

peal_status tools_inspect_tree(const tools_options *options, peal_error *err) {
    peal_predictor *predictor;
    json_t *tree = NULL;
    size_t form = 0;
    if (!options->tree) return peal_fail(err, PEAL_E_USAGE, "to is the form of a tree: say which (tree)");
    if (options->to) {
        PEAL_TRY(peal_spec_choose("form", options->to, forms, sizeof forms / sizeof *forms, &form, err));
    }
    if (options->to && options->json) {
        return peal_fail(err, PEAL_E_USAGE, "json and to are both forms of a tree; choose one");
    }
    PEAL_TRY(peal_predictor_open(options->sources[0], &predictor, err));
    peal_status status = peal_predictor_tree(predictor, options->tree, &tree, err);
    peal_predictor_free(predictor);
    if (status == PEAL_OK && options->json) return tools_print_json(tree, err);
    if (status == PEAL_OK) status = printers[form](tree, err);
    json_decref(tree);
    return status;
}
