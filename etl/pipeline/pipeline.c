/* The pipeline's life: fit, save, load. Planning is in plan.c, the check of what was loaded in check.c, applying in
 * apply.c. */
#include "etl/pipeline/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"

void peal_pipeline_free(peal_pipeline *pipeline) {
    if (!pipeline) return;
    for (size_t i = 0; pipeline->columns && i < pipeline->schema.count; i++) {
        peal_pipeline_column *column = &pipeline->columns[i];
        for (size_t s = 0; s < column->step_count; s++) column->steps[s].transform->free(column->steps[s].state);
        free(column->steps);
    }
    free(pipeline->columns);
    peal_schema_clear(&pipeline->schema);
    peal_nulls_clear(&pipeline->nulls);
    free(pipeline);
}

/* ---- fit ---- */

static const peal_pipeline_step *last_step(const peal_pipeline_column *column) {
    return column->step_count ? &column->steps[column->step_count - 1] : NULL;
}

static bool is_bytes(const peal_field *field) {
    return field->type == PEAL_TYPE_FIXED_LIST;
}

static uint32_t feature_width(const peal_field *field, const peal_pipeline_column *column) {
    const peal_pipeline_step *last = last_step(column);
    if (last && last->transform->role == PEAL_TRANSFORM_ENCODE) return last->transform->width(last->state);
    return is_bytes(field) ? field->width : 1;
}

/* Lays the columns of a role out side by side, in the order of the schema. */
static uint64_t lay_out(peal_pipeline *pipeline, peal_column_role role) {
    uint64_t offset = 0;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        peal_pipeline_column *column = &pipeline->columns[i];
        if (column->role != role || i == pipeline->indices || i == pipeline->values) continue;
        column->width = feature_width(&pipeline->schema.fields[i], column);
        column->offset = (uint32_t)offset;
        offset += column->width;
        if (offset > INT32_MAX) break;
    }
    return offset;
}

/* What came as sparse features keeps its indices; what texts become follows. */
static uint64_t lay_out_sparse(peal_pipeline *pipeline) {
    const uint32_t first = pipeline->indices == SIZE_MAX ? 0 : pipeline->columns[pipeline->indices].width;
    const uint64_t width = first + lay_out(pipeline, PEAL_ROLE_SPARSE);
    for (size_t i = 0; first && i < pipeline->schema.count; i++) {
        const bool came = i == pipeline->indices || i == pipeline->values;
        if (pipeline->columns[i].role == PEAL_ROLE_SPARSE && !came) pipeline->columns[i].offset += first;
    }
    return width;
}

static peal_status lay_out_features(peal_pipeline *pipeline, peal_error *err) {
    const uint64_t width = lay_out(pipeline, PEAL_ROLE_FEATURE), sparse = lay_out_sparse(pipeline);
    size_t bytes = 0, others = 0;
    if (width > INT32_MAX) return peal_fail(err, PEAL_E_DATA, "more than 2^31 features; drop or index a column");
    if (sparse > INT32_MAX) return peal_fail(err, PEAL_E_DATA, "more than 2^31 sparse features; use fewer bits");
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (pipeline->columns[i].role != PEAL_ROLE_FEATURE) continue;
        *(is_bytes(&pipeline->schema.fields[i]) ? &bytes : &others) += 1;
    }
    pipeline->feature_width = (uint32_t)width;
    pipeline->sparse_width = (uint32_t)sparse;
    pipeline->byte_features = bytes > 0;
    if (bytes == 0 || others == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "bytes and other features cannot stand in one dataset yet");
}

size_t peal_pipeline_wanted_texts(const peal_pipeline *pipeline, size_t index, uint64_t *least_count) {
    const peal_pipeline_step *encoder = last_step(&pipeline->columns[index]);
    size_t most = SIZE_MAX;
    *least_count = 1;
    if (!encoder->transform->wants) return most;
    encoder->transform->wants(encoder->state, &most, least_count);
    return most;
}

bool peal_pipeline_wants_histogram(const peal_pipeline *pipeline, size_t column, size_t step) {
    const peal_pipeline_step *one = &pipeline->columns[column].steps[step];
    return one->transform->wants_histogram && one->transform->wants_histogram(one->state);
}

