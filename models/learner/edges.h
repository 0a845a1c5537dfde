/* Where the bins of a feature's numbers begin and end: found in a sample of them. Private to this folder. */
#ifndef PEAL_MODELS_EDGES_H
#define PEAL_MODELS_EDGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODELS__BIN_LEAST = 3 }; /* numbers of the sample in a bin: with fewer, small tables are learnt by heart */

/* So many of the sample are this number. */
typedef struct models__run {
    float value;
    uint64_t count;
} models__run;

/* What finding edges needs: room for as many numbers as there are at once. */
typedef struct models__edge_room {
    float *spare;      /* [room] */
    models__run *runs; /* [room + 1] */
} models__edge_room;

/* Sorts `values` [count], none of them NaN, and finds the edges between at most `most` bins of them and of `zeros`
 * numbers more that are 0: between all different numbers if they are few, else so that the bins hold about as many
 * each. A number that fills a bin alone has one; so has zero, which often means more than that there is little, and
 * there is an edge between numbers below and above it. Writes fewer than `most` edges, rising, and returns how many;
 * bin i, from 1 on, holds edges[i - 2] < x <= edges[i - 1]. */
size_t models__edges_find(float *values, size_t count, uint64_t zeros, size_t most, const models__edge_room *room,
                          float *edges);

/* The bin of x: one more than there are edges below it. */
static inline uint8_t models__bin_of(const float *edges, size_t count, float x) {
    size_t low = 0;
    for (size_t length = count; length > 0;) {
        const size_t half = (length + 1) / 2;
        low = edges[low + half - 1] < x ? low + half : low;
        length -= half;
    }
    return (uint8_t)(low + 1);
}

/* The bins of many numbers, by fewer than 256 edges. The vector unit of the CPU is used, if it can; the other one does
 * the same without. */
void models__bins_of(const float *edges, size_t edge_count, const float *values, size_t count, uint8_t *bins);
void models__bins_of_plainly(const float *edges, size_t edge_count, const float *values, size_t count, uint8_t *bins);

#endif
