/* Pixels in memory, and what moves them; see image.h. */
#include "etl/image/image.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

void peal_image_clear(peal_image *image) {
    free(image->pixels);
    *image = (peal_image){0};
}

size_t peal_image_size(const peal_image_shape *shape) {
    return (size_t)shape->width * shape->height * shape->channels;
}

peal_status peal_image_check_size(uint64_t width, uint64_t height, peal_error *err) {
    if (width == 0 || height == 0) return peal_fail(err, PEAL_E_DATA, "the image has no pixels");
    if (width <= PEAL_IMAGE_SIDE_MOST && height <= PEAL_IMAGE_SIDE_MOST && width * height <= PEAL_IMAGE_PIXELS_MOST) {
        return PEAL_OK;
    }
    return peal_fail(
        err, PEAL_E_DATA, "the image would have %llu x %llu pixels; at most %d a side and %d in all are decoded",
        (unsigned long long)width, (unsigned long long)height, PEAL_IMAGE_SIDE_MOST, PEAL_IMAGE_PIXELS_MOST);
}

peal_status peal_image_reshape(peal_image *image, const peal_image_shape *shape, peal_error *err) {
    PEAL_TRY(peal_image_check_size(shape->width, shape->height, err));
    const size_t size = peal_image_size(shape);
    image->shape = *shape;
    if (size <= image->capacity) return PEAL_OK;
    free(image->pixels);
    image->capacity = 0;
    PEAL_TRY(peal_alloc_checked(&image->pixels, size, 1, "an image", err));
    image->capacity = size;
    return PEAL_OK;
}

void peal_image_swap(peal_image *a, peal_image *b) {
    const peal_image other = *a;
    *a = *b;
    *b = other;
}

/* ---- turning ---- */

peal_image_shape peal_image_turned(const peal_image_shape *shape, unsigned orientation) {
    if (orientation < 5) return *shape;
    return (peal_image_shape){.width = shape->height, .height = shape->width, .channels = shape->channels};
}

peal_status peal_image_turn(const peal_image *in, unsigned orientation, peal_image *out, peal_error *err) {
    /* Where a pixel comes from: whether from the other end of a row, of a column. */
    static const bool from_right[] = {0, 0, 1, 1, 0, 0, 0, 1, 1}, from_below[] = {0, 0, 0, 1, 1, 0, 1, 1, 0};
    const peal_image_shape shape = peal_image_turned(&in->shape, orientation);
    const ptrdiff_t width = in->shape.width, height = in->shape.height, channels = in->shape.channels;
    PEAL_TRY(peal_image_reshape(out, &shape, err));
    const ptrdiff_t in_x = from_right[orientation] ? -channels : channels;
    const ptrdiff_t in_y = from_below[orientation] ? -width * channels : width * channels;
    const uint8_t *first = in->pixels + (from_right[orientation] ? (width - 1) * channels : 0) +
                           (from_below[orientation] ? (height - 1) * width * channels : 0);
    const ptrdiff_t along = orientation < 5 ? in_x : in_y, down = orientation < 5 ? in_y : in_x;
    uint8_t *to = out->pixels;
    for (uint32_t y = 0; y < shape.height; y++) {
        for (uint32_t x = 0; x < shape.width; x++, to += channels) {
            memcpy(to, first + (ptrdiff_t)y * down + (ptrdiff_t)x * along, (size_t)channels);
        }
    }
    return PEAL_OK;
}

peal_status peal_image_window(const peal_image *in, int64_t x, int64_t y, uint32_t width, uint32_t height, uint8_t fill,
                              peal_image *out, peal_error *err) {
    const peal_image_shape shape = {.width = width, .height = height, .channels = in->shape.channels};
    const int64_t begin = x < 0 ? -x : 0;
    const int64_t left = (int64_t)in->shape.width - x, end = left < width ? left : width;
    PEAL_TRY(peal_image_reshape(out, &shape, err));
    memset(out->pixels, fill, peal_image_size(&shape));
    for (int64_t row = 0; row < height && begin < end; row++) {
        if (y + row < 0 || y + row >= in->shape.height) continue;
        const int64_t from = (y + row) * in->shape.width + x + begin;
        memcpy(out->pixels + (row * width + begin) * shape.channels, in->pixels + from * shape.channels,
               (size_t)(end - begin) * shape.channels);
    }
    return PEAL_OK;
}

/* ---- colours ---- */

static void to_grey(const uint8_t *in, uint8_t *out, size_t pixels) {
    enum { RED = 19595, GREEN = 38470, BLUE = 7471 }; /* 0.299, 0.587 and 0.114 of 2^16 */
    for (size_t i = 0; i < pixels; i++) {
        const uint32_t luma = in[3 * i] * RED + in[3 * i + 1] * GREEN + in[3 * i + 2] * BLUE;
        out[i] = (uint8_t)((luma + (1 << 15)) >> 16);
    }
}

peal_status peal_image_recolour(const peal_image *in, uint32_t channels, peal_image *out, peal_error *err) {
    peal_image_shape shape = in->shape;
    const size_t pixels = (size_t)shape.width * shape.height;
    shape.channels = channels;
    PEAL_TRY(peal_image_reshape(out, &shape, err));
    if (channels == in->shape.channels) {
        memcpy(out->pixels, in->pixels, peal_image_size(&shape));
    } else if (channels == 1) {
        to_grey(in->pixels, out->pixels, pixels);
    } else {
        for (size_t i = 0; i < pixels; i++) memset(out->pixels + 3 * i, in->pixels[i], 3);
    }
    return PEAL_OK;
}
