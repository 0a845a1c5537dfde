/* grey and rgb: how many channels images have. normalize: their range of values. */
#include <stdlib.h>

#include "etl/transform/transform.h"

static const peal_option no_options[] = {{.name = NULL}};

static peal_status recolour(uint32_t channels, peal_image *image, peal_image *spare, peal_error *err) {
    if (image->shape.channels == channels) return PEAL_OK;
    PEAL_TRY(peal_image_recolour(image, channels, spare, err));
    peal_image_swap(image, spare);
    return PEAL_OK;
}

static void grey_shape(const void *state, peal_image_shape *shape) {
    (void)state;
    shape->channels = 1;
}

static void rgb_shape(const void *state, peal_image_shape *shape) {
    (void)state;
    shape->channels = 3;
}

static peal_status grey_image(const void *state, peal_image *image, peal_image *spare, peal_error *err) {
    (void)state;
    return recolour(1, image, spare, err);
}

static peal_status rgb_image(const void *state, peal_image *image, peal_image *spare, peal_error *err) {
    (void)state;
    return recolour(3, image, spare, err);
}

/* An image of one value stays as it is. */
static peal_status normalize_image(const void *state, peal_image *image, peal_image *spare, peal_error *err) {
    (void)state;
    (void)spare;
    (void)err;
    const size_t size = peal_image_size(&image->shape);
    unsigned least = 255, most = 0;
    for (size_t i = 0; i < size; i++) {
        least = image->pixels[i] < least ? image->pixels[i] : least;
        most = image->pixels[i] > most ? image->pixels[i] : most;
    }
    const unsigned range = most - least;
    for (size_t i = 0; i < size && most > least; i++) {
        image->pixels[i] = (uint8_t)(((image->pixels[i] - least) * 255 + range / 2) / range);
    }
    return PEAL_OK;
}

static void same_shape(const void *state, peal_image_shape *shape) {
    (void)state;
    (void)shape;
}

const peal_transform peal_transform_grey = {
    .name = "grey",
    .documentation = "images: one channel, the luma of ITU-R 601; what images become by themselves where none has "
                     "colours",
    .role = PEAL_TRANSFORM_IMAGE,
    .options = no_options,
    .load = peal_transform_load_nothing,
    .save = peal_transform_save_nothing,
    .free = free,
    .image_effect = PEAL_IMAGE_COLOURS,
    .image_shape = grey_shape,
    .image = grey_image,
};

const peal_transform peal_transform_rgb = {
    .name = "rgb",
    .documentation = "images: three channels, red, green and blue; what images become by themselves where one has "
                     "colours",
    .role = PEAL_TRANSFORM_IMAGE,
    .options = no_options,
    .load = peal_transform_load_nothing,
    .save = peal_transform_save_nothing,
    .free = free,
    .image_effect = PEAL_IMAGE_COLOURS,
    .image_shape = rgb_shape,
    .image = rgb_image,
};

const peal_transform peal_transform_normalize = {
    .name = "normalize",
    .documentation = "images: each one's least value becomes 0 and its largest 255, what lies between in proportion",
    .role = PEAL_TRANSFORM_IMAGE,
    .options = no_options,
    .load = peal_transform_load_nothing,
    .save = peal_transform_save_nothing,
    .free = free,
    .image_shape = same_shape,
    .image = normalize_image,
};
