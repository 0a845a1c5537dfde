/* `peal inspect`: what a dataset, shard, model, checkpoint or run holds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/seal.h"
#include "etl/table/arrow/file.h"
#include "models/predict/model_file.h"
#include "models/predict/predictor.h"
#include "models/predict/safetensors.h"
#include "models/train/train.h"
#include "tools/command.h"
#include "tools/display.h"
#include "tools/tree.h"

/* Each of these makes a JSON description; people get the same facts as indented text. What there was no memory for is
 * NULL, and so is then the whole. */

/* A name from a file, which need not be UTF-8. */
static json_t *name_json(const char *name) {
    return peal_json_bytes(name, strlen(name));
}

static json_t *columns_json(const peal_pipeline *pipeline) {
    json_t *columns = json_array();
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        char *steps = peal_pipeline_describe(pipeline, i);
        json_t *one = steps ? json_pack("{s:o, s:s, s:s, s:s}", "name", name_json(pipeline->schema.fields[i].name),
                                        "kind", peal_types[pipeline->schema.fields[i].type].kind, "role",
                                        peal_column_role_name(pipeline->columns[i].role), "steps", steps)
                            : NULL;
        free(steps);
        columns = peal_json_append(columns, one);
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

/* Of lists the items' type, of categories the codes'. */
static const char *arrow_type_name(const peal_column *column) {
    if (column->child) return peal_types[column->child->type].name;
    return peal_types[column->type == PEAL_TYPE_DICTIONARY ? column->codes : column->type].name;
}

static json_t *arrow_column_json(const peal_column *column) {
    json_t *one = json_pack("{s:o, s:s}", "name", name_json(column->name), "type", arrow_type_name(column));
    if (column->width) one = peal_json_set(one, "width", json_integer(column->width));
    if (column->dictionary) one = peal_json_set(one, "distinct", json_integer(column->dictionary->size));
    return one;
}

static peal_status inspect_shard(const char *path, json_t **out, peal_error *err) {
    peal_arrow_file *file;
    PEAL_TRY(peal_arrow_file_open(path, &file, err));
    peal_status status = peal_arrow_file_verify(file, err);
    if (status == PEAL_OK) {
        json_t *columns = json_array();
        const peal_table *schema = peal_arrow_file_schema(file);
        for (size_t i = 0; i < schema->column_count; i++) {
            columns = peal_json_append(columns, arrow_column_json(&schema->columns[i]));
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
        tensors = peal_json_append(tensors, json_pack("{s:s, s:o}", "name", tensor->name, "shape", shape));
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
    if (kind && strcmp(kind, PEAL_MODEL_KIND) == 0) {
        peal_predictor *predictor = NULL;
        status = peal_predictor_open(path, &predictor, err);
        if (status == PEAL_OK) {
            char sha256[65];
            status = peal_sha256_file(path, sha256, err);
            *out = json_pack("{s:s, s:s, s:s, s:O, s:o, s:o}", "kind", "model", "model", peal_predictor_spec(predictor),
                             "sha256", sha256, "job", peal_predictor_job(predictor), "columns",
                             columns_json(peal_predictor_pipeline(predictor)), "tensors", tensors_json(file));
            json_t *importance = NULL;
            if (status == PEAL_OK) status = peal_predictor_importance(predictor, &importance, err);
            if (importance) *out = peal_json_set(*out, "importance", importance);
        }
        peal_predictor_free(predictor);
    } else {
        *out = json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind",
                         kind && strcmp(kind, PEAL_CHECKPOINT_KIND) == 0 ? "checkpoint" : "tensors", "epoch",
                         parsed(peal_safetensors_metadata(file, "epoch")), "step",
                         parsed(peal_safetensors_metadata(file, "step")), "job",
                         parsed(peal_safetensors_metadata(file, "job")), "tensors", tensors_json(file));
    }
    peal_safetensors_close(file);
    return status;
}

/* The lines of metrics.jsonl as an array; one that was cut short by a death is left out. */
static peal_status read_epochs(const char *folder, json_t **out, peal_error *err) {
    char *path = peal_path_join(folder, "metrics.jsonl");
    peal_buffer text = {0};
    *out = json_array();
    peal_status status = path && *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a run");
    if (status == PEAL_OK && peal_path_exists(path)) status = peal_file_read(path, &text, err);
    for (size_t at = 0; status == PEAL_OK && at < text.size;) {
        const uint8_t *newline = memchr(text.data + at, '\n', text.size - at);
        if (!newline) break;
        json_t *line = json_loadb((const char *)text.data + at, (size_t)(newline - text.data) - at, 0, NULL);
        if (line) *out = peal_json_append(*out, line);
        at = (size_t)(newline - text.data) + 1;
    }
    peal_buffer_clear(&text);
    free(path);
    return status;
}

/* One training: its manifest and its epochs. */
static peal_status describe_run(const char *folder, json_t **out, peal_error *err) {
    char *path = peal_path_join(folder, "run.json");
    json_t *manifest = NULL, *epochs = NULL;
    peal_status status = path
                             ? peal_seal_read(path, "a run's manifest", PEAL_RUN_KIND, PEAL_RUN_VERSION, &manifest, err)
                             : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) status = read_epochs(folder, &epochs, err);
    if (status == PEAL_OK) *out = json_pack("{s:s, s:O, s:O}", "kind", "run", "run", manifest, "epochs", epochs);
    json_decref(manifest);
    json_decref(epochs);
    free(path);
    return status;
}

static const char *const trial_names[] = {"trial-1", "trial-2", "trial-3"};

static bool holds_run(const char *folder, const char *name) {
    char *within = name ? peal_path_join(folder, name) : peal_strdup(folder);
    char *manifest = within ? peal_path_join(within, "run.json") : NULL;
    const bool holds = manifest && peal_path_exists(manifest);
    free(within);
    free(manifest);
    return holds;
}

/* A trial in a line; `peal inspect` of its folder tells all. */
static peal_status describe_trial(const char *path, const char *name, json_t **out, peal_error *err) {
    char *folder = peal_path_join(path, name);
    json_t *run = NULL;
    peal_status status =
        folder ? describe_run(folder, &run, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) {
        const json_t *job = json_object_get(json_object_get(run, "run"), "job");
        *out = json_pack("{s:s, s:O?, s:I}", "folder", name, "model", json_object_get(job, "model"), "epochs",
                         (json_int_t)json_array_size(json_object_get(run, "epochs")));
    }
    json_decref(run);
    free(folder);
    return status;
}

/* A run folder holds a run, the trials that came before it, or both: of a large table the better trial is the model. */
static peal_status inspect_run(const char *path, json_t **out, peal_error *err) {
    peal_status status = PEAL_OK;
    json_t *trials = json_array();
    if (holds_run(path, NULL)) {
        status = describe_run(path, out, err);
    } else {
        *out = json_pack("{s:s}", "kind", "run");
    }
    for (size_t i = 0; status == PEAL_OK && i < sizeof trial_names / sizeof *trial_names; i++) {
        if (!holds_run(path, trial_names[i])) continue;
        json_t *trial = NULL;
        status = describe_trial(path, trial_names[i], &trial, err);
        if (status == PEAL_OK) trials = peal_json_append(trials, trial);
    }
    if (status == PEAL_OK) {
        *out = peal_json_set(*out, "trials", trials);
    } else {
        json_decref(trials);
    }
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
        if (holds_run(path, NULL) || holds_run(path, trial_names[0])) return inspect_run(path, out, err);
        return peal_fail(err, PEAL_E_DATA, "the folder %s is no dataset (no manifest.json) and no run (no run.json)",
                         path);
    }
    if (!peal_path_is_regular(path)) {
        return peal_fail(err, PEAL_E_DATA, "%s is neither a regular file nor a folder", path);
    }
    if (begins_with(path, "ARROW1", 6)) return inspect_shard(path, out, err);
    return inspect_safetensors(path, out, err);
}

