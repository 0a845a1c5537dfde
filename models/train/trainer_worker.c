/* The worker's side: it trains partitions, makes segments of the new state and scores validation rows, as it is told.
 */
#include <math.h>
#include <string.h>

#include "core/process/sum.h"
#include "models/learner/tables.h"
#include "models/predict/predictor.h"
#include "models/train/trainer.h"

enum { STEP_CHUNK = 2048 };

void models__partition(const models__trainer *trainer, size_t p, size_t *begin, size_t *end) {
    *begin = (size_t)(trainer->train_count * p / trainer->partitions);
    *end = (size_t)(trainer->train_count * (p + 1) / trainer->partitions);
}

void models__step_rows(const models__trainer *trainer, size_t p, size_t s, size_t *begin, size_t *end) {
    size_t first, last;
    models__partition(trainer, p, &first, &last);
    *begin = first + (last - first) * s / trainer->steps;
    *end = first + (last - first) * (s + 1) / trainer->steps;
}

/* A sign of life, and what it is at. All of the beat is relaxed: the parent only looks whether it moves. */
static void beat(models__trainer *trainer, size_t rank, uint32_t partition) {
    models__beat *mine = &trainer->beats[rank];
    atomic_store_explicit(&mine->partition, partition, memory_order_relaxed);
    atomic_fetch_add_explicit(&mine->count, 1, memory_order_relaxed);
}

static void count_up(_Atomic uint64_t *number) {
    atomic_fetch_add_explicit(number, 1, memory_order_relaxed);
}

/* Relaxed: it does not matter which step is the last one. */
static bool is_halted(const models__trainer *trainer) {
    return atomic_load_explicit(&trainer->control->halt, memory_order_relaxed) != 0;
}

float models__learning_rate(const models__trainer *trainer, size_t epoch, size_t step) {
    double done = (double)epoch * (double)trainer->steps + (double)step + 0.5;
    double progress = done / ((double)trainer->epochs * (double)trainer->steps);
    return (float)(trainer->lr * peal_schedule_factor(trainer->schedule, &trainer->schedule_options, progress));
}

/* Forward and backward over one step's rows; the graph is bound already. Returns the sum of the rows' losses. */
static double gradient_of_step(models__trainer *trainer, size_t p, size_t epoch, size_t step) {
    size_t begin, end;
    models__step_rows(trainer, p, step, &begin, &end);
    peal_net *net = trainer->net;
    peal_net_load_rows(net, trainer->rows, trainer->order + begin, end - begin);
    peal_run run = {
        .rows = end - begin,
        .training = true,
        .random = peal_philox_stream(trainer->options->seed, PEAL_PURPOSE_DROPOUT, (uint32_t)epoch, (uint32_t)p,
                                     (uint32_t)step),
    };
    peal_graph_forward(net->graph, &run);
    peal_graph_backward(net->graph, &run);
    return peal_graph_loss(net->graph) * (double)(end - begin);
}

static void copy_state(const models__trainer *trainer, models__state *to, const models__state *from, size_t begin,
                       size_t end) {
    memcpy(to->params + begin, from->params + begin, (end - begin) * sizeof(float));
    for (size_t i = 0; i < trainer->optimizer->states; i++) {
        memcpy(to->optimizer[i] + begin, from->optimizer[i] + begin, (end - begin) * sizeof(float));
    }
}

/* ---- rounds: a partition on its own ---- */

static void step_tables_alone(models__trainer *trainer, models__state *slot, size_t epoch, size_t step) {
    const peal_term term = {trainer->gradients, 1, 1};
    const peal_touched *touched = trainer->touched;
    models__tables_step(trainer, slot,
                        &(models__table_step){.terms = &term,
                                              .touched = &touched,
                                              .term_count = 1,
                                              .epoch = epoch,
                                              .step = step,
                                              .end = trainer->floats});
}

/* Returns how many steps of the epoch the slot then holds: fewer than told if the workers are halted. */
static size_t train_partition(models__trainer *trainer, size_t rank, const peal_message *message) {
    const size_t p = message->values[0], epoch = message->values[1], end = message->values[3];
    const bool goes_on = message->values[5] != 0;
    const models__state *committed = &trainer->states[message->values[4]];
    models__state *slot = &trainer->slots[p];
    size_t step = message->values[2];
    if (!goes_on) copy_state(trainer, slot, committed, 0, trainer->floats);
    if (!goes_on) models__tables_begin(trainer, slot, step);
    double loss = goes_on ? trainer->loss_sums[p] : committed->losses[p];
    peal_graph_bind(trainer->net->graph, slot->params, trainer->gradients, trainer->touched);
    while (step < end && !is_halted(trainer)) {
        beat(trainer, rank, (uint32_t)p);
        loss += gradient_of_step(trainer, p, epoch, step);
        trainer->optimizer->step(&trainer->optimizer_options, models__learning_rate(trainer, epoch, step),
                                 epoch * trainer->steps + step + 1, slot->params, trainer->gradients, slot->optimizer,
                                 trainer->dense);
        step_tables_alone(trainer, slot, epoch, step);
        step++;
        count_up(&trainer->beats[rank].steps);
    }
    if (step == end) models__tables_settle(trainer, slot, epoch, step, 0, trainer->floats);
    trainer->loss_sums[p] = loss;
    return step;
}

