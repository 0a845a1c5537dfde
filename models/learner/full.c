/* Exact gradients over all rows, averaged once a pass: L-BFGS (Liu and Nocedal 1989, Math. Programming 45) for linear
 * models, OWL-QN (Andrew and Gao 2007, ICML) where there is an l1 penalty, Newton's method (newton.h) where there are
 * few parameters.
 *
 * A round is an evaluation: the partitions add up loss and gradient of their rows at the point that is tried (`work`).
 * The segments of the parameters then sum them (phase 0), and the parent decides (search.h). If the point is taken, the
 * segments note the step (1) and make the next direction (2). What the rounds hand on are a few numbers, doubled as
 * every state is, and vectors in a pool, of which a round writes those that the committed state does not use. So a
 * death, a stop or a resume in the middle of a line search goes on from its last evaluation. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/memory.h"
#include "core/base/number.h"
#include "core/base/spec.h"
#include "models/learner/choice.h"
#include "models/learner/full.h"
#include "models/learner/places.h"

typedef models__full full;
typedef models__full_numbers numbers;

enum {
    STEP_ROWS = 4096,
    SEGMENT_NUMBERS = 16384,
    PASSES_MOST = 1000,
    MEMORY = 20, /* pairs; of larger models fewer, which take memory */
    LARGE_MEMORY = 10,
    LARGE = 1 << 17, /* parameters */
};

/* ---- what the user wants, and what is chosen ---- */

static peal_status parse(const char *sync, full *self, peal_error *err) {
    static const char *const keys[] = {"tolerance", "memory", "start", "method", NULL};
    static const char *const starts[] = {"plain", "adaptive"};
    static const char *const methods[] = {[MODELS__LBFGS] = "lbfgs", [MODELS__NEWTON] = "newton"};
    peal_spec spec;
    double memory;
    PEAL_TRY(peal_spec_parse("sync", sync, &spec, err));
    PEAL_TRY(peal_spec_check("sync", &spec, keys, err));
    PEAL_TRY(peal_spec_number(&spec, "tolerance", 1e-6, 1e-14, 1, &self->tolerance, err));
    const double usual = self->linear.count < LARGE ? MEMORY : LARGE_MEMORY;
    PEAL_TRY(peal_spec_number(&spec, "memory", usual, 1, MODELS__MEMORY_MOST, &memory, err));
    self->memory = (size_t)memory;
    const char *named = peal_spec_find(&spec, "start");
    size_t start = 0;
    if (named) PEAL_TRY(peal_spec_choose("start", named, starts, 2, &start, err));
    self->is_adaptive = start == 1;
    const char *method = peal_spec_find(&spec, "method");
    const bool has_memory = peal_spec_find(&spec, "memory");
    self->method = has_memory ? MODELS__LBFGS : MODELS__OPEN;
    if (method) PEAL_TRY(peal_spec_choose("method", method, methods + MODELS__LBFGS, 2, &self->method, err));
    if (method) self->method += MODELS__LBFGS;
    if (!has_memory || self->method == MODELS__LBFGS) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "memory is of method=lbfgs, not of method=newton");
}

static peal_status check(const peal_train_options *options, const peal_model_spec *spec, peal_error *err) {
    full parsed = {0};
    const char *wrong = peal_steps_option(options);
    if (!spec->kind->loss) {
        return peal_fail(err, PEAL_E_USAGE, "the model '%s' has no exact gradients (sync full): it is not linear",
                         spec->kind->name);
    }
    if (wrong) {
        return peal_fail(err, PEAL_E_USAGE, "%s is of learning by steps (sync epoch, step or N), not of sync full",
                         wrong);
    }
    return parse(options->sync ? options->sync : "full", &parsed, err);
}

static peal_status check_labels(const full *self, peal_error *err) {
    const peal_training *training = self->training;
    const double least = self->linear.loss->least_label;
    if (self->linear.shape.classes || training->label_least >= least) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "the model '%s' learns labels from %g on, and the least one is %g",
                     training->spec->kind->name, least, training->label_least);
}

