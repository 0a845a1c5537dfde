#include "tools/yaml.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "core/file.h"

enum { DEPTH_MOST = 32 };

static peal_status bad(const char *path, const yaml_mark_t *mark, const char *what, peal_error *err) {
    return peal_fail(err, PEAL_E_USAGE, "%s: line %zu: %s", path, mark->line + 1, what);
}

static peal_status convert(const char *path, yaml_document_t *document, int index, int depth, json_t **out,
                           peal_error *err);

static peal_status convert_mapping(const char *path, yaml_document_t *document, const yaml_node_t *node, int depth,
                                   json_t *out, peal_error *err) {
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (key->type != YAML_SCALAR_NODE) return bad(path, &key->start_mark, "a key must be a text", err);
        const char *name = (const char *)key->data.scalar.value;
        if (json_object_get(out, name)) return bad(path, &key->start_mark, "a key stands there twice", err);
        json_t *value;
        PEAL_TRY(convert(path, document, pair->value, depth, &value, err));
        if (json_object_set_new(out, name, value) != 0) return bad(path, &key->start_mark, "a key is not UTF-8", err);
    }
    return PEAL_OK;
}

static peal_status convert(const char *path, yaml_document_t *document, int index, int depth, json_t **out,
                           peal_error *err) {
    const yaml_node_t *node = yaml_document_get_node(document, index);
    *out = NULL;
    if (depth > DEPTH_MOST) return bad(path, &node->start_mark, "it is nested too deeply", err);
    if (node->type == YAML_SCALAR_NODE) {
        *out = json_stringn((const char *)node->data.scalar.value, node->data.scalar.length);
        return *out ? PEAL_OK : bad(path, &node->start_mark, "a value is not UTF-8", err);
    }
    peal_status status = PEAL_OK;
    if (node->type == YAML_MAPPING_NODE) {
        *out = json_object();
        status = convert_mapping(path, document, node, depth + 1, *out, err);
    } else {
        *out = json_array();
        yaml_node_item_t *item = node->data.sequence.items.start, *end = node->data.sequence.items.top;
        for (; item < end && status == PEAL_OK; item++) {
            json_t *value;
            status = convert(path, document, *item, depth + 1, &value, err);
            if (status == PEAL_OK) json_array_append_new(*out, value);
        }
    }
    if (status != PEAL_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

peal_status tools_yaml_read(const char *path, json_t **out, peal_error *err) {
    *out = NULL;
    peal_buffer text = {0};
    if (peal_file_read(path, &text, err) != PEAL_OK) {
        peal_error_context(err, "the job file");
        peal_buffer_clear(&text);
        return PEAL_E_USAGE;
    }
    yaml_parser_t parser;
    yaml_document_t document;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, text.data, text.size);
    peal_status status = PEAL_OK;
    if (!yaml_parser_load(&parser, &document)) {
        status = bad(path, &parser.problem_mark, parser.problem ? parser.problem : "it is no YAML", err);
    } else {
        const yaml_node_t *root = yaml_document_get_root_node(&document);
        if (!root || root->type != YAML_MAPPING_NODE) {
            status = peal_fail(err, PEAL_E_USAGE, "%s: a job file holds one mapping of options to values", path);
        } else {
            status = convert(path, &document, 1, 0, out, err);
        }
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    peal_buffer_clear(&text);
    return status;
}
