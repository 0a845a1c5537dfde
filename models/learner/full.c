/* Exact gradients over all rows, averaged once a pass: L-BFGS (Liu and Nocedal 1989, Math. Programming 45) for linear
 * models, OWL-QN (Andrew and Gao 2007, ICML) where there is an l1 penalty.
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
#include "core/base/vector.h"
#include "models/learner/adaptive.h"
#include "models/learner/choice.h"
#include "models/learner/linear_model.h"
#include "models/learner/search.h"

enum {
    STEP_ROWS = 4096,
    SEGMENT_NUMBERS = 16384,
    PASSES_MOST = 1000,
    MEMORY = 20, /* pairs; of larger models fewer, which take memory */
    LARGE_MEMORY = 10,
    LARGE = 1 << 17,                  /* parameters */
    H_MOST = MODELS__MEMORY_MOST + 1, /* pairs that are kept, and one that is made */
    BASIS_MOST = 2 * H_MOST + 1
};

/* Why it ended. */
enum { RUNNING, CONVERGED, ROUNDING };

/* What a round hands on; all float64, for it is one tensor. */
enum { BEFORE, BEHIND, WITHOUT };

typedef struct numbers {
    double state;                      /* RUNNING... */
    double point, gradient, direction; /* which of the pool's two is in use */
    double pairs, newest;              /* of steps and changes: how many, and the place of the last one */
    double warmth;                     /* BEFORE, BEHIND or WITHOUT the adaptive pass */
    double is_scaled;                  /* the scales are known */
    double is_fresh;                   /* the point itself is to be evaluated: there is no direction yet */
    double is_plain;                   /* the direction is the gradient's */
    double smooth;                     /* which width of the kink */
    double loss, norm;                 /* at the point: with its penalties; the largest entry of the gradient */
    double trials;                     /* evaluations so far */
    models__line line;
    double coefficients[BASIS_MOST];
    double products[BASIS_MOST * BASIS_MOST];
} numbers;
enum { NUMBERS = sizeof(numbers) / sizeof(double) };

/* Sums over a segment. */
enum { SUM_SLOPE, SUM_SQUARES, SUM_LENGTHS, SUM_DESCENT, SUM_MOST, SUMS_OF_PROBE };
enum { SUMS = 3 * BASIS_MOST };

typedef struct full {
    peal_training *training;
    models__linear linear;
    double tolerance, l1, l2, unit;
    size_t memory, h;          /* h: memory + 1 */
    bool is_adaptive;          /* a pass of online learning comes first */
    char names[2][H_MOST][32]; /* of steps and changes */

    /* a worker's own */
    double *at;      /* [count] the weights that are tried */
    double *scratch; /* features of a few rows, their scores, their derivatives */

    /* shared memory */
    numbers *states[2];
    double *scales;                                         /* [count] */
    double *points[2], *gradients[2], *directions[2];       /* [count] */
    double **steps, **changes;                              /* [h][count] */
    double **slot_gradients, **slot_losses, **slot_squares; /* [partitions][count], [partitions][1] */
    models__adapted *slot_adapted;                          /* [partitions] of the adaptive pass; NULL: there is none */
    double (*sums)[SUMS];                                   /* [segments] */
} full;

/* ---- what the user wants, and what is chosen ---- */

