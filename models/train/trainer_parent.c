/* The parent's side: epochs, rounds, validation, the best epoch, and when to write a checkpoint. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/stop.h"
#include "models/train/runaway.h"
#include "models/train/supervisor.h"
#include "models/train/trainer.h"

enum { GRACE_MS = 2000 };

typedef struct leader {
    models__trainer *trainer;
    models__supervisor supervisor;
    models__progress progress;
    uint8_t *done; /* [tasks] of the present batch of tasks: given to a worker, or done */
    size_t turn;   /* the rank that is looked at first for the next task */
    peal_round round;
    uint64_t rounds;       /* committed by this process */
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

/* The committed state becomes the model. */
static void take_state(const models__trainer *trainer) {
    trainer->learner->fill(trainer->self, trainer->committed, trainer->best);
}

static peal_status write_checkpoint(leader *self, peal_error *err) {
    const int64_t begin = peal_now_ns();
    PEAL_TRY(models__check_data(self->trainer, err)); /* slots that are not committed yet go into it, too */
    if (!self->trainer->learner->judges_epochs) take_state(self->trainer);
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
    atomic_store_explicit(&self->trainer->shared.control->halt, halt, memory_order_relaxed);
}

/* What to do when the workers have halted: end, or write and go on. */
static peal_status halted(leader *self, peal_error *err) {
    set_halt(self, false);
    return is_stopped(self) ? interrupted(err) : write_checkpoint(self, err);
}

/* ---- progress ---- */

