/* split: which rows train, which validate, which test. Decided by a hash of the row's own bytes and the seed, so it
 * does not depend on order, threads or other rows, and equal rows stay together. Where rows have queries, the hash is
 * the query's, and all rows of one stay together. */
#ifndef PEAL_ETL_TRANSFORM_SPLIT_H
#define PEAL_ETL_TRANSFORM_SPLIT_H

#include <jansson.h>
#include <stdint.h>

#include "core/base/status.h"

enum { PEAL_SPLIT_TRAIN, PEAL_SPLIT_VALID, PEAL_SPLIT_TEST, PEAL_SPLITS };
extern const char *const peal_split_names[PEAL_SPLITS]; /* "train", "valid", "test" */

typedef struct peal_split {
    double valid, test; /* fractions of the rows */
    uint64_t seed;
} peal_split;

peal_status peal_split_load(const json_t *options, peal_split *out, peal_error *err);
json_t *peal_split_save(const peal_split *split);
/* The split of a row whose record hashes to `hash`. */
uint8_t peal_split_of(const peal_split *split, uint64_t hash);

#endif
