/* cast: the type that columns are read as. Planning takes it for the user's word on types (etl/pipeline/plan.c); no
 * step of a pipeline comes of it. */
#include "etl/transform/transform.h"

static const char *const cast_options[] = {"to", NULL};

const peal_transform peal_transform_cast = {
    .name = "cast",
    .documentation = "columns= are read as to=number, text or bool, as an option type says",
    .role = PEAL_TRANSFORM_TYPES,
    .options = cast_options,
};
