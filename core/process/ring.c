/* The ring's protocol. core/process/ring.pml is its model, which CI checks over all interleavings and deaths; the names
 * in brackets here are the model's labels.
 *
 * `head` counts the messages pushed and is moved by the producer alone, `tail` those popped and is moved by the
 * consumer alone, both modulo 2^31. The lowest bit of each word says that the ring is closed, so that closing changes
 * the word on which a waiter sleeps: the kernel compares the word before it lets the waiter sleep, and there is no
 * moment at which a close could be missed.
 *
 * What pairs with what, for machines that order less than x86:
 *   - [push_publish] is a release of `head`; [pop_look] acquires it: the bytes of [push_fill] are seen whole by
 *     [pop_take].
 *   - [pop_free] is a release of `tail`; [push_look] acquires it: [pop_take] has read the slot before [push_fill]
 *     writes it anew.
 *   - [push_publish], [push_signal]'s load of `consumer_parked`, [wait_flag] and [wait_look] are sequentially
 *     consistent, all four: they have one order, in which either the producer's load comes after the consumer's flag,
 *     and it wakes, or the consumer's look comes after the new head, and it does not sleep. Release and acquire alone
 *     would let each side read the past of the other (store buffering), on x86 too. Backwards, with `tail`, the same.
 *   - [close_mark] is sequentially consistent and takes part in the same order; what the closer did before is seen by
 *     those who acquire the mark.
 * A side's flag is cleared by that side alone ([wait_clear]): a waker that cleared it could clear the flag of the
 * sleeper's next sleep (BREAK_WAKER_CLEARS in the model). A side that dies parked leaves its flag set, which costs its
 * peer needless wakes and nothing else. */
#include "core/process/ring.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/process/futex.h"

struct peal_ring {
    _Alignas(64) _Atomic uint32_t head; /* the consumer parks on it */
    _Atomic uint32_t consumer_parked;
    _Alignas(64) _Atomic uint32_t tail; /* the producer parks on it */
    _Atomic uint32_t producer_parked;
    _Alignas(64) uint32_t slots;
    uint32_t message_size;
    _Alignas(64) uint8_t bytes[];
};

enum { CLOSED = 1, ONE = 2 }; /* of `head` and `tail` */
enum { SPINS = 2000 };

size_t peal_ring_size(size_t slots, size_t message_size) {
    return sizeof(peal_ring) + peal_round_up(slots * message_size, PEAL_ALIGNMENT);
}

peal_ring *peal_ring_init(void *memory, size_t slots, size_t message_size) {
    assert(slots > 0 && (slots & (slots - 1)) == 0);
    peal_ring *ring = memory;
    ring->slots = (uint32_t)slots;
    ring->message_size = (uint32_t)message_size;
    atomic_store(&ring->consumer_parked, 0);
    atomic_store(&ring->producer_parked, 0);
    atomic_store(&ring->tail, 0);
    atomic_store(&ring->head, 0);
    return ring;
}

static uint8_t *slot(peal_ring *ring, uint32_t word) {
    return ring->bytes + (size_t)((word / ONE) & (ring->slots - 1)) * ring->message_size;
}

/* Messages in the ring. */
static uint32_t filled(uint32_t head, uint32_t tail) {
    return ((head & ~(uint32_t)CLOSED) - (tail & ~(uint32_t)CLOSED)) / ONE;
}

static bool push(peal_ring *ring, const void *message, uint32_t *seen) {
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    *seen = atomic_load_explicit(&ring->tail, memory_order_acquire); /* [push_look] */
    if ((*seen & CLOSED) || filled(head, *seen) == ring->slots) return false;
    memcpy(slot(ring, head), message, ring->message_size);                     /* [push_fill] */
    atomic_fetch_add(&ring->head, ONE);                                        /* [push_publish] */
    if (atomic_load(&ring->consumer_parked)) peal_futex_wake_all(&ring->head); /* [push_signal] */
    return true;
}

static bool pop(peal_ring *ring, void *message, uint32_t *seen) {
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    *seen = atomic_load_explicit(&ring->head, memory_order_acquire); /* [pop_look] */
    if (filled(*seen, tail) == 0) return false;
    memcpy(message, slot(ring, tail), ring->message_size);                     /* [pop_take] */
    atomic_fetch_add(&ring->tail, ONE);                                        /* [pop_free] */
    if (atomic_load(&ring->producer_parked)) peal_futex_wake_all(&ring->tail); /* [pop_signal] */
    return true;
}

bool peal_ring_try_push(peal_ring *ring, const void *message) {
    uint32_t seen;
    return push(ring, message, &seen);
}

bool peal_ring_try_pop(peal_ring *ring, void *message) {
    uint32_t seen;
    return pop(ring, message, &seen);
}

/* Waits until *word is no longer `seen`, or until the deadline (ns; INT64_MAX: none); false if time ran out. */
static bool wait_for_change(_Atomic uint32_t *word, uint32_t seen, _Atomic uint32_t *parked, int64_t deadline) {
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load_explicit(word, memory_order_relaxed) != seen) return true; /* the caller acquires it */
        peal_cpu_relax();
    }
    atomic_store(parked, 1); /* [wait_flag] */
    bool changed;
    while (!(changed = atomic_load(word) != seen)) { /* [wait_look] */
        int64_t left = deadline == INT64_MAX ? INT64_MAX : deadline - peal_now_ns();
        if (left <= 0) break;
        peal_futex_wait(word, seen, left); /* [wait_park] */
    }
    atomic_store(parked, 0); /* [wait_clear] */
    return changed;
}

static int64_t deadline_of(int timeout_ms) {
    return timeout_ms < 0 ? INT64_MAX : peal_now_ns() + (int64_t)timeout_ms * 1000000;
}

peal_status peal_ring_push(peal_ring *ring, const void *message, int timeout_ms, peal_error *err) {
    uint32_t seen;
    if (push(ring, message, &seen)) return PEAL_OK; /* the clock is not looked at if there is no wait */
    int64_t deadline = deadline_of(timeout_ms);
    do {
        if (seen & CLOSED) return peal_fail(err, PEAL_E_CANCELLED, "the ring is closed");
        if (!wait_for_change(&ring->tail, seen, &ring->producer_parked, deadline)) {
            return peal_fail(err, PEAL_E_FAILED, "no room in the ring for %d ms", timeout_ms);
        }
    } while (!push(ring, message, &seen));
    return PEAL_OK;
}

peal_status peal_ring_pop(peal_ring *ring, void *message, int timeout_ms, peal_error *err) {
    uint32_t seen;
    if (pop(ring, message, &seen)) return PEAL_OK;
    int64_t deadline = deadline_of(timeout_ms);
    do {
        if (seen & CLOSED) return peal_fail(err, PEAL_E_CANCELLED, "the ring is closed");
        if (!wait_for_change(&ring->head, seen, &ring->consumer_parked, deadline)) {
            return peal_fail(err, PEAL_E_FAILED, "no message in the ring for %d ms", timeout_ms);
        }
    } while (!pop(ring, message, &seen));
    return PEAL_OK;
}

void peal_ring_close(peal_ring *ring) {
    atomic_fetch_or(&ring->head, CLOSED); /* [close_mark] */
    atomic_fetch_or(&ring->tail, CLOSED);
    peal_futex_wake_all(&ring->head); /* [close_wake] */
    peal_futex_wake_all(&ring->tail);
}
