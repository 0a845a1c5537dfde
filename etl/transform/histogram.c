/* Keys are the first 22 bits of a double, turned so that they sort as the values do; see histogram.h. */
#include "etl/transform/histogram.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum { KEY_BITS = 22, DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, KEY_SHIFT = 64 - KEY_BITS };
_Static_assert(KEY_BITS == 2 * DIGIT_BITS, "the sort takes two digits");

/* Of negative numbers all bits are turned, of others the sign. */
static uint32_t key_of(double value) {
    uint64_t bits;
    value += 0.0; /* -0 is 0 */
    memcpy(&bits, &value, sizeof bits);
    bits ^= bits >> 63 ? UINT64_MAX : (uint64_t)1 << 63;
    return (uint32_t)(bits >> KEY_SHIFT);
}

static double least_of(uint32_t key) {
    uint64_t bits = (uint64_t)key << KEY_SHIFT;
    double value;
    bits ^= bits >> 63 ? (uint64_t)1 << 63 : UINT64_MAX;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void peal_histogram_clear(peal_histogram *histogram) {
    peal_buffer_clear(&histogram->cells);
    peal_buffer_clear(&histogram->scratch);
    histogram->count = 0;
}

static size_t cell_count(const peal_histogram *histogram) {
    return histogram->cells.size / sizeof(peal_histogram_cell);
}

/* One pass of a radix sort. */
static void sort_by_digit(const uint32_t *from, uint32_t *to, size_t count, unsigned shift) {
    uint32_t begins[DIGITS + 1] = {0};
    for (size_t i = 0; i < count; i++) begins[(from[i] >> shift & (DIGITS - 1)) + 1]++;
    for (size_t digit = 0; digit < DIGITS; digit++) begins[digit + 1] += begins[digit];
    for (size_t i = 0; i < count; i++) to[begins[from[i] >> shift & (DIGITS - 1)]++] = from[i];
}

static peal_status add_cell(peal_buffer *cells, uint32_t key, uint64_t count, peal_error *err) {
    peal_histogram_cell cell;
    memset(&cell, 0, sizeof cell); /* its padding, too */
    cell.key = key;
    cell.count = count;
    return peal_buffer_append(cells, &cell, sizeof cell, err);
}

peal_status peal_histogram_take(peal_histogram *histogram, const double *values, const uint8_t *keep, size_t count,
                                peal_error *err) {
    size_t used = 0;
    histogram->cells.size = histogram->scratch.size = 0;
    histogram->count = 0;
    PEAL_TRY(peal_buffer_reserve(&histogram->scratch, 2 * count * sizeof(uint32_t), err));
    uint32_t *keys = (uint32_t *)(void *)histogram->scratch.data, *sorted = keys + count;
    for (size_t i = 0; i < count; i++) {
        if ((keep && !keep[i]) || values[i] != values[i]) continue;
        keys[used++] = key_of(values[i]);
    }
    sort_by_digit(keys, sorted, used, 0);
    sort_by_digit(sorted, keys, used, DIGIT_BITS);
    for (size_t begin = 0, end; begin < used; begin = end) {
        for (end = begin + 1; end < used && keys[end] == keys[begin];) end++;
        PEAL_TRY(add_cell(&histogram->cells, keys[begin], end - begin, err));
    }
    histogram->count = used;
    return PEAL_OK;
}

peal_status peal_histogram_merge(peal_histogram *histogram, const peal_histogram *more, peal_error *err) {
    const peal_histogram_cell *a = (const void *)histogram->cells.data, *b = (const void *)more->cells.data;
    const size_t a_count = cell_count(histogram), b_count = cell_count(more);
    histogram->scratch.size = 0;
    for (size_t i = 0, k = 0; i < a_count || k < b_count;) {
        const bool takes_a = i < a_count && (k == b_count || a[i].key <= b[k].key);
        const bool takes_b = k < b_count && (i == a_count || b[k].key <= a[i].key);
        const uint64_t count = (takes_a ? a[i].count : 0) + (takes_b ? b[k].count : 0);
        PEAL_TRY(add_cell(&histogram->scratch, takes_a ? a[i].key : b[k].key, count, err));
        i += takes_a;
        k += takes_b;
    }
    const peal_buffer merged = histogram->scratch;
    histogram->scratch = histogram->cells;
    histogram->cells = merged;
    histogram->count += more->count;
    return PEAL_OK;
}

double peal_histogram_at(const peal_histogram *histogram, peal_histogram_place *place, uint64_t rank) {
    const peal_histogram_cell *cells = (const void *)histogram->cells.data;
    assert(rank < histogram->count);
    while (place->below + cells[place->cell].count <= rank) place->below += cells[place->cell++].count;
    return least_of(cells[place->cell].key);
}
