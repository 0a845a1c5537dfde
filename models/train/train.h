/* Training: from a dataset to a model file. What `peal train` does.
 *
 * The rows are cut into partitions, whose number belongs to the job. Forked workers take turns at them; every sum runs
 * in the order of the partitions, so the model has the same bits for any number of workers and after any death of one.
 */
#ifndef PEAL_MODELS_TRAIN_H
#define PEAL_MODELS_TRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/event.h"
#include "core/base/status.h"
#include "models/predict/metrics.h"

/* What run.json in a run folder says it is. */
#define PEAL_RUN_KIND "peal run"
enum { PEAL_RUN_VERSION = 2 };
/* What a checkpoint's metadata says it is. */
#define PEAL_CHECKPOINT_KIND "peal checkpoint"

typedef struct peal_train_options {
    const char *dataset;   /* folder */
    const char *out;       /* model file */
    const char *model;     /* spec; NULL: the linear one or mlp, whichever is better on held-out rows; for images mlp */
    size_t epochs;         /* 0: enough for the table; of a net, as many as served it best on held-out rows */
    size_t batch;          /* rows of a partition's step; 0: 64 */
    const char *optimizer; /* spec; NULL: adam, for images sgd */
    double lr;             /* 0: one that suits optimiser and model, with sync step times sqrt(P) */
    const char *schedule;  /* spec; NULL: cosine */
    const char *sync;      /* "epoch", "step", or a number of steps; NULL: epoch */
    const char *outer;     /* the outer optimiser's spec: "nesterov", "momentum" or "average", with lr= and momentum= */
    size_t partitions;     /* P; 0: 1 to 4, as many as the rows can feed */
    size_t workers;        /* W; 0: as many as there are CPUs, at most P */
    uint64_t seed;
    const char *valid;   /* a dataset, a fraction like "0.1", or NULL: the dataset's valid split if it has one */
    size_t patience;     /* stop after so many epochs without a better validation loss; 0: never, but for the trials */
    const char *run_dir; /* where manifest, metrics and checkpoints go; NULL: nowhere */
    bool resume;         /* go on from the run's checkpoint */
    double checkpoint_seconds; /* least time between two checkpoints, in the middle of epochs too; 0: at each epoch's
                                  end. It grows until writing takes no more than a twentieth of the time. */
    size_t keep;               /* checkpoints that are kept, the newest ones; the best model is kept beside them */
    size_t deaths;             /* a partition during whose training so many workers died ends the job */
    int stall_ms;              /* a worker that does not move for so long is replaced; one that is stopped, after 5 s */
    const atomic_int *stop;    /* not 0: finish the step, checkpoint, PEAL_E_INTERRUPTED */
    const peal_reporter *reporter;
} peal_train_options;

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

#endif
