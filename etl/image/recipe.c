/* Runs a recipe; see recipe.h. */
#include "etl/image/recipe.h"

void peal_image_recipe_complete(peal_image_recipe *recipe) {
    bool is_whole = true;
    recipe->shape = (peal_image_shape){0};
    recipe->wish = (peal_image_wish){0};
    for (size_t i = 0; i < recipe->count; i++) {
        const peal_image_step *step = &recipe->steps[i];
        step->shape(step->state, &recipe->shape);
        if (is_whole && step->effect == PEAL_IMAGE_SCALES) {
            recipe->wish = (peal_image_wish){recipe->shape.width, recipe->shape.height};
        }
        is_whole = is_whole && step->effect == PEAL_IMAGE_COLOURS;
    }
}

peal_status peal_image_recipe_apply(const peal_image_recipe *recipe, peal_image *image, peal_image *spare,
                                    peal_error *err) {
    for (size_t i = 0; i < recipe->count; i++) {
        PEAL_TRY(recipe->steps[i].apply(recipe->steps[i].state, image, spare, err));
    }
    return PEAL_OK;
}
