/* A thread of the pool's own leads the group of processes: it forks them, hands them tasks, copies results into futures
 * and replaces those that die. Each process has two places for tasks in shared memory, one at work and one that stands
 * next, so that it need not wait for the leader between two tasks; it takes them in order, and counts those it has
 * begun, so that a death is charged to the right one. */
#include "core/process/process_pool.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/process/group.h"
#include "core/process/slab.h"
#include "core/thread/promise.h"
#include "core/thread/thread.h"

enum { PLACES = 2, GRACE_MS = 1000, NEVER_MS = -1, EARLY_DEATHS = 20 };

typedef struct process_task {
    peal_future future;
    peal_process_task task;
    uint64_t index;
    int timeout_ms;
    size_t argument_size;
    uint8_t argument[]; /* [argument_size] */
} process_task;

/* A place in shared memory: the leader writes it before the command, the process before the reply. */
typedef struct place {
    peal_process_task task;
    uint64_t index;
    size_t argument_size, result_size;
    peal_status status;
    peal_error error;
    uint8_t *argument, *result;
} place;

/* What the leader knows of a process. */
typedef struct process {
    process_task *given[PLACES]; /* in order; NULL: the place is free */
    size_t count;                /* given and not answered */
    size_t first;                /* the place of the oldest */
    int64_t began;               /* when the oldest could begin, ns */
    bool timed_out;              /* the oldest was killed for that */
    bool late;                   /* it was, but had just ended */
    bool lost;                   /* dead, and it could not be forked anew */
} process;

struct peal_process_pool {
    peal_process_pool_options options;
    peal_slab slab;
    place *places;           /* [processes][PLACES], shared */
    _Atomic uint64_t *begun; /* [processes] tasks begun since the fork, shared, a cache line each */
    uint64_t *answered;      /* [processes] tasks answered since the fork; the leader's */
    process *processes;      /* [processes]; the leader's */
    size_t early_deaths;     /* in a row, of processes that had no task; the leader's */
    peal_group *group;
    pthread_t leader;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t started;
    bool is_started;
    peal_status start_status;
    peal_error start_error;
    core__queue queue;
    uint64_t submitted;
    bool closing;
    bool leading; /* the group stands and the leader waits for it */
    bool broken;  /* no process is left and none can be forked */
};

enum { BEGUN_STRIDE = PEAL_ALIGNMENT / sizeof(uint64_t) };

static place *place_of(const peal_process_pool *pool, size_t rank, size_t at) {
    return &pool->places[rank * PLACES + at];
}

/* ---- in the process ---- */

static void run_task(place *at) {
    peal_call call = {
        .index = at->index,
        .argument = at->argument_size ? at->argument : NULL,
        .argument_size = at->argument_size,
        .result = at->result,
        .result_size = at->result_size,
    };
    at->error = (peal_error){0};
    at->status = at->task(&call, &at->error);
    if (at->status == PEAL_OK && call.result_size > at->result_size) {
        at->status =
            peal_fail(&at->error, PEAL_E_FAILED, "a task's result of %zu bytes is larger than the %zu there are",
                      call.result_size, at->result_size);
    }
    if (at->status != PEAL_OK && at->error.message[0] == '\0') peal_fail(&at->error, at->status, "the task failed");
    at->result_size = call.result_size;
    fflush(stdout); /* the process ends without that */
}

static void process_main(void *user, peal_worker *self) {
    peal_process_pool *pool = user;
    const size_t rank = peal_worker_rank(self);
    peal_message message;
    while (peal_worker_receive(self, &message)) {
        atomic_fetch_add(&pool->begun[rank * BEGUN_STRIDE], 1);
        run_task(place_of(pool, rank, message.values[0]));
        peal_worker_reply(self, &message);
    }
}

/* ---- the leader ---- */

/* Ends a future with a copy of the result; the copy is the future's. */
static void answer(process_task *task, const place *at) {
    void *copy = NULL;
    if (at->status == PEAL_OK && at->result_size) {
        copy = malloc(at->result_size);
        if (!copy) {
            peal_error error;
            peal_fail(&error, PEAL_E_MEMORY, "no memory for a task's result of %zu bytes", at->result_size);
            core__future_end(&task->future, PEAL_E_MEMORY, &error, NULL, 0);
            return;
        }
        memcpy(copy, at->result, at->result_size);
    }
    core__future_end(&task->future, at->status, &at->error, copy, at->result_size);
}

static process_task *take_oldest(process *one) {
    process_task *task = one->given[one->first];
    one->given[one->first] = NULL;
    one->first = (one->first + 1) % PLACES;
    one->count--;
    one->began = peal_now_ns();
    return task;
}

