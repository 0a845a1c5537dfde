/* Learners: what a trainer drives, and what a predictor asks.
 *
 * A training is a sequence of rounds. A *round* is a transaction: every partition starts from the committed state and
 * works into its own slot (`work`); when all slots are whole, they are combined in the order of the partitions beside
 * the committed state (`combine`), and one index is flipped. Or all workers do it together (`together`). Either way a
 * worker that dies has changed nothing that counts, and its work is done again. A learner says which tensors there are
 * and what is done to them; trainer, supervisor and checkpoints know rounds and tensors only. What is left of a
 * training is a *model*: named tensors that score rows.
 *
 * To add one: a file with a `const peal_learner` and a `const peal_model` (models/net/model.h) whose learner it is, and
 * the latter's line in the table of learner.c. learner/bayes.c is the smallest. */
#ifndef PEAL_MODELS_LEARNER_H
#define PEAL_MODELS_LEARNER_H

#include <jansson.h>
#include <stdatomic.h>

#include "core/process/comm.h"
#include "etl/dataset/dataset.h"
#include "models/learner/layout.h"
#include "models/learner/options.h"
#include "models/learner/ranking.h"
#include "models/net/model.h"
#include "models/net/net.h"
#include "models/net/tensor.h"

enum { PEAL_PARTITIONS_MOST = PEAL_COMM_LEAVES_MOST, PEAL_PREDICT_BATCH = 64, PEAL_SCORE_CHUNK = 4096 };

/* ---- what a learner is told ---- */

typedef struct peal_training {
    const peal_train_options *options;
    const peal_pipeline *pipeline;
    const peal_shape *shape;
    const char *sync; /* as it was spelled: "epoch", "step", a number, or "full:tolerance=1e-6" */
    size_t partitions, workers;
    size_t at_once; /* workers that can run at once, by the CPUs */

    /* the rows to train on; only workers look into `rows`, before the fork a learner can read the dataset */
    const peal_dataset *dataset;
    const peal_rows *rows;
    const uint32_t *list; /* [row_count] in the order of the dataset */
    uint64_t row_count;
    peal_weighing weighing;      /* what each counts */
    double label_least;          /* of them, if it is a number */
    const peal_queries *queries; /* of them, by their places in the list; NULL: there are none. And then also: */
    const double *labels;        /* [row_count] */
    const void *init;            /* a model of the learner's over the same pipeline, to go on from; NULL: begin anew */
    const uint32_t *order;       /* [row_count] shared: the rows as this epoch takes them, partition by partition */
    /* The rows come in windows of at most row_count, without an end: an epoch is a pass over the present window.
     * Between rounds the trainer then puts the present window's into rows, row_count and steps, in all processes; a
     * partition may have no rows. There is no dataset and no list. */
    bool is_stream;

    /* the rows that are held out */
    const peal_rows *valid_rows;
    const uint32_t *valid_list; /* [valid_count] */
    uint64_t valid_count;
    const double *valid_labels; /* [valid_count] */

    /* what the learner sets in `begin` */
    peal_model_spec *spec;  /* where it leaves something open */
    size_t steps;           /* of each partition in an epoch; a partition halts at the end of one */
    size_t step_rows;       /* of a step, at most: of a stream the trainer computes the steps of each window by it */
    size_t round_steps;     /* of a round; 0: all of the epoch */
    size_t epochs;          /* passes over the rows, at most */
    size_t last_epoch;      /* end after so many of them; 0: after all */
    size_t segments;        /* that a state is made in, by any workers: cut by the tensors' sizes, never by W */
    peal_comm_value summed; /* of `together`: what is added up over the partitions; zero: nothing is */
} peal_training;

/* The rows of partition p in `order`, and those of its step s. */
static inline void peal_partition_rows(const peal_training *training, size_t p, size_t *begin, size_t *end) {
    *begin = (size_t)(training->row_count * p / training->partitions);
    *end = (size_t)(training->row_count * (p + 1) / training->partitions);
}
static inline void peal_step_rows(const peal_training *training, size_t p, size_t s, size_t *begin, size_t *end) {
    size_t first, last;
    peal_partition_rows(training, p, &first, &last);
    *begin = first + (last - first) * s / training->steps;
    *end = first + (last - first) * (s + 1) / training->steps;
}
/* Is given the rows to train on, in the order of the dataset: a table, where in it, and the row's number in its split.
 */
