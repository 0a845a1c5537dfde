/* Results that are waited for; see future.h. */
#include "core/thread/future.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/thread/promise.h"

/* ---- the pool's side ---- */

void *core__future_new(size_t size) {
    peal_future *future = calloc(1, size);
    if (!future) return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&future->lock, NULL);
    pthread_cond_init(&future->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    future->owners = 2;
    return future;
}

void core__future_release(peal_future *future) {
    pthread_mutex_lock(&future->lock);
    bool last = --future->owners == 0;
    pthread_mutex_unlock(&future->lock);
    if (!last) return;
    pthread_cond_destroy(&future->ended);
    pthread_mutex_destroy(&future->lock);
    free(future->result);
    free(future);
}

bool core__future_claim(peal_future *future) {
    pthread_mutex_lock(&future->lock);
    bool claimed = future->state == FUTURE_WAITING;
    if (claimed) future->state = FUTURE_RUNNING;
    pthread_mutex_unlock(&future->lock);
    return claimed;
}

void core__future_unclaim(peal_future *future) {
    pthread_mutex_lock(&future->lock);
    future->state = FUTURE_WAITING;
    pthread_mutex_unlock(&future->lock);
}

void core__future_end(peal_future *future, peal_status status, const peal_error *error, void *result,
                      size_t result_size) {
    pthread_mutex_lock(&future->lock);
    if (future->state != FUTURE_DONE) {
        future->state = FUTURE_DONE;
        future->status = status;
        if (error) future->error = *error;
        future->result = result;
        future->result_size = result_size;
        pthread_cond_broadcast(&future->ended);
    }
    pthread_mutex_unlock(&future->lock);
    core__future_release(future);
}

/* ---- the caller's side ---- */

peal_status peal_future_wait(peal_future *future, int timeout_ms, peal_error *err) {
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_nsec -= 1000000000;
        deadline.tv_sec++;
    }
    pthread_mutex_lock(&future->lock);
    int waited = 0;
    while (future->state != FUTURE_DONE && waited != ETIMEDOUT) {
        waited = timeout_ms < 0 ? pthread_cond_wait(&future->ended, &future->lock)
                                : pthread_cond_timedwait(&future->ended, &future->lock, &deadline);
    }
    bool done = future->state == FUTURE_DONE;
    pthread_mutex_unlock(&future->lock);
    if (!done) return peal_fail(err, PEAL_E_FAILED, "a task has not ended within %d ms", timeout_ms);
    if (future->status != PEAL_OK && err) *err = future->error;
    return future->status;
}

bool peal_future_done(peal_future *future) {
    pthread_mutex_lock(&future->lock);
    bool done = future->state == FUTURE_DONE;
    pthread_mutex_unlock(&future->lock);
    return done;
}

bool peal_future_cancel(peal_future *future) {
    pthread_mutex_lock(&future->lock);
    bool claimed = future->state == FUTURE_WAITING;
    if (claimed) {
        future->state = FUTURE_DONE;
        future->status = peal_fail(&future->error, PEAL_E_CANCELLED, "the task was cancelled before it began");
        pthread_cond_broadcast(&future->ended);
    }
    pthread_mutex_unlock(&future->lock);
    return claimed;
}

const void *peal_future_result(peal_future *future, size_t *size) {
    pthread_mutex_lock(&future->lock);
    const void *result = future->state == FUTURE_DONE && future->status == PEAL_OK ? future->result : NULL;
    if (size) *size = result ? future->result_size : 0;
    pthread_mutex_unlock(&future->lock);
    return result;
}

void peal_future_free(peal_future *future) {
    if (!future) return;
    if (!peal_future_cancel(future)) peal_future_wait(future, -1, NULL);
    core__future_release(future);
}

/* ---- queues ---- */

void core__queue_push(core__queue *queue, peal_future *future) {
    future->next = NULL;
    if (queue->last) {
        queue->last->next = future;
    } else {
        queue->first = future;
    }
    queue->last = future;
}

void core__queue_push_front(core__queue *queue, peal_future *future) {
    future->next = queue->first;
    queue->first = future;
    if (!queue->last) queue->last = future;
}

peal_future *core__queue_pop(core__queue *queue) {
    peal_future *future = queue->first;
    if (!future) return NULL;
    queue->first = future->next;
    if (!queue->first) queue->last = NULL;
    return future;
}

/* ---- map ---- */

/* Milliseconds until `deadline` (ns; INT64_MAX: none), as peal_future_wait takes them. */
static int left_ms(int64_t deadline) {
    if (deadline == INT64_MAX) return -1;
    int64_t left = (deadline - peal_now_ns() + 999999) / 1000000;
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static peal_status wait_for_index(const core__map *map, peal_future *future, int64_t deadline, peal_error *err) {
    peal_status status = peal_future_wait(future, left_ms(deadline), err);
    if (status == PEAL_OK || peal_future_done(future)) return status;
    return peal_fail(err, PEAL_E_FAILED, "the map has not ended within %d ms", map->timeout_ms);
}

peal_status core__map_run(const core__map *map, peal_error *err) {
    const size_t window = map->window < map->count ? map->window : map->count;
    const int64_t deadline = map->timeout_ms > 0 ? peal_now_ns() + (int64_t)map->timeout_ms * 1000000 : INT64_MAX;
    peal_future **futures = NULL;
    PEAL_TRY(peal_alloc_checked(&futures, window, sizeof *futures, "a map's window", err));
    peal_status status = PEAL_OK;
    size_t begun = 0;
    for (size_t index = 0; index < map->count && status == PEAL_OK; index++) {
        for (; begun < map->count && begun < index + window && status == PEAL_OK; begun++) {
            status = map->submit(map->pool_map, begun, &futures[begun % window], err);
        }
        peal_future **future = &futures[index % window];
        if (status == PEAL_OK) status = wait_for_index(map, *future, deadline, err);
        if (status == PEAL_OK) status = map->consume(map->pool_map, index, *future, err);
        if (status == PEAL_OK) {
            peal_future_free(*future);
            *future = NULL;
            if (map->progress) map->progress(map->user, index + 1, map->count);
        }
    }
    for (size_t i = 0; i < window; i++) {
        if (futures[i]) peal_future_cancel(futures[i]);
    }
    for (size_t i = 0; i < window; i++) peal_future_free(futures[i]);
    free(futures);
    return status;
}
