/* Copies rows into shared memory, column by column; see slab.h. */
#include "models/online/slab.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"

/* Bytes of a row of a column of fixed size; 0 of a LIST. */
static size_t row_size(const peal_column *column) {
    if (column->type == PEAL_TYPE_FIXED_LIST) return column->width * peal_column_value_size(column->child);
    return column->type == PEAL_TYPE_LIST ? 0 : peal_column_value_size(column);
}

/* Where everything lies in the memory, or how much of it is wanted if there is none yet. */
static void place(models__slab *slab, const peal_table *schema, size_t rows, peal_slab_plan *plan) {
    for (size_t i = 0; i < schema->column_count; i++) {
        const peal_column *like = &schema->columns[i];
        peal_column *column = &slab->table.columns[i], *child = &slab->children[i];
        const size_t size = row_size(like), entries = size ? rows * like->width : rows * MODELS__SLAB_ENTRIES;
        const size_t item = like->child ? peal_column_value_size(like->child) : 0;
        const size_t values =
            like->child ? peal_slab_plan_take(plan, entries, item) : peal_slab_plan_take(plan, rows, size);
        const size_t validity = peal_slab_plan_take(plan, (rows + 7) / 8, 1);
        const size_t offsets = size ? 0 : peal_slab_plan_take(plan, rows + 1, sizeof(int32_t));
        uint8_t *base = slab->memory.data;
        if (!base) continue;
        *column = *like;
        column->length = rows;
        column->validity = base + validity;
        column->offsets = size ? NULL : (const int32_t *)(void *)(base + offsets);
        if (!like->child) {
            column->values = base + values;
            continue;
        }
        *child = *like->child;
        child->length = entries;
        child->validity = NULL;
        child->values = base + values;
        column->child = child;
        slab->entries[i] = entries;
    }
}

peal_status models__slab_new(const peal_table *schema, size_t rows, models__slab *out, peal_error *err) {
    static const char what[] = "a window of rows";
    const size_t count = schema->column_count;
    *out = (models__slab){.table = {.rows = rows, .column_count = count}};
    peal_slab_plan plan = {0};
    peal_status status = peal_zeroed_checked(&out->table.columns, count, sizeof *out->table.columns, what, err);
    if (status == PEAL_OK) status = peal_zeroed_checked(&out->children, count, sizeof *out->children, what, err);
    if (status == PEAL_OK) status = peal_zeroed_checked(&out->entries, count, sizeof *out->entries, what, err);
    if (status == PEAL_OK) place(out, schema, rows, &plan);
    if (status == PEAL_OK) status = peal_slab_new(plan.size, what, &out->memory, err);
    plan = (peal_slab_plan){0};
    if (status == PEAL_OK) {
        place(out, schema, rows, &plan);
    } else {
        models__slab_free(out);
    }
    return status;
}

void models__slab_free(models__slab *slab) {
    peal_slab_free(&slab->memory);
    free(slab->table.columns);
    free(slab->children);
    free(slab->entries);
    *slab = (models__slab){0};
}

void models__slab_empty(models__slab *slab) {
    slab->rows = 0;
}

/* What stands in the slab may be written by the parent, whose memory it is. */
static void *writable(const void *at) {
    return (void *)at;
}

static void copy_validity(const peal_column *to, size_t at, const peal_column *from, size_t first, size_t count) {
    uint8_t *bits = writable(to->validity);
    for (size_t i = 0; i < count; i++) {
        const uint8_t bit = (uint8_t)(1u << (at + i) % 8);
        uint8_t *byte = &bits[(at + i) / 8];
        *byte = (uint8_t)(peal_column_is_valid(from, first + i) ? *byte | bit : *byte & ~bit);
    }
}

static void copy_fixed(const peal_column *to, size_t at, const peal_column *from, size_t first, size_t count) {
    const size_t size = row_size(from);
    const uint8_t *source = from->child ? from->child->values : from->values;
    uint8_t *target = writable(to->child ? to->child->values : to->values);
    memcpy(target + at * size, source + first * size, count * size);
}

static void copy_list(const peal_column *to, size_t at, const peal_column *from, size_t first, size_t count) {
    const size_t size = peal_column_value_size(from->child);
    const uint8_t *source = from->child->values;
    uint8_t *target = writable(to->child->values);
    int32_t *offsets = writable(to->offsets);
    if (at == 0) offsets[0] = 0;
    const int32_t begin = from->offsets[first], end = from->offsets[first + count], shift = offsets[at] - begin;
    memcpy(target + (size_t)offsets[at] * size, source + (size_t)begin * size, (size_t)(end - begin) * size);
    for (size_t i = 1; i <= count; i++) offsets[at + i] = from->offsets[first + i] + shift;
}

/* How many of `count` rows of a LIST there is room for. */
static size_t rows_that_fit(const models__slab *slab, size_t index, const peal_column *from, size_t first,
                            size_t count) {
    const int32_t used = slab->rows ? slab->table.columns[index].offsets[slab->rows] : 0;
    const size_t room = slab->entries[index] - (size_t)used;
    while (count > 0 && (size_t)(from->offsets[first + count] - from->offsets[first]) > room) count--;
    return count;
}

size_t models__slab_append(models__slab *slab, const peal_table *from, size_t first, size_t count) {
    const size_t room = slab->table.rows - slab->rows;
    if (count > room) count = room;
    for (size_t i = 0; i < from->column_count; i++) {
        if (!row_size(&from->columns[i])) count = rows_that_fit(slab, i, &from->columns[i], first, count);
    }
    for (size_t i = 0; i < from->column_count && count > 0; i++) {
        const peal_column *column = &from->columns[i], *to = &slab->table.columns[i];
        copy_validity(to, slab->rows, column, first, count);
        if (row_size(column)) {
            copy_fixed(to, slab->rows, column, first, count);
        } else {
            copy_list(to, slab->rows, column, first, count);
        }
    }
    slab->rows += count;
    return count;
}

uint64_t models__slab_hash(const models__slab *slab, uint64_t seed) {
    uint64_t hash = peal_hash(&slab->rows, sizeof slab->rows, seed);
    for (size_t i = 0; i < slab->table.column_count && slab->rows > 0; i++) {
        const peal_column *column = &slab->table.columns[i];
        const size_t size = row_size(column);
        if (size) {
            hash = peal_hash(column->child ? column->child->values : column->values, slab->rows * size, hash);
        } else {
            const size_t entries = (size_t)column->offsets[slab->rows];
            hash = peal_hash(column->offsets, (slab->rows + 1) * sizeof(int32_t), hash);
            hash = peal_hash(column->child->values, entries * peal_column_value_size(column->child), hash);
        }
        for (size_t row = 0; row < slab->rows; row += 64) {
            uint64_t valid = 0;
            for (size_t bit = 0; bit < 64 && row + bit < slab->rows; bit++) {
                valid |= (uint64_t)peal_column_is_valid(column, row + bit) << bit;
            }
            if (~valid) hash = peal_hash(&valid, sizeof valid, hash ^ row);
        }
    }
    return hash;
}
