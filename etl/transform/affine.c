/* standardize and minmax: x becomes (x - shift) / scale. They differ in what they fit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "etl/transform/transform.h"

typedef struct affine {
    double shift, scale; /* scale is never 0 */
} affine;

static const char *const affine_options[] = {"shift", "scale", NULL};

static peal_status affine_load(const json_t *options, void **state, peal_error *err) {
    affine *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    PEAL_TRY(peal_transform_number(options, "shift", 0, &self->shift, err));
    return peal_transform_number(options, "scale", 1, &self->scale, err);
}

static json_t *affine_save(const void *state) {
    const affine *self = state;
    return json_pack("{s:f, s:f}", "shift", self->shift, "scale", self->scale);
}

static void affine_summary(const affine *self, peal_summary *summary) {
    summary->mean = (summary->mean - self->shift) / self->scale;
    summary->m2 /= self->scale * self->scale;
    summary->min = (summary->min - self->shift) / self->scale;
    summary->max = (summary->max - self->shift) / self->scale;
}

static const char *affine_check(const void *state) {
    const affine *self = state;
    return isfinite(self->shift) && isfinite(self->scale) && self->scale > 0
               ? NULL
               : "has a scale or shift that makes no sense";
}

/* Fits `shift` and `scale`, unless the column's values are so far apart that double cannot hold their spread. */
static peal_status affine_fit(affine *self, double shift, double scale, const char *column, peal_summary *summary,
                              peal_error *err) {
    self->shift = shift;
    self->scale = scale > 0 ? scale : 1; /* a constant column becomes zeros */
    if (affine_check(self)) {
        return peal_fail(err, PEAL_E_DATA, "column '%s': its numbers are too large for their spread to be computed",
                         column);
    }
    affine_summary(self, summary);
    return PEAL_OK;
}

static peal_status standardize_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    return affine_fit(state, summary->mean, peal_summary_deviation(summary), column, summary, err);
}

static peal_status minmax_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    const bool there = summary->count > 0;
    return affine_fit(state, there ? summary->min : 0, there ? summary->max - summary->min : 1, column, summary, err);
}

static void affine_numbers(const void *state, double *values, size_t count) {
    const affine *self = state;
    for (size_t i = 0; i < count; i++) values[i] = (values[i] - self->shift) / self->scale;
}

const peal_transform peal_transform_standardize = {
    .name = "standardize",
    .documentation = "numbers: subtract the mean, divide by the standard deviation",
    .role = PEAL_TRANSFORM_NUMBERS,
    .options = affine_options,
    .load = affine_load,
    .save = affine_save,
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
    .check = affine_check,
    .free = free,
    .fit = minmax_fit,
    .numbers = affine_numbers,
};
