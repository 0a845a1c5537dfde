/* Tables in training: parameters of which a batch names few rows (ops/graph.h).
 *
 * A step touches the rows that occur in it; all others rest. Each row has a clock: the step of the epoch up to which
 * all is done to it. When it occurs again, the steps between are made up for at once (peal_optimizer.rest), and its
 * penalty with them, so a row that is rare is punished as often as one that is not. At a round's end every row is
 * settled: a committed state knows no clocks but those of steps that are taken together, in the middle of an epoch.
 *
 * A partition's change of a row counts by how often the partition has seen it: of a row that one of eight has seen,
 * an even mean would leave an eighth. */
#ifndef PEAL_MODELS_TABLES_H
#define PEAL_MODELS_TABLES_H

#include "core/process/sum.h"
#include "models/learner/sgd.h"

/* Lists the tables of sgd->net and makes the memory for their rows, the touched rows of sgd->gradients
 * included. */
peal_status models__tables_new(models__sgd *sgd, peal_error *err);
void models__tables_free(models__sgd *sgd);

/* Bytes of a list of touched rows in one piece of memory; 0 without tables. */
size_t models__touched_bytes(const models__sgd *sgd);
/* Makes such a list at `memory`, which the gradient belongs to: no row is touched, and all are zero, whatever a worker
 * that died has left there. */
void models__tables_reset(const models__sgd *sgd, float *gradient, void *memory);

/* The weighted sum of two gradients in the rows that either names, into the one of them that `out` is; its `rows` list
 * them all afterwards. */
void models__tables_add(const models__sgd *sgd, float *out, peal_touched *rows, const peal_touched *other_rows,
                        const peal_term halves[2]);

/* A step of the rows that any of the gradients names, the tables' floats [begin, end) of the flat vectors: rows belong
 * to who has their first float. The gradients are added as peal_sum_terms does. */
typedef struct models__table_step {
    const peal_term *terms;
    const peal_touched *const *touched; /* [term_count] */
    size_t term_count;
    uint64_t before; /* see peal_round */
    size_t step, begin, end;
    float *published; /* the new values go there, too, unless it is NULL */
} models__table_step;
void models__tables_step(models__sgd *sgd, models__state *state, const models__table_step *step);

/* A slot begins a round at `step`: nothing is seen. */
void models__tables_begin(const models__sgd *sgd, models__state *slot, size_t step);
/* All rows of [begin, end) rest until step `step`; of a slot those that it has seen. */
void models__tables_settle(const models__sgd *sgd, models__state *state, uint64_t before, size_t step, size_t begin,
                           size_t end);
/* The mean of the slots' rows in [begin, end), by what each has seen of them, into `next`; who has not seen a row of
 * the round, from step `first` to `step`, has rested. */
void models__tables_combine(const models__sgd *sgd, const models__state *old, models__state *next, uint64_t before,
                            size_t first, size_t step, size_t begin, size_t end);

#endif
