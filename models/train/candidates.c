/* The linear model is what a table is worth without further ado; trees or a net must beat it on the same held-out rows
 * by more than chance would, or they are not taken. Few rows also say how much penalty the linear model wants. A net is
 * trained as long as serves it best on held-out rows: longer, it learns a small table by heart. A small table's winner
 * is then trained on all rows; of a large one the rows held out are not missed. */
#include "models/train/candidates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "etl/dataset/dataset.h"
#include "models/learner/choice.h"
#include "models/predict/predictor.h"
#include "models/train/trial.h"
#include "models/train/verdict.h"

enum {
    ROWS_LEAST = 10,        /* with fewer, what is held out decides nothing */
    QUERIES_LEAST = 20,     /* the same of queries */
    ROWS_OF_NET = 100,      /* from so many on a net is tried */
    ROWS_FOLDED = 2000,     /* up to so many all rows are held out in turn */
    RARE_FEW = 100,         /* also where fewer of the rarer classes than that are among those held out at first */
    ROWS_FEW = 5000,        /* up to so many a fifth is held out, else a tenth; and penalties are tried */
    SPARSE_MOST = 1 << 14,  /* sparse features up to which trees and a net are tried: a first layer has a hundredfold of
                               numbers, and trees look at all bins of what many rows have at every split */
    ROWS_AGAIN = 20000,     /* up to so many the winner is trained again, on all rows */
    CLASSES_MOST = 30,      /* up to which trees are tried, which grow one for each class, and nets on folds */
    NUMBERS_MOST = 1 << 14, /* of a linear model up to which penalties are tried: more take many passes each */
};

/* Their folders in the run folder, in the order in which they are tried. */
enum { LINEAR, TREES, NET, NET_LONGER, LONGER_MOST = 2, TRIALS = NET_LONGER + LONGER_MOST };
static const char *const trial_names[TRIALS] = {"trial-1", "trial-2", "trial-3", "trial-4", "trial-5"};

typedef struct choice {
    const peal_train_options *options;
    peal_shape shape;
    uint64_t rows;  /* to train on, and perhaps to hold out from; of few those with a label */
    bool has_valid; /* rows to validate on were given: none need be held out */
    size_t queries; /* if rows could be ranked */
    bool ranks;     /* rows of queries are ranked: there is nothing to choose from */
    models__trial *candidates[TRIALS];
    size_t count; /* of candidates */
} choice;

static const peal_reporter *reporter(const choice *self) {
    return self->options->reporter;
}

static const char *linear_model(const peal_shape *shape) {
    return shape->classes == 0 ? "linear" : shape->classes == 2 ? "logistic" : "softmax";
}

/* ---- ranking ---- */

static const char ranking_model[] = "trees:objective=lambdarank";

/* Whether the labels of all rows to train on are such as ranking learns. */
typedef struct relevance {
    const peal_shape *shape;
    peal_query_reading queries;
    double most;
    bool fits;
} relevance;

static peal_status look_at_labels(void *user, const peal_table *table, peal_error *err) {
    relevance *self = user;
    const peal_ranking ranking = peal_ranking_default();
    PEAL_TRY(peal_query_reading_add(&self->queries, peal_shape_query(self->shape, table), err));
    for (size_t row = 0; row < table->rows && self->fits; row++) {
        const double label = peal_shape_label(self->shape, table, row);
        if (isnan(label)) continue;
        self->fits = peal_ranking_takes(&ranking, label);
        if (label > self->most) self->most = label;
    }
    return PEAL_OK;
}

/* Rows of queries whose labels say how relevant they are, and which trees can learn from, are ranked. */
static peal_status look_for_ranking(choice *self, const peal_dataset *dataset, peal_error *err) {
    peal_train_options options = *self->options;
    relevance found = {.shape = &self->shape, .fits = true};
    options.model = ranking_model;
    if (self->options->model || !self->shape.has_query || !self->shape.has_label || self->shape.classes) {
        return PEAL_OK;
    }
    if (self->shape.sparse || !models__can_learn(&options)) return PEAL_OK;
    const peal_status status = peal_dataset_read(dataset, 1u << PEAL_SPLIT_TRAIN, look_at_labels, &found, err);
    self->queries = found.queries.names.size;
    peal_query_reading_clear(&found.queries);
    PEAL_TRY(status);
    self->ranks = found.fits;
    if (!self->ranks) return PEAL_OK;
    peal_report(reporter(self), PEAL_EVENT_NOTE,
                "model: %s is chosen: rows have queries, and labels are whole numbers from 0 to %g", ranking_model,
                found.most);
    return PEAL_OK;
}

