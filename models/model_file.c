/* Writing of models, and what must be known of their files before they are written. */
#include "models/model_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/memory.h"

/* What goes into the file. */
typedef struct model_parts {
    json_t *metadata;
    peal_tensor *tensors; /* [count] the pipeline's numbers, `lists` of them, and behind them the parameters */
    size_t count, lists;
    char (*names)[32]; /* [lists] */
    double *numbers;
    size_t number_count;
} model_parts;

static void parts_clear(model_parts *parts) {
    json_decref(parts->metadata);
    free(parts->tensors);
    free(parts->names);
    free(parts->numbers);
}

/* ---- the pipeline's numbers ---- */

/* Calls `visit` with each list of numbers in the steps of entries of several columns: with the step that holds it. */
typedef peal_status (*list_visit)(void *user, json_t *step, const char *key, size_t columns, peal_error *err);

static peal_status visit_step(json_t *step, size_t columns, list_visit visit, void *user, peal_error *err) {
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(step, next, key, value) {
        if (json_is_array(value)) PEAL_TRY(visit(user, step, key, columns, err));
    }
    return PEAL_OK;
}

static peal_status visit_lists(const json_t *pipeline, list_visit visit, void *user, peal_error *err) {
    const json_t *columns = json_object_get(pipeline, "columns");
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const json_t *entry = json_array_get(columns, i), *steps = json_object_get(entry, "steps");
        const size_t count = json_array_size(json_object_get(entry, "names"));
        for (size_t s = 0; count && s < json_array_size(steps); s++) {
            PEAL_TRY(visit_step(json_array_get(steps, s), count, visit, user, err));
        }
    }
    return PEAL_OK;
}

static peal_status count_list(void *user, json_t *step, const char *key, size_t columns, peal_error *err) {
    (void)step, (void)key, (void)err;
    model_parts *parts = user;
    parts->lists++;
    parts->number_count += columns;
    return PEAL_OK;
}

/* The numbers of a list become a tensor, and the list its name. The step belongs to a copy of the document. */
static peal_status detach_list(void *user, json_t *step, const char *key, size_t columns, peal_error *err) {
    model_parts *parts = user;
    const json_t *list = json_object_get(step, key);
    const size_t at = parts->lists++;
    double *numbers = parts->numbers + parts->number_count;
    for (size_t i = 0; i < columns; i++) numbers[i] = json_real_value(json_array_get(list, i));
    snprintf(parts->names[at], sizeof parts->names[at], "pipeline.%zu", at);
    parts->tensors[at] =
        (peal_tensor){.name = parts->names[at], .type = PEAL_TENSOR_FLOAT64, .data = numbers, .width = columns};
    parts->number_count += columns;
    json_t *name = json_pack("{s:s}", "tensor", parts->names[at]);
    return json_object_set_new(step, key, name) == 0 ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a model");
}

typedef struct kept_lists {
    const peal_safetensors *file;
    size_t count; /* found so far: they come in the order of their numbers */
} kept_lists;

static peal_status find_kept(void *user, const json_t *list, size_t count, const void **out, peal_error *err) {
    kept_lists *self = user;
    char wanted[32];
    snprintf(wanted, sizeof wanted, "pipeline.%zu", self->count++);
    const char *name = json_string_value(json_object_get(list, "tensor"));
    const peal_tensor *tensor = name && strcmp(name, wanted) == 0 ? peal_safetensors_find(self->file, name) : NULL;
    if (!tensor || tensor->type != PEAL_TENSOR_FLOAT64 || tensor->rows || tensor->width != count ||
        json_object_size(list) != 1 || !peal_tensor_is_finite(tensor)) {
        return peal_fail(err, PEAL_E_DATA, "the numbers '%s' of its pipeline are missing or are not %zu", wanted,
                         count);
    }
    *out = tensor->data;
    return PEAL_OK;
}

peal_status peal_model_file_pipeline(const json_t *document, const peal_safetensors *file, peal_pipeline **out,
                                     size_t *count, peal_error *err) {
    kept_lists kept = {.file = file};
    const peal_number_lists lists = {.find = find_kept, .user = &kept};
    const peal_status status = peal_pipeline_load_with(document, &lists, out, err);
    *count = kept.count;
    return status;
}