peal_status peal_pipeline_fit(peal_pipeline *pipeline, size_t index, peal_summary *summary, size_t *next,
                              peal_error *err) {
    const peal_pipeline_column *column = &pipeline->columns[index];
    const char *name = pipeline->schema.fields[index].name;
    peal_status status = PEAL_OK;
    if (index == pipeline->indices) pipeline->columns[index].width = summary->count ? (uint32_t)summary->max + 1 : 1;
    bool is_known = true; /* the summary is that of the present step's input */
    for (; *next < column->step_count && status == PEAL_OK; ++*next) {
        const peal_pipeline_step *step = &column->steps[*next];
        if (peal_transform_is_fitted(step->transform, step->state)) {
            const bool lacks = peal_pipeline_wants_histogram(pipeline, index, *next) && !summary->histogram;
            if (!is_known || lacks) break;
            status = step->transform->fit(step->state, name, summary, err);
        }
        if (step->transform->numbers) summary->histogram = NULL;
        is_known = is_known && !step->transform->is_opaque;
    }
    peal_summary_clear(summary);
    return status;
}

peal_status peal_pipeline_fitted(peal_pipeline *pipeline, peal_error *err) {
    return lay_out_features(pipeline, err);
}

/* ---- save and load ---- */

static const char *const role_names[] = {"dropped", "feature", "index", "sparse", "kept", "label"};
enum { ROLES = sizeof role_names / sizeof *role_names };

const char *peal_column_role_name(peal_column_role role) {
    return role_names[role];
}

static json_t *save_nulls(const peal_nulls *nulls) {
    json_t *saved = json_array();
    for (size_t i = 0; i < nulls->count; i++) saved = peal_json_append(saved, json_string(nulls->texts[i]));
    return saved;
}

json_t *peal_pipeline_save_column(const peal_pipeline *pipeline, size_t index) {
    const peal_field *field = &pipeline->schema.fields[index];
    const peal_pipeline_column *column = &pipeline->columns[index];
    json_t *steps = json_array();
    for (size_t s = 0; s < column->step_count; s++) {
        const peal_pipeline_step *step = &column->steps[s];
        steps = peal_json_append(steps, peal_json_merge(json_pack("{s:s}", "transform", step->transform->name),
                                                        step->transform->save(step->state)));
    }
    json_t *saved = json_pack("{s:s, s:s, s:s, s:o}", "name", field->name, "type", peal_types[field->type].name, "role",
                              role_names[column->role], "steps", steps);
    if (!peal_types[field->type].has_child) return saved;
    saved = peal_json_set(saved, "item", json_string(peal_types[field->item].name));
    if (column->role == PEAL_ROLE_SPARSE && field->item == PEAL_TYPE_UINT32) {
        saved = peal_json_set(saved, "below", json_integer(column->width));
    }
    return field->width ? peal_json_set(saved, "width", json_integer(field->width)) : saved;
}

json_t *peal_pipeline_save_rest(const peal_pipeline *pipeline) {
    json_t *saved = json_pack("{s:o}", "nulls", save_nulls(&pipeline->nulls));
    return pipeline->has_split ? peal_json_set(saved, "split", peal_split_save(&pipeline->split)) : saved;
}

json_t *peal_pipeline_save(const peal_pipeline *pipeline) {
    json_t *columns = json_array();
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        columns = peal_json_append(columns, peal_pipeline_save_column(pipeline, i));
    }
    json_t *saved = json_pack("{s:o, s:o}", "nulls", save_nulls(&pipeline->nulls), "columns", columns);
    return pipeline->has_split ? peal_json_set(saved, "split", peal_split_save(&pipeline->split)) : saved;
}

/* Appends the text of `value`, which is given up, from byte `skip` on. */
static peal_status append_json(peal_buffer *out, json_t *value, size_t skip, peal_error *err) {
    char *text;
    peal_status status = peal_json_dump(value, JSON_INDENT(1), "a pipeline", &text, err);
    json_decref(value);
    if (status != PEAL_OK) return status;
    status = peal_buffer_append(out, text + skip, strlen(text) - skip, err);
    free(text);
    return status;
}

