/* MurmurHash3 for 32 bits, and numbers as they are. Source: A. Appleby, MurmurHash3_x86_32; Vowpal Wabbit's hashstring.
 */
#include "etl/format/vw_hash.h"

#include <string.h>

static inline uint32_t rotate(uint32_t x, unsigned by) {
    return x << by | x >> (32 - by);
}

static inline uint32_t scramble(uint32_t word) {
    return rotate(word * 0xCC9E2D51u, 15) * 0x1B873593u;
}

static inline uint32_t finish(uint32_t hash) {
    hash = (hash ^ hash >> 16) * 0x85EBCA6Bu;
    hash = (hash ^ hash >> 13) * 0xC2B2AE35u;
    return hash ^ hash >> 16;
}

static uint32_t murmur(const char *text, size_t length, uint32_t seed) {
    uint32_t hash = seed, word;
    size_t at = 0;
    for (; at + 4 <= length; at += 4) {
        memcpy(&word, text + at, 4); /* little-endian, as all that Peal runs on */
        hash = rotate(hash ^ scramble(word), 13) * 5 + 0xE6546B64u;
    }
    if (at < length) {
        word = 0;
        memcpy(&word, text + at, length - at);
        hash ^= scramble(word);
    }
    return finish(hash ^ (uint32_t)length);
}

uint32_t vw__hash(const char *name, size_t length, uint32_t seed) {
    uint32_t number = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned digit = (unsigned)(unsigned char)name[i] - '0';
        if (digit > 9) return murmur(name, length, seed);
        number = number * 10 + digit;
    }
    return number + seed;
}
