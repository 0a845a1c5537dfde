/* Stochastic gradient descent, round by round: each partition goes through its rows on its own, and what it has changed
 * is averaged at a round's end, of an epoch or of N steps. An outer optimiser makes a step of the mean change
 * (McMahan et al. 2017, arXiv:1602.05629; Nesterov momentum: Douillard et al. 2023, arXiv:2311.08105). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/memory.h"
#include "core/base/number.h"
#include "core/base/spec.h"
#include "core/process/sum.h"
#include "models/learner/choice.h"
#include "models/learner/sgd.h"
#include "models/learner/tables.h"

enum { SEGMENT_FLOATS = 65536 };

/* ---- what the user wants, and what is chosen ---- */

/* The outer optimiser, for rounds that are short (of a window, or of some steps) or of an epoch, of so many partitions
 * (0: not known yet). */
static peal_status parse_outer(const char *text, size_t partitions, bool is_short, models__outer *out,
                               peal_error *err) {
    static const char *const names[] = {"nesterov", "momentum", "average"};
    static const char *const keys[] = {"lr", "momentum", NULL}, *const no_keys[] = {NULL};
    static const models__outer defaults[] = {
        {.name = "nesterov", .lr = 0.7, .momentum = 0.6, .nesterov = true},
        {.name = "momentum", .lr = 0.7, .momentum = 0.6},
        {.name = "average", .lr = 1},
    };
    peal_spec spec;
    size_t chosen;
    /* One partition has nothing to average; between short rounds an outer momentum has nothing to average out. */
    if (!text) text = partitions == 1 || is_short ? "average" : "nesterov";
    PEAL_TRY(peal_spec_parse("outer optimizer", text, &spec, err));
    PEAL_TRY(peal_spec_choose("outer optimizer", spec.name, names, 3, &chosen, err));
    PEAL_TRY(peal_spec_check("outer optimizer", &spec, chosen == 2 ? no_keys : keys, err));
    *out = defaults[chosen];
    PEAL_TRY(peal_spec_number(&spec, "lr", out->lr, 0, 10, &out->lr, err));
    return peal_spec_number(&spec, "momentum", out->momentum, 0, 0.999, &out->momentum, err);
}

/* A stream has no end that a cosine could fall to. */
static const char *schedule_of(const peal_train_options *options, bool is_stream) {
    return options->schedule ? options->schedule : is_stream ? "constant" : "cosine";
}

peal_status models__sgd_check(const peal_train_options *options, const peal_model_spec *spec, peal_error *err) {
    models__sgd parsed = {0};
    if (!spec->kind->build) {
        return peal_fail(err, PEAL_E_USAGE, "the model '%s' is not learnt by steps; leave sync out", spec->kind->name);
    }
    if (!(options->clip >= 0 && isfinite(options->clip))) {
        return peal_fail(err, PEAL_E_USAGE, "clip must be a number above 0");
    }
    if (options->augment) {
        models__augment_wish wish;
        PEAL_TRY(models__augment_parse(options->augment, &wish, err));
    }
    if (spec->l1 > 0) return peal_fail(err, PEAL_E_USAGE, "an l1 penalty is of sync full, not of learning by steps");
    PEAL_TRY(peal_schedule_parse(schedule_of(options, false), &parsed.schedule, &parsed.schedule_options, err));
    if (options->optimizer) {
        PEAL_TRY(peal_optimizer_parse(options->optimizer, &parsed.optimizer, &parsed.optimizer_options, err));
    }
    return parse_outer(options->outer, 0, false, &parsed.outer, err);
}