/* The next task that has not been cancelled; NULL: there is none. */
static process_task *next_task(peal_process_pool *pool) {
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        peal_future *future = core__queue_pop(&pool->queue);
        pthread_mutex_unlock(&pool->lock);
        if (!future || core__future_claim(future)) return (process_task *)future;
        core__future_release(future);
    }
}

static void give(peal_process_pool *pool, size_t rank, process_task *task) {
    process *one = &pool->processes[rank];
    const size_t at = (one->first + one->count) % PLACES;
    place *to = place_of(pool, rank, at);
    to->task = task->task;
    to->index = task->index;
    to->argument_size = task->argument_size;
    to->result_size = pool->options.result_size;
    memcpy(to->argument, task->argument, task->argument_size);
    one->given[at] = task;
    if (one->count++ == 0) one->began = peal_now_ns();
    const peal_message message = {.values = {at}};
    peal_group_send(pool->group, rank, &message, NULL); /* there is room: two places, more slots */
}

/* Gives tasks to those with the fewest, so that no task stands next while a process is idle. */
static void give_tasks(peal_process_pool *pool) {
    for (size_t depth = 0; depth < PLACES; depth++) {
        for (size_t rank = 0; rank < pool->options.processes; rank++) {
            process *one = &pool->processes[rank];
            if (one->count != depth || one->lost) continue;
            process_task *task = next_task(pool);
            if (!task) return;
            give(pool, rank, task);
        }
    }
}

static void fail_task(process_task *task, const peal_error *error) {
    core__future_end(&task->future, error->status, error, NULL, 0);
}

/* Ends all that waits with an error. */
static void fail_waiting(peal_process_pool *pool, const peal_error *error) {
    for (process_task *task; (task = next_task(pool));) fail_task(task, error);
}

static void cancel_waiting(peal_process_pool *pool) {
    peal_error error;
    peal_fail(&error, PEAL_E_CANCELLED, "the task was cancelled before it began: its pool is freed");
    fail_waiting(pool, &error);
}

/* Without a process, all that waits fails. */
static void give_up(peal_process_pool *pool, const peal_error *error) {
    pthread_mutex_lock(&pool->lock);
    pool->broken = true;
    pool->start_error = *error;
    pthread_mutex_unlock(&pool->lock);
    fail_waiting(pool, error);
}

static void bury(peal_process_pool *pool, const peal_group_event *event) {
    process *one = &pool->processes[event->rank];
    uint64_t *answered = &pool->answered[event->rank];
    peal_error error;
    bool at_work = atomic_load(&pool->begun[event->rank * BEGUN_STRIDE]) > *answered;
    if (one->count > 0 && (at_work || one->timed_out) && !one->late) {
        process_task *task = take_oldest(one);
        if (one->timed_out) {
            peal_fail(&error, PEAL_E_FAILED, "a task ran for more than its %d ms and was killed (pid %d)",
                      task->timeout_ms, (int)event->pid);
        } else if (event->signal) {
            peal_fail(&error, PEAL_E_FAILED, "the task's process (pid %d) was killed by signal %d (%s)",
                      (int)event->pid, event->signal, sigdescr_np(event->signal));
        } else {
            peal_fail(&error, PEAL_E_FAILED, "the task ended its process (pid %d) with exit code %d", (int)event->pid,
                      event->exit_code);
        }
        fail_task(task, &error);
    }
    while (one->count > 0) { /* stood next: it goes to another process */
        process_task *task = take_oldest(one);
        core__future_unclaim(&task->future);
        pthread_mutex_lock(&pool->lock);
        core__queue_push_front(&pool->queue, &task->future);
        pthread_mutex_unlock(&pool->lock);
    }
    *one = (process){0};
    *answered = 0;
    atomic_store(&pool->begun[event->rank * BEGUN_STRIDE], 0);
    pool->early_deaths = at_work ? 0 : pool->early_deaths + 1;
    if (pool->early_deaths > EARLY_DEATHS) {
        peal_fail(&error, PEAL_E_FAILED,
                  "the processes of the pool die before they begin a task, the last one (pid %d) "
                  "of signal %d",
                  (int)event->pid, event->signal);
    } else if (peal_group_respawn(pool->group, event->rank, &error) == PEAL_OK) {
        return;
    }
    one->lost = true;
    for (size_t rank = 0; rank < pool->options.processes; rank++) {
        if (!pool->processes[rank].lost) return;
    }
    give_up(pool, &error);
}

