/* What is found out on held-out rows before the real training: which model, where none is named (the linear
 * one, trees or the mlp), and how long a net is to be trained, where no number of epochs is given. */
#ifndef PEAL_MODELS_CANDIDATES_H
#define PEAL_MODELS_CANDIDATES_H

#include "core/base/file.h"
#include "models/train/train.h"

/* True if the options leave something open that only a trial can tell. */
bool models__wants_trial(const peal_train_options *options);

/* What peal_train does with such options; the model is written into `out`. Images and very small tables are not tried
 * on. Each candidate has a folder of its own in the run folder, so that a job that was killed goes on where it was. */
peal_status models__train_by_trial(const peal_train_options *options, peal_train_result *result, peal_atomic_file *out,
                                   peal_error *err);

/* The name of trial `index`'s folder in the run folder; NULL: there are not so many. */
const char *models__trial_name(size_t index);
/* Removes the trials of an earlier job from a run folder. */
peal_status models__forget_trials(const char *run_dir, peal_error *err);

#endif