typedef void (*peal_row_visit)(void *user, const peal_table *table, size_t row, uint64_t number);
/* Reads them from the dataset, not by the map that workers look into. PEAL_E_DATA as peal_dataset_read;
 * PEAL_E_INTERRUPTED if `stop` (NULL: nothing) says so. */
peal_status peal_training_read(const peal_training *training, const atomic_int *stop, peal_row_visit visit, void *user,
                               peal_error *err);
/* Steps of at most `batch` rows, none of which is empty; one if there are fewer rows than partitions. */
size_t peal_steps_of(const peal_training *training, size_t batch);

typedef struct peal_round {
    size_t epoch;      /* from 0 */
    uint64_t before;   /* steps of each partition in all epochs before this one */
    size_t first, end; /* steps of the epoch: those that the committed state holds, those that the next one will */
    int committed;     /* which of the two states is; the other one is being made */
    size_t phase;      /* of combining, from 0 */
} peal_round;

/* ---- what a worker's process shares with the parent ---- */

/* What a worker tells while it works; written by one worker, read by the parent. */
typedef struct peal_beat {
    _Alignas(64) _Atomic uint64_t count; /* any sign of life */
    _Atomic uint64_t steps;              /* of partitions, since the epoch or the job began */
    _Atomic uint32_t partition;          /* at work on it; UINT32_MAX: on none */
} peal_beat;

/* What the parent tells all workers while they work. */
typedef struct peal_control {
    _Alignas(64) _Atomic uint32_t halt; /* come back at the end of the present step */
    _Atomic uint64_t end_step; /* of `together`: where all halt, agreed in a meeting; UINT64_MAX: nowhere yet */
} peal_control;

/* A worker's task in a round. */
typedef struct peal_work {
    const peal_round *round;
    size_t rank;
    size_t partition; /* of `work` */
    size_t from;      /* step; if it is beyond round->first the slot holds what was done before */
    peal_beat *beat;
    peal_control *control;
    peal_comm *comm; /* of `together`: its leaves are the partitions, its members the workers below at_once */
} peal_work;

/* A sign of life, and which partition it is at. All of the beat is relaxed: the parent only looks whether it moves. */
static inline void peal_work_beat(const peal_work *work, size_t partition) {
    atomic_store_explicit(&work->beat->partition, (uint32_t)partition, memory_order_relaxed);
    atomic_fetch_add_explicit(&work->beat->count, 1, memory_order_relaxed);
}
/* A partition's step is done. */
static inline void peal_work_count(const peal_work *work) {
    atomic_fetch_add_explicit(&work->beat->steps, 1, memory_order_relaxed);
}
/* Relaxed: it does not matter which step is the last one. */
static inline bool peal_work_is_halted(const peal_work *work) {
    return atomic_load_explicit(&work->control->halt, memory_order_relaxed) != 0;
}

/* ---- what a predictor asks ---- */

/* Some rows; to be scored, at most PEAL_PREDICT_BATCH of them: `count` of a table from `first` on, or, without a table,
 * those of `rows` that `order` names. They have the columns of the pipeline's output. */
typedef struct peal_batch {
    const peal_table *table;
    size_t first;
    const peal_rows *rows;
    const uint32_t *order;
    size_t count;
} peal_batch;

/* The table in which row `i` of the batch stands, and where. */
static inline const peal_table *peal_batch_row(const peal_batch *batch, size_t i, size_t *within) {
    if (!batch->table) return peal_rows_find(batch->rows, batch->order[i], within);
    *within = batch->first + i;
    return batch->table;
}

