/* Images become files again. A kind of image is told by its number, from 0 on: JPEG, PNG. The same pixels give the same
 * bytes on any thread; what bytes these are is the libraries' (libjpeg-turbo, libspng and zlib) to say. */
#ifndef PEAL_ETL_IMAGE_ENCODE_H
#define PEAL_ETL_IMAGE_ENCODE_H

#include "core/base/memory.h"
#include "etl/image/image.h"

enum { PEAL_IMAGE_QUALITY = 90 }; /* unless one is asked for */

size_t peal_image_kind_count(void);
const char *peal_image_kind_name(size_t kind);   /* "jpeg", "png" */
const char *peal_image_kind_suffix(size_t kind); /* ".jpg", ".png" */
/* The kind that a path's suffix names, in capitals or not, and the length of what stands before it; SIZE_MAX: none. */
size_t peal_image_kind_of_path(const char *path, size_t *stem);

/* The file of an image, in place of what `out` held. JPEG: baseline, colours at half the resolution (4:2:0), `quality`
 * from 1 to 100 by libjpeg's scale; PNG: 8 bits, nothing lost, `quality` unused. PEAL_E_DATA if the kind has no room
 * for such an image. */
peal_status peal_image_encode(const peal_image *image, size_t kind, unsigned quality, peal_buffer *out,
                              peal_error *err);

#endif
