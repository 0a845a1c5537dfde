/* Units and titles of what models tell; see views.h. */
#include "models/learner/views.h"

#include "core/base/memory.h"

models__unit models__unit_of(const peal_shape *shape, const peal_loss *loss) {
    const bool is_label = shape->classes == 0 && !(loss && loss->is_count);
    return is_label ? (models__unit){shape->label_deviation, shape->label_mean} : (models__unit){1, 0};
}

char *models__output_title(const peal_pipeline *pipeline, size_t outputs, size_t output, const char *name) {
    if (outputs == 1) return peal_strdup(name);
    const peal_text class = peal_pipeline_class_name(pipeline, (uint32_t)output);
    return peal_sprintf("%.*s:%s", (int)class.length, class.data, name);
}
