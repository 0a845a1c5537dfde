/* Finds edges of bins; see edges.h. */
#include "models/learner/edges.h"

#include <math.h>
#include <string.h>

#include "core/base/number.h"
#include "core/base/vector.h"

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

void models__bins_of_plainly(const float *edges, size_t edge_count, const float *values, size_t count, uint8_t *bins) {
    for (size_t i = 0; i < count; i++) bins[i] = models__bin_of(edges, edge_count, values[i]);
}

#ifdef PEAL_HAS_AVX512
#include <immintrin.h>

/* Sixteen numbers at once, which take the same way through edges that are as many as they can be. Every sixteenth edge
 * is at hand, the others are gathered. */
__attribute__((target("avx512f"))) static void find_sixteen(const float *edges, size_t edge_count, const float *values,
                                                            size_t count, uint8_t *bins) {
    enum { NUMBERS = 16, PARTS = 16, EDGES = 256 };
    float all[EDGES], lasts[PARTS];
    size_t at = 0;
    memcpy(all, edges, edge_count * sizeof *edges);
    for (size_t i = edge_count; i < EDGES; i++) all[i] = INFINITY;
    for (size_t i = 0; i < PARTS; i++) lasts[i] = all[(i + 1) * (EDGES / PARTS) - 1];
    const __m512 parts = _mm512_loadu_ps(lasts);
    for (; at + NUMBERS <= count; at += NUMBERS) {
        const __m512 x = _mm512_loadu_ps(values + at);
        __m512i below = _mm512_setzero_si512();
        for (int step = PARTS / 2; step > 0; step /= 2) {
            const __m512 edge = _mm512_permutexvar_ps(_mm512_add_epi32(below, _mm512_set1_epi32(step - 1)), parts);
            below =
                _mm512_mask_add_epi32(below, _mm512_cmp_ps_mask(edge, x, _CMP_LT_OQ), below, _mm512_set1_epi32(step));
        }
        below = _mm512_slli_epi32(below, 4);
        for (int step = EDGES / PARTS / 2; step > 0; step /= 2) {
            const __m512 edge = _mm512_i32gather_ps(below, all + step - 1, sizeof *all);
            below =
                _mm512_mask_add_epi32(below, _mm512_cmp_ps_mask(edge, x, _CMP_LT_OQ), below, _mm512_set1_epi32(step));
        }
        const __m512i found = _mm512_add_epi32(below, _mm512_set1_epi32(1));
        _mm_storeu_si128((__m128i *)(void *)(bins + at), _mm512_cvtepi32_epi8(found));
    }
    models__bins_of_plainly(edges, edge_count, values + at, count - at, bins + at);
}

void models__bins_of(const float *edges, size_t edge_count, const float *values, size_t count, uint8_t *bins) {
    enum { FEW = 64 }; /* for which a table is not worth its making */
    const bool is_vector = count >= FEW && __builtin_cpu_supports("avx512f");
    (is_vector ? find_sixteen : models__bins_of_plainly)(edges, edge_count, values, count, bins);
}
#else
void models__bins_of(const float *edges, size_t edge_count, const float *values, size_t count, uint8_t *bins) {
    models__bins_of_plainly(edges, edge_count, values, count, bins);
}
#endif