peal_status peal_pipeline_write(const peal_pipeline *pipeline, peal_buffer *out, peal_error *err) {
    static const char begin[] = "{\n\"columns\": [\n", end[] = "],";
    PEAL_TRY(peal_buffer_append(out, begin, sizeof begin - 1, err));
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (i > 0) PEAL_TRY(peal_buffer_append(out, ",\n", 2, err));
        PEAL_TRY(append_json(out, peal_pipeline_save_column(pipeline, i), 0, err));
    }
    PEAL_TRY(peal_buffer_append(out, end, sizeof end - 1, err));
    PEAL_TRY(append_json(out, peal_pipeline_save_rest(pipeline), 1, err)); /* without its brace, for it goes on */
    return peal_buffer_append(out, "", 1, err);
}

static peal_status damaged(peal_error *err, const char *what) {
    return peal_fail(err, PEAL_E_DATA, "the saved pipeline is damaged: %s", what);
}

/* The index of a JSON string in a list of names, or -1. */
static int name_index(const json_t *value, const char *const *names, size_t count) {
    for (size_t i = 0; i < count && json_is_string(value); i++) {
        if (strcmp(json_string_value(value), names[i]) == 0) return (int)i;
    }
    return -1;
}

static peal_status load_nulls(peal_pipeline *pipeline, const json_t *saved, peal_error *err) {
    const size_t count = json_array_size(saved);
    const char **texts;
    if (!json_is_array(saved)) return damaged(err, "its spellings of null are missing");
    PEAL_TRY(peal_alloc_checked(&texts, count, sizeof *texts, "a pipeline", err));
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < count && status == PEAL_OK; i++) {
        texts[i] = json_string_value(json_array_get(saved, i));
        if (!texts[i]) status = damaged(err, "a spelling of null");
    }
    if (status == PEAL_OK) status = peal_nulls_make(texts, count, &pipeline->nulls, err);
    free(texts);
    return status;
}

/* The type of a saved name that a raw column may have, or PEAL_TYPES. */
static peal_type type_called(const json_t *name, bool is_item) {
    static const peal_type raw[] = {PEAL_TYPE_FLOAT64,    PEAL_TYPE_BOOL, PEAL_TYPE_DICTIONARY,
                                    PEAL_TYPE_FIXED_LIST, PEAL_TYPE_LIST, PEAL_TYPE_UTF8};
    static const peal_type items[] = {PEAL_TYPE_UINT8, PEAL_TYPE_UINT32, PEAL_TYPE_FLOAT32};
    const char *text = json_string_value(name);
    for (size_t i = 0; text && !is_item && i < sizeof raw / sizeof *raw; i++) {
        if (strcmp(peal_types[raw[i]].name, text) == 0) return raw[i];
    }
    for (size_t i = 0; text && is_item && i < sizeof items / sizeof *items; i++) {
        if (strcmp(peal_types[items[i]].name, text) == 0) return items[i];
    }
    return PEAL_TYPES;
}

static peal_status load_field(peal_pipeline *pipeline, const json_t *saved, peal_error *err) {
    const json_t *name = json_object_get(saved, "name");
    const peal_type type = type_called(json_object_get(saved, "type"), false);
    const json_int_t width = json_integer_value(json_object_get(saved, "width"));
    if (!json_is_string(name) || type == PEAL_TYPES || width < 0 || width > 1 << 28) return damaged(err, "a column");
    PEAL_TRY(peal_schema_add(&pipeline->schema, json_string_value(name), json_string_length(name), type, err));
    peal_field *field = &pipeline->schema.fields[pipeline->schema.count - 1];
    field->settled = field->decided = true;
    if (!peal_types[type].has_child) return PEAL_OK;
    field->item = type_called(json_object_get(saved, "item"), true);
    field->width = (uint32_t)width;
    const bool is_bytes = type == PEAL_TYPE_FIXED_LIST;
    const bool fits = is_bytes ? field->item == PEAL_TYPE_UINT8 && width > 0
                               : width == 0 && (field->item == PEAL_TYPE_UINT32 || field->item == PEAL_TYPE_FLOAT32);
    return fits ? PEAL_OK : damaged(err, is_bytes ? "a column of no bytes" : "a column of lists");
}

