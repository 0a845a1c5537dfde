/* A trial: what a model is worth, found out on rows that it has not learnt from. A fifth or a tenth of them is held
 * out; of a small table also the others in turn (folds), for a handful of rows decides nothing. */
#ifndef PEAL_MODELS_TRIAL_H
#define PEAL_MODELS_TRIAL_H

#include "core/base/memory.h"
#include "models/train/trainer.h"
#include "models/train/verdict.h"

enum { MODELS__FOLDS = 5 };

/* What the models of a fold's epochs say of the rows that it held out. Empty where only the last model is judged. */
typedef struct models__fold {
    uint64_t rows;
    double weights;     /* what the rows count, together */
    peal_buffer losses; /* double [epochs], the mean of the rows */
    peal_buffer scores; /* double [epochs, rows, scores] */
} models__fold;

typedef struct models__trial {
    char *model;   /* its spec */
    char *run_dir; /* of the first fold; NULL: none */
    peal_train_options options;
    peal_train_result result; /* of the first fold */
    models__trainer trainer;  /* of the first fold */
    bool keeps_epochs;        /* more folds may follow, of which one epoch is to be the best */
    models__fold fold[MODELS__FOLDS];
    size_t folds;        /* done */
    size_t best_epoch;   /* that with the least loss on the rows of all folds */
    peal_buffer labels;  /* double [rows held out], fold by fold */
    peal_buffer weights; /* what they count, the same */
    peal_buffer scores;  /* double [rows held out, scores], of the best epoch */
    peal_metrics valid;  /* of these */
} models__trial;

/* Trains a model on the first fold. `folder` is its place in the run folder, if there is one; NULL: it goes nowhere and
 * is not spoken of, for it takes a moment and a resumed job does it again. A model whose epochs are
 * judged can be tried on other folds only if `keeps_epochs`, which takes memory for what each epoch says of the rows
 * held out. *out is freed by the caller. */
peal_status models__trial_new(const peal_train_options *options, const char *model, const char *valid,
                              const char *folder, bool keeps_epochs, models__trial **out, peal_error *err);
/* Whether other folds may follow: its epochs were kept, or are not judged. */
bool models__trial_can_fold(const models__trial *self);
/* Trains it on the next of MODELS__FOLDS folds of a fifth each, which also goes nowhere. All folds are then judged by
 * the same epoch: each by the one that served it best would flatter the model, the more the fewer rows there are. */
peal_status models__trial_fold(models__trial *self, peal_error *err);
void models__trial_free(models__trial *self);

/* All rows held out so far. */
models__held models__trial_held(const models__trial *self);
/* The loss of one row: log loss of a class, half the squared error of a standardised number. */
double models__row_loss(const peal_shape *shape, const double *scores, double label);
/* How many of the rows held out, or of the first `rows` of them, are not of the most frequent class: with a handful
 * luck tells two models apart. UINT64_MAX of a number. */
uint64_t models__trial_rare(const models__trial *self);
uint64_t models__trial_rare_of(const models__trial *self, uint64_t rows);

/* Metrics of the first `rows` rows held out. */
peal_status models__trial_measure(const models__trial *self, uint64_t rows, peal_metrics *out, peal_error *err);

/* Mean of numbers of rows, by what the rows count, and its standard error. */
typedef struct models__spread {
    double weights, sum;
    double squares, crossed, weights_squares; /* of weighted numbers, them by their weights, of weights */
} models__spread;
void models__spread_add(models__spread *self, double number, double weight);
double models__spread_mean(const models__spread *self);
double models__spread_error(const models__spread *self);

/* By how much the second one's loss is below the first's, over the rows that both were tried on. */
typedef struct models__gain {
    double rows, mean, error; /* that count; by what they count; of the mean: its standard error */
    double wins;              /* rows whose loss is lower, of those that count */
    uint64_t both;            /* the first rows of either, whether they count or not */
} models__gain;
models__gain models__trial_gain(const models__trial *one, const models__trial *two);

#endif
