/* impute: a missing number becomes the mean, the minimum, the maximum, or a given value. That it was missing may stand
 * beside it, as a feature of 0 and 1. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/number.h"
#include "etl/transform/mark.h"
#include "etl/transform/transform.h"

typedef struct impute {
    char with[32]; /* "mean", "min", "max" or a number */
    double fill;
    peal_mark mark;
    bool has_filled; /* some of the rows that it was fitted on */
} impute;

static const peal_state_number impute_numbers_of[] = {{"fill", offsetof(impute, fill)}, {NULL, 0}};
static const char *const fills[] = {"mean", "min", "max", NULL};
static const peal_option impute_options[] = {
    {"with", PEAL_OPTION_NUMBER, fills, 0, 0, "mean|min|max|X", "what a missing number becomes (mean)"},
    {"mark", PEAL_OPTION_CHOICE, peal_mark_names, 0, 0, "no|yes|auto",
     "one feature more, 1 where the number was missing; auto: if it is in 1 of 100 rows, and 20 (no; where no "
     "transform "
     "is named auto)"},
    {.name = NULL},
};

static peal_status impute_load(const json_t *options, void **state, peal_error *err) {
    impute *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    const json_t *with = json_object_get(options, "with");
    if (json_is_number(with)) {
        peal_number_text(json_number_value(with), self->with);
    } else {
        const char *text = with ? json_string_value(with) : "mean";
        snprintf(self->with, sizeof self->with, "%s", text ? text : "?");
    }
    double number;
    if (json_string_length(with) >= sizeof self->with) {
        return peal_fail(err, PEAL_E_USAGE, "impute: 'with' is too long");
    }
    if (strcmp(self->with, "mean") != 0 && strcmp(self->with, "min") != 0 && strcmp(self->with, "max") != 0 &&
        !peal_number_parse(self->with, strlen(self->with), &number)) {
        return peal_fail(err, PEAL_E_USAGE, "impute: 'with' must be mean, min, max or a number, not '%s'", self->with);
    }
    PEAL_TRY(peal_mark_load(options, &self->mark, err));
    self->has_filled = json_is_true(json_object_get(options, "filled"));
    return peal_transform_number(options, "fill", 0, &self->fill, err);
}

static json_t *impute_save(const void *state) {
    const impute *self = state;
    json_t *saved = peal_mark_save(&self->mark, json_pack("{s:s, s:f}", "with", self->with, "fill", self->fill));
    return self->has_filled ? peal_json_set(saved, "filled", json_true()) : saved;
}

static const char *impute_check(const void *state) {
    const impute *self = state;
    return isfinite(self->fill) ? NULL : "has a number for what is missing that is none";
}

/* As near to the mean as makes no difference, but no number that a row has: so it tells which rows had none (see
 * peal_impute_left), also where the mean is a whole number among whole numbers. */
static double beside_mean(const peal_summary *summary) {
    const double least = 1e-15 * peal_summary_deviation(summary), mean = summary->mean;
    const double next = nextafter(mean, (double)INFINITY);
    return isfinite(least) && mean + least > next ? mean + least : next;
}

static peal_status impute_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    impute *self = state;
    if (!peal_number_parse(self->with, strlen(self->with), &self->fill)) {
        if (summary->count == 0) {
            return peal_fail(err, PEAL_E_DATA, "column '%s' has no value at all to impute from", column);
        }
        self->fill = self->with[1] == 'e' ? beside_mean(summary) : self->with[1] == 'i' ? summary->min : summary->max;
    }
    if (!isfinite(self->fill)) {
        const double far = fabs(summary->max) > fabs(summary->min) ? summary->max : summary->min;
        return peal_fail(
            err, PEAL_E_DATA,
            "column '%s': its numbers reach %.16g, too large for their mean to be computed; if that spells a "
            "missing value, say so (null)",
            column, far);
    }
    peal_summary filled = {
        .count = summary->nulls, .mean = self->fill, .min = self->fill, .max = self->fill, .nulls = 0};
    self->has_filled = summary->nulls > 0;
    peal_mark_fit(&self->mark, summary->nulls, summary->count);
    summary->nulls = 0;
    peal_summary_merge(summary, &filled);
    return PEAL_OK;
}

static void impute_numbers(const void *state, double *values, size_t count) {
    const impute *self = state;
    for (size_t i = 0; i < count; i++) values[i] = isnan(values[i]) ? self->fill : values[i];
}

void peal_impute_mark(void *state) {
    impute *self = state;
    peal_mark_ask(&self->mark);
}

bool peal_impute_unmark(void *state) {
    impute *self = state;
    return peal_mark_take_back(&self->mark);
}

bool peal_impute_marks(const void *state) {
    const impute *self = state;
    return self->mark.is_made;
}

peal_impute_trace peal_impute_left(const void *state) {
    const impute *self = state;
    if (!self->has_filled) return PEAL_IMPUTE_NOTHING;
    return strcmp(self->with, "mean") == 0 ? PEAL_IMPUTE_SHOWS : PEAL_IMPUTE_HIDES;
}

const peal_transform peal_transform_impute = {
    .name = "impute",
    .documentation = "numbers: what is missing becomes a number",
    .role = PEAL_TRANSFORM_NUMBERS,
    .options = impute_options,
    .load = impute_load,
    .save = impute_save,
    .numbers_of = impute_numbers_of,
    .state_size = sizeof(impute),
    .check = impute_check,
    .free = free,
    .fit = impute_fit,
    .numbers = impute_numbers,
};