static peal_status load_column(peal_pipeline *pipeline, const json_t *saved, peal_error *err) {
    const json_t *steps = json_object_get(saved, "steps");
    const int role = name_index(json_object_get(saved, "role"), role_names, ROLES);
    const size_t index = pipeline->schema.count;
    if (role < 0) return damaged(err, "a column");
    PEAL_TRY(load_field(pipeline, saved, err));
    pipeline->schema.fields[index].skip = role == PEAL_ROLE_DROPPED;
    peal_pipeline_column *column = &pipeline->columns[index];
    column->role = (peal_column_role)role;
    if (role == PEAL_ROLE_LABEL) pipeline->label = index;
    if (role == PEAL_ROLE_SPARSE && peal_types[pipeline->schema.fields[index].type].has_child) {
        const bool is_indices = pipeline->schema.fields[index].item == PEAL_TYPE_UINT32;
        const json_int_t below = json_integer_value(json_object_get(saved, "below"));
        *(is_indices ? &pipeline->indices : &pipeline->values) = index;
        if (is_indices && (below < 1 || below > INT32_MAX)) return damaged(err, "a bound of indices");
        column->width = is_indices ? (uint32_t)below : 0;
    }
    PEAL_TRY(peal_alloc_checked(&column->steps, json_array_size(steps), sizeof *column->steps, "a pipeline", err));
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        const char *transform = json_string_value(json_object_get(step, "transform"));
        if (!transform) return damaged(err, "a step");
        peal_pipeline_step *made = &column->steps[i];
        PEAL_TRY(peal_transform_find(transform, &made->transform, err));
        if (!made->transform->load) return damaged(err, "a step that is none of a column");
        column->step_count = i + 1;
        PEAL_TRY(made->transform->load(step, &made->state, err));
    }
    return PEAL_OK;
}

static peal_status pipeline_load(peal_pipeline *pipeline, const json_t *saved, peal_error *err) {
    const json_t *columns = json_object_get(saved, "columns"), *split = json_object_get(saved, "split");
    PEAL_TRY(load_nulls(pipeline, json_object_get(saved, "nulls"), err));
    size_t count = json_array_size(columns);
    if (count == 0) return damaged(err, "it has no columns");
    PEAL_TRY(peal_alloc_checked(&pipeline->columns, count, sizeof *pipeline->columns, "a pipeline", err));
    for (size_t i = 0; i < count; i++) PEAL_TRY(load_column(pipeline, json_array_get(columns, i), err));
    pipeline->has_split = split != NULL;
    if (split) PEAL_TRY(peal_split_load(split, &pipeline->split, err));
    PEAL_TRY(peal_pipeline_check(pipeline, saved, err));
    return lay_out_features(pipeline, err);
}

peal_status peal_pipeline_load(const json_t *saved, peal_pipeline **out, peal_error *err) {
    *out = NULL;
    peal_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (!pipeline) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    pipeline->label = pipeline->indices = pipeline->values = SIZE_MAX;
    peal_status status = pipeline_load(pipeline, saved, err);
    if (status != PEAL_OK) {
        peal_pipeline_free(pipeline);
        if (status != PEAL_E_USAGE) return status;
        if (err) err->status = PEAL_E_DATA; /* what is saved, not what the user wishes, is wrong */
        return PEAL_E_DATA;
    }
    *out = pipeline;
    return PEAL_OK;
}

bool peal_pipeline_same(const json_t *a, const json_t *b) {
    return json_equal(json_object_get(a, "columns"), json_object_get(b, "columns")) &&
           json_equal(json_object_get(a, "nulls"), json_object_get(b, "nulls"));
}

/* ---- what it says of itself ---- */

char *peal_pipeline_describe(const peal_pipeline *pipeline, size_t column) {
    char *text = peal_strdup(pipeline->columns[column].role == PEAL_ROLE_DROPPED ? "dropped" : "");
    for (size_t s = 0; text && s < pipeline->columns[column].step_count; s++) {
        char *longer = peal_sprintf("%s%s%s", text, s ? " " : "", pipeline->columns[column].steps[s].transform->name);
        free(text);
        text = longer;
    }
    return text;
}

