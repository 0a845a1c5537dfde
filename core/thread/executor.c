/* A queue of tasks, the threads that take them, and map over both; see executor.h. */
#include "core/thread/executor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/thread/promise.h"
#include "core/thread/thread.h"

typedef struct thread_task {
    peal_future future;
    peal_task task;
    void *argument;
} thread_task;

struct peal_executor {
    pthread_mutex_t lock;
    pthread_cond_t work;
    core__queue queue;
    bool closing;
    size_t threads;
    pthread_t *handles;
};

static void run(thread_task *task) {
    peal_error error = {0};
    if (!core__future_claim(&task->future)) {
        core__future_release(&task->future); /* cancelled */
        return;
    }
    peal_status status = task->task(task->argument, &error);
    core__future_end(&task->future, status, &error, NULL, 0);
}

static void *executor_thread(void *argument) {
    peal_executor *executor = argument;
    for (;;) {
        pthread_mutex_lock(&executor->lock);
        while (!executor->queue.first && !executor->closing) pthread_cond_wait(&executor->work, &executor->lock);
        peal_future *future = core__queue_pop(&executor->queue);
        bool closing = executor->closing;
        pthread_mutex_unlock(&executor->lock);
        if (!future) return NULL;
        if (closing) peal_future_cancel(future);
        run((thread_task *)future);
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
        int reason = core__thread_start(&executor->handles[executor->threads], executor_thread, executor);
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
    thread_task *one = core__future_new(sizeof *one);
    *out = one ? &one->future : NULL;
    if (!one) return peal_fail(err, PEAL_E_MEMORY, "no memory for a task");
    one->task = task;
    one->argument = argument;
    pthread_mutex_lock(&executor->lock);
    core__queue_push(&executor->queue, &one->future);
    pthread_cond_signal(&executor->work);
    pthread_mutex_unlock(&executor->lock);
    return PEAL_OK;
}

/* ---- map ---- */

typedef struct thread_map {
    peal_executor *executor;
    const peal_map_work *work;
    size_t window;
    struct map_slot {
        const peal_map_work *work;
        size_t index;
    } * slots; /* [window] */
} thread_map;

static peal_status map_task(void *argument, peal_error *err) {
    const struct map_slot *slot = argument;
    return slot->work->work(slot->work->user, slot->index, err);
}

static peal_status map_submit(void *user, size_t index, peal_future **out, peal_error *err) {
    thread_map *self = user;
    struct map_slot *slot = &self->slots[index % self->window];
    *slot = (struct map_slot){.work = self->work, .index = index};
    return peal_executor_submit(self->executor, map_task, slot, out, err);
}

static peal_status map_consume(void *user, size_t index, peal_future *future, peal_error *err) {
    (void)future;
    const thread_map *self = user;
    return self->work->consume ? self->work->consume(self->work->user, index, err) : PEAL_OK;
}

peal_status peal_executor_map(peal_executor *executor, size_t count, size_t window, const peal_map_work *work,
                              peal_error *err) {
    if (window == 0) window = 2 * executor->threads;
    if (window > count) window = count;
    thread_map self = {.executor = executor, .work = work, .window = window};
    PEAL_TRY(peal_alloc_checked(&self.slots, window, sizeof *self.slots, "a map's window", err));
    const core__map map = {
        .count = count,
        .window = window,
        .timeout_ms = work->timeout_ms,
        .submit = map_submit,
        .consume = map_consume,
        .progress = work->progress,
        .pool_map = &self,
        .user = work->user,
    };
    peal_status status = core__map_run(&map, err);
    free(self.slots);
    return status;
}
