/* Stochastic gradient descent, step by step: as many workers as can run at once make the gradients of all partitions,
 * add them up along the tree of the partitions, and each steps a segment of the parameters. */
#include <stdlib.h>
#include <string.h>

#include "core/process/sum.h"
#include "models/learner/sgd.h"
#include "models/learner/tables.h"

enum { STEP_CHUNK = 2048 };

/* What a worker needs for one step. */
typedef struct together {
    models__sgd *sgd;
    const peal_work *work;
    size_t epoch, step;
    models__state *next; /* the state being made: each worker steps its segment of it */
    size_t hands;        /* how many workers make the sum: one if it is short, else as many as there are CPUs */
    float weights[PEAL_PARTITIONS_MOST];
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

/* A partition alone is weighed when it is summed, more of them have been weighed in their sum. */
static peal_term term_of(const together *self, const float *gradient, size_t first, size_t size) {
    return (peal_term){gradient, size == 1 ? self->weights[first] : 1.0f, size};
}

/* The gradient of `size` partitions from `first` on, into out [floats]: unweighted if it is one, else their weighted
 * sum. Halves meet in the worker's own memory, a buffer a level. */
static void gradient_of_block(together *self, size_t first, size_t size, float *out, peal_touched *touched) {
    models__sgd *sgd = self->sgd;
    if (size == 1) {
        peal_work_beat(self->work, first);
        peal_graph_bind(sgd->net->graph, sgd->published, out, touched);
        self->next->losses[first] += models__gradient_of_step(sgd, first, self->epoch, self->step, out, touched);
        peal_work_count(self->work);
        return;
    }
    const size_t half = size / 2, level = (size_t)__builtin_ctzll(half);
    float *right = sgd->gradients + level * sgd->floats;
    peal_touched *right_rows = sgd->touched ? &sgd->touched[level] : NULL;
    gradient_of_block(self, first, half, out, touched);
    gradient_of_block(self, first + half, half, right, right_rows);
    const peal_term halves[2] = {term_of(self, out, first, half), term_of(self, right, first + half, half)};
    peal_sum_terms(out, halves, 2, 0, sgd->dense);
    if (touched) models__tables_add(sgd, out, touched, right_rows, halves);
}

static models__node *node_of(const models__sgd *sgd, size_t first, size_t size) {
    return &sgd->nodes[(size_t)__builtin_ctzll(size) * sgd->partitions + first];
}

/* How many partitions the node has that begins at `first` and is left to the segments: the largest one that is merged,
 * or a block that is larger. */
static size_t top_size(const models__sgd *sgd, size_t first) {
    size_t size = peal_term_size(first, sgd->partitions);
    while (size > sgd->merge_size) size /= 2;
    for (size_t i = 0; i < sgd->block_count; i++) {
        const models__block *block = &sgd->blocks[i];
        if (block->first == first && block->size > size) size = block->size;
    }
    return size;
}

/* Leaves the value of block `i` in the tree [leave], and adds it to its neighbour's if that is there already [come]
 * [add], and so on up. [come] is an acquire-release addition: who comes second sees what the first has left. The names
 * in brackets are the labels of models/train/tree.pml, which CI checks over all interleavings and deaths. */
static void climb(const together *self, size_t i) {
    const models__sgd *sgd = self->sgd;
    const models__block *block = &sgd->blocks[i];
    size_t first = block->first, size = block->size;
    for (;;) {
        node_of(sgd, first, size)->block = (uint32_t)i;
        const size_t parent = first & ~(2 * size - 1);
        if (2 * size > sgd->merge_size || parent + 2 * size > sgd->partitions) return;
        if (atomic_fetch_add_explicit(&node_of(sgd, parent, 2 * size)->came, 1, memory_order_acq_rel) % 2 == 0) return;
        const models__block *left = &sgd->blocks[node_of(sgd, parent, size)->block];
        const models__block *right = &sgd->blocks[node_of(sgd, parent + size, size)->block];
        const peal_term halves[2] = {term_of(self, left->gradient, parent, size),
                                     term_of(self, right->gradient, parent + size, size)};
        peal_sum_terms(block->gradient, halves, 2, 0, sgd->dense);
        const peal_touched *other = block == left ? right->touched : left->touched;
        if (other) models__tables_add(sgd, block->gradient, block->touched, other, halves);
        first = parent;
        size *= 2;
    }
}

/* Sums, steps and publishes [begin, end), piece by piece, each in the first cache. The parameters are stepped in the
 * state being made, which other workers do not read, and published past the caches: a cache line that its writer left
 * dirty and another core has read is slow to write again (on AMD's Zen 4 a tenth of the usual rate: the line is
 * "owned", and each write must ask). */
static void step_segment(void *user, size_t begin, size_t end) {
    together *self = user;
    models__sgd *sgd = self->sgd;
    models__state *next = self->next;
    const float lr = models__learning_rate(sgd, self->epoch, self->step);
    const uint64_t t = self->epoch * sgd->steps + self->step + 1;
    peal_term terms[PEAL_PARTITIONS_MOST];
    const peal_touched *touched[PEAL_PARTITIONS_MOST];
    size_t term_count = 0;
    for (size_t first = 0; first < sgd->partitions; first += terms[term_count++].size) {
        const size_t size = top_size(sgd, first);
        const models__block *block = &sgd->blocks[node_of(sgd, first, size)->block];
        terms[term_count] = term_of(self, block->gradient, first, size);
        touched[term_count] = block->touched;
    }
    models__tables_step(sgd, next,
                        &(models__table_step){.terms = terms,
                                              .touched = touched,
                                              .term_count = term_count,
                                              .epoch = self->epoch,
                                              .step = self->step,
                                              .begin = begin,
                                              .end = end,
                                              .published = sgd->published});
    const size_t dense_end = end < sgd->dense ? end : sgd->dense;
    for (size_t at = begin; at < dense_end; at += STEP_CHUNK) {
        const size_t stop = dense_end - at < STEP_CHUNK ? dense_end : at + STEP_CHUNK;
        float *states[PEAL_OPTIMIZER_STATES] = {0}, *sum = sgd->gradients + at;
        for (size_t i = 0; i < sgd->optimizer->states; i++) states[i] = next->optimizer[i] + at;
        peal_sum_terms(sgd->gradients, terms, term_count, at, stop);
        sgd->optimizer->step(&sgd->optimizer_options, lr, t, next->params + at, sum, states, stop - at);
        if (self->hands == 1) {
            memcpy(sgd->published + at, next->params + at, (stop - at) * sizeof(float));
        } else {
            peal_copy_past_caches(sgd->published + at, next->params + at, stop - at);
        }
    }
    /* One worker has this segment, and all look at the answer behind the barrier that follows. */
    if (begin == 0 && peal_work_is_halted(self->work)) {
        atomic_store_explicit(&self->work->control->end_step, self->step + 1, memory_order_relaxed);
    }
}

static peal_status step_together(together *self) {
    models__sgd *sgd = self->sgd;
    weigh_partitions(self);
    for (size_t i = 0; i < sgd->block_count; i++) {
        const models__block *block = &sgd->blocks[i];
        if (block->rank != self->work->rank) continue;
        gradient_of_block(self, block->first, block->size, block->gradient, block->touched); /* [gradient] */
        climb(self, i);
    }
    peal_work_beat(self->work, UINT32_MAX);
    return peal_collective_work(self->work->collective, self->work->rank, sgd->floats, self->hands, step_segment, self,
                                NULL); /* [meet_all] */
}

static peal_status run_together(void *opaque, const peal_work *work, size_t *reached) {
    models__sgd *sgd = opaque;
    const peal_round *round = work->round;
    const models__state *from = &sgd->states[round->committed];
    const size_t rank = work->rank, at_once = sgd->training->at_once;
    together self = {.sgd = sgd,
                     .work = work,
                     .epoch = round->epoch,
                     .step = round->first,
                     .next = &sgd->states[1 - round->committed],
                     .hands = peal_sum_is_short(sgd->block_count, sgd->dense) ? 1 : at_once};
    size_t begin, end;
    peal_segment(sgd->table_rows, rank, at_once, &begin, &end);
    if (begin < end) memcpy(self.next->clocks + begin, from->clocks + begin, (end - begin) * sizeof *from->clocks);
    peal_segment(sgd->floats, rank, at_once, &begin, &end);
    models__copy_state(sgd, self.next, from, begin, end);
    memcpy(self.next->outer + begin, from->outer + begin, (end - begin) * sizeof(float));
    memcpy(sgd->published + begin, from->params + begin, (end - begin) * sizeof(float));
    for (size_t i = 0; i < sgd->block_count; i++) {
        const models__block *block = &sgd->blocks[i];
        for (size_t p = block->first; block->rank == rank && p < block->first + block->size; p++) {
            self.next->losses[p] = round->first ? from->losses[p] : 0;
        }
    }
    peal_work_beat(work, UINT32_MAX);
    PEAL_TRY(peal_barrier_wait(work->collective, rank, NULL));
    bool halted = false;
    while (self.step < round->end && !halted) {
        PEAL_TRY(step_together(&self));
        self.step++;
        halted = atomic_load_explicit(&work->control->end_step, memory_order_relaxed) == self.step;
    }
    if (self.step == round->end) models__tables_settle(sgd, self.next, self.epoch, self.step, begin, end);
    *reached = self.step;
    return PEAL_OK;
}

/* As if nobody had come to any meeting: a worker that died between two children of a node has left it half counted.
 * [clear] of tree.pml. */
static void regroup(void *opaque) {
    models__sgd *sgd = opaque;
    memset(sgd->nodes, 0, TREE_LEVELS * sgd->partitions * sizeof *sgd->nodes);
    for (size_t i = 0; sgd->table_rows && i < sgd->block_count; i++) {
        models__tables_reset(sgd, sgd->blocks[i].gradient, sgd->blocks[i].touched);
    }
}

/* ---- memory ---- */

/* Each worker that steps has neighbouring partitions; their gradients are summed in as few nodes of the tree as there
 * can be. */
void models__cut_blocks(models__sgd *sgd) {
    const size_t at_once = sgd->training->at_once;
    for (size_t rank = 0; rank < at_once; rank++) {
        size_t at = sgd->partitions * rank / at_once;
        const size_t end = sgd->partitions * (rank + 1) / at_once;
        while (at < end) {
            const size_t size = peal_term_size(at, end);
            sgd->blocks[sgd->block_count++] = (models__block){.first = at, .size = size, .rank = rank};
            at += size;
            while ((size_t)1 << sgd->levels < size) sgd->levels++;
        }
    }
    /* As many sums as can run at once are left to the step's segments, the rest is done where it is in the cache. */
    sgd->merge_size = 1;
    while (2 * sgd->merge_size * at_once <= sgd->partitions) sgd->merge_size *= 2;
}

/* Of a gradient in shared memory; NULL without tables. */
static peal_touched *take_touched(const models__sgd *sgd, peal_layout *at) {
    if (!sgd->table_rows) return NULL;
    peal_touched *touched = peal_layout_scratch(at, 1, sizeof *touched);
    uint32_t *rows = peal_layout_scratch(at, sgd->table_rows, sizeof *rows);
    uint8_t *marks = peal_layout_scratch(at, sgd->table_rows, sizeof *marks);
    if (touched) *touched = (peal_touched){.rows = rows, .marks = marks};
    return touched;
}

void models__lay_out_blocks(models__sgd *sgd, peal_layout *at) {
    for (size_t i = 0; i < sgd->block_count; i++) {
        sgd->blocks[i].gradient = peal_layout_scratch(at, sgd->floats, sizeof(float));
        sgd->blocks[i].touched = take_touched(sgd, at);
    }
    sgd->nodes = peal_layout_scratch(at, TREE_LEVELS * sgd->partitions, sizeof(models__node));
    sgd->published = peal_layout_scratch(at, sgd->floats, sizeof(float));
}

static peal_status begin(peal_training *training, void **self, peal_error *err) {
    return models__sgd_begin(training, true, self, err);
}

const peal_learner peal_learner_step = {
    .name = "step",
    .documentation = "gradient descent by mini-batches, all partitions together: gradients are summed at each step",
    .sync = "step",
    MODELS__SGD,
    .begin = begin,
    .together = run_together,
    .regroup = regroup,
};