/* ---- for people ---- */

/* A value in one line: texts as they are, all else as JSON. Freed by the caller. */
static char *line_of(const json_t *value) {
    if (json_is_string(value)) return peal_strdup(json_string_value(value));
    return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
}

/* "kind=number role=feature", without the name (or path) by which the objects of a list differ. */
static char *facts_of(const json_t *object) {
    char *facts = peal_strdup("");
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)object, key, item) {
        if (strcmp(key, "name") == 0 || strcmp(key, "path") == 0) continue;
        char *value = line_of(item), *longer = peal_sprintf("%s %s=%s", facts ? facts : "", key, value ? value : "?");
        free(value);
        free(facts);
        facts = longer;
    }
    return facts;
}

static const char *name_of(const json_t *object) {
    const char *name = json_string_value(json_object_get(object, "name"));
    return name ? name : json_string_value(json_object_get(object, "path"));
}

enum { LISTED = 20 };

/* Objects that differ in their names only, of a list that is too long to show each. */
typedef struct group {
    char *facts;
    const char *first, *last;
    size_t count;
} group;

/* The group of these facts, which are taken over; a new one if there is none; NULL if there is no room for one more. */
static group *group_of(group groups[LISTED], size_t *count, char *facts) {
    for (size_t i = 0; facts && i < *count; i++) {
        if (strcmp(groups[i].facts, facts) != 0) continue;
        free(facts);
        return &groups[i];
    }
    if (facts && *count < LISTED) {
        groups[*count].facts = facts;
        return &groups[(*count)++];
    }
    free(facts);
    return NULL;
}

