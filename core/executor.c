#include "core/executor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/machine.h"
#include "core/memory.h"

typedef enum future_state { FUTURE_WAITING, FUTURE_RUNNING, FUTURE_DONE } future_state;

struct peal_future {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    future_state state;
    peal_status status;
    peal_error error;
    peal_task task;
    void *argument;
    int owners; /* the caller and the queue; the last one frees */
    peal_future *next;
};

struct peal_executor {
    pthread_mutex_t lock;
    pthread_cond_t work;
    peal_future *first, *last; /* the queue */
    bool closing;
    size_t threads;
    pthread_t *handles;
};

static void future_release(peal_future *future) {
    pthread_mutex_lock(&future->lock);
    bool last = --future->owners == 0;
    pthread_mutex_unlock(&future->lock);
    if (!last) return;
    pthread_cond_destroy(&future->ended);
    pthread_mutex_destroy(&future->lock);
    free(future);
}

/* Moves a waiting future to `state`; false if it had left that state already. */
static bool future_claim(peal_future *future, future_state state, peal_status status) {
    pthread_mutex_lock(&future->lock);
    bool claimed = future->state == FUTURE_WAITING;
    if (claimed) {
        future->state = state;
        future->status = status;
        if (status == PEAL_E_CANCELLED) peal_fail(&future->error, status, "the task was cancelled before it began");
        if (state == FUTURE_DONE) pthread_cond_broadcast(&future->ended);
    }
    pthread_mutex_unlock(&future->lock);
    return claimed;
}

static void future_run(peal_future *future) {
    if (!future_claim(future, FUTURE_RUNNING, PEAL_OK)) return;
    peal_status status = future->task(future->argument, &future->error);
    pthread_mutex_lock(&future->lock);
    future->status = status;
    future->state = FUTURE_DONE;
    pthread_cond_broadcast(&future->ended);
    pthread_mutex_unlock(&future->lock);
}

static void *executor_thread(void *argument) {
    peal_executor *executor = argument;
    for (;;) {
        pthread_mutex_lock(&executor->lock);
        while (!executor->first && !executor->closing) pthread_cond_wait(&executor->work, &executor->lock);
        peal_future *future = executor->first;
        if (future) {
            executor->first = future->next;
            if (!executor->first) executor->last = NULL;
        }
        bool closing = executor->closing;
        pthread_mutex_unlock(&executor->lock);
        if (!future) return NULL;
        if (closing) {
            future_claim(future, FUTURE_DONE, PEAL_E_CANCELLED);
        } else {
            future_run(future);
        }
        future_release(future);
    }
}

peal_status peal_executor_new(size_t threads, peal_executor **out, peal_error *err) {
    *out = NULL;
    if (threads == 0) threads = peal_machine_cpus();
    peal_executor *executor = calloc(1, sizeof *executor);
    if (!executor) return peal_fail(err, PEAL_E_MEMORY, "no memory for a thread pool");
    executor->handles = calloc(threads, sizeof *executor->handles);
    if (!executor->handles) {
        free(executor);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for %zu threads", threads);
    }
    pthread_mutex_init(&executor->lock, NULL);
    pthread_cond_init(&executor->work, NULL);
    for (; executor->threads < threads; executor->threads++) {
        int reason = pthread_create(&executor->handles[executor->threads], NULL, executor_thread, executor);
        if (reason != 0) {
            size_t begun = executor->threads;
            peal_executor_free(executor);
            return peal_fail_errno(err, PEAL_E_FAILED, reason, "cannot start thread %zu of %zu", begun + 1, threads);
        }
    }
    *out = executor;
    return PEAL_OK;
}

size_t peal_executor_threads(const peal_executor *executor) {
    return executor->threads;
}

void peal_executor_free(peal_executor *executor) {
    if (!executor) return;
    pthread_mutex_lock(&executor->lock);
    executor->closing = true;
    pthread_cond_broadcast(&executor->work);
    pthread_mutex_unlock(&executor->lock);
    for (size_t i = 0; i < executor->threads; i++) pthread_join(executor->handles[i], NULL);
    pthread_cond_destroy(&executor->work);
    pthread_mutex_destroy(&executor->lock);
    free(executor->handles);
    free(executor);
}

peal_status peal_executor_submit(peal_executor *executor, peal_task task, void *argument, peal_future **out,
                                 peal_error *err) {
    peal_future *future = calloc(1, sizeof *future);
    if (!future) return peal_fail(err, PEAL_E_MEMORY, "no memory for a task");
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&future->lock, NULL);
    pthread_cond_init(&future->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    future->task = task;
    future->argument = argument;
    future->owners = 2;
    pthread_mutex_lock(&executor->lock);
    if (executor->last) {
        executor->last->next = future;
    } else {
        executor->first = future;
    }
    executor->last = future;
    pthread_cond_signal(&executor->work);
    pthread_mutex_unlock(&executor->lock);
    *out = future;
    return PEAL_OK;
}

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
    return future_claim(future, FUTURE_DONE, PEAL_E_CANCELLED);
}

void peal_future_free(peal_future *future) {
    if (!future) return;
    if (!peal_future_cancel(future)) peal_future_wait(future, -1, NULL);
    future_release(future);
}

/* ---- map ---- */

typedef struct map_slot {
    const peal_map_work *work;
    size_t index;
    peal_future *future;
} map_slot;

static peal_status map_run(void *argument, peal_error *err) {
    map_slot *slot = argument;
    return slot->work->work(slot->work->user, slot->index, err);
}

peal_status peal_executor_map(peal_executor *executor, size_t count, size_t window, const peal_map_work *work,
                              peal_error *err) {
    if (window == 0) window = 2 * executor->threads;
    if (window > count) window = count;
    map_slot *slots = NULL;
    PEAL_TRY(peal_alloc_checked(&slots, window, sizeof *slots, "a map's window", err));
    peal_status status = PEAL_OK;
    size_t begun = 0;
    for (size_t index = 0; index < count && status == PEAL_OK; index++) {
        for (; begun < count && begun < index + window && status == PEAL_OK; begun++) {
            map_slot *slot = &slots[begun % window];
            *slot = (map_slot){.work = work, .index = begun};
            status = peal_executor_submit(executor, map_run, slot, &slot->future, err);
        }
        map_slot *slot = &slots[index % window];
        if (status == PEAL_OK) status = peal_future_wait(slot->future, -1, err);
        peal_future_free(slot->future);
        slot->future = NULL;
        if (status == PEAL_OK && work->consume) status = work->consume(work->user, index, err);
    }
    for (size_t i = 0; i < window; i++) {
        if (slots[i].future) peal_future_cancel(slots[i].future);
    }
    for (size_t i = 0; i < window; i++) peal_future_free(slots[i].future);
    free(slots);
    return status;
}
