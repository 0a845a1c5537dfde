/* The parent's side: epochs, rounds, validation, the best epoch, and when to write a checkpoint. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/stop.h"
#include "models/learner/tables.h"
#include "models/predict/safetensors.h"
#include "models/train/supervisor.h"
#include "models/train/trainer.h"

enum { GRACE_MS = 2000 };

typedef struct leader {
    models__trainer *trainer;
    models__supervisor supervisor;
    models__progress progress;
    uint8_t *done;         /* [tasks] of the present batch of tasks: given to a worker, or done */
    size_t turn;           /* the rank that is looked at first for the next task */
    size_t end_step;       /* SYNC_ROUNDS: of the round */
    uint64_t steps_before; /* of the epoch, done before the workers began to count */
    int64_t training_ns;
    uint64_t rows_trained;
    int64_t last_checkpoint, checkpoint_ns; /* when the last one was written, how long it took */
} leader;

static const peal_reporter *reporter(const leader *self) {
    return self->trainer->options->reporter;
}

static bool is_stopped(const leader *self) {
    return peal_is_stopped(self->trainer->options->stop);
}

static peal_status interrupted(peal_error *err) {
    return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted");
}

/* ---- checkpoints ---- */

static peal_status write_checkpoint(leader *self, peal_error *err) {
    const int64_t begin = peal_now_ns();
    PEAL_TRY(models__check_data(self->trainer, err)); /* slots that are not committed yet go into it, too */
    PEAL_TRY(models__run_checkpoint(self->trainer, &self->progress, err));
    self->last_checkpoint = peal_now_ns();
    self->checkpoint_ns = self->last_checkpoint - begin;
    return PEAL_OK;
}

static bool checkpoint_is_due(const leader *self) {
    const double wanted = self->trainer->options->checkpoint_seconds * 1e9, least = 20 * (double)self->checkpoint_ns;
    return (double)(peal_now_ns() - self->last_checkpoint) >= (wanted > least ? wanted : least);
}

/* Whether the workers are to come back in the middle of an epoch. */
static bool is_to_halt(const leader *self) {
    const peal_train_options *options = self->trainer->options;
    if (is_stopped(self)) return true;
    return options->run_dir && options->checkpoint_seconds > 0 && checkpoint_is_due(self);
}

static void set_halt(const leader *self, bool halt) {
    atomic_store_explicit(&self->trainer->control->halt, halt, memory_order_relaxed);
}

/* What to do when the workers have halted: end, or write and go on. */
static peal_status halted(leader *self, peal_error *err) {
    set_halt(self, false);
    return is_stopped(self) ? interrupted(err) : write_checkpoint(self, err);
}

/* ---- progress ---- */

static void clear_beats(leader *self) {
    const models__trainer *trainer = self->trainer;
    for (size_t rank = 0; rank < trainer->workers; rank++) {
        atomic_store_explicit(&trainer->beats[rank].steps, 0, memory_order_relaxed);
        atomic_store_explicit(&trainer->beats[rank].partition, UINT32_MAX, memory_order_relaxed);
    }
    self->steps_before = 0;
    for (size_t p = 0; p < trainer->partitions; p++) {
        const size_t step = self->progress.step, reached = self->progress.reached[p];
        self->steps_before += reached > step ? reached : step;
    }
}

static void report_steps(leader *self) {
    const models__trainer *trainer = self->trainer;
    uint64_t steps = self->steps_before, total = (uint64_t)trainer->steps * trainer->partitions;
    for (size_t rank = 0; rank < trainer->workers; rank++) {
        steps += atomic_load_explicit(&trainer->beats[rank].steps, memory_order_relaxed);
    }
    if (steps > total) steps = total;
    /* Of the job, not of the epoch: what people want to know is when it ends. */
    const uint64_t before = (uint64_t)self->progress.epoch * trainer->train_count;
    peal_report_progress(reporter(self), "training", "rows", before + trainer->train_count * steps / total,
                         (uint64_t)trainer->last_epoch * trainer->train_count);
}

/* ---- tasks that any worker can do ---- */

