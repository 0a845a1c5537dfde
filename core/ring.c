/* The ring's protocol.
 *
 * `head` is written by the producer alone, `tail` by the consumer alone; both only grow (modulo 2^32). A slot's bytes
 * are written before the release store of `head` and read after the acquire load of it, so the consumer sees whole
 * messages; the same holds backwards for `tail`, so the producer never overwrites a slot that is being read.
 *
 * Parking: a waiter sets its `parked` flag and then looks at the index again; the other side moves the index and then
 * looks at the flag. All four are sequentially consistent, so they have one order and at least one of the two sides
 * sees the other's store: either the waiter does not park or it is woken. The futex compares the index itself, which
 * closes the window between the look and the sleep. */
#include "core/ring.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "core/futex.h"
#include "core/machine.h"
#include "core/memory.h"

struct peal_ring {
    _Alignas(64) _Atomic uint32_t head; /* messages pushed; the consumer parks on it */
    _Atomic uint32_t consumer_parked;
    _Alignas(64) _Atomic uint32_t tail; /* messages popped; the producer parks on it */
    _Atomic uint32_t producer_parked;
    _Alignas(64) _Atomic uint32_t closed;
    uint32_t slots;
    uint32_t message_size;
    _Alignas(64) uint8_t bytes[];
};

enum { SPINS = 2000, PARK_SLICE_MS = 100 };

size_t peal_ring_size(size_t slots, size_t message_size) {
    return sizeof(peal_ring) + peal_round_up(slots * message_size, PEAL_ALIGNMENT);
}

peal_ring *peal_ring_init(void *memory, size_t slots, size_t message_size) {
    assert(slots > 0 && (slots & (slots - 1)) == 0);
    peal_ring *ring = memory;
    atomic_store(&ring->head, 0);
    atomic_store(&ring->tail, 0);
    atomic_store(&ring->consumer_parked, 0);
    atomic_store(&ring->producer_parked, 0);
    ring->slots = (uint32_t)slots;
    ring->message_size = (uint32_t)message_size;
    atomic_store(&ring->closed, 0);
    return ring;
}

static void wake_if_parked(_Atomic uint32_t *parked, _Atomic uint32_t *word) {
    if (atomic_load(parked)) { /* after the store of the index; pairs with the waiter's store of `parked` */
        atomic_store_explicit(parked, 0, memory_order_relaxed);
        peal_futex_wake_all(word);
    }
}

bool peal_ring_try_push(peal_ring *ring, const void *message) {
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (head - tail == ring->slots || atomic_load_explicit(&ring->closed, memory_order_relaxed)) return false;
    memcpy(ring->bytes + (size_t)(head & (ring->slots - 1)) * ring->message_size, message, ring->message_size);
    atomic_store(&ring->head, head + 1);
    wake_if_parked(&ring->consumer_parked, &ring->head);
    return true;
}

bool peal_ring_try_pop(peal_ring *ring, void *message) {
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    if (head == tail) return false;
    memcpy(message, ring->bytes + (size_t)(tail & (ring->slots - 1)) * ring->message_size, ring->message_size);
    atomic_store(&ring->tail, tail + 1);
    wake_if_parked(&ring->producer_parked, &ring->tail);
    return true;
}

/* Waits until *word is no longer `seen`, the ring closes, or a slice of time has passed. */
static void wait_for_change(peal_ring *ring, _Atomic uint32_t *word, uint32_t seen, _Atomic uint32_t *parked) {
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load_explicit(word, memory_order_acquire) != seen) return;
        peal_cpu_relax();
    }
    atomic_store(parked, 1);
    if (atomic_load(word) != seen || atomic_load(&ring->closed)) return; /* pairs with `wake_if_parked` */
    peal_futex_wait(word, seen, PARK_SLICE_MS);
}

peal_status peal_ring_push(peal_ring *ring, const void *message, int timeout_ms, peal_error *err) {
    int64_t deadline = peal_now_ns() + (int64_t)timeout_ms * 1000000;
    while (!peal_ring_try_push(ring, message)) {
        if (atomic_load_explicit(&ring->closed, memory_order_acquire)) {
            return peal_fail(err, PEAL_E_CANCELLED, "the ring is closed");
        }
        uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
        wait_for_change(ring, &ring->tail, head - ring->slots, &ring->producer_parked);
        if (timeout_ms >= 0 && peal_now_ns() > deadline) {
            return peal_fail(err, PEAL_E_FAILED, "no room in the ring for %d ms", timeout_ms);
        }
    }
    return PEAL_OK;
}

peal_status peal_ring_pop(peal_ring *ring, void *message, int timeout_ms, peal_error *err) {
    int64_t deadline = peal_now_ns() + (int64_t)timeout_ms * 1000000;
    while (!peal_ring_try_pop(ring, message)) {
        if (atomic_load_explicit(&ring->closed, memory_order_acquire)) {
            if (peal_ring_try_pop(ring, message)) return PEAL_OK; /* pushed just before the close */
            return peal_fail(err, PEAL_E_CANCELLED, "the ring is closed");
        }
        uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
        wait_for_change(ring, &ring->head, tail, &ring->consumer_parked);
        if (timeout_ms >= 0 && peal_now_ns() > deadline) {
            return peal_fail(err, PEAL_E_FAILED, "no message in the ring for %d ms", timeout_ms);
        }
    }
    return PEAL_OK;
}

void peal_ring_close(peal_ring *ring) {
    atomic_store(&ring->closed, 1);
    peal_futex_wake_all(&ring->head);
    peal_futex_wake_all(&ring->tail);
}
