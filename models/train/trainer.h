/* What the parts of the trainer share.
 *
 * The flow: train.c opens the data, builds the nets and lays out one shared slab; trainer_parent.c forks the workers
 * and leads them through rounds; supervisor.c waits for them, names and replaces those that die; trainer_worker.c is
 * what they do; checkpoint.c keeps the run folder. A *round* is a transaction: all partitions start from the committed
 * state (parameters, optimiser state, outer momentum), and only when all are done a new state is made beside the old
 * one and becomes the committed one. A worker that dies has changed nothing that counts. A job that is to stop, or to
 * write a checkpoint in the middle of an epoch, halts all workers at the ends of their steps. */
#ifndef PEAL_MODELS_TRAINER_H
#define PEAL_MODELS_TRAINER_H

#include <stdatomic.h>

#include "core/base/file.h"
#include "core/base/lock.h"
#include "core/process/collective.h"
#include "core/process/group.h"
#include "core/process/slab.h"
#include "etl/dataset/dataset.h"
#include "models/net/net.h"
#include "models/train/train.h"
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
    float *outer;     /* momentum of the outer optimiser */
    double *losses;   /* [partitions] sums over the rows of the epoch so far */
    uint32_t *clocks; /* [table_rows] of slots, or with SYNC_STEP of states: the step that the row is settled up to */
    uint32_t *seen;   /* [table_rows] of slots: steps of the round that the row has occurred in */
} models__state;

/* What workers tell while they work; written by one worker, read by the parent. */
typedef struct models__beat {
    _Alignas(64) _Atomic uint64_t count; /* any sign of life */
    _Atomic uint64_t steps;              /* of partitions, since the epoch or the job began */
    _Atomic uint32_t partition;          /* at work on it; UINT32_MAX: on none */
} models__beat;

/* What the parent tells all workers while they work. */
typedef struct models__control {
    _Alignas(64) _Atomic uint32_t halt; /* come back at the end of the present step */
    _Atomic uint64_t end_step;          /* SYNC_STEP: where all halt, agreed in a meeting; UINT64_MAX: nowhere yet */
} models__control;

/* SYNC_STEP: a node of the tree of sums (core/process/sum.h) whose gradient one worker makes. */
typedef struct models__block {
    size_t first, size; /* partitions */
    size_t rank;
    float *gradient;       /* [floats], shared */
    peal_touched *touched; /* its rows of tables, shared */
} models__block;

/* SYNC_STEP: where workers leave the values of a node of the tree, in shared memory. The second of two neighbours to
 * come to their parent adds them up; models/train/tree.pml is the model of it. */
typedef struct models__node {
    _Atomic uint32_t came; /* children since the round began: the second one of a step finds it odd */
    uint32_t block;        /* whose memory holds this node's value; written before the child comes */
} models__node;

enum { EVAL_CHUNK = 4096, PARTITIONS_MOST = 1024, TREE_LEVELS = 11 };

/* How the loss went (the validation's if there is one), to be told when all is over. */
typedef struct models__course {
    double first_loss, later_loss, last_loss; /* of the first epoch, at two thirds of them, of the best or last one */
} models__course;

typedef struct models__trainer {
    const peal_train_options *options;
    peal_train_result *result;
    const char *title; /* in front of what is told of its epochs; NULL: nothing */
    bool stops_early;  /* end when the validation loss has long not got better */
    size_t last_epoch; /* end after so many epochs of the schedule; 0: all */

    /* the job */
    peal_model_spec spec;
    const char *spec_text;
    const char *optimizer_text;
    const peal_optimizer *optimizer;
    peal_optimizer_options optimizer_options;
    const char *schedule_text;
    const peal_schedule *schedule;
    peal_schedule_options schedule_options;
    models__outer outer;
    models__sync sync;
    size_t steps_per_round; /* SYNC_ROUNDS: 0 means the whole epoch */
    double lr;
    size_t batch, partitions, workers, epochs, patience;
    char arithmetic[PEAL_ARITHMETIC_TEXT]; /* of GEMM and libm on this machine: the sums' bits depend on it */
    json_t *job;                           /* what shapes the model: goes into the model file and names the run */

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
    float *gradients; /* a worker's own: [levels][floats] */
    size_t levels;
    size_t floats;            /* of a vector of parameters */
    size_t dense;             /* those of them that belong to no table */
    const peal_node **tables; /* [table_count], see tables.h */
    size_t table_count, table_rows;
    peal_touched *touched;               /* [levels] of `gradients` */
    struct models__row_batch *row_batch; /* a worker's own */

    /* shared memory */
    peal_slab slab;
    uint32_t *order;         /* [train_count] the rows in this epoch's order */
    models__state states[2]; /* the committed one and the one being made */
    models__state *slots;    /* [partitions] SYNC_ROUNDS: where a partition trains; no `outer`, no `losses` */
    double *loss_sums;       /* [partitions] SYNC_ROUNDS: `losses` of the slots */
    models__block *blocks;   /* [block_count] SYNC_STEP, in the order of the partitions */
    size_t block_count;
    size_t at_once;      /* workers that can run at once, by the CPUs; SYNC_STEP: ranks below it step, the rest wait */
    size_t merge_size;   /* SYNC_STEP: nodes of up to so many partitions are summed by those who make them */
    models__node *nodes; /* [levels of the tree][partitions], by level and first partition */
    float *published;    /* [floats] SYNC_STEP: the parameters from which all workers take their gradients */
    double *eval_scores; /* [valid_count, scores] */
    double *eval_labels; /* [valid_count] */
    models__beat *beats; /* [workers] */
    models__control *control;
    peal_collective *collective;
    int committed; /* index into states; the parent's */
    models__course course;
    size_t best_written; /* the epoch in best.safetensors; 0: not known; the parent's */
} models__trainer;

