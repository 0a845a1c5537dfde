/* Keeps rows of a pipeline's output by random keys, and makes tables of them; see kept.h. */
#include "models/predict/kept.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/philox.h"

static const size_t bytes_most = (size_t)1 << 29;

/* ---- keeping ---- */

peal_status models__kept_init(models__kept *kept, const peal_pipeline *pipeline, uint64_t seed, size_t rows_most,
                              const peal_type *extras, size_t extra_count, peal_error *err) {
    *kept = (models__kept){.pipeline = pipeline, .seed = seed, .rows_most = rows_most, .bound = UINT32_MAX};
    PEAL_TRY(peal_pipeline_shape(pipeline, &kept->shape, err));
    const peal_shape *shape = &kept->shape;
    const size_t count = (shape->features > 0) + shape->code_columns + (shape->sparse ? 2 : 0) +
                         (size_t)shape->has_label + (size_t)shape->has_offset;
    PEAL_TRY(peal_alloc_checked(&kept->columns, count + extra_count, sizeof *kept->columns, "kept rows", err));
    kept->table_count = count;
    kept->count = count + extra_count;
    for (size_t i = 0; i < extra_count; i++) kept->columns[count + i].like.type = extras[i];
    return PEAL_OK;
}

void models__kept_clear(models__kept *kept) {
    for (size_t i = 0; kept->columns && i < kept->count; i++) {
        peal_buffer_clear(&kept->columns[i].values);
        peal_buffer_clear(&kept->columns[i].ends);
        peal_buffer_clear(&kept->columns[i].missing);
    }
    peal_buffer_clear(&kept->keys);
    free(kept->columns);
    free(kept->shape.vocabularies);
    *kept = (models__kept){0};
}

uint32_t models__kept_key(const models__kept *kept, uint64_t number) {
    peal_philox stream =
        peal_philox_stream(kept->seed, PEAL_PURPOSE_KEEP, (uint32_t)(number >> 32), 0, (uint32_t)number);
    return peal_philox_u32(&stream);
}

/* Bytes of a row's values; of LIST, of an item. */
static size_t item_size(const peal_column *column) {
    const bool has_items = peal_types[column->type].has_child;
    return has_items ? peal_column_value_size(column->child) : peal_column_value_size(column);
}

static void learn_layout(models__kept_column *own, const peal_column *column) {
    const bool is_list = column->type == PEAL_TYPE_LIST;
    own->like = (peal_column){.type = column->type, .codes = column->codes, .width = column->width};
    if (column->child) own->child = (peal_column){.type = column->child->type};
    own->size = is_list ? 0 : item_size(column) * (column->type == PEAL_TYPE_FIXED_LIST ? column->width : 1);
}

static peal_status add_list(models__kept_column *own, const peal_column *column, size_t row, peal_error *err) {
    const size_t size = item_size(column), begin = (size_t)column->offsets[row], end = (size_t)column->offsets[row + 1];
    const uint8_t *items = column->child->values;
    if (end > begin) PEAL_TRY(peal_buffer_append(&own->values, items + begin * size, (end - begin) * size, err));
    const uint64_t at = own->values.size / size;
    return peal_buffer_append(&own->ends, &at, sizeof at, err);
}

static peal_status add_value(models__kept_column *own, const peal_column *column, size_t row, peal_error *err) {
    const bool is_fixed = column->type == PEAL_TYPE_FIXED_LIST;
    const uint8_t *values = is_fixed ? column->child->values : column->values;
    const uint8_t missing = !is_fixed && !peal_column_is_valid(column, row);
    PEAL_TRY(peal_buffer_append(&own->values, values + row * own->size, own->size, err));
    return peal_buffer_append(&own->missing, &missing, 1, err);
}

static peal_status add_rows(models__kept_column *own, const peal_column *column, const uint32_t *keys, size_t rows,
                            uint32_t bound, peal_error *err) {
    learn_layout(own, column);
    for (size_t row = 0; row < rows; row++) {
        if (keys[row] > bound) continue;
        PEAL_TRY(column->type == PEAL_TYPE_LIST ? add_list(own, column, row, err) : add_value(own, column, row, err));
    }
    return PEAL_OK;
}