static peal_status choose(models__sgd *self, peal_error *err) {
    peal_training *training = self->training;
    const peal_train_options *options = training->options;
    peal_model_spec *spec = training->spec;
    const models__table table = {.rows = training->row_count, .bytes = training->shape->bytes};
    self->optimizer_text = options->optimizer ? options->optimizer : models__choose_optimizer(&table);
    PEAL_TRY(peal_optimizer_parse(self->optimizer_text, &self->optimizer, &self->optimizer_options, err));
    self->schedule_text = schedule_of(options, training->is_stream);
    PEAL_TRY(peal_schedule_parse(self->schedule_text, &self->schedule, &self->schedule_options, err));
    /* A unit of penalty beside the losses of all rows is nothing where they have no end. */
    if (spec->l2 < 0) spec->l2 = training->is_stream ? 0 : (float)models__choose_l2(&table);
    training->round_steps = self->is_together ? 0 : strtoul(training->sync, NULL, 10); /* "epoch" is no number */
    PEAL_TRY(parse_outer(options->outer, training->partitions, training->round_steps > 0 || training->is_stream,
                         &self->outer, err));
    self->batch = options->batch ? options->batch : models__choose_batch(&table);
    training->step_rows = self->batch;
    training->steps = peal_steps_of(training, self->batch);
    training->epochs = options->epochs       ? options->epochs
                       : training->is_stream ? 1
                                             : models__choose_epochs(&table, spec, training->steps);
    const double all_steps =
        training->is_stream ? (double)INFINITY : (double)training->epochs * (double)training->steps;
    self->lr = options->lr > 0 ? options->lr : models__choose_lr(&table, spec, self->optimizer, all_steps);
    /* A step of all partitions sees P times the rows of one: the rate grows with the root of that (Krizhevsky 2014,
     * arXiv:1404.5997, section 5; measured in the README of models). */
    if (options->lr == 0 && self->is_together) self->lr *= sqrt((double)training->partitions);
    return PEAL_OK;
}

static peal_status begin_augment(models__sgd *self, peal_error *err) {
    const char *text = self->training->options->augment;
    models__augment_wish wish;
    if (!text) return PEAL_OK;
    PEAL_TRY(models__augment_parse(text, &wish, err));
    self->augment = &self->augmenting;
    return models__augment_fit(&wish, self->training->pipeline, &self->augmenting, err);
}

peal_status models__sgd_begin(peal_training *training, bool is_together, void **out, peal_error *err) {
    models__sgd *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a training");
    *out = self;
    *self = (models__sgd){.training = training, .partitions = training->partitions, .is_together = is_together};
    PEAL_TRY(choose(self, err));
    PEAL_TRY(begin_augment(self, err));
    const size_t most = (size_t)((training->row_count + training->partitions - 1) / training->partitions);
    size_t rows = (most + training->steps - 1) / training->steps;
    if (training->is_stream) rows = self->batch > 2 ? self->batch : 2; /* of any window, see peal_steps_of */
    PEAL_TRY(peal_net_new(training->pipeline, training->spec, rows, true, &self->net, err));
    self->net->weighing = training->weighing;
    const peal_graph *graph = self->net->graph;
    self->floats = peal_graph_parameter_floats(graph);
    self->dense = peal_graph_dense_floats(graph);
    self->table_rows = peal_graph_table_rows(graph);
    self->levels = 1;
    training->segments = self->floats / SEGMENT_FLOATS + 1;
    PEAL_TRY(peal_alloc_checked(&self->slots, self->partitions, sizeof *self->slots, "partitions", err));
    /* Halves of a worker's largest sum (step.c) meet in its own memory, a buffer a level. */
    const size_t together = is_together ? (self->partitions + training->at_once - 1) / training->at_once : 1;
    while ((size_t)2 << self->levels <= together) self->levels++;
    PEAL_TRY(models__tables_new(self, err));
    return peal_alloc_checked(&self->gradients, self->levels * self->floats, sizeof(float), "gradients", err);
}

static peal_status begin(peal_training *training, void **self, peal_error *err) {
    return models__sgd_begin(training, false, self, err);
}

void models__sgd_end(void *opaque) {
    models__sgd *self = opaque;
    if (!self) return;
    models__tables_free(self);
    models__augment_clear(&self->augmenting);
    peal_net_free(self->net);
    free(self->slots);
    free(self->gradients);
    free(self);
}

json_t *models__sgd_describe(const void *opaque) {
    const models__sgd *self = opaque;
    char numbers[2][PEAL_NUMBER_TEXT];
    char *outer = peal_sprintf("%s:lr=%s,momentum=%s", self->outer.name, peal_number_text(self->outer.lr, numbers[0]),
                               peal_number_text(self->outer.momentum, numbers[1]));
    json_t *job = json_pack("{s:I, s:s, s:f, s:f, s:s, s:s}", "batch", (json_int_t)self->batch, "optimizer",
                            self->optimizer_text, "lr", self->lr, "l2", (double)self->training->spec->l2, "schedule",
                            self->schedule_text, "outer", self->is_together ? "none" : outer);
    free(outer);
    const peal_train_options *options = self->training->options;
    if (options->augment) job = peal_json_set(job, "augment", json_string(options->augment));
    return options->clip > 0 ? peal_json_set(job, "clip", json_real(options->clip)) : job;
}

