/* Columns of images: their steps are run by who reads them, and what a reader needs of them is a recipe. */
#include <stdlib.h>

#include "etl/pipeline/pipeline.h"

static bool is_of_images(const peal_pipeline_column *column) {
    return column->step_count > 0 && column->steps[0].transform->role == PEAL_TRANSFORM_IMAGE;
}

static peal_status make_recipe(peal_pipeline_column *column, peal_error *err) {
    column->recipe = calloc(1, sizeof *column->recipe);
    if (!column->recipe) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    peal_image_recipe *recipe = column->recipe;
    PEAL_TRY(peal_zeroed_checked(&recipe->steps, column->step_count, sizeof *recipe->steps, "a pipeline", err));
    for (; recipe->count < column->step_count; recipe->count++) {
        const peal_pipeline_step *step = &column->steps[recipe->count];
        if (!step->transform->image) return PEAL_OK; /* a pipeline that does not compose, as its check says */
        recipe->steps[recipe->count] = (peal_image_step){.state = step->state,
                                                         .effect = step->transform->image_effect,
                                                         .shape = step->transform->image_shape,
                                                         .apply = step->transform->image};
    }
    peal_image_recipe_complete(recipe);
    return PEAL_OK;
}

peal_status peal_pipeline_make_recipes(peal_pipeline *pipeline, peal_error *err) {
    enum { WIDTH_MOST = 1 << 28 };
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        peal_pipeline_column *column = &pipeline->columns[i];
        peal_field *field = &pipeline->schema.fields[i];
        if (!is_of_images(column) || field->type != PEAL_TYPE_FIXED_LIST) continue;
        PEAL_TRY(make_recipe(column, err));
        const size_t width = peal_image_size(&column->recipe->shape);
        if (width == 0 || width > WIDTH_MOST) {
            return peal_fail(err, PEAL_E_USAGE, "the images of column '%s' would not have one size: resize them",
                             field->name);
        }
        field->is_image = true;
        field->width = (uint32_t)width;
        field->recipe = column->recipe;
    }
    return PEAL_OK;
}
