/* Stochastic gradient descent, step by step: as many workers as can run at once make the gradients of all partitions,
 * which are the leaves that they add up (core/process/comm.h), and each steps a segment of the parameters. */
#include <stdlib.h>
#include <string.h>

#include "models/learner/sgd.h"
#include "models/learner/tables.h"

enum { STEP_CHUNK = 2048 };

/* What a worker needs for one step. */
typedef struct together {
    models__sgd *sgd;
    const peal_work *work;
    size_t epoch, step;  /* of the epoch */
    models__state *next; /* the state being made: each worker steps its segment of it */
    float weights[PEAL_PARTITIONS_MOST];
    peal_comm_sum sum;
} together;

static void weigh_partitions(together *self) {
    const models__sgd *sgd = self->sgd;
    double total = 0;
    for (size_t p = 0; p < sgd->partitions; p++) {
        size_t begin, end;
        peal_step_rows(sgd->training, p, self->step, &begin, &end);
        self->weights[p] = (float)(end - begin);
        total += (double)(end - begin);
    }
    for (size_t p = 0; p < sgd->partitions; p++) self->weights[p] = (float)((double)self->weights[p] / total);
}

/* The rows of tables that a block names; NULL without tables. */
static peal_touched *touched_of(const models__sgd *sgd, const peal_comm_block *block) {
    return sgd->table_rows ? block->beside : NULL;
}

/* A small window may leave a partition empty. */
static bool has_rows(const models__sgd *sgd, size_t p) {
    size_t begin, end;
    peal_partition_rows(sgd->training, p, &begin, &end);
    return begin < end;
}

/* Of no rows: it weighs nothing, but what stood there may be anything. */
static void clear_gradient(const models__sgd *sgd, float *out, peal_touched *touched) {
    memset(out, 0, sgd->floats * sizeof *out);
    for (size_t r = 0; touched && r < touched->count; r++) touched->marks[touched->rows[r]] = 0;
    if (touched) touched->count = 0;
}

/* The gradient of `size` partitions from `first` on, into out [floats]: unweighted if it is one, else their weighted
 * sum. Halves meet in the worker's own memory, a buffer a level. */
static void gradient_of_block(together *self, size_t first, size_t size, float *out, peal_touched *touched) {
    models__sgd *sgd = self->sgd;
    if (size == 1) {
        peal_work_beat(self->work, first);
        peal_graph_bind(sgd->net->graph, sgd->published, out, touched);
        if (has_rows(sgd, first)) {
            self->next->losses[first] += models__gradient_of_step(sgd, first, self->epoch, self->step, out, touched);
        } else {
            clear_gradient(sgd, out, touched);
        }
        peal_work_count(self->work);
        return;
    }
    const size_t half = size / 2, level = (size_t)__builtin_ctzll(half);
    float *right = sgd->gradients + level * sgd->floats;
    peal_touched *right_rows = sgd->touched ? &sgd->touched[level] : NULL;
    gradient_of_block(self, first, half, out, touched);
    gradient_of_block(self, first + half, half, right, right_rows);
    const peal_term halves[2] = {peal_comm_term(&self->sum, out, first, half),
                                 peal_comm_term(&self->sum, right, first + half, half)};
    peal_sum_terms(out, halves, 2, 0, sgd->dense);
    if (touched) models__tables_add(sgd, out, touched, right_rows, halves);
}

static void merge_tables(void *user, const peal_comm_block *into, const peal_comm_block *from,
                         const peal_term halves[2]) {
    const together *self = user;
    models__tables_add(self->sgd, into->vector, into->beside, from->beside, halves);
}

/* Sums, steps and publishes a segment, piece by piece, each in the first cache. The parameters are stepped in the state
 * being made, which other workers do not read. */
static void step_segment(void *user, const peal_comm_part *part) {
    together *self = user;
    models__sgd *sgd = self->sgd;
    models__state *next = self->next;
    const uint64_t before = self->work->round->before, t = before + self->step + 1;
    const float lr = models__learning_rate(sgd, before + self->step);
    const peal_touched *touched[PEAL_PARTITIONS_MOST];
    for (size_t i = 0; i < part->count; i++) touched[i] = touched_of(sgd, part->blocks[i]);
    models__tables_step(sgd, next,
                        &(models__table_step){.terms = part->terms,
                                              .touched = touched,
                                              .term_count = part->count,
                                              .before = before,
                                              .step = self->step,
                                              .begin = part->begin,
                                              .end = part->end,
                                              .published = sgd->published});
    const size_t dense_end = part->end < sgd->dense ? part->end : sgd->dense;
    for (size_t at = part->begin; at < dense_end; at += STEP_CHUNK) {
        const size_t stop = dense_end - at < STEP_CHUNK ? dense_end : at + STEP_CHUNK;
        _Alignas(64) float gradient[STEP_CHUNK];
        float *states[PEAL_OPTIMIZER_STATES] = {0};
        for (size_t i = 0; i < sgd->optimizer->states; i++) states[i] = next->optimizer[i] + at;
        peal_comm_add_up(part, gradient, at, stop);
        sgd->optimizer->step(&sgd->optimizer_options, lr, t, next->params + at, gradient, states, stop - at);
        peal_comm_publish(part, sgd->published + at, next->params + at, stop - at);
    }
    /* One worker has this segment, and all look at the answer behind the barrier that follows. */
    if (part->begin == 0 && peal_work_is_halted(self->work)) {
        atomic_store_explicit(&self->work->control->end_step, self->step + 1, memory_order_relaxed);
    }
}