static peal_message task_message(const leader *self, uint32_t kind, size_t task, size_t tasks) {
    const uint64_t committed = (uint64_t)self->trainer->committed;
    const size_t step = self->progress.step, reached = self->progress.reached[kind == MESSAGE_TRAIN ? task : 0];
    peal_message message = {.kind = kind, .values = {task}};
    if (kind == MESSAGE_TRAIN) {
        message.values[1] = self->progress.epoch;
        message.values[2] = reached > step ? reached : step;
        message.values[3] = self->end_step;
        message.values[4] = committed;
        message.values[5] = reached > step;
    } else if (kind == MESSAGE_COMBINE) {
        message.values[1] = tasks;
        message.values[2] = committed;
        message.values[3] = self->progress.epoch;
        message.values[4] = step;
        message.values[5] = self->end_step;
    } else {
        message.values[1] = committed;
    }
    return message;
}

static bool is_idle(const leader *self, size_t rank) {
    return !self->supervisor.duties[rank].busy;
}

static size_t busy_workers(const leader *self) {
    size_t busy = 0;
    for (size_t rank = 0; rank < self->trainer->workers; rank++) busy += !is_idle(self, rank);
    return busy;
}

/* Gives tasks to idle workers, in turn, as long as there are any. No more work at once than there are CPUs: where there
 * are more workers, each would push the others' parameters out of the caches. */
static peal_status give_tasks(leader *self, uint32_t kind, size_t *next, size_t tasks, peal_error *err) {
    const models__trainer *trainer = self->trainer;
    const size_t first = self->turn;
    size_t busy = busy_workers(self);
    for (size_t i = 0; i < trainer->workers && busy < trainer->at_once; i++) {
        const size_t rank = (first + i) % trainer->workers;
        if (!is_idle(self, rank)) continue;
        while (*next < tasks && self->done[*next]) ++*next;
        if (*next == tasks) return PEAL_OK;
        peal_message message = task_message(self, kind, *next, tasks);
        PEAL_TRY(models__supervisor_send(&self->supervisor, rank, *next, &message, err));
        self->done[(*next)++] = 1;
        self->turn = rank + 1;
        busy++;
    }
    return PEAL_OK;
}

/* Has the workers do the tasks that are not marked as done, in any order, each until it is done. *whole is false if
 * they were halted before that; only the training of partitions can be. */
static peal_status do_tasks(leader *self, uint32_t kind, size_t tasks, bool *whole, peal_error *err) {
    size_t next = 0, given_back = 0;
    bool halting = false;
    for (;;) {
        if (kind != MESSAGE_TRAIN && is_stopped(self)) return interrupted(err);
        if (kind == MESSAGE_TRAIN && !halting && is_to_halt(self)) set_halt(self, halting = true);
        if (!halting) PEAL_TRY(give_tasks(self, kind, &next, tasks, err));
        if (busy_workers(self) == 0) break;
        peal_group_event event;
        models__duty was;
        PEAL_TRY(models__supervisor_wait(&self->supervisor, &event, &was, err));
        if (event.kind == PEAL_GROUP_TIMEOUT && kind == MESSAGE_TRAIN) report_steps(self);
        if (event.kind == PEAL_GROUP_TIMEOUT || !was.busy) continue;
        if (kind == MESSAGE_TRAIN) {
            /* What the dead have left in a slot may be torn: the partition begins again from the committed state. */
            bool died = event.kind == PEAL_GROUP_DEATH;
            self->progress.reached[was.task] = died ? self->progress.step : event.reply.values[1];
        }
        if (event.kind == PEAL_GROUP_DEATH ||
            (kind == MESSAGE_TRAIN && self->progress.reached[was.task] < self->end_step)) {
            self->done[was.task] = 0;
            if (was.task < next) next = was.task;
        }
    }
    for (size_t task = 0; task < tasks; task++) given_back += !self->done[task];
    *whole = given_back == 0;
    return PEAL_OK;
}

/* The same for tasks that are all to be done and are not halted. */
static peal_status do_all_tasks(leader *self, uint32_t kind, size_t tasks, peal_error *err) {
    bool whole;
    memset(self->done, 0, tasks);
    return do_tasks(self, kind, tasks, &whole, err);
}

/* ---- rounds of partitions ---- */

/* How far the partitions agree: the length of their mean change over the mean length of their changes; 1 is full
 * agreement. Summed by the parent in a fixed order. */
