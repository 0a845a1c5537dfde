/* Rows of NumPy arrays become Arrow arrays, one a column, and those a block's columns. See npy.h. */
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "etl/format/npy.h"

typedef struct column_maker {
    const npy__array *from;
    const uint8_t *items; /* the column's first item; the next one is a row further */
    size_t rows;
    ipc__array *out;
} column_maker;

static peal_status make_own(ipc__array *out, size_t index, size_t size, peal_error *err) {
    return peal_buffer_reserve(&out->own[index], size + PEAL_BLOCK_PADDING, err);
}

/* ---- numbers ---- */

static void swap_bytes(uint8_t *values, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++, values += size) {
        for (size_t low = 0, high = size - 1; low < high; low++, high--) {
            const uint8_t byte = values[low];
            values[low] = values[high];
            values[high] = byte;
        }
    }
}

/* One loop a size, for speed. */
static void gather(const column_maker *self, uint8_t *to) {
    const size_t step = self->from->row_size, size = self->from->size;
    const uint8_t *at = self->items;
    for (size_t row = 0; row < self->rows; row++, at += step, to += size) {
        if (size == 8) {
            memcpy(to, at, 8);
        } else if (size == 4) {
            memcpy(to, at, 4);
        } else {
            memcpy(to, at, size);
        }
    }
}

static peal_status make_numbers(column_maker *self, peal_error *err) {
    const npy__array *from = self->from;
    ipc__array *out = self->out;
    out->type = (ipc__type){
        .kind = from->kind == 'f' ? TYPE_FLOAT : TYPE_INT, .is_signed = from->kind != 'u', .bits = from->size * 8};
    out->values = self->items;
    if (from->row_size == from->size && !from->swapped) return PEAL_OK;
    PEAL_TRY(make_own(out, 0, self->rows * from->size, err));
    gather(self, out->own[0].data);
    if (from->swapped) swap_bytes(out->own[0].data, self->rows, from->size);
    out->values = out->own[0].data;
    return PEAL_OK;
}

static peal_status make_bools(column_maker *self, peal_error *err) {
    ipc__array *out = self->out;
    out->type = (ipc__type){.kind = TYPE_BOOL, .bits = 1};
    PEAL_TRY(make_own(out, 0, self->rows / 8 + 1, err));
    memset(out->own[0].data, 0, self->rows / 8 + 1);
    for (size_t row = 0; row < self->rows; row++) {
        const bool value = self->items[row * self->from->row_size] != 0;
        out->own[0].data[row / 8] |= (uint8_t)(value << (row % 8));
    }
    out->values = out->own[0].data;
    return PEAL_OK;
}

/* ---- texts ---- */

/* A code point as UTF-8; one that there is not becomes a byte that is none, so that its row is bad. */
static size_t put_character(uint32_t point, uint8_t *to) {
    if (point < 0x80) {
        to[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (uint8_t)(0xC0 | point >> 6);
        to[1] = (uint8_t)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        to[0] = (uint8_t)(0xE0 | point >> 12);
        to[1] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        to[2] = (uint8_t)(0x80 | (point & 0x3F));
        return 3;
    }
    if (point > 0x10FFFF) {
        to[0] = 0xFF;
        return 1;
    }
    to[0] = (uint8_t)(0xF0 | point >> 18);
    to[1] = (uint8_t)(0x80 | (point >> 12 & 0x3F));
    to[2] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
    to[3] = (uint8_t)(0x80 | (point & 0x3F));
    return 4;
}

/* A text ends where only NULs follow. */
static size_t put_bytes(const uint8_t *item, size_t size, uint8_t *to) {
    while (size > 0 && item[size - 1] == 0) size--;
    memcpy(to, item, size);
    return size;
}

static size_t put_points(const uint8_t *item, size_t size, bool swapped, uint8_t *to) {
    size_t count = size / 4, used = 0;
    uint32_t point;
    for (; count > 0; count--) {
        memcpy(&point, item + 4 * (count - 1), sizeof point);
        if (point) break;
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(&point, item + 4 * i, sizeof point);
        used += put_character(swapped ? __builtin_bswap32(point) : point, to + used);
    }
    return used;
}

static peal_status make_texts(column_maker *self, peal_error *err) {
    const npy__array *from = self->from;
    ipc__array *out = self->out;
    out->type = (ipc__type){.kind = TYPE_LARGE_UTF8};
    PEAL_TRY(make_own(out, 0, (self->rows + 1) * sizeof(uint64_t), err));
    PEAL_TRY(make_own(out, 1, self->rows * from->size, err));
    uint64_t *offsets = (uint64_t *)(void *)out->own[0].data, used = 0;
    uint8_t *bytes = out->own[1].data;
    for (size_t row = 0; row < self->rows; row++) {
        const uint8_t *item = self->items + row * from->row_size;
        offsets[row] = used;
        const size_t size = from->kind == 'S' ? put_bytes(item, from->size, bytes + used)
                                              : put_points(item, from->size, from->swapped, bytes + used);
        if (out->sound) out->sound = peal_utf8_error((const char *)bytes + used, size) == size;
        used += size;
    }
    offsets[self->rows] = used;
    out->offsets = out->own[0].data;
    out->bytes = bytes;
    return PEAL_OK;
}

/* ---- the block ---- */

static peal_status make_column(const npy__reader *reader, size_t column, const char *text, size_t rows, ipc__array *out,
                               peal_error *err) {
    *out = (ipc__array){.type = {.kind = TYPE_NULL}, .rows = rows, .sound = true};
    if (column == SIZE_MAX) return PEAL_OK;
    const npy__array *array = reader->arrays.arrays;
    size_t at = 0;
    for (; column >= array->first + array->column_count; array++) at += peal_round_up(rows * array->row_size, 8);
    column_maker self = {.from = array,
                         .items = (const uint8_t *)text + at + (column - array->first) * array->size,
                         .rows = rows,
                         .out = out};
    out->own = calloc(2, sizeof *out->own);
    if (!out->own) return peal_fail(err, PEAL_E_MEMORY, "no memory for a block");
    out->own_count = 2;
    if (reader->arrays.columns.fields[column].type == PEAL_TYPE_FIXED_LIST) {
        out->type = (ipc__type){.kind = TYPE_FIXED_SIZE_LIST, .width = (uint32_t)array->width};
        out->values = self.items;
        return PEAL_OK;
    }
    if (array->kind == 'b') return make_bools(&self, err);
    return array->kind == 'S' || array->kind == 'U' ? make_texts(&self, err) : make_numbers(&self, err);
}

peal_status npy__parse(const peal_reader *base, peal_block *block, peal_error *err) {
    const npy__reader *reader = (const npy__reader *)base;
    const peal_schema *schema = reader->wanted->schema;
    const size_t rows = (size_t)block->records;
    ipc__array *arrays = NULL;
    peal_status status = peal_alloc_checked(&arrays, schema->count, sizeof *arrays, "a block", err);
    for (size_t i = 0; i < schema->count && status == PEAL_OK; i++) {
        if (schema->fields[i].skip) continue;
        status = make_column(reader, reader->columns[i], block->text, rows, &arrays[i], err);
    }
    if (status == PEAL_OK) status = ipc__fill_block(reader->wanted, arrays, rows, block, err);
    ipc__arrays_free(arrays, schema->count);
    return status;
}
