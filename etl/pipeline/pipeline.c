/* The pipeline's life: fitting, and what it says of itself. Planning is in plan.c, saving and loading in save.c, the
 * check of what was loaded in check.c, applying in apply.c. */
#include "etl/pipeline/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_steps(peal_pipeline_column *column) {
    for (size_t s = 0; s < column->step_count && !column->run; s++) {
        column->steps[s].transform->free(column->steps[s].state);
    }
    if (!column->run) free(column->steps);
    if (column->recipe) free(column->recipe->steps);
    free(column->recipe);
    column->recipe = NULL;
    column->steps = NULL;
    column->step_count = 0;
}

void peal_pipeline_free(peal_pipeline *pipeline) {
    if (!pipeline) return;
    for (size_t i = 0; pipeline->columns && i < pipeline->schema.count; i++) free_steps(&pipeline->columns[i]);
    free(pipeline->columns);
    peal_arena_free(pipeline->runs);
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
    if (column->role == PEAL_ROLE_FEATURE && peal_pipeline_marker(column)) return 2;
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

peal_status peal_pipeline_fitted(peal_pipeline *pipeline, peal_error *err) {
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

const peal_bound *peal_pipeline_bound(const peal_pipeline_column *column) {
    return column->step_count == 1 ? column->steps[0].transform->bound : NULL;
}

const peal_pipeline_step *peal_pipeline_reader(const peal_pipeline_column *column) {
    for (size_t i = 0; i < column->step_count; i++) {
        if (column->steps[i].transform->role == PEAL_TRANSFORM_READ) return &column->steps[i];
    }
    return NULL;
}

const peal_pipeline_step *peal_pipeline_marker(const peal_pipeline_column *column) {
    for (size_t i = 0; i < column->step_count; i++) {
        const peal_pipeline_step *step = &column->steps[i];
        if (step->transform == &peal_transform_impute && peal_impute_marks(step->state)) return step;
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
    size_t code_columns = 0;
    for (size_t i = 0; i < pipeline->schema.count; i++) code_columns += pipeline->columns[i].role == PEAL_ROLE_INDEX;
    PEAL_TRY(peal_alloc_checked(&out->vocabularies, code_columns, sizeof(uint32_t), "a shape", err));
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *column = &pipeline->columns[i];
        if (column->role != PEAL_ROLE_INDEX) continue;
        const peal_pipeline_step *encoder = last_step(column);
        out->vocabularies[out->code_columns++] = encoder->transform->width(encoder->state);
    }
    out->has_offset = pipeline->offset != SIZE_MAX;
    out->has_query = pipeline->query != SIZE_MAX;
    out->has_weight = pipeline->weight != SIZE_MAX;
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
        } else if (column->width > 1 && peal_pipeline_marker(column)) {
            snprintf(text, size, index == column->offset ? "%s" : "%s is missing", name);
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
    free_steps(column);
    column->role = PEAL_ROLE_DROPPED;
    pipeline->schema.fields[index].skip = true;
}
