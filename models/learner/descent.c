/* Evaluations, directions and decisions of exact gradients; see full.h. */
#include <math.h>
#include <string.h>

#include "core/base/vector.h"
#include "models/learner/full.h"

typedef models__full full;
typedef models__full_numbers numbers;

/* Sums over a segment. */
enum { SUM_SLOPE, SUM_SQUARES, SUM_LENGTHS, SUM_DESCENT, SUM_MOST, SUMS_OF_PROBE };

/* ---- the point that is tried ---- */

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
    const double x = models__pooled(self->points, it->point)[j];
    if (it->is_scaled == 0) return x / self->scales[j];
    if (it->is_fresh != 0) return x;
    return moved(self, j, x, it->line.t, models__pooled(self->directions, it->direction)[j],
                 models__pooled(self->gradients, it->gradient)[j]);
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

/* Adds the loss and gradient of some rows, the second derivatives and the squares of what they hold, unless those are
 * NULL. */
static void add_rows(full *self, const peal_loss_terms *terms, const peal_batch *rows, double *loss, double *gradient,
                     double *hessian, double *squares) {
    const models__linear *linear = &self->linear;
    const size_t outputs = linear->outputs;
    models__few few = {.features = self->scratch};
    double *scores = self->scratch + ROWS * linear->features, *derivatives = scores + ROWS * outputs;
    double *seconds = hessian ? derivatives + ROWS * outputs : NULL;
    const size_t second_size = outputs * outputs;
    double none = 0, *extra = linear->loss->has_extra ? &gradient[linear->extra] : &none;
    for (size_t at = 0; at < rows->count; at += ROWS) {
        models__linear_load(linear, rows, at, &few);
        models__linear_scores(linear, self->at, &few, scores);
        memset(derivatives, 0, ROWS * outputs * sizeof *derivatives);
        if (seconds) memset(seconds, 0, ROWS * second_size * sizeof *seconds);
        for (size_t i = 0; i < few.count; i++) {
            *loss +=
                models__linear_row_loss(linear, &self->training->weighing, terms, &few, i, scores + i * outputs,
                                        derivatives + i * outputs, seconds ? seconds + i * second_size : NULL, extra);
        }
        if (seconds) models__newton_add(linear, &few, seconds, hessian);
        models__linear_add_gradient(linear, &few, derivatives, gradient);
        if (squares) models__linear_add_squares(linear, &few, squares);
    }
}

/* Whether this round is the pass of online learning. */
static bool adapts(const numbers *it) {
    return it->warmth == MODELS__BEFORE;
}

/* Makes partition p's slot ready for a round. */
static void begin_slot(const full *self, const numbers *it, size_t p) {
    const size_t size = self->linear.count * sizeof(double);
    *self->slot_losses[p] = 0;
    if (it->is_scaled == 0) memset(self->slot_squares[p], 0, size);
    if (!adapts(it)) {
        memset(self->slot_gradients[p], 0, size);
        if (self->slot_hessians) memset(self->slot_hessians[p], 0, size * self->linear.count);
        return;
    }
    const models__adapted *slot = &self->slot_adapted[p];
    memcpy(slot->weights, models__pooled(self->points, it->point), size);
    memset(slot->trust, 0, size);
    slot->tally[0] = slot->tally[1] = 0;
}

