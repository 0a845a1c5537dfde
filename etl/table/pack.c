/* A packed column: 8 bytes (how it is packed; whether a bitmap follows; items behind offsets), the bitmap, the offsets,
 * the values, each at a multiple of 8 bytes. */
#include "etl/table/pack.h"

#include <math.h>
#include <string.h>

#include "core/base/explog.h"
#include "core/base/vector.h"

typedef enum packing { PACK_AS_IT_IS, PACK_FLOAT32, PACK_INT16, PACK_UINT8, PACK_UINT16, PACK_INT32 } packing;

typedef struct pack_head {
    uint8_t packing, has_validity;
    uint16_t unused;
    uint32_t used; /* bytes or items behind offsets */
} pack_head;

peal_status peal_pack_align(peal_buffer *out, peal_error *err) {
    const size_t padding = peal_round_up(out->size, 8) - out->size;
    PEAL_TRY(peal_buffer_reserve(out, padding, err));
    memset(out->data + out->size, 0, padding);
    out->size += padding;
    return PEAL_OK;
}

static peal_status put(peal_buffer *out, const void *bytes, size_t size, peal_error *err) {
    if (size) PEAL_TRY(peal_buffer_append(out, bytes, size, err));
    return peal_pack_align(out, err);
}

/* Room for `size` bytes behind the head. */
static uint8_t *begin(peal_buffer *out, packing how, size_t size, peal_error *err) {
    const pack_head head = {.packing = (uint8_t)how};
    if (put(out, &head, sizeof head, err) != PEAL_OK) return NULL;
    if (peal_buffer_reserve(out, size + PEAL_ALIGNMENT, err) != PEAL_OK) return NULL;
    uint8_t *place = out->data + out->size;
    out->size += size;
    return place;
}

/* ---- numbers ---- */

enum { LOOKED_AT_ONCE = 512, LOSES_FLOAT32 = 1, LOSES_INT16 = 2 };
/* Adding it to a double whose magnitude is below 2^51, and taking it away, leaves the nearest whole number. */
#define ROUNDING 0x1.8p52

/* Which of the narrower types lose something of a value; NaN, which is missing, is spelt in each. All of it is lanes of
 * 64 bits without a branch: else no compiler makes vector code of the loop. */
static inline unsigned look_at(const double *restrict values, size_t rows) {
    uint64_t float_loss = 0, int_loss = 0;
    for (size_t i = 0; i < rows; i++) {
        const double value = values[i], single = (double)(float)value, whole = (value + ROUNDING) - ROUNDING;
        const uint64_t there = value == value ? UINT64_MAX : 0;
        const uint64_t rounds = single != value ? UINT64_MAX : 0, breaks = whole != value ? UINT64_MAX : 0;
        const uint64_t fits = fabs(value) < 32767.0 ? UINT64_MAX : 0;
        const uint64_t negative_zero = peal_bits_of(value) == peal_bits_of(-0.0) ? UINT64_MAX : 0; /* would become +0 */
        float_loss |= there & rounds;
        int_loss |= there & (breaks | ~fits | negative_zero);
    }
    return (float_loss ? LOSES_FLOAT32 : 0) | (int_loss ? LOSES_INT16 : 0);
}

/* Looks no further once both lose. */
PEAL_VECTOR static unsigned number_losses(const double *restrict values, size_t rows) {
    unsigned losses = 0;
    for (size_t at = 0; at < rows && losses != (LOSES_FLOAT32 | LOSES_INT16); at += LOOKED_AT_ONCE) {
        losses |= look_at(values + at, rows - at < LOOKED_AT_ONCE ? rows - at : LOOKED_AT_ONCE);
    }
    return losses;
}

PEAL_VECTOR static void to_float32(const double *restrict values, float *restrict out, size_t rows) {
    for (size_t i = 0; i < rows; i++) out[i] = (float)values[i];
}

PEAL_VECTOR static void to_int16(const double *restrict values, int16_t *restrict out, size_t rows) {
    for (size_t i = 0; i < rows; i++) {
        double value = values[i] == values[i] ? values[i] : -32768.0;
        out[i] = (int16_t)(int32_t)value;
    }
}

