/* The parent's side: epochs, rounds, validation, the best epoch, and when to write a checkpoint. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/stop.h"
#include "models/train/rounds.h"
#include "models/train/runaway.h"

enum { GRACE_MS = 2000 };

typedef struct leader {
    models__rounds rounds;
    int64_t training_ns;
    uint64_t rows_trained;
    int64_t last_checkpoint, checkpoint_ns; /* when the last one was written, how long it took */
} leader;

static const peal_reporter *reporter(const leader *self) {
    return self->rounds.trainer->options->reporter;
}

static bool is_stopped(const leader *self) {
    return peal_is_stopped(self->rounds.trainer->options->stop);
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
    PEAL_TRY(models__check_data(self->rounds.trainer, err)); /* slots that are not committed yet go into it, too */
    if (!self->rounds.trainer->learner->judges_epochs) take_state(self->rounds.trainer);
    PEAL_TRY(models__run_checkpoint(self->rounds.trainer, &self->rounds.progress, err));
    self->last_checkpoint = peal_now_ns();
    self->checkpoint_ns = self->last_checkpoint - begin;
    return PEAL_OK;
}

static bool checkpoint_is_due(const leader *self) {
    const double wanted = self->rounds.trainer->options->checkpoint_seconds * 1e9,
                 least = 20 * (double)self->checkpoint_ns;
    return (double)(peal_now_ns() - self->last_checkpoint) >= (wanted > least ? wanted : least);
}

/* Whether the workers are to come back in the middle of an epoch. */
static bool is_to_halt(void *user) {
    const leader *self = user;
    const peal_train_options *options = self->rounds.trainer->options;
    if (is_stopped(self)) return true;
    return options->run_dir && options->checkpoint_seconds > 0 && checkpoint_is_due(self);
}

/* The workers have halted, and go on once it is written. */
static peal_status halted(void *user, peal_error *err) {
    return write_checkpoint(user, err);
}

static void report_rows(void *user, uint64_t rows) {
    const leader *self = user;
    const models__trainer *trainer = self->rounds.trainer;
    /* Of the job, not of the epoch: what people want to know is when it ends. */
    const uint64_t before = (uint64_t)self->rounds.progress.epoch * trainer->data.train_count;
    const bool is_known = trainer->learner->judges_epochs; /* else it ends when it has converged */
    peal_report_progress(reporter(self), "training", "rows", before + rows,
                         is_known ? (uint64_t)trainer->training.last_epoch * trainer->data.train_count : 0);
}

/* ---- epochs ---- */

static peal_status train_epoch(leader *self, peal_error *err) {
    const models__trainer *trainer = self->rounds.trainer;
    const int64_t begin = peal_now_ns();
    const size_t first = self->rounds.progress.step, steps = trainer->training.steps;
    self->rounds.before = (uint64_t)self->rounds.progress.epoch * steps;
    PEAL_TRY(models__rounds_epoch(&self->rounds, err));
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
    PEAL_TRY(peal_metrics_compute(scores, peal_shape_scores(&data->shape), data->valid_labels, data->valid_weights,
                                  data->valid_count, data->shape.classes, data->shape.label_deviation, metrics, err));
    if (data->shape.classes) return PEAL_OK;
    if (trainer->learner->valid_loss && !own_ranking(trainer)) {
        metrics->loss = trainer->learner->valid_loss(trainer->self, scores, data->valid_labels, data->valid_weights,
                                                     data->valid_count);
    }
    return data->shape.has_query ? measure_queries(trainer, metrics, err) : PEAL_OK;
}

static peal_status validate(leader *self, peal_metrics *metrics, peal_error *err) {
    PEAL_TRY(models__rounds_score(&self->rounds, err));
    return measure(self->rounds.trainer, metrics, err);
}

static void keep_best(leader *self, const peal_metrics *metrics) {
    models__trainer *trainer = self->rounds.trainer;
    models__progress *progress = &self->rounds.progress;
    const bool judged = models__is_judged(trainer);
    if (judged && progress->best_epoch && !(metrics->loss < progress->best_loss)) return;
    progress->best_epoch = progress->epoch + 1;
    progress->best_loss = judged ? metrics->loss : 0;
    if (trainer->learner->judges_epochs) take_state(trainer);
    if (judged) trainer->result->valid = *metrics;
}

/* What models__warn looks at. */
static void note_course(leader *self, const peal_metrics *metrics) {
    const models__trainer *trainer = self->rounds.trainer;
    models__course *course = &self->rounds.progress.course;
    const size_t epoch = self->rounds.progress.epoch;
    const bool judged = models__is_judged(trainer);
    const double loss = judged ? metrics->loss : self->rounds.progress.train_loss;
    if (epoch == 0) course->first_loss = loss;
    if (epoch == 0 || epoch < trainer->training.last_epoch * 2 / 3) course->later_loss = loss;
    course->last_loss = judged ? self->rounds.progress.best_loss : loss;
}

/* A line for people that fits 80 columns. */
static void say_epoch(const leader *self, const peal_metrics *metrics) {
    const models__trainer *trainer = self->rounds.trainer;
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
                trainer->title ? trainer->title : "", trainer->title ? ", " : "", self->rounds.progress.epoch + 1,
                trainer->training.epochs, self->rounds.progress.train_loss, valid);
}