static peal_status count_labels(void *user, const peal_table *table, peal_error *err) {
    choice *self = user;
    (void)err;
    for (size_t row = 0; row < table->rows; row++) self->rows -= isnan(peal_shape_label(&self->shape, table, row));
    return PEAL_OK;
}

static peal_status look(choice *self, peal_error *err) {
    peal_dataset *dataset;
    peal_pipeline *pipeline = NULL;
    PEAL_TRY(peal_dataset_open(self->options->dataset, &dataset, err));
    peal_status status = peal_pipeline_load(peal_dataset_pipeline(dataset), &pipeline, err);
    if (status == PEAL_OK) status = peal_pipeline_shape(pipeline, &self->shape, err);
    self->rows = peal_dataset_rows(dataset, PEAL_SPLIT_TRAIN);
    if (status == PEAL_OK && self->shape.has_label && self->rows <= ROWS_AGAIN) {
        status = peal_dataset_read(dataset, 1u << PEAL_SPLIT_TRAIN, count_labels, self, err);
    }
    if (status == PEAL_OK) status = look_for_ranking(self, dataset, err);
    self->has_valid = self->options->valid || peal_dataset_rows(dataset, PEAL_SPLIT_VALID);
    peal_pipeline_free(pipeline);
    peal_dataset_close(dataset);
    return status;
}

/* ---- trying ---- */

/* Of a large table one fold is enough, rows of queries are not cut, and rows given to validate on are one fold. */
static bool may_fold(const choice *self) {
    return !self->has_valid && !self->shape.has_query && self->rows <= ROWS_AGAIN;
}

/* `epochs` as in peal_train_options, 0: what is usual. */
static peal_status try_epochs(const choice *self, const char *model, size_t epochs, const char *folder,
                              models__trial **out, peal_error *err) {
    const char *valid = self->has_valid ? NULL : self->rows <= ROWS_FEW ? "0.2" : "0.1";
    peal_train_options options = *self->options;
    if (epochs) options.epochs = epochs;
    const bool keeps_epochs = may_fold(self) && self->shape.classes <= CLASSES_MOST; /* some 50 MB a fold at most */
    return models__trial_new(&options, model, valid, folder, keeps_epochs, out, err);
}

static peal_status try_model(const choice *self, const char *model, const char *folder, models__trial **out,
                             peal_error *err) {
    return try_epochs(self, model, 0, folder, out, err);
}

static peal_status try_candidate(choice *self, const char *model, const char *folder, peal_error *err) {
    PEAL_TRY(try_model(self, model, folder, &self->candidates[self->count], err));
    if (self->count == 0) models__say_copies(&self->candidates[0]->trainer, self->options->reporter);
    self->count++;
    return PEAL_OK;
}

/* Whether what was held out so far leaves open if the model is better than `than`. */
static bool is_open(const models__trial *than, const models__trial *one) {
    const models__gain gain = models__trial_gain(than, one);
    return gain.mean > -gain.error && gain.mean <= 4 * gain.error;
}

/* Of a small table, or of one that has few rows of all but one class, one fold is too little to tell by. */
static bool wants_folds(const choice *self, const models__trial *one) {
    return may_fold(self) && models__trial_can_fold(one) &&
           (self->rows <= ROWS_FOLDED || models__trial_rare(one) < RARE_FEW);
}

/* The other folds, as long as it is open whether the model is better than `than`; NULL: all. */
static peal_status try_folds(const choice *self, models__trial *one, const models__trial *than, peal_error *err) {
    if (!wants_folds(self, one)) return PEAL_OK;
    while (one->folds < MODELS__FOLDS && (!than || is_open(than, one))) PEAL_TRY(models__trial_fold(one, err));
    return PEAL_OK;
}

/* How well each of two tells the classes apart, of the rows that both have held out, whatever they make of their
 * probabilities: a net's are often the better ones though it is wrong more often. False if the second does so less
 * well. Of a number there is nothing beside the loss. */