static peal_status choose_method(full *self, peal_error *err) {
    const models__linear *linear = &self->linear;
    if (self->method == MODELS__OPEN) {
        self->method = self->l1 == 0 && models__newton_suits(linear) ? MODELS__NEWTON : MODELS__LBFGS;
    }
    if (self->method == MODELS__LBFGS) return PEAL_OK;
    if (self->l1 > 0) return peal_fail(err, PEAL_E_USAGE, "an l1 penalty is of method=lbfgs, not of method=newton");
    if (models__newton_serves(linear)) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE,
                     "method=newton is for few parameters (here are %zu), and not for the loss of huber and quantile",
                     linear->count);
}

static peal_status make(full *self, peal_error *err) {
    peal_training *training = self->training;
    peal_model_spec *spec = training->spec;
    const models__table table = {.rows = training->row_count, .bytes = training->shape->bytes};
    PEAL_TRY(models__linear_init(&self->linear, spec, training->shape, err));
    /* A model to go on from may know values that do not occur here. */
    if (!training->options->init) PEAL_TRY(models__places_find(&self->linear, training, err));
    PEAL_TRY(parse(training->sync, self, err));
    PEAL_TRY(check_labels(self, err));
    if (spec->l2 < 0) spec->l2 = spec->l1 > 0 ? 0 : (float)models__choose_l2(&table);
    self->l1 = spec->l1;
    self->l2 = (double)spec->l2;
    self->unit = self->linear.loss->is_count && training->shape->label_mean > 0 ? training->shape->label_mean : 1;
    PEAL_TRY(choose_method(self, err));
    self->h = self->memory + 1;
    training->steps = peal_steps_of(training, STEP_ROWS);
    training->epochs = training->options->epochs ? training->options->epochs : PASSES_MOST;
    training->segments = self->linear.count / SEGMENT_NUMBERS + 1;
    const size_t partitions = training->partitions, count = self->linear.count;
    PEAL_TRY(peal_alloc_checked(&self->at, count, sizeof(double), "parameters", err));
    const size_t outputs = self->linear.outputs;
    const size_t scratch = MODELS__LINEAR_ROWS * (self->linear.features + (2 + outputs) * outputs);
    PEAL_TRY(peal_alloc_checked(&self->scratch, scratch, sizeof(double), "rows", err));
    PEAL_TRY(peal_alloc_checked(&self->steps, self->h, sizeof *self->steps, "pairs", err));
    PEAL_TRY(peal_alloc_checked(&self->changes, self->h, sizeof *self->changes, "pairs", err));
    PEAL_TRY(peal_alloc_checked(&self->slot_gradients, partitions, sizeof(double *), "partitions", err));
    if (self->is_adaptive) {
        PEAL_TRY(peal_alloc_checked(&self->slot_adapted, partitions, sizeof *self->slot_adapted, "partitions", err));
    }
    if (self->method == MODELS__NEWTON) {
        PEAL_TRY(peal_alloc_checked(&self->slot_hessians, partitions, sizeof(double *), "partitions", err));
    }
    PEAL_TRY(peal_alloc_checked(&self->slot_squares, partitions, sizeof(double *), "partitions", err));
    return peal_alloc_checked(&self->slot_losses, partitions, sizeof(double *), "partitions", err);
}

static peal_status begin(peal_training *training, void **out, peal_error *err) {
    full *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a training");
    *out = self;
    self->training = training;
    return make(self, err);
}

static void end(void *opaque) {
    full *self = opaque;
    if (!self) return;
    free(self->at);
    free(self->scratch);
    free(self->steps);
    free(self->changes);
    free(self->slot_gradients);
    free(self->slot_losses);
    free(self->slot_squares);
    free(self->slot_adapted);
    free(self->slot_hessians);
    free(self->linear.places);
    free(self);
}

static json_t *describe(const void *opaque) {
    const full *self = opaque;
    json_t *job = json_pack("{s:f, s:f, s:f}", "l1", self->l1, "l2", self->l2, "tolerance", self->tolerance);
    if (self->method == MODELS__NEWTON) {
        peal_json_set(job, "method", json_string("newton"));
    } else {
        peal_json_set(job, "memory", json_integer((json_int_t)self->memory));
    }
    return self->is_adaptive ? peal_json_set(job, "start", json_string("adaptive")) : job;
}

