/* Stochastic gradient descent over a net: what sgd.c (rounds of an epoch or of N steps) and step.c (every step
 * together) share. Private to this folder. */
#ifndef PEAL_MODELS_SGD_H
#define PEAL_MODELS_SGD_H

#include "models/learner/augment.h"
#include "models/learner/learner.h"
#include "models/learner/net_model.h"
#include "ops/optimizer/optimizer.h"

/* How a round's mean change is applied. */
typedef struct models__outer {
    const char *name;
    double lr, momentum;
    bool nesterov;
} models__outer;

/* One state of the training. Each vector has `floats` floats. */
typedef struct models__state {
    float *params;
    float *optimizer[PEAL_OPTIMIZER_STATES];
    float *outer;     /* momentum of the outer optimiser; not of slots */
    double *losses;   /* [partitions] sums over the rows of the epoch so far; of a slot [1] */
    uint32_t *clocks; /* [table_rows] of slots, or where all step together of states: the step that the row is settled
                         up to */
    uint32_t *seen;   /* [table_rows] of slots: steps of the round that the row has occurred in */
} models__state;

typedef struct models__sgd {
    peal_training *training;
    size_t partitions; /* of the training */

    /* what was chosen */
    const char *optimizer_text, *schedule_text;
    const peal_optimizer *optimizer;
    peal_optimizer_options optimizer_options;
    const peal_schedule *schedule;
    peal_schedule_options schedule_options;
    models__outer outer;
    double lr;
    size_t batch;
    const models__augment *augment; /* NULL: rows are trained on as they are */
    models__augment augmenting;
    bool is_together;

    /* made before the fork */
    peal_net *net;
    float *gradients; /* a worker's own: [levels][floats] */
    size_t levels;
    size_t floats;            /* of a vector of parameters */
    size_t dense;             /* those of them that belong to no table */
    const peal_node **tables; /* [table_count], see tables.h */
    size_t table_count, table_rows;
    peal_touched *touched;               /* [levels] of `gradients` */
    struct models__row_batch *row_batch; /* a worker's own */

    /* shared memory */
    models__state states[2], *slots; /* [partitions] of rounds */
    float *published; /* [floats] of steps together: the parameters from which all workers take their gradients */
} models__sgd;

/* Chooses and makes all that both ways need. */
peal_status models__sgd_begin(peal_training *training, bool is_together, void **self, peal_error *err);
peal_status models__sgd_check(const peal_train_options *options, const peal_model_spec *spec, peal_error *err);
void models__sgd_end(void *self);
json_t *models__sgd_describe(const void *self);
const char *models__sgd_summary(const void *self, char text[160]);
uint64_t models__sgd_worker_bytes(const void *self);
void models__sgd_lay_out(void *self, peal_layout *layout);
void models__sgd_initialise(void *self);
void models__sgd_take(void *self, const void *model);
double models__sgd_loss(const void *self, int state);
peal_status models__sgd_check_state(const void *self, int state, size_t partition, size_t step, peal_error *err);
void models__sgd_fill(const void *self, int state, void *model);

/* What both are in the table of learners. */
#define MODELS__SGD                                                                                                    \
    MODELS__NET_MODEL, .goes_on = true, .shuffles = true, .flushes_tiny = true, .judges_epochs = true,                 \
                       .check = models__sgd_check, .end = models__sgd_end, .describe = models__sgd_describe,           \
                       .summary = models__sgd_summary, .worker_bytes = models__sgd_worker_bytes,                       \
                       .lay_out = models__sgd_lay_out, .initialise = models__sgd_initialise, .take = models__sgd_take, \
                       .loss = models__sgd_loss, .check_state = models__sgd_check_state, .fill = models__sgd_fill

/* The rate of a partition's step `step` of the whole training, from 0. */
float models__learning_rate(const models__sgd *self, uint64_t step);
/* Forward and backward over one step's rows, and the gradient clipped; the graph is bound already, to `gradient` and
 * `touched`. Returns the sum of the rows' losses. */
double models__gradient_of_step(models__sgd *self, size_t p, size_t epoch, size_t step, float *gradient,
                                const peal_touched *touched);
void models__copy_state(const models__sgd *self, models__state *to, const models__state *from, size_t begin,
                        size_t end);

#endif
