/* Copies rows of tables behind each other; see pile.h. */
#include "etl/table/pile.h"

#include <stdlib.h>
#include <string.h>

/* A column under way, or the items of one. */
typedef struct pile_column {
    peal_buffer values, offsets, validity;
    size_t length, null_count;
    struct pile_column *child; /* NULL: it has none */
} pile_column;

struct peal_pile {
    peal_table table;
    peal_column *children; /* [columns] of `table` */
    pile_column *columns, *items;
};

/* ---- bits ---- */

/* The bits first .. first + count - 1, up to 8 of them, or ones if there are none. Bytes behind the last are not read.
 */
static unsigned bits_at(const uint8_t *bits, size_t first, size_t count) {
    const unsigned shift = first % 8, all = (1u << count) - 1;
    if (!bits) return all;
    unsigned found = bits[first / 8];
    if (shift + count > 8) found |= (unsigned)bits[first / 8 + 1] << 8;
    return found >> shift & all;
}

/* Appends `count` bits to the `length` ones of `out`: those of `bits` from `first` on, or ones if it is NULL. *zeros
 * grows by the zeros among them. */
static peal_status add_bits(peal_buffer *out, size_t length, const uint8_t *bits, size_t first, size_t count,
                            size_t *zeros, peal_error *err) {
    const size_t bytes = (length + count + 7) / 8;
    if (bytes > out->size) {
        PEAL_TRY(peal_buffer_reserve(out, bytes - out->size, err));
        memset(out->data + out->size, 0, bytes - out->size);
        out->size = bytes;
    }
    for (size_t done = 0, some; done < count; done += some) {
        const size_t to = length + done, room = 8 - to % 8; /* of the byte that they go to */
        some = count - done < room ? count - done : room;
        const unsigned found = bits_at(bits, first + done, some);
        out->data[to / 8] |= (uint8_t)(found << to % 8);
        *zeros += some - (size_t)__builtin_popcount(found);
    }
    return PEAL_OK;
}

/* The bitmap of a column begins with the first row that is missing. */
static peal_status add_validity(pile_column *to, const peal_column *from, size_t first, size_t count, peal_error *err) {
    if (!from->validity && to->null_count == 0) return PEAL_OK;
    size_t ignored = 0;
    if (to->null_count == 0) {
        to->validity.size = 0;
        PEAL_TRY(add_bits(&to->validity, 0, NULL, 0, to->length, &ignored, err));
    }
    return add_bits(&to->validity, to->length, from->validity, first, count, &to->null_count, err);
}

/* ---- values ---- */

static peal_status add_column(pile_column *to, const peal_column *from, size_t first, size_t count, peal_error *err);

static peal_status add_offsets(pile_column *to, const peal_column *from, size_t first, size_t count, peal_error *err) {
    const size_t rows = to->length;
    PEAL_TRY(peal_buffer_reserve(&to->offsets, (count + 1) * sizeof(int32_t), err));
    int32_t *offsets = (int32_t *)(void *)to->offsets.data;
    if (rows == 0) offsets[0] = 0;
    const int32_t begin = from->offsets[first], end = from->offsets[first + count];
    int32_t last;
    if (__builtin_add_overflow(offsets[rows], end - begin, &last)) {
        return peal_fail(err, PEAL_E_DATA,
                         "column '%s': the texts or lists of %zu rows are more than 2^31 - 1 bytes or items",
                         from->name, rows + count);
    }
    for (size_t i = 0; i < count; i++) offsets[rows + 1 + i] = offsets[rows] + (from->offsets[first + 1 + i] - begin);
    to->offsets.size = (rows + count + 1) * sizeof(int32_t);
    const size_t items = (size_t)(end - begin);
    if (to->child) return add_column(to->child, from->child, (size_t)begin, items, err);
    return peal_buffer_append(&to->values, (const uint8_t *)from->values + begin, items, err);
}

static peal_status add_values(pile_column *to, const peal_column *from, size_t first, size_t count, peal_error *err) {
    size_t ignored = 0;
    if (peal_types[from->type].has_offsets) return add_offsets(to, from, first, count, err);
    if (to->child) return add_column(to->child, from->child, first * from->width, count * from->width, err);
    if (from->type == PEAL_TYPE_BOOL) {
        return add_bits(&to->values, to->length, from->values, first, count, &ignored, err);
    }
    const size_t size = peal_column_value_size(from);
    return peal_buffer_append(&to->values, (const uint8_t *)from->values + first * size, count * size, err);
}