static double agreement(const models__trainer *trainer) {
    const float *old = trainer->states[trainer->committed].params;
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

static peal_status round_of_partitions(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    const size_t length = trainer->steps_per_round ? trainer->steps_per_round : trainer->steps;
    const size_t left = trainer->steps - self->progress.step;
    self->end_step = self->progress.step + (length < left ? length : left);
    for (bool whole = false; !whole;) {
        for (size_t p = 0; p < trainer->partitions; p++) self->done[p] = self->progress.reached[p] == self->end_step;
        PEAL_TRY(do_tasks(self, MESSAGE_TRAIN, trainer->partitions, &whole, err));
        if (!whole || is_stopped(self)) PEAL_TRY(halted(self, err));
        set_halt(self, false);
    }
    PEAL_TRY(do_all_tasks(self, MESSAGE_COMBINE, trainer->workers, err));
    const int next = 1 - trainer->committed;
    memcpy(trainer->states[next].losses, trainer->loss_sums, trainer->partitions * sizeof(double));
    if (trainer->partitions > 1) self->progress.agreed = agreement(trainer);
    PEAL_TRY(models__check_data(trainer, err));
    trainer->committed = next;
    self->progress.step = self->end_step;
    return PEAL_OK;
}

/* ---- steps that workers do together ---- */

/* Waits for the reply of each that steps; a death among them aborts the collective, so that the others come back.
 * *whole is false if the steps must be done again; else *done is how many of the epoch are done. */
static peal_status gather_steps(leader *self, bool *whole, size_t *done, peal_error *err) {
    *whole = true;
    while (busy_workers(self) > 0) {
        if (is_to_halt(self)) set_halt(self, true);
        peal_group_event event;
        models__duty was;
        PEAL_TRY(models__supervisor_wait(&self->supervisor, &event, &was, err));
        if (event.kind == PEAL_GROUP_TIMEOUT) report_steps(self);
        if (event.kind == PEAL_GROUP_REPLY) {
            *whole = *whole && event.reply.values[1] == 0;
            *done = event.reply.values[2];
        } else if (event.kind == PEAL_GROUP_DEATH && was.busy) {
            peal_collective_abort(self->trainer->collective);
            *whole = false;
        }
    }
    return PEAL_OK;
}

/* As if nobody had come to any meeting: a worker that died between two children of a node has left it half counted.
 * [clear] of tree.pml. */
static void clear_meetings(leader *self) {
    models__trainer *trainer = self->trainer;
    peal_collective_reset(trainer->collective);
    memset(trainer->nodes, 0, TREE_LEVELS * trainer->partitions * sizeof *trainer->nodes);
    for (size_t i = 0; trainer->table_rows && i < trainer->block_count; i++) {
        models__tables_reset(trainer, trainer->blocks[i].gradient, trainer->blocks[i].touched);
    }
    atomic_store_explicit(&trainer->control->end_step, UINT64_MAX, memory_order_relaxed);
    clear_beats(self);
}

/* Until the end of the epoch or a halt. */
static peal_status round_of_steps(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    bool whole = false;
    size_t done = 0;
    clear_meetings(self);
    for (size_t rank = 0; rank < trainer->at_once; rank++) {
        const peal_message message = {
            .kind = MESSAGE_STEPS, .values = {self->progress.epoch, self->progress.step, (uint64_t)trainer->committed}};
        PEAL_TRY(models__supervisor_send(&self->supervisor, rank, 0, &message, err));
    }
    PEAL_TRY(gather_steps(self, &whole, &done, err));
    if (!whole) return PEAL_OK; /* from the committed state again */
    PEAL_TRY(models__check_data(trainer, err));
    trainer->committed = 1 - trainer->committed;
    self->progress.step = done;
    if (done < trainer->steps || is_stopped(self)) PEAL_TRY(halted(self, err));
    set_halt(self, false);
    return PEAL_OK;
}

/* ---- epochs ---- */

/* The order of the rows: a permutation that depends on seed and epoch alone. Partition p takes its p-th part. */
static void deal_rows(leader *self) {
    models__trainer *trainer = self->trainer;
    memcpy(trainer->order, trainer->train_list, trainer->train_count * sizeof *trainer->order);
    peal_philox random =
        peal_philox_stream(trainer->options->seed, PEAL_PURPOSE_DEAL, (uint32_t)self->progress.epoch, 0, 0);
    peal_philox_shuffle(&random, trainer->order, trainer->train_count);
}

static peal_status train_epoch(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    const int64_t begin = peal_now_ns();
    const size_t first = self->progress.step;
    double loss = 0;
    deal_rows(self);
    clear_beats(self);
    while (self->progress.step < trainer->steps) {
        PEAL_TRY(trainer->sync == SYNC_STEP ? round_of_steps(self, err) : round_of_partitions(self, err));
    }
    for (size_t p = 0; p < trainer->partitions; p++) loss += trainer->states[trainer->committed].losses[p];
    self->progress.train_loss = loss / (double)trainer->train_count;
    self->training_ns += peal_now_ns() - begin;
    self->rows_trained += trainer->train_count * (trainer->steps - first) / trainer->steps;
    return PEAL_OK;
}

static peal_status validate(leader *self, peal_metrics *metrics, peal_error *err) {
    models__trainer *trainer = self->trainer;
    size_t chunks = (size_t)((trainer->valid_count + EVAL_CHUNK - 1) / EVAL_CHUNK);
    PEAL_TRY(do_all_tasks(self, MESSAGE_EVAL, chunks, err));
    PEAL_TRY(models__check_data(trainer, err));
    const peal_shape *shape = &trainer->net->shape;
    return peal_metrics_compute(trainer->eval_scores, shape->classes ? shape->classes : 1, trainer->eval_labels,
                                trainer->valid_count, shape->classes, shape->label_deviation, metrics, err);
}

static void keep_best(leader *self, const peal_metrics *metrics) {
    models__trainer *trainer = self->trainer;
    models__progress *progress = &self->progress;
    bool better = !trainer->valid_count || progress->best_epoch == 0 || metrics->loss < progress->best_loss;
    if (!better) return;
    progress->best_epoch = progress->epoch + 1;
    progress->best_loss = trainer->valid_count ? metrics->loss : 0;
    memcpy(progress->best_params, trainer->states[trainer->committed].params, trainer->floats * sizeof(float));
    if (trainer->valid_count) trainer->result->valid = *metrics;
}

/* What models__warn looks at. */
static void note_course(leader *self, const peal_metrics *metrics) {
    const models__trainer *trainer = self->trainer;
    models__course *course = &self->progress.course;
    const size_t epoch = self->progress.epoch;
    const double loss = trainer->valid_count ? metrics->loss : self->progress.train_loss;
    if (epoch == 0) course->first_loss = loss;
    if (epoch == 0 || epoch < trainer->last_epoch * 2 / 3) course->later_loss = loss;
    course->last_loss = trainer->valid_count ? self->progress.best_loss : loss;
}

/* A line for people that fits 80 columns, and one with all figures in metrics.jsonl. */
static peal_status tell_epoch(leader *self, const peal_metrics *metrics, double seconds, peal_error *err) {
    models__trainer *trainer = self->trainer;
    const double agreed = self->progress.agreed;
    double rate = self->training_ns ? (double)self->rows_trained / ((double)self->training_ns * 1e-9) : 0;
    char valid[64] = "";
    if (trainer->valid_count && metrics->classes) {
        peal_snprintf(valid, sizeof valid, ", valid loss %.4g, accuracy %.4f", metrics->loss, metrics->accuracy);
    } else if (trainer->valid_count) {
        peal_snprintf(valid, sizeof valid, ", valid loss %.4g, rmse %.6g", metrics->loss, metrics->rmse);
    }
    peal_report(reporter(self), PEAL_EVENT_METRIC, "%s%sepoch %zu/%zu: loss %.4g%s",
                trainer->title ? trainer->title : "", trainer->title ? ", " : "", self->progress.epoch + 1,
                trainer->epochs, self->progress.train_loss, valid);
    report_steps(self);
    json_t *line = json_pack("{s:I, s:o, s:f, s:f}", "epoch", (json_int_t)self->progress.epoch + 1, "train_loss",
                             peal_json_real(self->progress.train_loss), "seconds", seconds, "rows_per_second", rate);
    if (trainer->valid_count) line = peal_json_set(line, "valid", peal_metrics_save(metrics));
    if (isfinite(agreed)) line = peal_json_set(line, "agreement", json_real(agreed));
    peal_status status = models__run_metrics(trainer, line, err);
    json_decref(line);
    return status;
}

static bool parameters_are_finite(const models__trainer *trainer) {
    return peal_tensor_is_finite(
        &(peal_tensor){.data = trainer->states[trainer->committed].params, .width = trainer->floats});
}

peal_status models__ran_away(const models__trainer *trainer, size_t epoch, peal_error *err) {
    return peal_fail(err, PEAL_E_FAILED, "epoch %zu: the loss is no longer a number; a lower lr may help (it is %g)",
                     epoch + 1, trainer->lr);
}

static void next_epoch(leader *self) {
    models__trainer *trainer = self->trainer;
    self->progress.epoch++;
    self->progress.step = 0;
    memset(self->progress.reached, 0, trainer->partitions * sizeof *self->progress.reached);
    memset(trainer->states[trainer->committed].losses, 0, trainer->partitions * sizeof(double));
    self->progress.agreed = (double)NAN;
}

static peal_status one_epoch(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    const int64_t begin = peal_now_ns();
    peal_metrics metrics = {0};
    self->supervisor.epoch = self->progress.epoch;
    PEAL_TRY(train_epoch(self, err));
    if (!parameters_are_finite(trainer) || !isfinite(self->progress.train_loss)) {
        return models__ran_away(trainer, self->progress.epoch, err);
    }
    if (trainer->valid_count) PEAL_TRY(validate(self, &metrics, err));
    keep_best(self, &metrics);
    note_course(self, &metrics);
    PEAL_TRY(tell_epoch(self, &metrics, (double)(peal_now_ns() - begin) * 1e-9, err));
    next_epoch(self);
    if (checkpoint_is_due(self) || self->progress.epoch == trainer->last_epoch) {
        PEAL_TRY(write_checkpoint(self, err));
    }
    return PEAL_OK;
}

static bool has_patience(const leader *self) {
    const size_t patience = self->trainer->patience;
    return !patience || !self->trainer->valid_count || self->progress.epoch < self->progress.best_epoch + patience;
}

static peal_status all_epochs(leader *self, peal_error *err) {
    self->last_checkpoint = peal_now_ns();
    while (self->progress.epoch < self->trainer->last_epoch) {
        if (!has_patience(self)) {
            peal_report(reporter(self), PEAL_EVENT_NOTE, "stopped early: no better validation loss since epoch %zu",
                        self->progress.best_epoch);
            break;
        }
        peal_status status = one_epoch(self, err);
        if (status == PEAL_E_INTERRUPTED) {
            PEAL_TRY(write_checkpoint(self, err));
            return interrupted(err);
        }
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

/* The best epoch's parameters become the committed ones, and eval_scores theirs. */
static peal_status take_best(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    peal_metrics ignored;
    memcpy(trainer->states[trainer->committed].params, self->progress.best_params, trainer->floats * sizeof(float));
    return trainer->valid_count ? validate(self, &ignored, err) : PEAL_OK;
}

static void fill_result(const leader *self) {
    self->trainer->course = self->progress.course;
    peal_train_result *result = self->trainer->result;
    result->epochs = self->progress.epoch;
    result->best_epoch = self->progress.best_epoch;
    result->train_loss = self->progress.train_loss;
    result->rows_per_second = self->training_ns ? (double)self->rows_trained / ((double)self->training_ns * 1e-9) : 0;
}

static peal_status lead(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    models__progress *progress = &self->progress;
    size_t chunks = (size_t)((trainer->valid_count + EVAL_CHUNK - 1) / EVAL_CHUNK);
    size_t tasks = trainer->partitions > chunks ? trainer->partitions : chunks;
    if (tasks < trainer->workers) tasks = trainer->workers;
    progress->agreed = (double)NAN;
    PEAL_TRY(peal_alloc_checked(&self->done, tasks, 1, "tasks", err));
    PEAL_TRY(peal_alloc_checked(&progress->reached, trainer->partitions, sizeof *progress->reached, "partitions", err));
    PEAL_TRY(peal_alloc_checked(&progress->best_params, trainer->floats, sizeof(float), "the best epoch", err));
    PEAL_TRY(models__run_begin(trainer, progress, err));
    peal_status status = models__supervisor_begin(trainer, &self->supervisor, err);
    if (status == PEAL_OK) status = all_epochs(self, err);
    if (status == PEAL_OK) status = take_best(self, err);
    models__supervisor_end(&self->supervisor, status == PEAL_OK ? GRACE_MS : 0);
    if (status == PEAL_OK) fill_result(self);
    return status;
}

peal_status models__train_epochs(models__trainer *trainer, peal_error *err) {
    leader self = {.trainer = trainer};
    peal_status status = lead(&self, err);
    free(self.done);
    free(self.progress.reached);
    free(self.progress.best_params);
    return status;
}