static peal_status ranks_as_well(const models__trial *one, const models__trial *two, bool *out, peal_error *err) {
    const uint64_t first = models__trial_held(one).rows, second = models__trial_held(two).rows;
    peal_metrics metrics[2];
    double found[2];
    *out = true;
    if (one->trainer.data.shape.classes == 0) return PEAL_OK;
    for (size_t i = 0; i < 2; i++) {
        PEAL_TRY(models__trial_measure(i ? two : one, first < second ? first : second, &metrics[i], err));
    }
    const bool by_auc = metrics[0].classes == 2 && isfinite(metrics[0].auc) && isfinite(metrics[1].auc);
    for (size_t i = 0; i < 2; i++) found[i] = by_auc ? metrics[i].auc : metrics[i].accuracy;
    *out = found[1] >= found[0];
    return PEAL_OK;
}

/* Tries the linear model with penalties, each `step` times the one before, as long as that is better; replaces *best.
 */
static peal_status try_penalties(const choice *self, double step, double last, models__trial **best, bool *is_better,
                                 peal_error *err) {
    char model[64];
    *is_better = false;
    for (double penalty = step; step > 1 ? penalty <= last : penalty >= last; penalty *= step) {
        models__trial *one;
        peal_snprintf(model, sizeof model, "%s:l2=%.3g", linear_model(&self->shape), penalty / (double)self->rows);
        PEAL_TRY(try_model(self, model, NULL, &one, err));
        bool gains = false;
        peal_status status = try_folds(self, one, NULL, err);
        if (status == PEAL_OK && models__trial_gain(*best, one).mean > (*best)->valid.loss / 1000) {
            status = ranks_as_well(*best, one, &gains, err);
        }
        models__trial *other = gains ? *best : one;
        if (gains) *best = one;
        (*best)->result.deaths += other->result.deaths;
        models__trial_free(other);
        PEAL_TRY(status);
        if (!gains) break;
        *is_better = true;
    }
    return PEAL_OK;
}

/* Of few rows noise may want many times the usual penalty, and what is hardly noisy next to none. */
static peal_status choose_penalty(const choice *self, models__trial **linear, peal_error *err) {
    bool is_better;
    const models__trainer *first = &(*linear)->trainer;
    const bool is_slow = first->learner->judges_epochs || models__parameters(first) > NUMBERS_MOST;
    if (self->rows > ROWS_FEW || is_slow) return PEAL_OK;
    PEAL_TRY(try_penalties(self, 10, 10000, linear, &is_better, err));
    return is_better ? PEAL_OK : try_penalties(self, 0.1, 0.001, linear, &is_better, err);
}

static peal_status try_linear(choice *self, peal_error *err) {
    models__trial **one = &self->candidates[0];
    PEAL_TRY(try_candidate(self, linear_model(&self->shape), trial_names[LINEAR], err));
    PEAL_TRY(try_folds(self, *one, NULL, err));
    const double loss = (*one)->valid.loss;
    PEAL_TRY(choose_penalty(self, one, err));
    if (strcmp((*one)->model, linear_model(&self->shape)) == 0) return PEAL_OK;
    peal_report(reporter(self), PEAL_EVENT_NOTE, "penalty: loss on %llu held-out rows: %s %.4g, %s %.4g",
                (unsigned long long)models__trial_held(*one).rows, linear_model(&self->shape), loss, (*one)->model,
                (*one)->valid.loss);
    return PEAL_OK;
}

/* Trees want none of the options of learning by steps, are slow with many sparse features, and may want more memory
 * than there is: then they are no candidate. */
static peal_status try_trees(choice *self, peal_error *err) {
    peal_train_options options = *self->options;
    options.model = "trees";
    if (self->shape.sparse > SPARSE_MOST || self->shape.classes > CLASSES_MOST || options.epochs) return PEAL_OK;
    if (!models__can_learn(&options)) return PEAL_OK;
    const peal_status status = try_candidate(self, options.model, trial_names[TREES], err);
    if (status == PEAL_OK) return try_folds(self, self->candidates[self->count - 1], self->candidates[0], err);
    if (status != PEAL_E_MEMORY) return status;
    peal_report(reporter(self), PEAL_EVENT_NOTE, "trees are not tried: %s", err ? err->message : "too little memory");
    return PEAL_OK;
}

