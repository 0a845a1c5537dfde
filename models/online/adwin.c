/* Adaptive windowing over an exponential histogram; see adwin.h. */
#include "models/online/adwin.h"

#include <math.h>
#include <string.h>

double models__adwin_mean(const models__adwin *self) {
    return self->count > 0 ? self->sum / self->count : 0;
}

double models__adwin_bound(double delta, double older, double newer, double variance) {
    const double inverse = 1 / older + 1 / newer; /* 1 / m, m their harmonic mean's half */
    const double confidence = log(2 * log(older + newer) / delta);
    return sqrt(2 * inverse * variance * confidence) + 2.0 / 3 * inverse * confidence;
}

/* What the window holds, anew from its buckets: subtracting would leave what rounding has added. */
static void add_up(models__adwin *self) {
    self->count = self->sum = self->squares = 0;
    for (size_t level = MODELS__ADWIN_LEVELS; level-- > 0;) {
        for (size_t i = 0; i < (size_t)self->buckets[level]; i++) {
            self->count += ldexp(1, (int)level);
            self->sum += self->sums[level][i];
            self->squares += self->squared[level][i];
        }
    }
}

static void push(models__adwin *self, size_t level, double sum, double squares) {
    const size_t at = (size_t)self->buckets[level]++;
    self->sums[level][at] = sum;
    self->squared[level][at] = squares;
}

/* Takes the `count` oldest buckets of a level away. */
static void shift(models__adwin *self, size_t level, size_t count) {
    const size_t left = (size_t)self->buckets[level] - count;
    memmove(self->sums[level], self->sums[level] + count, left * sizeof(double));
    memmove(self->squared[level], self->squared[level] + count, left * sizeof(double));
    for (size_t i = left; i < left + count; i++) self->sums[level][i] = self->squared[level][i] = 0;
    self->buckets[level] = (double)left;
}

/* Levels that are too full hand their two oldest buckets up as one. */
static void compress(models__adwin *self) {
    for (size_t level = 0; level + 1 < MODELS__ADWIN_LEVELS; level++) {
        const double *sums = self->sums[level], *squared = self->squared[level];
        if (self->buckets[level] <= MODELS__ADWIN_BUCKETS) return;
        push(self, level + 1, sums[0] + sums[1], squared[0] + squared[1]);
        shift(self, level, 2);
    }
}

static void drop_oldest(models__adwin *self) {
    size_t level = MODELS__ADWIN_LEVELS;
    while (level > 0 && self->buckets[level - 1] == 0) level--;
    if (level == 0) return;
    shift(self, level - 1, 1);
    add_up(self);
}

/* Whether an older and a newer part differ, at any place between buckets. */
static bool differs(const models__adwin *self, models__adwin_change *out) {
    const double mean = models__adwin_mean(self);
    const double variance = fmax(self->squares / self->count - mean * mean, 0);
    double older = 0, sum = 0;
    for (size_t level = MODELS__ADWIN_LEVELS; level-- > 0;) {
        for (size_t i = 0; i < (size_t)self->buckets[level]; i++) {
            older += ldexp(1, (int)level);
            sum += self->sums[level][i];
            const double newer = self->count - older;
            if (newer < MODELS__ADWIN_LEAST) return false;
            if (older < MODELS__ADWIN_LEAST) continue;
            const double before = sum / older, after = (self->sum - sum) / newer;
            if (fabs(before - after) <= models__adwin_bound(self->delta, older, newer, variance)) continue;
            *out = (models__adwin_change){before, after};
            return true;
        }
    }
    return false;
}

bool models__adwin_add(models__adwin *self, double value, models__adwin_change *out) {
    push(self, 0, value, value * value);
    self->count++;
    self->sum += value;
    self->squares += value * value;
    compress(self);
    if (++self->since < MODELS__ADWIN_EVERY) return false;
    self->since = 0;
    bool has_cut = false;
    /* The first difference is the one that tells: after a drop, the older part is shorter. */
    for (models__adwin_change change; differs(self, &change); drop_oldest(self)) {
        if (!has_cut) *out = change;
        has_cut = true;
    }
    return has_cut;
}

static bool is_count(double value, double most) {
    return value >= 0 && value <= most && floor(value) == value;
}

bool models__adwin_is_whole(const models__adwin *self) {
    double count = 0;
    bool whole = self->delta > 0 && self->delta < 1 && is_count(self->since, MODELS__ADWIN_EVERY - 1);
    for (size_t level = 0; whole && level < MODELS__ADWIN_LEVELS; level++) {
        whole = is_count(self->buckets[level], MODELS__ADWIN_BUCKETS);
        count += self->buckets[level] * ldexp(1, (int)level);
    }
    return whole && count == self->count && isfinite(self->sum) && isfinite(self->squares);
}
