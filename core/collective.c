/* The barrier's protocol. core/barrier.pml is its model, which CI checks over all interleavings and deaths; the names
 * in brackets here are the model's labels.
 *
 * Members count themselves in; the last one does the round's work, if there is any, clears the count and moves the
 * generation, on which the others spin or sleep. The lowest bit of `generation` says that the collective is aborted,
 * so that aborting changes the word on which they sleep, and no abort can be missed.
 *
 * What pairs with what, for machines that order less than x86:
 *   - [arrive] is an acquire-release addition: the last to come sees all that the others wrote before they came (each
 *     addition continues the release sequence of those before it), so [act] may read it.
 *   - [release] is a release of `generation`; who leaves has acquired it ([spin], [look]) and sees the work of [act],
 *     what all others wrote before they came, and the count cleared by [reset]: its next [arrive] counts from 0.
 *   - [release], [signal]'s load of `parked`, [flag] and [look] are sequentially consistent, all four: either the last
 *     one's load comes after the waiter's flag, and it wakes, or the waiter's look comes after the new generation, and
 *     it does not sleep. The kernel compares the word again before it lets it sleep ([park]).
 *   - [abort_mark] takes part in the same order.
 * `parked` counts the sleepers, each of whom takes itself off: a waker that cleared it could clear the flag of a
 * sleeper of the next round (BREAK_WAKER_CLEARS in the model). Who dies asleep stays counted, which costs needless
 * wakes until the reset. */
#include "core/collective.h"

#include <stdatomic.h>
#include <string.h>

#include "core/futex.h"
#include "core/machine.h"
#include "core/memory.h"
#include "core/sum.h"

struct peal_collective {
    _Alignas(64) _Atomic uint32_t arrived;
    _Alignas(64) _Atomic uint32_t generation;
    _Atomic uint32_t parked;
    _Alignas(64) uint32_t members;
    uint32_t spins;
    int32_t timeout_ms;
};

enum { ABORTED = 1, ONE = 2 }; /* of `generation` */
/* About half a millisecond: several times what it takes to wake a sleeper. */
enum { SPINS = 20000 };
enum { SHORT_FLOATS = 16384 };

size_t peal_collective_size(void) {
    return sizeof(peal_collective);
}

peal_collective *peal_collective_init(void *memory, size_t members, bool spin, int timeout_ms) {
    peal_collective *collective = memory;
    memset(collective, 0, sizeof *collective);
    collective->members = (uint32_t)members;
    collective->spins = spin ? SPINS : 0;
    collective->timeout_ms = timeout_ms;
    return collective;
}

/* ---- the barrier ---- */

static peal_status aborted(peal_error *err) {
    return peal_fail(err, PEAL_E_CANCELLED, "the collective was aborted");
}

/* Waits until the generation is no longer `seen`. */
static peal_status wait_for_release(peal_collective *collective, uint32_t seen, peal_error *err) {
    for (uint32_t spin = 0; spin < collective->spins; spin++) {
        uint32_t now = atomic_load_explicit(&collective->generation, memory_order_acquire); /* [spin] */
        if (now != seen) return now & ABORTED ? aborted(err) : PEAL_OK;
        peal_cpu_relax();
    }
    int64_t deadline = peal_now_ns() + (int64_t)collective->timeout_ms * 1000000;
    uint32_t now;
    int64_t left = 1;
    atomic_fetch_add(&collective->parked, 1);                      /* [flag] */
    while ((now = atomic_load(&collective->generation)) == seen) { /* [look] */
        left = deadline - peal_now_ns();
        if (left <= 0) break;
        peal_futex_wait(&collective->generation, seen, left); /* [park] */
    }
    atomic_fetch_sub(&collective->parked, 1); /* [unflag] */
    if (now != seen) return now & ABORTED ? aborted(err) : PEAL_OK;
    uint32_t missing = collective->members - atomic_load(&collective->arrived);
    peal_collective_abort(collective); /* who waited in vain is counted in: the round can no longer be whole */
    return peal_fail(err, PEAL_E_FAILED, "a barrier waited %d ms in vain for %u of %u members", collective->timeout_ms,
                     missing, collective->members);
}

