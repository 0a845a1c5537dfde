/* A pool of processes, for work that computes or that may crash: futures, timeouts, and map with results in order.
 *
 * Tasks run in forked processes, so a task that crashes, leaks or takes too long costs its own future an error and
 * nothing else. A task is a function of the program; its argument and its result are bytes, copied in and out, and what
 * the program had in memory when the pool was made can be read in a task as it was then (and written, without anyone
 * else seeing it). Large data is best put into a peal_slab before the pool is made: all see the same bytes.
 *
 * Safe in programs with threads of their own: the processes are forked by a thread of the pool that lives as long as
 * the pool does. As after any fork of a program with threads, a task must not wait for a lock that another thread may
 * have held at that moment; malloc and stdio are in order, and so is a BLAS with threads, whose threads are not in the
 * processes. Open files are shared with the processes.
 *
 * Results that do not depend on the number of processes: draw random numbers from peal_philox_task(seed, call->index),
 * and let peal_process_pool_map consume in order. */
#ifndef PEAL_CORE_PROCESS_POOL_H
#define PEAL_CORE_PROCESS_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/thread/future.h"

/* What a task sees. */
typedef struct peal_call {
    uint64_t index; /* of a map; otherwise the number of the submission, from 0 */
    const void *argument;
    size_t argument_size;
    void *result;       /* to be written, 64-byte aligned */
    size_t result_size; /* the room there is; the task sets it to what it has written */
} peal_call;

/* A task, run in a process. On failure it fills `err`, and the result is dropped. */
typedef peal_status (*peal_process_task)(peal_call *call, peal_error *err);

typedef struct peal_process_pool_options {
    size_t processes;     /* 0: as many as peal_machine_cpus() */
    size_t argument_size; /* most bytes of an argument */
    size_t result_size;   /* most bytes of a result */
} peal_process_pool_options;

peal_process_pool_options peal_process_pool_default(void); /* 0 processes, 4096 bytes each way */

typedef struct peal_process_pool peal_process_pool;

peal_status peal_process_pool_new(const peal_process_pool_options *options, peal_process_pool **out, peal_error *err);
size_t peal_process_pool_processes(const peal_process_pool *pool);
/* Cancels what has not begun, waits for what has, ends the processes. NULL is allowed. Futures outlive it. */
void peal_process_pool_free(peal_process_pool *pool);

/* Queues `task` with a copy of the argument's bytes (NULL and 0: none). A task that runs for more than `timeout_ms` (0:
 * no limit) is killed, and its future fails; so does that of a task whose process dies, with what it died of. Another
 * process takes its place. From any thread. The caller owns `*out`. */
peal_status peal_process_pool_submit(peal_process_pool *pool, peal_process_task task, const void *argument,
                                     size_t argument_size, int timeout_ms, peal_future **out, peal_error *err);

/* Work for `peal_process_pool_map`. Only `task` runs in processes; the rest (each may be NULL) on the caller's thread,
 * in the order of the indices. */
typedef struct peal_process_map {
    peal_process_task task;
    /* The argument's bytes for an index, which are copied at once; NULL: none, the index says all. */
    const void *(*argument)(void *user, size_t index, size_t *size);
    peal_status (*consume)(void *user, size_t index, const void *result, size_t size, peal_error *err);
    void (*progress)(void *user, size_t done, size_t total);
    void *user;
    int task_timeout_ms; /* of each task; 0: none */
    int timeout_ms;      /* of the whole map, which then fails, once what runs has ended; 0: none */
} peal_process_map;

/* Runs indices 0 .. count-1 with at most `window` begun and not yet consumed (0: four per process). The error of the
 * lowest failing index wins; nothing behind it is consumed, and what has not begun is cancelled. */
peal_status peal_process_pool_map(peal_process_pool *pool, size_t count, size_t window, const peal_process_map *work,
                                  peal_error *err);

#endif