const peal_pipeline_step *peal_pipeline_reader(const peal_pipeline_column *column) {
    for (size_t i = 0; i < column->step_count; i++) {
        if (column->steps[i].transform->role == PEAL_TRANSFORM_READ) return &column->steps[i];
    }
    return NULL;
}

const peal_pipeline_step *peal_pipeline_spreader(const peal_pipeline *pipeline, size_t index) {
    const peal_pipeline_step *last = last_step(&pipeline->columns[index]);
    return last && last->transform->spread ? last : NULL;
}

bool peal_pipeline_is_number(const peal_pipeline *pipeline, size_t column) {
    return peal_types[pipeline->schema.fields[column].type].is_number ||
           peal_pipeline_reader(&pipeline->columns[column]) != NULL;
}

bool peal_pipeline_column_has(const peal_pipeline_column *column, const peal_transform *transform) {
    for (size_t i = 0; i < column->step_count; i++) {
        if (column->steps[i].transform == transform) return true;
    }
    return false;
}

uint32_t peal_pipeline_classes(const peal_pipeline *pipeline) {
    if (pipeline->label == SIZE_MAX || peal_pipeline_is_number(pipeline, pipeline->label)) return 0;
    const peal_pipeline_step *step = last_step(&pipeline->columns[pipeline->label]);
    return step->transform->width(step->state);
}

peal_text peal_pipeline_class_name(const peal_pipeline *pipeline, uint32_t code) {
    const peal_pipeline_step *step = last_step(&pipeline->columns[pipeline->label]);
    return step->transform->code_name(step->state, code);
}

peal_status peal_pipeline_shape(const peal_pipeline *pipeline, peal_shape *out, peal_error *err) {
    *out = (peal_shape){.features = pipeline->feature_width,
                        .bytes = pipeline->byte_features,
                        .sparse = pipeline->sparse_width,
                        .label_deviation = 1};
    PEAL_TRY(peal_alloc_checked(&out->vocabularies, pipeline->schema.count, sizeof(uint32_t), "a shape", err));
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *column = &pipeline->columns[i];
        if (column->role != PEAL_ROLE_INDEX) continue;
        const peal_pipeline_step *encoder = last_step(column);
        out->vocabularies[out->code_columns++] = encoder->transform->width(encoder->state);
    }
    if (pipeline->label == SIZE_MAX) return PEAL_OK;
    out->has_label = true;
    out->classes = peal_pipeline_classes(pipeline);
    if (out->classes) return PEAL_OK;
    const peal_pipeline_step *label = last_step(&pipeline->columns[pipeline->label]);
    json_t *saved = label->transform->save(label->state);
    if (!saved) return peal_fail(err, PEAL_E_MEMORY, "no memory for a shape");
    out->label_mean = json_number_value(json_object_get(saved, "mean"));
    out->label_deviation = json_number_value(json_object_get(saved, "deviation"));
    json_decref(saved);
    return PEAL_OK;
}

void peal_pipeline_feature_name(const peal_pipeline *pipeline, uint32_t index, char *text, size_t size) {
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *column = &pipeline->columns[i];
        const char *name = pipeline->schema.fields[i].name;
        if (column->role != PEAL_ROLE_FEATURE || index - column->offset >= column->width) continue;
        const peal_pipeline_step *step = last_step(column);
        if (step && step->transform->role == PEAL_TRANSFORM_ENCODE) {
            peal_text value = step->transform->code_name(step->state, index - column->offset);
            snprintf(text, size, step->transform->spread ? "%s %.*s" : "%s=%.*s", name, (int)value.length, value.data);
        } else if (column->width > 1) {
            snprintf(text, size, "%s[%u]", name, index - column->offset);
        } else {
            snprintf(text, size, "%s", name);
        }
        return;
    }
    snprintf(text, size, "?");
}

void peal_pipeline_drop(peal_pipeline *pipeline, size_t index) {
    peal_pipeline_column *column = &pipeline->columns[index];
    for (size_t s = 0; s < column->step_count; s++) column->steps[s].transform->free(column->steps[s].state);
    column->step_count = 0;
    column->role = PEAL_ROLE_DROPPED;
    pipeline->schema.fields[index].skip = true;
}
