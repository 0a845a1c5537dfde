/* Counter-based random numbers: Philox4x32-10.
 *
 * Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011. A number is a pure function of
 * (seed, purpose, epoch, partition, step, index): there is no state to save and nothing depends on history, so any
 * worker can draw any partition's numbers. */
#ifndef PEAL_CORE_PHILOX_H
#define PEAL_CORE_PHILOX_H

#include <stddef.h>
#include <stdint.h>

typedef enum peal_purpose {
    PEAL_PURPOSE_INIT = 1,    /* initial parameters */
    PEAL_PURPOSE_SHUFFLE = 2, /* order of rows within a partition */
    PEAL_PURPOSE_DEAL = 3,    /* which rows belong to which partition */
    PEAL_PURPOSE_DROPOUT = 4,
    PEAL_PURPOSE_SPLIT = 5,    /* held-out rows */
    PEAL_PURPOSE_USER = 6,     /* tasks of embedders */
    PEAL_PURPOSE_ROUND = 7,    /* numbers to whole ones */
    PEAL_PURPOSE_SAMPLE = 8,   /* rows of a tree */
    PEAL_PURPOSE_COLUMNS = 9,  /* columns of a tree */
    PEAL_PURPOSE_DROP = 10,    /* trees that are left out of a round */
    PEAL_PURPOSE_QUERY = 11,   /* rows that are ranked */
    PEAL_PURPOSE_AUGMENT = 12, /* what is done to a row each time that it is trained on */
    PEAL_PURPOSE_KEEP = 13,    /* rows that stand for all when a model is explained */
    PEAL_PURPOSE_PERMUTE = 14, /* values of a column among rows */
    PEAL_PURPOSE_FOLD = 15     /* rows whose targets a category's mean is over */
} peal_purpose;

/* One stream of numbers. Fill it by `peal_philox_stream`; the counter's low word walks. */
typedef struct peal_philox {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4]; /* the numbers of the present counter */
    unsigned used;     /* how many of them are spent */
} peal_philox;

/* The block function: out = Philox4x32-10(counter, key). */
void peal_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
/* The first two words of many blocks: first[i] and second[i] [count] are those of Philox4x32-10({counters[i], rest[0],
 * rest[1], rest[2]}, key), made side by side. */
void peal_philox_pairs(const uint32_t *counters, size_t count, const uint32_t rest[3], const uint32_t key[2],
                       uint32_t *restrict first, uint32_t *restrict second);

/* The stream of one (seed, purpose, epoch, partition, step). Streams of different coordinates do not overlap within
 * 2^32 blocks. `purpose` < 2^8, `partition` < 2^24. */
peal_philox peal_philox_stream(uint64_t seed, peal_purpose purpose, uint32_t epoch, uint32_t partition, uint32_t step);

/* The stream of one task of an embedder's: a function of seed and index alone, so that results do not depend on who
 * runs it. `index` < 2^56. */
peal_philox peal_philox_task(uint64_t seed, uint64_t index);

uint32_t peal_philox_u32(peal_philox *stream);
/* Uniform in [0, bound), without bias (Lemire's method). bound > 0. */
uint32_t peal_philox_below(peal_philox *stream, uint32_t bound);
/* Uniform in [0, 1), 24 bits. */
float peal_philox_unit(peal_philox *stream);
/* Uniform in [0, 1), 53 bits. */
double peal_philox_unit64(peal_philox *stream);
/* Standard normal (Box and Muller). */
float peal_philox_normal(peal_philox *stream);
/* Fisher-Yates: a uniformly random order of `items`. */
void peal_philox_shuffle(peal_philox *stream, uint32_t *items, size_t count);

#endif
