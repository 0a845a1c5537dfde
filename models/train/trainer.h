/* What the parts of the trainer share.
 *
 * The flow: train.c reads the options, data.c the rows; train.c lays out one shared slab; trainer_parent.c forks the
 * workers and leads them through rounds; supervisor.c waits for them, names and replaces those that die;
 * trainer_worker.c is what they do; checkpoint.c keeps the run folder. What a round is about is the learner's
 * (models/learner/learner.h). A job that is to stop, or to write a checkpoint in the middle of an epoch, halts all
 * workers at the ends of their steps. */
#ifndef PEAL_MODELS_TRAINER_H
#define PEAL_MODELS_TRAINER_H

#include "core/base/file.h"
#include "core/base/lock.h"
#include "core/process/comm.h"
#include "core/process/group.h"
#include "core/process/slab.h"
#include "models/learner/learner.h"
#include "models/predict/predictor.h"
#include "models/train/train.h"
#include "ops/arithmetic.h"
#include "ops/graph.h"

/* How the loss went (the validation's if there is one), to be told when all is over. */
typedef struct models__course {
    double first_loss, later_loss, last_loss; /* of the first epoch, at two thirds of them, of the best or last one */
} models__course;

/* The rows. */
typedef struct models__data {
    peal_dataset *dataset, *valid_dataset;
    peal_pipeline *pipeline;
    const json_t *pipeline_saved; /* the same as a document: the dataset's, or */
    json_t *own_saved;            /* ours */
    peal_shape shape;
    peal_rows *rows, *valid_rows;
    peal_rows *windows[2];               /* of a stream, of which both of the above are always one; else NULL */
    uint32_t *train_list;                /* [train_count] rows that are trained on, in order */
    uint32_t *valid_list;                /* [valid_count] rows of valid_rows */
    double *valid_labels;                /* [valid_count] */
    double *valid_weights;               /* [valid_count] what they count; NULL: 1 each */
    double *train_labels;                /* [train_count], where rows have queries; else NULL */
    peal_queries queries, valid_queries; /* of those rows, by their places in the lists */
    uint64_t train_count, valid_count;
    uint64_t copies;       /* rows that are held out, or not, with one that they are equal to */
    double *class_weights; /* [classes], or NULL */
    double label_least;    /* of the rows that are trained on */
    double weight_unit;    /* their number by the sum of their weights */
} models__data;

/* The present window of a stream, as the parent tells the workers of it. */
typedef struct models__present {
    uint32_t slab;         /* which of the two it lies in */
    uint64_t rows, learnt; /* all of it, which are predicted; those that have a label, which are learnt */
} models__present;

/* Memory that the parent shares with the workers. */
typedef struct models__shared {
    peal_slab slab;
    peal_layout layout;   /* the learner's tensors, and all else */
    uint32_t *order;      /* [train_count] the rows in this epoch's order */
    double *valid_scores; /* [valid_count, scores] */
    peal_beat *beats;     /* [workers] */
    peal_control *control;
    models__present *present; /* of a stream; NULL: the rows are the same throughout */
    peal_comm *comm;          /* of workers that come together */
} models__shared;

typedef struct models__trainer {
    const peal_train_options *options;
    peal_train_result *result;
    const char *title; /* in front of what is told of its epochs; NULL: nothing */
    bool stops_early;  /* end when the validation loss has long not got better */
    size_t last_epoch; /* end after so many epochs of the schedule; 0: all */
    size_t fold;       /* of a fraction of the rows to validate on: which one is held out, from 0 */
    /* Is told the metrics of each epoch whose model is judged; valid_scores are that model's. NULL: nobody is. */
    peal_status (*judged)(void *user, const struct models__trainer *trainer, const peal_metrics *metrics,
                          peal_error *err);
    void *judged_user;

    /* the job */
    peal_model_spec spec;
    const char *spec_text;
    const peal_learner *learner;
    void *self; /* the learner's own */
    peal_training training;
    size_t patience;
    char arithmetic[PEAL_ARITHMETIC_TEXT]; /* of GEMM and libm on this machine: the sums' bits depend on it */
    /* Places what is kept beside the learner's tensors; NULL: nothing is. */
    void (*lay_out)(void *user, peal_layout *layout);
    void *lay_out_user;
    json_t *stream; /* of a stream: what shapes the model besides, part of the job */
    json_t *job;    /* what shapes the model: goes into the model file and names the run */

    peal_predictor *init; /* NULL: it begins anew */
    char init_sha256[65];

    models__data data;
    models__shared shared;

    void *best;          /* the model of the best epoch so far; the parent's */
    size_t best_written; /* the epoch in best.safetensors; 0: not known */
    int committed;       /* which state is; the parent's */
    models__course course;

    /* a worker's own, made when it first scores */
    void *scored_model, *scratch;
    uint64_t scored; /* the stamp of what scored_model holds, see trainer_worker.c; 0: nothing */
} models__trainer;

