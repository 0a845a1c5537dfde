/* Memory of columns that are being filled, and the view of them as a table; see room.h. */
#include "etl/table/room.h"

#include <stdlib.h>

peal_status peal_table_room_init(peal_table_room *room, const peal_schema *schema, peal_error *err) {
    *room = (peal_table_room){.schema = schema};
    PEAL_TRY(peal_zeroed_checked(&room->columns, schema->count, sizeof *room->columns, "columns", err));
    PEAL_TRY(peal_zeroed_checked(&room->view, schema->count, sizeof *room->view, "columns", err));
    PEAL_TRY(peal_zeroed_checked(&room->children, schema->count, sizeof *room->children, "columns", err));
    PEAL_TRY(peal_zeroed_checked(&room->dictionaries, schema->count, sizeof *room->dictionaries, "columns", err));
    for (size_t i = 0; i < schema->count; i++) {
        const peal_field *field = &schema->fields[i];
        room->columns[i] = (peal_column_room){.type = field->type, .item = field->item, .width = field->width};
    }
    return PEAL_OK;
}

static void free_columns(peal_table_room *room) {
    for (size_t i = 0; room->columns && i < room->schema->count; i++) {
        peal_column_room *column = &room->columns[i];
        if (peal_types[column->type].has_offsets) free(column->values);
        free(column->offsets);
        free(column->validity);
        *column = (peal_column_room){.type = column->type, .item = column->item, .width = column->width};
    }
    free(room->values);
    room->values = NULL;
    room->capacity = room->rows = 0;
}

/* Whether column `index` has a dictionary of its own; those of other columns are never touched. */
static bool has_own_texts(const peal_table_room *room, size_t index) {
    return peal_types[room->columns[index].type].has_vocabulary;
}

void peal_table_room_borrow(peal_table_room *room, peal_dictionary *dictionaries) {
    if (!room->borrows) {
        for (size_t i = 0; room->dictionaries && i < room->schema->count; i++) {
            if (has_own_texts(room, i)) peal_dictionary_clear(&room->dictionaries[i]);
        }
        free(room->dictionaries);
    }
    room->borrows = true;
    room->dictionaries = dictionaries;
}

void peal_table_room_clear(peal_table_room *room) {
    if (room->schema) {
        free_columns(room);
        peal_table_room_borrow(room, NULL);
    }
    free(room->columns);
    free(room->view);
    free(room->children);
    *room = (peal_table_room){0};
}

void peal_table_room_reset_dictionaries(peal_table_room *room) {
    for (size_t i = 0; room->dictionaries && i < room->schema->count; i++) {
        if (has_own_texts(room, i)) peal_dictionary_reset(&room->dictionaries[i]);
    }
}

/* Bytes that one row needs in `values`, of a type of fixed size. */
static size_t row_size(const peal_column_room *column) {
    if (column->type == PEAL_TYPE_DICTIONARY) return sizeof(int32_t);
    if (column->type == PEAL_TYPE_FIXED_LIST) return column->width * peal_types[column->item].size;
    return peal_types[column->type].size;
}

/* Bytes of `rows` rows of a type of fixed size, up to where the next column may begin: at a cache line, or, where there
 * are too few rows to fill one, at a word. */
static size_t column_size(const peal_column_room *column, size_t rows) {
    const size_t bytes = column->type == PEAL_TYPE_BOOL ? rows / 8 + 1 : rows * row_size(column);
    return peal_round_up(bytes, rows * sizeof(double) < PEAL_ALIGNMENT ? sizeof(double) : PEAL_ALIGNMENT);
}

/* All values of types of fixed size lie in one piece: of many columns a piece for each would take longer to get than to
 * fill. */
static peal_status reserve_values(peal_table_room *room, size_t rows, peal_error *err) {
    const peal_schema *schema = room->schema;
    size_t size = 0;
    for (size_t i = 0; i < schema->count; i++) {
        const peal_column_room *column = &room->columns[i];
        if (!schema->fields[i].skip && !peal_types[column->type].has_offsets) size += column_size(column, rows);
    }
    PEAL_TRY(peal_alloc_checked(&room->values, size, 1, "a block's columns", err));
    size_t at = 0;
    for (size_t i = 0; i < schema->count; i++) {
        peal_column_room *column = &room->columns[i];
        if (schema->fields[i].skip) continue;
        if (peal_types[column->type].has_offsets) {
            PEAL_TRY(peal_zeroed_checked(&column->offsets, rows + 1, sizeof *column->offsets, "a column", err));
        } else {
            column->values = room->values + at;
            at += column_size(column, rows);
        }
    }
    return PEAL_OK;
}

