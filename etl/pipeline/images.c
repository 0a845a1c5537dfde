/* Columns of images: their steps are run by who reads them, and what a reader needs of them is a recipe. */
#include <stdlib.h>
#include <string.h>

#include "etl/pipeline/pipeline.h"

static bool is_of_images(const peal_pipeline_column *column) {
    return column->step_count > 0 && column->steps[0].transform->role == PEAL_TRANSFORM_IMAGE;
}

/* The recipe of some steps, which outlive it. What `out` then holds is the caller's, also on failure. */
static peal_status recipe_of(const peal_pipeline_step *steps, size_t count, peal_image_recipe *out, peal_error *err) {
    PEAL_TRY(peal_zeroed_checked(&out->steps, count, sizeof *out->steps, "a pipeline", err));
    for (; out->count < count; out->count++) {
        const peal_pipeline_step *step = &steps[out->count];
        if (!step->transform->image) return PEAL_OK; /* a pipeline that does not compose, as its check says */
        out->steps[out->count] = (peal_image_step){.state = step->state,
                                                   .effect = step->transform->image_effect,
                                                   .shape = step->transform->image_shape,
                                                   .apply = step->transform->image};
    }
    peal_image_recipe_complete(out);
    return PEAL_OK;
}

static peal_status make_recipe(peal_pipeline_column *column, peal_error *err) {
    column->recipe = calloc(1, sizeof *column->recipe);
    if (!column->recipe) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    return recipe_of(column->steps, column->step_count, column->recipe, err);
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

/* ---- steps without a table ---- */

/* One transform of a job whose images become no rows; it may name the column that they would be. */
static peal_status add_image_step(const json_t *options, peal_image_steps *self, peal_error *err) {
    const peal_transform *transform;
    const char *name = json_string_value(json_object_get(options, "transform"));
    PEAL_TRY(peal_transform_find(name ? name : "", &transform, err));
    if (transform->role != PEAL_TRANSFORM_IMAGE) {
        return peal_fail(err, PEAL_E_USAGE, "'%s' makes features, but images are to be written", transform->name);
    }
    const json_t *columns = json_object_get(options, "columns");
    const char *column = json_string_value(json_is_array(columns) ? json_array_get(columns, 0) : columns);
    if (columns && (json_array_size(columns) > 1 || !column || strcmp(column, "image") != 0)) {
        return peal_fail(err, PEAL_E_USAGE, "%s: images have the one column 'image'", transform->name);
    }
    PEAL_TRY(peal_transform_check_options(transform, options, err));
    peal_pipeline_step *step = &self->steps[self->count++];
    step->transform = transform;
    return transform->load(options, &step->state, err);
}

peal_status peal_image_steps_make(const json_t *transforms, peal_image_steps *out, peal_error *err) {
    const size_t count = json_array_size(transforms);
    *out = (peal_image_steps){0};
    peal_status status = peal_zeroed_checked(&out->steps, count + 1, sizeof *out->steps, "a pipeline", err);
    for (size_t i = 0; i < count && status == PEAL_OK; i++) {
        status = add_image_step(json_array_get(transforms, i), out, err);
    }
    if (status == PEAL_OK) status = recipe_of(out->steps, out->count, &out->recipe, err);
    if (status != PEAL_OK) peal_image_steps_clear(out);
    return status;
}

void peal_image_steps_clear(peal_image_steps *self) {
    for (size_t i = 0; i < self->count; i++) {
        if (self->steps[i].state) self->steps[i].transform->free(self->steps[i].state);
    }
    free(self->steps);
    free(self->recipe.steps);
    *self = (peal_image_steps){0};
}
