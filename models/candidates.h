/* The choice of a model where none is named: the linear model and the mlp are trained on most of the rows, and the rows
 * held out decide. */
#ifndef PEAL_MODELS_CANDIDATES_H
#define PEAL_MODELS_CANDIDATES_H

#include "core/file.h"
#include "models/train.h"

/* What peal_train does with options that name no model; the model is written into `out`. Images get the mlp and very
 * small tables the linear model, both untried. Each candidate has a folder of its own in the run folder, so that a job
 * that was killed goes on where it was. */
peal_status models__train_choosing(const peal_train_options *options, peal_train_result *result, peal_atomic_file *out,
                                   peal_error *err);

#endif
