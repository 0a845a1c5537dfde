/* Writing of models, and what must be known of their files before they are written. */
#include "models/predict/model_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/memory.h"
#include "core/base/utf8.h"

/* What goes into the file. */
typedef struct model_parts {
    json_t *metadata;
    peal_tensor *tensors;            /* [count] the pipeline's numbers, the parameters, the pipeline's names */
    size_t count, behind;            /* the first one behind the parameters */
    size_t number_lists, name_lists; /* of the pipeline */
    char (*names)[32];               /* [number_lists + name_lists] of their tensors */
    double *numbers;                 /* [number_count] of all lists */
    char *texts;                     /* [text_size] of all lists, each text with a NUL behind it */
    size_t number_count, text_size;
} model_parts;

static void parts_clear(model_parts *parts) {
    json_decref(parts->metadata);
    free(parts->tensors);
    free(parts->names);
    free(parts->numbers);
    free(parts->texts);
}

/* ---- the pipeline's lists ---- */

/* Calls `visit` with each list of entries of several columns, with the object that holds it: names in the entry,
 * numbers in its steps. */
typedef peal_status (*list_visit)(void *user, json_t *holder, const char *key, size_t columns, peal_error *err);

static const char names_key[] = "names";

static bool are_names(const char *key) {
    return strcmp(key, names_key) == 0;
}

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
        json_t *entry = json_array_get(columns, i);
        const json_t *steps = json_object_get(entry, "steps");
        const size_t count = json_array_size(json_object_get(entry, names_key));
        if (count) PEAL_TRY(visit(user, entry, names_key, count, err));
        for (size_t s = 0; count && s < json_array_size(steps); s++) {
            PEAL_TRY(visit_step(json_array_get(steps, s), count, visit, user, err));
        }
    }
    return PEAL_OK;
}

static peal_status count_list(void *user, json_t *holder, const char *key, size_t columns, peal_error *err) {
    (void)err;
    model_parts *parts = user;
    const json_t *list = json_object_get(holder, key);
    if (are_names(key)) {
        parts->name_lists++;
        for (size_t i = 0; i < columns; i++) parts->text_size += json_string_length(json_array_get(list, i)) + 1;
    } else {
        parts->number_lists++;
        parts->number_count += columns;
    }
    return PEAL_OK;
}

/* Copies the list to the end of all texts, or of all numbers; what is copied stays where it is. */
static peal_tensor copy_names(model_parts *parts, const json_t *list, size_t columns) {
    char *begin = parts->texts + parts->text_size, *at = begin;
    for (size_t i = 0; i < columns; i++) {
        const json_t *name = json_array_get(list, i);
        memcpy(at, json_string_value(name), json_string_length(name) + 1);
        at += json_string_length(name) + 1;
    }
    parts->text_size += (size_t)(at - begin);
    return (peal_tensor){.type = PEAL_TENSOR_UINT8, .data = begin, .width = (size_t)(at - begin)};
}

static peal_tensor copy_numbers(model_parts *parts, const json_t *list, size_t columns) {
    double *numbers = parts->numbers + parts->number_count;
    for (size_t i = 0; i < columns; i++) numbers[i] = json_real_value(json_array_get(list, i));
    parts->number_count += columns;
    return (peal_tensor){.type = PEAL_TENSOR_FLOAT64, .data = numbers, .width = columns};
}

/* Writes the name of a list's tensor. */
static void name_list(bool names, size_t index, char out[32]) {
    snprintf(out, 32, names ? "names.%zu" : "pipeline.%zu", index);
}

/* The list becomes a tensor, and what holds it has the tensor's name in its place. It belongs to a copy of the
 * document. */
static peal_status detach_list(void *user, json_t *holder, const char *key, size_t columns, peal_error *err) {
    model_parts *parts = user;
    const json_t *list = json_object_get(holder, key);
    const bool names = are_names(key);
    const size_t index = names ? parts->name_lists++ : parts->number_lists++;
    char *name = parts->names[parts->name_lists + parts->number_lists - 1];
    peal_tensor *tensor = &parts->tensors[names ? parts->behind + index : index];
    *tensor = names ? copy_names(parts, list, columns) : copy_numbers(parts, list, columns);
    name_list(names, index, name);
    tensor->name = name;
    json_t *reference = json_pack("{s:s}", "tensor", name);
    return json_object_set_new(holder, key, reference) == 0 ? PEAL_OK
                                                            : peal_fail(err, PEAL_E_MEMORY, "no memory for a model");
}

/* The tensors of the pipeline's lists, which come in the order of their numbers. */
typedef struct kept_lists {
    const peal_safetensors *file;
    size_t number_lists, name_lists; /* found so far */
} kept_lists;

/* The vector of this name and type, if `list` names it and nothing else. */
static const peal_tensor *find_kept(const kept_lists *self, const json_t *list, const char *wanted,
                                    peal_tensor_type type) {
    const char *name = json_string_value(json_object_get(list, "tensor"));
    const peal_tensor *tensor = name && strcmp(name, wanted) == 0 ? peal_safetensors_find(self->file, name) : NULL;
    return tensor && tensor->type == type && !tensor->rows && json_object_size(list) == 1 ? tensor : NULL;
}