/* A barrier whose last member runs `work` on [0, count) before it lets the others go; NULL: nothing. */
static peal_status meet(peal_collective *collective, size_t count, peal_segment_work work, void *user,
                        peal_error *err) {
    uint32_t seen = atomic_load_explicit(&collective->generation, memory_order_acquire); /* [enter] */
    if (seen & ABORTED) return aborted(err);
    uint32_t before = atomic_fetch_add_explicit(&collective->arrived, 1, memory_order_acq_rel); /* [arrive] */
    if (before + 1 != collective->members) return wait_for_release(collective, seen, err);
    if (work) work(user, 0, count);                                                     /* [act] */
    atomic_store_explicit(&collective->arrived, 0, memory_order_relaxed);               /* [reset] */
    uint32_t now = atomic_fetch_add(&collective->generation, ONE);                      /* [release] */
    if (atomic_load(&collective->parked)) peal_futex_wake_all(&collective->generation); /* [signal] */
    return now & ABORTED ? aborted(err) : PEAL_OK;
}

peal_status peal_barrier_wait(peal_collective *collective, peal_error *err) {
    return meet(collective, 0, NULL, NULL, err);
}

void peal_collective_abort(peal_collective *collective) {
    atomic_fetch_or(&collective->generation, ABORTED); /* [abort_mark] */
    peal_futex_wake_all(&collective->generation);      /* [abort_wake] */
}

void peal_collective_reset(peal_collective *collective) { /* [again] */
    atomic_store(&collective->arrived, 0);
    atomic_store(&collective->parked, 0);
    atomic_store(&collective->generation, 0);
}

/* ---- work by segments ---- */

void peal_segment(size_t count, size_t rank, size_t members, size_t *begin, size_t *end) {
    const size_t line = PEAL_ALIGNMENT / sizeof(float);
    size_t lines = (count + line - 1) / line;
    *begin = lines * rank / members * line;
    *end = lines * (rank + 1) / members * line;
    if (*begin > count) *begin = count;
    if (*end > count) *end = count;
}

peal_status peal_collective_work(peal_collective *collective, size_t rank, size_t count, bool alone,
                                 peal_segment_work work, void *user, peal_error *err) {
    if (alone) return meet(collective, count, work, user, err);
    PEAL_TRY(peal_barrier_wait(collective, err));
    size_t begin, end;
    peal_segment(count, rank, collective->members, &begin, &end);
    if (begin < end) work(user, begin, end);
    return peal_barrier_wait(collective, err);
}

/* ---- allreduce and broadcast ---- */

bool peal_sum_is_short(size_t slot_count, size_t count) {
    return slot_count * count <= SHORT_FLOATS;
}

typedef struct reduction {
    float *slots;
    size_t slot_count, stride;
} reduction;

static void reduce_segment(void *user, size_t begin, size_t end) {
    const reduction *self = user;
    peal_sum_slots(self->slots, self->slots, self->slot_count, self->stride, NULL, begin, end);
}

peal_status peal_allreduce(peal_collective *collective, size_t rank, float *slots, size_t slot_count, size_t stride,
                           size_t count, peal_error *err) {
    reduction self = {.slots = slots, .slot_count = slot_count, .stride = stride};
    bool alone = peal_sum_is_short(slot_count, count);
    return peal_collective_work(collective, rank, count, alone, reduce_segment, &self, err);
}

peal_status peal_broadcast(peal_collective *collective, bool root, void *destination, const void *source, size_t size,
                           peal_error *err) {
    PEAL_TRY(peal_barrier_wait(collective, err));
    if (!root) memcpy(destination, source, size);
    return peal_barrier_wait(collective, err);
}
