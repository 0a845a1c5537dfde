/* Turns libyaml's document into JSON, within bounds; see yaml.h. */
#include "tools/yaml.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "core/base/file.h"

enum { DEPTH_MOST = 32, NODES_MOST = 1 << 20 };

/* A file on its way into JSON. */
typedef struct reader {
    const char *path;
    yaml_document_t document;
    size_t nodes; /* made so far; an alias repeats what it names, so they can be far more than the file has */
    peal_error *err;
} reader;

static peal_status bad(const reader *self, const yaml_mark_t *mark, const char *what) {
    return peal_fail(self->err, PEAL_E_USAGE, "%s: line %zu: %s", self->path, mark->line + 1, what);
}

static peal_status convert(reader *self, int index, int depth, json_t **out);

static peal_status convert_mapping(reader *self, const yaml_node_t *node, int depth, json_t *out) {
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&self->document, pair->key);
        if (key->type != YAML_SCALAR_NODE) return bad(self, &key->start_mark, "a key must be a text");
        const char *name = (const char *)key->data.scalar.value;
        if (strlen(name) != key->data.scalar.length) return bad(self, &key->start_mark, "a key has a NUL in it");
        if (json_object_get(out, name)) return bad(self, &key->start_mark, "a key stands there twice");
        json_t *value;
        PEAL_TRY(convert(self, pair->value, depth, &value));
        if (json_object_set_new(out, name, value) != 0) return bad(self, &key->start_mark, "no memory for a key");
    }
    return PEAL_OK;
}

static peal_status convert_sequence(reader *self, const yaml_node_t *node, int depth, json_t *out) {
    const yaml_node_item_t *item = node->data.sequence.items.start, *end = node->data.sequence.items.top;
    for (; item < end; item++) {
        json_t *value;
        PEAL_TRY(convert(self, *item, depth, &value));
        if (json_array_append_new(out, value) != 0) return bad(self, &node->start_mark, "no memory for a list");
    }
    return PEAL_OK;
}

static peal_status convert_scalar(const reader *self, const yaml_node_t *node, json_t **out) {
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) return bad(self, &node->start_mark, "a value has a NUL in it");
    *out = json_string(text);
    return *out ? PEAL_OK : bad(self, &node->start_mark, "a value is not UTF-8, or there is no memory for it");
}

static peal_status convert(reader *self, int index, int depth, json_t **out) {
    const yaml_node_t *node = yaml_document_get_node(&self->document, index);
    *out = NULL;
    if (depth > DEPTH_MOST) return bad(self, &node->start_mark, "it is nested too deeply");
    if (++self->nodes > NODES_MOST) return bad(self, &node->start_mark, "its aliases unfold to more than a job can be");
    if (node->type == YAML_SCALAR_NODE) return convert_scalar(self, node, out);
    const bool mapping = node->type == YAML_MAPPING_NODE;
    json_t *made = mapping ? json_object() : json_array();
    peal_status status =
        mapping ? convert_mapping(self, node, depth + 1, made) : convert_sequence(self, node, depth + 1, made);
    if (status == PEAL_OK) {
        *out = made;
    } else {
        json_decref(made);
    }
    return status;
}

static peal_status broken(const reader *self, const yaml_parser_t *parser) {
    return bad(self, &parser->problem_mark, parser->problem ? parser->problem : "it is no YAML");
}

/* PEAL_E_USAGE if anything but comments stands behind the document that was read. */
static peal_status check_end(reader *self, yaml_parser_t *parser) {
    yaml_document_t more;
    if (!yaml_parser_load(parser, &more)) return broken(self, parser);
    const yaml_node_t *root = yaml_document_get_root_node(&more);
    peal_status status = PEAL_OK;
    if (root) status = bad(self, &more.start_mark, "a second document begins; a job file holds one");
    yaml_document_delete(&more);
    return status;
}

static peal_status read_document(reader *self, yaml_parser_t *parser, json_t **out) {
    if (!yaml_parser_load(parser, &self->document)) return broken(self, parser);
    const yaml_node_t *root = yaml_document_get_root_node(&self->document);
    peal_status status = PEAL_OK;
    if (!root || root->type != YAML_MAPPING_NODE) {
        status =
            peal_fail(self->err, PEAL_E_USAGE, "%s: a job file holds one mapping of options to values", self->path);
    }
    if (status == PEAL_OK) status = check_end(self, parser);
    if (status == PEAL_OK) status = convert(self, 1, 0, out);
    yaml_document_delete(&self->document);
    return status;
}

peal_status tools_yaml_read(const char *path, json_t **out, peal_error *err) {
    *out = NULL;
    peal_buffer text = {0};
    yaml_parser_t parser;
    peal_status status = peal_file_read(path, &text, err);
    if (status != PEAL_OK) {
        peal_error_context(err, "cannot open the job file");
        if (err) err->status = PEAL_E_USAGE;
        status = PEAL_E_USAGE;
    } else if (!yaml_parser_initialize(&parser)) {
        status = peal_fail(err, PEAL_E_MEMORY, "no memory for a job file");
    } else {
        reader self = {.path = path, .err = err};
        yaml_parser_set_input_string(&parser, text.data, text.size);
        status = read_document(&self, &parser, out);
        yaml_parser_delete(&parser);
    }
    peal_buffer_clear(&text);
    return status;
}