static const char *summary(const void *opaque, char text[160]) {
    const full *self = opaque;
    char l1[32] = "";
    if (self->l1 > 0) peal_snprintf(l1, sizeof l1, ", l1 %g", self->l1);
    peal_snprintf(text, 160, "%sexact gradients (%s), to %g, at most %zu passes; l2 %g%s",
                  self->is_adaptive ? "an adaptive pass, then " : "",
                  self->method == MODELS__NEWTON ? "Newton"
                  : self->l1 > 0                 ? "OWL-QN"
                                                 : "L-BFGS",
                  self->tolerance, self->training->epochs, self->l2, l1);
    return text;
}

static uint64_t worker_bytes(const void *opaque) {
    const full *self = opaque;
    return (self->linear.count + MODELS__LINEAR_ROWS * self->linear.features) * sizeof(double);
}

/* ---- shared memory ---- */

static void lay_out(void *opaque, peal_layout *at) {
    static const char *const pool[3][2] = {
        {"point0", "point1"}, {"gradient0", "gradient1"}, {"direction0", "direction1"}};
    full *self = opaque;
    const peal_tensor_type f64 = PEAL_TENSOR_FLOAT64;
    const size_t count = self->linear.count;
    double **const pairs[3] = {self->points, self->gradients, self->directions};
    for (size_t i = 0; i < 2; i++) {
        self->states[i] = peal_layout_take(at, PEAL_OWNER_STATE, i, "search", f64, MODELS__FULL_NUMBERS);
        for (size_t v = 0; v < 3; v++) {
            pairs[v][i] = peal_layout_take(at, PEAL_OWNER_POOL, 0, pool[v][i], f64, count);
        }
    }
    self->scales = peal_layout_take(at, PEAL_OWNER_POOL, 0, "scales", f64, count);
    for (size_t i = 0; i < self->h; i++) {
        snprintf(self->names[0][i], sizeof self->names[0][i], "step%zu", i);
        snprintf(self->names[1][i], sizeof self->names[1][i], "change%zu", i);
        self->steps[i] = peal_layout_take(at, PEAL_OWNER_POOL, 0, self->names[0][i], f64, count);
        self->changes[i] = peal_layout_take(at, PEAL_OWNER_POOL, 0, self->names[1][i], f64, count);
    }
    for (size_t p = 0; p < self->training->partitions; p++) {
        self->slot_losses[p] = peal_layout_take(at, PEAL_OWNER_SLOT, p, "losses", f64, 1);
        self->slot_gradients[p] = peal_layout_take(at, PEAL_OWNER_SLOT, p, "gradient", f64, count);
        self->slot_squares[p] = peal_layout_take(at, PEAL_OWNER_SLOT, p, "squares", f64, count);
        if (self->slot_hessians) {
            self->slot_hessians[p] = peal_layout_take(at, PEAL_OWNER_SLOT, p, "hessian", f64, count * count);
        }
        if (!self->is_adaptive) continue;
        /* Where an evaluation has its gradient and its squares, the pass has its weights and the largest values. */
        self->slot_adapted[p] = (models__adapted){
            .weights = self->slot_gradients[p],
            .largest = self->slot_squares[p],
            .trust = peal_layout_take(at, PEAL_OWNER_SLOT, p, "trust", f64, count),
            .tally = peal_layout_take(at, PEAL_OWNER_SLOT, p, "tally", f64, 2),
        };
    }
    self->sums = peal_layout_scratch(at, self->training->segments, sizeof *self->sums);
    if (!self->slot_hessians) return;
    self->hessian = peal_layout_scratch(at, count * count, sizeof(double));
    self->factor = peal_layout_scratch(at, count * count, sizeof(double));
}

static void initialise(void *opaque) {
    const full *self = opaque;
    self->states[0]->is_fresh = 1;
    self->states[0]->warmth = self->is_adaptive ? MODELS__BEFORE : MODELS__WITHOUT;
}

/* The first round measures the scales; until then the point's parameters are weights. */
static void take(void *opaque, const void *model) {
    const full *self = opaque;
    const double *weights = models__linear_model_parameters((void *)model);
    memcpy(self->points[0], weights, self->linear.count * sizeof *weights);
}

static bool is_count(double value, double most) {
    return value >= 0 && value <= most && value == floor(value);
}