/* ---- letting go ---- */

static uint64_t begin_of(const models__kept_column *own, size_t row) {
    return row ? ((const uint64_t *)(const void *)own->ends.data)[row - 1] : 0;
}

static void squeeze_list(models__kept_column *own, const uint32_t *keys, size_t rows, uint32_t bound) {
    const size_t size = peal_column_value_size(&own->child);
    uint64_t *ends = (uint64_t *)(void *)own->ends.data, used = 0, begin = 0;
    size_t count = 0;
    for (size_t row = 0; row < rows; row++) {
        const uint64_t end = ends[row];
        if (keys[row] <= bound) {
            memmove(own->values.data + used * size, own->values.data + begin * size, (end - begin) * size);
            used += end - begin;
            ends[count++] = used;
        }
        begin = end;
    }
    own->values.size = used * size;
    own->ends.size = count * sizeof *ends;
}

static void squeeze_values(models__kept_column *own, const uint32_t *keys, size_t rows, uint32_t bound) {
    size_t count = 0;
    for (size_t row = 0; row < rows; row++) {
        if (keys[row] > bound) continue;
        memmove(own->values.data + count * own->size, own->values.data + row * own->size, own->size);
        own->missing.data[count++] = own->missing.data[row];
    }
    own->values.size = count * own->size;
    own->missing.size = count;
}

static size_t bytes_of(const models__kept *kept) {
    size_t bytes = 0;
    for (size_t i = 0; i < kept->count; i++) bytes += kept->columns[i].values.size;
    return bytes;
}

static void halve(models__kept *kept) {
    uint32_t *keys = (uint32_t *)(void *)kept->keys.data;
    size_t count = 0;
    kept->bound /= 2;
    for (size_t i = 0; i < kept->count; i++) {
        models__kept_column *own = &kept->columns[i];
        if (own->like.type == PEAL_TYPE_LIST) {
            squeeze_list(own, keys, kept->rows, kept->bound);
        } else {
            squeeze_values(own, keys, kept->rows, kept->bound);
        }
    }
    for (size_t row = 0; row < kept->rows; row++) {
        if (keys[row] <= kept->bound) keys[count++] = keys[row];
    }
    kept->rows = count;
    kept->keys.size = count * sizeof *keys;
}

peal_status models__kept_add(models__kept *kept, const peal_table *table, const peal_column *extras,
                             const uint32_t *keys, peal_error *err) {
    for (size_t i = 0; i < kept->count; i++) {
        const bool is_extra = i >= kept->table_count;
        const peal_column *column = is_extra ? &extras[i - kept->table_count] : &table->columns[i];
        PEAL_TRY(add_rows(&kept->columns[i], column, keys, table->rows, kept->bound, err));
    }
    for (size_t row = 0; row < table->rows; row++) {
        if (keys[row] <= kept->bound) PEAL_TRY(peal_buffer_append(&kept->keys, &keys[row], sizeof *keys, err));
    }
    kept->rows = kept->keys.size / sizeof *keys;
    while (kept->rows > kept->rows_most || bytes_of(kept) > bytes_most) {
        halve(kept);
        if (kept->bound) continue;
        return peal_fail(err, PEAL_E_USAGE, "one query has more rows than can be kept in memory (%zu)",
                         kept->rows_most);
    }
    return PEAL_OK;
}

const void *models__kept_extra(const models__kept *kept, size_t index) {
    return kept->columns[kept->table_count + index].values.data;
}

/* ---- looking ---- */

bool models__kept_has(const peal_pipeline *pipeline, size_t raw) {
    const peal_pipeline_column *column = &pipeline->columns[raw];
    if (raw == pipeline->indices || raw == pipeline->values) return false;
    return column->role == PEAL_ROLE_INDEX ||
           ((column->role == PEAL_ROLE_FEATURE || column->role == PEAL_ROLE_SPARSE) && column->width > 0);
}

