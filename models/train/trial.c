/* Trains a model on folds of a table and keeps what it says of the rows held out; see trial.h. */
#include "models/train/trial.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double *doubles(const peal_buffer *buffer) {
    return (const double *)(const void *)buffer->data;
}

static size_t width_of(const models__trial *self) {
    return peal_shape_scores(&self->trainer.data.shape);
}

/* The labels and weights of the rows that a trained fold held out. */
static peal_status take_rows(models__trial *self, const models__data *data, models__fold *fold, peal_error *err) {
    fold->rows = data->valid_count;
    fold->weights = 0;
    PEAL_TRY(peal_buffer_append(&self->labels, data->valid_labels, fold->rows * sizeof(double), err));
    for (uint64_t i = 0; i < fold->rows; i++) {
        const double weight = data->valid_weights ? data->valid_weights[i] : 1;
        fold->weights += weight;
        PEAL_TRY(peal_buffer_append(&self->weights, &weight, sizeof weight, err));
    }
    return PEAL_OK;
}

static size_t epochs_of(const models__fold *fold) {
    return fold->losses.size / sizeof(double);
}

/* A fold that ended early is taken to stay where it ended. */
static size_t index_of(const models__fold *fold, size_t epoch) {
    return (epoch < epochs_of(fold) ? epoch : epochs_of(fold)) - 1;
}

/* The first epoch, from 1, with the least loss on all rows held out; 0: epochs are not judged. */
static size_t best_epoch(const models__trial *self) {
    size_t most = 0, best = 0;
    double least = 0;
    for (size_t i = 0; i < self->folds; i++) {
        if (epochs_of(&self->fold[i]) == 0) return 0;
        if (epochs_of(&self->fold[i]) > most) most = epochs_of(&self->fold[i]);
    }
    for (size_t epoch = 1; epoch <= most; epoch++) {
        double loss = 0;
        for (size_t i = 0; i < self->folds; i++) {
            const models__fold *fold = &self->fold[i];
            loss += fold->weights * doubles(&fold->losses)[index_of(fold, epoch)];
        }
        if (best && !(loss < least)) continue;
        best = epoch;
        least = loss;
    }
    return best;
}

/* Puts the scores of the best epoch of all folds in the place of those of each fold's own. */
static peal_status take_best_epoch(models__trial *self, peal_error *err) {
    const size_t best = best_epoch(self);
    if (!best) return PEAL_OK;
    self->best_epoch = best;
    self->scores.size = 0;
    for (size_t i = 0; i < self->folds; i++) {
        const models__fold *fold = &self->fold[i];
        const size_t size = (size_t)fold->rows * width_of(self) * sizeof(double);
        PEAL_TRY(peal_buffer_append(&self->scores, fold->scores.data + index_of(fold, best) * size, size, err));
    }
    return PEAL_OK;
}

static peal_status note_epoch(void *opaque, const models__trainer *trainer, const peal_metrics *metrics,
                              peal_error *err) {
    models__fold *fold = opaque;
    const size_t size = (size_t)trainer->data.valid_count * peal_shape_scores(&trainer->data.shape) * sizeof(double);
    PEAL_TRY(peal_buffer_append(&fold->losses, &metrics->loss, sizeof metrics->loss, err));
    return peal_buffer_append(&fold->scores, trainer->shared.valid_scores, size, err);
}

/* What a trained fold says of the rows that it held out. */
static peal_status take_fold(models__trial *self, const models__trainer *trainer, peal_error *err) {
    const size_t size = (size_t)trainer->data.valid_count * width_of(self) * sizeof(double);
    PEAL_TRY(take_rows(self, &trainer->data, &self->fold[self->folds], err));
    PEAL_TRY(peal_buffer_append(&self->scores, trainer->shared.valid_scores, size, err));
    self->best_epoch = trainer->result->best_epoch;
    self->folds++;
    return PEAL_OK;
}

static peal_status begin(models__trial *self, const peal_train_options *options, const char *model, const char *valid,
                         const char *folder, peal_error *err) {
    self->model = peal_strdup(model);
    if (!self->model) return peal_fail(err, PEAL_E_MEMORY, "no memory for a text");
    self->options = *options;
    self->options.model = self->model;
    if (valid) self->options.valid = valid;
    if (folder && options->run_dir) {
        self->run_dir = peal_path_join(options->run_dir, folder);
        if (!self->run_dir) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    }
    self->options.run_dir = self->run_dir;
    self->options.resume = folder && options->resume;
    if (!folder) self->options.reporter = NULL;
    self->trainer =
        (models__trainer){.options = &self->options, .result = &self->result, .title = "trial", .stops_early = true};
    if (self->keeps_epochs) {
        self->trainer.judged = note_epoch;
        self->trainer.judged_user = &self->fold[0];
    }
    PEAL_TRY(models__trainer_run(&self->trainer, err));
    self->options.reporter = options->reporter;
    self->valid = self->result.valid;
    return take_fold(self, &self->trainer, err);
}

peal_status models__trial_new(const peal_train_options *options, const char *model, const char *valid,
                              const char *folder, bool keeps_epochs, models__trial **out, peal_error *err) {
    models__trial *self;
    PEAL_TRY(peal_zeroed_checked(&self, 1, sizeof *self, "a trial", err));
    self->keeps_epochs = keeps_epochs;
    const peal_status status = begin(self, options, model, valid, folder, err);
    if (status != PEAL_OK) {
        models__trial_free(self);
        return status;
    }
    *out = self;
    return PEAL_OK;
}

peal_status models__trial_measure(const models__trial *self, uint64_t rows, peal_metrics *out, peal_error *err) {
    const peal_shape *shape = &self->trainer.data.shape;
    return peal_metrics_compute(doubles(&self->scores), width_of(self), models__trial_held(self).labels,
                                doubles(&self->weights), rows, shape->classes, shape->label_deviation, out, err);
}

