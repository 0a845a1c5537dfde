#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "etl/arrow/file.h"
#include "models/predictor.h"
#include "models/safetensors.h"
#include "tools/command.h"

/* Each of these makes a JSON description; people get the same facts as indented text. */

static json_t *columns_json(const peal_pipeline *pipeline) {
    static const char *const kinds[] = {"number", "text", "bytes"}, *const roles[] = {"dropped", "feature", "index",
                                                                                      "label"};
    json_t *columns = json_array();
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        char *steps = peal_pipeline_describe(pipeline, i);
        json_array_append_new(columns, json_pack("{s:s, s:s, s:s, s:s}", "name", pipeline->schema.fields[i].name,
                                                 "kind", kinds[pipeline->schema.fields[i].kind], "role",
                                                 roles[pipeline->columns[i].role], "steps", steps ? steps : ""));
        free(steps);
    }
    return columns;
}

static peal_status inspect_dataset(const char *path, json_t **out, peal_error *err) {
    peal_dataset *dataset;
    PEAL_TRY(peal_dataset_open(path, &dataset, err));
    peal_pipeline *pipeline = NULL;
    peal_status status = peal_pipeline_load(peal_dataset_pipeline(dataset), &pipeline, err);
    if (status == PEAL_OK) status = peal_dataset_read(dataset, ~0u, NULL, NULL, err); /* verifies every shard */
    if (status == PEAL_OK) {
        const json_t *manifest = peal_dataset_manifest(dataset);
        *out = json_pack("{s:s, s:O, s:O, s:I, s:o, s:O}", "kind", "dataset", "rows", json_object_get(manifest, "rows"),
                         "splits", json_object_get(manifest, "splits"), "features", (json_int_t)pipeline->feature_width,
                         "columns", columns_json(pipeline), "inputs", json_object_get(manifest, "inputs"));
    }
    peal_pipeline_free(pipeline);
    peal_dataset_close(dataset);
    return status;
}

static peal_status inspect_shard(const char *path, json_t **out, peal_error *err) {
    peal_arrow_file *file;
    PEAL_TRY(peal_arrow_file_open(path, &file, err));
    peal_status status = peal_arrow_file_verify(file, err);
    if (status == PEAL_OK) {
        json_t *columns = json_array();
        const peal_table *schema = peal_arrow_file_schema(file);
        for (size_t i = 0; i < schema->column_count; i++) {
            const peal_column *column = &schema->columns[i];
            json_t *one = json_pack("{s:s, s:s}", "name", column->name, "type", peal_type_name(column->type));
            if (column->width) json_object_set_new(one, "width", json_integer(column->width));
            if (column->dictionary) json_object_set_new(one, "distinct", json_integer(column->dictionary->size));
            json_array_append_new(columns, one);
        }
        uint64_t rows = 0;
        for (size_t i = 0; i < peal_arrow_file_batches(file); i++) rows += peal_arrow_file_batch(file, i)->rows;
        *out = json_pack("{s:s, s:I, s:I, s:o}", "kind", "shard", "rows", (json_int_t)rows, "batches",
                         (json_int_t)peal_arrow_file_batches(file), "columns", columns);
    }
    peal_arrow_file_close(file);
    return status;
}

static json_t *tensors_json(const peal_safetensors *file) {
    json_t *tensors = json_array();
    for (size_t i = 0; i < peal_safetensors_count(file); i++) {
        const peal_tensor *tensor = peal_safetensors_at(file, i);
        json_t *shape = tensor->rows ? json_pack("[I, I]", (json_int_t)tensor->rows, (json_int_t)tensor->width)
                                     : json_pack("[I]", (json_int_t)tensor->width);
        json_array_append_new(tensors, json_pack("{s:s, s:o}", "name", tensor->name, "shape", shape));
    }
    return tensors;
}

static json_t *parsed(const char *text) {
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return value ? value : json_null();
}

static peal_status inspect_safetensors(const char *path, json_t **out, peal_error *err) {
    peal_safetensors *file;
    PEAL_TRY(peal_safetensors_open(path, &file, err));
    const char *kind = peal_safetensors_metadata(file, "kind");
    peal_status status = PEAL_OK;
    if (kind && strcmp(kind, "peal model") == 0) {
        peal_predictor *predictor = NULL;
        status = peal_predictor_open(path, &predictor, err);
        if (status == PEAL_OK) {
            char sha256[65];
            status = peal_sha256_file(path, sha256, err);
            *out = json_pack("{s:s, s:s, s:s, s:O, s:o, s:o}", "kind", "model", "model", peal_predictor_spec(predictor),
                             "sha256", sha256, "job", peal_predictor_job(predictor), "columns",
                             columns_json(peal_predictor_pipeline(predictor)), "tensors", tensors_json(file));
        }
        peal_predictor_free(predictor);
    } else {
        *out = json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind",
                         kind && strcmp(kind, "peal checkpoint") == 0 ? "checkpoint" : "tensors", "epoch",
                         parsed(peal_safetensors_metadata(file, "epoch")), "step",
                         parsed(peal_safetensors_metadata(file, "step")), "job",
                         parsed(peal_safetensors_metadata(file, "job")), "tensors", tensors_json(file));
    }
    peal_safetensors_close(file);
    return status;
}

