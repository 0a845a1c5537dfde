/* cast: the type that columns are read as. Planning takes it for the user's word on types (etl/pipeline/plan.c); no
 * step of a pipeline comes of it. */
#include "etl/transform/transform.h"

static const char *const types[] = {"number", "text", "bool", NULL};
static const peal_option cast_options[] = {
    {"to", PEAL_OPTION_CHOICE, types, 0, 0, "number|text|bool", "how the columns are read"},
    {.name = NULL},
};

const peal_transform peal_transform_cast = {
    .name = "cast",
    .documentation = "how columns are read, as an option type says",
    .role = PEAL_TRANSFORM_TYPES,
    .options = cast_options,
};
