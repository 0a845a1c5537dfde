/* weight, offset and exposure: numbers that stand beside what is learnt from. A row's weight is how many rows it counts
 * for in training. Its offset is added to the score that a model gives it, in training and in prediction (McCullagh and
 * Nelder 1989, 6.3.2); that of a count over an exposure (hours, people) is the exposure's logarithm. */
#include <math.h>
#include <stdlib.h>

#include "core/base/explog.h"
#include "etl/transform/transform.h"

static const peal_option no_options[] = {
    {.name = NULL},
};

static const peal_bound from_0 = {.text = "a weight is a number from 0 on"},
                        above_0 = {.is_above = true, .text = "an exposure is a number above 0"};

/* What is not above 0, where other steps made it so, becomes no number that could be trained with, and is found there.
 * What came so made a bad row (peal_bound). */
static void take_logs(const void *state, double *values, size_t count) {
    (void)state;
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] > 0 ? peal_log(values[i]) : values[i] <= 0 ? -INFINITY : values[i];
}

const peal_transform peal_transform_weight = {
    .name = "weight",
    .documentation = "numbers from 0 on: how many rows a row counts for in training; models do not see it, and "
                     "predictions do not need it",
    .role = PEAL_TRANSFORM_WEIGHT,
    .bound = &from_0,
    .options = no_options,
    .load = peal_transform_load_nothing,
    .save = peal_transform_save_nothing,
    .free = free,
};

const peal_transform peal_transform_offset = {
    .name = "offset",
    .documentation =
        "numbers that are added to what a model with one score gives a row, in training and in prediction: "
        "to a number in its own unit, to the log-odds of the second class, to the logarithm of a count",
    .role = PEAL_TRANSFORM_OFFSET,
    .options = no_options,
    .load = peal_transform_load_nothing,
    .save = peal_transform_save_nothing,
    .free = free,
};

const peal_transform peal_transform_exposure = {
    .name = "exposure",
    .documentation = "numbers above 0: what a count is counted over, as hours or people; its logarithm is the offset",
    .role = PEAL_TRANSFORM_OFFSET,
    .options = no_options,
    .load = peal_transform_load_nothing,
    .save = peal_transform_save_nothing,
    .free = free,
    .bound = &above_0,
    .numbers = take_logs,
};
