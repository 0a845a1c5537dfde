/* What a kind of image provides. Private to this folder. */
#ifndef PEAL_ETL_IMAGE_KIND_H
#define PEAL_ETL_IMAGE_KIND_H

#include "core/base/memory.h"
#include "etl/image/encode.h"
#include "etl/image/image.h"

/* How an image is to be turned, 1 to 8, and what is told of its decoding. */
typedef struct image__told {
    unsigned orientation;
    char warning[PEAL_IMAGE_WARNING]; /* "": nothing */
} image__told;

typedef struct image__kind {
    const char *name;
    const char *const *suffixes; /* of file names, the usual one first; ends with NULL */
    bool (*recognise)(const uint8_t *head, size_t size);
    /* The shape as the pixels are stored, not turned. */
    peal_status (*look)(const uint8_t *bytes, size_t size, peal_image_shape *out, image__told *told, peal_error *err);
    /* The wish is for the pixels as they are stored, too. `spare` is scratch. */
    peal_status (*decode)(const uint8_t *bytes, size_t size, const peal_image_wish *wish, peal_image *out,
                          peal_image *spare, image__told *told, peal_error *err);
    /* Appends the whole file to `out`. `quality` is 1 to 100, of kinds that lose something. */
    peal_status (*encode)(const peal_image *image, unsigned quality, peal_buffer *out, peal_error *err);
} image__kind;

extern const image__kind image__jpeg, image__png;

/* The orientation that EXIF data (a TIFF file's header and first directory) tell; 1 if they tell none. */
unsigned image__exif_orientation(const uint8_t *bytes, size_t size);

#endif
