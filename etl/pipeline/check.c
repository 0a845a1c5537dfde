/* Whether a loaded pipeline means something as a whole. What passes here is trusted by all that applies it: each
 * column's steps compose, its codes lie within its vocabulary, and saving it gives what it was loaded from, so that
 * nothing was missing, added or of another type. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/vector.h"
#include "etl/pipeline/applier.h"
#include "etl/pipeline/pipeline.h"

static peal_status damaged(peal_error *err, const char *name, const char *what) {
    return peal_fail(err, PEAL_E_DATA, "the saved pipeline is damaged: column '%s' %s", name, what);
}

/* What a column's values are between two of its steps. */
typedef enum value_kind { VALUES_NUMBERS, VALUES_TEXTS, VALUES_OTHER } value_kind;

/* Whether a step may follow where the values are of this kind, which becomes that of its output. */
static bool step_fits(value_kind *kind, peal_column_role role, const peal_transform *step, bool is_last) {
    switch (step->role) {
    case PEAL_TRANSFORM_NUMBERS:
        return *kind == VALUES_NUMBERS && role != PEAL_ROLE_LABEL;
    case PEAL_TRANSFORM_IMAGE:
        return *kind == VALUES_OTHER && role == PEAL_ROLE_FEATURE;
    case PEAL_TRANSFORM_TEXT:
        return *kind == VALUES_TEXTS;
    case PEAL_TRANSFORM_READ: {
        const bool fits = *kind == VALUES_TEXTS;
        *kind = VALUES_NUMBERS;
        return fits;
    }
    case PEAL_TRANSFORM_ENCODE:
        return *kind == (step->buckets ? VALUES_NUMBERS : VALUES_TEXTS) && is_last && role != PEAL_ROLE_LABEL;
    case PEAL_TRANSFORM_KEEP:
        return *kind == VALUES_TEXTS && is_last && role == PEAL_ROLE_KEPT;
    case PEAL_TRANSFORM_QUERY:
        return *kind == VALUES_TEXTS && is_last && role == PEAL_ROLE_QUERY;
    case PEAL_TRANSFORM_WEIGHT:
        return *kind == VALUES_NUMBERS && is_last && role == PEAL_ROLE_WEIGHT;
    case PEAL_TRANSFORM_OFFSET:
        return *kind == VALUES_NUMBERS && is_last && role == PEAL_ROLE_OFFSET;
    case PEAL_TRANSFORM_LABEL:
        return *kind != VALUES_OTHER && is_last && role == PEAL_ROLE_LABEL;
    case PEAL_TRANSFORM_ROWS:
    case PEAL_TRANSFORM_TYPES:
        return false;
    }
    return false;
}

/* Whether the steps end in what the role needs, and begin with what they can read: texts of which each row has its own
 * become sparse features or are kept. */
static bool ends_right(const peal_pipeline *pipeline, size_t index) {
    const peal_pipeline_column *column = &pipeline->columns[index];
    const peal_pipeline_step *last = column->step_count ? &column->steps[column->step_count - 1] : NULL;
    const peal_type type = pipeline->schema.fields[index].type;
    const bool encodes = last && last->transform->role == PEAL_TRANSFORM_ENCODE;
    const bool fills = encodes && peal_transform_fills(last->transform, last->state);
    switch (column->role) {
    case PEAL_ROLE_DROPPED:
        return true;
    case PEAL_ROLE_FEATURE:
        if (encodes) return last->transform->spreads && type != PEAL_TYPE_UTF8;
        if (peal_pipeline_is_number(pipeline, index)) {
            return peal_pipeline_column_has(column, &peal_transform_impute); /* a net wants no NaN */
        }
        return type == PEAL_TYPE_FIXED_LIST;
    case PEAL_ROLE_SPARSE:
        return type == PEAL_TYPE_UTF8 ? fills : type == PEAL_TYPE_LIST && column->step_count == 0;
    case PEAL_ROLE_KEPT:
        return type == PEAL_TYPE_UTF8 && last && last->transform->role == PEAL_TRANSFORM_KEEP;
    case PEAL_ROLE_QUERY:
        return type == PEAL_TYPE_UTF8 && last && last->transform->role == PEAL_TRANSFORM_QUERY;
    case PEAL_ROLE_INDEX:
        return encodes && !last->transform->spreads && !fills && type != PEAL_TYPE_UTF8;
    case PEAL_ROLE_WEIGHT:
        return last && last->transform->role == PEAL_TRANSFORM_WEIGHT;
    case PEAL_ROLE_OFFSET:
        return last && last->transform->role == PEAL_TRANSFORM_OFFSET;
    case PEAL_ROLE_LABEL:
        return last && last->transform->role == PEAL_TRANSFORM_LABEL && type != PEAL_TYPE_UTF8;
    }
    return false;
}

