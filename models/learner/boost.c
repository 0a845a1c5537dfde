/* A round of boosting: gradients of all rows, then a tree for each output. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/explog.h"
#include "core/base/memory.h"
#include "core/base/vector.h"
#include "models/learner/dart.h"
#include "models/learner/histogram.h"
#include "models/learner/part.h"
#include "models/learner/queries.h"
#include "models/learner/sample.h"

/* ---- what all workers know ---- */

peal_status models__meet(const models__member *m) {
    peal_work_beat(m->work, UINT32_MAX);
    return peal_comm_barrier(m->work->comm, m->rank, NULL);
}

double models__scale_for(double most, int bits) {
    return most > 0 && isfinite(most) ? ldexp(1, bits - 1 - ilogb(most)) : 1;
}

double models__most_of(const models__trees *self, bool hessian) {
    double most = 0;
    for (size_t r = 0; r < self->members; r++) {
        most = fmax(most, hessian ? self->told[r].most_hessian : self->told[r].most_gradient);
    }
    return most;
}

void models__row_key(const models__member *m, size_t output, peal_purpose purpose, uint32_t key[2], uint32_t rest[3]) {
    const uint64_t seed = m->self->training->options->seed;
    key[0] = (uint32_t)seed;
    key[1] = (uint32_t)(seed >> 32);
    rest[0] = (uint32_t)m->round;
    rest[1] = (uint32_t)output;
    rest[2] = (uint32_t)purpose << 24;
}

void models__place_random(const models__member *m, size_t place, size_t output, peal_purpose purpose, uint32_t out[4]) {
    uint32_t key[2], counter[4] = {m->self->training->order[place]};
    models__row_key(m, output, purpose, key, counter + 1);
    peal_philox_block(counter, key, out);
}

void models__row_random(const models__member *m, size_t i, size_t output, peal_purpose purpose, uint32_t out[4]) {
    models__place_random(m, m->begin + i, output, purpose, out);
}

/* ---- rows ---- */

enum { BLOCK_ROWS = 256 }; /* that are worked on together */

static const peal_table *find_row(const models__member *m, size_t i, size_t *row) {
    const peal_training *training = m->self->training;
    return peal_rows_find(training->rows, training->order[m->begin + i], row);
}

static peal_status make_room(const models__member *m, models__own_rows *own) {
    const size_t rows = m->count, columns = m->self->places.columns, outputs = m->self->outputs;
    own->stride = models__row_stride(columns);
    PEAL_TRY(peal_alloc_checked(&own->matrix, rows, own->stride, "rows", NULL));
    PEAL_TRY(peal_alloc_checked(&own->columns, rows * columns + MODELS__PART_BYTES, 1, "rows", NULL));
    PEAL_TRY(peal_alloc_checked(&own->targets, rows, sizeof(double), "rows", NULL));
    PEAL_TRY(peal_alloc_checked(&own->weights, rows, sizeof(double), "rows", NULL));
    PEAL_TRY(peal_alloc_checked(&own->scores, rows * outputs, sizeof(double), "rows", NULL));
    PEAL_TRY(peal_alloc_checked(&own->derivatives, rows * outputs, 2 * sizeof(double), "rows", NULL));
    PEAL_TRY(peal_alloc_checked(&own->leaves, rows * outputs, sizeof *own->leaves, "rows", NULL));
    PEAL_TRY(peal_zeroed_checked(&own->held, m->self->rounds, sizeof(double), "rounds", NULL));
    PEAL_TRY(models__sample_room(&m->self->sampling, own, rows));
    PEAL_TRY(peal_alloc_checked(&own->lists[0], rows, sizeof(uint32_t), "rows", NULL));
    return peal_alloc_checked(&own->lists[1], rows + MODELS__PART_ROWS, sizeof(uint32_t), "rows", NULL);
}

static peal_sparse_row sparse_of(const models__member *m, size_t i) {
    size_t row;
    const peal_table *table = find_row(m, i, &row);
    return models__sparse_row(&m->self->bins.shape, table, row);
}