/* Whether none of those before is the better one beyond chance. */
static bool may_win(const choice *self, const models__trial *one) {
    for (size_t i = 0; self->candidates[i] != one; i++) {
        const models__gain gain = models__trial_gain(self->candidates[i], one);
        if (gain.mean < -2 * gain.error) return false;
    }
    return true;
}

/* Whether a net was best in its last quarter, and got better by a twentieth in the last third: the rate falls to
 * nothing there, so all nets get a little better. */
static bool wants_longer(const models__trial *one) {
    const models__course *course = &one->trainer.course;
    return one->result.best_epoch > one->trainer.training.epochs * 3 / 4 &&
           course->later_loss - course->last_loss > course->last_loss / 20;
}

/* Twice as many epochs, as long as that makes a net better by a hundredth on the rows held out. Replaces *net. */
static peal_status try_longer(const choice *self, models__trial **net, peal_error *err) {
    if (self->options->epochs || !(*net)->trainer.spec.hidden_count) return PEAL_OK;
    for (size_t i = 0; i < LONGER_MOST && wants_longer(*net); i++) {
        const peal_training *training = &(*net)->trainer.training;
        const size_t epochs = models__choose_longer(training->epochs, training->steps);
        models__trial *longer;
        if (!epochs) return PEAL_OK;
        PEAL_TRY(try_epochs(self, (*net)->model, epochs, trial_names[NET_LONGER + i], &longer, err));
        const bool gains = models__trial_gain(*net, longer).mean > (*net)->valid.loss / 100;
        models__trial *other = gains ? *net : longer;
        if (gains) *net = longer;
        (*net)->result.deaths += other->result.deaths;
        models__trial_free(other);
        if (!gains) return PEAL_OK;
    }
    return PEAL_OK;
}

/* Few rows decide neither whether a net is the better model nor how long it is to be trained. */
static peal_status try_net(choice *self, peal_error *err) {
    peal_train_options options = *self->options;
    options.model = "mlp";
    if (self->shape.sparse > SPARSE_MOST || self->rows < ROWS_OF_NET) return PEAL_OK;
    if (!models__can_learn(&options)) return PEAL_OK; /* it has no exact gradients (sync) */
    PEAL_TRY(try_candidate(self, options.model, trial_names[NET], err));
    models__trial **net = &self->candidates[self->count - 1];
    if (may_win(self, *net)) PEAL_TRY(try_longer(self, net, err));
    return try_folds(self, *net, self->candidates[0], err);
}

/* The variance of an AUC (Hanley and McNeil 1982, section 4) of so many rows of either class. */
static double auc_variance(double auc, double first, double second) {
    const double q1 = auc / (2 - auc), q2 = 2 * auc * auc / (1 + auc), square = auc * auc;
    return (auc * (1 - auc) + (first - 1) * (q1 - square) + (second - 1) * (q2 - square)) / (first * second);
}

/* Of two classes: whether the second one puts the rows in a better order than luck explains, also beside no order at
 * all, for it ended at the epoch that these rows liked best; and costs no more loss than chance does, nor more than the
 * frequencies do. Where a class is rare all losses are nearly that of the frequencies, and tell little. */
static peal_status ranks_better(const models__trial *one, const models__trial *two, const models__gain *gain, bool *out,
                                peal_error *err) {
    peal_metrics first, second;
    const uint64_t rows = gain->both;
    *out = false;
    if (one->trainer.data.shape.classes != 2 || !(gain->mean > -2 * gain->error)) return PEAL_OK;
    PEAL_TRY(models__trial_measure(one, rows, &first, err));
    PEAL_TRY(models__trial_measure(two, rows, &second, err));
    const double rare = (double)models__trial_rare_of(two, rows), others = gain->rows - rare;
    if (rare < 1 || others < 1 || !isfinite(first.auc) || !isfinite(second.auc)) return PEAL_OK;
    const double error = sqrt(auc_variance(first.auc, rare, others) + auc_variance(second.auc, rare, others));
    const double share = rare / gain->rows, plain = -share * log(share) - (1 - share) * log1p(-share);
    *out = second.auc - fmax(first.auc, 0.5) > 3 * error && second.loss < plain;
    return PEAL_OK;
}