/* Kills processes whose task has run for too long; returns in how many ms the next one is due, NEVER_MS if none. */
static int kill_overdue(peal_process_pool *pool) {
    const int64_t now = peal_now_ns();
    int64_t least = INT64_MAX;
    for (size_t rank = 0; rank < pool->options.processes; rank++) {
        process *one = &pool->processes[rank];
        const process_task *oldest = one->count ? one->given[one->first] : NULL;
        if (!oldest || oldest->timeout_ms <= 0 || one->timed_out) continue;
        int64_t left = one->began + (int64_t)oldest->timeout_ms * 1000000 - now;
        if (left <= 0) {
            one->timed_out = true;
            peal_group_kill(pool->group, rank);
        } else if (left < least) {
            least = left;
        }
    }
    return least == INT64_MAX ? NEVER_MS : (int)((least + 999999) / 1000000);
}

static bool is_working(const peal_process_pool *pool) {
    for (size_t rank = 0; rank < pool->options.processes; rank++) {
        if (pool->processes[rank].count) return true;
    }
    return false;
}

static bool is_closing(peal_process_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    bool closing = pool->closing;
    pthread_mutex_unlock(&pool->lock);
    return closing;
}

static void lead(peal_process_pool *pool) {
    while (!is_closing(pool) || is_working(pool)) {
        if (is_closing(pool)) {
            cancel_waiting(pool);
            if (!is_working(pool)) return;
        } else {
            give_tasks(pool);
        }
        peal_group_event event;
        peal_error error;
        if (peal_group_wait(pool->group, kill_overdue(pool), &event, &error) != PEAL_OK) {
            give_up(pool, &error);
            return;
        }
        if (event.kind == PEAL_GROUP_REPLY) {
            const place *at = place_of(pool, event.rank, event.reply.values[0]);
            process *one = &pool->processes[event.rank];
            pool->answered[event.rank]++;
            pool->early_deaths = 0;
            one->late = one->late || one->timed_out;
            answer(take_oldest(one), at);
        } else if (event.kind == PEAL_GROUP_DEATH) {
            bury(pool, &event);
        }
    }
}

static void *leader_thread(void *argument) {
    peal_process_pool *pool = argument;
    const peal_group_options group = {.workers = pool->options.processes, .run = process_main, .user = pool};
    peal_error error = {0};
    fflush(stdout); /* or what stands in its buffer would be printed by every process */
    peal_status status = peal_group_start(&group, &pool->group, &error);
    pthread_mutex_lock(&pool->lock);
    pool->is_started = true;
    pool->leading = status == PEAL_OK;
    pool->start_status = status;
    pool->start_error = error;
    pthread_cond_broadcast(&pool->started);
    pthread_mutex_unlock(&pool->lock);
    if (status != PEAL_OK) return NULL;
    lead(pool);
    pthread_mutex_lock(&pool->lock);
    pool->leading = false;
    pthread_mutex_unlock(&pool->lock);
    cancel_waiting(pool);
    peal_group_stop(pool->group, GRACE_MS);
    return NULL;
}

/* ---- the caller's side ---- */

peal_process_pool_options peal_process_pool_default(void) {
    return (peal_process_pool_options){.argument_size = 4096, .result_size = 4096};
}

static void pool_clear(peal_process_pool *pool) {
    pthread_cond_destroy(&pool->started);
    pthread_mutex_destroy(&pool->lock);
    peal_slab_free(&pool->slab);
    free(pool->answered);
    free(pool->processes);
    free(pool);
}

/* Places, the bytes they point to, and the counters, in one slab. */
static peal_status share_memory(peal_process_pool *pool, peal_error *err) {
    const size_t count = pool->options.processes, places = count * PLACES;
    peal_slab_plan plan = {0};
    size_t places_at = peal_slab_plan_take(&plan, places, sizeof(place));
    size_t begun_at = peal_slab_plan_take(&plan, count * BEGUN_STRIDE, sizeof *pool->begun);
    const size_t argument_size = peal_round_up(pool->options.argument_size + 1, PEAL_ALIGNMENT);
    const size_t result_size = peal_round_up(pool->options.result_size + 1, PEAL_ALIGNMENT);
    size_t arguments_at = peal_slab_plan_take(&plan, places, argument_size);
    size_t results_at = peal_slab_plan_take(&plan, places, result_size);
    if (plan.size == SIZE_MAX) return peal_fail(err, PEAL_E_MEMORY, "a process pool's memory is beyond all measure");
    PEAL_TRY(peal_slab_new(plan.size, "a process pool", &pool->slab, err));
    pool->places = (place *)(void *)(pool->slab.data + places_at);
    pool->begun = (_Atomic uint64_t *)(void *)(pool->slab.data + begun_at);
    for (size_t i = 0; i < places; i++) {
        pool->places[i].argument = pool->slab.data + arguments_at + i * argument_size;
        pool->places[i].result = pool->slab.data + results_at + i * result_size;
    }
    PEAL_TRY(peal_alloc_checked(&pool->answered, count, sizeof *pool->answered, "a process pool", err));
    return peal_alloc_checked(&pool->processes, count, sizeof *pool->processes, "a process pool", err);
}

