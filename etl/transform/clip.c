/* clip: numbers below one bound or above another become that bound. The bounds are given, or quantiles of the data.
 * log1p: the logarithm of one more than a number's size, with the number's sign. Both leave what is missing missing. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "etl/transform/histogram.h"
#include "etl/transform/transform.h"

typedef struct clip {
    double quantile; /* of the values that lie beyond each bound; 0: the bounds are given */
    double least, most;
} clip;

static const peal_option clip_options[] = {
    {"least", PEAL_OPTION_NUMBER, NULL, 0, 0, "X", "what numbers below it become (none)"},
    {"most", PEAL_OPTION_NUMBER, NULL, 0, 0, "X", "what numbers above it become (none)"},
    {"quantile", PEAL_OPTION_NUMBER, NULL, 0, 0, "X",
     "takes the bounds from the data, so that this part of the values lies beyond each, told to 2^-10 of a value (0)"},
    {.name = NULL},
};
static const peal_option log1p_options[] = {
    {.name = NULL},
};

static peal_status clip_load(const json_t *options, void **state, peal_error *err) {
    clip *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    PEAL_TRY(peal_transform_number(options, "least", -DBL_MAX, &self->least, err));
    PEAL_TRY(peal_transform_number(options, "most", DBL_MAX, &self->most, err));
    PEAL_TRY(peal_transform_number(options, "quantile", 0, &self->quantile, err));
    if (!(self->quantile >= 0 && self->quantile < 0.5)) {
        return peal_fail(err, PEAL_E_USAGE, "clip: 'quantile' must be a number from 0 to below 0.5");
    }
    if (!(self->least <= self->most)) {
        return peal_fail(err, PEAL_E_USAGE, "clip: 'least' is above 'most'");
    }
    if (self->quantile > 0 || self->least > -DBL_MAX || self->most < DBL_MAX) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "clip: 'least', 'most' or 'quantile' must be given");
}

static json_t *clip_save(const void *state) {
    const clip *self = state;
    return json_pack("{s:f, s:f, s:f}", "quantile", self->quantile, "least", self->least, "most", self->most);
}

static bool clip_wants_histogram(const void *state) {
    const clip *self = state;
    return self->quantile > 0;
}

static peal_status clip_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    clip *self = state;
    const peal_histogram *histogram = summary->histogram;
    if (histogram->count == 0) {
        return peal_fail(err, PEAL_E_DATA, "column '%s' has no value at all to clip by", column);
    }
    peal_histogram_place place = {0};
    const double last = (double)(histogram->count - 1);
    const double least = peal_histogram_at(histogram, &place, (uint64_t)floor(self->quantile * last));
    const double most = peal_histogram_at(histogram, &place, (uint64_t)ceil((1 - self->quantile) * last));
    self->least = fmax(self->least, fmax(least, -DBL_MAX));
    self->most = fmax(self->least, fmin(self->most, fmin(most, DBL_MAX)));
    return PEAL_OK;
}

static void clip_numbers(const void *state, double *values, size_t count) {
    const clip *self = state;
    for (size_t i = 0; i < count; i++) {
        values[i] = values[i] < self->least ? self->least : values[i] > self->most ? self->most : values[i];
    }
}

const peal_transform peal_transform_clip = {
    .name = "clip",
    .documentation = "numbers: those beyond a bound become the bound",
    .role = PEAL_TRANSFORM_NUMBERS,
    .options = clip_options,
    .load = clip_load,
    .save = clip_save,
    .free = free,
    .fit = clip_fit,
    .wants_histogram = clip_wants_histogram,
    .numbers = clip_numbers,
    .is_opaque = true,
};

/* ---- log1p ---- */

static void log1p_numbers(const void *state, double *values, size_t count) {
    (void)state;
    for (size_t i = 0; i < count; i++) values[i] = copysign(log1p(fabs(values[i])), values[i]);
}

const peal_transform peal_transform_log1p = {
    .name = "log1p",
    .documentation = "numbers: x becomes log(1 + x), and -x the negative of that",
    .role = PEAL_TRANSFORM_NUMBERS,
    .options = log1p_options,
    .load = peal_transform_load_nothing,
    .save = peal_transform_save_nothing,
    .free = free,
    .numbers = log1p_numbers,
    .is_opaque = true,
};
