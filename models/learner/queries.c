/* A query's rows may be of several workers, and their derivatives depend on all their scores. So every worker writes
 * the scores of its rows into shared memory; then the queries are dealt out, about as many rows to each worker, and
 * their derivatives come back the same way. */
#include "models/learner/queries.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

/* Memory of a worker, until its process ends. */
struct models__own_queries {
    models__query_room room;
    double *scores, *labels, *random, *derivatives; /* [longest], the last one [longest, 2] */
};

static peal_status make_room(models__own_rows *own, const peal_queries *queries) {
    const size_t longest = queries->longest;
    if (own->queries) return PEAL_OK;
    struct models__own_queries *made = calloc(1, sizeof *made);
    if (!made) return PEAL_E_MEMORY;
    own->queries = made;
    PEAL_TRY(models__query_room_init(&made->room, longest, NULL));
    PEAL_TRY(peal_alloc_checked(&made->scores, longest, sizeof(double), "queries", NULL));
    PEAL_TRY(peal_alloc_checked(&made->labels, longest, sizeof(double), "queries", NULL));
    PEAL_TRY(peal_alloc_checked(&made->random, longest, sizeof(double), "queries", NULL));
    return peal_alloc_checked(&made->derivatives, longest, 2 * sizeof(double), "queries", NULL);
}

/* The first query that has its first row at place `at` or behind it. */
static size_t query_from(const peal_queries *queries, size_t at) {
    size_t low = 0, high = queries->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (queries->first[middle] < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static double derive_query(const models__member *m, size_t q) {
    const models__trees *self = m->self;
    const peal_queries *queries = self->training->queries;
    struct models__own_queries *own = m->own->queries;
    const uint32_t *rows = queries->rows + queries->first[q];
    const size_t count = queries->first[q + 1] - queries->first[q];
    for (size_t i = 0; i < count; i++) {
        uint32_t random[4];
        own->scores[i] = self->query_scores[rows[i]];
        own->labels[i] = self->training->labels[rows[i]];
        models__place_random(m, rows[i], 0, PEAL_PURPOSE_QUERY, random);
        own->random[i] = random[0] * 0x1p-32;
    }
    const models__query query = {.count = count, .scores = own->scores, .labels = own->labels, .random = own->random};
    const double loss = self->goal.objective->query(&self->goal.rule, &query, &own->room, own->derivatives);
    for (size_t i = 0; i < count; i++) {
        memcpy(self->query_derivatives + 2 * (size_t)rows[i], own->derivatives + 2 * i, 2 * sizeof(double));
    }
    return loss;
}

/* Queries are cut by the places of their rows: those that begin in a worker's part of these are its own. */
static void derive_queries(const models__member *m) {
    const models__trees *self = m->self;
    const peal_queries *queries = self->training->queries;
    size_t begin, count;
    models__member_rows(self, m->rank, &begin, &count);
    const size_t end = query_from(queries, begin + count);
    for (size_t q = query_from(queries, begin), done = 0; q < end; q++, done++) {
        self->told[m->rank].loss += (__int128)llrint(derive_query(m, q) * (1 << 30));
        if (done % 64 == 0) peal_work_beat(m->work, UINT32_MAX);
    }
}

/* Nobody writes scores again before all have met over the trees of this round. */
peal_status models__query_derivatives(models__member *m) {
    const models__trees *self = m->self;
    PEAL_TRY(make_room(m->own, self->training->queries));
    memcpy(self->query_scores + m->begin, m->own->scores, m->count * sizeof(double));
    PEAL_TRY(models__meet(m));
    derive_queries(m);
    PEAL_TRY(models__meet(m));
    for (size_t i = 0; i < m->count; i++) {
        const double *from = self->query_derivatives + 2 * (m->begin + i);
        m->own->derivatives[2 * i] = models__bounded(from[0], -MODELS__DERIVATIVE_MOST);
        m->own->derivatives[2 * i + 1] = models__bounded(from[1], 0);
    }
    return PEAL_OK;
}