/* ---- writing ---- */

/* The graph's parameters, without data if `parameters` is NULL, behind room for `lists` other tensors. */
static peal_status list_parameters(const peal_net *net, const float *parameters, model_parts *parts, size_t lists,
                                   peal_error *err) {
    parts->count = lists + peal_graph_parameters(net->graph);
    PEAL_TRY(peal_alloc_checked(&parts->tensors, parts->count, sizeof *parts->tensors, "tensors", err));
    for (size_t i = lists; i < parts->count; i++) {
        const peal_node *node = peal_graph_parameter_at(net->graph, i - lists);
        parts->tensors[i] = (peal_tensor){.name = node->name,
                                          .data = parameters ? parameters + node->offset : NULL,
                                          .rows = node->rows,
                                          .width = node->width};
    }
    return PEAL_OK;
}

/* `pipeline` stays as it is. Cleared by the caller, also after a failure. */
static peal_status parts_make(const peal_net *net, const float *parameters, const char *spec, const json_t *pipeline,
                              const json_t *job, model_parts *parts, peal_error *err) {
    *parts = (model_parts){0};
    model_parts sizes = {0};
    PEAL_TRY(visit_lists(pipeline, count_list, &sizes, err));
    PEAL_TRY(list_parameters(net, parameters, parts, sizes.lists, err));
    PEAL_TRY(peal_alloc_checked(&parts->names, sizes.lists, sizeof *parts->names, "tensors", err));
    PEAL_TRY(peal_alloc_checked(&parts->numbers, sizes.number_count, sizeof *parts->numbers, "tensors", err));
    json_t *own = sizes.lists ? json_deep_copy(pipeline) : json_incref((json_t *)pipeline);
    peal_status status =
        own ? visit_lists(own, detach_list, parts, err) : PEAL_OK; /* NULL is told when it is written */
    parts->metadata = json_pack("{s:s, s:s, s:o, s:o}", "kind", PEAL_MODEL_KIND, "model", spec, "pipeline",
                                own ? peal_json_quote(own) : NULL, "job", peal_json_quote(job));
    json_decref(own);
    return status;
}

/* Names the column with the largest vocabulary. Freed by the caller; NULL if there is no memory. */
static char *largest_vocabulary(const peal_pipeline *pipeline) {
    size_t largest = 0, most = 0;
    uint32_t values = 0;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *column = &pipeline->columns[i];
        for (size_t s = 0; s < column->step_count; s++) {
            const peal_transform *transform = column->steps[s].transform;
            if (!transform->width || !transform->code_name) continue;
            const uint32_t width = transform->width(column->steps[s].state);
            size_t bytes = 0;
            for (uint32_t code = 0; code < width; code++) {
                bytes += transform->code_name(column->steps[s].state, code).length;
            }
            if (bytes <= most) continue;
            most = bytes;
            largest = i;
            values = width;
        }
    }
    return peal_sprintf("it holds the vocabularies of the pipeline, of which that of column '%s' has %u values of "
                        "%zu MB; make fewer of them with max_values= or min_count= of the transform 'index', or drop "
                        "the column",
                        pipeline->schema.fields[largest].name, values, most / 1000000);
}

peal_status peal_model_file_check(const peal_net *net, const char *spec, const peal_pipeline *fitted,
                                  const json_t *pipeline, const json_t *job, peal_error *err) {
    model_parts parts;
    char *advice = largest_vocabulary(fitted);
    peal_status status = parts_make(net, NULL, spec, pipeline, job, &parts, err);
    if (status == PEAL_OK && !advice) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a message");
    if (status == PEAL_OK) {
        status = peal_safetensors_check_header(parts.metadata, parts.tensors, parts.count, advice, err);
    }
    free(advice);
    parts_clear(&parts);
    return status;
}

peal_status peal_model_file_put(peal_atomic_file *file, const peal_net *net, const float *parameters, const char *spec,
                                const json_t *pipeline, const json_t *job, peal_error *err) {
    model_parts parts;
    peal_status status = parts_make(net, parameters, spec, pipeline, job, &parts, err);
    if (status == PEAL_OK) status = peal_safetensors_put(file, parts.metadata, parts.tensors, parts.count, err);
    parts_clear(&parts);
    return status;
}
