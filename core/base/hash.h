/* The two halves of peal_hash. Private to this folder. */
#ifndef PEAL_CORE_HASH_H
#define PEAL_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* peal_hash of any size by the shared library, which picks the vector unit. */
uint64_t core__hash_long(const void *bytes, size_t size, uint64_t seed);

#endif
