/* Reading objects of web servers and of stores at offsets: by blocks of a megabyte, for all who read together. So
 * neighbours that are small, such as the images of a zip archive, come by one request, and many readers fetch many
 * blocks at once. Who reads on from block to block finds the next ones begun: as many as were read in a row, up to
 * four, and one at most behind what he wants, so that a jump fetches little in vain. The last gigabyte that was read
 * stands in a file without a name: of what is smaller nothing is fetched twice. Private to this folder.
 *
 * Blocks are fetched as all that is downloaded: within the bound of connections, tried again, and held against what the
 * object was (transfer.h). */
#ifndef PEAL_ETL_SOURCE_HTTP_BLOCKS_H
#define PEAL_ETL_SOURCE_HTTP_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct source__http_blocks source__http_blocks; /* of a session */
struct source__http_object;

peal_status source__http_blocks_new(source__http_blocks **out, peal_error *err);
/* When no object has blocks any more. NULL is allowed. */
void source__http_blocks_free(source__http_blocks *self);

/* Bytes of an object from `offset` on, which is not behind its end: those of one block, at most. `read_to`: as in
 * peal_stream. Any thread. */
peal_status source__http_blocks_read(struct source__http_object *object, uint64_t read_to, uint64_t offset,
                                     uint8_t *out, size_t capacity, size_t *got, peal_error *err);
/* Lets go what is kept of an object, which nobody reads any more. */
void source__http_blocks_forget(const struct source__http_object *object);

#endif