/* Counts what stands in lists: list_first [k + 1] of each feature, row_first [i + 1] of all rows up to i. */
static void count_lists(const models__member *m, models__own_rows *own) {
    const models__trees *self = m->self;
    for (size_t i = 0; i < m->count; i++) {
        const peal_sparse_row row = sparse_of(m, i);
        own->row_first[i + 1] = own->row_first[i];
        for (models__entry entry = {0}; models__entry_next(&self->bins.sparse, row, &entry);) {
            if (self->places.column[entry.k] != MODELS__NO_COLUMN) continue;
            own->list_first[entry.k + 1]++;
            own->row_first[i + 1]++;
        }
        if (i % 4096 == 0) peal_work_beat(m->work, UINT32_MAX);
    }
    for (size_t k = 0; k < self->bins.sparse.count; k++) own->list_first[k + 1] += own->list_first[k];
}

/* Row i's sparse features: bytes of bundles in their columns, the others in lists. `next` [sparse features] is where in
 * list_rows a feature's next row goes. */
static void load_sparse_row(const models__member *m, models__own_rows *own, size_t i, size_t *next) {
    const models__trees *self = m->self;
    const models__bundles *places = &self->places;
    const peal_sparse_row row = sparse_of(m, i);
    uint32_t *out = own->entries + own->row_first[i];
    for (models__entry entry = {0}; models__entry_next(&self->bins.sparse, row, &entry);) {
        const size_t k = entry.k;
        const uint32_t rank = models__sparse_rank(entry.bin, self->bins.sparse.zeros[k]);
        const uint8_t byte = (uint8_t)(places->base[k] + rank);
        if (places->column[k] != MODELS__NO_COLUMN) {
            models__row_bins(own, i)[places->column[k]] = own->columns[places->column[k] * m->count + i] = byte;
            continue;
        }
        *out++ = places->first[k] + rank;
        own->list_rows[next[k]] = (uint32_t)i;
        own->list_bytes[next[k]++] = byte;
    }
    if (i % 4096 == 0) peal_work_beat(m->work, UINT32_MAX);
}

static peal_status load_sparse_rows(const models__member *m, models__own_rows *own) {
    const models__trees *self = m->self;
    const size_t sparse = self->bins.sparse.count;
    size_t *next;
    if (sparse == 0) return PEAL_OK;
    PEAL_TRY(peal_alloc_checked(&own->row_first, m->count + 1, sizeof(size_t), "rows", NULL));
    PEAL_TRY(peal_alloc_checked(&own->list_first, sparse + 1, sizeof(size_t), "rows", NULL));
    PEAL_TRY(peal_alloc_checked(&own->marks, m->count + MODELS__PART_BYTES, 1, "rows", NULL));
    PEAL_TRY(
        peal_alloc_checked(&own->alive, self->leaves * (m->own_end - m->own_begin), sizeof(uint32_t), "rows", NULL));
    count_lists(m, own);
    const size_t entries = own->row_first[m->count];
    PEAL_TRY(peal_alloc_checked(&own->entries, entries, sizeof(uint32_t), "rows", NULL));
    PEAL_TRY(peal_alloc_checked(&own->list_rows, entries, sizeof(uint32_t), "rows", NULL));
    PEAL_TRY(peal_alloc_checked(&own->list_bytes, entries, 1, "rows", NULL));
    PEAL_TRY(peal_alloc_checked(&next, sparse, sizeof(size_t), "rows", NULL));
    memcpy(next, own->list_first, sparse * sizeof *next);
    for (size_t i = 0; i < m->count; i++) load_sparse_row(m, own, i, next);
    free(next);
    return PEAL_OK;
}

/* Row i of the worker's, which is at a place: what is beside its numbers' and categories' bins. */
static void load_row(const models__member *m, models__own_rows *own, size_t i, const models__row_at *at) {
    models__trees *self = m->self;
    const peal_training *training = self->training;
    const peal_shape *shape = &self->goal.shape;
    uint8_t *bins = models__row_bins(own, i);
    double *scores = own->scores + i * self->outputs;
    models__means_row(&self->means, &self->bins, at->table, at->row, training->order[m->begin + i], bins);
    for (size_t f = 0; f < self->bins.dense; f++) own->columns[f * m->count + i] = bins[f];
    const double label = peal_shape_label(shape, at->table, at->row);
    own->targets[i] = models__goal_target(&self->goal, label);
    own->weights[i] = peal_row_weight(&training->weighing, shape, at->table, at->row, label);
    own->is_weighted = own->is_weighted || own->weights[i] < 1 || own->weights[i] > 1;
    models__forest_begin(&self->forest, shape, at->table, at->row, scores);
    for (size_t k = 0; k < self->outputs; k++) scores[k] = models__dart_round(&self->dart, scores[k]);
}

