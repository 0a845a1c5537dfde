/* Philox 4x32-10 and what is drawn from it; see philox.h. */
#include "core/base/philox.h"

#include <math.h>
#include <string.h>

#include "core/base/vector.h"

/* Inline, so that loops over it become vector code. */
static inline void make_block(uint32_t c[4], uint32_t k0, uint32_t k1) {
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c[0];
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * c[2];
        c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
        c[1] = (uint32_t)p1;
        c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[3] = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

void peal_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
    make_block(c, key[0], key[1]);
    memcpy(out, c, sizeof c);
}

PEAL_VECTOR void peal_philox_pairs(const uint32_t *counters, size_t count, const uint32_t rest[3],
                                   const uint32_t key[2], uint32_t *restrict first, uint32_t *restrict second) {
    const uint32_t r0 = rest[0], r1 = rest[1], r2 = rest[2], k0 = key[0], k1 = key[1];
    for (size_t i = 0; i < count; i++) {
        uint32_t c[4] = {counters[i], r0, r1, r2};
        make_block(c, k0, k1);
        first[i] = c[0];
        second[i] = c[1];
    }
}

peal_philox peal_philox_stream(uint64_t seed, peal_purpose purpose, uint32_t epoch, uint32_t partition, uint32_t step) {
    peal_philox stream = {
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, step, epoch, ((uint32_t)purpose << 24) | (partition & 0xFFFFFFu)},
        .used = 4,
    };
    return stream;
}

peal_philox peal_philox_task(uint64_t seed, uint64_t index) {
    return peal_philox_stream(seed, PEAL_PURPOSE_USER, (uint32_t)index, (uint32_t)(index >> 32), 0);
}

uint32_t peal_philox_u32(peal_philox *stream) {
    if (stream->used == 4) {
        peal_philox_block(stream->counter, stream->key, stream->block);
        stream->counter[0]++;
        stream->used = 0;
    }
    return stream->block[stream->used++];
}

uint32_t peal_philox_below(peal_philox *stream, uint32_t bound) {
    uint64_t product = (uint64_t)peal_philox_u32(stream) * bound;
    if ((uint32_t)product < bound) {
        uint32_t threshold = (uint32_t)(-bound) % bound;
        while ((uint32_t)product < threshold) product = (uint64_t)peal_philox_u32(stream) * bound;
    }
    return (uint32_t)(product >> 32);
}

float peal_philox_unit(peal_philox *stream) {
    return (float)(peal_philox_u32(stream) >> 8) * 0x1.0p-24f;
}

double peal_philox_unit64(peal_philox *stream) {
    uint64_t high = peal_philox_u32(stream), low = peal_philox_u32(stream);
    return (double)(((high << 32) | low) >> 11) * 0x1.0p-53;
}

float peal_philox_normal(peal_philox *stream) {
    double u = 1.0 - peal_philox_unit64(stream); /* in (0, 1], so that the logarithm is finite */
    double v = peal_philox_unit64(stream);
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

void peal_philox_shuffle(peal_philox *stream, uint32_t *items, size_t count) {
    for (size_t left = count; left > 1; left--) {
        size_t pick = peal_philox_below(stream, (uint32_t)left);
        uint32_t kept = items[left - 1];
        items[left - 1] = items[pick];
        items[pick] = kept;
    }
}
