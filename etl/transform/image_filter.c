/* blur, sharpen and edges: each pixel becomes a sum over itself and the eight around it, channel by channel; beyond its
 * sides an image goes on as it is there. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "etl/transform/transform.h"

typedef struct filter_state {
    uint32_t times;   /* of blur */
    uint32_t percent; /* of sharpen */
} filter_state;

enum { TIMES_MOST = 100, PERCENT_MOST = 1000 };

static const peal_option blur_options[] = {
    {"times", PEAL_OPTION_COUNT, NULL, 1, TIMES_MOST, "N",
     "how often: the width of the blur grows with the root of it (1)"},
    {.name = NULL},
};
static const peal_option sharpen_options[] = {
    {"percent", PEAL_OPTION_COUNT, NULL, 1, PERCENT_MOST, "N", "of the difference to the blurred image (100)"},
    {.name = NULL},
};
static const peal_option edges_options[] = {{.name = NULL}};

/* ---- what all of them walk ---- */

/* The nine values around a place, row by row. */
typedef uint8_t (*filter)(const filter_state *self, const uint8_t around[9]);

static void gather(const peal_image *in, uint32_t x, uint32_t y, uint32_t channel, uint8_t around[9]) {
    const peal_image_shape *shape = &in->shape;
    const uint32_t columns[] = {x ? x - 1 : 0, x, x + 1 < shape->width ? x + 1 : x};
    const uint32_t rows[] = {y ? y - 1 : 0, y, y + 1 < shape->height ? y + 1 : y};
    for (size_t i = 0; i < 9; i++) {
        around[i] = in->pixels[((size_t)rows[i / 3] * shape->width + columns[i % 3]) * shape->channels + channel];
    }
}

static peal_status run(const filter_state *self, filter one, peal_image *image, peal_image *spare, peal_error *err) {
    const peal_image_shape shape = image->shape;
    PEAL_TRY(peal_image_reshape(spare, &shape, err));
    uint8_t *out = spare->pixels;
    for (uint32_t y = 0; y < shape.height; y++) {
        for (uint32_t x = 0; x < shape.width; x++) {
            for (uint32_t c = 0; c < shape.channels; c++) {
                uint8_t around[9];
                gather(image, x, y, c, around);
                *out++ = one(self, around);
            }
        }
    }
    peal_image_swap(image, spare);
    return PEAL_OK;
}

static void same_shape(const void *state, peal_image_shape *shape) {
    (void)state;
    (void)shape;
}

/* ---- blur ---- */

/* 1 2 1, 2 4 2, 1 2 1, over 16 */
static uint8_t blurred(const filter_state *self, const uint8_t around[9]) {
    (void)self;
    const unsigned corners = around[0] + around[2] + around[6] + around[8];
    const unsigned sides = around[1] + around[3] + around[5] + around[7];
    return (uint8_t)((corners + 2 * sides + 4 * around[4] + 8) / 16);
}

static peal_status load_count(const char *name, const json_t *options, const char *key, uint64_t otherwise,
                              uint64_t most, uint32_t *out, peal_error *err) {
    uint64_t number;
    PEAL_TRY(peal_transform_whole(name, options, key, otherwise, 1, most, &number, err));
    *out = (uint32_t)number;
    return PEAL_OK;
}

static peal_status new_state(void **state, filter_state **out, peal_error *err) {
    *state = *out = calloc(1, sizeof **out);
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
}

static peal_status blur_load(const json_t *options, void **state, peal_error *err) {
    filter_state *self;
    PEAL_TRY(new_state(state, &self, err));
    return load_count("blur", options, "times", 1, TIMES_MOST, &self->times, err);
}

static json_t *blur_save(const void *state) {
    return json_pack("{s:I}", "times", (json_int_t)((const filter_state *)state)->times);
}

static peal_status blur_image(const void *state, peal_image *image, peal_image *spare, peal_error *err) {
    const filter_state *self = state;
    for (uint32_t i = 0; i < self->times; i++) PEAL_TRY(run(self, blurred, image, spare, err));
    return PEAL_OK;
}

const peal_transform peal_transform_blur = {
    .name = "blur",
    .documentation = "images: each pixel becomes an average of it and those around it, by 1 2 1, 2 4 2, 1 2 1",
    .role = PEAL_TRANSFORM_IMAGE,
    .options = blur_options,
    .load = blur_load,
    .save = blur_save,
    .free = free,
    .image_shape = same_shape,
    .image = blur_image,
};

/* ---- sharpen ---- */

static uint8_t sharpened(const filter_state *self, const uint8_t around[9]) {
    const int value = around[4], difference = value - blurred(self, around);
    const int sharp = value + (difference * (int)self->percent + (difference < 0 ? -50 : 50)) / 100;
    return (uint8_t)(sharp < 0 ? 0 : sharp > 255 ? 255 : sharp);
}

static peal_status sharpen_load(const json_t *options, void **state, peal_error *err) {
    filter_state *self;
    PEAL_TRY(new_state(state, &self, err));
    return load_count("sharpen", options, "percent", 100, PERCENT_MOST, &self->percent, err);
}

static json_t *sharpen_save(const void *state) {
    return json_pack("{s:I}", "percent", (json_int_t)((const filter_state *)state)->percent);
}

static peal_status sharpen_image(const void *state, peal_image *image, peal_image *spare, peal_error *err) {
    return run(state, sharpened, image, spare, err);
}

const peal_transform peal_transform_sharpen = {
    .name = "sharpen",
    .documentation = "images: what blurring once takes away is added",
    .role = PEAL_TRANSFORM_IMAGE,
    .options = sharpen_options,
    .load = sharpen_load,
    .save = sharpen_save,
    .free = free,
    .image_shape = same_shape,
    .image = sharpen_image,
};

/* ---- edges ---- */

/* A quarter of the gradient's length, by Sobel's operators. The root of a whole number is rounded in one way on all
 * machines. */
static uint8_t steepness(const filter_state *self, const uint8_t around[9]) {
    (void)self;
    const int across = around[2] + 2 * around[5] + around[8] - around[0] - 2 * around[3] - around[6];
    const int down = around[6] + 2 * around[7] + around[8] - around[0] - 2 * around[1] - around[2];
    const double length = sqrt((double)(across * across + down * down)) / 4 + 0.5;
    return (uint8_t)(length > 255 ? 255 : length);
}

static peal_status edges_load(const json_t *options, void **state, peal_error *err) {
    filter_state *self;
    (void)options;
    return new_state(state, &self, err);
}

static peal_status edges_image(const void *state, peal_image *image, peal_image *spare, peal_error *err) {
    return run(state, steepness, image, spare, err);
}

const peal_transform peal_transform_edges = {
    .name = "edges",
    .documentation = "images: how steeply each channel changes at a pixel, a quarter of Sobel's gradient",
    .role = PEAL_TRANSFORM_IMAGE,
    .options = edges_options,
    .load = edges_load,
    .save = peal_transform_save_nothing,
    .free = free,
    .image_shape = same_shape,
    .image = edges_image,
};