/* Whether a model of classes tells more, row by row, than the classes' frequencies, by two standard errors. */
static peal_status tells_classes(const models__trial *one, bool *out, peal_error *err) {
    const models__held held = models__trial_held(one);
    const peal_shape *shape = &one->trainer.data.shape;
    const double *scores = (const double *)(const void *)one->scores.data;
    const size_t width = peal_shape_scores(shape);
    double *shares, all = 0;
    models__spread gain = {0};
    PEAL_TRY(peal_zeroed_checked(&shares, shape->classes, sizeof *shares, "classes", err));
    for (uint64_t row = 0; row < held.rows; row++) {
        const double weight = models__held_weight(&held, row);
        shares[(size_t)held.labels[row]] += weight;
        all += weight;
    }
    for (uint64_t row = 0; row < held.rows; row++) {
        const double weight = models__held_weight(&held, row), label = held.labels[row];
        if (!(weight > 0)) continue;
        models__spread_add(
            &gain, -log(shares[(size_t)label] / all) - models__row_loss(shape, scores + row * width, label), weight);
    }
    free(shares);
    *out = models__spread_mean(&gain) > 2 * models__spread_error(&gain);
    return PEAL_OK;
}

/* How many standard errors the second one's loss must be below the first's to be the better one. Two, if it was held
 * against one fold, whose rows also chose its epoch. One of classes, if all rows were held out and its epoch is that of
 * all folds; a number's loss has a longer tail, and its standard error is less to be relied on. And none if the first
 * one does not tell the classes at all, as of few rows of many columns: being linear it says nothing then. */
static peal_status errors_wanted(const models__trial *one, const models__trial *two, double *out, peal_error *err) {
    bool tells = true;
    *out = 2;
    if (one->folds < MODELS__FOLDS || two->folds < MODELS__FOLDS) return PEAL_OK;
    *out = 1.5;
    if (one->trainer.data.shape.classes == 0) return PEAL_OK;
    PEAL_TRY(tells_classes(one, &tells, err));
    *out = tells ? 1 : 0;
    return PEAL_OK;
}

/* Whether, of one fold, the loss is lower by more than one standard error, and in more rows than chance explains: few
 * rows of a long tail make a large error. Not where a class is rare: nearly all rows gain by a little less of it. */
static bool gains_widely(const models__trial *one, const models__gain *gain, uint64_t rare) {
    if (one->folds > 1 || gain->rows < 100 || (double)rare < gain->rows / 10) return false;
    return gain->mean > gain->error && gain->wins > gain->rows / 2 + sqrt(gain->rows);
}

/* Whether the second one's loss is below the first's, row by row, by more than luck; and it tells the classes apart as
 * well. Else whether it ranks the rows better. */
static peal_status is_better(const models__trial *one, const models__trial *two, bool *out, peal_error *err) {
    enum { RARE_LEAST = 10 };
    const models__gain gain = models__trial_gain(one, two);
    const uint64_t rare = models__trial_rare_of(one, gain.both);
    double errors;
    *out = false;
    if (rare < RARE_LEAST) return PEAL_OK;
    PEAL_TRY(errors_wanted(one, two, &errors, err));
    PEAL_TRY(ranks_as_well(one, two, out, err));
    *out = *out && ((gain.mean > 0 && gain.mean > errors * gain.error) || gains_widely(two, &gain, rare));
    return *out ? PEAL_OK : ranks_better(one, two, &gain, out, err);
}

/* ---- the winner ---- */

/* Of a row that the trial's first fold held out. */
static double loss_of(const models__trainer *trial, uint64_t row) {
    const peal_shape *shape = &trial->data.shape;
    return models__row_loss(shape, trial->shared.valid_scores + row * peal_shape_scores(shape),
                            trial->data.valid_labels[row]);
}

/* Whether a training on all rows came out worse than the trial on the rows held out, which it has seen and the trial
 * has not: by a tenth of the trial's loss, a hundredth of the mean's and two standard errors, row by row. Luck decides
 * such a training, as of a net with a rate too high. valid_scores are those of `model`
 * afterwards. */