static peal_status add_column(pile_column *to, const peal_column *from, size_t first, size_t count, peal_error *err) {
    PEAL_TRY(add_validity(to, from, first, count, err));
    PEAL_TRY(add_values(to, from, first, count, err));
    to->length += count;
    return PEAL_OK;
}

static void forget(pile_column *column) {
    column->values.size = column->offsets.size = column->validity.size = 0;
    column->length = column->null_count = 0;
}

static void show(const pile_column *column, peal_column *out) {
    out->length = column->length;
    out->null_count = column->null_count;
    out->validity = column->null_count ? column->validity.data : NULL;
    out->offsets = peal_types[out->type].has_offsets ? (const int32_t *)(const void *)column->offsets.data : NULL;
    out->values = column->child ? NULL : column->values.data;
}

/* ---- the pile ---- */

static peal_status init(peal_pile *pile, const peal_table *schema, peal_error *err) {
    const size_t count = schema->column_count;
    PEAL_TRY(peal_alloc_checked(&pile->table.columns, count + 1, sizeof *pile->table.columns, "rows", err));
    PEAL_TRY(peal_alloc_checked(&pile->children, count + 1, sizeof *pile->children, "rows", err));
    PEAL_TRY(peal_alloc_checked(&pile->columns, count + 1, sizeof *pile->columns, "rows", err));
    PEAL_TRY(peal_alloc_checked(&pile->items, count + 1, sizeof *pile->items, "rows", err));
    pile->table.column_count = count;
    for (size_t i = 0; i < count; i++) {
        pile->table.columns[i] = schema->columns[i];
        if (!schema->columns[i].child) continue;
        pile->children[i] = *schema->columns[i].child;
        pile->table.columns[i].child = &pile->children[i];
        pile->columns[i].child = &pile->items[i];
    }
    return PEAL_OK;
}

peal_status peal_pile_new(const peal_table *schema, peal_pile **out, peal_error *err) {
    *out = NULL;
    peal_pile *pile = calloc(1, sizeof *pile);
    if (!pile) return peal_fail(err, PEAL_E_MEMORY, "no memory for rows");
    const peal_status status = init(pile, schema, err);
    if (status != PEAL_OK) {
        peal_pile_free(pile);
        return status;
    }
    *out = pile;
    return PEAL_OK;
}

peal_status peal_pile_add(peal_pile *pile, const peal_table *table, size_t first, size_t count, peal_error *err) {
    if (count == 0) return PEAL_OK;
    for (size_t i = 0; i < pile->table.column_count; i++) {
        PEAL_TRY(add_column(&pile->columns[i], &table->columns[i], first, count, err));
    }
    pile->table.rows += count;
    return PEAL_OK;
}

size_t peal_pile_rows(const peal_pile *pile) {
    return pile->table.rows;
}

const peal_table *peal_pile_table(peal_pile *pile) {
    for (size_t i = 0; i < pile->table.column_count; i++) {
        show(&pile->columns[i], &pile->table.columns[i]);
        if (pile->columns[i].child) show(&pile->items[i], &pile->children[i]);
    }
    return &pile->table;
}

void peal_pile_forget(peal_pile *pile) {
    for (size_t i = 0; i < pile->table.column_count; i++) {
        forget(&pile->columns[i]);
        forget(&pile->items[i]);
    }
    pile->table.rows = 0;
}

static void clear(pile_column *columns, size_t count) {
    for (size_t i = 0; columns && i < count; i++) {
        peal_buffer_clear(&columns[i].values);
        peal_buffer_clear(&columns[i].offsets);
        peal_buffer_clear(&columns[i].validity);
    }
    free(columns);
}

void peal_pile_free(peal_pile *pile) {
    if (!pile) return;
    clear(pile->columns, pile->table.column_count);
    clear(pile->items, pile->table.column_count);
    free(pile->table.columns);
    free(pile->children);
    free(pile);
}

size_t peal_row_bytes(const peal_table *schema) {
    enum { USUAL = 64 }; /* of a text or a list */
    size_t bytes = 1;
    for (size_t i = 0; i < schema->column_count; i++) {
        const peal_column *column = &schema->columns[i];
        if (peal_types[column->type].has_offsets) {
            bytes += USUAL;
        } else if (column->child) {
            bytes += column->width * peal_column_value_size(column->child);
        } else {
            bytes += peal_column_value_size(column) + 1;
        }
    }
    return bytes;
}