/* Numbers of rows that a model can tell in the place of its predictions. */
typedef struct peal_view {
    const char *name;
    const char *documentation;
    /* PEAL_E_DATA if this model cannot, though others of its learner can. NULL: all can. */
    peal_status (*check)(const void *model, peal_error *err);
    size_t (*width)(const void *model); /* numbers a row */
    /* The name of number `index`, freed by the caller; NULL if there is no memory. */
    char *(*title)(const void *model, const peal_pipeline *pipeline, size_t index);
    /* As those of a learner, which score rows. */
    peal_status (*scratch_new)(const void *model, void **scratch, peal_error *err);
    void (*scratch_free)(void *scratch);
    void (*score)(const void *model, void *scratch, const peal_batch *batch, double *out); /* [batch->count, width] */
} peal_view;

struct peal_learner {
    const char *name;
    const char *documentation;
    const char *sync; /* how it synchronises, where nothing is said */

    /* ---- the model ---- */

    /* A model of the spec over what the pipeline makes: all its tensors have their shapes and memory, and no values
     * yet. `given` are the tensors of a model file, [given_count], whose values the caller will copy, for a learner
     * whose shapes do not follow from the pipeline; NULL in training. PEAL_E_USAGE if it cannot learn such a label. */
    peal_status (*model_new)(const peal_pipeline *pipeline, const peal_model_spec *spec, const peal_tensor *given,
                             size_t given_count, void **model, peal_error *err);
    void (*model_free)(void *model);
    bool picks_sparse; /* its model has room for the sparse features that it uses, not for all that there are */
    /* Its tensors [*count]; whoever has just made it may write their data. */
    const peal_tensor *(*model_tensors)(const void *model, size_t *count);
    /* PEAL_E_DATA if its values, all of them finite, make no sense as a whole. NULL: they always do. */
    peal_status (*model_check)(const void *model, peal_error *err);
    /* What one thread needs beside the model, which must outlive it; NULL: nothing. */
    peal_status (*scratch_new)(const void *model, void **scratch, peal_error *err);
    void (*scratch_free)(void *scratch);
    /* scores [batch->count, classes or 1]: a probability for each class, or the number in its own unit. A row's scores
     * have the same bits whatever stands beside it. */
    void (*score)(const void *model, void *scratch, const peal_batch *batch, double *scores);

    /* What its scores rank the rows of a query by; NULL: they are no mere ranks. The function NULL: they never are. */
    const peal_ranking *(*ranking)(const void *model);

    /* ---- what it tells of the model besides; NULL: nothing ---- */

    /* Whether it makes no difference between rows, but for their offsets. */
    bool (*is_constant)(const void *model);
    const peal_view *const *views; /* ends with NULL */
    /* For each column of the input that it learnt from, by what they serve it: an array of objects with a name, and in
     * `gain` and `splits` how much. NULL if there is no memory. */
    json_t *(*importance)(const void *model, const peal_pipeline *pipeline);
    /* Tree `number`, from 1 on, as an object. PEAL_E_USAGE if there is no such one. */
    peal_status (*tree)(const void *model, const peal_pipeline *pipeline, uint64_t number, json_t **out,
                        peal_error *err);

    /* ---- the training ---- */

    bool goes_on;       /* it can learn from a stream: what it knows of old rows stays when new ones come */
    bool shuffles;      /* each epoch takes the rows in an order of its own; else in that of the dataset */
    bool flushes_tiny;  /* its workers take floats that are too small to be normal for 0 */
    bool judges_epochs; /* each epoch's model may be the best one; else it is the last one's */
    bool grows;         /* the model that it goes on from is a part of its own, which `begin` finds to fit; else all
                           tensors have the same sizes */
    bool has_no_end;    /* the loss of rows that it is trained on falls as long as it goes on, and says nothing */

