/* Collectives between the members of a group, over shared memory: barrier, work by segments, allreduce, broadcast.
 *
 * Data lies in slabs that all members map; nothing is copied that need not be. Sums run in an order that
 * belongs to the slots (core/process/sum.h), never in that in which members arrive, so the bits do not depend on how
 * many members there are. Every wait ends: by the others' arrival, by `peal_collective_abort`, or by the timeout. */
#ifndef PEAL_CORE_COLLECTIVE_H
#define PEAL_CORE_COLLECTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/process/sum.h"

typedef struct peal_collective peal_collective;

/* Bytes of shared memory that a collective of `members` takes. */
size_t peal_collective_size(size_t members);
/* Makes a collective of `members` in shared memory. `spin` says whether waiters may spin before they park: true if
 * every member has a CPU of its own. */
peal_collective *peal_collective_init(void *memory, size_t members, bool spin, int timeout_ms);

/* Waits until all members have come; member `rank` calls. PEAL_E_CANCELLED if the collective was aborted, PEAL_E_FAILED
 * after the timeout (with how many are missing), which aborts it for the others. */
peal_status peal_barrier_wait(peal_collective *collective, size_t rank, peal_error *err);

/* Works on the items [begin, end) of what the members do together. */
typedef void (*peal_segment_work)(void *user, size_t begin, size_t end);

/* When all members have come, works on the floats [0, count) and lets all go when all of it is done. `hands` members do
 * the work, each a segment: all of them, segment by rank; or the last so many to come, which is right where there are
 * fewer CPUs than members, since the others need not wake between; or one, for work that takes less time than a wait,
 * which is then one round of waiting instead of two. All members call with the same arguments but `rank` and `user`;
 * what `work` writes must be shared memory. */
peal_status peal_collective_work(peal_collective *collective, size_t rank, size_t count, size_t hands,
                                 peal_segment_work work, void *user, peal_error *err);

/* Wakes every waiter with PEAL_E_CANCELLED; later waits fail at once until `peal_collective_reset`. */
void peal_collective_abort(peal_collective *collective);
/* Makes an aborted collective usable again. Only while no member is inside a call. */
void peal_collective_reset(peal_collective *collective);

/* How far member `rank` has come since the collective was made or reset, for a supervisor that finds nobody moving: the
 * members all wait for the one whose distance is the least. */
uint64_t peal_collective_distance(const peal_collective *collective, size_t rank);

/* Allreduce: all members call with the same arguments but their own rank; afterwards slot 0 holds the sum of all slots,
 * seen by all, until its owner writes to it again. */
peal_status peal_allreduce(peal_collective *collective, size_t rank, float *slots, size_t slot_count, size_t stride,
                           size_t count, peal_error *err);
/* Broadcast: copies `size` bytes from `source` (of the root) to `destination` (of everyone else), between barriers. */
peal_status peal_broadcast(peal_collective *collective, size_t rank, bool root, void *destination, const void *source,
                           size_t size, peal_error *err);

#endif
