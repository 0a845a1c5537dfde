/* Images as rows: JPEG and PNG.
 *
 *   image.c         blocks of items, decoded and made alike      image_label.c   what an image is said to be
 *   image_survey.c  what size and channels they have
 *
 * The columns are `image`, the pixels, and `label`. Private to this folder. */
#ifndef PEAL_ETL_FORMAT_IMAGE_H
#define PEAL_ETL_FORMAT_IMAGE_H

#include "etl/format/format.h"
#include "etl/format/image_rows.h"
#include "etl/image/bench.h"

/* The name of the folder that holds the file `path`; looked up where the path does not say. */
peal_status image__folder(const char *path, bool is_file, peal_buffer *out, peal_error *err);

peal_status image__survey(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                          peal_error *err);

#endif
