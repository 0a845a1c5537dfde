/* Draws the rows of a round; see sample.h. */
#include "models/learner/sample.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/base/memory.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

/* ---- options ---- */

static bool is_goss(const peal_model_spec *spec) {
    return spec->words[MODELS__SAMPLING] == MODELS__BY_GRADIENTS ||
           spec->words[MODELS__BOOSTING] == MODELS__BOOSTING_GOSS;
}

peal_status models__sample_check(const peal_model_spec *spec, peal_error *err) {
    static const uint32_t own = 1u << MODELS__TOP_RATE | 1u << MODELS__OTHER_RATE;
    const double *numbers = spec->parameters;
    if (!is_goss(spec)) {
        if (!(spec->given & own)) return PEAL_OK;
        return peal_fail(err, PEAL_E_USAGE, "trees: top_rate and other_rate are of sampling=goss");
    }
    if (spec->words[MODELS__SAMPLING] == MODELS__UNIFORM) {
        return peal_fail(err, PEAL_E_USAGE, "trees: boosting=goss is a way of sampling; leave sampling out");
    }
    if (numbers[MODELS__ROWS] < 1) {
        return peal_fail(err, PEAL_E_USAGE, "trees: goss chooses the rows of a tree; leave rows out");
    }
    if (numbers[MODELS__TOP_RATE] + numbers[MODELS__OTHER_RATE] <= 1) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "trees: top_rate and other_rate are parts of the rows: %g and %g are above 1",
                     numbers[MODELS__TOP_RATE], numbers[MODELS__OTHER_RATE]);
}

models__sampling models__sample_choose(const peal_model_spec *spec) {
    const double *numbers = spec->parameters;
    return (models__sampling){.by_gradients = is_goss(spec),
                              .rows = numbers[MODELS__ROWS],
                              .top = numbers[MODELS__TOP_RATE],
                              .other = numbers[MODELS__OTHER_RATE],
                              .first_round = (size_t)(1 / numbers[MODELS__RATE])};
}

/* ---- memory ---- */

static bool takes_all(const models__sampling *sampling) {
    return !sampling->by_gradients && sampling->rows >= 1;
}

size_t models__sample_row_bytes(const models__sampling *sampling) {
    return takes_all(sampling) ? 0 : sizeof(float) + (sampling->by_gradients ? sizeof(uint64_t) : 0);
}

peal_status models__sample_room(const models__sampling *sampling, models__own_rows *own, size_t rows) {
    if (takes_all(sampling)) return PEAL_OK;
    PEAL_TRY(peal_alloc_checked(&own->shares, rows, sizeof(float), "rows", NULL));
    return sampling->by_gradients ? peal_alloc_checked(&own->keys, rows, sizeof(uint64_t), "rows", NULL) : PEAL_OK;
}

void models__sample_lay_out(models__trees *self, peal_layout *layout) {
    if (!self->sampling.by_gradients) return;
    self->digits = peal_layout_scratch(layout, 2 * self->members * DIGITS, sizeof(uint64_t));
}

/* ---- the largest gradients ---- */

/* The sum over outputs of |gradient x second derivative|, in whose order numbers that are not negative have their bits;
 * below it random ones. */
static void find_keys(const models__member *m) {
    const size_t outputs = m->self->outputs;
    for (size_t i = 0; i < m->count; i++) {
        const double *derivatives = m->own->derivatives + 2 * i * outputs;
        double sum = 0;
        uint32_t random[4], bits;
        for (size_t k = 0; k < outputs; k++) sum += fabs(derivatives[2 * k] * derivatives[2 * k + 1]);
        const float size = (float)fmin(sum, (double)FLT_MAX);
        memcpy(&bits, &size, sizeof bits);
        models__row_random(m, i, 0, PEAL_PURPOSE_SAMPLE, random);
        m->own->keys[i] = (uint64_t)bits << 32 | random[1];
    }
}

/* Rows of a round by their keys. */
typedef struct threshold {
    uint64_t key;      /* those above it are all in */
    uint64_t ties;     /* and so many of those that have it */
    uint64_t own_ties; /* that are left for this worker's rows and those behind them */
} threshold;