PEAL_VECTOR static void from_int16(const int16_t *restrict values, double *restrict out, size_t rows) {
    for (size_t i = 0; i < rows; i++) out[i] = values[i] == INT16_MIN ? (double)NAN : (double)values[i];
}

PEAL_VECTOR static void from_float32(const float *restrict values, double *restrict out, size_t rows) {
    for (size_t i = 0; i < rows; i++) out[i] = (double)values[i];
}

static peal_status pack_numbers(const peal_table_room *room, size_t index, peal_buffer *out, peal_error *err) {
    const double *values = room->columns[index].values;
    const size_t rows = room->rows;
    const unsigned losses = number_losses(values, rows);
    /* The narrowest type in which every value is exact; int16 spells a missing one INT16_MIN. */
    const packing how = !(losses & LOSES_INT16) ? PACK_INT16 : !(losses & LOSES_FLOAT32) ? PACK_FLOAT32 : PACK_AS_IT_IS;
    const size_t width = how == PACK_INT16 ? 2 : how == PACK_FLOAT32 ? 4 : 8;
    uint8_t *place = begin(out, how, rows * width, err);
    if (!place) return PEAL_E_MEMORY;
    if (how == PACK_INT16) {
        to_int16(values, (int16_t *)(void *)place, rows);
    } else if (how == PACK_FLOAT32) {
        to_float32(values, (float *)(void *)place, rows);
    } else if (rows) {
        memcpy(place, values, rows * sizeof *values);
    }
    return peal_pack_align(out, err);
}

static const uint8_t *unpack_numbers(const uint8_t *at, size_t rows, double *out) {
    const packing how = (packing)((const pack_head *)(const void *)at)->packing;
    const void *values = at + sizeof(pack_head);
    if (how == PACK_INT16) {
        from_int16(values, out, rows);
    } else if (how == PACK_FLOAT32) {
        from_float32(values, out, rows);
    } else if (rows) {
        memcpy(out, values, rows * 8);
    }
    const size_t width = how == PACK_INT16 ? 2 : how == PACK_FLOAT32 ? 4 : 8;
    return (const uint8_t *)values + peal_round_up(rows * width, 8);
}

/* ---- codes ---- */

static peal_status pack_codes(const peal_table_room *room, size_t index, peal_buffer *out, peal_error *err) {
    const int32_t *codes = room->columns[index].values;
    const uint32_t distinct = room->dictionaries[index].size;
    const size_t rows = room->rows;
    const packing how = distinct <= UINT8_MAX + 1 ? PACK_UINT8 : distinct <= UINT16_MAX + 1 ? PACK_UINT16 : PACK_INT32;
    const size_t width = how == PACK_UINT8 ? 1 : how == PACK_UINT16 ? 2 : 4;
    uint8_t *place = begin(out, how, rows * width, err);
    if (!place) return PEAL_E_MEMORY;
    if (how == PACK_UINT8) {
        for (size_t i = 0; i < rows; i++) place[i] = (uint8_t)codes[i];
    } else if (how == PACK_UINT16) {
        uint16_t *wide = (uint16_t *)(void *)place;
        for (size_t i = 0; i < rows; i++) wide[i] = (uint16_t)codes[i];
    } else {
        memcpy(place, codes, rows * sizeof *codes);
    }
    return peal_pack_align(out, err);
}

static const uint8_t *unpack_codes(const uint8_t *at, size_t rows, int32_t *out) {
    const packing how = (packing)((const pack_head *)(const void *)at)->packing;
    const void *values = at + sizeof(pack_head);
    const size_t width = how == PACK_UINT8 ? 1 : how == PACK_UINT16 ? 2 : 4;
    if (how == PACK_UINT8) {
        for (size_t i = 0; i < rows; i++) out[i] = ((const uint8_t *)values)[i];
    } else if (how == PACK_UINT16) {
        for (size_t i = 0; i < rows; i++) out[i] = ((const uint16_t *)values)[i];
    } else if (rows) {
        memcpy(out, values, rows * sizeof *out);
    }
    return (const uint8_t *)values + peal_round_up(rows * width, 8);
}

/* ---- all others ---- */

