/* What comes of texts row by row: sparse features beside those that come as such, and columns that are kept. */
#include <string.h>

#include "etl/pipeline/applier.h"

/* ---- sparse features ---- */

/* The text of a row of a raw column of its own texts, as it comes to the last step. */
static peal_status row_text(peal_applier *applier, size_t index, const peal_column *raw, size_t row, peal_text *out,
                            peal_error *err) {
    const int32_t begin = raw->offsets[row], end = raw->offsets[row + 1];
    peal_text text = {NULL, 0};
    if (peal_column_is_valid(raw, row)) text = (peal_text){(const char *)raw->values + begin, (uint32_t)(end - begin)};
    return peal_pipeline_text(applier->pipeline, index, text, &applier->scratch, out, err);
}

static peal_status reserve_entries(peal_applier *applier, size_t count, peal_error *err) {
    PEAL_TRY(peal_buffer_reserve(&applier->sparse_indices, count * sizeof(uint32_t), err));
    return peal_buffer_reserve(&applier->sparse_values, count * sizeof(float), err);
}

/* Appends an entry, for which there is room. */
static inline void put_entry(peal_applier *applier, uint32_t index, float value) {
    memcpy(applier->sparse_indices.data + applier->sparse_indices.size, &index, sizeof index);
    memcpy(applier->sparse_values.data + applier->sparse_values.size, &value, sizeof value);
    applier->sparse_indices.size += sizeof index;
    applier->sparse_values.size += sizeof value;
}

/* The entries that came as such, of those indices that the model knows. */
static peal_status put_list(peal_applier *applier, const peal_column *indices, const peal_column *values, size_t row,
                            uint32_t width, peal_error *err) {
    const int32_t begin = indices->offsets[row], end = indices->offsets[row + 1];
    const uint32_t *index = indices->child->values;
    const float *value = values->child->values;
    PEAL_TRY(reserve_entries(applier, (size_t)(end - begin), err));
    for (int32_t i = begin; i < end; i++) {
        if (index[i] < width) put_entry(applier, index[i], value[i]);
    }
    return PEAL_OK;
}

/* The entries that a text becomes. */
static peal_status put_text(peal_applier *applier, size_t index, const peal_column *raw, size_t row, peal_error *err) {
    const peal_pipeline_column *column = &applier->pipeline->columns[index];
    const peal_pipeline_step *encoder = &column->steps[column->step_count - 1];
    peal_bag *bag = &applier->bag;
    peal_text text;
    bag->count = 0;
    PEAL_TRY(row_text(applier, index, raw, row, &text, err));
    PEAL_TRY(encoder->transform->fill(encoder->state, text, bag, err));
    PEAL_TRY(reserve_entries(applier, bag->count, err));
    for (size_t i = 0; i < bag->count; i++) {
        put_entry(applier, column->offset + bag->entries[i].index, bag->entries[i].value);
    }
    return PEAL_OK;
}

static peal_status put_sparse_row(peal_applier *applier, const peal_raw_batch *raw, size_t row, peal_error *err) {
    const peal_pipeline *pipeline = applier->pipeline;
    if (pipeline->indices != SIZE_MAX) {
        PEAL_TRY(put_list(applier, &raw->columns[pipeline->indices], &raw->columns[pipeline->values], row,
                          pipeline->columns[pipeline->indices].width, err));
    }
    for (size_t i = 0; i < applier->text_column_count; i++) {
        const size_t index = applier->text_columns[i];
        PEAL_TRY(put_text(applier, index, &raw->columns[index], row, err));
    }
    return PEAL_OK;
}

/* The schema's children get their lengths with the rows. */
peal_status applier__sparse(peal_applier *applier, const peal_raw_batch *raw, const uint32_t *selection, size_t count,
                            peal_error *err) {
    applier->sparse_offsets.size = applier->sparse_indices.size = applier->sparse_values.size = 0;
    PEAL_TRY(peal_buffer_reserve(&applier->sparse_offsets, (count + 1) * sizeof(int32_t), err));
    PEAL_TRY(reserve_entries(applier, 1, err));
    int32_t *offsets = (int32_t *)(void *)applier->sparse_offsets.data;
    offsets[0] = 0;
    for (size_t row = 0; row < count; row++) {
        PEAL_TRY(put_sparse_row(applier, raw, applier__row_at(selection, row), err));
        const size_t entries = applier->sparse_indices.size / sizeof(uint32_t);
        if (entries > INT32_MAX) return peal_fail(err, PEAL_E_DATA, "more than 2^31 sparse features in a block");
        offsets[row + 1] = (int32_t)entries;
    }
    const void *const arrays[] = {applier->sparse_indices.data, applier->sparse_values.data};
    for (size_t i = 0; i < 2; i++) {
        peal_column *column = &applier->columns[applier->sparse_at + i];
        column->length = count;
        column->offsets = offsets;
        applier->sparse_items[i].length = (size_t)offsets[count];
        applier->sparse_items[i].values = arrays[i];
    }
    return PEAL_OK;
}

/* ---- what is kept ---- */

peal_status applier__kept(peal_applier *applier, size_t at, const peal_raw_batch *raw, const uint32_t *selection,
                          size_t count, peal_error *err) {
    const size_t from = applier->raw_of[at];
    peal_column *column = &applier->columns[at];
    peal_buffer *bytes = &applier->kept_bytes[at];
    uint8_t *validity = applier->validity[at];
    applier->kept_offsets[at].size = bytes->size = 0;
    PEAL_TRY(peal_buffer_reserve(&applier->kept_offsets[at], (count + 1) * sizeof(int32_t), err));
    PEAL_TRY(peal_buffer_reserve(bytes, 1, err));
    int32_t *offsets = (int32_t *)(void *)applier->kept_offsets[at].data;
    memset(validity, 0, count / 8 + 1);
    offsets[0] = 0;
    column->null_count = 0;
    for (size_t row = 0; row < count; row++) {
        peal_text text;
        PEAL_TRY(row_text(applier, from, &raw->columns[from], applier__row_at(selection, row), &text, err));
        if (text.data) {
            validity[row / 8] = (uint8_t)(validity[row / 8] | 1u << (row % 8));
            PEAL_TRY(peal_buffer_append(bytes, text.data, text.length, err));
        } else {
            column->null_count++;
        }
        if (bytes->size > INT32_MAX) return peal_fail(err, PEAL_E_DATA, "more than 2 GB of texts in a block");
        offsets[row + 1] = (int32_t)bytes->size;
    }
    column->length = count;
    column->offsets = offsets;
    column->values = bytes->data;
    column->validity = column->null_count ? validity : NULL;
    return PEAL_OK;
}
