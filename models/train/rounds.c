/* Gives the workers their tasks, round by round; see rounds.h. */
#include "models/train/rounds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/stop.h"

static bool is_stopped(const models__rounds *self) {
    return peal_is_stopped(self->trainer->options->stop);
}

static peal_status interrupted(peal_error *err) {
    return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted");
}

static void set_halt(const models__rounds *self, bool halt) {
    atomic_store_explicit(&self->trainer->shared.control->halt, halt, memory_order_relaxed);
}

/* What to do when the workers have halted: end, or go on. */
static peal_status halted(const models__rounds *self, peal_error *err) {
    set_halt(self, false);
    return is_stopped(self) ? interrupted(err) : self->halted(self->user, err);
}

static void clear_beats(models__rounds *self) {
    const models__trainer *trainer = self->trainer;
    for (size_t rank = 0; rank < trainer->training.workers; rank++) {
        atomic_store_explicit(&trainer->shared.beats[rank].steps, 0, memory_order_relaxed);
        atomic_store_explicit(&trainer->shared.beats[rank].partition, UINT32_MAX, memory_order_relaxed);
    }
    self->steps_before = 0;
    for (size_t p = 0; p < trainer->training.partitions; p++) {
        const size_t step = self->progress.step, reached = self->progress.reached[p];
        self->steps_before += reached > step ? reached : step;
    }
}

void models__rounds_report(const models__rounds *self) {
    const models__trainer *trainer = self->trainer;
    uint64_t steps = self->steps_before, total = (uint64_t)trainer->training.steps * trainer->training.partitions;
    for (size_t rank = 0; rank < trainer->training.workers; rank++) {
        steps += atomic_load_explicit(&trainer->shared.beats[rank].steps, memory_order_relaxed);
    }
    if (steps > total) steps = total;
    self->report(self->user, trainer->training.row_count * steps / total);
}

/* ---- tasks that any worker can do ---- */

_Static_assert(sizeof(models__order) <= sizeof((peal_message){0}.values), "an order fits a message");

static peal_status send_order(models__rounds *self, uint32_t kind, size_t rank, size_t task, peal_error *err) {
    const size_t step = self->progress.step, reached = self->progress.reached[kind == MODELS__WORK ? task : 0];
    const models__order order = {.task = task,
                                 .epoch = (uint32_t)self->round.epoch,
                                 .first = (uint32_t)self->round.first,
                                 .end = (uint32_t)self->round.end,
                                 .from = (uint32_t)(reached > step ? reached : step),
                                 .committed = (uint32_t)self->trainer->committed,
                                 .phase = (uint32_t)self->round.phase,
                                 .before = self->round.before,
                                 .stamp = self->committed + 1};
    peal_message message = {.kind = kind};
    memcpy(message.values, &order, sizeof order);
    return models__supervisor_send(&self->supervisor, rank, task, &message, err);
}

static models__answer answer_of(const peal_group_event *event) {
    models__answer answer;
    memcpy(&answer, event->reply.values, sizeof answer);
    return answer;
}

static bool is_idle(const models__rounds *self, size_t rank) {
    return !self->supervisor.duties[rank].busy;
}

static size_t busy_workers(const models__rounds *self) {
    size_t busy = 0;
    for (size_t rank = 0; rank < self->trainer->training.workers; rank++) busy += !is_idle(self, rank);
    return busy;
}

/* Gives tasks to idle workers, in turn, as long as there are any. No more work at once than there are CPUs: where there
 * are more workers, each would push the others' parameters out of the caches. */
static peal_status give_tasks(models__rounds *self, uint32_t kind, size_t *next, size_t tasks, peal_error *err) {
    const models__trainer *trainer = self->trainer;
    const size_t first = self->turn;
    size_t busy = busy_workers(self);
    for (size_t i = 0; i < trainer->training.workers && busy < trainer->training.at_once; i++) {
        const size_t rank = (first + i) % trainer->training.workers;
        if (!is_idle(self, rank)) continue;
        while (*next < tasks && self->done[*next]) ++*next;
        if (*next == tasks) return PEAL_OK;
        PEAL_TRY(send_order(self, kind, rank, *next, err));
        self->done[(*next)++] = 1;
        self->turn = rank + 1;
        busy++;
    }
    return PEAL_OK;
}

/* Has the workers do the tasks that are not marked as done, in any order, each until it is done. *whole is false if
 * they were halted before that; only the training of partitions can be. */
