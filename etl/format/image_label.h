/* What an image is said to be. */
#ifndef PEAL_ETL_FORMAT_IMAGE_LABEL_H
#define PEAL_ETL_FORMAT_IMAGE_LABEL_H

#include "etl/archive/item.h"

enum { PEAL_IMAGE_LABEL_MOST = 255 }; /* bytes */

/* The label of an item, appended to nothing in `out`: what stands beside it, else the folder that it is in. PEAL_E_DATA
 * if what stands beside it tells none. */
peal_status peal_image_label(const peal_item *item, peal_buffer *out, peal_error *err);

#endif
