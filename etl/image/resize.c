/* Another size, by sums weighted with a triangle; rows first, then columns, rounded to 8 bits between. Weights are
 * fractions of 2^22, so that a sum is one of whole numbers. As in Pillow's Resample.c, whose bytes these are. */
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "etl/image/image.h"

enum { FRACTION_BITS = 32 - 8 - 2 };

/* What an output pixel is made of, along one side: `most` weights for each, of the input pixels from `first` on. */
typedef struct weights {
    int32_t *weights; /* [out][most] */
    uint32_t *first, *count;
    size_t most;
} weights;

static void weights_clear(weights *self) {
    free(self->weights);
    free(self->first);
    free(self->count);
}

static double triangle(double x) {
    if (x < 0) x = -x;
    return x < 1 ? 1 - x : 0;
}

/* The weights of output pixel `at`; `scratch` has room for them. */
static void weigh(weights *self, uint32_t in, double scale, uint32_t at, double *scratch) {
    const double width = scale < 1 ? 1 : scale, center = (at + 0.5) * scale;
    const double least = center - width + 0.5, most = center + width + 0.5;
    const uint32_t first = least < 0 ? 0 : (uint32_t)least, end = most > in ? in : (uint32_t)most;
    double sum = 0;
    for (uint32_t i = first; i < end; i++) {
        scratch[i - first] = triangle((i - center + 0.5) * (1 / width));
        sum += scratch[i - first];
    }
    for (uint32_t i = 0; i < end - first; i++) {
        const double part = scratch[i] * (1 / sum) * (1 << FRACTION_BITS);
        self->weights[at * self->most + i] = (int32_t)(part + 0.5);
    }
    self->first[at] = first;
    self->count[at] = end - first;
}

static peal_status weights_make(weights *self, uint32_t in, uint32_t out, peal_error *err) {
    const double scale = (double)in / out, width = scale < 1 ? 1 : scale;
    double *scratch;
    *self = (weights){.most = (size_t)width * 2 + 4};
    PEAL_TRY(peal_alloc_checked(&scratch, self->most, sizeof *scratch, "an image", err));
    peal_status status = peal_alloc_checked(&self->weights, out * self->most, sizeof *self->weights, "an image", err);
    if (status == PEAL_OK) status = peal_alloc_checked(&self->first, out, sizeof *self->first, "an image", err);
    if (status == PEAL_OK) status = peal_alloc_checked(&self->count, out, sizeof *self->count, "an image", err);
    for (uint32_t i = 0; i < out && status == PEAL_OK; i++) weigh(self, in, scale, i, scratch);
    free(scratch);
    if (status != PEAL_OK) weights_clear(self);
    return status;
}

/* The weights are not negative and their sum is 2^22 but for a few: no sum leaves 0 .. 255 by more than rounding, and
 * 32 bits hold it. */
_Static_assert(((INT64_C(1) << FRACTION_BITS) + (1 << 17)) * 255 + (1 << (FRACTION_BITS - 1)) <= INT32_MAX,
               "a sum fits, also if each of 65,500 weights was rounded up");

static uint8_t narrow(int32_t sum) {
    const int32_t value = sum >> FRACTION_BITS;
    return (uint8_t)(value > 255 ? 255 : value);
}

static void mix_grey(const uint8_t *restrict pixel, const int32_t *restrict weight, uint32_t count, uint8_t *out) {
    int32_t sum = 1 << (FRACTION_BITS - 1);
    for (uint32_t i = 0; i < count; i++) sum += pixel[i] * weight[i];
    *out = narrow(sum);
}

static void mix_colours(const uint8_t *restrict pixel, const int32_t *restrict weight, uint32_t count, uint8_t *out) {
    int32_t red = 1 << (FRACTION_BITS - 1), green = red, blue = red;
    for (uint32_t i = 0; i < count; i++, pixel += 3) {
        red += pixel[0] * weight[i];
        green += pixel[1] * weight[i];
        blue += pixel[2] * weight[i];
    }
    out[0] = narrow(red);
    out[1] = narrow(green);
    out[2] = narrow(blue);
}

/* Each row of input pixels becomes one of output pixels. */
static void along_rows(const weights *self, const peal_image *in, peal_image *out) {
    const size_t channels = in->shape.channels;
    for (size_t y = 0; y < in->shape.height; y++) {
        const uint8_t *from = in->pixels + y * in->shape.width * channels;
        uint8_t *to = out->pixels + y * out->shape.width * channels;
        for (size_t x = 0; x < out->shape.width; x++) {
            const int32_t *weight = self->weights + x * self->most;
            const uint8_t *pixel = from + self->first[x] * channels;
            if (channels == 3) {
                mix_colours(pixel, weight, self->count[x], to + x * 3);
            } else {
                mix_grey(pixel, weight, self->count[x], to + x);
            }
        }
    }
}

/* Rows are added up byte by byte, which the compiler does side by side. */
static void along_columns(const weights *self, const peal_image *in, peal_image *out, int32_t *restrict sums) {
    const size_t bytes = (size_t)in->shape.width * in->shape.channels;
    for (size_t y = 0; y < out->shape.height; y++) {
        uint8_t *restrict to = out->pixels + y * bytes;
        for (size_t x = 0; x < bytes; x++) sums[x] = 1 << (FRACTION_BITS - 1);
        for (uint32_t i = 0; i < self->count[y]; i++) {
            const int32_t weight = self->weights[y * self->most + i];
            const uint8_t *restrict from = in->pixels + (self->first[y] + i) * bytes;
            for (size_t x = 0; x < bytes; x++) sums[x] += from[x] * weight;
        }
        for (size_t x = 0; x < bytes; x++) to[x] = narrow(sums[x]);
    }
}

static peal_status resize_rows(const peal_image *in, uint32_t width, peal_image *out, peal_error *err) {
    const peal_image_shape shape = {.width = width, .height = in->shape.height, .channels = in->shape.channels};
    weights by;
    PEAL_TRY(peal_image_reshape(out, &shape, err));
    PEAL_TRY(weights_make(&by, in->shape.width, width, err));
    along_rows(&by, in, out);
    weights_clear(&by);
    return PEAL_OK;
}

static peal_status resize_columns(const peal_image *in, uint32_t height, peal_image *out, peal_error *err) {
    const peal_image_shape shape = {.width = in->shape.width, .height = height, .channels = in->shape.channels};
    weights by;
    int32_t *sums;
    PEAL_TRY(peal_image_reshape(out, &shape, err));
    PEAL_TRY(peal_alloc_checked(&sums, (size_t)shape.width * shape.channels, sizeof *sums, "an image", err));
    const peal_status status = weights_make(&by, in->shape.height, height, err);
    if (status == PEAL_OK) {
        along_columns(&by, in, out, sums);
        weights_clear(&by);
    }
    free(sums);
    return status;
}

peal_status peal_image_resize(const peal_image *in, uint32_t width, uint32_t height, peal_image *out, peal_error *err) {
    PEAL_TRY(peal_image_check_size(width, height, err));
    if (width == in->shape.width && height == in->shape.height) {
        return peal_image_recolour(in, in->shape.channels, out, err);
    }
    if (height == in->shape.height) return resize_rows(in, width, out, err);
    if (width == in->shape.width) return resize_columns(in, height, out, err);
    peal_image rows = {0};
    peal_status status = resize_rows(in, width, &rows, err);
    if (status == PEAL_OK) status = resize_columns(&rows, height, out, err);
    peal_image_clear(&rows);
    return status;
}