static peal_status do_tasks(models__rounds *self, uint32_t kind, size_t tasks, bool *whole, peal_error *err) {
    size_t next = 0, given_back = 0;
    bool halting = false;
    for (;;) {
        if (kind != MODELS__WORK && is_stopped(self)) return interrupted(err);
        if (kind == MODELS__WORK && !halting && self->is_to_halt(self->user)) set_halt(self, halting = true);
        if (!halting) PEAL_TRY(give_tasks(self, kind, &next, tasks, err));
        if (busy_workers(self) == 0) break;
        peal_group_event event;
        models__duty was;
        PEAL_TRY(models__supervisor_wait(&self->supervisor, &event, &was, err));
        if (event.kind == PEAL_GROUP_TIMEOUT && kind == MODELS__WORK) models__rounds_report(self);
        if (event.kind == PEAL_GROUP_TIMEOUT || !was.busy) continue;
        if (event.kind == PEAL_GROUP_REPLY && answer_of(&event).failed) {
            return peal_fail(err, PEAL_E_MEMORY, "worker %zu has no memory to score rows", event.rank);
        }
        if (kind == MODELS__WORK) {
            /* What the dead have left in a slot may be torn: the partition begins again from the committed state. */
            bool died = event.kind == PEAL_GROUP_DEATH;
            self->progress.reached[was.task] = died ? self->progress.step : answer_of(&event).reached;
        }
        if (event.kind == PEAL_GROUP_DEATH ||
            (kind == MODELS__WORK && self->progress.reached[was.task] < self->round.end)) {
            self->done[was.task] = 0;
            if (was.task < next) next = was.task;
        }
    }
    for (size_t task = 0; task < tasks; task++) given_back += !self->done[task];
    *whole = given_back == 0;
    return PEAL_OK;
}

/* The same for tasks that are all to be done and are not halted. */
static peal_status do_all_tasks(models__rounds *self, uint32_t kind, size_t tasks, peal_error *err) {
    bool whole;
    memset(self->done, 0, tasks);
    return do_tasks(self, kind, tasks, &whole, err);
}

/* ---- rounds of partitions ---- */

/* Workers make the next state, in as many phases as the learner wants. */
static peal_status combine(models__rounds *self, peal_error *err) {
    const peal_learner *learner = self->trainer->learner;
    do {
        PEAL_TRY(do_all_tasks(self, MODELS__COMBINE, self->trainer->training.segments, err));
        self->round.phase = learner->advance ? learner->advance(self->trainer->self, &self->round) : 0;
    } while (self->round.phase);
    return PEAL_OK;
}

static void commit(models__rounds *self) {
    self->trainer->committed = 1 - self->trainer->committed;
    self->committed++;
}

static peal_status round_of_partitions(models__rounds *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    const peal_training *training = &trainer->training;
    const size_t left = training->steps - self->progress.step;
    const size_t length = training->round_steps ? training->round_steps : left;
    self->round.end = self->progress.step + (length < left ? length : left);
    for (bool whole = false; !whole;) {
        for (size_t p = 0; p < training->partitions; p++) self->done[p] = self->progress.reached[p] == self->round.end;
        PEAL_TRY(do_tasks(self, MODELS__WORK, training->partitions, &whole, err));
        if (!whole || is_stopped(self)) PEAL_TRY(halted(self, err));
        set_halt(self, false);
    }
    PEAL_TRY(combine(self, err));
    if (trainer->learner->agreement) self->progress.agreed = trainer->learner->agreement(trainer->self, &self->round);
    PEAL_TRY(models__check_data(trainer, err));
    commit(self);
    self->progress.step = self->round.end;
    return PEAL_OK;
}

/* ---- steps that workers do together ---- */

/* Waits for the reply of each that steps; a death among them aborts the meeting, so that the others come back.
 * *whole is false if the steps must be done again; else *done is how many of the epoch are done. */
static peal_status gather_steps(models__rounds *self, bool *whole, size_t *done, peal_error *err) {
    bool lacks_memory = false;
    *whole = true;
    while (busy_workers(self) > 0) {
        if (self->is_to_halt(self->user)) set_halt(self, true);
        peal_group_event event;
        models__duty was;
        PEAL_TRY(models__supervisor_wait(&self->supervisor, &event, &was, err));
        if (event.kind == PEAL_GROUP_TIMEOUT) models__rounds_report(self);
        if (event.kind == PEAL_GROUP_REPLY) {
            *whole = *whole && !answer_of(&event).failed;
            *done = answer_of(&event).reached;
            if (answer_of(&event).failed != MODELS__NO_MEMORY) continue;
            peal_comm_abort(self->trainer->shared.comm); /* the others wait for it */
            lacks_memory = true;
        } else if (event.kind == PEAL_GROUP_DEATH && was.busy) {
            peal_comm_abort(self->trainer->shared.comm);
            *whole = false;
        }
    }
    if (lacks_memory) return peal_fail(err, PEAL_E_MEMORY, "a worker has no memory for its rows");
    return PEAL_OK;
}

