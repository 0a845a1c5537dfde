/* Features and the columns that they come from; see columns.h. */
#include "models/learner/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

/* Of the two columns that sparse features may come as, the one of indices speaks for both. */
static bool is_used(const peal_pipeline *pipeline, size_t index) {
    const peal_column_role role = pipeline->columns[index].role;
    return role == PEAL_ROLE_FEATURE || role == PEAL_ROLE_INDEX ||
           (role == PEAL_ROLE_SPARSE && index != pipeline->values);
}

peal_status models__columns_init(models__columns *columns, const peal_pipeline *pipeline, const models__bins *bins,
                                 size_t sparse_most, peal_error *err) {
    const size_t all = pipeline->schema.count, codes = bins->shape.code_columns;
    size_t used = 0;
    for (size_t i = 0; i < all; i++) used += is_used(pipeline, i);
    *columns = (models__columns){.numbers = pipeline->feature_width, .features = bins->dense, .dense = bins->dense};
    PEAL_TRY(peal_alloc_checked(&columns->places, used, sizeof(uint32_t), "columns", err));
    PEAL_TRY(peal_alloc_checked(&columns->sparse, used, sizeof(uint32_t), "columns", err));
    PEAL_TRY(peal_alloc_checked(&columns->of, columns->dense + sparse_most, sizeof(uint32_t), "columns", err));
    size_t code = columns->numbers;
    for (size_t i = 0; i < all; i++) {
        const peal_pipeline_column *column = &pipeline->columns[i];
        if (!is_used(pipeline, i)) continue;
        const uint32_t number = (uint32_t)columns->count++;
        columns->places[number] = (uint32_t)i;
        columns->sparse[number] = column->role == PEAL_ROLE_SPARSE ? column->offset : UINT32_MAX;
        if (column->role == PEAL_ROLE_SPARSE) continue;
        if (column->role == PEAL_ROLE_INDEX) {
            columns->of[code++] = number;
            continue;
        }
        for (uint32_t j = 0; j < column->width; j++) columns->of[column->offset + j] = number;
    }
    for (size_t c = codes; c < bins->code_features; c++) {
        columns->of[columns->numbers + c] = columns->of[columns->numbers + bins->code_column[c]];
    }
    return PEAL_OK;
}

void models__columns_finish(models__columns *columns, const models__bins *bins) {
    columns->features = bins->features;
    for (size_t k = 0; k < bins->sparse.count; k++) {
        uint32_t best = 0, first = 0;
        for (uint32_t c = 0; c < columns->count; c++) {
            const uint32_t begin = columns->sparse[c];
            if (begin == UINT32_MAX || begin > bins->sparse.indices[k] || begin < first) continue;
            first = begin;
            best = c;
        }
        columns->of[columns->dense + k] = best;
    }
}

void models__columns_clear(models__columns *columns) {
    free(columns->places);
    free(columns->sparse);
    free(columns->of);
    *columns = (models__columns){0};
}

static const peal_pipeline_column *column_of(const models__columns *columns, const peal_pipeline *pipeline, size_t f) {
    return &pipeline->columns[columns->places[columns->of[f]]];
}

/* A mark of what is missing beside it is no number of its own: trees never part by it. */
static bool is_one_number(const peal_pipeline_column *column) {
    return column->width == 1 || peal_pipeline_marker(column);
}

bool models__column_is_ordered(const models__columns *columns, const peal_pipeline *pipeline, size_t f) {
    const peal_pipeline_column *column = column_of(columns, pipeline, f);
    if (column->role == PEAL_ROLE_SPARSE || (f < columns->numbers && !is_one_number(column))) return false;
    for (size_t i = 0; i < column->step_count; i++) {
        const peal_transform *transform = column->steps[i].transform;
        if (transform->role == PEAL_TRANSFORM_ENCODE && !transform->buckets) return false;
    }
    return true;
}

/* What the number becomes; the steps never let the order go. A logarithm of what has none is below all. */
static double forward(const peal_pipeline_column *column, double value) {
    for (size_t i = 0; i < column->step_count; i++) {
        const peal_pipeline_step *step = &column->steps[i];
        if (step->transform->numbers) step->transform->numbers(step->state, &value, 1);
        if (isnan(value)) return -INFINITY;
        if (!step->transform->buckets) continue;
        int32_t code;
        step->transform->buckets(step->state, &value, 1, &code);
        return code;
    }
    return (double)(float)value;
}

/* The double number `key` of all that are finite, in their order, the middle one 0. */
static double from_key(int64_t key) {
    const int64_t bits = key < 0 ? -key : key;
    double value;
    memcpy(&value, &bits, sizeof value);
    return key < 0 ? -value : value;
}

double models__column_bound(const models__columns *columns, const peal_pipeline *pipeline, size_t f, double most) {
    const peal_pipeline_column *column = column_of(columns, pipeline, f);
    int64_t high = INT64_C(0x7fefffffffffffff), low = -high; /* DBL_MAX */
    if (forward(column, from_key(high)) <= most) return INFINITY;
    if (!(forward(column, from_key(low)) <= most)) return -INFINITY;
    while (low < high - 1) { /* low goes left, high goes right */
        const int64_t middle = low + (int64_t)(((uint64_t)high - (uint64_t)low) / 2);
        if (forward(column, from_key(middle)) <= most) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return from_key(low);
}
