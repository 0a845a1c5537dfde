/* What jobs know of images as rows, besides the format itself. */
#ifndef PEAL_ETL_FORMAT_IMAGE_ROWS_H
#define PEAL_ETL_FORMAT_IMAGE_ROWS_H

#include "etl/archive/item.h"
#include "etl/format/format.h"

enum { PEAL_IMAGE_LABEL_MOST = 255 }; /* bytes */

/* The label of an item, appended to nothing in `out`: what stands beside it, else the folder that it is in. PEAL_E_DATA
 * if what stands beside it tells none. */
peal_status peal_image_label(const peal_item *item, peal_buffer *out, peal_error *err);

/* Most bytes that come from a crew's process (etl/image/crew.h) for a block of images of this schema, whose size is
 * `block_size` (0: the default), and for a survey. */
size_t peal_image_block_bytes(const peal_schema *schema, size_t block_size);
enum { PEAL_IMAGE_LOOK_BYTES = 1 << 16 };

#endif