static void clear_meetings(models__rounds *self) {
    const models__trainer *trainer = self->trainer;
    peal_comm_reset(trainer->shared.comm);
    atomic_store_explicit(&trainer->shared.control->end_step, UINT64_MAX, memory_order_relaxed);
    clear_beats(self);
}

/* Until the end of the epoch or a halt. */
static peal_status round_together(models__rounds *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    bool whole = false;
    size_t done = 0;
    self->round.end = trainer->training.steps;
    clear_meetings(self);
    for (size_t rank = 0; rank < trainer->training.at_once; rank++) {
        PEAL_TRY(send_order(self, MODELS__TOGETHER, rank, 0, err));
    }
    PEAL_TRY(gather_steps(self, &whole, &done, err));
    if (!whole) return PEAL_OK; /* from the committed state again */
    PEAL_TRY(models__check_data(trainer, err));
    commit(self);
    self->progress.step = done;
    if (done < trainer->training.steps || is_stopped(self)) PEAL_TRY(halted(self, err));
    set_halt(self, false);
    return PEAL_OK;
}

static peal_status one_round(models__rounds *self, peal_error *err) {
    self->round = (peal_round){.epoch = self->progress.epoch,
                               .before = self->before,
                               .first = self->progress.step,
                               .committed = self->trainer->committed};
    return self->trainer->learner->together ? round_together(self, err) : round_of_partitions(self, err);
}

/* ---- epochs ---- */

/* The order of the rows: a permutation that depends on seed and epoch alone. Partition p takes its p-th part. */
static void deal_rows(models__rounds *self) {
    const models__trainer *trainer = self->trainer;
    const models__data *data = &trainer->data;
    const uint64_t count = trainer->training.row_count;
    memcpy(trainer->shared.order, data->train_list, count * sizeof *data->train_list);
    if (!trainer->learner->shuffles) return;
    peal_philox random =
        peal_philox_stream(trainer->options->seed, PEAL_PURPOSE_DEAL, (uint32_t)self->progress.epoch, 0, 0);
    peal_philox_shuffle(&random, trainer->shared.order, count);
}

peal_status models__rounds_epoch(models__rounds *self, peal_error *err) {
    const models__trainer *trainer = self->trainer;
    deal_rows(self);
    clear_beats(self);
    while (self->progress.step < trainer->training.steps) PEAL_TRY(one_round(self, err));
    self->progress.train_loss =
        trainer->learner->loss ? trainer->learner->loss(trainer->self, trainer->committed) : (double)NAN;
    return PEAL_OK;
}

void models__rounds_next_epoch(models__rounds *self) {
    self->progress.epoch++;
    self->progress.step = 0;
    memset(self->progress.reached, 0, self->trainer->training.partitions * sizeof *self->progress.reached);
    self->progress.agreed = (double)NAN;
}

static size_t score_chunks(const models__trainer *trainer) {
    return (size_t)((trainer->data.valid_count + PEAL_SCORE_CHUNK - 1) / PEAL_SCORE_CHUNK);
}

peal_status models__rounds_score(models__rounds *self, peal_error *err) {
    PEAL_TRY(do_all_tasks(self, MODELS__SCORE, score_chunks(self->trainer), err));
    return models__check_data(self->trainer, err);
}

bool models__state_is_finite(const models__trainer *trainer) {
    bool finite = true;
    for (size_t i = 0; finite && i < trainer->shared.layout.count; i++) {
        const peal_shared_tensor *one = &trainer->shared.layout.tensors[i];
        if (one->owner != PEAL_OWNER_STATE || one->index != (size_t)trainer->committed) continue;
        finite = peal_tensor_is_finite(&one->tensor);
    }
    return finite;
}

/* ---- beginning and end ---- */

peal_status models__rounds_init(models__rounds *self, peal_error *err) {
    const models__trainer *trainer = self->trainer;
    const size_t chunks = score_chunks(trainer), partitions = trainer->training.partitions;
    size_t tasks = partitions > chunks ? partitions : chunks;
    if (tasks < trainer->training.segments) tasks = trainer->training.segments;
    self->progress.agreed = (double)NAN;
    PEAL_TRY(peal_alloc_checked(&self->done, tasks, 1, "tasks", err));
    return peal_alloc_checked(&self->progress.reached, partitions, sizeof *self->progress.reached, "partitions", err);
}

peal_status models__rounds_fork(models__rounds *self, peal_error *err) {
    return models__supervisor_begin(self->trainer, &self->supervisor, err);
}

void models__rounds_end(models__rounds *self, int grace_ms) {
    models__supervisor_end(&self->supervisor, grace_ms);
}

void models__rounds_clear(models__rounds *self) {
    free(self->done);
    free(self->progress.reached);
}