/* Counts own keys whose bits from `top` on are the prefix's by their bits below, down to `shift`. */
static void count_digits(const models__member *m, uint64_t prefix, int top, int shift, uint64_t counts[DIGITS]) {
    const uint64_t mask = (UINT64_C(1) << (top - shift)) - 1;
    memset(counts, 0, DIGITS * sizeof *counts);
    for (size_t i = 0; i < m->count; i++) {
        const uint64_t key = m->own->keys[i];
        if (top < 64 && (key ^ prefix) >> top) continue;
        counts[key >> shift & mask]++;
    }
}

/* What the first `members` workers have counted. */
static uint64_t sum_digit(const uint64_t *counts, size_t digit, size_t members) {
    uint64_t sum = 0;
    for (size_t r = 0; r < members; r++) sum += counts[r * DIGITS + digit];
    return sum;
}

/* The threshold above which, with some of those at it, `wanted` keys of all workers lie. All count digit by digit, the
 * highest first, and each then decides the same; there are two places for counts, so that nobody writes where others
 * still read. */
static peal_status find_threshold(const models__member *m, uint64_t wanted, threshold *out) {
    const models__trees *self = m->self;
    *out = (threshold){.ties = wanted};
    for (int top = 64, shift, pass = 0; top > 0; top = shift, pass++) {
        uint64_t *counts = self->digits + (size_t)(pass % 2) * self->members * DIGITS;
        size_t digit = DIGITS - 1;
        shift = top > DIGIT_BITS ? top - DIGIT_BITS : 0;
        count_digits(m, out->key, top, shift, counts + m->rank * DIGITS);
        PEAL_TRY(models__meet(m));
        for (uint64_t sum; (sum = sum_digit(counts, digit, self->members)) < out->ties; digit--) {
            out->ties -= sum;
        }
        out->key |= (uint64_t)digit << shift;
        const uint64_t before = sum_digit(counts, digit, m->rank);
        out->own_ties = before < out->ties ? out->ties - before : 0;
    }
    return PEAL_OK;
}

static peal_status draw_by_gradients(const models__member *m) {
    const models__trees *self = m->self;
    const models__sampling *sampling = &self->sampling;
    const double wanted = floor(sampling->top * (double)self->training->row_count);
    const double part = sampling->other / (1 - sampling->top);
    threshold at;
    find_keys(m);
    PEAL_TRY(find_threshold(m, wanted < 1 ? 1 : (uint64_t)wanted, &at));
    for (size_t i = 0; i < m->count; i++) {
        uint32_t random[4];
        models__row_random(m, i, 0, PEAL_PURPOSE_SAMPLE, random);
        const bool is_tie = m->own->keys[i] == at.key, is_in = m->own->keys[i] > at.key || (is_tie && at.own_ties);
        at.own_ties -= is_tie && at.own_ties;
        m->own->shares[i] = is_in ? 1 : random[0] * 0x1p-32 < part ? (float)(1 / part) : 0;
    }
    return PEAL_OK;
}

/* ---- all together ---- */

static void draw_alike(const models__member *m, double part) {
    for (size_t i = 0; i < m->count; i++) {
        uint32_t random[4];
        models__row_random(m, i, 0, PEAL_PURPOSE_SAMPLE, random);
        m->own->shares[i] = random[0] * 0x1p-32 < part;
    }
}

/* The derivatives of rows that are drawn count as much as they do. */
static void share_derivatives(const models__member *m) {
    const size_t outputs = m->self->outputs;
    models__told *told = &m->self->told[m->rank];
    told->most_gradient = told->most_hessian = 0;
    for (size_t i = 0; i < m->count; i++) {
        double *derivatives = m->own->derivatives + 2 * i * outputs;
        for (size_t k = 0; k < outputs; k++, derivatives += 2) {
            derivatives[0] *= (double)m->own->shares[i];
            derivatives[1] *= (double)m->own->shares[i];
            told->most_gradient = fmax(told->most_gradient, fabs(derivatives[0]));
            told->most_hessian = fmax(told->most_hessian, fabs(derivatives[1]));
        }
    }
}

peal_status models__sample_rows(const models__member *m) {
    const models__sampling *sampling = &m->self->sampling;
    if (takes_all(sampling)) return PEAL_OK;
    if (!sampling->by_gradients || m->round < sampling->first_round) {
        draw_alike(m, sampling->by_gradients ? 1 : sampling->rows);
        return PEAL_OK;
    }
    PEAL_TRY(draw_by_gradients(m));
    share_derivatives(m);
    return PEAL_OK;
}
