/* The worker's side: it trains partitions, makes segments of the new state and scores validation rows, as it is told.
 */
#include <math.h>
#include <string.h>

#include "models/predictor.h"
#include "models/trainer.h"

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

static void beat(models__trainer *trainer, const peal_worker *self) {
    models__beat *mine = &trainer->beats[peal_worker_rank(self)];
    atomic_fetch_add_explicit(&mine->count, 1, memory_order_relaxed);
}

static float learning_rate(const models__trainer *trainer, size_t epoch, size_t step) {
    double done = (double)epoch * (double)trainer->steps + (double)step + 0.5;
    double progress = done / ((double)trainer->options->epochs * (double)trainer->steps);
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

static void train_partition(models__trainer *trainer, const peal_worker *self, const peal_message *message) {
    size_t p = message->values[0], epoch = message->values[1], first = message->values[2], end = message->values[3];
    models__state *slot = &trainer->slots[p];
    copy_state(trainer, slot, &trainer->states[message->values[4]], 0, trainer->floats);
    peal_graph_bind(trainer->net->graph, slot->params, trainer->gradients);
    double loss = 0;
    for (size_t step = first; step < end; step++) {
        loss += gradient_of_step(trainer, p, epoch, step);
        trainer->optimizer->step(&trainer->optimizer_options, learning_rate(trainer, epoch, step),
                                 epoch * trainer->steps + step + 1, slot->params, trainer->gradients, slot->optimizer,
                                 trainer->floats);
        beat(trainer, self);
    }
    trainer->loss_sums[p] = loss;
}

/* new = old - lr (momentum-corrected average of (old - slot)); optimiser states are averaged. */
static void combine(models__trainer *trainer, const peal_message *message) {
    size_t begin, end;
    peal_segment(trainer->floats, message->values[0], message->values[1], &begin, &end);
    const models__state *old = &trainer->states[message->values[2]];
    models__state *new = &trainer->states[1 - message->values[2]];
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
    float lr = (float)trainer->outer.lr, momentum = (float)trainer->outer.momentum;
    for (size_t i = begin; i < end; i++) {
        float delta = old->params[i] - new->params[i];
        float velocity = momentum * old->outer[i] + delta;
        new->outer[i] = velocity;
        new->params[i] = old->params[i] - lr *(trainer->outer.nesterov ? delta + momentum * velocity : velocity);
    }
}

/* ---- steps: all partitions together ---- */

static peal_status step_together(models__trainer *trainer, size_t rank, size_t epoch, size_t step) {
    size_t workers = trainer->workers;
    float weights[PARTITIONS_MOST];
    double total = 0;
    for (size_t p = 0; p < trainer->partitions; p++) {
        size_t begin, end;
        models__step_rows(trainer, p, step, &begin, &end);
        weights[p] = (float)(end - begin);
        total += (double)(end - begin);
    }
    for (size_t p = 0; p < trainer->partitions; p++) weights[p] = (float)((double)weights[p] / total);
    for (size_t p = rank; p < trainer->partitions; p += workers) {
        peal_graph_bind(trainer->net->graph, trainer->working.params, trainer->gradient_slots + p * trainer->floats);
        trainer->loss_sums[p] += gradient_of_step(trainer, p, epoch, step);
    }
    PEAL_TRY(peal_barrier_wait(trainer->collective, NULL));
    size_t begin, end;
    peal_segment(trainer->floats, rank, workers, &begin, &end);
    float lr = learning_rate(trainer, epoch, step), *sum = trainer->gradient_slots; /* slot 0 takes the sum */
    /* A piece that fits the first cache is summed and stepped before the next one. */
    for (size_t at = begin; at < end; at += STEP_CHUNK) {
        size_t stop = end - at < STEP_CHUNK ? end : at + STEP_CHUNK;
        float *states[PEAL_OPTIMIZER_STATES] = {0};
        for (size_t i = 0; i < trainer->optimizer->states; i++) states[i] = trainer->working.optimizer[i] + at;
        peal_sum_slots(sum, trainer->gradient_slots, trainer->partitions, trainer->floats, weights, at, stop);
        trainer->optimizer->step(&trainer->optimizer_options, lr, epoch * trainer->steps + step + 1,
                                 trainer->working.params + at, sum + at, states, stop - at);
    }
    return peal_barrier_wait(trainer->collective, NULL);
}

static peal_status steps(models__trainer *trainer, const peal_worker *self, const peal_message *message) {
    size_t rank = peal_worker_rank(self), epoch = message->values[0], begin, end;
    int committed = (int)message->values[1];
    peal_segment(trainer->floats, rank, trainer->workers, &begin, &end);
    copy_state(trainer, &trainer->working, &trainer->states[committed], begin, end);
    for (size_t p = rank; p < trainer->partitions; p += trainer->workers) trainer->loss_sums[p] = 0;
    PEAL_TRY(peal_barrier_wait(trainer->collective, NULL));
    for (size_t step = 0; step < trainer->steps; step++) {
        PEAL_TRY(step_together(trainer, rank, epoch, step));
        beat(trainer, self);
    }
    copy_state(trainer, &trainer->states[1 - committed], &trainer->working, begin, end);
    return PEAL_OK;
}

/* ---- validation ---- */

static void evaluate(models__trainer *trainer, const peal_worker *self, const peal_message *message) {
    peal_net *net = trainer->eval_net;
    peal_graph_bind(net->graph, trainer->states[message->values[1]].params, NULL);
    size_t width = net->shape.classes ? net->shape.classes : 1;
    uint64_t begin = message->values[0] * EVAL_CHUNK, end = begin + EVAL_CHUNK;
    if (end > trainer->valid_count) end = trainer->valid_count;
    for (uint64_t at = begin; at < end; at += PEAL_PREDICT_BATCH) {
        size_t rows = end - at < PEAL_PREDICT_BATCH ? (size_t)(end - at) : PEAL_PREDICT_BATCH;
        peal_net_load_rows(net, trainer->valid_rows, trainer->valid_list + at, rows);
        peal_run run = {.rows = PEAL_PREDICT_BATCH};
        peal_graph_forward(net->graph, &run);
        models__output_to_scores(net, net->output->value, rows, width, trainer->eval_scores + at * width);
        beat(trainer, self);
    }
}

void models__worker(void *user, peal_worker *self) {
    models__trainer *trainer = user;
    peal_message message;
    while (peal_worker_receive(self, &message)) {
        peal_message reply = {.kind = message.kind, .values = {message.values[0]}};
        if (message.kind == MESSAGE_TRAIN) {
            train_partition(trainer, self, &message);
        } else if (message.kind == MESSAGE_COMBINE) {
            combine(trainer, &message);
        } else if (message.kind == MESSAGE_EVAL) {
            evaluate(trainer, self, &message);
        } else {
            reply.values[1] = steps(trainer, self, &message) != PEAL_OK;
        }
        peal_worker_reply(self, &reply);
    }
}
