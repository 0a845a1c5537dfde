/* Leaves of the absolute and of quantile losses, whose second derivatives say nothing: each gets the quantile of target
 * minus score over its rows, of all workers. Every worker writes those of its rows into shared memory, in the order of
 * its list, where a leaf's stand together; then the leaves are dealt out. */
#include "models/learner/renew.h"

static void write_rows(const models__member *m) {
    const models__trees *self = m->self;
    for (size_t l = 0; l < m->leaf_count; l++) {
        const models__leaf *leaf = &m->leaves[l];
        self->spans[l * self->members + m->rank] = (models__span){m->begin + leaf->first, leaf->count};
        for (size_t at = leaf->first; at < leaf->first + leaf->count; at++) {
            const size_t row = m->own->lists[0][at];
            const double share = m->own->shares ? (double)m->own->shares[row] : 1;
            models__keys_set(&self->keys, m->begin + at, m->own->targets[row] - m->own->scores[row],
                             m->own->weights[row] * share);
        }
    }
}

/* After the meeting the sums' values are there to be replaced. Nobody writes rows again before all have met over the
 * next tree. */
peal_status models__renew_leaves(models__member *m) {
    models__trees *self = m->self;
    write_rows(m);
    PEAL_TRY(models__meet(m));
    for (size_t l = m->rank; l < m->leaf_count; l += self->members) {
        const models__span *spans = self->spans + l * self->members;
        self->forest.values[m->tree * self->forest.leaves + l] =
            self->rate * models__quantile(&self->keys, spans, self->members, self->goal.alpha);
    }
    if (!self->constraints.directions) return PEAL_OK;
    PEAL_TRY(models__meet(m));
    if (m->rank == 0) models__constraints_mend(&self->constraints, &self->forest, m->tree, m->mending);
    return PEAL_OK;
}