/* Own rows as bytes and lists, their targets, what they count, and what they begin with. */
static peal_status load_rows(models__member *m) {
    models__trees *self = m->self;
    if (self->own) return PEAL_OK;
    models__own_rows *own = calloc(1, sizeof *own); /* until this process ends, or the job for want of memory */
    if (!own) return PEAL_E_MEMORY;
    PEAL_TRY(make_room(m, own));
    own->grown = SIZE_MAX;
    for (size_t begin = 0, count; begin < m->count; begin += count) {
        models__row_at rows[BLOCK_ROWS];
        count = m->count - begin < BLOCK_ROWS ? m->count - begin : BLOCK_ROWS;
        for (size_t i = 0; i < count; i++) rows[i].table = find_row(m, begin + i, &rows[i].row);
        models__bins_dense_rows(&self->bins, rows, count, models__row_bins(own, begin), own->stride);
        for (size_t i = 0; i < count; i++) load_row(m, own, begin + i, &rows[i]);
        peal_work_beat(m->work, UINT32_MAX);
    }
    PEAL_TRY(load_sparse_rows(m, own));
    self->own = own;
    return PEAL_OK;
}

/* ---- scores ---- */

static peal_sparse_row seen_sparse(const void *user, size_t i) {
    return sparse_of(user, i);
}

/* Brings the scores of own rows to what `rounds` rounds, which are committed, make of them with the weights. Where the
 * rows have seen the last one grow it is known where they fell. */
static void update_scores(const models__member *m, size_t rounds) {
    models__own_rows *own = m->own;
    const models__seen_rows rows = {
        .count = m->count, .dense = models__row_bins(own, 0), .stride = own->stride, .sparse = seen_sparse, .user = m};
    for (size_t r = 0; r < rounds; r++) {
        if (own->held[r] == m->weights[r]) continue;
        models__change_scores(m->self, r, own->held[r], m->weights[r], &rows, own->grown == r ? own->leaves : NULL,
                              own->scores);
        own->held[r] = m->weights[r];
        peal_work_beat(m->work, UINT32_MAX);
    }
}

/* ---- gradients ---- */

/* By its size, of [count, 2]; found among the bits, which are in the same order, so that it takes no branches. */
PEAL_VECTOR static double largest(const double *numbers, size_t count) {
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t size = peal_bits_of(numbers[2 * i]) & ~(UINT64_C(1) << 63);
        most = size > most ? size : most;
    }
    return peal_of_bits(most);
}

/* By what each row counts. */
static void weigh(const models__member *m, size_t begin, size_t count, double *losses) {
    const size_t outputs = m->self->outputs;
    const double *weights = m->own->weights + begin;
    if (!m->own->is_weighted) return;
    for (size_t i = 0; i < count; i++) {
        double *out = m->own->derivatives + 2 * (begin + i) * outputs;
        for (size_t k = 0; k < 2 * outputs; k++) out[k] *= weights[i];
        losses[i] *= weights[i];
    }
}

/* Small losses in units of 2^-30, added up; *is_small tells whether they all are. */
PEAL_VECTOR static int64_t sum_small(const double *losses, size_t count, bool *is_small) {
    uint64_t most = 0, sum = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t size = peal_bits_of(losses[i]) & ~(UINT64_C(1) << 63);
        most = size > most ? size : most;
        sum += (uint64_t)peal_nearest(losses[i] * (1 << 30));
    }
    *is_small = peal_of_bits(most) < 1 << 20;
    return (int64_t)sum;
}

/* Losses in whole numbers, so that their sum has no order. */
static __int128 sum_losses(const double *losses, size_t count) {
    bool is_small;
    __int128 sum = sum_small(losses, count, &is_small);
    if (is_small) return sum;
    sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double below = losses[i] < 1e9 ? losses[i] : 1e9;
        sum += (__int128)llrint((below > -1e9 ? below : -1e9) * (1 << 30));
    }
    return sum;
}