static void clear_beats(leader *self) {
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

static void report_steps(leader *self) {
    const models__trainer *trainer = self->trainer;
    uint64_t steps = self->steps_before, total = (uint64_t)trainer->training.steps * trainer->training.partitions;
    for (size_t rank = 0; rank < trainer->training.workers; rank++) {
        steps += atomic_load_explicit(&trainer->shared.beats[rank].steps, memory_order_relaxed);
    }
    if (steps > total) steps = total;
    /* Of the job, not of the epoch: what people want to know is when it ends. */
    const uint64_t before = (uint64_t)self->progress.epoch * trainer->data.train_count;
    const bool is_known = trainer->learner->judges_epochs; /* else it ends when it has converged */
    peal_report_progress(reporter(self), "training", "rows", before + trainer->data.train_count * steps / total,
                         is_known ? (uint64_t)trainer->training.last_epoch * trainer->data.train_count : 0);
}

/* ---- tasks that any worker can do ---- */

_Static_assert(sizeof(models__order) <= sizeof((peal_message){0}.values), "an order fits a message");

static peal_status send_order(leader *self, uint32_t kind, size_t rank, size_t task, peal_error *err) {
    const size_t step = self->progress.step, reached = self->progress.reached[kind == MODELS__WORK ? task : 0];
    const models__order order = {.task = task,
                                 .epoch = (uint32_t)self->round.epoch,
                                 .first = (uint32_t)self->round.first,
                                 .end = (uint32_t)self->round.end,
                                 .from = (uint32_t)(reached > step ? reached : step),
                                 .committed = (uint32_t)self->trainer->committed,
                                 .phase = (uint32_t)self->round.phase,
                                 .stamp = self->rounds + 1};
    peal_message message = {.kind = kind};
    memcpy(message.values, &order, sizeof order);
    return models__supervisor_send(&self->supervisor, rank, task, &message, err);
}

static models__answer answer_of(const peal_group_event *event) {
    models__answer answer;
    memcpy(&answer, event->reply.values, sizeof answer);
    return answer;
}

static bool is_idle(const leader *self, size_t rank) {
    return !self->supervisor.duties[rank].busy;
}

static size_t busy_workers(const leader *self) {
    size_t busy = 0;
    for (size_t rank = 0; rank < self->trainer->training.workers; rank++) busy += !is_idle(self, rank);
    return busy;
}

/* Gives tasks to idle workers, in turn, as long as there are any. No more work at once than there are CPUs: where there
 * are more workers, each would push the others' parameters out of the caches. */
static peal_status give_tasks(leader *self, uint32_t kind, size_t *next, size_t tasks, peal_error *err) {
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
static peal_status do_tasks(leader *self, uint32_t kind, size_t tasks, bool *whole, peal_error *err) {
    size_t next = 0, given_back = 0;
    bool halting = false;
    for (;;) {
        if (kind != MODELS__WORK && is_stopped(self)) return interrupted(err);
        if (kind == MODELS__WORK && !halting && is_to_halt(self)) set_halt(self, halting = true);
        if (!halting) PEAL_TRY(give_tasks(self, kind, &next, tasks, err));
        if (busy_workers(self) == 0) break;
        peal_group_event event;
        models__duty was;
        PEAL_TRY(models__supervisor_wait(&self->supervisor, &event, &was, err));
        if (event.kind == PEAL_GROUP_TIMEOUT && kind == MODELS__WORK) report_steps(self);
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
static peal_status do_all_tasks(leader *self, uint32_t kind, size_t tasks, peal_error *err) {
    bool whole;
    memset(self->done, 0, tasks);
    return do_tasks(self, kind, tasks, &whole, err);
}

/* ---- rounds of partitions ---- */

/* Workers make the next state, in as many phases as the learner wants. */
static peal_status combine(leader *self, peal_error *err) {
    const peal_learner *learner = self->trainer->learner;
    do {
        PEAL_TRY(do_all_tasks(self, MODELS__COMBINE, self->trainer->training.segments, err));
        self->round.phase = learner->advance ? learner->advance(self->trainer->self, &self->round) : 0;
    } while (self->round.phase);
    return PEAL_OK;
}

static void commit(leader *self) {
    self->trainer->committed = 1 - self->trainer->committed;
    self->rounds++;
}

static peal_status round_of_partitions(leader *self, peal_error *err) {
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
static peal_status gather_steps(leader *self, bool *whole, size_t *done, peal_error *err) {
    bool lacks_memory = false;
    *whole = true;
    while (busy_workers(self) > 0) {
        if (is_to_halt(self)) set_halt(self, true);
        peal_group_event event;
        models__duty was;
        PEAL_TRY(models__supervisor_wait(&self->supervisor, &event, &was, err));
        if (event.kind == PEAL_GROUP_TIMEOUT) report_steps(self);
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

static void clear_meetings(leader *self) {
    const models__trainer *trainer = self->trainer;
    peal_comm_reset(trainer->shared.comm);
    atomic_store_explicit(&trainer->shared.control->end_step, UINT64_MAX, memory_order_relaxed);
    clear_beats(self);
}

/* Until the end of the epoch or a halt. */
static peal_status round_together(leader *self, peal_error *err) {
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

static peal_status one_round(leader *self, peal_error *err) {
    self->round = (peal_round){
        .epoch = self->progress.epoch, .first = self->progress.step, .committed = self->trainer->committed};
    return self->trainer->learner->together ? round_together(self, err) : round_of_partitions(self, err);
}

/* ---- epochs ---- */

/* The order of the rows: a permutation that depends on seed and epoch alone. Partition p takes its p-th part. */
static void deal_rows(leader *self) {
    const models__trainer *trainer = self->trainer;
    const models__data *data = &trainer->data;
    memcpy(trainer->shared.order, data->train_list, data->train_count * sizeof *data->train_list);
    if (!trainer->learner->shuffles) return;
    peal_philox random =
        peal_philox_stream(trainer->options->seed, PEAL_PURPOSE_DEAL, (uint32_t)self->progress.epoch, 0, 0);
    peal_philox_shuffle(&random, trainer->shared.order, data->train_count);
}

static peal_status train_epoch(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    const int64_t begin = peal_now_ns();
    const size_t first = self->progress.step, steps = trainer->training.steps;
    deal_rows(self);
    clear_beats(self);
    while (self->progress.step < steps) PEAL_TRY(one_round(self, err));
    self->progress.train_loss =
        trainer->learner->loss ? trainer->learner->loss(trainer->self, trainer->committed) : (double)NAN;
    self->training_ns += peal_now_ns() - begin;
    self->rows_trained += trainer->data.train_count * (steps - first) / steps;
    return PEAL_OK;
}

/* What the model's scores rank rows by; NULL: they are numbers. */
static const peal_ranking *own_ranking(const models__trainer *trainer) {
    return trainer->learner->ranking ? trainer->learner->ranking(trainer->best) : NULL;
}

/* How well held-out queries are ranked, where their labels say how relevant rows are. */
static peal_status measure_queries(const models__trainer *trainer, peal_metrics *metrics, peal_error *err) {
    const models__data *data = &trainer->data;
    const peal_ranking *own = own_ranking(trainer);
    const peal_ranking usual = peal_ranking_default(), *ranking = own ? own : &usual;
    for (uint64_t i = 0; i < data->valid_count; i++) {
        if (!peal_ranking_takes(ranking, data->valid_labels[i])) return PEAL_OK;
    }
    return peal_metrics_rank(ranking, &data->valid_queries, trainer->shared.valid_scores, data->valid_labels,
                             own != NULL, metrics, err);
}

static peal_status measure(const models__trainer *trainer, peal_metrics *metrics, peal_error *err) {
    const models__data *data = &trainer->data;
    const double *scores = trainer->shared.valid_scores;
    PEAL_TRY(peal_metrics_compute(scores, peal_shape_scores(&data->shape), data->valid_labels, data->valid_count,
                                  data->shape.classes, data->shape.label_deviation, metrics, err));
    if (data->shape.classes) return PEAL_OK;
    if (trainer->learner->valid_loss && !own_ranking(trainer)) {
        metrics->loss = trainer->learner->valid_loss(trainer->self, scores, data->valid_labels, data->valid_count);
    }
    return data->shape.has_query ? measure_queries(trainer, metrics, err) : PEAL_OK;
}

static size_t score_chunks(const models__trainer *trainer) {
    return (size_t)((trainer->data.valid_count + PEAL_SCORE_CHUNK - 1) / PEAL_SCORE_CHUNK);
}

static peal_status validate(leader *self, peal_metrics *metrics, peal_error *err) {
    PEAL_TRY(do_all_tasks(self, MODELS__SCORE, score_chunks(self->trainer), err));
    PEAL_TRY(models__check_data(self->trainer, err));
    return measure(self->trainer, metrics, err);
}

static void keep_best(leader *self, const peal_metrics *metrics) {
    models__trainer *trainer = self->trainer;
    models__progress *progress = &self->progress;
    const bool judged = models__is_judged(trainer);
    if (judged && progress->best_epoch && !(metrics->loss < progress->best_loss)) return;
    progress->best_epoch = progress->epoch + 1;
    progress->best_loss = judged ? metrics->loss : 0;
    if (trainer->learner->judges_epochs) take_state(trainer);
    if (judged) trainer->result->valid = *metrics;
}

/* What models__warn looks at. */
static void note_course(leader *self, const peal_metrics *metrics) {
    const models__trainer *trainer = self->trainer;
    models__course *course = &self->progress.course;
    const size_t epoch = self->progress.epoch;
    const bool judged = models__is_judged(trainer);
    const double loss = judged ? metrics->loss : self->progress.train_loss;
    if (epoch == 0) course->first_loss = loss;
    if (epoch == 0 || epoch < trainer->training.last_epoch * 2 / 3) course->later_loss = loss;
    course->last_loss = judged ? self->progress.best_loss : loss;
}

/* A line for people that fits 80 columns. */
static void say_epoch(const leader *self, const peal_metrics *metrics) {
    const models__trainer *trainer = self->trainer;
    char valid[64] = "";
    if (trainer->data.valid_count && metrics->classes) {
        peal_snprintf(valid, sizeof valid, ", valid loss %.4g, accuracy %.4f", metrics->loss, metrics->accuracy);
    } else if (metrics->is_order) {
        const peal_ranking_scores *ranking = &metrics->ranking;
        peal_snprintf(valid, sizeof valid, ", valid ndcg@%zu %.4f, map@%zu %.4f", ranking->at[ranking->chosen],
                      ranking->ndcg[ranking->chosen], ranking->at[ranking->chosen], ranking->map[ranking->chosen]);
    } else if (trainer->data.valid_count) {
        peal_snprintf(valid, sizeof valid, ", valid loss %.4g, rmse %.6g", metrics->loss, metrics->rmse);
    }
    peal_report(reporter(self), PEAL_EVENT_METRIC, "%s%sepoch %zu/%zu: loss %.4g%s",
                trainer->title ? trainer->title : "", trainer->title ? ", " : "", self->progress.epoch + 1,
                trainer->training.epochs, self->progress.train_loss, valid);
}

/* All figures go to metrics.jsonl; a learner whose epochs are many and alike tells people at the end. */
static peal_status tell_epoch(leader *self, const peal_metrics *metrics, double seconds, peal_error *err) {
    models__trainer *trainer = self->trainer;
    const double agreed = self->progress.agreed;
    double rate = self->training_ns ? (double)self->rows_trained / ((double)self->training_ns * 1e-9) : 0;
    if (trainer->learner->judges_epochs) say_epoch(self, metrics);
    report_steps(self);
    json_t *line = json_pack("{s:I, s:o, s:f, s:f}", "epoch", (json_int_t)self->progress.epoch + 1, "train_loss",
                             peal_json_real(self->progress.train_loss), "seconds", seconds, "rows_per_second", rate);
    if (models__is_judged(trainer)) line = peal_json_set(line, "valid", peal_metrics_save(metrics));
    if (isfinite(agreed)) line = peal_json_set(line, "agreement", json_real(agreed));
    peal_status status = models__run_metrics(trainer, line, err);
    json_decref(line);
    return status;
}

static bool model_is_finite(const models__trainer *trainer) {
    bool finite = true;
    for (size_t i = 0; finite && i < trainer->shared.layout.count; i++) {
        const peal_shared_tensor *one = &trainer->shared.layout.tensors[i];
        if (one->owner != PEAL_OWNER_STATE || one->index != (size_t)trainer->committed) continue;
        finite = peal_tensor_is_finite(&one->tensor);
    }
    return finite;
}

static void next_epoch(leader *self) {
    models__trainer *trainer = self->trainer;
    self->progress.epoch++;
    self->progress.step = 0;
    memset(self->progress.reached, 0, trainer->training.partitions * sizeof *self->progress.reached);
    self->progress.agreed = (double)NAN;
}

static bool is_over(const leader *self) {
    const models__trainer *trainer = self->trainer;
    if (self->progress.epoch >= trainer->training.last_epoch) return true;
    return self->progress.epoch && self->progress.step == 0 && trainer->learner->is_over &&
           trainer->learner->is_over(trainer->self, trainer->committed);
}

static peal_status one_epoch(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    const int64_t begin = peal_now_ns();
    peal_metrics metrics = {0};
    self->supervisor.epoch = self->progress.epoch;
    PEAL_TRY(train_epoch(self, err));
    if (!model_is_finite(trainer) || (trainer->learner->loss && !isfinite(self->progress.train_loss))) {
        return models__ran_away(trainer, self->progress.epoch, err);
    }
    if (models__is_judged(trainer)) PEAL_TRY(validate(self, &metrics, err));
    keep_best(self, &metrics);
    note_course(self, &metrics);
    PEAL_TRY(tell_epoch(self, &metrics, (double)(peal_now_ns() - begin) * 1e-9, err));
    next_epoch(self);
    if (checkpoint_is_due(self) || is_over(self)) {
        PEAL_TRY(write_checkpoint(self, err));
    }
    return PEAL_OK;
}

static bool has_patience(const leader *self) {
    const size_t patience = self->trainer->patience;
    return !patience || !self->trainer->data.valid_count || self->progress.epoch < self->progress.best_epoch + patience;
}

static peal_status all_epochs(leader *self, peal_error *err) {
    self->last_checkpoint = peal_now_ns();
    while (!is_over(self)) {
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

/* The best epoch's model stands, and valid_scores become its. */
static peal_status score_best(leader *self, peal_error *err) {
    models__trainer *trainer = self->trainer;
    if (!trainer->learner->judges_epochs) take_state(trainer);
    if (!trainer->data.valid_count) return PEAL_OK;
    PEAL_TRY(models__score_valid(trainer, trainer->best, err));
    PEAL_TRY(models__check_data(trainer, err));
    return measure(trainer, &trainer->result->valid, err);
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
    const size_t chunks = score_chunks(trainer), partitions = trainer->training.partitions;
    size_t tasks = partitions > chunks ? partitions : chunks;
    if (tasks < trainer->training.segments) tasks = trainer->training.segments;
    progress->agreed = (double)NAN;
    PEAL_TRY(peal_alloc_checked(&self->done, tasks, 1, "tasks", err));
    PEAL_TRY(peal_alloc_checked(&progress->reached, partitions, sizeof *progress->reached, "partitions", err));
    PEAL_TRY(models__run_begin(trainer, progress, err));
    peal_status status = models__supervisor_begin(trainer, &self->supervisor, err);
    if (status == PEAL_OK) status = all_epochs(self, err);
    if (status == PEAL_OK) status = score_best(self, err);
    models__supervisor_end(&self->supervisor, status == PEAL_OK ? GRACE_MS : 0);
    if (status == PEAL_OK) fill_result(self);
    if (status == PEAL_OK && trainer->learner->conclude) trainer->learner->conclude(trainer->self, trainer->committed);
    return status;
}

peal_status models__train_epochs(models__trainer *trainer, peal_error *err) {
    leader self = {.trainer = trainer};
    peal_status status = lead(&self, err);
    free(self.done);
    free(self.progress.reached);
    return status;
}