    /* All that can be known without data: PEAL_E_USAGE for options that it does not have or values that cannot be. */
    peal_status (*check)(const peal_train_options *options, const peal_model_spec *spec, peal_error *err);
    /* Chooses what was left open and makes what the training needs, before the workers are forked. On error `end` is
     * still called if *self is set. */
    peal_status (*begin)(peal_training *training, void **self, peal_error *err);
    void (*end)(void *self);
    /* What of it shapes the model: an object, for the model file and for resuming. NULL if there is no memory. */
    json_t *(*describe)(const void *self);
    /* A sentence on what was chosen. Returns `text`. */
    const char *(*summary)(const void *self, char text[160]);
    /* Writes the first committed state, number 0, from a model; after `initialise`. NULL: it begins anew always. */
    void (*take)(void *self, const void *model);
    /* Bytes that each worker takes for itself; NULL: few. */
    uint64_t (*worker_bytes)(const void *self);
    /* Declares its tensors; called twice, see layout.h. */
    void (*lay_out)(void *self, peal_layout *layout);
    /* Writes the first committed state, number 0, which is zeroed. NULL: it stays so. */
    void (*initialise)(void *self);
    /* Any process: one partition from its step work->from on. Returns the step that the slot then holds:
     * work->round->end, or less if the workers are halted. */
    size_t (*work)(void *self, const peal_work *work);
    /* All workers below training->at_once, instead of `work` and `combine`: makes the next state. *reached is the step
     * that it holds, the same for all. PEAL_E_MEMORY ends the job; any other error says that the meeting was
     * aborted: then all begin anew, and what has been left in work->comm may be torn. */
    peal_status (*together)(void *self, const peal_work *work, size_t *reached);
    /* Any process: makes segment `segment` of the next state, reading the committed one, the slots, and what earlier
     * phases have made of the next one. It may be done twice. */
    void (*combine)(void *self, const peal_round *round, size_t segment);
    /* The parent, when all segments of a phase are made: writes the next state, and returns the phase to do next; 0:
     * the round is whole. NULL: there is one phase. */
    size_t (*advance)(void *self, const peal_round *round);
    /* Any process: scores [end - begin, classes or 1] of the held-out rows begin .. end - 1, which are a whole chunk of
     * PEAL_SCORE_CHUNK, as the model of a state would score them. It may be done twice. NULL: by the model. */
    void (*score_valid)(void *self, int state, uint64_t begin, uint64_t end, double *scores);
    /* The mean loss, 0 at least, of held-out rows [count] whose labels are numbers, by their scores and weights (NULL:
     * each counts 1): the least one is
     * the best model's. Not called where scores only rank rows, which NDCG judges. NULL: the metrics', half the squared
     * error in deviations. */
    double (*valid_loss)(const void *self, const double *scores, const double *labels, const double *weights,
                         uint64_t count);
    /* The mean loss of the epoch that `state` has ended. NULL: it does not know. */
    double (*loss)(const void *self, int state);
    /* Whether the training is over before its last epoch; NULL: never. */
    bool (*is_over)(const void *self, int state);
    /* How far the partitions agreed in the last round, see models/README.md; NULL: it does not know. */
    double (*agreement)(const void *self, const peal_round *round);
    /* PEAL_E_DATA if what a checkpoint has put into the committed state, or into the slot of a partition (SIZE_MAX:
     * none), makes no sense after `step` steps of its epoch. NULL: it always does. */
    peal_status (*check_state)(const void *self, int state, size_t partition, size_t step, peal_error *err);
    /* Whether the state needs this tensor of the pool: if not, checkpoints leave it out. NULL: all. */
    bool (*needs)(const void *self, int state, const void *data);
    /* Writes the tensors of `model` from a state. */
    void (*fill)(const void *self, int state, void *model);
    /* Says how the training of `state` went, when all is over. NULL: the trainer sees it by the losses. */
    void (*conclude)(const void *self, int state);
};

/* The first option given that only learning by steps has; NULL: none is. */
const char *peal_steps_option(const peal_train_options *options);

/* By the name that stands in model files; NULL: there is none. */
const peal_learner *peal_learner_find(const char *name);

/* Ways of synchronising that a user may choose (sync), and who learns so. */
typedef struct peal_sync {
    const char *name;
    const char *documentation;
    const peal_learner *learner;
} peal_sync;
extern const peal_sync peal_syncs[]; /* ends with a name of NULL */

/* Who is to learn the model: by `sync`; else by options that only steps have; else whom the model names. PEAL_E_USAGE
 * if there is no such way. */
peal_status peal_sync_choose(const peal_train_options *options, const peal_model_spec *spec, const peal_learner **out,
                             peal_error *err);

#endif