static peal_status check_column(const peal_pipeline *pipeline, size_t index, peal_error *err) {
    const peal_pipeline_column *column = &pipeline->columns[index];
    const peal_field *field = &pipeline->schema.fields[index];
    const peal_type_info *info = &peal_types[field->type];
    value_kind kind = info->is_number ? VALUES_NUMBERS : info->is_text ? VALUES_TEXTS : VALUES_OTHER;
    for (size_t s = 0; s < column->step_count; s++) {
        const peal_pipeline_step *step = &column->steps[s];
        if (!step_fits(&kind, column->role, step->transform, s + 1 == column->step_count)) {
            return damaged(err, field->name, "has steps that do not compose");
        }
        const char *fault =
            step->transform->check && column->role != PEAL_ROLE_DROPPED ? step->transform->check(step->state) : NULL;
        if (fault) return damaged(err, field->name, fault);
    }
    if (!ends_right(pipeline, index)) return damaged(err, field->name, "has steps that do not fit its role");
    const bool is_second = (column->role == PEAL_ROLE_LABEL && index != pipeline->label) ||
                           (column->role == PEAL_ROLE_QUERY && index != pipeline->query) ||
                           (column->role == PEAL_ROLE_WEIGHT && index != pipeline->weight) ||
                           (column->role == PEAL_ROLE_OFFSET && index != pipeline->offset);
    return is_second ? damaged(err, field->name, "is a second label, query, weight or offset") : PEAL_OK;
}

/* Sparse features are indices and values, once each. */
static peal_status check_sparse(const peal_pipeline *pipeline, peal_error *err) {
    size_t sparse = 0;
    const char *name = "";
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (pipeline->columns[i].role != PEAL_ROLE_SPARSE || !peal_types[pipeline->schema.fields[i].type].has_child)
            continue;
        name = pipeline->schema.fields[i].name;
        sparse++;
    }
    const bool both = pipeline->indices != SIZE_MAX && pipeline->values != SIZE_MAX;
    return sparse == (both ? 2 : 0) ? PEAL_OK : damaged(err, name, "is no half of a pair of indices and values");
}

static peal_status check_label(const peal_pipeline *pipeline, peal_error *err) {
    if (pipeline->label == SIZE_MAX) return PEAL_OK;
    const peal_field *field = &pipeline->schema.fields[pipeline->label];
    peal_shape shape;
    peal_status status = peal_pipeline_shape(pipeline, &shape, err);
    free(shape.vocabularies);
    PEAL_TRY(status);
    if (!peal_pipeline_is_number(pipeline, pipeline->label)) {
        return shape.classes >= 2 ? PEAL_OK : damaged(err, field->name, "is a label of fewer than two classes");
    }
    const bool right = isfinite(shape.label_mean) && isfinite(shape.label_deviation) && shape.label_deviation > 0;
    return right ? PEAL_OK : damaged(err, field->name, "is a label whose mean or deviation makes no sense");
}

/* Whether `saved` is what saving gives; `again` is given up. */
static peal_status same_again(json_t *again, const json_t *saved, bool *same, peal_error *err) {
    if (!again) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    *same = json_equal(again, saved);
    json_decref(again);
    return PEAL_OK;
}

/* Compares what was loaded with what saving gives, an entry at a time: of many columns a second whole document would
 * cost more than all else. */
static peal_status check_whole(const peal_pipeline *pipeline, const json_t *saved, peal_error *err) {
    const json_t *columns = json_object_get(saved, "columns");
    bool same = json_is_array(columns);
    for (size_t i = 0, at = 0, count; same && i < json_array_size(columns); i++, at += count) {
        const json_t *entry = json_array_get(columns, i);
        const uint32_t run = pipeline->columns[at].run;
        count = run ? run : 1;
        PEAL_TRY(same_again(peal_pipeline_save_run(pipeline, at, count, entry), entry, &same, err));
        same = same && (!run || run == peal_pipeline_run(pipeline, at));
        if (!same) {
            return damaged(err, pipeline->schema.fields[at].name, "has something missing, added or of another type");
        }
    }
    json_t *rest = json_copy((json_t *)saved); /* its columns are not copied */
    if (rest) json_object_del(rest, "columns");
    json_t *rest_again = peal_pipeline_save_rest(pipeline);
    if (!rest) {
        json_decref(rest_again);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    }
    bool rest_same = false;
    const peal_status status = same_again(rest_again, rest, &rest_same, err);
    json_decref(rest);
    PEAL_TRY(status);
    if (same && rest_same) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA,
                     "the saved pipeline is damaged: its nulls or split have something missing, added or of another "
                     "type");
}

peal_status peal_pipeline_check(const peal_pipeline *pipeline, const json_t *saved, peal_error *err) {
    for (size_t i = 0; i < pipeline->schema.count; i++) PEAL_TRY(check_column(pipeline, i, err));
    PEAL_TRY(check_sparse(pipeline, err));
    PEAL_TRY(check_label(pipeline, err));
    return check_whole(pipeline, saved, err);
}

/* ---- tables ---- */

/* Both are in Arrow's layout, so equal texts in equal order are equal bytes. */
static bool same_texts(const peal_dictionary *a, const peal_dictionary *b) {
    if (a == b) return true;
    if (!a || !b || a->size != b->size) return false;
    if (a->size == 0) return true;
    const size_t bytes = a->offsets[a->size];
    return memcmp(a->offsets, b->offsets, (a->size + (size_t)1) * sizeof *a->offsets) == 0 &&
           (bytes == 0 || memcmp(a->bytes.data, b->bytes.data, bytes) == 0);
}

