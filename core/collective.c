/* The barrier counts arrivals; the last one clears the count and moves the generation, on which the others spin or
 * park. `arrived` is an acquire-release counter, so what each member wrote before it came is seen by the last one, and
 * the release of `generation` hands it to all who acquire it. */
#include "core/collective.h"

#include <stdatomic.h>
#include <string.h>

#include "core/futex.h"
#include "core/machine.h"
#include "core/memory.h"
#include "core/vector.h"

struct peal_collective {
    _Alignas(64) _Atomic uint32_t arrived;
    _Alignas(64) _Atomic uint32_t generation;
    _Atomic uint32_t parked;
    _Alignas(64) _Atomic uint32_t aborted;
    uint32_t members;
    uint32_t spins;
    int32_t timeout_ms;
};

enum { SPINS = 20000, PARK_SLICE_MS = 50, CHUNK_FLOATS = 2048 };

size_t peal_collective_size(void) {
    return sizeof(peal_collective);
}

peal_collective *peal_collective_init(void *memory, size_t members, bool spin, int timeout_ms) {
    peal_collective *collective = memory;
    memset(collective, 0, sizeof *collective);
    collective->members = (uint32_t)members;
    collective->spins = spin ? SPINS : 1;
    collective->timeout_ms = timeout_ms;
    return collective;
}

static bool is_aborted(const peal_collective *collective) {
    return atomic_load_explicit(&collective->aborted, memory_order_acquire) != 0;
}

peal_status peal_barrier_wait(peal_collective *collective, peal_error *err) {
    if (is_aborted(collective)) return peal_fail(err, PEAL_E_CANCELLED, "the collective was aborted");
    uint32_t generation = atomic_load_explicit(&collective->generation, memory_order_acquire);
    if (atomic_fetch_add_explicit(&collective->arrived, 1, memory_order_acq_rel) + 1 == collective->members) {
        atomic_store_explicit(&collective->arrived, 0, memory_order_relaxed);
        /* Sequentially consistent, with the load of `parked` behind it: pairs with a waiter's store of `parked` and its
         * look at `generation`, so that one of the two sees the other. */
        atomic_store(&collective->generation, generation + 1);
        if (atomic_exchange(&collective->parked, 0)) peal_futex_wake_all(&collective->generation);
        return PEAL_OK;
    }
    for (uint32_t spin = 0; spin < collective->spins; spin++) {
        if (atomic_load_explicit(&collective->generation, memory_order_acquire) != generation) return PEAL_OK;
        peal_cpu_relax();
    }
    int64_t deadline = peal_now_ns() + (int64_t)collective->timeout_ms * 1000000;
    for (;;) {
        atomic_store(&collective->parked, 1);
        if (atomic_load(&collective->generation) != generation) return PEAL_OK;
        if (is_aborted(collective)) return peal_fail(err, PEAL_E_CANCELLED, "the collective was aborted");
        if (peal_now_ns() > deadline) {
            uint32_t arrived = atomic_load(&collective->arrived);
            return peal_fail(err, PEAL_E_FAILED, "a barrier waited %d ms in vain for %u of %u members",
                             collective->timeout_ms, collective->members - arrived, collective->members);
        }
        peal_futex_wait(&collective->generation, generation, PARK_SLICE_MS);
    }
}

uint32_t peal_barrier_generation(const peal_collective *collective) {
    return atomic_load_explicit(&collective->generation, memory_order_acquire);
}

void peal_collective_abort(peal_collective *collective) {
    atomic_store(&collective->aborted, 1);
    peal_futex_wake_all(&collective->generation);
}

void peal_collective_reset(peal_collective *collective) {
    atomic_store(&collective->arrived, 0);
    atomic_store(&collective->generation, 0);
    atomic_store(&collective->parked, 0);
    atomic_store(&collective->aborted, 0);
}

void peal_segment(size_t count, size_t rank, size_t members, size_t *begin, size_t *end) {
    const size_t line = PEAL_ALIGNMENT / sizeof(float);
    size_t lines = (count + line - 1) / line;
    *begin = lines * rank / members * line;
    *end = lines * (rank + 1) / members * line;
    if (*begin > count) *begin = count;
    if (*end > count) *end = count;
}

PEAL_VECTOR static void chunk_scale(float *restrict out, const float *restrict slot, float weight, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = weight * slot[i];
}

PEAL_VECTOR static void chunk_add(float *restrict out, const float *restrict slot, float weight, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] += weight * slot[i];
}

void peal_sum_slots(float *out, const float *slots, size_t slot_count, size_t stride, const float *weights,
                    size_t begin, size_t end) {
    float sum[CHUNK_FLOATS];
    for (size_t at = begin; at < end; at += CHUNK_FLOATS) {
        size_t count = end - at < CHUNK_FLOATS ? end - at : CHUNK_FLOATS;
        chunk_scale(sum, slots + at, weights ? weights[0] : 1.0f, count);
        for (size_t s = 1; s < slot_count; s++) {
            chunk_add(sum, slots + s * stride + at, weights ? weights[s] : 1.0f, count);
        }
        memcpy(out + at, sum, count * sizeof *sum);
    }
}

peal_status peal_allreduce(peal_collective *collective, size_t rank, float *slots, size_t slot_count, size_t stride,
                           size_t count, peal_error *err) {
    PEAL_TRY(peal_barrier_wait(collective, err));
    size_t begin, end;
    peal_segment(count, rank, collective->members, &begin, &end);
    peal_sum_slots(slots, slots, slot_count, stride, NULL, begin, end);
    return peal_barrier_wait(collective, err);
}

peal_status peal_broadcast(peal_collective *collective, bool root, void *destination, const void *source, size_t size,
                           peal_error *err) {
    PEAL_TRY(peal_barrier_wait(collective, err));
    if (!root) memcpy(destination, source, size);
    return peal_barrier_wait(collective, err);
}
