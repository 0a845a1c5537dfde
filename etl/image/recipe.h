/* A recipe: what is done to each image of a column while it is read, so that all rows have the same bytes. Its steps
 * are those of the pipeline (etl/transform); who reads needs no more of them than this. */
#ifndef PEAL_ETL_IMAGE_RECIPE_H
#define PEAL_ETL_IMAGE_RECIPE_H

#include "etl/image/image.h"

/* What a step needs of the image that comes to it. */
typedef enum peal_image_effect {
    PEAL_IMAGE_ALL,     /* every pixel */
    PEAL_IMAGE_COLOURS, /* its colours are changed, one pixel at a time */
    PEAL_IMAGE_SCALES   /* it is made as small as the step says: a smaller one will do */
} peal_image_effect;

typedef struct peal_image_step {
    const void *state;
    peal_image_effect effect;
    /* What a shape becomes; parts of it that are 0 are not known. */
    void (*shape)(const void *state, peal_image_shape *shape);
    /* In place, or into `spare`, which is then swapped with it. PEAL_E_DATA if this image cannot be. */
    peal_status (*apply)(const void *state, peal_image *image, peal_image *spare, peal_error *err);
} peal_image_step;

typedef struct peal_image_recipe {
    peal_image_step *steps;
    size_t count;
    peal_image_shape shape; /* what comes out */
    peal_image_wish wish;   /* what is enough to begin with */
} peal_image_recipe;

/* Finds out shape and wish of the steps; the shape has a 0 where images would come out different. */
void peal_image_recipe_complete(peal_image_recipe *recipe);
peal_status peal_image_recipe_apply(const peal_image_recipe *recipe, peal_image *image, peal_image *spare,
                                    peal_error *err);

#endif
