/* Finds edges of bins; see edges.h. */
#include "models/learner/edges.h"

#include <string.h>

#include "core/base/number.h"

/* A whole number in whose order the values are. */
static uint32_t key_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

/* Few values by insertion, which needs no counting. */
static void sort_few(float *values, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const float value = values[i];
        size_t at = i;
        for (; at > 0 && key_of(values[at - 1]) > key_of(value); at--) values[at] = values[at - 1];
        values[at] = value;
    }
}

/* By one byte of the keys, the last one first. */
static void sort_values(float *values, float *spare, size_t count) {
    enum { FEW = 40 };
    if (count <= FEW) {
        sort_few(values, count);
        return;
    }
    for (unsigned shift = 0; shift < 32; shift += 8) {
        size_t places[256] = {0}, at = 0;
        for (size_t i = 0; i < count; i++) places[key_of(values[i]) >> shift & 0xff]++;
        for (size_t b = 0; b < 256; b++) {
            const size_t here = places[b];
            places[b] = at;
            at += here;
        }
        for (size_t i = 0; i < count; i++) spare[places[key_of(values[i]) >> shift & 0xff]++] = values[i];
        float *swap = values;
        values = spare;
        spare = swap;
    }
}

static size_t add_run(models__run *runs, size_t made, float value, uint64_t count) {
    if (made && runs[made - 1].value == value) {
        runs[made - 1].count += count;
        return made;
    }
    runs[made] = (models__run){value, count};
    return made + 1;
}

/* Of sorted values, and of zeros, which come before the first value above them. */
static size_t make_runs(const float *values, size_t count, uint64_t zeros, models__run *runs) {
    size_t made = 0, i = 0;
    for (; i < count && values[i] <= 0; i++) made = add_run(runs, made, values[i], 1);
    if (zeros) made = add_run(runs, made, 0, zeros);
    for (; i < count; i++) made = add_run(runs, made, values[i], 1);
    return made;
}

/* Below the upper one, and not below the lower. */
static float edge_between(float low, float high) {
    const float between = (float)peal_number_between((double)low, (double)high);
    return between < high && between >= low ? between : low;
}

size_t models__edges_find(float *values, size_t count, uint64_t zeros, size_t most, const models__edge_room *room,
                          float *edges) {
    sort_values(values, room->spare, count);
    const size_t distinct = make_runs(values, count, zeros, room->runs);
    const models__run *runs = room->runs;
    size_t made = 0;
    uint64_t left = count + zeros, in_bin = 0;
    for (size_t i = 0; i + 1 < distinct && made + 1 < most; i++) {
        in_bin += runs[i].count;
        const double wanted = (double)left / (double)(most - made);
        const bool is_full =
            in_bin >= MODELS__BIN_LEAST && (distinct <= most || (double)in_bin >= wanted ||
                                            ((double)runs[i + 1].count >= wanted && (double)in_bin >= wanted / 2));
        const bool has_zero_between = runs[i].value <= 0 && runs[i + 1].value >= 0;
        if (!is_full && !has_zero_between) continue;
        edges[made++] = edge_between(runs[i].value, runs[i + 1].value);
        left -= in_bin;
        in_bin = 0;
    }
    return made;
}
