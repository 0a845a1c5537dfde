/* Training: from a dataset to a model file. What `peal train` does.
 *
 * The rows are cut into partitions, whose number belongs to the job. Forked workers take turns at them; every sum runs
 * in the order of the partitions, so the model has the same bits for any number of workers and after any death of one.
 */
#ifndef PEAL_MODELS_TRAIN_H
#define PEAL_MODELS_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "models/learner/options.h"
#include "models/predict/metrics.h"

/* What run.json in a run folder says it is. */
#define PEAL_RUN_KIND "peal run"
enum { PEAL_RUN_VERSION = 2 };
/* What a checkpoint's metadata says it is. */
#define PEAL_CHECKPOINT_KIND "peal checkpoint"

peal_train_options peal_train_default(void);

typedef struct peal_train_result {
    uint64_t rows;          /* trained on */
    size_t epochs;          /* done, those before a resume included */
    size_t best_epoch;      /* whose parameters the model file holds, from 1 */
    double rows_per_second; /* of training, validation left out */
    bool has_valid;
    peal_metrics valid; /* of the best epoch */
    double train_loss;  /* of the last epoch */
    char model_sha256[65];
    size_t partitions, workers;
    size_t deaths; /* workers that were replaced */
} peal_train_result;

/* PEAL_E_USAGE if an option's value can be no right one, whatever the data, or `out` cannot be written to; `dataset` is
 * not looked at. For those who make the dataset first. `valid` may be sources here. */
peal_status peal_train_check(const peal_train_options *options, peal_error *err);

/* Whether `valid` is a number, and so a fraction of the rows, and no path. */
bool peal_train_is_fraction(const char *valid);

/* PEAL_E_USAGE for wishes that cannot be, PEAL_E_DATA for a damaged dataset, PEAL_E_MEMORY with the arithmetic,
 * PEAL_E_INTERRUPTED after `stop` (resumable if there is a run folder). The model file appears whole or not at all.
 * Uses fork: the caller's other threads are not in the workers. */
peal_status peal_train(const peal_train_options *options, peal_train_result *result, peal_error *err);

/* Under which arithmetic ("openblas-0.3.21/Zen glibc-2.36/fma") the run in this folder was begun, as its manifest says,
 * or that of a trial if it has not come further: a resume under another one is refused. *out is freed by the caller;
 * NULL: there is no run, or none that says it. */
peal_status peal_train_arithmetic(const char *run_dir, char **out, peal_error *err);

#endif
