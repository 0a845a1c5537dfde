/* A pool of threads, for work that waits, reads, inflates or parses: futures, cancel, and map with results in order.
 * Work that computes for long, or that may crash, is better off in processes: core/process/process_pool.h. */
#ifndef PEAL_CORE_EXECUTOR_H
#define PEAL_CORE_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/thread/future.h"

typedef struct peal_executor peal_executor;

/* A task. What it returns is the future's result; on failure it fills `err`. */
typedef peal_status (*peal_task)(void *argument, peal_error *err);

/* `threads` threads; 0 means as many as peal_machine_cpus(). They leave all signals to the caller's threads. */
peal_status peal_executor_new(size_t threads, peal_executor **out, peal_error *err);
size_t peal_executor_threads(const peal_executor *executor);
/* Cancels what has not begun, waits for what has, joins the threads. NULL is allowed. Futures outlive it. */
void peal_executor_free(peal_executor *executor);

/* Queues `task(argument)`. The caller owns `*out` and frees it with peal_future_free. */
peal_status peal_executor_submit(peal_executor *executor, peal_task task, void *argument, peal_future **out,
                                 peal_error *err);

/* Work for `peal_executor_map`. `work` runs on the pool, in any order; `consume` and `progress` (may be NULL) run on
 * the caller's thread in the order of the indices. */
typedef struct peal_map_work {
    peal_status (*work)(void *user, size_t index, peal_error *err);
    peal_status (*consume)(void *user, size_t index, peal_error *err);
    void (*progress)(void *user, size_t done, size_t total);
    void *user;
    int timeout_ms; /* for the whole map, which then fails, once what runs has ended; 0: none */
} peal_map_work;

/* Runs indices 0 .. count-1 with at most `window` begun and not yet consumed (0: two per thread). The error of the
 * lowest failing index wins; nothing behind it is consumed, and what has not begun is cancelled. */
peal_status peal_executor_map(peal_executor *executor, size_t count, size_t window, const peal_map_work *work,
                              peal_error *err);

#endif
