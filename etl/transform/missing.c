/* missing: one or two numbers that stand for a missing one, as -999 does, become missing. */
#include <math.h>
#include <stdlib.h>

#include "etl/transform/transform.h"

typedef struct missing {
    double value, other; /* the same if there is one */
} missing;

static const peal_state_number missing_numbers_of[] = {
    {"value", offsetof(missing, value)}, {"other", offsetof(missing, other)}, {NULL, 0}};
static const peal_option missing_options[] = {
    {"value", PEAL_OPTION_NUMBER, NULL, 0, 0, "X", "the number that stands for a missing one"},
    {"other", PEAL_OPTION_NUMBER, NULL, 0, 0, "X", "another one (none)"},
    {.name = NULL},
};

static peal_status missing_load(const json_t *options, void **state, peal_error *err) {
    missing *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    if (!json_object_get(options, "value")) return peal_fail(err, PEAL_E_USAGE, "missing: 'value' must be given");
    PEAL_TRY(peal_transform_number(options, "value", 0, &self->value, err));
    return peal_transform_number(options, "other", self->value, &self->other, err);
}

static json_t *missing_save(const void *state) {
    const missing *self = state;
    return json_pack("{s:f, s:f}", "value", self->value, "other", self->other);
}

static const char *missing_check(const void *state) {
    const missing *self = state;
    return isfinite(self->value) && isfinite(self->other) ? NULL : "has a number for what is missing that is none";
}

static void missing_numbers(const void *state, double *values, size_t count) {
    const missing *self = state;
    for (size_t i = 0; i < count; i++) {
        if (values[i] == self->value || values[i] == self->other) values[i] = (double)NAN;
    }
}

const peal_transform peal_transform_missing = {
    .name = "missing",
    .documentation = "numbers: one that stands for what is missing, as -999, becomes missing",
    .role = PEAL_TRANSFORM_NUMBERS,
    .options = missing_options,
    .load = missing_load,
    .save = missing_save,
    .numbers_of = missing_numbers_of,
    .state_size = sizeof(missing),
    .check = missing_check,
    .free = free,
    .numbers = missing_numbers,
    .is_opaque = true,
};
