/* keep: a column stands in the dataset as its texts, for whoever joins rows to what they were; no model sees it. */
#include <stdlib.h>

#include "etl/transform/transform.h"

static const peal_option keep_options[] = {
    {.name = NULL},
};

const peal_transform peal_transform_keep = {
    .name = "keep",
    .documentation = "any values: a column of texts in the dataset, as they were written (a missing one is null), that "
                     "models do not see; for keys by which rows are joined later",
    .role = PEAL_TRANSFORM_KEEP,
    .options = keep_options,
    .load = peal_transform_load_nothing,
    .save = peal_transform_save_nothing,
    .free = free,
    .wants_text = true,
    .wants_rows = peal_transform_always,
};