static peal_status check_state(const void *opaque, int state, size_t partition, size_t step, peal_error *err) {
    (void)step;
    const full *self = opaque;
    const numbers *it = self->states[state];
    if (partition != SIZE_MAX) return PEAL_OK;
    size_t smooths = 0; /* beyond the first one */
    while (self->linear.loss->smooths && self->linear.loss->smooths[smooths + 1] > 0) smooths++;
    const bool right = is_count(it->state, MODELS__ROUNDING) && is_count(it->point, 1) && is_count(it->gradient, 1) &&
                       is_count(it->direction, 1) && is_count(it->pairs, (double)self->memory) &&
                       is_count(it->newest, (double)self->h - 1) && is_count(it->warmth, MODELS__WITHOUT) &&
                       (it->warmth == MODELS__WITHOUT || self->is_adaptive) && is_count(it->is_scaled, 1) &&
                       is_count(it->is_fresh, 1) && is_count(it->is_plain, 1) && is_count(it->smooth, (double)smooths);
    return right ? PEAL_OK : peal_fail(err, PEAL_E_DATA, "its 'search' makes no sense");
}

static double loss(const void *opaque, int state) {
    const full *self = opaque;
    return self->states[state]->loss;
}

static bool needs(const void *opaque, int state, const void *data) {
    const full *self = opaque;
    const numbers *it = self->states[state];
    if (data == self->scales) return it->is_scaled != 0;
    if (data == models__other(self->points, it->point)) return it->warmth == MODELS__BEHIND && it->is_scaled == 0;
    if (data == models__pooled(self->points, it->point)) return true;
    if (it->state != MODELS__RUNNING || it->is_fresh != 0) return false;
    for (size_t i = 0; i < self->h; i++) {
        if (data == self->steps[i] || data == self->changes[i]) return models__is_live(self, it, i);
    }
    return data == models__pooled(self->gradients, it->gradient) ||
           data == models__pooled(self->directions, it->direction);
}

static bool is_over(const void *opaque, int state) {
    const full *self = opaque;
    return self->states[state]->state != MODELS__RUNNING;
}

static void fill(const void *opaque, int state, void *model) {
    const full *self = opaque;
    const double *point = models__pooled(self->points, self->states[state]->point);
    const double *scales = self->states[state]->is_scaled != 0 ? self->scales : NULL;
    models__places_expand(&self->linear, point, scales, models__linear_model_parameters(model));
}

static void conclude(const void *opaque, int state) {
    const full *self = opaque;
    const numbers *it = self->states[state];
    const peal_reporter *reporter = self->training->options->reporter;
    if (it->state == MODELS__CONVERGED) {
        peal_report(reporter, PEAL_EVENT_NOTE, "converged after %.0f passes: loss %.6g, gradient at most %.2g",
                    it->trials, it->loss, it->norm / self->unit);
    } else if (it->state == MODELS__ROUNDING) {
        peal_report(reporter, PEAL_EVENT_NOTE,
                    "after %.0f passes rounding hides what is left to gain: loss %.6g, gradient at most %.2g "
                    "(tolerance %g)",
                    it->trials, it->loss, it->norm / self->unit, self->tolerance);
    } else {
        peal_report(
            reporter, PEAL_EVENT_WARNING,
            "not converged after %.0f passes: gradient at most %.2g, tolerance %g; more passes (epochs) or more "
            "l2 would help",
            it->trials, it->norm / self->unit, self->tolerance);
    }
}

const peal_learner peal_learner_full = {
    .name = "full",
    .documentation = "exact gradients over all rows, for Newton's method (few parameters) or L-BFGS; with l1 OWL-QN",
    .sync = "full",
    .model_new = models__linear_model_new,
    .model_free = models__linear_model_free,
    .model_tensors = models__linear_model_tensors,
    .scratch_new = models__linear_model_scratch,
    .scratch_free = free,
    .score = models__linear_model_score,
    .views = models__linear_views,
    .check = check,
    .begin = begin,
    .end = end,
    .describe = describe,
    .summary = summary,
    .worker_bytes = worker_bytes,
    .lay_out = lay_out,
    .initialise = initialise,
    .take = take,
    .work = models__full_work,
    .combine = models__full_combine,
    .advance = models__full_advance,
    .loss = loss,
    .is_over = is_over,
    .check_state = check_state,
    .needs = needs,
    .fill = fill,
    .conclude = conclude,
};