static size_t fixed_bytes(const peal_column_room *column, size_t rows) {
    if (column->type == PEAL_TYPE_BOOL) return (rows + 7) / 8;
    if (column->type == PEAL_TYPE_FIXED_LIST) return rows * column->width * peal_types[column->item].size;
    return rows * peal_types[column->type].size;
}

/* Bytes of what offsets lead into. */
static size_t item_bytes(const peal_column_room *column, size_t items) {
    return peal_types[column->type].has_child ? items * peal_types[column->item].size : items;
}

static peal_status pack_any(const peal_table_room *room, size_t index, peal_buffer *out, peal_error *err) {
    const peal_column_room *column = &room->columns[index];
    const size_t rows = room->rows;
    const bool offsets = peal_types[column->type].has_offsets;
    const pack_head head = {.packing = PACK_AS_IT_IS,
                            .has_validity = column->validity != NULL,
                            .used = offsets ? (uint32_t)column->offsets[rows] : 0};
    PEAL_TRY(put(out, &head, sizeof head, err));
    if (column->validity) PEAL_TRY(put(out, column->validity, (rows + 7) / 8, err));
    if (offsets) PEAL_TRY(put(out, column->offsets, (rows + 1) * sizeof *column->offsets, err));
    return put(out, column->values, offsets ? item_bytes(column, head.used) : fixed_bytes(column, rows), err);
}

static const uint8_t *unpack_validity(const uint8_t *at, size_t rows, peal_table_room *room, size_t index,
                                      peal_error *err) {
    peal_column_room *column = &room->columns[index];
    if (peal_column_room_set_missing(room, index, 0, err) != PEAL_OK) return NULL;
    memcpy(column->validity, at, (rows + 7) / 8);
    column->null_count = 0;
    for (size_t i = 0; i < rows; i++) column->null_count += !(at[i / 8] >> (i % 8) & 1);
    return at + peal_round_up((rows + 7) / 8, 8);
}

static const uint8_t *unpack_any(const uint8_t *at, size_t rows, peal_table_room *room, size_t index, peal_error *err) {
    peal_column_room *column = &room->columns[index];
    pack_head head;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    if (head.has_validity && !(at = unpack_validity(at, rows, room, index, err))) return NULL;
    if (!peal_types[column->type].has_offsets) {
        const size_t size = fixed_bytes(column, rows);
        if (size) memcpy(column->values, at, size);
        return at + peal_round_up(size, 8);
    }
    memcpy(column->offsets, at, (rows + 1) * sizeof *column->offsets);
    at += peal_round_up((rows + 1) * sizeof *column->offsets, 8);
    const size_t size = item_bytes(column, head.used);
    column->used = 0;
    void *items = peal_column_room_items(column, head.used, err);
    if (!items) return NULL;
    if (size) memcpy(items, at, size);
    column->used = head.used;
    return at + peal_round_up(size, 8);
}

/* ---- tables ---- */

peal_status peal_table_pack(const peal_table_room *room, peal_buffer *out, peal_error *err) {
    for (size_t i = 0; i < room->schema->count; i++) {
        if (room->schema->fields[i].skip) continue;
        const peal_type type = room->columns[i].type;
        if (type == PEAL_TYPE_FLOAT64) {
            PEAL_TRY(pack_numbers(room, i, out, err));
        } else if (peal_types[type].has_vocabulary) {
            PEAL_TRY(pack_codes(room, i, out, err));
        } else {
            PEAL_TRY(pack_any(room, i, out, err));
        }
    }
    return PEAL_OK;
}

const uint8_t *peal_table_unpack(const uint8_t *at, size_t rows, peal_table_room *room, peal_error *err) {
    if (peal_table_room_reserve(room, rows, err) != PEAL_OK) return NULL;
    for (size_t i = 0; at && i < room->schema->count; i++) {
        peal_column_room *column = &room->columns[i];
        if (room->schema->fields[i].skip) continue;
        if (column->type == PEAL_TYPE_FLOAT64) {
            at = unpack_numbers(at, rows, column->values);
        } else if (peal_types[column->type].has_vocabulary) {
            at = unpack_codes(at, rows, column->values);
        } else {
            at = unpack_any(at, rows, room, i, err);
        }
    }
    room->rows = rows;
    return at;
}