/* All figures go to metrics.jsonl; a learner whose epochs are many and alike tells people at the end. */
static peal_status tell_epoch(leader *self, const peal_metrics *metrics, double seconds, peal_error *err) {
    models__trainer *trainer = self->rounds.trainer;
    const double agreed = self->rounds.progress.agreed;
    double rate = self->training_ns ? (double)self->rows_trained / ((double)self->training_ns * 1e-9) : 0;
    if (trainer->learner->judges_epochs) say_epoch(self, metrics);
    models__rounds_report(&self->rounds);
    json_t *line =
        json_pack("{s:I, s:o, s:f, s:f}", "epoch", (json_int_t)self->rounds.progress.epoch + 1, "train_loss",
                  peal_json_real(self->rounds.progress.train_loss), "seconds", seconds, "rows_per_second", rate);
    if (models__is_judged(trainer)) line = peal_json_set(line, "valid", peal_metrics_save(metrics));
    if (isfinite(agreed)) line = peal_json_set(line, "agreement", json_real(agreed));
    peal_status status = models__run_metrics(trainer, line, err);
    json_decref(line);
    return status;
}

static bool is_over(const leader *self) {
    const models__trainer *trainer = self->rounds.trainer;
    if (self->rounds.progress.epoch >= trainer->training.last_epoch) return true;
    return self->rounds.progress.epoch && self->rounds.progress.step == 0 && trainer->learner->is_over &&
           trainer->learner->is_over(trainer->self, trainer->committed);
}

static peal_status one_epoch(leader *self, peal_error *err) {
    models__trainer *trainer = self->rounds.trainer;
    const int64_t begin = peal_now_ns();
    peal_metrics metrics = {0};
    self->rounds.supervisor.epoch = self->rounds.progress.epoch;
    PEAL_TRY(train_epoch(self, err));
    if (!models__state_is_finite(trainer) || (trainer->learner->loss && !isfinite(self->rounds.progress.train_loss))) {
        return models__ran_away(trainer, self->rounds.progress.epoch, err);
    }
    if (models__is_judged(trainer)) {
        PEAL_TRY(validate(self, &metrics, err));
        if (trainer->judged) PEAL_TRY(trainer->judged(trainer->judged_user, trainer, &metrics, err));
    }
    keep_best(self, &metrics);
    note_course(self, &metrics);
    PEAL_TRY(tell_epoch(self, &metrics, (double)(peal_now_ns() - begin) * 1e-9, err));
    models__rounds_next_epoch(&self->rounds);
    if (checkpoint_is_due(self) || is_over(self)) {
        PEAL_TRY(write_checkpoint(self, err));
    }
    return PEAL_OK;
}

static bool has_patience(const leader *self) {
    const size_t patience = self->rounds.trainer->patience;
    return !patience || !self->rounds.trainer->data.valid_count ||
           self->rounds.progress.epoch < self->rounds.progress.best_epoch + patience;
}

static peal_status all_epochs(leader *self, peal_error *err) {
    self->last_checkpoint = peal_now_ns();
    while (!is_over(self)) {
        if (!has_patience(self)) {
            peal_report(reporter(self), PEAL_EVENT_NOTE, "stopped early: no better validation loss since epoch %zu",
                        self->rounds.progress.best_epoch);
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
    models__trainer *trainer = self->rounds.trainer;
    if (!trainer->learner->judges_epochs) take_state(trainer);
    if (!trainer->data.valid_count) return PEAL_OK;
    PEAL_TRY(models__score_valid(trainer, trainer->best, err));
    PEAL_TRY(models__check_data(trainer, err));
    return measure(trainer, &trainer->result->valid, err);
}

static void fill_result(const leader *self) {
    self->rounds.trainer->course = self->rounds.progress.course;
    peal_train_result *result = self->rounds.trainer->result;
    result->epochs = self->rounds.progress.epoch;
    result->best_epoch = self->rounds.progress.best_epoch;
    result->train_loss = self->rounds.progress.train_loss;
    result->rows_per_second = self->training_ns ? (double)self->rows_trained / ((double)self->training_ns * 1e-9) : 0;
}

static peal_status lead(leader *self, peal_error *err) {
    models__trainer *trainer = self->rounds.trainer;
    PEAL_TRY(models__rounds_init(&self->rounds, err));
    PEAL_TRY(models__run_begin(trainer, &self->rounds.progress, err));
    peal_status status = models__rounds_fork(&self->rounds, err);
    if (status == PEAL_OK) status = all_epochs(self, err);
    if (status == PEAL_OK) status = score_best(self, err);
    models__rounds_end(&self->rounds, status == PEAL_OK ? GRACE_MS : 0);
    if (status == PEAL_OK) fill_result(self);
    if (status == PEAL_OK && trainer->learner->conclude) trainer->learner->conclude(trainer->self, trainer->committed);
    return status;
}

peal_status models__train_epochs(models__trainer *trainer, peal_error *err) {
    leader self = {.rounds = {.trainer = trainer, .is_to_halt = is_to_halt, .halted = halted, .report = report_rows}};
    self.rounds.user = &self;
    const peal_status status = lead(&self, err);
    models__rounds_clear(&self.rounds);
    return status;
}
