/* The parent's side: epochs, rounds, the supervision of the workers, validation and the best epoch. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/machine.h"
#include "models/trainer.h"

enum { TICK_MS = 100, GRACE_MS = 2000 };

/* What a worker is busy with. */
typedef struct duty {
    bool busy;
    size_t task;
    uint64_t beat; /* seen last */
    int64_t since; /* when it moved last, ns */
} duty;

typedef struct leader {
    models__trainer *trainer;
    peal_group *group;
    models__progress progress;
    duty *duties;                /* [workers] */
    uint8_t *done;               /* [tasks] of the present batch of tasks */
    size_t *deaths;              /* [partitions] of workers that trained them */
    size_t epoch;                /* from 0 */
    size_t first_step, end_step; /* of the round */
    int64_t training_ns;
    uint64_t rows_trained;
    int64_t last_checkpoint;
} leader;

static const peal_reporter *reporter(const leader *self) {
    return self->trainer->options->reporter;
}

static bool is_stopped(const leader *self) {
    const atomic_int *stop = self->trainer->options->stop;
    return stop && atomic_load(stop) != 0;
}

static peal_status interrupted(peal_error *err) {
    return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted");
}

/* ---- deaths ---- */

static const char *death_text(const peal_group_event *event, char text[96]) {
    if (event->signal) {
        snprintf(text, 96, "killed by signal %d (%s)", event->signal, strsignal(event->signal));
    } else {
        snprintf(text, 96, "ended with exit code %d", event->exit_code);
    }
    return text;
}

/* Says who died of what while doing what, and forks the rank anew. `partition` is SIZE_MAX if it was none's turn. */
static peal_status replace_worker(leader *self, const peal_group_event *event, size_t partition, peal_error *err) {
    char death[96], where[64] = "";
    models__trainer *trainer = self->trainer;
    if (partition != SIZE_MAX) snprintf(where, sizeof where, " while training partition %zu", partition);
    peal_report(reporter(self), PEAL_EVENT_WARNING,
                "worker %zu (pid %d) %s%s in epoch %zu; it is replaced and its work done again", event->rank,
                (int)event->pid, death_text(event, death), where, self->epoch + 1);
    trainer->result->deaths++;
    size_t *count = &self->deaths[partition == SIZE_MAX ? event->rank % trainer->partitions : partition];
    if (++*count >= trainer->options->deaths) {
        return peal_fail(err, PEAL_E_FAILED, "%zu workers died%s; the last one (rank %zu, pid %d) was %s", *count,
                         where, event->rank, (int)event->pid, death);
    }
    self->duties[event->rank] = (duty){0};
    return peal_group_respawn(self->group, event->rank, err);
}

/* Kills workers that have not moved for too long; their deaths then arrive as events. */
static void check_stalls(leader *self) {
    models__trainer *trainer = self->trainer;
    int64_t now = peal_now_ns();
    for (size_t rank = 0; rank < trainer->workers; rank++) {
        duty *one = &self->duties[rank];
        if (!one->busy) continue;
        uint64_t count = atomic_load_explicit(&trainer->beats[rank].count, memory_order_relaxed);
        if (count != one->beat) {
            one->beat = count;
            one->since = now;
        } else if (now - one->since > (int64_t)trainer->options->stall_ms * 1000000) {
            peal_report(reporter(self), PEAL_EVENT_WARNING,
                        "worker %zu (pid %d) has not moved for %.1f s; it is killed", rank,
                        (int)peal_group_pid(self->group, rank), (double)(now - one->since) * 1e-9);
            peal_group_kill(self->group, rank);
            one->since = now;
        }
    }
}

static void start_duty(leader *self, size_t rank, size_t task) {
    self->duties[rank] = (duty){
        .busy = true,
        .task = task,
        .beat = atomic_load_explicit(&self->trainer->beats[rank].count, memory_order_relaxed),
        .since = peal_now_ns(),
    };
}

static void report_steps(leader *self) {
    models__trainer *trainer = self->trainer;
    uint64_t steps = 0, total = (uint64_t)trainer->steps * trainer->partitions;
    for (size_t rank = 0; rank < trainer->workers; rank++) {
        steps += atomic_load_explicit(&trainer->beats[rank].count, memory_order_relaxed);
    }
    if (trainer->sync == SYNC_STEP) steps = steps * trainer->partitions / trainer->workers;
    if (steps > total) steps = total;
    char stage[64];
    snprintf(stage, sizeof stage, "epoch %zu/%zu", self->epoch + 1, trainer->options->epochs);
    peal_report_progress(reporter(self), stage, "rows", trainer->train_count * steps / total, trainer->train_count);
}

static void clear_beats(leader *self) {
    for (size_t rank = 0; rank < self->trainer->workers; rank++) {
        atomic_store_explicit(&self->trainer->beats[rank].count, 0, memory_order_relaxed);
    }
}