static peal_status parse(const char *sync, full *self, peal_error *err) {
    static const char *const keys[] = {"tolerance", "memory", "start", NULL};
    static const char *const starts[] = {"plain", "adaptive"};
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
    return PEAL_OK;
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
    if (options->label_smoothing > 0 && spec->kind->loss != &peal_loss_logistic &&
        spec->kind->loss != &peal_loss_softmax) {
        return peal_fail(err, PEAL_E_USAGE, "label-smoothing is of logistic, softmax and mlp, not of '%s'",
                         spec->kind->name);
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

static peal_status make(full *self, peal_error *err) {
    peal_training *training = self->training;
    peal_model_spec *spec = training->spec;
    const models__table table = {.rows = training->row_count, .bytes = training->shape->bytes};
    PEAL_TRY(models__linear_init(&self->linear, spec, training->shape, err));
    PEAL_TRY(parse(training->sync, self, err));
    PEAL_TRY(check_labels(self, err));
    if (spec->l2 < 0) spec->l2 = spec->l1 > 0 ? 0 : (float)models__choose_l2(&table);
    self->l1 = spec->l1;
    self->l2 = (double)spec->l2;
    self->unit = self->linear.loss->is_count && training->shape->label_mean > 0 ? training->shape->label_mean : 1;
    self->h = self->memory + 1;
    training->steps = peal_steps_of(training, STEP_ROWS);
    training->epochs = training->options->epochs ? training->options->epochs : PASSES_MOST;
    training->segments = self->linear.count / SEGMENT_NUMBERS + 1;
    const size_t partitions = training->partitions, count = self->linear.count;
    PEAL_TRY(peal_alloc_checked(&self->at, count, sizeof(double), "parameters", err));
    const size_t scratch = MODELS__LINEAR_ROWS * (self->linear.features + 2 * self->linear.outputs);
    PEAL_TRY(peal_alloc_checked(&self->scratch, scratch, sizeof(double), "rows", err));
    PEAL_TRY(peal_alloc_checked(&self->steps, self->h, sizeof *self->steps, "pairs", err));
    PEAL_TRY(peal_alloc_checked(&self->changes, self->h, sizeof *self->changes, "pairs", err));
    PEAL_TRY(peal_alloc_checked(&self->slot_gradients, partitions, sizeof(double *), "partitions", err));
    if (self->is_adaptive) {
        PEAL_TRY(peal_alloc_checked(&self->slot_adapted, partitions, sizeof *self->slot_adapted, "partitions", err));
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
    free(self);
}

static json_t *describe(const void *opaque) {
    const full *self = opaque;
    json_t *job = json_pack("{s:f, s:f, s:f, s:I}", "l1", self->l1, "l2", self->l2, "tolerance", self->tolerance,
                            "memory", (json_int_t)self->memory);
    return self->is_adaptive ? peal_json_set(job, "start", json_string("adaptive")) : job;
}

static const char *summary(const void *opaque, char text[160]) {
    const full *self = opaque;
    char l1[32] = "";
    if (self->l1 > 0) peal_snprintf(l1, sizeof l1, ", l1 %g", self->l1);
    peal_snprintf(text, 160, "%sexact gradients (%s), to %g, at most %zu passes; l2 %g%s",
                  self->is_adaptive ? "an adaptive pass, then " : "", self->l1 > 0 ? "OWL-QN" : "L-BFGS",
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
        self->states[i] = peal_layout_take(at, PEAL_OWNER_STATE, i, "search", f64, NUMBERS);
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
}

static void initialise(void *opaque) {
    const full *self = opaque;
    self->states[0]->is_fresh = 1;
    self->states[0]->warmth = self->is_adaptive ? BEFORE : WITHOUT;
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
    const bool right = is_count(it->state, ROUNDING) && is_count(it->point, 1) && is_count(it->gradient, 1) &&
                       is_count(it->direction, 1) && is_count(it->pairs, (double)self->memory) &&
                       is_count(it->newest, (double)self->h - 1) && is_count(it->warmth, WITHOUT) &&
                       (it->warmth == WITHOUT || self->is_adaptive) && is_count(it->is_scaled, 1) &&
                       is_count(it->is_fresh, 1) && is_count(it->is_plain, 1) && is_count(it->smooth, (double)smooths);
    return right ? PEAL_OK : peal_fail(err, PEAL_E_DATA, "its 'search' makes no sense");
}

/* ---- the point that is tried ---- */

static const double *pooled(double *const pair[2], double which) {
    return pair[which != 0];
}
static double *other(double *const pair[2], double which) {
    return pair[which == 0];
}

static bool is_penalised(const full *self, size_t j) {
    return j >= self->linear.weights;
}

/* The gradient, and what the l1 penalty adds to it: where a weight is 0, it must first overcome the penalty. */
static double pseudo(const full *self, size_t j, double x, double g) {
    if (self->l1 == 0 || !is_penalised(self, j)) return g;
    const double l1 = self->l1 * self->scales[j];
    if (x != 0) return g + copysign(l1, x);
    return g > l1 ? g - l1 : g < -l1 ? g + l1 : 0;
}

/* x + t d; with an l1 penalty it does not leave x's orthant, or that into which the gradient points. */
static double moved(const full *self, size_t j, double x, double t, double d, double g) {
    const double to = x + t * d;
    if (self->l1 == 0 || !is_penalised(self, j)) return to;
    const double side = x != 0 ? x : -pseudo(self, j, x, g);
    return to * side > 0 ? to : 0;
}

static double tried(const full *self, const numbers *it, size_t j) {
    const double x = pooled(self->points, it->point)[j];
    if (it->is_scaled == 0) return x / self->scales[j];
    if (it->is_fresh != 0) return x;
    return moved(self, j, x, it->line.t, pooled(self->directions, it->direction)[j],
                 pooled(self->gradients, it->gradient)[j]);
}

/* ---- a partition's loss and gradient ---- */

static peal_loss_terms terms_of(const full *self, const numbers *it) {
    const peal_loss *loss = self->linear.loss;
    return (peal_loss_terms){.parameter = self->training->spec->parameters[0],
                             .smoothing = (double)self->training->spec->smoothing,
                             .smooth = loss->smooths ? loss->smooths[(size_t)it->smooth] : 0,
                             .unit = self->unit,
                             .extra = loss->has_extra ? self->at[self->linear.extra] : 0};
}

enum { ROWS = MODELS__LINEAR_ROWS };

/* Adds the loss and gradient of some rows, and the squares of what they hold, unless that is NULL. */
static void add_rows(full *self, const peal_loss_terms *terms, const peal_batch *rows, double *loss, double *gradient,
                     double *squares) {
    const models__linear *linear = &self->linear;
    const size_t outputs = linear->outputs;
    models__few few = {.features = self->scratch};
    double *scores = self->scratch + ROWS * linear->features, *derivatives = scores + ROWS * outputs;
    double none = 0, *extra = linear->loss->has_extra ? &gradient[linear->extra] : &none;
    for (size_t at = 0; at < rows->count; at += ROWS) {
        models__linear_load(linear, rows, at, &few);
        models__linear_scores(linear, self->at, &few, scores);
        memset(derivatives, 0, ROWS * outputs * sizeof *derivatives);
        for (size_t i = 0; i < few.count; i++) {
            *loss += models__linear_row_loss(linear, &self->training->weighing, terms, &few, i, scores + i * outputs,
                                             derivatives + i * outputs, extra);
        }
        models__linear_add_gradient(linear, &few, derivatives, gradient);
        if (squares) models__linear_add_squares(linear, &few, squares);
    }
}

/* Whether this round is the pass of online learning. */
static bool adapts(const numbers *it) {
    return it->warmth == BEFORE;
}

/* Makes partition p's slot ready for a round. */
static void begin_slot(const full *self, const numbers *it, size_t p) {
    const size_t size = self->linear.count * sizeof(double);
    *self->slot_losses[p] = 0;
    if (it->is_scaled == 0) memset(self->slot_squares[p], 0, size);
    if (!adapts(it)) {
        memset(self->slot_gradients[p], 0, size);
        return;
    }
    const models__adapted *slot = &self->slot_adapted[p];
    memcpy(slot->weights, pooled(self->points, it->point), size);
    memset(slot->trust, 0, size);
    slot->tally[0] = slot->tally[1] = 0;
}

static size_t work(void *opaque, const peal_work *work) {
    full *self = opaque;
    const peal_round *round = work->round;
    const numbers *it = self->states[round->committed];
    const size_t p = work->partition, count = self->linear.count;
    double *loss = self->slot_losses[p], *gradient = self->slot_gradients[p];
    double *squares = it->is_scaled != 0 ? NULL : self->slot_squares[p];
    size_t step = work->from;
    for (size_t j = 0; j < count; j++) {
        self->at[j] = it->is_scaled != 0 ? self->scales[j] * tried(self, it, j) : pooled(self->points, it->point)[j];
    }
    if (step == round->first) begin_slot(self, it, p);
    const peal_loss_terms terms = terms_of(self, it);
    while (step < round->end && !peal_work_is_halted(work)) {
        size_t begin, end;
        peal_work_beat(work, p);
        peal_step_rows(self->training, p, step, &begin, &end);
        const peal_batch rows = {
            .rows = self->training->rows, .order = self->training->order + begin, .count = end - begin};
        if (adapts(it)) {
            models__adapt(&self->linear, &self->training->weighing, &terms, &rows, &self->slot_adapted[p], loss,
                          self->scratch);
        } else {
            add_rows(self, &terms, &rows, loss, gradient, squares);
        }
        step++;
        peal_work_count(work);
    }
    return step;
}

/* ---- segments ---- */

/* The sum of what the partitions have at `j`, as a tree over their numbers. */
static double sum_slots(double *const *slots, size_t j, size_t first, size_t count) {
    if (count == 1) return slots[first][j];
    size_t half = 1;
    while (2 * half < count) half *= 2;
    return sum_slots(slots, j, first, half) + sum_slots(slots, j, first + half, count - half);
}

/* In the first round, which is at weights. The parameters of numbers, of whatever size, get second
 * derivatives of about one; those of codes and sparse features, which are rare rather than small, come half as near to
 * it in orders of magnitude: measured, see models/README.md. */
static void choose_scales(const full *self, size_t begin, size_t end) {
    const models__linear *linear = &self->linear;
    const double curvature = linear->loss->curvature * self->unit, rows = (double)self->training->row_count;
    for (size_t j = begin; j < end; j++) {
        const bool is_extra = j >= linear->extra && j < linear->weights;
        const double mean = is_extra ? 1 : sum_slots(self->slot_squares, j, 0, self->training->partitions) / rows;
        const double second = curvature * mean + (is_penalised(self, j) ? self->l2 : 0);
        const double root = second > 0 ? sqrt(second) : 1;
        self->scales[j] = 1 / (j < linear->codes ? root : sqrt(root));
    }
}

/* Phase 0: the gradient where it was tried, and what the line search asks. */
static void sum_gradient(const full *self, const numbers *it, size_t begin, size_t end, double *sums) {
    const double rows = (double)self->training->row_count;
    const double *x = pooled(self->points, it->point), *d = pooled(self->directions, it->direction);
    const double *g = pooled(self->gradients, it->gradient);
    double *out = other(self->gradients, it->gradient);
    for (size_t j = begin; j < end; j++) {
        const double to = tried(self, it, j), scale = self->scales[j], penalty = is_penalised(self, j) ? scale * to : 0;
        out[j] =
            scale * (sum_slots(self->slot_gradients, j, 0, self->training->partitions) / rows + self->l2 * penalty);
        sums[SUM_SLOPE] += out[j] * d[j];
        sums[SUM_SQUARES] += penalty * penalty;
        sums[SUM_LENGTHS] += fabs(penalty);
        sums[SUM_DESCENT] += pseudo(self, j, x[j], g[j]) * (to - x[j]);
        sums[SUM_MOST] = fmax(sums[SUM_MOST], fabs(pseudo(self, j, to, out[j])) / scale);
    }
}

/* Behind the adaptive pass: the mean of the partitions' weights, each by how much it has seen of a parameter; where
 * none has, it stays what it was. */
static void take_adapted(const full *self, const numbers *it, size_t begin, size_t end) {
    const double *x = pooled(self->points, it->point);
    double *out = other(self->points, it->point);
    for (size_t j = begin; j < end; j++) {
        double trust = 0, sum = 0;
        for (size_t p = 0; p < self->training->partitions; p++) {
            const models__adapted *slot = &self->slot_adapted[p];
            trust += slot->trust[j];
            sum += slot->trust[j] * slot->weights[j];
        }
        out[j] = trust > 0 && isfinite(sum) ? sum / trust : x[j];
    }
}

/* The place where a round may write a pair. */
static size_t free_pair(const full *self, const numbers *it) {
    return it->pairs > 0 ? ((size_t)it->newest + 1) % self->h : 0;
}

/* Whether pair `index` is one of those that are in use. */
static bool is_live(const full *self, const numbers *it, size_t index) {
    const size_t age = ((size_t)it->newest + self->h - index) % self->h;
    return age < (size_t)it->pairs;
}

/* The products of three vectors with one more, which is read once. `b` may be one of them. */
PEAL_VECTOR static void dot_three(const double *const vectors[3], const double *b, size_t begin, size_t end,
                                  double out[3]) {
    const double *v0 = vectors[0], *v1 = vectors[1], *v2 = vectors[2];
    double lanes[3][MODELS__LANES] = {{0}};
    size_t j = begin;
    for (; j + MODELS__LANES <= end; j += MODELS__LANES) {
        for (size_t l = 0; l < MODELS__LANES; l++) {
            lanes[0][l] += v0[j + l] * b[j + l];
            lanes[1][l] += v1[j + l] * b[j + l];
            lanes[2][l] += v2[j + l] * b[j + l];
        }
    }
    for (size_t l = 0; j < end; j++, l++) {
        lanes[0][l] += v0[j] * b[j];
        lanes[1][l] += v1[j] * b[j];
        lanes[2][l] += v2[j] * b[j];
    }
    for (size_t v = 0; v < 3; v++) out[v] = models__add_lanes(lanes[v]);
}

/* Notes the products of the three with the basis's vector `index`. */
static void note_dots(const double *const vectors[3], const double *b, size_t begin, size_t end, size_t index,
                      double *sums) {
    double three[3];
    dot_three(vectors, b, begin, end, three);
    for (size_t v = 0; v < 3; v++) sums[v * BASIS_MOST + index] = three[v];
}

/* Phase 1: the point is taken; the step and the gradient's change, and their products with the basis. The gradient of
 * the penalised function stands where the next direction will. */
static void take_point(const full *self, const numbers *it, size_t begin, size_t end, double *sums) {
    const size_t h = self->h, pair = free_pair(self, it);
    const double *x = pooled(self->points, it->point), *g = pooled(self->gradients, it->gradient);
    const double *g_new = other(self->gradients, it->gradient);
    double *x_new = other(self->points, it->point), *p = other(self->directions, it->direction);
    double *s = self->steps[pair], *y = self->changes[pair];
    for (size_t j = begin; j < end; j++) {
        x_new[j] = tried(self, it, j);
        s[j] = x_new[j] - x[j];
        y[j] = it->is_fresh != 0 ? 0 : g_new[j] - g[j];
        p[j] = pseudo(self, j, x_new[j], g_new[j]);
    }
    const double *const vectors[3] = {s, y, p};
    for (size_t i = 0; i < h; i++) {
        if (i != pair && !is_live(self, it, i)) continue;
        note_dots(vectors, self->steps[i], begin, end, i, sums);
        note_dots(vectors, self->changes[i], begin, end, h + i, sums);
    }
    note_dots(vectors, p, begin, end, 2 * h, sums);
}

/* Phase 2: the direction, over the gradient that phase 1 has left there. */
static void make_direction(const full *self, const numbers *it, const numbers *next, size_t begin, size_t end,
                           double *sums) {
    const size_t h = self->h;
    const double *x_new = other(self->points, it->point), *g_new = other(self->gradients, it->gradient);
    double *out = other(self->directions, it->direction);
    for (size_t j = begin; j < end; j++) out[j] = next->coefficients[2 * h] * pseudo(self, j, x_new[j], g_new[j]);
    for (size_t i = 0; i < h; i++) {
        const double a = next->coefficients[i], b = next->coefficients[h + i];
        if (a == 0 && b == 0) continue;
        const double *s = self->steps[i], *y = self->changes[i];
        for (size_t j = begin; j < end; j++) out[j] += a * s[j] + b * y[j];
    }
    for (size_t j = begin; j < end; j++) {
        const double p = pseudo(self, j, x_new[j], g_new[j]);
        if (self->l1 > 0 && out[j] * p >= 0) out[j] = 0; /* Andrew and Gao, 3.1: no coordinate goes up */
        sums[SUM_SLOPE] += p * out[j];
        sums[SUM_SQUARES] += out[j] * out[j];
    }
}

static void combine(void *opaque, const peal_round *round, size_t segment) {
    full *self = opaque;
    const numbers *it = self->states[round->committed], *next = self->states[1 - round->committed];
    size_t begin, end;
    peal_segment(self->linear.count, segment, self->training->segments, &begin, &end);
    double *sums = self->sums[segment];
    memset(sums, 0, sizeof *self->sums);
    if (adapts(it)) {
        take_adapted(self, it, begin, end);
    } else if (round->phase == 0) {
        if (it->is_scaled == 0) choose_scales(self, begin, end);
        sum_gradient(self, it, begin, end, sums);
    } else if (round->phase == 1) {
        take_point(self, it, begin, end, sums);
    } else {
        make_direction(self, it, next, begin, end, sums);
    }
}

/* ---- decisions ---- */

/* A sum over all segments, in their order. */
static double sum_of(const full *self, size_t which) {
    double sum = 0;
    for (size_t i = 0; i < self->training->segments; i++) sum += self->sums[i][which];
    return sum;
}

static double most_of(const full *self, size_t which) {
    double most = 0;
    for (size_t i = 0; i < self->training->segments; i++) most = fmax(most, self->sums[i][which]);
    return most;
}

static double loss_of_slots(const full *self) {
    double loss = 0;
    for (size_t p = 0; p < self->training->partitions; p++) loss += *self->slot_losses[p];
    return loss / (double)self->training->row_count;
}

/* Whether the kink is to be rounded off by less. */
static bool tightens(const full *self, const numbers *it) {
    const double *smooths = self->linear.loss->smooths;
    return smooths && smooths[(size_t)it->smooth + 1] > 0;
}

/* Whether the adaptive pass has left the first evaluation without a loss: it is made again where the pass began. */
static bool is_lost(const numbers *it, double loss) {
    return it->warmth == BEHIND && it->is_scaled == 0 && !isfinite(loss);
}

/* After phase 0: what the try was worth. */
static size_t judge(const full *self, const numbers *it, numbers *next) {
    const double penalty = self->l2 / 2 * sum_of(self, SUM_SQUARES) + self->l1 * sum_of(self, SUM_LENGTHS);
    const double loss = loss_of_slots(self) + penalty;
    *next = *it;
    next->trials++;
    if (adapts(it)) {
        next->warmth = BEHIND;
        next->point = 1 - it->point;
        next->loss = loss;
        return 0;
    }
    if (is_lost(it, loss)) {
        next->warmth = WITHOUT;
        next->point = 1 - it->point;
        return 0;
    }
    next->is_scaled = 1;
    if (it->is_fresh == 0) {
        const models__verdict verdict = self->l1 > 0
                                            ? models__line_backtrack(&next->line, loss, sum_of(self, SUM_DESCENT))
                                            : models__line_step(&next->line, loss, sum_of(self, SUM_SLOPE));
        if (verdict == MODELS__GO_ON) return 0;
        if (verdict == MODELS__GIVE_UP) {
            /* From the same point once more, down the gradient; if that was it, nothing is left to gain. */
            if (it->is_plain != 0) {
                next->state = ROUNDING;
            } else {
                next->is_fresh = 1;
                next->pairs = 0;
            }
            return 0;
        }
    }
    next->loss = loss;
    next->norm = most_of(self, SUM_MOST);
    return 1;
}

/* Makes the products of the pair that has come, of phase 1, part of the basis's. */
static void note_products(const full *self, numbers *next, size_t pair) {
    const size_t h = self->h, size = 2 * h + 1, places[3] = {pair, h + pair, 2 * h};
    for (size_t v = 0; v < 3; v++) {
        for (size_t i = 0; i < size; i++) {
            const double value = sum_of(self, v * BASIS_MOST + i);
            next->products[places[v] * size + i] = next->products[i * size + places[v]] = value;
        }
    }
}

/* After phase 1: the state is at the new point. */
static size_t choose_direction(const full *self, const numbers *it, numbers *next) {
    const size_t h = self->h, size = 2 * h + 1, pair = free_pair(self, it);
    next->point = 1 - it->point;
    next->gradient = 1 - it->gradient;
    next->direction = 1 - it->direction;
    next->is_fresh = 0;
    note_products(self, next, pair);
    /* Where the function is hardly curved, a pair says more of rounding than of it. */
    const double curved = next->products[pair * size + h + pair], length = next->products[(h + pair) * (size + 1)];
    if (it->is_fresh == 0 && curved > 1e-10 * length && length > 0) {
        next->newest = (double)pair;
        next->pairs = fmin(it->pairs + 1, (double)self->memory);
    }
    const double reached = tightens(self, it) ? fmax(self->tolerance, 1e-3) : self->tolerance;
    if (next->norm <= reached * self->unit) {
        next->is_fresh = tightens(self, it);
        next->state = tightens(self, it) ? RUNNING : CONVERGED;
        next->smooth += tightens(self, it);
        next->pairs = 0;
        return 0;
    }
    size_t pairs[MODELS__MEMORY_MOST] = {0};
    const size_t count = (size_t)next->pairs;
    for (size_t i = 0; i < count; i++) pairs[i] = ((size_t)next->newest + h - (count - 1 - i)) % h;
    models__two_loops(next->products, h, pairs, count, next->coefficients);
    next->is_plain = count == 0;
    return 2;
}

/* After phase 2: the line search begins. */
static size_t set_out(const full *self, numbers *next) {
    const double slope = sum_of(self, SUM_SLOPE), length = sqrt(sum_of(self, SUM_SQUARES));
    if (slope < 0) {
        models__line_begin(&next->line, next->loss, slope, next->is_plain != 0 ? fmin(1, 1 / length) : 1);
        return 0;
    }
    if (next->is_plain != 0) { /* the gradient is 0 */
        next->state = ROUNDING;
        return 0;
    }
    models__two_loops(next->products, self->h, NULL, 0, next->coefficients);
    next->is_plain = 1;
    next->pairs = 0;
    return 2;
}

static size_t advance(void *opaque, const peal_round *round) {
    const full *self = opaque;
    const numbers *it = self->states[round->committed];
    numbers *next = self->states[1 - round->committed];
    if (round->phase == 0) return judge(self, it, next);
    return round->phase == 1 ? choose_direction(self, it, next) : set_out(self, next);
}

static double loss(const void *opaque, int state) {
    const full *self = opaque;
    return self->states[state]->loss;
}

static bool needs(const void *opaque, int state, const void *data) {
    const full *self = opaque;
    const numbers *it = self->states[state];
    if (data == self->scales) return it->is_scaled != 0;
    if (data == other(self->points, it->point)) return it->warmth == BEHIND && it->is_scaled == 0;
    if (data == pooled(self->points, it->point)) return true;
    if (it->state != RUNNING || it->is_fresh != 0) return false;
    for (size_t i = 0; i < self->h; i++) {
        if (data == self->steps[i] || data == self->changes[i]) return is_live(self, it, i);
    }
    return data == pooled(self->gradients, it->gradient) || data == pooled(self->directions, it->direction);
}

static bool is_over(const void *opaque, int state) {
    const full *self = opaque;
    return self->states[state]->state != RUNNING;
}

static void fill(const void *opaque, int state, void *model) {
    const full *self = opaque;
    const double *point = pooled(self->points, self->states[state]->point);
    double *out = models__linear_model_parameters(model);
    const bool is_scaled = self->states[state]->is_scaled != 0;
    for (size_t j = 0; j < self->linear.count; j++) out[j] = is_scaled ? self->scales[j] * point[j] : point[j];
}

static void conclude(const void *opaque, int state) {
    const full *self = opaque;
    const numbers *it = self->states[state];
    const peal_reporter *reporter = self->training->options->reporter;
    if (it->state == CONVERGED) {
        peal_report(reporter, PEAL_EVENT_NOTE, "converged after %.0f passes: loss %.6g, gradient at most %.2g",
                    it->trials, it->loss, it->norm / self->unit);
    } else if (it->state == ROUNDING) {
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
    .documentation = "exact gradients over all rows, for L-BFGS; with l1 OWL-QN",
    .sync = "full",
    .model_new = models__linear_model_new,
    .model_free = models__linear_model_free,
    .model_tensors = models__linear_model_tensors,
    .scratch_new = models__linear_model_scratch,
    .scratch_free = free,
    .score = models__linear_model_score,
    .check = check,
    .begin = begin,
    .end = end,
    .describe = describe,
    .summary = summary,
    .worker_bytes = worker_bytes,
    .lay_out = lay_out,
    .initialise = initialise,
    .take = take,
    .work = work,
    .combine = combine,
    .advance = advance,
    .loss = loss,
    .is_over = is_over,
    .check_state = check_state,
    .needs = needs,
    .fill = fill,
    .conclude = conclude,
};
