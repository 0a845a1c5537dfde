/* Units and titles of what models tell; see views.h. */
#include "models/learner/views.h"

#include <math.h>

#include "core/base/memory.h"

models__unit models__unit_of(const peal_shape *shape, const peal_loss *loss) {
    if (shape->classes) return (models__unit){1, 0};
    if (!loss || !loss->is_count) return (models__unit){shape->label_deviation, shape->label_mean};
    return (models__unit){1, shape->label_mean > 0 ? log(shape->label_mean) : 0}; /* counts are rates by their mean */
}

char *models__output_title(const peal_pipeline *pipeline, size_t outputs, size_t output, const char *name) {
    if (outputs == 1) return peal_strdup(name);
    const peal_text class = peal_pipeline_class_name(pipeline, (uint32_t)output);
    return peal_sprintf("%.*s:%s", (int)class.length, class.data, name);
}