/* The rows of partition p in `order`. */
void models__partition(const models__trainer *trainer, size_t p, size_t *begin, size_t *end);
/* The rows of partition p's step s in `order`. */
void models__step_rows(const models__trainer *trainer, size_t p, size_t s, size_t *begin, size_t *end);

/* The rate of step `step` of an epoch, both from 0. */
float models__learning_rate(const models__trainer *trainer, size_t epoch, size_t step);

/* PEAL_E_DATA names a shard that changed since it was read: what workers saw of it may be anything. */
peal_status models__check_data(const models__trainer *trainer, peal_error *err);

/* Opens the data, chooses what was left open and trains: the parameters of the best epoch are then the committed ones,
 * and eval_scores are theirs. The caller sets options, result and what stands beside them, and clears it whatever
 * happens. */
peal_status models__trainer_run(models__trainer *trainer, peal_error *err);
/* Writes the model into `out`, which the caller commits. */
peal_status models__trainer_write(const models__trainer *trainer, peal_atomic_file *out, peal_error *err);
void models__trainer_clear(models__trainer *trainer);
/* The three in one, with what is to be said at the end. */
peal_status models__train_once(const peal_train_options *options, peal_train_result *result, peal_atomic_file *out,
                               peal_error *err);
/* Numbers that it learns. */
uint64_t models__parameters(const models__trainer *trainer);
/* The error of a training whose loss or parameters are no longer finite in an epoch, counted from 0. */
peal_status models__ran_away(const models__trainer *trainer, size_t epoch, peal_error *err);

/* Runs all epochs and leaves the parameters of the best one in the committed state. */
peal_status models__train_epochs(models__trainer *trainer, peal_error *err);

/* ---- messages ---- */

enum {
    MESSAGE_TRAIN = 1, /* partition, epoch, first step, end step, committed, goes on? -> partition, steps done */
    MESSAGE_COMBINE,   /* segment, segments, committed, epoch, first step, end step -> segment */
    MESSAGE_STEPS,     /* epoch, first step, committed -> epoch, aborted?, steps done */
    MESSAGE_EVAL,      /* chunk, committed -> chunk */
};

/* What each worker runs. */
void models__worker(void *trainer, peal_worker *self);
/* Fills in eval_scores of `rows` validation rows from `at` on, PEAL_PREDICT_BATCH at most, by these parameters. */
void models__score_rows(models__trainer *trainer, float *params, uint64_t at, size_t rows);

/* ---- checkpoints (checkpoint.c) ---- */

/* Where the training stands. */
typedef struct models__progress {
    size_t epoch;      /* epochs done */
    size_t step;       /* steps of the next epoch that the committed state holds */
    size_t *reached;   /* [partitions] steps of the next epoch that a partition's slot holds, if more than `step` */
    size_t best_epoch; /* 0: none yet */
    double best_loss;
    float *best_params; /* [floats], the parent's */
    double train_loss;
    models__course course; /* so far */
    double agreed;         /* of the partitions in the last round, see trainer_parent.c; NaN: not known */
} models__progress;

/* Makes the run folder and locks it: one run folder, one job. */
peal_status models__run_lock(const char *run_dir, peal_lock **out, peal_error *err);
/* Removes the files of a run, if the folder is one; what else lies in it stays. */
peal_status models__run_clear(const char *run_dir, peal_error *err);
/* PEAL_E_USAGE if the run folder stands there and is no run's, or a file. */
peal_status models__run_check(const models__trainer *trainer, peal_error *err);
/* Writes run manifest and removes what an earlier run left, or reads the newest whole checkpoint if resuming. */
peal_status models__run_begin(models__trainer *trainer, models__progress *progress, peal_error *err);
peal_status models__run_metrics(models__trainer *trainer, const json_t *line, peal_error *err);
/* Writes a checkpoint, then the best model if there is a new one, then removes what is beyond `keep`. No worker is
 * inside a step. */
peal_status models__run_checkpoint(models__trainer *trainer, const models__progress *progress, peal_error *err);

#endif
