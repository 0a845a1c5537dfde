/* A single-producer single-consumer ring of fixed-size messages in shared memory.
 *
 * The two sides may be threads or processes; the ring holds no pointers. Either side can close it: then pushes fail at
 * once, and pops fail once the ring is empty, so that nobody waits for a peer that is gone. */
#ifndef PEAL_CORE_RING_H
#define PEAL_CORE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct peal_ring peal_ring;

/* Bytes that a ring of `slots` messages (a power of two) of `message_size` bytes takes. */
size_t peal_ring_size(size_t slots, size_t message_size);
/* Makes an empty, open ring in `memory`, which is 64-byte aligned and at least peal_ring_size bytes. */
peal_ring *peal_ring_init(void *memory, size_t slots, size_t message_size);

/* Producer: false if the ring is full or closed. */
bool peal_ring_try_push(peal_ring *ring, const void *message);
/* Producer: waits for room. PEAL_E_CANCELLED if the ring is closed, PEAL_E_FAILED if time runs out. */
peal_status peal_ring_push(peal_ring *ring, const void *message, int timeout_ms, peal_error *err);

/* Consumer: false if the ring is empty. */
bool peal_ring_try_pop(peal_ring *ring, void *message);
/* Consumer: waits for a message. PEAL_E_CANCELLED if the ring is closed and empty, PEAL_E_FAILED if time runs out. */
peal_status peal_ring_pop(peal_ring *ring, void *message, int timeout_ms, peal_error *err);

/* Either side, or a supervisor: wakes whoever waits. */
void peal_ring_close(peal_ring *ring);

#endif
