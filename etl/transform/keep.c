/* keep: a column stands in the dataset as its texts, for whoever joins rows to what they were; no model sees it. */
#include <stdlib.h>

#include "etl/transform/transform.h"

static const peal_option keep_options[] = {
    {.name = NULL},
};

/* There is nothing to know, but a state that is NULL would mean that there is no memory. */
static peal_status keep_load(const json_t *options, void **state, peal_error *err) {
    (void)options;
    *state = calloc(1, 1);
    return *state ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
}

static json_t *keep_save(const void *state) {
    (void)state;
    return json_object();
}

const peal_transform peal_transform_keep = {
    .name = "keep",
    .documentation = "any values: a column of texts in the dataset, as they were written (a missing one is null), that "
                     "models do not see; for keys by which rows are joined later",
    .role = PEAL_TRANSFORM_KEEP,
    .options = keep_options,
    .load = keep_load,
    .save = keep_save,
    .free = free,
    .wants_text = true,
    .wants_rows = peal_transform_always,
};