peal_status peal_process_pool_new(const peal_process_pool_options *options, peal_process_pool **out, peal_error *err) {
    *out = NULL;
    peal_process_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return peal_fail(err, PEAL_E_MEMORY, "no memory for a process pool");
    pool->options = *options;
    if (pool->options.processes == 0) pool->options.processes = peal_machine_cpus();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->started, NULL);
    peal_status status = share_memory(pool, err);
    if (status == PEAL_OK) {
        int reason = core__thread_start(&pool->leader, leader_thread, pool);
        if (reason) status = peal_fail_errno(err, PEAL_E_FAILED, reason, "cannot start the thread of a process pool");
    }
    if (status != PEAL_OK) {
        pool_clear(pool);
        return status;
    }
    pthread_mutex_lock(&pool->lock);
    while (!pool->is_started) pthread_cond_wait(&pool->started, &pool->lock);
    status = pool->start_status;
    if (status != PEAL_OK && err) *err = pool->start_error;
    pthread_mutex_unlock(&pool->lock);
    if (status != PEAL_OK) {
        pthread_join(pool->leader, NULL);
        pool_clear(pool);
        return status;
    }
    *out = pool;
    return PEAL_OK;
}

size_t peal_process_pool_processes(const peal_process_pool *pool) {
    return pool->options.processes;
}

void peal_process_pool_free(peal_process_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    if (pool->leading) peal_group_wake(pool->group);
    pthread_mutex_unlock(&pool->lock);
    pthread_join(pool->leader, NULL);
    pool_clear(pool);
}

static peal_status submit(peal_process_pool *pool, const process_task *call, const void *argument, bool numbered,
                          peal_future **out, peal_error *err) {
    *out = NULL;
    if (call->argument_size > pool->options.argument_size) {
        return peal_fail(err, PEAL_E_USAGE, "a task's argument of %zu bytes is larger than the pool's %zu",
                         call->argument_size, pool->options.argument_size);
    }
    process_task *task = core__future_new(sizeof *task + call->argument_size);
    if (!task) return peal_fail(err, PEAL_E_MEMORY, "no memory for a task");
    task->task = call->task;
    task->index = call->index;
    task->timeout_ms = call->timeout_ms;
    task->argument_size = call->argument_size;
    if (argument) memcpy(task->argument, argument, call->argument_size);
    pthread_mutex_lock(&pool->lock);
    bool broken = pool->broken;
    if (broken && err) *err = pool->start_error;
    if (!numbered) task->index = pool->submitted++;
    if (!broken) core__queue_push(&pool->queue, &task->future);
    if (pool->leading) peal_group_wake(pool->group);
    pthread_mutex_unlock(&pool->lock);
    if (broken) {
        core__future_release(&task->future);
        core__future_release(&task->future);
        return PEAL_E_FAILED;
    }
    *out = &task->future;
    return PEAL_OK;
}

peal_status peal_process_pool_submit(peal_process_pool *pool, peal_process_task task, const void *argument,
                                     size_t argument_size, int timeout_ms, peal_future **out, peal_error *err) {
    const process_task call = {.task = task, .timeout_ms = timeout_ms, .argument_size = argument_size};
    return submit(pool, &call, argument, false, out, err);
}

/* ---- map ---- */

typedef struct process_map {
    peal_process_pool *pool;
    const peal_process_map *work;
} process_map;

static peal_status map_submit(void *user, size_t index, peal_future **out, peal_error *err) {
    const process_map *self = user;
    const peal_process_map *work = self->work;
    process_task call = {.task = work->task, .index = index, .timeout_ms = work->task_timeout_ms};
    const void *argument = work->argument ? work->argument(work->user, index, &call.argument_size) : NULL;
    return submit(self->pool, &call, argument, true, out, err);
}

static peal_status map_consume(void *user, size_t index, peal_future *future, peal_error *err) {
    const process_map *self = user;
    size_t size;
    const void *result = peal_future_result(future, &size);
    return self->work->consume ? self->work->consume(self->work->user, index, result, size, err) : PEAL_OK;
}

peal_status peal_process_pool_map(peal_process_pool *pool, size_t count, size_t window, const peal_process_map *work,
                                  peal_error *err) {
    process_map self = {.pool = pool, .work = work};
    const core__map map = {
        .count = count,
        .window = window ? window : 4 * pool->options.processes,
        .timeout_ms = work->timeout_ms,
        .submit = map_submit,
        .consume = map_consume,
        .progress = work->progress,
        .pool_map = &self,
        .user = work->user,
    };
    return core__map_run(&map, err);
}
