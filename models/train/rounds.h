/* Rounds: what workers are given to do, until the next state is committed. The rows are those that the trainer has
 * (of an epoch, or of a stream's present window); who drives the rounds says when they halt and what is done then. */
#ifndef PEAL_MODELS_ROUNDS_H
#define PEAL_MODELS_ROUNDS_H

#include "models/train/supervisor.h"

typedef struct models__rounds {
    models__trainer *trainer;
    models__supervisor supervisor;
    models__progress progress; /* of which epoch, step, reached, train_loss and agreed are written here */
    uint64_t before;           /* steps of each partition in all epochs before the present one; the caller's */
    uint8_t *done;             /* [tasks] of the present batch of tasks: given to a worker, or done */
    size_t turn;               /* the rank that is looked at first for the next task */
    peal_round round;
    uint64_t committed;    /* rounds, by this process */
    uint64_t steps_before; /* of the epoch, done before the workers began to count */

    /* the caller's */
    void *user;
    bool (*is_to_halt)(void *user); /* whether the workers are to come back in the middle of an epoch */
    /* They have halted: what is left may be gone on with if this is PEAL_OK. */
    peal_status (*halted)(void *user, peal_error *err);
    void (*report)(void *user, uint64_t rows); /* how many of the epoch's rows are done */
} models__rounds;

/* Memory for progress and tasks; before models__rounds_fork, so that a resume can be read between. */
peal_status models__rounds_init(models__rounds *self, peal_error *err);
peal_status models__rounds_fork(models__rounds *self, peal_error *err);
/* Ends the workers, after `grace_ms` by force. */
void models__rounds_end(models__rounds *self, int grace_ms);
void models__rounds_clear(models__rounds *self);

/* The rows' order, and all rounds from progress.step to the end of the epoch. */
peal_status models__rounds_epoch(models__rounds *self, peal_error *err);
/* progress is that of the next epoch. */
void models__rounds_next_epoch(models__rounds *self);
/* The workers fill in valid_scores of all rows that are held out, by the committed state. */
peal_status models__rounds_score(models__rounds *self, peal_error *err);
/* Tells `report` how far the epoch is. */
void models__rounds_report(const models__rounds *self);

/* False if the committed state holds what is no number. */
bool models__state_is_finite(const models__trainer *trainer);

#endif
