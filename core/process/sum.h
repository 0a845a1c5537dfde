/* Sums of vectors in an order that belongs to the job: pairwise, by number.
 *
 * The vectors of partitions 0 .. n-1 are the leaves of a binary tree; a node covers 2^k neighbours that begin at a
 * multiple of 2^k (the last ones fewer). Whoever computes a node, and however the nodes are spread over workers, the
 * sum has the same bits; the rounding error grows with log n (Higham, Accuracy and Stability of Numerical Algorithms,
 * 4.2). */
#ifndef PEAL_CORE_SUM_H
#define PEAL_CORE_SUM_H

#include <stdbool.h>
#include <stddef.h>

/* A node of the tree: values[i] * weight stands for the weighted sum of `size` (a power of two) neighbours. */
typedef struct peal_term {
    const float *values;
    float weight;
    size_t size;
} peal_term;

enum { PEAL_SUM_DEPTH = 12 }; /* of the tree: at most 2^(this - 1) leaves */

/* How many partitions, a power of two, the largest node covers that begins at `first` and ends at or before `end`. */
size_t peal_term_size(size_t first, size_t end);

/* out[i] = the sum of terms [count], in their order, for i in [begin, end); float32. The terms cover all partitions
 * from 0 on without a gap. `out` may be the values of one of them. */
void peal_sum_terms(float *out, const peal_term *terms, size_t count, size_t begin, size_t end);

/* The same for slots that stand one behind the other, slot s at slots + s * stride, each a leaf. NULL weights are
 * ones. */
void peal_sum_slots(float *out, const float *slots, size_t slot_count, size_t stride, const float *weights,
                    size_t begin, size_t end);

/* The part of `count` floats that hand `rank` of `hands` works on: [*begin, *end), cut at cache lines. */
void peal_segment(size_t count, size_t rank, size_t hands, size_t *begin, size_t *end);

/* True if a sum of so many vectors of `count` floats takes less time than a wait between processes. */
bool peal_sum_is_short(size_t vectors, size_t count);

/* Copies past the caches where the CPU can: for what other cores read next and this one will write again. `to` is
 * 16-byte aligned, the copies do not overlap. Complete when it returns. */
void peal_copy_past_caches(float *to, const float *from, size_t count);

#endif
