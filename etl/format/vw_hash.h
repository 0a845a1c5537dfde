/* The hash by which Vowpal Wabbit turns names into indices. Private to this folder. */
#ifndef PEAL_ETL_FORMAT_VW_HASH_H
#define PEAL_ETL_FORMAT_VW_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash of a namespace (seed 0) or of a feature (seed: the hash of its namespace): a name of digits is the number
 * itself plus the seed, modulo 2^32; any other is hashed. */
uint32_t vw__hash(const char *name, size_t length, uint32_t seed);

#endif