static peal_status find_derivatives(models__member *m) {
    const models__trees *self = m->self;
    const size_t outputs = self->outputs;
    const bool ranks = models__goal_ranks(&self->goal);
    models__told *told = &self->told[m->rank];
    told->most_gradient = told->most_hessian = 0;
    told->loss = 0;
    if (ranks) PEAL_TRY(models__query_derivatives(m));
    for (size_t begin = 0, count; begin < m->count; begin += count) {
        double losses[BLOCK_ROWS] = {0}, *out = m->own->derivatives + 2 * begin * outputs;
        count = m->count - begin < BLOCK_ROWS ? m->count - begin : BLOCK_ROWS;
        if (!ranks) {
            models__goal_rows(&self->goal, m->own->scores + begin * outputs, m->own->targets + begin, count, out,
                              losses);
        }
        weigh(m, begin, count, losses);
        if (!ranks) told->loss += sum_losses(losses, count);
        told->most_gradient = fmax(told->most_gradient, largest(out, count * outputs));
        told->most_hessian = fmax(told->most_hessian, largest(out + 1, count * outputs));
    }
    return PEAL_OK;
}

/* ---- the round ---- */

static void write_state(const models__member *m, int state, size_t rounds) {
    models__trees *self = m->self;
    __int128 loss = 0;
    const peal_training *training = self->training;
    const bool ranks = models__goal_ranks(&self->goal);
    const double count = ranks ? (double)training->queries->count : (double)training->row_count;
    for (size_t r = 0; r < self->members; r++) loss += self->told[r].loss;
    self->states[state][MODELS__STATE_ROUNDS] = (double)(rounds + 1);
    self->states[state][MODELS__STATE_LOSS] = (double)loss / (1 << 30) / count;
}

static peal_status grow_trees(models__member *m, size_t *reached) {
    models__trees *self = m->self;
    const int committed = m->work->round->committed;
    const size_t rounds = (size_t)self->states[committed][MODELS__STATE_ROUNDS];
    PEAL_TRY(load_rows(m));
    m->own = self->own;
    m->round = rounds;
    const size_t dropped = models__dart_drop(self, committed, rounds, m->weights);
    update_scores(m, rounds);
    m->own->grown = SIZE_MAX;
    PEAL_TRY(find_derivatives(m));
    PEAL_TRY(models__sample_rows(m));
    PEAL_TRY(models__meet(m));
    m->rules.gradient_unit = 1 / models__scale_for(models__most_of(self, false), MODELS__GRADIENT_BITS);
    m->rules.hessian_unit = 1 / models__scale_for(models__most_of(self, true), self->hessian_bits);
    m->rules.row_bits = self->row_bits;
    models__histogram_clear(m); /* what a round that was aborted has left */
    for (size_t k = 0; k < self->outputs; k++) {
        m->output = k;
        m->tree = rounds * self->outputs + k;
        PEAL_TRY(models__grow_tree(m));
    }
    m->own->grown = rounds;
    if (m->rank == 0) {
        models__dart_scale(self, committed, rounds, m->weights, dropped);
        write_state(m, 1 - committed, rounds);
    }
    PEAL_TRY(models__meet(m));
    peal_work_count(m->work);
    *reached = m->work->round->end;
    return PEAL_OK;
}

peal_status models__trees_round(void *opaque, const peal_work *work, size_t *reached) {
    models__trees *self = opaque;
    models__member m = {.self = self,
                        .work = work,
                        .rank = work->rank,
                        .packed = self->packed + work->rank * self->places.bins_all,
                        .own_begin = self->bins.sparse.count * work->rank / self->members,
                        .own_end = self->bins.sparse.count * (work->rank + 1) / self->members,
                        .rules = {.l1 = self->l1,
                                  .l2 = self->l2,
                                  .max_delta = self->max_delta,
                                  .min_gain = self->min_gain,
                                  .min_hessian = self->min_hessian,
                                  .min_rows = self->min_rows}};
    models__member_rows(self, m.rank, &m.begin, &m.count);
    m.leaves = calloc(self->leaves, sizeof *m.leaves);
    m.sums = calloc(self->leaves, sizeof *m.sums);
    m.mending = calloc(8 * self->forest.leaves, sizeof *m.mending);
    m.weights = calloc(self->rounds, sizeof *m.weights);
    const bool has_room = m.leaves && m.sums && m.mending && m.weights;
    const peal_status status = has_room ? grow_trees(&m, reached) : PEAL_E_MEMORY;
    free(m.leaves);
    free(m.sums);
    free(m.mending);
    free(m.weights);
    return status;
}
