/* Meetings of the members of a group, over shared memory: the barrier, and work by segments that they do together while
 * all are there. Sums stand on it in comm.h.
 *
 * Every wait ends: by the others' arrival, by `peal_collective_abort`, or by the timeout. */
#ifndef PEAL_CORE_COLLECTIVE_H
#define PEAL_CORE_COLLECTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

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

#endif
