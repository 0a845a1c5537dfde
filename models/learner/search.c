/* See search.h. */
#include "models/learner/search.h"

#include <math.h>
#include <string.h>

static const double falls = 1e-4, flattens = 0.9; /* c1 and c2 of Nocedal and Wright, 3.1 */
enum { TRIES_MOST = 40 };

void models__line_begin(models__line *line, double f, double slope, double t) {
    const models__probe start = {0, f, slope};
    *line = (models__line){.start = start, .low = start, .t = t};
}

/* Where the cubic through both has its least value, kept well inside. */
static double between(const models__probe *a, const models__probe *b) {
    const double width = b->t - a->t;
    const double d1 = a->slope + b->slope - 3 * (a->f - b->f) / (a->t - b->t);
    const double square = d1 * d1 - a->slope * b->slope;
    double share = 0.5;
    if (square >= 0) {
        const double d2 = copysign(sqrt(square), width);
        const double t = b->t - width * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
        if (isfinite(t)) share = (t - a->t) / width;
    }
    return a->t + width * fmin(fmax(share, 0.1), 0.9);
}

static bool has_fallen(const models__line *line, double f, double slope) {
    const double rounding = 1e-12 * fabs(line->start.f);
    if (f <= line->start.f + falls * line->t * line->start.slope) return true;
    return f <= line->start.f + rounding && slope <= (2 * falls - 1) * line->start.slope;
}

static void bracket(models__line *line, models__probe high) {
    line->high = high;
    line->is_bracketed = 1;
}

models__verdict models__line_step(models__line *line, double f, double slope) {
    const bool is_number = isfinite(f) && isfinite(slope);
    const models__probe now = {line->t, is_number ? f : 1e300, is_number ? slope : 0};
    const double rounding = 1e-12 * fabs(line->start.f);
    if (++line->tries > TRIES_MOST) return MODELS__GIVE_UP;
    if (!is_number) {
        bracket(line, now);
        line->t = line->low.t + (now.t - line->low.t) / 10;
        return MODELS__GO_ON;
    }
    if (!has_fallen(line, f, slope) || (line->low.t > 0 && f > line->low.f + rounding)) {
        bracket(line, now);
    } else if (fabs(slope) <= -flattens * line->start.slope) {
        return MODELS__ACCEPT;
    } else {
        const double ahead = line->is_bracketed != 0 ? line->high.t - line->low.t : 1;
        if (slope * ahead >= 0) bracket(line, line->low);
        line->low = now;
    }
    if (line->is_bracketed != 0) {
        if (fabs(line->high.t - line->low.t) <= 1e-14 * line->t) return MODELS__GIVE_UP;
        line->t =
            line->high.f < 1e299 ? between(&line->low, &line->high) : line->low.t + (line->high.t - line->low.t) / 10;
    } else {
        line->t *= 4;
    }
    return MODELS__GO_ON;
}

models__verdict models__line_backtrack(models__line *line, double f, double descent) {
    const double rounding = 1e-14 * fabs(line->start.f);
    if (isfinite(f) && f <= line->start.f + falls * descent + rounding) return MODELS__ACCEPT;
    if (++line->tries > TRIES_MOST) return MODELS__GIVE_UP;
    line->t *= isfinite(f) ? 0.5 : 0.1;
    return MODELS__GO_ON;
}

/* The product of what the coefficients make with member `at` of the basis. */
static double product(const double *products, size_t size, const double *coefficients, size_t at) {
    double sum = 0;
    for (size_t i = 0; i < size; i++) sum += coefficients[i] * products[i * size + at];
    return sum;
}

void models__two_loops(const double *products, size_t h, const size_t *pairs, size_t count, double *coefficients) {
    const size_t size = 2 * h + 1;
    double alphas[MODELS__MEMORY_MOST];
    memset(coefficients, 0, size * sizeof *coefficients);
    coefficients[2 * h] = -1;
    for (size_t i = count; i-- > 0;) {
        const size_t s = pairs[i], y = h + pairs[i];
        alphas[i] = product(products, size, coefficients, s) / products[s * size + y];
        coefficients[y] -= alphas[i];
    }
    if (count) {
        const size_t s = pairs[count - 1], y = h + s;
        const double scale = products[s * size + y] / products[y * size + y];
        for (size_t i = 0; i < size; i++) coefficients[i] *= scale;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t s = pairs[i], y = h + pairs[i];
        const double beta = product(products, size, coefficients, y) / products[s * size + y];
        coefficients[s] += alphas[i] - beta;
    }
}