/* ---- tasks that any worker can do ---- */

static peal_message task_message(const leader *self, uint32_t kind, size_t task, size_t tasks) {
    const uint64_t committed = (uint64_t)self->trainer->committed;
    peal_message message = {.kind = kind, .values = {task}};
    if (kind == MESSAGE_TRAIN) {
        message.values[1] = self->epoch;
        message.values[2] = self->first_step;
        message.values[3] = self->end_step;
        message.values[4] = committed;
    } else if (kind == MESSAGE_COMBINE) {
        message.values[1] = tasks;
        message.values[2] = committed;
    } else {
        message.values[1] = committed;
    }
    return message;
}

static peal_status give_tasks(leader *self, uint32_t kind, size_t *next, size_t tasks, peal_error *err) {
    for (size_t rank = 0; rank < self->trainer->workers; rank++) {
        if (self->duties[rank].busy) continue;
        while (*next < tasks && self->done[*next]) ++*next;
        if (*next == tasks) return PEAL_OK;
        peal_message message = task_message(self, kind, *next, tasks);
        start_duty(self, rank, *next);
        PEAL_TRY(peal_group_send(self->group, rank, &message, err));
        self->done[(*next)++] = 1; /* given; taken back if the worker dies */
    }
    return PEAL_OK;
}

/* Has the workers do tasks 0 .. tasks-1, in any order, each until it is done. */
static peal_status do_tasks(leader *self, uint32_t kind, size_t tasks, peal_error *err) {
    size_t finished = 0, next = 0;
    memset(self->done, 0, tasks);
    while (finished < tasks) {
        PEAL_TRY(give_tasks(self, kind, &next, tasks, err));
        peal_group_event event;
        PEAL_TRY(peal_group_wait(self->group, TICK_MS, &event, err));
        if (event.kind == PEAL_GROUP_REPLY) {
            self->duties[event.rank].busy = false;
            finished++;
        } else if (event.kind == PEAL_GROUP_DEATH) {
            bool busy = self->duties[event.rank].busy;
            size_t task = self->duties[event.rank].task;
            PEAL_TRY(replace_worker(self, &event, busy && kind == MESSAGE_TRAIN ? task : SIZE_MAX, err));
            if (busy) self->done[task] = 0;
            if (busy && task < next) next = task;
        } else {
            check_stalls(self);
            if (kind == MESSAGE_TRAIN) report_steps(self);
        }
        if (is_stopped(self)) return interrupted(err);
    }
    return PEAL_OK;
}

static peal_status round_of_partitions(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    PEAL_TRY(do_tasks(self, MESSAGE_TRAIN, trainer->partitions, err));
    PEAL_TRY(do_tasks(self, MESSAGE_COMBINE, trainer->workers, err));
    trainer->committed = 1 - trainer->committed;
    return PEAL_OK;
}

/* ---- steps that all workers do together ---- */

/* Waits for every living worker's reply; a death aborts the collective, so that the others come back. *whole is false
 * if the epoch must be done again. */
static peal_status gather_steps(leader *self, bool *whole, peal_error *err) {
    models__trainer *trainer = self->trainer;
    size_t waiting = trainer->workers;
    *whole = true;
    while (waiting > 0) {
        peal_group_event event;
        PEAL_TRY(peal_group_wait(self->group, TICK_MS, &event, err));
        if (event.kind == PEAL_GROUP_REPLY) {
            self->duties[event.rank].busy = false;
            *whole = *whole && event.reply.values[1] == 0;
            waiting--;
        } else if (event.kind == PEAL_GROUP_DEATH) {
            bool busy = self->duties[event.rank].busy;
            peal_collective_abort(trainer->collective);
            *whole = false;
            PEAL_TRY(replace_worker(self, &event, SIZE_MAX, err));
            if (busy) waiting--;
        } else {
            check_stalls(self);
            report_steps(self);
        }
        if (is_stopped(self)) {
            peal_collective_abort(trainer->collective);
            return interrupted(err);
        }
    }
    return PEAL_OK;
}

static peal_status epoch_of_steps(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    for (bool whole = false; !whole;) {
        peal_collective_reset(trainer->collective);
        clear_beats(self);
        for (size_t rank = 0; rank < trainer->workers; rank++) {
            const peal_message message = {.kind = MESSAGE_STEPS, .values = {self->epoch, (uint64_t)trainer->committed}};
            start_duty(self, rank, 0);
            PEAL_TRY(peal_group_send(self->group, rank, &message, err));
        }
        PEAL_TRY(gather_steps(self, &whole, err));
    }
    trainer->committed = 1 - trainer->committed;
    return PEAL_OK;
}

/* ---- epochs ---- */

