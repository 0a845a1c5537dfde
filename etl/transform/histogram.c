/* Keys are doubles without their last bits, turned so that they sort as the values do; see histogram.h. */
#include "etl/transform/histogram.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, KEY_BITS = 64 };

/* Of negative numbers all bits are turned, of others the sign. */
static uint64_t key_of(double value) {
    uint64_t bits;
    value += 0.0; /* -0 is 0 */
    memcpy(&bits, &value, sizeof bits);
    return bits ^ (bits >> 63 ? UINT64_MAX : (uint64_t)1 << 63);
}

static double least_of(uint64_t key) {
    double value;
    key ^= key >> 63 ? (uint64_t)1 << 63 : UINT64_MAX;
    memcpy(&value, &key, sizeof value);
    return value;
}

void peal_histogram_clear(peal_histogram *histogram) {
    peal_buffer_clear(&histogram->cells);
    peal_buffer_clear(&histogram->scratch);
    histogram->count = 0;
    histogram->dropped = 0;
}

static size_t cell_count(const peal_histogram *histogram) {
    return histogram->cells.size / sizeof(peal_histogram_cell);
}

/* One pass of a radix sort. */
static void sort_by_digit(const uint64_t *from, uint64_t *to, size_t count, unsigned shift) {
    size_t begins[DIGITS + 1] = {0};
    for (size_t i = 0; i < count; i++) begins[(from[i] >> shift & (DIGITS - 1)) + 1]++;
    for (size_t digit = 0; digit < DIGITS; digit++) begins[digit + 1] += begins[digit];
    for (size_t i = 0; i < count; i++) to[begins[from[i] >> shift & (DIGITS - 1)]++] = from[i];
}

/* Sorts keys of so many bits; which of the two places then holds them. */
static uint64_t *sort_keys(uint64_t *keys, uint64_t *spare, size_t count, unsigned bits) {
    for (unsigned shift = 0; shift < bits; shift += DIGIT_BITS) {
        sort_by_digit(keys, spare, count, shift);
        uint64_t *swap = keys;
        keys = spare;
        spare = swap;
    }
    return keys;
}

/* Room for so many cells in the place of those that are there. */
static peal_status begin_cells(peal_buffer *cells, size_t most, peal_histogram_cell **out, peal_error *err) {
    cells->size = 0;
    PEAL_TRY(peal_buffer_reserve(cells, most * sizeof **out, err));
    *out = (peal_histogram_cell *)(void *)cells->data;
    return PEAL_OK;
}

/* Drops `bits` more bits: cells that are then equal become one. */
static void coarsen(peal_histogram *histogram, unsigned bits) {
    peal_histogram_cell *cells = (peal_histogram_cell *)(void *)histogram->cells.data;
    const size_t count = cell_count(histogram);
    size_t left = 0;
    if (bits == 0) return;
    for (size_t i = 0; i < count; i++) {
        const peal_histogram_cell cell = {cells[i].key >> bits, cells[i].count};
        if (left && cells[left - 1].key == cell.key) {
            cells[left - 1].count += cell.count;
        } else {
            cells[left++] = cell;
        }
    }
    histogram->cells.size = left * sizeof *cells;
    histogram->dropped += bits;
}

static void fit_cells(peal_histogram *histogram) {
    while (cell_count(histogram) > PEAL_HISTOGRAM_CELLS) coarsen(histogram, 1);
}

peal_status peal_histogram_take(peal_histogram *histogram, const double *values, const uint8_t *keep, size_t count,
                                peal_error *err) {
    size_t used = 0, made = 0;
    peal_histogram_cell *cells;
    histogram->scratch.size = 0;
    histogram->count = 0;
    PEAL_TRY(begin_cells(&histogram->cells, count, &cells, err));
    PEAL_TRY(peal_buffer_reserve(&histogram->scratch, 2 * count * sizeof(uint64_t), err));
    uint64_t *keys = (uint64_t *)(void *)histogram->scratch.data;
    for (size_t i = 0; i < count; i++) {
        if ((keep && !keep[i]) || values[i] != values[i]) continue;
        keys[used++] = key_of(values[i]) >> histogram->dropped;
    }
    keys = sort_keys(keys, keys + count, used, KEY_BITS - histogram->dropped);
    for (size_t begin = 0, end; begin < used; begin = end) {
        for (end = begin + 1; end < used && keys[end] == keys[begin];) end++;
        cells[made++] = (peal_histogram_cell){keys[begin], end - begin};
    }
    histogram->cells.size = made * sizeof *cells;
    histogram->count = used;
    fit_cells(histogram);
    return PEAL_OK;
}

peal_status peal_histogram_merge(peal_histogram *histogram, const peal_histogram *more, peal_error *err) {
    if (histogram->dropped < more->dropped) coarsen(histogram, more->dropped - histogram->dropped);
    const unsigned shift = histogram->dropped - more->dropped;
    const peal_histogram_cell *a = (const void *)histogram->cells.data, *b = (const void *)more->cells.data;
    const size_t a_count = cell_count(histogram), b_count = cell_count(more);
    peal_histogram_cell *cells;
    size_t made = 0;
    PEAL_TRY(begin_cells(&histogram->scratch, a_count + b_count, &cells, err));
    for (size_t i = 0, k = 0; i < a_count || k < b_count;) {
        const uint64_t b_key = k < b_count ? b[k].key >> shift : 0;
        const bool takes_a = i < a_count && (k == b_count || a[i].key <= b_key);
        const uint64_t key = takes_a ? a[i].key : b_key;
        uint64_t count = takes_a ? a[i++].count : 0;
        for (; k < b_count && b[k].key >> shift == key; k++) count += b[k].count;
        cells[made++] = (peal_histogram_cell){key, count};
    }
    histogram->scratch.size = made * sizeof *cells;
    const peal_buffer merged = histogram->scratch;
    histogram->scratch = histogram->cells;
    histogram->cells = merged;
    histogram->count += more->count;
    fit_cells(histogram);
    return PEAL_OK;
}

double peal_histogram_at(const peal_histogram *histogram, peal_histogram_place *place, uint64_t rank) {
    const peal_histogram_cell *cells = (const void *)histogram->cells.data;
    assert(rank < histogram->count);
    while (place->below + cells[place->cell].count <= rank) place->below += cells[place->cell++].count;
    return least_of(cells[place->cell].key << histogram->dropped);
}
