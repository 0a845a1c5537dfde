/* Pairwise sums in an order that belongs to the job; see sum.h. */
#include "core/process/sum.h"

#include <assert.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/base/memory.h"
#include "core/base/vector.h"

enum { CHUNK_FLOATS = 1024 };  /* the sums that wait for their sibling stay in the first cache */
enum { FAR_BYTES = 32 << 20 }; /* so much is in no cache */
enum { SHORT_FLOATS = 16384 }; /* a microsecond or two of work */

size_t peal_term_size(size_t first, size_t end) {
    size_t size = 1;
    while (first % (2 * size) == 0 && first + 2 * size <= end) size *= 2;
    return size;
}

/* ---- kernels: `out` may be one of the inputs ---- */

PEAL_VECTOR static void scale(float *out, const float *a, float u, size_t count) {
    PEAL_INDEPENDENT
    for (size_t i = 0; i < count; i++) out[i] = u * a[i];
}

PEAL_VECTOR static void add_2(float *out, const float *a, float u, const float *b, float v, size_t count) {
    PEAL_INDEPENDENT
    for (size_t i = 0; i < count; i++) out[i] = u * a[i] + v * b[i];
}

/* A cache line, as one value; the compiler makes of it what the CPU has. */
typedef float line __attribute__((vector_size(64), aligned(4), may_alias));

/* The same for `a` and `b` that are in no cache. The CPU's own prefetcher stops at the end of each page of 4 KB, and
 * few systems give shared memory larger ones; so this asks for what it will read half a page on, into the second cache.
 * (Beyond the end of an array that does nothing. Past the second cache would spare it, but is slower by a third where
 * the last cache is large and far.) With four arrays the plain loop keeps the memory as busy by itself. */
PEAL_VECTOR static void add_2_far(float *out, const float *a, float u, const float *b, float v, size_t count) {
    enum { LINE = sizeof(line) / sizeof(float), AHEAD = 512 };
    size_t i = 0;
    for (; i + LINE <= count; i += LINE) {
        __builtin_prefetch(a + i + AHEAD, 0, 2);
        __builtin_prefetch(b + i + AHEAD, 0, 2);
        *(line *)(out + i) = u * *(const line *)(a + i) + v * *(const line *)(b + i);
    }
    for (; i < count; i++) out[i] = u * a[i] + v * b[i];
}

PEAL_VECTOR static void add_4(float *out, const peal_term *t, size_t at, size_t count) {
    const float *a = t[0].values + at, *b = t[1].values + at, *c = t[2].values + at, *d = t[3].values + at;
    const float u = t[0].weight, v = t[1].weight, w = t[2].weight, x = t[3].weight;
    PEAL_INDEPENDENT
    for (size_t i = 0; i < count; i++) out[i] = (u * a[i] + v * b[i]) + (w * c[i] + x * d[i]);
}

/* ---- the tree ---- */

/* Sums one chunk with a stack of nodes that wait for their sibling: the sizes on it fall, as the digits of a binary
 * counter. */
static void sum_chunk(float *out, const peal_term *terms, size_t count, size_t at, size_t length) {
    float sums[PEAL_SUM_DEPTH][CHUNK_FLOATS];
    peal_term stack[PEAL_SUM_DEPTH];
    size_t depth = 0;
    for (size_t t = 0; t < count; t++) {
        assert(depth < PEAL_SUM_DEPTH);
        stack[depth++] = (peal_term){terms[t].values + at, terms[t].weight, terms[t].size};
        while (depth > 1 && (stack[depth - 1].size == stack[depth - 2].size || t + 1 == count)) {
            peal_term *left = &stack[depth - 2], right = stack[depth - 1];
            float *to = depth == 2 && t + 1 == count ? out : sums[depth - 2];
            add_2(to, left->values, left->weight, right.values, right.weight, length);
            *left = (peal_term){to, 1, left->size + right.size};
            depth--;
        }
    }
    if (count == 1) scale(out, stack[0].values, stack[0].weight, length);
}

void peal_sum_terms(float *out, const peal_term *terms, size_t count, size_t begin, size_t end) {
    const bool far = count * (end - begin) * sizeof(float) >= FAR_BYTES;
    bool four = count == 4;
    for (size_t t = 1; four && t < 4; t++) four = terms[t].size == terms[0].size;
    for (size_t at = begin; at < end; at += CHUNK_FLOATS) {
        const size_t length = end - at < CHUNK_FLOATS ? end - at : CHUNK_FLOATS;
        if (four) {
            add_4(out + at, terms, at, length);
        } else if (count == 2) {
            (far ? add_2_far : add_2)(out + at, terms[0].values + at, terms[0].weight, terms[1].values + at,
                                      terms[1].weight, length);
        } else {
            sum_chunk(out + at, terms, count, at, length);
        }
    }
}

void peal_sum_slots(float *out, const float *slots, size_t slot_count, size_t stride, const float *weights,
                    size_t begin, size_t end) {
    peal_term terms[(size_t)1 << (PEAL_SUM_DEPTH - 1)];
    assert(slot_count <= sizeof terms / sizeof *terms);
    for (size_t s = 0; s < slot_count; s++) {
        terms[s] = (peal_term){slots + s * stride, weights ? weights[s] : 1.0f, 1};
    }
    peal_sum_terms(out, terms, slot_count, begin, end);
}

/* ---- who adds up what ---- */

void peal_segment(size_t count, size_t rank, size_t hands, size_t *begin, size_t *end) {
    const size_t floats = PEAL_ALIGNMENT / sizeof(float); /* of a line */
    const size_t lines = (count + floats - 1) / floats;
    *begin = lines * rank / hands * floats;
    *end = lines * (rank + 1) / hands * floats;
    if (*begin > count) *begin = count;
    if (*end > count) *end = count;
}

bool peal_sum_is_short(size_t vectors, size_t count) {
    return vectors * count <= SHORT_FLOATS;
}

/* ---- copies ---- */

void peal_copy_past_caches(float *to, const float *from, size_t count) {
#if defined(__x86_64__)
    size_t i = 0;
    for (; i + 4 <= count; i += 4) _mm_stream_ps(to + i, _mm_loadu_ps(from + i));
    for (; i < count; i++) to[i] = from[i];
    _mm_sfence(); /* streamed stores are in no order with the others; a release that follows must cover them */
#else
    memcpy(to, from, count * sizeof *to);
#endif
}