const char *models__sgd_summary(const void *opaque, char text[160]) {
    const models__sgd *self = opaque;
    const bool is_stream = self->training->is_stream;
    peal_snprintf(text, 160, "%zu %s%s of %zu steps of %zu rows; %s, lr %g, l2 %g", self->training->epochs,
                  is_stream ? "pass" : "epochs",
                  is_stream ? (self->training->epochs == 1 ? " a window" : "es a window") : "", self->training->steps,
                  self->net->rows, self->optimizer_text, self->lr, (double)self->training->spec->l2);
    return text;
}

uint64_t models__sgd_worker_bytes(const void *opaque) {
    const models__sgd *self = opaque;
    const uint64_t rows_of_tables = (uint64_t)self->table_rows * 2 * sizeof(uint32_t);
    return ((uint64_t)self->floats * sizeof(float) + rows_of_tables) * self->levels +
           peal_graph_batch_bytes(self->net->graph);
}

/* ---- shared memory ---- */

static const char *const state_names[PEAL_OPTIMIZER_STATES] = {"optimizer0", "optimizer1"};

static models__state take_state(const models__sgd *self, peal_layout *at, peal_owner owner, size_t index) {
    const bool is_slot = owner == PEAL_OWNER_SLOT;
    const peal_tensor_type f32 = PEAL_TENSOR_FLOAT32, u32 = PEAL_TENSOR_UINT32;
    models__state state = {.params = peal_layout_take(at, owner, index, "parameters", f32, self->floats)};
    for (size_t i = 0; i < self->optimizer->states; i++) {
        state.optimizer[i] = peal_layout_take(at, owner, index, state_names[i], f32, self->floats);
    }
    if (!is_slot) state.outer = peal_layout_take(at, owner, index, "outer", f32, self->floats);
    state.losses = peal_layout_take(at, owner, index, "losses", PEAL_TENSOR_FLOAT64, is_slot ? 1 : self->partitions);
    if (!self->table_rows) return state;
    if (is_slot || self->is_together) {
        state.clocks = peal_layout_take(at, owner, index, "clocks", u32, self->table_rows);
    }
    if (is_slot) state.seen = peal_layout_take(at, owner, index, "seen", u32, self->table_rows);
    return state;
}

void models__sgd_lay_out(void *opaque, peal_layout *at) {
    models__sgd *self = opaque;
    for (size_t i = 0; i < 2; i++) self->states[i] = take_state(self, at, PEAL_OWNER_STATE, i);
    for (size_t p = 0; !self->is_together && p < self->partitions; p++) {
        self->slots[p] = take_state(self, at, PEAL_OWNER_SLOT, p);
    }
    if (self->is_together) self->published = peal_layout_scratch(at, self->floats, sizeof(float));
}

void models__sgd_initialise(void *opaque) {
    const models__sgd *self = opaque;
    peal_graph_initialise(self->net->graph, self->training->options->seed, self->states[0].params);
}

void models__sgd_take(void *opaque, const void *model) {
    const models__sgd *self = opaque;
    memcpy(self->states[0].params, models__net_model_parameters(model), self->floats * sizeof(float));
}

/* Clocks, or how often rows were seen: neither is beyond the state's step. */
static peal_status check_rows(const models__sgd *self, const char *name, const uint32_t *values, size_t step,
                              peal_error *err) {
    for (size_t row = 0; values && row < self->table_rows; row++) {
        if (values[row] <= step) continue;
        return peal_fail(err, PEAL_E_DATA, "its '%s' tells of %u steps where %zu are done", name, values[row], step);
    }
    return PEAL_OK;
}

peal_status models__sgd_check_state(const void *opaque, int state, size_t partition, size_t step, peal_error *err) {
    const models__sgd *self = opaque;
    const models__state *one = partition == SIZE_MAX ? &self->states[state] : &self->slots[partition];
    PEAL_TRY(check_rows(self, "clocks", one->clocks, step, err));
    return check_rows(self, "seen", one->seen, step, err);
}

/* ---- steps ---- */

/* The sum of squares, in float64 and one order. */
static double squares(const float *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)values[i] * (double)values[i];
    return sum;
}

static void scale(float *values, size_t count, float factor) {
    for (size_t i = 0; i < count; i++) values[i] *= factor;
}

/* Row `index` of those that the gradient has values in: where it lies and how wide it is. */
static float *touched_row(const models__sgd *self, float *gradient, const peal_touched *touched, size_t index,
                          size_t *width) {
    *width = 0;
    for (size_t t = 0; t < self->table_count; t++) {
        const peal_node *table = self->tables[t];
        const size_t own = peal_table_row(table, touched->rows[index]);
        *width = table->width;
        if (own != SIZE_MAX) return gradient + table->offset + own * table->width;
    }
    return NULL;
}

