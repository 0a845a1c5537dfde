/* resize, crop and pad: images of one size, whatever they were. */
#include <stdlib.h>

#include "etl/transform/transform.h"

enum { SIDE_MOST = 4096 };

typedef enum fit_kind { FIT_STRETCH, FIT_COVER, FIT_CONTAIN } fit_kind;

typedef struct size_state {
    uint32_t width, height;
    unsigned fit; /* of resize */
    uint8_t fill;
} size_state;

static const char *const fits[] = {"stretch", "cover", "contain", NULL};

static const peal_option resize_options[] = {
    {"width", PEAL_OPTION_COUNT, NULL, 1, SIDE_MOST, "N", "of the images that come out; must be given"},
    {"height", PEAL_OPTION_COUNT, NULL, 1, SIDE_MOST, "N", "of them (as the width)"},
    {"fit", PEAL_OPTION_CHOICE, fits, 0, 0, "stretch|cover|contain",
     "where the proportions are others: changes them; cuts off at both ends; or adds black there (stretch)"},
    {.name = NULL},
};
static const peal_option crop_options[] = {
    {"width", PEAL_OPTION_COUNT, NULL, 1, SIDE_MOST, "N", "of the part that is kept; must be given"},
    {"height", PEAL_OPTION_COUNT, NULL, 1, SIDE_MOST, "N", "of it (as the width)"},
    {.name = NULL},
};
static const peal_option pad_options[] = {
    {"width", PEAL_OPTION_COUNT, NULL, 1, SIDE_MOST, "N", "of the images that come out; must be given"},
    {"height", PEAL_OPTION_COUNT, NULL, 1, SIDE_MOST, "N", "of them (as the width)"},
    {"fill", PEAL_OPTION_COUNT, NULL, 0, 255, "N", "what the margins are, 0 for black to 255 for white (0)"},
    {.name = NULL},
};

static peal_status load_size(const char *name, const json_t *options, size_state **out, peal_error *err) {
    uint64_t width, height;
    if (!json_object_get(options, "width")) return peal_fail(err, PEAL_E_USAGE, "%s: 'width' must be given", name);
    PEAL_TRY(peal_transform_whole(name, options, "width", 0, 1, SIDE_MOST, &width, err));
    PEAL_TRY(peal_transform_whole(name, options, "height", width, 1, SIDE_MOST, &height, err));
    *out = calloc(1, sizeof **out);
    if (!*out) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    (*out)->width = (uint32_t)width;
    (*out)->height = (uint32_t)height;
    return PEAL_OK;
}

static void size_shape(const void *state, peal_image_shape *shape) {
    const size_state *self = state;
    shape->width = self->width;
    shape->height = self->height;
}

/* The middle of the image, or the image in the middle of margins. */
static peal_status middle(const size_state *self, peal_image *image, peal_image *spare, peal_error *err) {
    const int64_t x = ((int64_t)image->shape.width - self->width) / 2;
    const int64_t y = ((int64_t)image->shape.height - self->height) / 2;
    if (image->shape.width == self->width && image->shape.height == self->height) return PEAL_OK;
    PEAL_TRY(peal_image_window(image, x, y, self->width, self->height, self->fill, spare, err));
    peal_image_swap(image, spare);
    return PEAL_OK;
}

/* ---- resize ---- */

static peal_status resize_load(const json_t *options, void **state, peal_error *err) {
    size_state *self = NULL;
    PEAL_TRY(load_size("resize", options, &self, err));
    *state = self;
    return peal_transform_choice(options, "fit", fits, &self->fit, err);
}

static json_t *resize_save(const void *state) {
    const size_state *self = state;
    return json_pack("{s:I, s:I, s:s}", "width", (json_int_t)self->width, "height", (json_int_t)self->height, "fit",
                     fits[self->fit]);
}

/* The other side of an image of which one side becomes `to`; at least a pixel. */
static uint64_t other_side(uint64_t side, uint64_t other, uint64_t to) {
    const uint64_t scaled = (other * to + side / 2) / side;
    return scaled ? scaled : 1;
}