/* next = old - lr (momentum-corrected change from `old` to the mean that stands in `next`), floats [begin, end). */
static void outer_step(const models__trainer *trainer, const models__state *old, models__state *next, size_t begin,
                       size_t end) {
    const float lr = (float)trainer->outer.lr, momentum = (float)trainer->outer.momentum;
    for (size_t i = begin; i < end; i++) {
        const float delta = old->params[i] - next->params[i];
        const float velocity = momentum * old->outer[i] + delta;
        next->outer[i] = velocity;
        next->params[i] = old->params[i] - lr * (trainer->outer.nesterov ? delta + momentum * velocity : velocity);
    }
}

/* The mean of the slots' parameters, and an outer step to it; optimiser states are averaged. */
static void combine(models__trainer *trainer, const peal_message *message) {
    size_t begin, end;
    peal_segment(trainer->floats, message->values[0], message->values[1], &begin, &end);
    const models__state *old = &trainer->states[message->values[2]];
    models__state *new = &trainer->states[1 - message->values[2]];
    models__tables_combine(trainer, old, new, message->values[3], message->values[4], message->values[5], begin, end);
    if (begin > trainer->dense) begin = trainer->dense;
    if (end > trainer->dense) end = trainer->dense;
    double total = (double)trainer->train_count;
    size_t stride = trainer->partitions > 1 ? (size_t)(trainer->slots[1].params - trainer->slots[0].params) : 0;
    float weights[PARTITIONS_MOST];
    for (size_t p = 0; p < trainer->partitions; p++) {
        size_t from, to;
        models__partition(trainer, p, &from, &to);
        weights[p] = (float)((double)(to - from) / total);
    }
    peal_sum_slots(new->params, trainer->slots[0].params, trainer->partitions, stride, weights, begin, end);
    for (size_t i = 0; i < trainer->optimizer->states; i++) {
        peal_sum_slots(new->optimizer[i], trainer->slots[0].optimizer[i], trainer->partitions, stride, weights, begin,
                       end);
    }
    outer_step(trainer, old, new, begin, end);
}

/* ---- steps: all partitions together, by as many workers as can run at once ---- */

/* What a worker needs for one step. */
typedef struct together {
    models__trainer *trainer;
    size_t rank, epoch, step;
    models__state *next; /* the state being made: each worker steps its segment of it */
    size_t hands;        /* how many workers make the sum: one if it is short, else as many as there are CPUs */
    float weights[PARTITIONS_MOST];
} together;

static void weigh_partitions(together *self) {
    const models__trainer *trainer = self->trainer;
    double total = 0;
    for (size_t p = 0; p < trainer->partitions; p++) {
        size_t begin, end;
        models__step_rows(trainer, p, self->step, &begin, &end);
        self->weights[p] = (float)(end - begin);
        total += (double)(end - begin);
    }
    for (size_t p = 0; p < trainer->partitions; p++) self->weights[p] = (float)((double)self->weights[p] / total);
}

/* A partition alone is weighed when it is summed, more of them have been weighed in their sum. */
static peal_term term_of(const together *self, const float *gradient, size_t first, size_t size) {
    return (peal_term){gradient, size == 1 ? self->weights[first] : 1.0f, size};
}

/* The gradient of `size` partitions from `first` on, into out [floats]: unweighted if it is one, else their weighted
 * sum. Halves meet in the worker's own memory, a buffer a level. */
static void gradient_of_block(together *self, size_t first, size_t size, float *out, peal_touched *touched) {
    models__trainer *trainer = self->trainer;
    if (size == 1) {
        beat(trainer, self->rank, (uint32_t)first);
        peal_graph_bind(trainer->net->graph, trainer->published, out, touched);
        self->next->losses[first] += gradient_of_step(trainer, first, self->epoch, self->step);
        count_up(&trainer->beats[self->rank].steps);
        return;
    }
    const size_t half = size / 2, level = (size_t)__builtin_ctzll(half);
    float *right = trainer->gradients + level * trainer->floats;
    peal_touched *right_rows = trainer->touched ? &trainer->touched[level] : NULL;
    gradient_of_block(self, first, half, out, touched);
    gradient_of_block(self, first + half, half, right, right_rows);
    const peal_term halves[2] = {term_of(self, out, first, half), term_of(self, right, first + half, half)};
    peal_sum_terms(out, halves, 2, 0, trainer->dense);
    if (touched) models__tables_add(trainer, out, touched, right_rows, halves);
}