peal_status peal_table_room_reserve(peal_table_room *room, size_t rows, peal_error *err) {
    for (size_t i = 0; i < room->schema->count; i++) {
        room->columns[i].used = room->columns[i].null_count = 0;
        free(room->columns[i].validity);
        room->columns[i].validity = NULL;
    }
    room->rows = 0;
    if (rows <= room->capacity && room->capacity) return PEAL_OK;
    rows += rows / 8 + 1; /* the next block may have a few more */
    free_columns(room);
    PEAL_TRY(reserve_values(room, rows, err));
    room->capacity = rows;
    return PEAL_OK;
}

const peal_column *peal_table_room_view(peal_table_room *room) {
    for (size_t i = 0; i < room->schema->count; i++) {
        const peal_column_room *from = &room->columns[i];
        peal_column *to = &room->view[i], *child = &room->children[i];
        *to = (peal_column){
            .name = room->schema->fields[i].name,
            .type = from->type,
            .codes = PEAL_TYPE_INT32,
            .width = from->width,
            .length = room->rows,
            .null_count = from->null_count,
            .validity = from->validity,
            .offsets = from->offsets,
            .values = from->values,
            .dictionary = room->dictionaries ? &room->dictionaries[i] : NULL,
        };
        if (!peal_types[from->type].has_child) continue;
        *child = (peal_column){.name = "item", .type = from->item, .values = from->values};
        child->length = from->width ? room->rows * from->width : from->used;
        to->values = NULL;
        to->child = child;
    }
    return room->view;
}

peal_status peal_column_room_set_missing(peal_table_room *room, size_t index, size_t row, peal_error *err) {
    peal_column_room *column = &room->columns[index];
    if (!column->validity) {
        PEAL_TRY(peal_alloc_checked(&column->validity, room->capacity / 8 + 1, 1, "a column", err));
        memset(column->validity, 0xFF, room->capacity / 8 + 1);
    }
    const uint8_t mask = (uint8_t)(1u << (row % 8));
    column->null_count += (column->validity[row / 8] & mask) != 0;
    column->validity[row / 8] = (uint8_t)(column->validity[row / 8] & ~mask);
    return PEAL_OK;
}

void peal_column_room_forget_missing(peal_column_room *column, size_t row) {
    const uint8_t mask = (uint8_t)(1u << (row % 8));
    if (!column->validity || (column->validity[row / 8] & mask)) return;
    column->validity[row / 8] = (uint8_t)(column->validity[row / 8] | mask);
    column->null_count--;
}

static peal_status values_grow(peal_column_room *column, size_t more, size_t size, peal_error *err) {
    size_t wanted, capacity = column->room * 2 + 4096, bytes;
    if (__builtin_add_overflow(column->used, more, &wanted) || wanted > INT32_MAX) {
        return peal_fail(err, PEAL_E_DATA, "more than 2^31 bytes or items in one column of a block");
    }
    if (wanted <= column->room && column->values) return PEAL_OK;
    if (capacity < wanted) capacity = wanted;
    void *longer = __builtin_mul_overflow(capacity, size, &bytes) ? NULL : realloc(column->values, bytes);
    if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a column");
    column->values = longer;
    column->room = capacity;
    return PEAL_OK;
}

peal_status peal_column_room_put_bytes(peal_column_room *column, size_t row, const void *bytes, size_t size,
                                       peal_error *err) {
    column->used = (size_t)column->offsets[row]; /* a row before it may have been given up */
    PEAL_TRY(values_grow(column, size, 1, err));
    if (size) memcpy((uint8_t *)column->values + column->used, bytes, size);
    column->used += size;
    column->offsets[row + 1] = (int32_t)column->used;
    return PEAL_OK;
}

void *peal_column_room_items(peal_column_room *column, size_t items, peal_error *err) {
    /* Of texts an item is a byte. */
    const size_t size = peal_types[column->type].has_child ? peal_types[column->item].size : 1;
    if (values_grow(column, items, size, err) != PEAL_OK) return NULL;
    return (uint8_t *)column->values + column->used * size;
}

peal_status peal_column_room_put_items(peal_column_room *column, size_t row, const void *items, size_t count,
                                       peal_error *err) {
    column->used = (size_t)column->offsets[row]; /* a row before it may have been given up */
    void *to = peal_column_room_items(column, count, err);
    if (!to) return err ? err->status : PEAL_E_MEMORY;
    if (count) memcpy(to, items, count * peal_types[column->item].size);
    column->used += count;
    column->offsets[row + 1] = (int32_t)column->used;
    return PEAL_OK;
}