peal_status models__kept_view_init(models__kept_view *view, const models__kept *kept, peal_error *err) {
    static const char what[] = "rows to look at";
    const size_t count = kept->table_count;
    *view = (models__kept_view){0};
    PEAL_TRY(peal_alloc_checked(&view->columns, count, sizeof *view->columns, what, err));
    PEAL_TRY(peal_alloc_checked(&view->children, count, sizeof *view->children, what, err));
    PEAL_TRY(peal_alloc_checked(&view->values, count, sizeof *view->values, what, err));
    PEAL_TRY(peal_alloc_checked(&view->others, count, sizeof *view->others, what, err));
    view->table = (peal_table){.column_count = count, .columns = view->columns};
    return PEAL_OK;
}

void models__kept_view_clear(models__kept_view *view) {
    for (size_t i = 0; view->others && i < view->table.column_count; i++) {
        peal_buffer_clear(&view->values[i]);
        peal_buffer_clear(&view->others[i]);
    }
    free(view->columns);
    free(view->children);
    free(view->values);
    free(view->others);
    *view = (models__kept_view){0};
}

/* What one look is about. */
typedef struct look {
    const models__kept *kept;
    const models__swap *swap;
    size_t first, count;
    models__kept_view *view;
} look;

static size_t other_row(const look *self, size_t row) {
    return self->swap->from ? self->swap->from[row] : self->swap->row;
}

/* Numbers: the row's own, but for the features of the swapped column. */
static peal_status look_at_features(const look *self, size_t i, peal_error *err) {
    const models__kept_column *own = &self->kept->columns[i];
    const peal_pipeline_column *column =
        self->swap->raw == SIZE_MAX ? NULL : &self->kept->pipeline->columns[self->swap->raw];
    const size_t item = own->size / own->like.width;
    peal_buffer *values = &self->view->values[i];
    values->size = 0;
    PEAL_TRY(peal_buffer_append(values, own->values.data + self->first * own->size, self->count * own->size, err));
    for (size_t row = 0; column && column->role == PEAL_ROLE_FEATURE && row < self->count; row++) {
        const size_t at = column->offset * item, from = other_row(self, self->first + row);
        memcpy(values->data + row * own->size + at, own->values.data + from * own->size + at, column->width * item);
    }
    self->view->children[i] = own->child;
    self->view->children[i].length = self->count * own->like.width;
    self->view->children[i].values = values->data;
    self->view->columns[i].child = &self->view->children[i];
    return PEAL_OK;
}

/* A value a row: codes, the label, the offset. */
static peal_status look_at_values(const look *self, size_t i, bool is_swapped, peal_error *err) {
    const models__kept_column *own = &self->kept->columns[i];
    peal_column *out = &self->view->columns[i];
    peal_buffer *values = &self->view->values[i], *validity = &self->view->others[i];
    const size_t bits = self->count / 8 + 1;
    values->size = validity->size = 0;
    PEAL_TRY(peal_buffer_reserve(values, self->count * own->size, err));
    PEAL_TRY(peal_buffer_reserve(validity, bits, err));
    memset(validity->data, 0xff, bits);
    out->null_count = 0;
    for (size_t row = 0; row < self->count; row++) {
        const size_t from = is_swapped ? other_row(self, self->first + row) : self->first + row;
        memcpy(values->data + row * own->size, own->values.data + from * own->size, own->size);
        if (!own->missing.data[from]) continue;
        validity->data[row / 8] = (uint8_t)(validity->data[row / 8] & ~(1u << row % 8));
        out->null_count++;
    }
    out->values = values->data;
    out->validity = out->null_count ? validity->data : NULL;
    return PEAL_OK;
}

/* The place of the first entry of a row that is `least` or more. Entries rise, as in what texts became. */
static uint64_t entry_from(const models__kept_column *indices, size_t row, uint32_t least) {
    const uint32_t *items = (const uint32_t *)(const void *)indices->values.data;
    uint64_t at = begin_of(indices, row);
    const uint64_t end = begin_of(indices, row + 1);
    while (at < end && items[at] < least) at++;
    return at;
}

