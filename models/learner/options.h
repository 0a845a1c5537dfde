/* What a training is told; what is left open is chosen. */
#ifndef PEAL_MODELS_OPTIONS_H
#define PEAL_MODELS_OPTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/event.h"

typedef struct peal_train_options {
    const char *dataset;   /* folder */
    const char *out;       /* model file */
    const char *model;     /* spec; NULL: the linear one (of few rows with the penalty that serves them), trees or mlp,
                              whichever is better on held-out rows; for images mlp; where rows have queries and labels are
                              whole numbers from 0, trees that rank */
    size_t epochs;         /* 0: enough for the table; of a net, as many as served it best on held-out rows */
    size_t batch;          /* rows of a partition's step; 0: 64 */
    const char *optimizer; /* spec; NULL: adam, for images sgd */
    double lr;             /* 0: one that suits optimiser and model, with sync step times sqrt(P) */
    const char *schedule;  /* spec; NULL: cosine */
    const char *sync;      /* "epoch", "step", a number of steps, or "full"; NULL: what suits the model */
    const char *outer;     /* the outer optimiser's spec: "nesterov", "momentum" or "average", with lr= and momentum= */
    size_t partitions;     /* P; 0: 1 to 4, as many as the rows can feed */
    size_t workers;        /* W; 0: as many as there are CPUs, at most P */
    uint64_t seed;
    double clip;              /* a partition's gradient of a step is made no longer than this; 0: as it is */
    const char *init;         /* a model to go on from, over the same columns; NULL: begin anew */
    const char *class_weight; /* "balanced": each class counts as much as any other; NULL: each row does */
    double label_smoothing;   /* in [0, 1): the part of each row's label that all classes share */
    const char *augment;      /* what is done to images at random while they are trained on: "flip,shift=2"
                                 (learner/augment.h);      NULL: nothing; of learning by steps */
    const char *valid;        /* a dataset, a fraction like "0.1", or NULL: the dataset's valid split if it has one */
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

#endif