static peal_status is_worse(models__trainer *trial, const void *model, double *loss, bool *out, peal_error *err) {
    const models__held held = models__held_out(trial);
    models__spread more = {0}, now = {0};
    double *before;
    PEAL_TRY(peal_alloc_checked(&before, held.rows, sizeof *before, "the loss of held-out rows", err));
    for (uint64_t row = 0; row < held.rows; row++) before[row] = loss_of(trial, row);
    const peal_status status = models__score_valid(trial, model, err);
    for (uint64_t row = 0; row < held.rows; row++) {
        const double after = loss_of(trial, row), weight = models__held_weight(&held, row);
        models__spread_add(&now, after, weight);
        models__spread_add(&more, after - before[row], weight);
    }
    free(before);
    const double mean = models__spread_mean(&more);
    *loss = models__spread_mean(&now);
    *out = mean > held.metrics->loss / 10 && mean > models__loss_of_the_mean(trial, &held) / 100 &&
           mean > 2 * models__spread_error(&more);
    return status;
}

/* Writes the model trained on all rows, or the trial's if that is the better one. */
static peal_status write_better(const models__trainer *again, models__trial *winner, peal_train_result *result,
                                peal_atomic_file *out, peal_error *err) {
    const double before = winner->result.valid.loss;
    double after;
    bool worse;
    if (winner->result.valid.is_order) return models__trainer_write(again, out, err); /* no row has a loss of its own */
    PEAL_TRY(is_worse(&winner->trainer, again->best, &after, &worse, err));
    if (!worse) return models__trainer_write(again, out, err);
    peal_report(winner->options.reporter, PEAL_EVENT_WARNING,
                "trained on all rows the model is worse than in the trial (loss %.4g, that %.4g on the %llu rows held "
                "out): another seed would give another model, a lower lr or a linear one would be steadier; the "
                "trial's is kept",
                after, before, (unsigned long long)winner->trainer.data.valid_count);
    const size_t deaths = result->deaths;
    *result = winner->result;
    result->deaths = deaths;
    return models__trainer_write(&winner->trainer, out, err);
}

static peal_status train_again(const choice *self, models__trial *winner, peal_train_result *result,
                               peal_atomic_file *out, peal_error *err) {
    peal_train_options options = *self->options;
    options.model = winner->model;
    options.epochs = winner->trainer.training.epochs; /* of the schedule */
    options.patience = 0;                             /* nothing is held out any more */
    models__trainer trainer = {.options = &options, .result = result};
    /* A linear model that has converged has nothing to stop early for. */
    if (winner->trainer.spec.hidden_count || winner->trainer.learner->has_no_end)
        trainer.last_epoch = winner->best_epoch;
    peal_status status = models__trainer_run(&trainer, err);
    if (status == PEAL_OK) status = write_better(&trainer, winner, result, out, err);
    models__trainer_clear(&trainer);
    result->has_valid = true;
    result->valid = winner->valid;
    return status;
}

/* The first model's loss, and by how much the others' differ from it on the rows that both have held out. */
static void say_choice(const choice *self, const models__trial *winner) {
    const models__trial *first = self->candidates[0];
    const unsigned long long rows = models__trial_held(first).rows;
    char text[200];
    int at = snprintf(text, sizeof text, "%s %.4g", first->model, first->valid.loss);
    for (size_t i = 1; i < self->count && at < (int)sizeof text; i++) {
        const models__gain gain = models__trial_gain(first, self->candidates[i]);
        at += snprintf(text + at, sizeof text - (size_t)at, ", %s %.4g %s", self->candidates[i]->model, fabs(gain.mean),
                       gain.mean > 0 ? "less" : "more");
        if (gain.rows == (double)rows || at >= (int)sizeof text) continue;
        at += snprintf(text + at, sizeof text - (size_t)at, " (on %.0f)", gain.rows);
    }
    peal_report(reporter(self), PEAL_EVENT_NOTE, "model: %s is chosen: loss on %llu held-out rows: %s", winner->model,
                rows, text);
}

