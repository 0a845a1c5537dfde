/* standardize and minmax: x becomes (x - shift) / scale. They differ in what they fit. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/vector.h"
#include "etl/transform/transform.h"

typedef struct affine {
    double shift, scale; /* scale is never 0 */
    double least, most;  /* of the training rows, after the transform */
} affine;

/* Values that lie so many units beyond 0 are no measurements (a sentinel, another unit): the model sees the end of what
 * it was trained on in their place. */
#define BEYOND_ALL 1e6

static const peal_state_number affine_numbers_of[] = {{"shift", offsetof(affine, shift)},
                                                      {"scale", offsetof(affine, scale)},
                                                      {"least", offsetof(affine, least)},
                                                      {"most", offsetof(affine, most)},
                                                      {NULL, 0}};
static const peal_option affine_options[] = {
    {.name = NULL},
};

static peal_status affine_load(const json_t *options, void **state, peal_error *err) {
    affine *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    PEAL_TRY(peal_transform_number(options, "shift", 0, &self->shift, err));
    PEAL_TRY(peal_transform_number(options, "scale", 1, &self->scale, err));
    PEAL_TRY(peal_transform_number(options, "least", 0, &self->least, err));
    return peal_transform_number(options, "most", 0, &self->most, err);
}

static json_t *affine_save(const void *state) {
    const affine *self = state;
    return json_pack("{s:f, s:f, s:f, s:f}", "shift", self->shift, "scale", self->scale, "least", self->least, "most",
                     self->most);
}

static void affine_summary(const affine *self, peal_summary *summary) {
    summary->mean = (summary->mean - self->shift) / self->scale;
    summary->m2 /= self->scale * self->scale;
    summary->min = (summary->min - self->shift) / self->scale;
    summary->max = (summary->max - self->shift) / self->scale;
}

static const char *affine_check(const void *state) {
    const affine *self = state;
    const bool right = isfinite(self->shift) && isfinite(self->scale) && self->scale > 0 && isfinite(self->least) &&
                       isfinite(self->most) && self->least <= self->most;
    return right ? NULL : "has a scale, shift or range that makes no sense";
}

/* True if all values are equal but for rounding: such a column tells nothing. */
static bool is_constant(const peal_summary *summary) {
    const double size = fmax(fabs(summary->min), fabs(summary->max));
    return summary->count == 0 || summary->max - summary->min <= 4 * DBL_EPSILON * size;
}

/* Fits `shift` and `scale`, unless the column's values are so far apart that double cannot hold their spread. A
 * constant column becomes zeros. */
static peal_status affine_fit(affine *self, double shift, double scale, const char *column, peal_summary *summary,
                              peal_error *err) {
    const bool constant = is_constant(summary);
    self->shift = constant && summary->count ? summary->min : shift;
    self->scale = constant || !(scale > 0 || scale != scale) ? 1 : scale;
    if (!isfinite(self->shift) || !isfinite(self->scale)) {
        const double far = fabs(summary->max) > fabs(summary->min) ? summary->max : summary->min;
        return peal_fail(
            err, PEAL_E_DATA,
            "column '%s': its numbers reach %.16g, too large for their spread to be computed; if that spells "
            "a missing value, say so (null)",
            column, far);
    }
    affine_summary(self, summary);
    self->least = summary->count ? summary->min : 0;
    self->most = summary->count ? summary->max : 0;
    return PEAL_OK;
}

static peal_status standardize_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    return affine_fit(state, summary->mean, peal_summary_deviation(summary), column, summary, err);
}

static peal_status minmax_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    const bool there = summary->count > 0;
    return affine_fit(state, there ? summary->min : 0, there ? summary->max - summary->min : 1, column, summary, err);
}

PEAL_VECTOR static void scale_all(const affine *restrict self, double *restrict values, size_t count) {
    const double shift = self->shift, scale = self->scale, least = self->least, most = self->most;
    for (size_t i = 0; i < count; i++) {
        const double value = (values[i] - shift) / scale, low = value < -BEYOND_ALL ? least : value;
        values[i] = value > BEYOND_ALL ? most : low;
    }
}

static void affine_numbers(const void *state, double *values, size_t count) {
    scale_all(state, values, count);
}

const peal_transform peal_transform_standardize = {
    .name = "standardize",
    .documentation = "numbers: subtract the mean, divide by the standard deviation",
    .role = PEAL_TRANSFORM_NUMBERS,
    .options = affine_options,
    .load = affine_load,
    .save = affine_save,
    .numbers_of = affine_numbers_of,
    .state_size = sizeof(affine),
    .check = affine_check,
    .free = free,
    .fit = standardize_fit,
    .numbers = affine_numbers,
};

const peal_transform peal_transform_minmax = {
    .name = "minmax",
    .documentation = "numbers: scale the range between minimum and maximum to 0 .. 1",
    .role = PEAL_TRANSFORM_NUMBERS,
    .options = affine_options,
    .load = affine_load,
    .save = affine_save,
    .numbers_of = affine_numbers_of,
    .state_size = sizeof(affine),
    .check = affine_check,
    .free = free,
    .fit = minmax_fit,
    .numbers = affine_numbers,
};
