/* Philox 4x32-10 and what is drawn from it; see philox.h. */
#include "core/base/philox.h"

#include <math.h>
#include <string.h>

void peal_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
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