static peal_status step_together(together *self) {
    models__sgd *sgd = self->sgd;
    peal_comm *comm = self->work->comm;
    weigh_partitions(self);
    for (size_t i = 0; i < comm->block_count; i++) {
        const peal_comm_block *block = &comm->blocks[i];
        if (block->rank != self->work->rank) continue;
        gradient_of_block(self, block->first, block->size, block->vector, touched_of(sgd, block));
        peal_comm_leave(comm, i, &self->sum);
    }
    peal_work_beat(self->work, UINT32_MAX);
    return peal_comm_reduce(comm, self->work->rank, &self->sum, NULL);
}

/* The worker's part of the state being made, which begins as the committed one, and of what all read. */
static peal_status begin_together(together *self, size_t begin, size_t end) {
    const models__sgd *sgd = self->sgd;
    const peal_round *round = self->work->round;
    const models__state *from = &sgd->states[round->committed];
    const size_t rank = self->work->rank;
    peal_comm *comm = self->work->comm;
    size_t row, last_row;
    peal_segment(sgd->table_rows, rank, comm->plan.members, &row, &last_row);
    if (row < last_row) {
        memcpy(self->next->clocks + row, from->clocks + row, (last_row - row) * sizeof *from->clocks);
    }
    models__copy_state(sgd, self->next, from, begin, end);
    memcpy(self->next->outer + begin, from->outer + begin, (end - begin) * sizeof(float));
    memcpy(sgd->published + begin, from->params + begin, (end - begin) * sizeof(float));
    for (size_t i = 0; i < comm->block_count; i++) {
        const peal_comm_block *block = &comm->blocks[i];
        if (block->rank != rank) continue;
        for (size_t p = block->first; p < block->first + block->size; p++) {
            self->next->losses[p] = round->first ? from->losses[p] : 0;
        }
        if (sgd->table_rows) models__tables_reset(sgd, block->vector, block->beside);
    }
    peal_work_beat(self->work, UINT32_MAX);
    return peal_comm_gather(comm, rank, sgd->published, begin * sizeof(float), end * sizeof(float), NULL);
}

static peal_status run_together(void *opaque, const peal_work *work, size_t *reached) {
    models__sgd *sgd = opaque;
    const peal_round *round = work->round;
    together self = {.sgd = sgd,
                     .work = work,
                     .epoch = round->epoch,
                     .step = round->first,
                     .next = &sgd->states[1 - round->committed]};
    self.sum = (peal_comm_sum){.weights = self.weights,
                               .published = sgd->published,
                               .merge = sgd->table_rows ? merge_tables : NULL,
                               .work = step_segment,
                               .user = &self};
    size_t begin, end;
    peal_segment(sgd->floats, work->rank, work->comm->plan.members, &begin, &end);
    PEAL_TRY(begin_together(&self, begin, end));
    bool halted = false;
    while (self.step < round->end && !halted) {
        PEAL_TRY(step_together(&self));
        self.step++;
        halted = atomic_load_explicit(&work->control->end_step, memory_order_relaxed) == self.step;
    }
    if (self.step == round->end) models__tables_settle(sgd, self.next, round->before, self.step, begin, end);
    *reached = self.step;
    return PEAL_OK;
}

static peal_status begin(peal_training *training, void **self, peal_error *err) {
    PEAL_TRY(models__sgd_begin(training, true, self, err));
    const models__sgd *sgd = *self;
    training->summed =
        (peal_comm_value){.floats = sgd->floats, .dense = sgd->dense, .beside = models__touched_bytes(sgd)};
    return PEAL_OK;
}

const peal_learner peal_learner_step = {
    .name = "step",
    .documentation = "gradient descent by mini-batches, all partitions together: gradients are summed at each step",
    .sync = "step",
    MODELS__SGD,
    .begin = begin,
    .together = run_together,
};