/* The order of the rows: a permutation that depends on seed and epoch alone. Partition p takes its p-th part. */
static void deal_rows(leader *self) {
    models__trainer *trainer = self->trainer;
    memcpy(trainer->order, trainer->train_list, trainer->train_count * sizeof *trainer->order);
    peal_philox random = peal_philox_stream(trainer->options->seed, PEAL_PURPOSE_DEAL, (uint32_t)self->epoch, 0, 0);
    peal_philox_shuffle(&random, trainer->order, trainer->train_count);
}

/* How far the partitions agree: the length of their mean change over the mean length of their changes; 1 is full
 * agreement. Summed by the parent in a fixed order. */
static double agreement(const leader *self) {
    const models__trainer *trainer = self->trainer;
    const float *old = trainer->states[1 - trainer->committed].params;
    double *lengths = calloc(trainer->partitions, sizeof *lengths), mean_length = 0, mean = 0;
    if (!lengths) return (double)NAN;
    for (size_t i = 0; i < trainer->floats; i++) {
        double sum = 0;
        for (size_t p = 0; p < trainer->partitions; p++) {
            double delta = (double)(trainer->slots[p].params[i] - old[i]);
            sum += delta;
            lengths[p] += delta * delta;
        }
        mean += sum * sum;
    }
    for (size_t p = 0; p < trainer->partitions; p++) mean_length += sqrt(lengths[p]);
    free(lengths);
    return mean_length > 0 ? sqrt(mean) / mean_length : 1;
}

static peal_status train_epoch(leader *self, double *agreed, peal_error *err) {
    models__trainer *trainer = self->trainer;
    int64_t begin = peal_now_ns();
    double loss = 0;
    *agreed = (double)NAN;
    deal_rows(self);
    clear_beats(self);
    if (trainer->sync == SYNC_STEP) {
        PEAL_TRY(epoch_of_steps(self, err));
        for (size_t p = 0; p < trainer->partitions; p++) loss += trainer->loss_sums[p];
    } else {
        size_t steps = trainer->steps_per_round ? trainer->steps_per_round : trainer->steps;
        for (size_t first = 0; first < trainer->steps; first += steps) {
            self->first_step = first;
            self->end_step = first + steps < trainer->steps ? first + steps : trainer->steps;
            PEAL_TRY(round_of_partitions(self, err));
            for (size_t p = 0; p < trainer->partitions; p++) loss += trainer->loss_sums[p];
        }
    }
    self->training_ns += peal_now_ns() - begin;
    self->rows_trained += trainer->train_count;
    self->progress.train_loss = loss / (double)trainer->train_count;
    if (trainer->sync != SYNC_STEP && trainer->partitions > 1) *agreed = agreement(self);
    return PEAL_OK;
}

static peal_status validate(leader *self, peal_metrics *metrics, peal_error *err) {
    models__trainer *trainer = self->trainer;
    size_t chunks = (size_t)((trainer->valid_count + EVAL_CHUNK - 1) / EVAL_CHUNK);
    PEAL_TRY(do_tasks(self, MESSAGE_EVAL, chunks, err));
    const peal_shape *shape = &trainer->net->shape;
    return peal_metrics_compute(trainer->eval_scores, shape->classes ? shape->classes : 1, trainer->eval_labels,
                                trainer->valid_count, shape->classes, shape->label_deviation, metrics, err);
}

static void keep_best(leader *self, const peal_metrics *metrics) {
    models__trainer *trainer = self->trainer;
    models__progress *progress = &self->progress;
    bool better = !trainer->valid_count || progress->best_epoch == 0 || metrics->loss < progress->best_loss;
    if (!better) return;
    progress->best_epoch = self->epoch + 1;
    progress->best_loss = trainer->valid_count ? metrics->loss : 0;
    memcpy(progress->best_params, trainer->states[trainer->committed].params, trainer->floats * sizeof(float));
    if (trainer->valid_count) trainer->result->valid = *metrics;
}

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static peal_status tell_epoch(leader *self, const peal_metrics *metrics, double agreed, double seconds,
                              peal_error *err) {
    models__trainer *trainer = self->trainer;
    double rate = (double)self->rows_trained / ((double)self->training_ns * 1e-9);
    char valid[192] = "", text[160], agreement_text[64] = "";
    if (trainer->valid_count) snprintf(valid, sizeof valid, ", valid %s", peal_metrics_text(metrics, text));
    if (isfinite(agreed)) snprintf(agreement_text, sizeof agreement_text, ", agreement %.2f", agreed);
    peal_report(reporter(self), PEAL_EVENT_METRIC, "epoch %zu/%zu: loss %.4f%s%s, %.0f rows/s", self->epoch + 1,
                trainer->options->epochs, self->progress.train_loss, valid, agreement_text, rate);
    json_t *line = json_pack("{s:I, s:o, s:f, s:f}", "epoch", (json_int_t)self->epoch + 1, "train_loss",
                             number(self->progress.train_loss), "seconds", seconds, "rows_per_second", rate);
    if (trainer->valid_count) json_object_set_new(line, "valid", peal_metrics_save(metrics));
    if (isfinite(agreed)) json_object_set_new(line, "agreement", json_real(agreed));
    peal_status status = models__run_metrics(trainer, line, err);
    json_decref(line);
    return status;
}

