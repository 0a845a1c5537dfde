/* A step a row; see adaptive.h. Elementwise loops have the same bits by every vector unit; sums are in lanes. */
#include "models/learner/adaptive.h"

#include <math.h>
#include <string.h>

#include "core/base/vector.h"

#define RATE 0.5

/* A feature that is larger than all before changes the unit of its weights. Returns the sum of squares in units of the
 * largest. */
PEAL_VECTOR static double rescale(const double *restrict x, size_t count, double *restrict largest,
                                  double *restrict weights) {
    double lanes[MODELS__LANES] = {0};
    for (size_t j = 0; j < count; j++) {
        const double size = fabs(x[j]), most = largest[j];
        const double unit = size > most ? size : most, part = unit > 0 ? size / unit : 0;
        weights[j] = size > most && most > 0 ? weights[j] * (most / size) : weights[j];
        largest[j] = unit;
        lanes[j % MODELS__LANES] += part * part;
    }
    return models__add_lanes(lanes);
}

/* w -= rate g / (largest sqrt(sum of g^2)). */
PEAL_VECTOR static void step_dense(const double *restrict x, double derivative, double rate, size_t count,
                                   const double *restrict largest, double *restrict trust, double *restrict weights) {
    for (size_t j = 0; j < count; j++) {
        const double g = derivative * x[j], sum = trust[j] + g * g;
        trust[j] = sum;
        weights[j] -= sum > 0 && largest[j] > 0 ? rate * g / (largest[j] * sqrt(sum)) : 0;
    }
}

typedef struct one_row {
    const models__linear *linear;
    const models__few *few;
    size_t i; /* among the few */
    const double *x;
    models__adapted *to;
} one_row;

/* The weights' units, and what the row adds to the sum of squares. */
static double rescale_row(const one_row *self) {
    const models__linear *linear = self->linear;
    models__adapted *to = self->to;
    double sum = 1; /* the bias */
    for (size_t k = 0; k < linear->outputs; k++) {
        const size_t at = linear->weights + k * linear->features;
        const double own = rescale(self->x, linear->features, to->largest + at, to->weights + at);
        if (k == 0) sum += own;
    }
    MODELS__EACH_ENTRY(linear, self->few, self->i, at, value, {
        const double own = rescale(&value, 1, &to->largest[at], &to->weights[at]);
        for (size_t k = 1; k < linear->outputs; k++) rescale(&value, 1, &to->largest[at + k], &to->weights[at + k]);
        sum += own;
    });
    return sum;
}

static void step_row(const one_row *self, const double *derivatives, double extra, double rate) {
    static const double one = 1;
    const models__linear *linear = self->linear;
    models__adapted *to = self->to;
    for (size_t k = 0; k < linear->outputs; k++) {
        const size_t at = linear->weights + k * linear->features;
        step_dense(&one, derivatives[k], rate, 1, &one, &to->trust[k], &to->weights[k]);
        step_dense(self->x, derivatives[k], rate, linear->features, to->largest + at, to->trust + at, to->weights + at);
    }
    if (linear->loss->has_extra) {
        step_dense(&one, extra, rate, 1, &one, &to->trust[linear->extra], &to->weights[linear->extra]);
    }
    MODELS__EACH_ENTRY(linear, self->few, self->i, at, value, {
        for (size_t k = 0; k < linear->outputs; k++) {
            step_dense(&value, derivatives[k], rate, 1, &to->largest[at + k], &to->trust[at + k], &to->weights[at + k]);
        }
    });
}

void models__adapt(const models__linear *linear, const peal_weighing *weighing, const peal_loss_terms *terms,
                   const peal_batch *rows, models__adapted *to, double *loss, double *scratch) {
    const size_t outputs = linear->outputs;
    models__few few = {.features = scratch};
    double *scores = scratch + MODELS__LINEAR_ROWS * linear->features, *derivatives = scores + outputs;
    peal_loss_terms own = *terms;
    for (size_t at = 0; at < rows->count; at += few.count) {
        models__linear_load(linear, rows, at, &few);
        for (size_t i = 0; i < few.count; i++) {
            const one_row row = {linear, &few, i, few.features + i * linear->features, to};
            double extra = 0;
            to->tally[0] += 1;
            to->tally[1] += rescale_row(&row);
            if (linear->loss->has_extra) own.extra = to->weights[linear->extra];
            models__linear_score_row(linear, to->weights, &few, i, scores);
            memset(derivatives, 0, outputs * sizeof *derivatives);
            *loss += models__linear_row_loss(linear, weighing, &own, &few, i, scores, derivatives, NULL, &extra);
            step_row(&row, derivatives, extra, RATE * sqrt(to->tally[0] / to->tally[1]));
        }
    }
}