size_t models__full_work(void *opaque, const peal_work *work) {
    full *self = opaque;
    const peal_round *round = work->round;
    const numbers *it = self->states[round->committed];
    const size_t p = work->partition, count = self->linear.count;
    double *loss = self->slot_losses[p], *gradient = self->slot_gradients[p];
    double *hessian = self->slot_hessians ? self->slot_hessians[p] : NULL;
    double *squares = it->is_scaled != 0 ? NULL : self->slot_squares[p];
    size_t step = work->from;
    for (size_t j = 0; j < count; j++) {
        self->at[j] =
            it->is_scaled != 0 ? self->scales[j] * tried(self, it, j) : models__pooled(self->points, it->point)[j];
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
            add_rows(self, &terms, &rows, loss, gradient, hessian, squares);
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
    const double *x = models__pooled(self->points, it->point), *d = models__pooled(self->directions, it->direction);
    const double *g = models__pooled(self->gradients, it->gradient);
    double *out = models__other(self->gradients, it->gradient);
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
    const double *x = models__pooled(self->points, it->point);
    double *out = models__other(self->points, it->point);
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

/* Behind phase 0: the second derivatives by the scaled parameters where it was tried, with those of the penalty. */
static void sum_hessian(const full *self, size_t begin, size_t end) {
    const size_t count = self->linear.count;
    const double rows = (double)self->training->row_count, *scales = self->scales;
    for (size_t i = begin; i < end; i++) {
        for (size_t j = 0; j <= i; j++) {
            const double sum = sum_slots(self->slot_hessians, i * count + j, 0, self->training->partitions);
            const double penalty = i == j && is_penalised(self, j) ? self->l2 : 0;
            self->hessian[i * count + j] = scales[i] * scales[j] * (sum / rows + penalty);
        }
    }
}

/* The place where a round may write a pair. */
static size_t free_pair(const full *self, const numbers *it) {
    return it->pairs > 0 ? ((size_t)it->newest + 1) % self->h : 0;
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
    for (size_t v = 0; v < 3; v++) sums[v * MODELS__BASIS_MOST + index] = three[v];
}

/* Phase 1: the point is taken; the step and the gradient's change, and their products with the basis. The gradient of
 * the penalised function stands where the next direction will. */
static void take_point(const full *self, const numbers *it, size_t begin, size_t end, double *sums) {
    const size_t h = self->h, pair = free_pair(self, it);
    const double *x = models__pooled(self->points, it->point), *g = models__pooled(self->gradients, it->gradient);
    const double *g_new = models__other(self->gradients, it->gradient);
    double *x_new = models__other(self->points, it->point), *p = models__other(self->directions, it->direction);
    double *s = self->steps[pair], *y = self->changes[pair];
    for (size_t j = begin; j < end; j++) {
        x_new[j] = tried(self, it, j);
        s[j] = x_new[j] - x[j];
        y[j] = it->is_fresh != 0 ? 0 : g_new[j] - g[j];
        p[j] = pseudo(self, j, x_new[j], g_new[j]);
    }
    if (self->slot_hessians) {
        sum_hessian(self, begin, end);
        return;
    }
    const double *const vectors[3] = {s, y, p};
    for (size_t i = 0; i < h; i++) {
        if (i != pair && !models__is_live(self, it, i)) continue;
        note_dots(vectors, self->steps[i], begin, end, i, sums);
        note_dots(vectors, self->changes[i], begin, end, h + i, sums);
    }
    note_dots(vectors, p, begin, end, 2 * h, sums);
}

/* Phase 2: the direction, over the gradient that phase 1 has left there. */
static void make_direction(const full *self, const numbers *it, const numbers *next, size_t begin, size_t end,
                           double *sums) {
    const size_t h = self->h;
    const double *x_new = models__other(self->points, it->point), *g_new = models__other(self->gradients, it->gradient);
    double *out = models__other(self->directions, it->direction);
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

void models__full_combine(void *opaque, const peal_round *round, size_t segment) {
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
    return it->warmth == MODELS__BEHIND && it->is_scaled == 0 && !isfinite(loss);
}

/* After phase 0: what the try was worth. */
static size_t judge(const full *self, const numbers *it, numbers *next) {
    const double penalty = self->l2 / 2 * sum_of(self, SUM_SQUARES) + self->l1 * sum_of(self, SUM_LENGTHS);
    const double loss = loss_of_slots(self) + penalty;
    *next = *it;
    next->trials++;
    if (adapts(it)) {
        next->warmth = MODELS__BEHIND;
        next->point = 1 - it->point;
        next->loss = loss;
        return 0;
    }
    if (is_lost(it, loss)) {
        next->warmth = MODELS__WITHOUT;
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
                next->state = MODELS__ROUNDING;
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
            const double value = sum_of(self, v * MODELS__BASIS_MOST + i);
            next->products[places[v] * size + i] = next->products[i * size + places[v]] = value;
        }
    }
}

/* Takes up the pair of phase 1; where the function is hardly curved, it says more of rounding than of that. */
static void note_pair(const full *self, const numbers *it, numbers *next) {
    const size_t h = self->h, size = 2 * h + 1, pair = free_pair(self, it);
    note_products(self, next, pair);
    const double curved = next->products[pair * size + h + pair], length = next->products[(h + pair) * (size + 1)];
    if (it->is_fresh == 0 && curved > 1e-10 * length && length > 0) {
        next->newest = (double)pair;
        next->pairs = fmin(it->pairs + 1, (double)self->memory);
    }
}

/* The direction of Newton's method; behind a search along it that found nothing, and where it cannot be told, that of
 * the gradient. */
static size_t step_by_newton(const full *self, const numbers *it, numbers *next) {
    const size_t count = self->linear.count;
    const double *g = models__other(self->gradients, it->gradient);
    double *out = models__other(self->directions, it->direction);
    const bool was_in_vain = it->is_fresh != 0 && it->is_scaled != 0;
    const bool is_told = !was_in_vain && models__newton_solve(self->hessian, count, g, self->factor, out);
    double slope = 0, squares = 0;
    for (size_t j = 0; j < count; j++) {
        if (!is_told) out[j] = -g[j];
        slope += g[j] * out[j];
        squares += out[j] * out[j];
    }
    next->is_plain = !is_told;
    if (slope < 0) {
        models__line_begin(&next->line, next->loss, slope, is_told ? 1 : fmin(1, 1 / sqrt(squares)));
    } else {
        next->state = MODELS__ROUNDING; /* the gradient is 0 */
    }
    return 0;
}

/* After phase 1: the state is at the new point. */
static size_t choose_direction(const full *self, const numbers *it, numbers *next) {
    next->point = 1 - it->point;
    next->gradient = 1 - it->gradient;
    next->direction = 1 - it->direction;
    next->is_fresh = 0;
    if (self->method == MODELS__LBFGS) note_pair(self, it, next);
    const double reached = tightens(self, it) ? fmax(self->tolerance, 1e-3) : self->tolerance;
    if (next->norm <= reached * self->unit) {
        next->is_fresh = tightens(self, it);
        next->state = tightens(self, it) ? MODELS__RUNNING : MODELS__CONVERGED;
        next->smooth += tightens(self, it);
        next->pairs = 0;
        return 0;
    }
    if (self->method == MODELS__NEWTON) return step_by_newton(self, it, next);
    size_t pairs[MODELS__MEMORY_MOST] = {0};
    const size_t h = self->h, count = (size_t)next->pairs;
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
        next->state = MODELS__ROUNDING;
        return 0;
    }
    models__two_loops(next->products, self->h, NULL, 0, next->coefficients);
    next->is_plain = 1;
    next->pairs = 0;
    return 2;
}

size_t models__full_advance(void *opaque, const peal_round *round) {
    const full *self = opaque;
    const numbers *it = self->states[round->committed];
    numbers *next = self->states[1 - round->committed];
    if (round->phase == 0) return judge(self, it, next);
    return round->phase == 1 ? choose_direction(self, it, next) : set_out(self, next);
}
