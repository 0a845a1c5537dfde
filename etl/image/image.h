/* Images: pixels in memory, how JPEG and PNG become pixels, and what turns them. Everything here is done with whole
 * numbers, or with plain sums and products of doubles, so that the same file gives the same bytes on any machine and on
 * any number of threads.
 *
 * An image is grey (one channel) or red, green and blue (three), 8 bits each, row by row with nothing between. */
#ifndef PEAL_ETL_IMAGE_IMAGE_H
#define PEAL_ETL_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* What is larger is no image that anybody trains on: 100 million pixels take 300 MB a thread. */
enum { PEAL_IMAGE_SIDE_MOST = 65500, PEAL_IMAGE_PIXELS_MOST = 100000000 };

typedef struct peal_image_shape {
    uint32_t width, height; /* 0: not the same for all images */
    uint32_t channels;      /* 1 or 3; 0: not the same for all images */
} peal_image_shape;

/* Zero-initialise it. Reused from image to image. */
typedef struct peal_image {
    peal_image_shape shape;
    uint8_t *pixels; /* [height][width][channels] */
    size_t capacity;
} peal_image;

void peal_image_clear(peal_image *image);
size_t peal_image_size(const peal_image_shape *shape); /* bytes */
/* Gives the image this shape; what was in it is lost. PEAL_E_DATA if it has too many pixels. */
peal_status peal_image_reshape(peal_image *image, const peal_image_shape *shape, peal_error *err);
/* PEAL_E_DATA if an image of this size is not read. */
peal_status peal_image_check_size(uint64_t width, uint64_t height, peal_error *err);
void peal_image_swap(peal_image *a, peal_image *b);

/* ---- decoding ---- */

typedef struct peal_image_wish {
    /* The image may come smaller than it is, but not below this width and height; 0: as it is. */
    uint32_t least_width, least_height;
} peal_image_wish;

/* What an image is without its pixels: as people see it, turned as its EXIF data say. The bytes need not go on to its
 * end; PEAL_E_DATA if they do not tell. */
peal_status peal_image_look(const uint8_t *bytes, size_t size, peal_image_shape *out, peal_error *err);
/* The pixels, turned as the EXIF data say. Transparent ones are seen before white, 16 bits become the upper 8. A JPEG
 * is scaled by its decoder to the least of 1/8, 2/8 ... 8/8 that is not below the wish. `spare` is scratch. `warning`
 * becomes what the decoder found wrong and passed over, else "". PEAL_E_DATA says why there are no pixels. */
enum { PEAL_IMAGE_WARNING = 200 };
peal_status peal_image_decode(const uint8_t *bytes, size_t size, const peal_image_wish *wish, peal_image *out,
                              peal_image *spare, char warning[PEAL_IMAGE_WARNING], peal_error *err);
bool peal_image_is_one(const uint8_t *head, size_t size);

/* ---- turning ---- */

/* Turns and mirrors by the numbers of EXIF's orientation, 1 to 8: 2 mirrors left and right, 3 turns by 180 degrees, 4
 * mirrors up and down, 6 turns by 90 degrees clockwise, 8 by 270. */
peal_status peal_image_turn(const peal_image *in, unsigned orientation, peal_image *out, peal_error *err);
peal_image_shape peal_image_turned(const peal_image_shape *shape, unsigned orientation);
/* To another size, by a triangle as wide as the step from pixel to pixel in the smaller image: bilinear where it grows,
 * antialiased where it shrinks. The same bytes as Pillow's BILINEAR. */
peal_status peal_image_resize(const peal_image *in, uint32_t width, uint32_t height, peal_image *out, peal_error *err);
/* The part from (x, y) on; where that lies outside of the image it is `fill`. */
peal_status peal_image_window(const peal_image *in, int64_t x, int64_t y, uint32_t width, uint32_t height, uint8_t fill,
                              peal_image *out, peal_error *err);
/* To grey, by the luma of ITU-R 601, or to three channels. */
peal_status peal_image_recolour(const peal_image *in, uint32_t channels, peal_image *out, peal_error *err);

#endif