static bool parameters_are_finite(const models__trainer *trainer) {
    const float *params = trainer->states[trainer->committed].params;
    double sum = 0;
    for (size_t i = 0; i < trainer->floats; i++) sum += (double)(params[i] * 0);
    return sum == 0;
}

static peal_status one_epoch(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    int64_t begin = peal_now_ns();
    double agreed;
    peal_metrics metrics = {0};
    PEAL_TRY(train_epoch(self, &agreed, err));
    if (!parameters_are_finite(trainer) || !isfinite(self->progress.train_loss)) {
        return peal_fail(err, PEAL_E_FAILED,
                         "epoch %zu: the loss is no longer a number; a lower --lr may help (it is %g)", self->epoch + 1,
                         trainer->lr);
    }
    if (trainer->valid_count) PEAL_TRY(validate(self, &metrics, err));
    keep_best(self, &metrics);
    self->progress.epoch = self->epoch + 1;
    PEAL_TRY(tell_epoch(self, &metrics, agreed, (double)(peal_now_ns() - begin) * 1e-9, err));
    int64_t now = peal_now_ns();
    bool due = (double)(now - self->last_checkpoint) * 1e-9 >= trainer->options->checkpoint_seconds;
    if (due || self->progress.epoch == trainer->options->epochs) {
        PEAL_TRY(models__run_checkpoint(trainer, &self->progress, err));
        self->last_checkpoint = now;
    }
    return PEAL_OK;
}

static bool has_patience(const leader *self) {
    size_t patience = self->trainer->options->patience;
    return !patience || !self->trainer->valid_count || self->progress.epoch < self->progress.best_epoch + patience;
}

static peal_status all_epochs(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    self->last_checkpoint = peal_now_ns();
    for (self->epoch = self->progress.epoch; self->epoch < trainer->options->epochs; self->epoch++) {
        if (!has_patience(self)) {
            peal_report(reporter(self), PEAL_EVENT_NOTE, "stopped early: no better validation loss since epoch %zu",
                        self->progress.best_epoch);
            break;
        }
        peal_status status = one_epoch(self, err);
        if (status == PEAL_E_INTERRUPTED) {
            PEAL_TRY(models__run_checkpoint(trainer, &self->progress, err));
            return interrupted(err);
        }
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

static peal_status lead(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    size_t chunks = (size_t)((trainer->valid_count + EVAL_CHUNK - 1) / EVAL_CHUNK);
    size_t tasks = trainer->partitions > chunks ? trainer->partitions : chunks;
    if (tasks < trainer->workers) tasks = trainer->workers;
    PEAL_TRY(peal_alloc_checked(&self->duties, trainer->workers, sizeof *self->duties, "workers", err));
    PEAL_TRY(peal_alloc_checked(&self->done, tasks, 1, "tasks", err));
    PEAL_TRY(peal_alloc_checked(&self->deaths, trainer->partitions, sizeof *self->deaths, "partitions", err));
    PEAL_TRY(peal_alloc_checked(&self->progress.best_params, trainer->floats, sizeof(float), "the best epoch", err));
    PEAL_TRY(models__run_begin(trainer, &self->progress, err));
    const peal_group_options group = {.workers = trainer->workers, .run = models__worker, .user = trainer};
    PEAL_TRY(peal_group_start(&group, &self->group, err));
    peal_status status = all_epochs(self, err);
    peal_group_stop(self->group, status == PEAL_OK ? GRACE_MS : 0);
    if (status != PEAL_OK) return status;
    memcpy(trainer->states[trainer->committed].params, self->progress.best_params, trainer->floats * sizeof(float));
    trainer->result->epochs = self->progress.epoch;
    trainer->result->best_epoch = self->progress.best_epoch;
    trainer->result->train_loss = self->progress.train_loss;
    trainer->result->rows_per_second =
        self->training_ns ? (double)self->rows_trained / ((double)self->training_ns * 1e-9) : 0;
    return PEAL_OK;
}

peal_status models__train_epochs(models__trainer *trainer, peal_error *err) {
    leader self = {.trainer = trainer};
    peal_status status = lead(&self, err);
    free(self.duties);
    free(self.done);
    free(self.deaths);
    free(self.progress.best_params);
    return status;
}