static peal_status inspect_run(const char *path, json_t **out, peal_error *err) {
    char *manifest_path = peal_path_join(path, "run.json"), *metrics_path = peal_path_join(path, "metrics.jsonl");
    json_t *manifest = NULL, *epochs = json_array();
    peal_buffer text = {0};
    peal_status status = manifest_path ? peal_file_read(manifest_path, &text, err)
                                       : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) {
        manifest = json_loadb((const char *)text.data, text.size, 0, NULL);
        if (!manifest) status = peal_fail(err, PEAL_E_DATA, "%s/run.json is no run's manifest", path);
        text.size = 0;
    }
    if (status == PEAL_OK && metrics_path && peal_path_exists(metrics_path))
        status = peal_file_read(metrics_path, &text, err);
    for (size_t at = 0; status == PEAL_OK && at < text.size;) {
        const uint8_t *newline = memchr(text.data + at, '\n', text.size - at);
        if (!newline) break;
        json_t *line = json_loadb((const char *)text.data + at, (size_t)(newline - text.data) - at, 0, NULL);
        if (line) json_array_append_new(epochs, line);
        at = (size_t)(newline - text.data) + 1;
    }
    if (status == PEAL_OK) {
        *out = json_pack("{s:s, s:O, s:O}", "kind", "run", "run", manifest, "epochs", epochs);
    }
    json_decref(manifest);
    json_decref(epochs);
    peal_buffer_clear(&text);
    free(manifest_path);
    free(metrics_path);
    return status;
}

static bool begins_with(const char *path, const char *bytes, size_t size) {
    char head[8] = {0};
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO is not waited for */
    bool same = fd >= 0 && read(fd, head, size) == (ssize_t)size && memcmp(head, bytes, size) == 0;
    if (fd >= 0) close(fd);
    return same;
}

static peal_status inspect(const char *path, json_t **out, peal_error *err) {
    if (!peal_path_exists(path)) return peal_fail(err, PEAL_E_DATA, "no such file or folder: %s", path);
    if (peal_dataset_is(path)) return inspect_dataset(path, out, err);
    if (peal_path_is_folder(path)) {
        char *run = peal_path_join(path, "run.json");
        bool is_run = run && peal_path_exists(run);
        free(run);
        if (is_run) return inspect_run(path, out, err);
        return peal_fail(err, PEAL_E_DATA, "the folder %s is no dataset (no manifest.json) and no run (no run.json)",
                         path);
    }
    if (begins_with(path, "ARROW1", 6)) return inspect_shard(path, out, err);
    return inspect_safetensors(path, out, err);
}

static void print_value(const char *name, const json_t *value, int depth) {
    const char *key;
    json_t *item;
    char *text = NULL;
    printf("%*s%s:", 2 * depth, "", name);
    if (json_is_object(value)) {
        putchar('\n');
        json_object_foreach((json_t *)value, key, item) print_value(key, item, depth + 1);
    } else if (json_is_array(value) && json_array_size(value) && json_is_object(json_array_get(value, 0))) {
        putchar('\n');
        for (size_t i = 0; i < json_array_size(value); i++) {
            printf("%*s-", 2 * depth + 2, "");
            json_object_foreach(json_array_get(value, i), key, item) {
                text = json_dumps(item, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
                printf(" %s=%s", key, text ? text : "?");
                free(text);
            }
            putchar('\n');
        }
    } else {
        text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        printf(" %s\n", json_is_string(value) ? json_string_value(value) : text ? text : "?");
        free(text);
    }
}

static peal_status run(const tools_options *options, peal_error *err) {
    if (json_array_size(options->sources) != 1) return peal_fail(err, PEAL_E_USAGE, "inspect wants one path");
    json_t *value = NULL;
    PEAL_TRY(inspect(json_string_value(json_array_get(options->sources, 0)), &value, err));
    if (options->json) return tools_print_json(value, err);
    const char *key;
    json_t *item;
    json_object_foreach(value, key, item) print_value(key, item, 0);
    json_decref(value);
    return PEAL_OK;
}

const tools_command tools_command_inspect = {
    .name = "inspect",
    .usage = "PATH",
    .documentation = "Shows what a dataset, shard, model, checkpoint or run holds, and verifies its checksums.",
    .bit = FOR_INSPECT,
    .run = run,
};