/* Of those that are better than the first one, which is the plainest, the one with the least loss. */
static peal_status choose(choice *self, models__trial **out, peal_error *err) {
    models__trial *first = self->candidates[0], *winner = first;
    for (size_t i = 1; i < self->count; i++) {
        models__trial *one = self->candidates[i];
        bool better;
        PEAL_TRY(is_better(first, one, &better, err));
        if (!better) continue;
        if (winner == first || models__trial_gain(winner, one).mean > 0) winner = one;
    }
    if (self->count > 1) say_choice(self, winner);
    *out = winner;
    return PEAL_OK;
}

/* What an earlier job left in the run folder would be taken for a part of this one: not all jobs have as many trials,
 * nor a training after them. */
static peal_status forget_earlier_job(const peal_train_options *options, peal_error *err) {
    if (!options->run_dir || options->resume) return PEAL_OK;
    PEAL_TRY(models__run_clear(options->run_dir, err));
    return models__forget_trials(options->run_dir, err);
}

static peal_status try_models(choice *self, peal_error *err) {
    if (!self->options->model && !self->ranks) {
        PEAL_TRY(try_linear(self, err));
        PEAL_TRY(try_trees(self, err));
        return try_net(self, err);
    }
    const char *model = self->ranks ? ranking_model : self->options->model;
    PEAL_TRY(try_candidate(self, model, trial_names[LINEAR], err));
    if (!self->ranks) PEAL_TRY(try_longer(self, &self->candidates[0], err));
    return self->ranks ? PEAL_OK : try_folds(self, self->candidates[0], NULL, err);
}

static peal_status try_all(choice *self, peal_train_result *result, peal_atomic_file *out, peal_error *err) {
    PEAL_TRY(forget_earlier_job(self->options, err));
    PEAL_TRY(try_models(self, err));
    models__trial *winner = NULL;
    PEAL_TRY(choose(self, &winner, err));
    const bool again = !self->has_valid && self->rows <= ROWS_AGAIN;
    if (again) {
        PEAL_TRY(train_again(self, winner, result, out, err));
    } else {
        PEAL_TRY(models__trainer_write(&winner->trainer, out, err));
        *result = winner->result;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (again || self->candidates[i] != winner) result->deaths += self->candidates[i]->result.deaths;
    }
    const models__held held = models__trial_held(winner);
    models__warn(&winner->trainer, &held);
    return PEAL_OK;
}

/* The model where nothing is to be tried; NULL: something is. */
static const char *model_untried(const choice *self) {
    if (self->shape.bytes) return "mlp";
    if (self->ranks) return self->queries < QUERIES_LEAST ? ranking_model : NULL;
    const uint64_t least = self->options->model ? ROWS_OF_NET : ROWS_LEAST;
    return self->rows < least ? linear_model(&self->shape) : NULL;
}

const char *models__trial_name(size_t index) {
    return index < TRIALS ? trial_names[index] : NULL;
}

peal_status models__forget_trials(const char *run_dir, peal_error *err) {
    for (size_t i = 0; i < TRIALS; i++) {
        char *path = peal_path_join(run_dir, trial_names[i]);
        if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
        peal_status status = models__run_clear(path, err);
        if (status == PEAL_OK) rmdir(path); /* if nothing else lies in it */
        free(path);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

bool models__wants_trial(const peal_train_options *options) {
    peal_model_spec spec;
    if (options->init) return false; /* its model is gone on with */
    if (!options->model) return true;
    return !options->epochs && !options->valid && peal_model_parse(options->model, &spec, NULL) == PEAL_OK &&
           spec.hidden_count > 0;
}

peal_status models__train_by_trial(const peal_train_options *options, peal_train_result *result, peal_atomic_file *out,
                                   peal_error *err) {
    choice self = {.options = options};
    peal_status status = look(&self, err);
    const char *untried = status == PEAL_OK ? model_untried(&self) : NULL;
    if (untried) {
        peal_train_options named = *options;
        if (!named.model) {
            named.model = untried;
            if (!self.ranks)
                peal_report(reporter(&self), PEAL_EVENT_NOTE, "model: %s is chosen: %s", untried,
                            self.shape.bytes ? "the features are bytes, as of images" : "the rows are few");
        }
        status = models__train_once(&named, result, out, err);
    } else if (status == PEAL_OK) {
        status = try_all(&self, result, out, err);
    }
    for (size_t i = 0; i < self.count; i++) models__trial_free(self.candidates[i]);
    free(self.shape.vocabularies);
    return status;
}
