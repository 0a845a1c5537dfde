/* XXH3 of short texts, which columns of categories are full of: compiled in, since the way into the shared library
 * takes longer than the hash. Long ones go there. */
#include "core/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/base/digest.h"

enum { SHORT = 16 }; /* up to which XXH3 has no loop */

uint64_t peal_hash(const void *bytes, size_t size, uint64_t seed) {
    return size <= SHORT ? XXH3_64bits_withSeed(bytes, size, seed) : core__hash_long(bytes, size, seed);
}
