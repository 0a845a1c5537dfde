/* query: rows of equal texts are the answers to one query (a search, a user, a session), which a model ranks among each
 * other. What a row's query is called tells nothing of the row: no model sees it, and no prediction needs it. */
#include <stdlib.h>

#include "etl/transform/transform.h"

static const peal_option query_options[] = {
    {.name = NULL},
};

const peal_transform peal_transform_query = {
    .name = "query",
    .documentation = "any values: rows of the same value, wherever they stand, are ranked among each other; values are "
                     "compared as they are written, and a row without one is bad; models do not see it, predictions "
                     "do not need it, splits do not cut it",
    .role = PEAL_TRANSFORM_QUERY,
    .options = query_options,
    .load = peal_transform_load_nothing,
    .save = peal_transform_save_nothing,
    .free = free,
    .wants_text = true,
    .wants_rows = peal_transform_always,
};