static peal_status kept_names(void *user, const json_t *list, const char **out, size_t *size, peal_error *err) {
    kept_lists *self = user;
    char wanted[32];
    name_list(true, self->name_lists++, wanted);
    const peal_tensor *tensor = find_kept(self, list, wanted, PEAL_TENSOR_UINT8);
    *out = tensor ? tensor->data : NULL;
    *size = tensor ? tensor->width : 0;
    if (*size && (*out)[*size - 1] == '\0' && peal_utf8_error(*out, *size) == *size) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "the names '%s' of its columns are missing or are no texts of UTF-8", wanted);
}

static peal_status kept_numbers(void *user, const json_t *list, size_t count, const void **out, peal_error *err) {
    kept_lists *self = user;
    char wanted[32];
    name_list(false, self->number_lists++, wanted);
    const peal_tensor *tensor = find_kept(self, list, wanted, PEAL_TENSOR_FLOAT64);
    if (!tensor || tensor->width != count || !peal_tensor_is_finite(tensor)) {
        return peal_fail(err, PEAL_E_DATA, "the numbers '%s' of its pipeline are missing or are not %zu", wanted,
                         count);
    }
    *out = tensor->data;
    return PEAL_OK;
}

peal_status peal_model_file_pipeline(const json_t *document, const peal_safetensors *file, peal_pipeline **out,
                                     size_t *first, size_t *count, peal_error *err) {
    kept_lists kept = {.file = file};
    const peal_kept_lists lists = {.names = kept_names, .numbers = kept_numbers, .user = &kept};
    PEAL_TRY(peal_pipeline_load_with(document, &lists, out, err));
    const size_t all = peal_safetensors_count(file), own = kept.number_lists + kept.name_lists;
    *first = kept.number_lists;
    *count = all > own ? all - own : 0;
    return PEAL_OK;
}

/* ---- writing ---- */

/* The model's own tensors, between room for the pipeline's numbers and names. */
static peal_status list_own(const peal_model_content *content, const model_parts *sizes, model_parts *parts,
                            peal_error *err) {
    parts->behind = sizes->number_lists + content->count;
    parts->count = parts->behind + sizes->name_lists;
    PEAL_TRY(peal_alloc_checked(&parts->tensors, parts->count, sizeof *parts->tensors, "tensors", err));
    memcpy(parts->tensors + sizes->number_lists, content->tensors, content->count * sizeof *parts->tensors);
    return PEAL_OK;
}

/* Room for what the pipeline's lists become. */
static peal_status reserve_lists(const model_parts *sizes, model_parts *parts, peal_error *err) {
    const size_t lists = sizes->number_lists + sizes->name_lists;
    PEAL_TRY(peal_alloc_checked(&parts->names, lists, sizeof *parts->names, "tensors", err));
    PEAL_TRY(peal_alloc_checked(&parts->numbers, sizes->number_count, sizeof *parts->numbers, "tensors", err));
    return peal_alloc_checked(&parts->texts, sizes->text_size, 1, "tensors", err);
}

/* The document stays as it is. Cleared by the caller, also after a failure. */
static peal_status parts_make(const peal_model_content *content, model_parts *parts, peal_error *err) {
    const json_t *pipeline = content->pipeline;
    *parts = (model_parts){0};
    model_parts sizes = {0};
    PEAL_TRY(visit_lists(pipeline, count_list, &sizes, err));
    PEAL_TRY(list_own(content, &sizes, parts, err));
    PEAL_TRY(reserve_lists(&sizes, parts, err));
    json_t *own = sizes.name_lists ? json_deep_copy(pipeline) : json_incref((json_t *)pipeline);
    peal_status status =
        own ? visit_lists(own, detach_list, parts, err) : PEAL_OK; /* NULL is told when it is written */
    parts->metadata = json_pack("{s:s, s:s, s:o, s:o}", "kind", PEAL_MODEL_KIND, "model", content->spec, "pipeline",
                                own ? peal_json_quote(own) : NULL, "job", peal_json_quote(content->job));
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

peal_status peal_model_file_check(const peal_model_content *content, const peal_pipeline *fitted, peal_error *err) {
    model_parts parts;
    char *advice = largest_vocabulary(fitted);
    peal_status status = parts_make(content, &parts, err);
    if (status == PEAL_OK && !advice) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a message");
    if (status == PEAL_OK) {
        status = peal_safetensors_check_header(parts.metadata, parts.tensors, parts.count, advice, err);
    }
    free(advice);
    parts_clear(&parts);
    return status;
}

peal_status peal_model_file_put(peal_atomic_file *file, const peal_model_content *content, peal_error *err) {
    model_parts parts;
    peal_status status = parts_make(content, &parts, err);
    if (status == PEAL_OK) status = peal_safetensors_put(file, parts.metadata, parts.tensors, parts.count, err);
    parts_clear(&parts);
    return status;
}