/* Codes without names once were INT32, however few they are. */
static bool is_wide_code(const peal_column *found, const peal_column *wanted) {
    return found->type == PEAL_TYPE_INT32 && wanted->type != PEAL_TYPE_DICTIONARY && applier__holds_codes(wanted);
}

static peal_status check_table_column(const peal_column *found, const peal_column *wanted, const char *name,
                                      size_t index, peal_error *err) {
    char found_type[PEAL_TYPE_TEXT], wanted_type[PEAL_TYPE_TEXT];
    peal_column_type_text(found, found_type);
    peal_column_type_text(wanted, wanted_type);
    const bool same_type = strcmp(found_type, wanted_type) == 0 || is_wide_code(found, wanted);
    if (strcmp(found->name, wanted->name) != 0 || !same_type) {
        return peal_fail(err, PEAL_E_DATA, "%s: column %zu is '%s' (%s), but the pipeline makes '%s' (%s)", name,
                         index + 1, found->name, found_type, wanted->name, wanted_type);
    }
    if (same_texts(found->dictionary, wanted->dictionary)) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: column '%s' has another vocabulary (%u texts) than the pipeline's (%u)",
                     name, found->name, found->dictionary ? found->dictionary->size : 0,
                     wanted->dictionary ? wanted->dictionary->size : 0);
}

/* Whether a number is not below the width, whatever it is of: a missing one, too. */
#define ANY_ABOVE(name, type)                                                        \
    PEAL_VECTOR static bool name(const void *values, size_t count, uint32_t width) { \
        const type *codes = values;                                                  \
        uint32_t any = 0;                                                            \
        for (size_t i = 0; i < count; i++) any |= (uint32_t)codes[i] >= width;       \
        return any;                                                                  \
    }
ANY_ABOVE(any_above_8, uint8_t)
ANY_ABOVE(any_above_16, uint16_t)
ANY_ABOVE(any_above_32, int32_t)

static bool may_be_above(const peal_column *column, uint32_t width) {
    return (column->type == PEAL_TYPE_UINT8    ? any_above_8
            : column->type == PEAL_TYPE_UINT16 ? any_above_16
                                               : any_above_32)(column->values, column->length, width);
}

static peal_status check_column_codes(const peal_column *column, uint32_t width, const char *name, peal_error *err) {
    if (!may_be_above(column, width)) return PEAL_OK;
    for (size_t row = 0; row < column->length; row++) {
        if (!peal_column_is_valid(column, row)) continue;
        const int32_t code = peal_column_code(column, row);
        if (code >= 0 && (uint32_t)code < width) continue;
        return peal_fail(err, PEAL_E_DATA, "%s: column '%s' holds code %d in row %zu, but there are %u of them", name,
                         column->name, code, row + 1, width);
    }
    return PEAL_OK;
}

static peal_status check_indices(const peal_column *column, uint32_t width, const char *name, peal_error *err) {
    const uint32_t *indices = column->child->values;
    for (size_t i = 0; i < column->child->length; i++) {
        if (indices[i] < width) continue;
        return peal_fail(err, PEAL_E_DATA, "%s: column '%s' holds index %u, but there are %u sparse features", name,
                         column->name, indices[i], width);
    }
    return PEAL_OK;
}

peal_status peal_pipeline_check_codes(const peal_pipeline *pipeline, const peal_table *table, const char *name,
                                      peal_error *err) {
    size_t at = pipeline->feature_width > 0;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *column = &pipeline->columns[i];
        if (column->role != PEAL_ROLE_INDEX) continue;
        const peal_column *codes = &table->columns[at++];
        if (codes->type == PEAL_TYPE_DICTIONARY) continue;
        const peal_pipeline_step *encoder = &column->steps[column->step_count - 1];
        PEAL_TRY(check_column_codes(codes, encoder->transform->width(encoder->state), name, err));
    }
    return pipeline->sparse_width ? check_indices(&table->columns[at], pipeline->sparse_width, name, err) : PEAL_OK;
}

peal_status peal_pipeline_check_table(const peal_pipeline *pipeline, const peal_table *table, const char *name,
                                      peal_error *err) {
    peal_applier *applier;
    PEAL_TRY(peal_applier_new(pipeline, PEAL_APPLY_ALL, &applier, err));
    const peal_table *wanted = peal_applier_schema(applier);
    peal_status status = PEAL_OK;
    if (table->column_count != wanted->column_count) {
        status = peal_fail(err, PEAL_E_DATA, "%s has %zu columns, but the pipeline makes %zu", name,
                           table->column_count, wanted->column_count);
    }
    for (size_t i = 0; status == PEAL_OK && i < table->column_count; i++) {
        status = check_table_column(&table->columns[i], &wanted->columns[i], name, i, err);
    }
    peal_applier_free(applier);
    return status == PEAL_OK ? peal_pipeline_check_codes(pipeline, table, name, err) : status;
}