static void clear_epochs(models__fold *fold) {
    peal_buffer_clear(&fold->losses);
    peal_buffer_clear(&fold->scores);
}

/* Trains on all but fold `index`. The trainer is cleared by the caller. */
static peal_status train_fold(models__trial *self, size_t index, peal_train_options *options, models__trainer *trainer,
                              peal_error *err) {
    *options = self->options;
    options->run_dir = NULL;
    options->resume = false;
    options->reporter = NULL;
    trainer->options = options;
    trainer->stops_early = true;
    trainer->fold = index;
    trainer->judged = note_epoch;
    trainer->judged_user = &self->fold[index];
    return models__trainer_run(trainer, err);
}

/* Of a trial that was resumed only the last epochs are known: the first fold is trained again, which gives the same. */
static peal_status recall_epochs(models__trial *self, peal_error *err) {
    const bool is_judged = models__is_judged(&self->trainer);
    peal_train_options options;
    peal_train_result result;
    models__trainer trainer = {.result = &result};
    if (!is_judged || epochs_of(&self->fold[0]) == self->result.epochs) return PEAL_OK;
    clear_epochs(&self->fold[0]);
    const peal_status status = train_fold(self, 0, &options, &trainer, err);
    if (status == PEAL_OK) self->result.deaths += result.deaths;
    models__trainer_clear(&trainer);
    return status;
}

bool models__trial_can_fold(const models__trial *self) {
    return self->keeps_epochs || !models__is_judged(&self->trainer);
}

peal_status models__trial_fold(models__trial *self, peal_error *err) {
    peal_train_options options;
    peal_train_result result;
    models__trainer trainer = {.result = &result};
    assert(models__trial_can_fold(self) && self->folds < MODELS__FOLDS);
    PEAL_TRY(recall_epochs(self, err));
    peal_status status = train_fold(self, self->folds, &options, &trainer, err);
    if (status == PEAL_OK) status = take_fold(self, &trainer, err);
    if (status == PEAL_OK) status = take_best_epoch(self, err);
    if (status == PEAL_OK) status = models__trial_measure(self, models__trial_held(self).rows, &self->valid, err);
    if (status == PEAL_OK) self->result.deaths += result.deaths;
    models__trainer_clear(&trainer);
    return status;
}

void models__trial_free(models__trial *self) {
    if (!self) return;
    models__trainer_clear(&self->trainer);
    peal_buffer_clear(&self->labels);
    peal_buffer_clear(&self->weights);
    peal_buffer_clear(&self->scores);
    for (size_t i = 0; i < MODELS__FOLDS; i++) clear_epochs(&self->fold[i]);
    free(self->run_dir);
    free(self->model);
    free(self);
}

models__held models__trial_held(const models__trial *self) {
    return (models__held){.labels = doubles(&self->labels),
                          .weights = doubles(&self->weights),
                          .rows = self->labels.size / sizeof(double),
                          .metrics = &self->valid};
}

double models__row_loss(const peal_shape *shape, const double *scores, double label) {
    if (shape->classes) return -log(fmax(scores[(size_t)label], 1e-15));
    const double error = (scores[0] - label) / shape->label_deviation;
    return error * error / 2;
}

uint64_t models__trial_rare_of(const models__trial *self, uint64_t rows) {
    const uint32_t classes = self->trainer.data.shape.classes;
    const double *labels = models__trial_held(self).labels, *weights = doubles(&self->weights);
    uint64_t most = 0, all = 0;
    for (uint32_t class = 0; class < classes; class ++) {
        uint64_t count = 0;
        for (uint64_t row = 0; row < rows; row++) count += labels[row] == class && weights[row] > 0;
        all += count;
        if (count > most) most = count;
    }
    return classes ? all - most : UINT64_MAX;
}

uint64_t models__trial_rare(const models__trial *self) {
    return models__trial_rare_of(self, models__trial_held(self).rows);
}

void models__spread_add(models__spread *self, double number, double weight) {
    self->weights += weight;
    self->sum += weight * number;
    self->squares += weight * number * (weight * number);
    self->crossed += weight * (weight * number);
    self->weights_squares += weight * weight;
}

double models__spread_mean(const models__spread *self) {
    return self->weights > 0 ? self->sum / self->weights : 0;
}

double models__spread_error(const models__spread *self) {
    const double mean = models__spread_mean(self);
    if (!(self->weights > 0)) return 0;
    return sqrt(fmax(self->squares - 2 * mean * self->crossed + mean * mean * self->weights_squares, 0)) /
           self->weights;
}

models__gain models__trial_gain(const models__trial *one, const models__trial *two) {
    const models__held first = models__trial_held(one), second = models__trial_held(two);
    const uint64_t count = first.rows < second.rows ? first.rows : second.rows;
    const peal_shape *shape = &one->trainer.data.shape;
    const double *labels = first.labels, *scores = doubles(&one->scores), *others = doubles(&two->scores);
    const size_t width = width_of(one);
    models__gain gain = {.both = count};
    models__spread by_rows = {0};
    for (uint64_t row = 0; row < count; row++) {
        const double weight = first.weights[row];
        const double by = models__row_loss(shape, scores + row * width, labels[row]) -
                          models__row_loss(shape, others + row * width, labels[row]);
        if (!(weight > 0)) continue;
        models__spread_add(&by_rows, by, weight);
        gain.rows++;
        gain.wins += by > 0;
    }
    gain.mean = models__spread_mean(&by_rows);
    gain.error = models__spread_error(&by_rows);
    return gain;
}