static void print_folded(const json_t *list, int depth) {
    group groups[LISTED] = {0};
    size_t count = 0, left = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *name = name_of(item) ? name_of(item) : "?";
        group *at = group_of(groups, &count, facts_of(item));
        left += !at;
        if (!at) continue;
        if (at->count++ == 0) at->first = name;
        at->last = name;
    }
    for (size_t i = 0; i < count; i++) {
        const group *at = &groups[i];
        if (at->count == 1) {
            tools_print("%*s- %s%s", 2 * depth, "", at->first, at->facts);
        } else {
            tools_print("%*s- %zu (%s ... %s)%s", 2 * depth, "", at->count, at->first, at->last, at->facts);
        }
        free(at->facts);
    }
    if (left) tools_print("%*s- and %zu more (--json lists them)", 2 * depth, "", left);
}

static void print_list(const json_t *list, int depth) {
    if (json_array_size(list) > LISTED) {
        print_folded(list, depth);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        char *facts = facts_of(item);
        tools_print("%*s-%s%s%s", 2 * depth, "", name_of(item) ? " " : "", name_of(item) ? name_of(item) : "",
                    facts ? facts : "");
        free(facts);
    }
}

static void print_value(const char *name, const json_t *value, int depth) {
    const char *key;
    json_t *item;
    if (json_is_object(value)) {
        tools_print("%*s%s:", 2 * depth, "", name);
        json_object_foreach((json_t *)value, key, item) print_value(key, item, depth + 1);
    } else if (json_is_object(json_array_get(value, 0))) {
        tools_print("%*s%s:", 2 * depth, "", name);
        print_list(value, depth + 1);
    } else {
        char *text = line_of(value);
        tools_print("%*s%s: %s", 2 * depth, "", name, text ? text : "?");
        free(text);
    }
}

static peal_status run(const tools_options *options, peal_error *err) {
    if (options->source_count != 1) return peal_fail(err, PEAL_E_USAGE, "inspect wants one path");
    if (options->tree || options->to) return tools_inspect_tree(options, err);
    json_t *value = NULL;
    PEAL_TRY(inspect(options->sources[0], &value, err));
    if (options->json || !value) return tools_print_json(value, err);
    const char *key;
    json_t *item;
    json_object_foreach(value, key, item) print_value(key, item, 0);
    json_decref(value);
    return PEAL_OK;
}

const tools_command tools_command_inspect = {
    .name = "inspect",
    .usage = "PATH [--tree N]",
    .documentation = "Shows what a dataset, shard, model, checkpoint or run holds, and verifies its checksums. Of a "
                     "model of trees, how much the columns serve it, and its trees in the units of the input.",
    .bit = FOR_INSPECT,
    .run = run,
};
