/* What is to be said of a training when it is over: whether the loss still falls, whether the model is worth more than
 * its label's mean or most frequent class, whether another seed would give another model, whether a column gives the
 * label away. */
#ifndef PEAL_MODELS_VERDICT_H
#define PEAL_MODELS_VERDICT_H

#include "models/train/trainer.h"

/* Reports a warning, with what would help, for each of these that holds. After models__trainer_run. */
void models__warn(const models__trainer *trainer);

/* The loss on the validation rows of always saying what their label is on average: the entropy of its classes, or half
 * a number's variance, or by what else the learner judges. */
double models__loss_of_the_mean(const models__trainer *trainer);

#endif
