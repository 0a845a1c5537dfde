/* flip and rotate: images are mirrored, or turned by right angles. */
#include <stdlib.h>

#include "etl/transform/transform.h"

typedef struct turn_state {
    unsigned choice;      /* as it was named */
    unsigned orientation; /* the same by EXIF's number */
} turn_state;

static const char *const axes[] = {"horizontal", "vertical", "both", NULL};
static const unsigned axis_orientations[] = {2, 4, 3};
static const char *const angles[] = {"90", "180", "270", NULL};
static const unsigned angle_orientations[] = {6, 3, 8};

static const peal_option flip_options[] = {
    {"axis", PEAL_OPTION_CHOICE, axes, 0, 0, "horizontal|vertical|both",
     "left and right are exchanged, top and bottom, or both (horizontal)"},
    {.name = NULL},
};
static const peal_option rotate_options[] = {
    {"by", PEAL_OPTION_CHOICE, angles, 0, 0, "90|180|270", "degrees clockwise (90)"},
    {.name = NULL},
};

static peal_status load_turn(const json_t *options, const char *key, const char *const *names,
                             const unsigned *orientations, void **state, peal_error *err) {
    turn_state *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    PEAL_TRY(peal_transform_choice(options, key, names, &self->choice, err));
    self->orientation = orientations[self->choice];
    return PEAL_OK;
}

static peal_status flip_load(const json_t *options, void **state, peal_error *err) {
    return load_turn(options, "axis", axes, axis_orientations, state, err);
}

static peal_status rotate_load(const json_t *options, void **state, peal_error *err) {
    return load_turn(options, "by", angles, angle_orientations, state, err);
}

static json_t *flip_save(const void *state) {
    return json_pack("{s:s}", "axis", axes[((const turn_state *)state)->choice]);
}

static json_t *rotate_save(const void *state) {
    return json_pack("{s:s}", "by", angles[((const turn_state *)state)->choice]);
}

static void turn_shape(const void *state, peal_image_shape *shape) {
    *shape = peal_image_turned(shape, ((const turn_state *)state)->orientation);
}

static peal_status turn_image(const void *state, peal_image *image, peal_image *spare, peal_error *err) {
    PEAL_TRY(peal_image_turn(image, ((const turn_state *)state)->orientation, spare, err));
    peal_image_swap(image, spare);
    return PEAL_OK;
}

const peal_transform peal_transform_flip = {
    .name = "flip",
    .documentation = "images: mirrored",
    .role = PEAL_TRANSFORM_IMAGE,
    .options = flip_options,
    .load = flip_load,
    .save = flip_save,
    .free = free,
    .image_shape = turn_shape,
    .image = turn_image,
};

const peal_transform peal_transform_rotate = {
    .name = "rotate",
    .documentation = "images: turned by right angles",
    .role = PEAL_TRANSFORM_IMAGE,
    .options = rotate_options,
    .load = rotate_load,
    .save = rotate_save,
    .free = free,
    .image_shape = turn_shape,
    .image = turn_image,
};