static models__node *node_of(const models__trainer *trainer, size_t first, size_t size) {
    return &trainer->nodes[(size_t)__builtin_ctzll(size) * trainer->partitions + first];
}

/* How many partitions the node has that begins at `first` and is left to the segments: the largest one that is merged,
 * or a block that is larger. */
static size_t top_size(const models__trainer *trainer, size_t first) {
    size_t size = peal_term_size(first, trainer->partitions);
    while (size > trainer->merge_size) size /= 2;
    for (size_t i = 0; i < trainer->block_count; i++) {
        const models__block *block = &trainer->blocks[i];
        if (block->first == first && block->size > size) size = block->size;
    }
    return size;
}

/* Leaves the value of block `i` in the tree [leave], and adds it to its neighbour's if that is there already [come]
 * [add], and so on up. [come] is an acquire-release addition: who comes second sees what the first has left. The names
 * in brackets are the labels of models/train/tree.pml, which CI checks over all interleavings and deaths. */
static void climb(const together *self, size_t i) {
    const models__trainer *trainer = self->trainer;
    const models__block *block = &trainer->blocks[i];
    size_t first = block->first, size = block->size;
    for (;;) {
        node_of(trainer, first, size)->block = (uint32_t)i;
        const size_t parent = first & ~(2 * size - 1);
        if (2 * size > trainer->merge_size || parent + 2 * size > trainer->partitions) return;
        if (atomic_fetch_add_explicit(&node_of(trainer, parent, 2 * size)->came, 1, memory_order_acq_rel) % 2 == 0)
            return;
        const models__block *left = &trainer->blocks[node_of(trainer, parent, size)->block];
        const models__block *right = &trainer->blocks[node_of(trainer, parent + size, size)->block];
        const peal_term halves[2] = {term_of(self, left->gradient, parent, size),
                                     term_of(self, right->gradient, parent + size, size)};
        peal_sum_terms(block->gradient, halves, 2, 0, trainer->dense);
        const peal_touched *other = block == left ? right->touched : left->touched;
        if (other) models__tables_add(trainer, block->gradient, block->touched, other, halves);
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
    models__trainer *trainer = self->trainer;
    models__state *next = self->next;
    const float lr = models__learning_rate(trainer, self->epoch, self->step);
    const uint64_t t = self->epoch * trainer->steps + self->step + 1;
    peal_term terms[PARTITIONS_MOST];
    const peal_touched *touched[PARTITIONS_MOST];
    size_t term_count = 0;
    for (size_t first = 0; first < trainer->partitions; first += terms[term_count++].size) {
        const size_t size = top_size(trainer, first);
        const models__block *block = &trainer->blocks[node_of(trainer, first, size)->block];
        terms[term_count] = term_of(self, block->gradient, first, size);
        touched[term_count] = block->touched;
    }
    models__tables_step(trainer, next,
                        &(models__table_step){.terms = terms,
                                              .touched = touched,
                                              .term_count = term_count,
                                              .epoch = self->epoch,
                                              .step = self->step,
                                              .begin = begin,
                                              .end = end,
                                              .published = trainer->published});
    const size_t dense_end = end < trainer->dense ? end : trainer->dense;
    for (size_t at = begin; at < dense_end; at += STEP_CHUNK) {
        const size_t stop = dense_end - at < STEP_CHUNK ? dense_end : at + STEP_CHUNK;
        float *states[PEAL_OPTIMIZER_STATES] = {0}, *sum = trainer->gradients + at;
        for (size_t i = 0; i < trainer->optimizer->states; i++) states[i] = next->optimizer[i] + at;
        peal_sum_terms(trainer->gradients, terms, term_count, at, stop);
        trainer->optimizer->step(&trainer->optimizer_options, lr, t, next->params + at, sum, states, stop - at);
        if (self->hands == 1) {
            memcpy(trainer->published + at, next->params + at, (stop - at) * sizeof(float));
        } else {
            peal_copy_past_caches(trainer->published + at, next->params + at, stop - at);
        }
    }
    /* One worker has this segment, and all look at the answer behind the barrier that follows. */
    if (begin == 0 && is_halted(trainer)) {
        atomic_store_explicit(&trainer->control->end_step, self->step + 1, memory_order_relaxed);
    }
}

static peal_status step_together(together *self) {
    models__trainer *trainer = self->trainer;
    weigh_partitions(self);
    for (size_t i = 0; i < trainer->block_count; i++) {
        const models__block *block = &trainer->blocks[i];
        if (block->rank != self->rank) continue;
        gradient_of_block(self, block->first, block->size, block->gradient, block->touched); /* [gradient] */
        climb(self, i);
    }
    beat(trainer, self->rank, UINT32_MAX);
    return peal_collective_work(trainer->collective, self->rank, trainer->floats, self->hands, step_segment, self,
                                NULL); /* [meet_all] */
}

/* Steps from the committed state until the epoch's end or a halt; *done is how many steps of the epoch the state being
 * made then holds. */
static peal_status steps(models__trainer *trainer, size_t rank, const peal_message *message, size_t *done) {
    const int committed = (int)message->values[2];
    const models__state *from = &trainer->states[committed];
    together self = {.trainer = trainer,
                     .rank = rank,
                     .epoch = message->values[0],
                     .step = message->values[1],
                     .next = &trainer->states[1 - committed],
                     .hands = peal_sum_is_short(trainer->block_count, trainer->dense) ? 1 : trainer->at_once};
    size_t begin, end;
    peal_segment(trainer->table_rows, rank, trainer->at_once, &begin, &end);
    if (begin < end) memcpy(self.next->clocks + begin, from->clocks + begin, (end - begin) * sizeof *from->clocks);
    peal_segment(trainer->floats, rank, trainer->at_once, &begin, &end);
    copy_state(trainer, self.next, from, begin, end);
    memcpy(self.next->outer + begin, from->outer + begin, (end - begin) * sizeof(float));
    memcpy(trainer->published + begin, from->params + begin, (end - begin) * sizeof(float));
    for (size_t i = 0; i < trainer->block_count; i++) {
        const models__block *block = &trainer->blocks[i];
        if (block->rank != rank) continue;
        memcpy(self.next->losses + block->first, from->losses + block->first, block->size * sizeof(double));
    }
    beat(trainer, rank, UINT32_MAX);
    PEAL_TRY(peal_barrier_wait(trainer->collective, rank, NULL));
    bool halted = false;
    while (self.step < trainer->steps && !halted) {
        PEAL_TRY(step_together(&self));
        self.step++;
        halted = atomic_load_explicit(&trainer->control->end_step, memory_order_relaxed) == self.step;
    }
    if (self.step == trainer->steps) models__tables_settle(trainer, self.next, self.epoch, self.step, begin, end);
    *done = self.step;
    return PEAL_OK;
}

/* ---- validation ---- */

void models__score_rows(models__trainer *trainer, float *params, uint64_t at, size_t rows) {
    peal_net *net = trainer->eval_net;
    peal_run run = {.rows = PEAL_PREDICT_BATCH};
    const size_t width = net->shape.classes ? net->shape.classes : 1;
    peal_graph_bind(net->graph, params, NULL, NULL);
    peal_net_load_rows(net, trainer->valid_rows, trainer->valid_list + at, rows);
    peal_graph_forward(net->graph, &run);
    models__output_to_scores(net, net->output->value, rows, width, trainer->eval_scores + at * width);
}

static void evaluate(models__trainer *trainer, size_t rank, const peal_message *message) {
    uint64_t begin = message->values[0] * EVAL_CHUNK, end = begin + EVAL_CHUNK;
    if (end > trainer->valid_count) end = trainer->valid_count;
    for (uint64_t at = begin; at < end; at += PEAL_PREDICT_BATCH) {
        size_t rows = end - at < PEAL_PREDICT_BATCH ? (size_t)(end - at) : PEAL_PREDICT_BATCH;
        models__score_rows(trainer, trainer->states[message->values[1]].params, at, rows);
        beat(trainer, rank, UINT32_MAX);
    }
}

void models__worker(void *user, peal_worker *self) {
    models__trainer *trainer = user;
    const size_t rank = peal_worker_rank(self);
    peal_message message;
    peal_graph_use_one_thread();
    while (peal_worker_receive(self, &message)) {
        peal_message reply = {.kind = message.kind, .values = {message.values[0]}};
        if (message.kind == MESSAGE_TRAIN) {
            reply.values[1] = train_partition(trainer, rank, &message);
        } else if (message.kind == MESSAGE_COMBINE) {
            combine(trainer, &message);
        } else if (message.kind == MESSAGE_EVAL) {
            evaluate(trainer, rank, &message);
        } else {
            size_t done = 0;
            reply.values[1] = steps(trainer, rank, &message, &done) != PEAL_OK;
            reply.values[2] = done;
        }
        beat(trainer, rank, UINT32_MAX);
        peal_worker_reply(self, &reply);
    }
}