/* What progress.epoch counts, for messages and metrics. */
static inline const char *models__epoch_word(const models__trainer *trainer) {
    return trainer->training.is_stream ? "window" : "epoch";
}

/* Whether the best epoch is one by its validation. */
static inline bool models__is_judged(const models__trainer *trainer) {
    return trainer->data.valid_count && trainer->learner->judges_epochs;
}

/* Opens the datasets, finds the rows to train on and those that are held out, and what they count. */
peal_status models__data_open(models__trainer *trainer, peal_error *err);
void models__data_clear(models__data *data);
/* The part of the rows that `valid` says; PEAL_E_USAGE if it is none. */
peal_status models__parse_fraction(const char *valid, double *out, peal_error *err);
/* Says how many rows of the training are copies of others, if some are. */
void models__say_copies(const models__trainer *trainer, const peal_reporter *reporter);
/* PEAL_E_DATA names a shard that changed since it was read: what workers saw of it may be anything. */
peal_status models__check_data(const models__trainer *trainer, peal_error *err);

/* Reads the options, and whatever can be known without data; the first of the steps that models__trainer_run is made
 * of.
 */
peal_status models__trainer_parse(models__trainer *trainer, peal_error *err);
/* The others but the training: chooses what was left open by trainer->data, and shares the memory. */
peal_status models__trainer_prepare(models__trainer *trainer, peal_error *err);
/* Opens the data, chooses what was left open and trains: trainer->best is then the model, and valid_scores are its. The
 * caller sets options, result and what stands beside them, and clears it whatever happens. */
peal_status models__trainer_run(models__trainer *trainer, peal_error *err);
/* Writes the model into `out`, which the caller commits. */
peal_status models__trainer_write(const models__trainer *trainer, peal_atomic_file *out, peal_error *err);
/* The same with another description of the job. */
peal_status models__trainer_write_as(const models__trainer *trainer, const json_t *job, peal_atomic_file *out,
                                     peal_error *err);
/* PEAL_E_FAILED if no model can be written there. */
peal_status models__check_out(const char *path, peal_error *err);
/* Begins the model file. */
peal_status models__open_out(const char *path, peal_atomic_file **out, peal_error *err);
void models__trainer_clear(models__trainer *trainer);
/* The three in one, with what is to be said at the end. */
peal_status models__train_once(const peal_train_options *options, peal_train_result *result, peal_atomic_file *out,
                               peal_error *err);
/* Whether the options can be the model's, as far as is known without data. */
bool models__can_learn(const peal_train_options *options);
/* Numbers that it learns. */
uint64_t models__parameters(const models__trainer *trainer);

/* Runs all epochs. */
peal_status models__train_epochs(models__trainer *trainer, peal_error *err);

/* ---- messages ---- */

typedef enum models__duty_kind {
    MODELS__WORK = 1, /* a partition */
    MODELS__COMBINE,  /* a segment of the next state */
    MODELS__TOGETHER, /* all workers */
    MODELS__SCORE,    /* PEAL_SCORE_CHUNK held-out rows */
} models__duty_kind;

/* What a worker is told. */
typedef struct models__order {
    uint64_t task;                    /* partition, segment or chunk */
    uint32_t epoch, first, end, from; /* see peal_round and peal_work */
    uint32_t committed, phase;
    uint64_t before; /* see peal_round */
    uint64_t stamp;  /* of the state that is scored: another one after each round */
} models__order;

/* Of an answer's `failed`, beside 1: the meeting was aborted. */
enum { MODELS__NO_MEMORY = 2 };

/* What it answers. */
typedef struct models__answer {
    uint64_t reached; /* step, of WORK and TOGETHER */
    uint64_t failed;  /* of TOGETHER and SCORE; 0: it did not */
} models__answer;

/* Makes the present window, if there are such, the rows of this process's trainer. */
void models__take_present(models__trainer *trainer);
/* What each worker runs. */
void models__worker(void *trainer, peal_worker *self);
/* Fills in valid_scores of all rows by a model; any process. */
peal_status models__score_valid(models__trainer *trainer, const void *model, peal_error *err);

/* ---- checkpoints (checkpoint.c) ---- */

/* Where the training stands. */
typedef struct models__progress {
    size_t epoch;      /* epochs done */
    size_t step;       /* steps of the next epoch that the committed state holds */
    size_t *reached;   /* [partitions] steps of the next epoch that a partition's slot holds, if more than `step` */
    size_t best_epoch; /* 0: none yet */
    double best_loss;
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
