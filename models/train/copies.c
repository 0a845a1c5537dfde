/* Finds equal rows by their hashes; see copies.h. */
#include "models/train/copies.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/digest.h"

/* Rows up to which copies are looked for; bits of a set of numbers, and its words. Copies are told where they are one
 * in twenty of the rows, where there are at least a twelfth as many different rows, and where a column has a fourth as
 * many numbers as there are different rows: such rows do not meet by chance. */
enum {
    ROWS_MOST = 200000,
    SET_BITS = 1 << 15,
    SET_WORDS = SET_BITS / 64,
    COPIES_SHARE = 20,
    TIMES_MOST = 12,
    NUMBERS_SHARE = 4
};

peal_status models__copies_begin(models__copies *copies, const peal_shape *shape, uint64_t rows, peal_error *err) {
    *copies = (models__copies){0};
    if (shape->bytes || shape->sparse || shape->features == 0 || rows > ROWS_MOST) return PEAL_OK;
    PEAL_TRY(peal_zeroed_checked(&copies->seen, shape->features * SET_WORDS, sizeof(uint64_t), "equal rows", err));
    copies->shape = shape;
    return PEAL_OK;
}

void models__copies_clear(models__copies *copies) {
    peal_buffer_clear(&copies->hashes);
    free(copies->seen);
    *copies = (models__copies){0};
}

static void note_numbers(models__copies *copies, const float *numbers, size_t count) {
    for (size_t f = 0; f < count; f++) {
        const uint64_t bit = peal_hash(&numbers[f], sizeof *numbers, 0) % SET_BITS;
        copies->seen[f * SET_WORDS + bit / 64] |= UINT64_C(1) << bit % 64;
    }
}

peal_status models__copies_note(models__copies *copies, const peal_table *table, peal_error *err) {
    const peal_shape *shape = copies->shape;
    if (!shape) return PEAL_OK;
    const size_t features = shape->features;
    const float *values = table->columns[0].child->values;
    for (size_t row = 0; row < table->rows; row++) {
        uint64_t hash = peal_hash(values + row * features, features * sizeof *values, 1);
        for (size_t c = 0; c < shape->code_columns; c++) {
            const int32_t code = peal_column_code(&table->columns[1 + c], row);
            hash = peal_hash(&code, sizeof code, hash);
        }
        note_numbers(copies, values + row * features, features);
        PEAL_TRY(peal_buffer_append(&copies->hashes, &hash, sizeof hash, err));
    }
    return PEAL_OK;
}

/* About how many different numbers a set holds (linear counting: Whang, Vander-Zanden and Taylor 1990, ACM TODS 15). */
static double count_set(const uint64_t *set) {
    uint64_t held = 0;
    for (size_t i = 0; i < SET_WORDS; i++) held += (uint64_t)__builtin_popcountll(set[i]);
    return held < SET_BITS ? -SET_BITS * log1p(-(double)held / SET_BITS) : (double)INFINITY;
}

static bool meet_by_chance(const models__copies *copies, uint64_t different) {
    for (size_t f = 0; f < copies->shape->features; f++) {
        if (count_set(copies->seen + f * SET_WORDS) * NUMBERS_SHARE >= (double)different) return false;
    }
    return true;
}

typedef struct hashed_row {
    uint64_t hash;
    uint32_t place;
} hashed_row;

static int by_hash(const void *a, const void *b) {
    const hashed_row *p = a, *q = b;
    if (p->hash != q->hash) return p->hash < q->hash ? -1 : 1;
    return (p->place > q->place) - (p->place < q->place);
}

/* Writes for each place the first one that is equal, and returns how many are that themselves. */
static uint64_t find_first(hashed_row *rows, uint64_t count, uint32_t *first) {
    uint64_t different = 0;
    qsort(rows, count, sizeof *rows, by_hash);
    for (uint64_t i = 0; i < count; i++) {
        const bool is_copy = i && rows[i].hash == rows[i - 1].hash;
        first[rows[i].place] = is_copy ? first[rows[i - 1].place] : rows[i].place;
        different += !is_copy;
    }
    return different;
}

peal_status models__copies_group(const models__copies *copies, const uint32_t *list, uint64_t count, uint32_t **groups,
                                 uint64_t *group_count, peal_error *err) {
    const uint64_t *hashes = (const uint64_t *)(const void *)copies->hashes.data;
    hashed_row *rows;
    uint32_t *group;
    *groups = NULL;
    *group_count = count;
    if (!copies->shape || count < 2) return PEAL_OK;
    PEAL_TRY(peal_alloc_checked(&group, count, sizeof *group, "equal rows", err));
    const peal_status status = peal_alloc_checked(&rows, count, sizeof *rows, "equal rows", err);
    if (status != PEAL_OK) {
        free(group);
        return status;
    }
    for (uint64_t i = 0; i < count; i++) rows[i] = (hashed_row){hashes[list[i]], (uint32_t)i};
    const uint64_t different = find_first(rows, count, group);
    free(rows);
    if ((count - different) * COPIES_SHARE < count || different * TIMES_MOST < count || different < 2 ||
        meet_by_chance(copies, different)) {
        free(group);
        return PEAL_OK;
    }
    /* A group's number stands at its first place before the others ask for it. */
    uint32_t next = 0;
    for (uint64_t i = 0; i < count; i++) group[i] = group[i] == i ? next++ : group[group[i]];
    *groups = group;
    *group_count = different;
    return PEAL_OK;
}
