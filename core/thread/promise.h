/* The pools' side of futures, not for callers of pools: how a task is claimed, ended and let go, the queue in which it
 * waits, and the map that both pools offer. */
#ifndef PEAL_CORE_PROMISE_H
#define PEAL_CORE_PROMISE_H

#include <pthread.h>

#include "core/thread/future.h"

typedef enum core__future_state { FUTURE_WAITING, FUTURE_RUNNING, FUTURE_DONE } core__future_state;

/* The head of a pool's own struct of a task. */
struct peal_future {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    core__future_state state;
    peal_status status;
    peal_error error;
    void *result; /* freed with the future */
    size_t result_size;
    int owners;        /* the caller and the pool; the last one frees */
    peal_future *next; /* in the pool's queue */
};

/* A waiting future at the head of `size` zeroed bytes, owned by the caller and the pool; NULL if there is no memory. */
void *core__future_new(size_t size);
/* Moves a waiting future to FUTURE_RUNNING; false if it was cancelled. */
bool core__future_claim(peal_future *future);
/* Moves a running future back: its task is to begin again. */
void core__future_unclaim(peal_future *future);
/* Ends a future that has not ended: `error` (may be NULL) is copied, `result` becomes the future's. Wakes all who wait
 * and gives the pool's share up. */
void core__future_end(peal_future *future, peal_status status, const peal_error *error, void *result,
                      size_t result_size);
/* Gives a share up. */
void core__future_release(peal_future *future);

/* A queue of waiting futures. Its owner locks. */
typedef struct core__queue {
    peal_future *first, *last;
} core__queue;
void core__queue_push(core__queue *queue, peal_future *future);
void core__queue_push_front(core__queue *queue, peal_future *future);
peal_future *core__queue_pop(core__queue *queue); /* NULL: empty */

/* Submits index after index, at most `window` ahead of the one that is consumed, and consumes in order on the caller's
 * thread. The error of the lowest failing index wins; what has not begun then is cancelled. */
typedef struct core__map {
    size_t count, window;
    int timeout_ms; /* for all of it; 0: none */
    peal_status (*submit)(void *pool_map, size_t index, peal_future **out, peal_error *err);
    peal_status (*consume)(void *pool_map, size_t index, peal_future *future, peal_error *err);
    void (*progress)(void *user, size_t done, size_t total); /* may be NULL */
    void *pool_map, *user;
} core__map;
peal_status core__map_run(const core__map *map, peal_error *err);

#endif