static peal_status resize_image(const void *state, peal_image *image, peal_image *spare, peal_error *err) {
    const size_state *self = state;
    const uint64_t in_width = image->shape.width, in_height = image->shape.height;
    uint64_t width = self->width, height = self->height;
    const bool is_wider = in_width * height > in_height * width;
    if (self->fit != FIT_STRETCH && is_wider == (self->fit == FIT_COVER)) {
        width = other_side(in_height, in_width, height);
    } else if (self->fit != FIT_STRETCH) {
        height = other_side(in_width, in_height, width);
    }
    PEAL_TRY(peal_image_check_size(width, height, err));
    if (width != in_width || height != in_height) {
        PEAL_TRY(peal_image_resize(image, (uint32_t)width, (uint32_t)height, spare, err));
        peal_image_swap(image, spare);
    }
    return middle(self, image, spare, err);
}

const peal_transform peal_transform_resize = {
    .name = "resize",
    .documentation = "images: another size; a pixel is an average weighted by a triangle, as in Pillow's BILINEAR: "
                     "antialiased where "
                     "images shrink",
    .role = PEAL_TRANSFORM_IMAGE,
    .options = resize_options,
    .load = resize_load,
    .save = resize_save,
    .free = free,
    .image_effect = PEAL_IMAGE_SCALES,
    .image_shape = size_shape,
    .image = resize_image,
};

/* ---- crop ---- */

static peal_status crop_load(const json_t *options, void **state, peal_error *err) {
    size_state *self = NULL;
    PEAL_TRY(load_size("crop", options, &self, err));
    *state = self;
    return PEAL_OK;
}

static json_t *crop_save(const void *state) {
    const size_state *self = state;
    return json_pack("{s:I, s:I}", "width", (json_int_t)self->width, "height", (json_int_t)self->height);
}

static peal_status crop_image(const void *state, peal_image *image, peal_image *spare, peal_error *err) {
    const size_state *self = state;
    if (image->shape.width >= self->width && image->shape.height >= self->height) {
        return middle(self, image, spare, err);
    }
    return peal_fail(err, PEAL_E_DATA, "the image is %u x %u, too small to crop %u x %u from it: resize or pad first",
                     image->shape.width, image->shape.height, self->width, self->height);
}

const peal_transform peal_transform_crop = {
    .name = "crop",
    .documentation = "images: the middle part is kept; an image that is smaller is a bad row",
    .role = PEAL_TRANSFORM_IMAGE,
    .options = crop_options,
    .load = crop_load,
    .save = crop_save,
    .free = free,
    .image_shape = size_shape,
    .image = crop_image,
};

/* ---- pad ---- */

static peal_status pad_load(const json_t *options, void **state, peal_error *err) {
    size_state *self = NULL;
    uint64_t fill;
    PEAL_TRY(load_size("pad", options, &self, err));
    *state = self;
    PEAL_TRY(peal_transform_whole("pad", options, "fill", 0, 0, 255, &fill, err));
    self->fill = (uint8_t)fill;
    return PEAL_OK;
}

static json_t *pad_save(const void *state) {
    const size_state *self = state;
    return json_pack("{s:I, s:I, s:I}", "width", (json_int_t)self->width, "height", (json_int_t)self->height, "fill",
                     (json_int_t)self->fill);
}

static peal_status pad_image(const void *state, peal_image *image, peal_image *spare, peal_error *err) {
    const size_state *self = state;
    if (image->shape.width <= self->width && image->shape.height <= self->height) {
        return middle(self, image, spare, err);
    }
    return peal_fail(err, PEAL_E_DATA, "the image is %u x %u, too large to pad to %u x %u: resize or crop first",
                     image->shape.width, image->shape.height, self->width, self->height);
}

const peal_transform peal_transform_pad = {
    .name = "pad",
    .documentation = "images: margins on all sides; an image that is larger is a bad row",
    .role = PEAL_TRANSFORM_IMAGE,
    .options = pad_options,
    .load = pad_load,
    .save = pad_save,
    .free = free,
    .image_shape = size_shape,
    .image = pad_image,
};
