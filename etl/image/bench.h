/* A workbench: what a thread needs to make an image of an item: read, decode, and do as the recipe says. Datasets and
 * images that are written again come from this one place. */
#ifndef PEAL_ETL_IMAGE_BENCH_H
#define PEAL_ETL_IMAGE_BENCH_H

#include "core/base/memory.h"
#include "etl/archive/item.h"
#include "etl/image/recipe.h"

enum { PEAL_IMAGE_BYTES_MOST = 256 << 20 }; /* of a file: it is decoded from memory, as one piece */

/* Zero-initialise it. Reused from image to image. */
typedef struct peal_image_bench {
    peal_image image, spare;          /* `image` is what came out */
    peal_buffer bytes;                /* of the item */
    char warning[PEAL_IMAGE_WARNING]; /* what the decoder passed over; "": nothing */
} peal_image_bench;

void peal_image_bench_clear(peal_image_bench *bench);
/* Decodes `bytes`, which may be the bench's own, and applies the recipe (NULL: as it is). PEAL_E_DATA says what is
 * wrong with the image. */
peal_status peal_image_make(const void *bytes, size_t size, const peal_image_recipe *recipe, peal_image_bench *bench,
                            peal_error *err);
/* The same of an item. Any thread. */
peal_status peal_image_make_item(const peal_item *item, const peal_image_recipe *recipe, peal_image_bench *bench,
                                 peal_error *err);

#endif
