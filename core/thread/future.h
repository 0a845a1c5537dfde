/* A future: what a task that was given to a pool will have come to. The same for threads (core/thread/executor.h) and
 * processes (core/process/process_pool.h), and, in outline, what Python's concurrent.futures offers. */
#ifndef PEAL_CORE_FUTURE_H
#define PEAL_CORE_FUTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

typedef struct peal_future peal_future;

/* Waits until the task has ended and returns its status (PEAL_E_CANCELLED if it never ran). A negative `timeout_ms`
 * waits as long as it takes; if time runs out the status is PEAL_E_FAILED and the task goes on. */
peal_status peal_future_wait(peal_future *future, int timeout_ms, peal_error *err);
/* True once the task has ended in any way. */
bool peal_future_done(peal_future *future);
/* Keeps a task from beginning; false if it has begun, or stands next in a process. */
bool peal_future_cancel(peal_future *future);
/* What a task in a process has written, *size bytes; NULL before its good end, and for tasks in threads, which write
 * where they like. It lives as long as the future. */
const void *peal_future_result(peal_future *future, size_t *size);
/* Waits for the task if it runs, cancels it if it has not begun. NULL is allowed. Futures outlive their pool. */
void peal_future_free(peal_future *future);

#endif
