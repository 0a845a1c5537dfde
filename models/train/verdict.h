/* What is to be said of a training when it is over: whether the loss still falls, whether the model is worth more than
 * its label's mean or most frequent class, whether another seed would give another model, whether a column gives the
 * label away. */
#ifndef PEAL_MODELS_VERDICT_H
#define PEAL_MODELS_VERDICT_H

#include "models/train/trainer.h"

/* Rows that were held out, and how the model does on them. */
typedef struct models__held {
    const double *labels;  /* [rows] */
    const double *weights; /* [rows] what they count; NULL: 1 each */
    uint64_t rows;
    const peal_metrics *metrics;
} models__held;

static inline double models__held_weight(const models__held *held, uint64_t row) {
    return held->weights ? held->weights[row] : 1;
}

/* Reports a warning, with what would help, for each of these that holds. After models__trainer_run. `held` may be more
 * than this training's own. */
void models__warn(const models__trainer *trainer, const models__held *held);
/* This training's own. */
models__held models__held_out(const models__trainer *trainer);

/* The loss on such rows of always saying what their label is on average: the entropy of its classes, or half a number's
 * variance, or by what else the learner judges. */
double models__loss_of_the_mean(const models__trainer *trainer, const models__held *held);

#endif