/* Makes the gradient no longer than `clip` (Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, algorithm 1). */
static void clip(const models__sgd *self, float *gradient, const peal_touched *touched) {
    const double most = self->training->options->clip;
    const size_t rows = touched ? touched->count : 0;
    double sum = squares(gradient, self->dense);
    size_t width;
    for (size_t r = 0; r < rows; r++) {
        const float *row = touched_row(self, gradient, touched, r, &width);
        sum += squares(row, width);
    }
    if (!(sum > most * most)) return;
    const float factor = (float)(most / sqrt(sum));
    scale(gradient, self->dense, factor);
    for (size_t r = 0; r < rows; r++) {
        float *row = touched_row(self, gradient, touched, r, &width);
        scale(row, width, factor);
    }
}

float models__learning_rate(const models__sgd *self, uint64_t step) {
    const peal_training *training = self->training;
    const double done = (double)step + 0.5, all = (double)training->epochs * (double)training->steps;
    const double progress = training->is_stream ? 0 : done / all;
    return (float)(self->lr * peal_schedule_factor(self->schedule, &self->schedule_options, progress, done));
}

/* The rows of `order` from `begin` on, as they are trained on in this epoch. */
static void load_rows(models__sgd *self, size_t epoch, size_t begin, size_t end) {
    const uint32_t *order = self->training->order + begin;
    peal_net_load_rows(self->net, self->training->rows, order, end - begin);
    if (!self->augment) return;
    uint8_t *pixels = (uint8_t *)(void *)self->net->features->value;
    const size_t size = self->net->features->width;
    for (size_t i = 0; i < end - begin; i++, pixels += size) {
        models__augment_row(self->augment, self->training->options->seed, (uint32_t)epoch, order[i], pixels);
    }
}

/* Forward and backward over one step's rows; the graph is bound already. Returns the sum of the rows' losses. */
double models__gradient_of_step(models__sgd *self, size_t p, size_t epoch, size_t step, float *gradient,
                                const peal_touched *touched) {
    size_t begin, end;
    peal_step_rows(self->training, p, step, &begin, &end);
    peal_net *net = self->net;
    load_rows(self, epoch, begin, end);
    peal_run run = {
        .rows = end - begin,
        .training = true,
        .random = peal_philox_stream(self->training->options->seed, PEAL_PURPOSE_DROPOUT, (uint32_t)epoch, (uint32_t)p,
                                     (uint32_t)step),
    };
    peal_graph_forward(net->graph, &run);
    peal_graph_backward(net->graph, &run);
    if (self->training->options->clip > 0) clip(self, gradient, touched);
    return peal_graph_loss(net->graph) * (double)(end - begin);
}

void models__copy_state(const models__sgd *self, models__state *to, const models__state *from, size_t begin,
                        size_t end) {
    memcpy(to->params + begin, from->params + begin, (end - begin) * sizeof(float));
    for (size_t i = 0; i < self->optimizer->states; i++) {
        memcpy(to->optimizer[i] + begin, from->optimizer[i] + begin, (end - begin) * sizeof(float));
    }
}

/* ---- rounds: a partition on its own ---- */

static void step_tables_alone(models__sgd *self, models__state *slot, uint64_t before, size_t step) {
    const peal_term term = {self->gradients, 1, 1};
    const peal_touched *touched = self->touched;
    models__tables_step(
        self, slot,
        &(models__table_step){
            .terms = &term, .touched = &touched, .term_count = 1, .before = before, .step = step, .end = self->floats});
}

static size_t work(void *opaque, const peal_work *work) {
    models__sgd *self = opaque;
    const peal_round *round = work->round;
    const size_t p = work->partition, epoch = round->epoch;
    const models__state *committed = &self->states[round->committed];
    models__state *slot = &self->slots[p];
    size_t step = work->from;
    if (step == round->first) {
        models__copy_state(self, slot, committed, 0, self->floats);
        models__tables_begin(self, slot, step);
        slot->losses[0] = round->first ? committed->losses[p] : 0;
    }
    double loss = slot->losses[0];
    size_t begin, end;
    peal_partition_rows(self->training, p, &begin, &end);
    const bool has_rows = begin < end; /* a small window may leave a partition empty */
    peal_graph_bind(self->net->graph, slot->params, self->gradients, self->touched);
    while (step < round->end && !peal_work_is_halted(work)) {
        peal_work_beat(work, p);
        if (has_rows) {
            loss += models__gradient_of_step(self, p, epoch, step, self->gradients, self->touched);
            self->optimizer->step(&self->optimizer_options, models__learning_rate(self, round->before + step),
                                  round->before + step + 1, slot->params, self->gradients, slot->optimizer,
                                  self->dense);
            step_tables_alone(self, slot, round->before, step);
        }
        step++;
        peal_work_count(work);
    }
    if (step == round->end) models__tables_settle(self, slot, round->before, step, 0, self->floats);
    slot->losses[0] = loss;
    return step;
}

