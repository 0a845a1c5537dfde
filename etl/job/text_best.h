/* The best of many counted texts: the most frequent, equally frequent ones in the order of their bytes, in memory that
 * depends on how many are kept and not on how many are offered. */
#ifndef PEAL_ETL_TEXT_BEST_H
#define PEAL_ETL_TEXT_BEST_H

#include <stddef.h>
#include <stdint.h>

#include "etl/table/dictionary.h"

typedef struct peal_best_text {
    uint64_t count;
    uint64_t prefix; /* its first 8 bytes as a number that compares as they do */
    size_t offset;   /* of its bytes */
    uint32_t length;
} peal_best_text;

typedef struct peal_text_best {
    size_t most; /* to be kept */
    peal_best_text
        *items; /* at most 2 * most; once `full`, the first `most` are the best so far, the last of them the worst */
    size_t count, capacity;
    peal_buffer bytes;
    bool full;
} peal_text_best;

/* Zero-initialise, but for `most` (at least 1). Each text is offered once. */
peal_status peal_text_best_offer(peal_text_best *best, peal_text text, uint64_t count, peal_error *err);
/* Puts the best, in order and with their counts, into an empty dictionary. */
peal_status peal_text_best_take(peal_text_best *best, peal_dictionary *out, peal_error *err);
void peal_text_best_clear(peal_text_best *best);

#endif