static peal_status put_entries(const look *self, size_t i, uint64_t begin, uint64_t end, peal_error *err) {
    const size_t size = sizeof(uint32_t);
    for (size_t k = i; k < i + 2; k++) {
        const uint8_t *items = self->kept->columns[k].values.data;
        if (end == begin) break;
        PEAL_TRY(peal_buffer_append(&self->view->values[k], items + begin * size, (end - begin) * size, err));
    }
    return PEAL_OK;
}

/* Indices and values: the row's own below and above the range of the swapped column, the other row's within. */
static peal_status look_at_row(const look *self, size_t i, size_t row, peal_error *err) {
    const models__kept_column *indices = &self->kept->columns[i];
    const peal_pipeline_column *column =
        self->swap->raw == SIZE_MAX ? NULL : &self->kept->pipeline->columns[self->swap->raw];
    const uint64_t begin = begin_of(indices, row), end = begin_of(indices, row + 1);
    if (!column || column->role != PEAL_ROLE_SPARSE) return put_entries(self, i, begin, end, err);
    const uint32_t least = column->offset, above = column->offset + column->width;
    const size_t from = other_row(self, row);
    PEAL_TRY(put_entries(self, i, begin, entry_from(indices, row, least), err));
    PEAL_TRY(put_entries(self, i, entry_from(indices, from, least), entry_from(indices, from, above), err));
    return put_entries(self, i, entry_from(indices, row, above), end, err);
}

static peal_status look_at_sparse(const look *self, size_t i, peal_error *err) {
    models__kept_view *view = self->view;
    peal_buffer *offsets = &view->others[i];
    int32_t end = 0;
    view->values[i].size = view->values[i + 1].size = offsets->size = 0;
    for (size_t k = i; k < i + 2; k++) PEAL_TRY(peal_buffer_reserve(&view->values[k], sizeof(uint32_t), err));
    PEAL_TRY(peal_buffer_append(offsets, &end, sizeof end, err));
    for (size_t row = self->first; row < self->first + self->count; row++) {
        PEAL_TRY(look_at_row(self, i, row, err));
        end = (int32_t)(view->values[i].size / sizeof(uint32_t));
        PEAL_TRY(peal_buffer_append(offsets, &end, sizeof end, err));
    }
    for (size_t k = i; k < i + 2; k++) {
        view->children[k] = self->kept->columns[k].child;
        view->children[k].length = (size_t)end;
        view->children[k].values = view->values[k].data;
        view->columns[k].child = &view->children[k];
        view->columns[k].offsets = (const int32_t *)(const void *)offsets->data;
    }
    return PEAL_OK;
}

/* Where in the table the codes of a raw column stand; SIZE_MAX: it has none. */
static size_t place_of_codes(const models__kept *kept, size_t raw) {
    if (raw == SIZE_MAX || kept->pipeline->columns[raw].role != PEAL_ROLE_INDEX) return SIZE_MAX;
    size_t place = kept->shape.features > 0;
    for (size_t i = 0; i < raw; i++) place += kept->pipeline->columns[i].role == PEAL_ROLE_INDEX;
    return place;
}

peal_status models__kept_look(const models__kept *kept, const models__swap *swap, size_t first, size_t count,
                              models__kept_view *view, peal_error *err) {
    const look self = {kept, swap, first, count, view};
    const size_t codes = place_of_codes(kept, swap->raw);
    view->table.rows = count;
    for (size_t i = 0; i < kept->table_count; i++) {
        view->columns[i] = kept->columns[i].like;
        view->columns[i].length = count;
    }
    for (size_t i = 0; i < kept->table_count; i++) {
        const peal_type type = kept->columns[i].like.type;
        if (type == PEAL_TYPE_LIST) {
            PEAL_TRY(look_at_sparse(&self, i, err));
            i++; /* the values stand beside their indices */
        } else if (type == PEAL_TYPE_FIXED_LIST) {
            PEAL_TRY(look_at_features(&self, i, err));
        } else {
            PEAL_TRY(look_at_values(&self, i, i == codes, err));
        }
    }
    return PEAL_OK;
}