/* next = old - lr (momentum-corrected change from `old` to the mean that stands in `next`), floats [begin, end). */
static void outer_step(const models__sgd *self, const models__state *old, models__state *next, size_t begin,
                       size_t end) {
    const float lr = (float)self->outer.lr, momentum = (float)self->outer.momentum;
    for (size_t i = begin; i < end; i++) {
        const float delta = old->params[i] - next->params[i];
        const float velocity = momentum * old->outer[i] + delta;
        next->outer[i] = velocity;
        next->params[i] = old->params[i] - lr * (self->outer.nesterov ? delta + momentum * velocity : velocity);
    }
}

/* The mean of the slots' parameters, and an outer step to it; optimiser states are averaged. */
static void combine(void *opaque, const peal_round *round, size_t segment) {
    models__sgd *self = opaque;
    const peal_training *training = self->training;
    size_t begin, end;
    peal_segment(self->floats, segment, training->segments, &begin, &end);
    const models__state *old = &self->states[round->committed];
    models__state *new = &self->states[1 - round->committed];
    /* A new epoch counts its losses anew. */
    for (size_t p = 0; segment == 0 && p < self->partitions; p++) new->losses[p] = self->slots[p].losses[0];
    models__tables_combine(self, old, new, round->before, round->first, round->end, begin, end);
    if (begin > self->dense) begin = self->dense;
    if (end > self->dense) end = self->dense;
    size_t stride = self->partitions > 1 ? (size_t)(self->slots[1].params - self->slots[0].params) : 0;
    float weights[PEAL_PARTITIONS_MOST];
    for (size_t p = 0; p < self->partitions; p++) {
        size_t from, to;
        peal_partition_rows(training, p, &from, &to);
        weights[p] = (float)((double)(to - from) / (double)training->row_count);
    }
    peal_sum_slots(new->params, self->slots[0].params, self->partitions, stride, weights, begin, end);
    for (size_t i = 0; i < self->optimizer->states; i++) {
        peal_sum_slots(new->optimizer[i], self->slots[0].optimizer[i], self->partitions, stride, weights, begin, end);
    }
    outer_step(self, old, new, begin, end);
}

/* How far the partitions agree: the length of their mean change over the mean length of their changes; 1 is full
 * agreement. Summed by the parent in a fixed order. */
static double agreement(const void *opaque, const peal_round *round) {
    const models__sgd *self = opaque;
    const float *old = self->states[round->committed].params;
    if (self->partitions == 1) return (double)NAN;
    double *lengths = calloc(self->partitions, sizeof *lengths), mean_length = 0, mean = 0;
    if (!lengths) return (double)NAN;
    for (size_t i = 0; i < self->floats; i++) {
        double sum = 0;
        for (size_t p = 0; p < self->partitions; p++) {
            double delta = (double)(self->slots[p].params[i] - old[i]);
            sum += delta;
            lengths[p] += delta * delta;
        }
        mean += sum * sum;
    }
    for (size_t p = 0; p < self->partitions; p++) mean_length += sqrt(lengths[p]);
    free(lengths);
    return mean_length > 0 ? sqrt(mean) / mean_length : 1;
}

double models__sgd_loss(const void *opaque, int state) {
    const models__sgd *self = opaque;
    double loss = 0;
    for (size_t p = 0; p < self->partitions; p++) loss += self->states[state].losses[p];
    return loss / (double)self->training->row_count;
}

void models__sgd_fill(const void *opaque, int state, void *model) {
    const models__sgd *self = opaque;
    models__net_model_fill(model, self->states[state].params);
}

const peal_learner peal_learner_sgd = {
    .name = "sgd",
    .documentation = "gradient descent by mini-batches, each partition on its own; what they change is averaged",
    .sync = "epoch",
    MODELS__SGD,
    .begin = begin,
    .work = work,
    .combine = combine,
    .agreement = agreement,
};
