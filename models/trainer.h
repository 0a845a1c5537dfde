/* What the parts of the trainer share.
 *
 * The flow: train.c opens the data, builds the nets and lays out one shared slab; trainer_parent.c forks the workers
 * and leads them through rounds; trainer_worker.c is what they do. A *round* is a transaction: all partitions start
 * from the committed state (parameters, optimiser state, outer momentum), and only when all are done a new state is
 * made beside the old one and becomes the committed one. A worker that dies has changed nothing that counts. */
#ifndef PEAL_MODELS_TRAINER_H
#define PEAL_MODELS_TRAINER_H

#include <stdatomic.h>

#include "core/collective.h"
#include "core/group.h"
#include "core/slab.h"
#include "etl/dataset.h"
#include "models/net.h"
#include "models/train.h"
#include "ops/optimizer/optimizer.h"

typedef enum models__sync { SYNC_ROUNDS, SYNC_STEP } models__sync;

typedef struct models__outer {
    const char *name;
    double lr, momentum;
    bool nesterov;
} models__outer;

/* One state of the training: what is committed. Each vector has `floats` floats. */
typedef struct models__state {
    float *params;
    float *optimizer[PEAL_OPTIMIZER_STATES];
    float *outer; /* momentum of the outer optimiser */
} models__state;

/* What workers tell while they work; written by one worker, read by the parent. */
typedef struct models__beat {
    _Alignas(64) _Atomic uint64_t count; /* moves with every step */
} models__beat;

enum { EVAL_CHUNK = 4096, PARTITIONS_MOST = 1024 };

typedef struct models__trainer {
    const peal_train_options *options;
    peal_train_result *result;

    /* the job */
    peal_model_spec spec;
    const char *spec_text;
    const peal_optimizer *optimizer;
    peal_optimizer_options optimizer_options;
    const peal_schedule *schedule;
    peal_schedule_options schedule_options;
    models__outer outer;
    models__sync sync;
    size_t steps_per_round; /* SYNC_ROUNDS: 0 means the whole epoch */
    double lr;
    size_t batch, partitions, workers;
    json_t *job; /* what shapes the model: goes into the model file and names the run */

    /* the data */
    peal_dataset *dataset, *valid_dataset;
    peal_pipeline *pipeline;
    peal_rows *rows, *valid_rows;
    uint32_t *train_list; /* [train_count] rows that are trained on, in order */
    uint32_t *valid_list; /* [valid_count] rows of valid_rows */
    uint64_t train_count, valid_count;
    size_t steps; /* per epoch */

    /* the nets, made before the fork */
    peal_net *net, *eval_net;
    float *gradients; /* a worker's own */
    size_t floats;    /* of a vector of parameters */

    /* shared memory */
    peal_slab slab;
    uint32_t *order;         /* [train_count] the rows in this epoch's order */
    models__state states[2]; /* the committed one and the one being made */
    models__state *slots;    /* [partitions] SYNC_ROUNDS: where a partition trains; `outer` is not used */
    float *gradient_slots;   /* [partitions][floats] SYNC_STEP */
    models__state working;   /* SYNC_STEP: what all workers step together */
    double *loss_sums;       /* [partitions] of the present round */
    float *eval_scores;      /* [valid_count, scores] */
    double *eval_labels;     /* [valid_count] */
    models__beat *beats;     /* [workers] */
    peal_collective *collective;
    int committed; /* index into states; the parent's */
} models__trainer;

/* The rows of partition p in `order`. */
void models__partition(const models__trainer *trainer, size_t p, size_t *begin, size_t *end);
/* The rows of partition p's step s in `order`. */
void models__step_rows(const models__trainer *trainer, size_t p, size_t s, size_t *begin, size_t *end);

/* Runs all epochs from `first_epoch` on and leaves the model's parameters in `best`. */
peal_status models__train_epochs(models__trainer *trainer, peal_error *err);

/* ---- messages ---- */

enum {
    MESSAGE_TRAIN = 1, /* partition, epoch, first step, end step, committed -> partition */
    MESSAGE_COMBINE,   /* segment, segments, committed -> segment */
    MESSAGE_STEPS,     /* epoch, committed -> aborted? */
    MESSAGE_EVAL,      /* chunk, committed -> chunk */
};

/* What each worker runs. */
void models__worker(void *trainer, peal_worker *self);

/* ---- checkpoints (checkpoint.c) ---- */

typedef struct models__progress {
    size_t epoch;      /* epochs done */
    size_t best_epoch; /* 0: none yet */
    double best_loss;
    float *best_params; /* [floats], the parent's */
    double train_loss;
} models__progress;

/* Writes run manifest and removes what an earlier run left, or reads the checkpoint if resuming. */
peal_status models__run_begin(models__trainer *trainer, models__progress *progress, peal_error *err);
peal_status models__run_metrics(models__trainer *trainer, const json_t *line, peal_error *err);
peal_status models__run_checkpoint(models__trainer *trainer, const models__progress *progress, peal_error *err);

#endif
