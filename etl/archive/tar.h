/* The parts of the tar reader: a header (tar_header.c), what extended headers say of the next member (tar_extended.c).
 * Private to this folder. Sources: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange Format"; the GNU
 * tar manual, "Basic Tar Format". */
#ifndef PEAL_ETL_ARCHIVE_TAR_H
#define PEAL_ETL_ARCHIVE_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "etl/archive/archive.h"

enum { TAR_BLOCK = 512 };

/* ---- headers ---- */

enum { TAR_PATH_MOST = 155 + 1 + 100 }; /* prefix, slash, name */

typedef struct archive__tar_header {
    uint64_t size; /* of the bytes behind it */
    char type;
    char path[TAR_PATH_MOST + 1];
    size_t path_length;
} archive__tar_header;

/* True if all bytes are zero: a block that ends an archive. */
bool archive__tar_is_zero(const uint8_t *bytes, size_t size);
/* True if the block's checksum is right. */
bool archive__tar_is_header(const uint8_t block[TAR_BLOCK]);
/* Takes a header apart that is at byte `at`. PEAL_E_DATA if its checksum or its size is wrong. */
peal_status archive__tar_header_parse(const uint8_t block[TAR_BLOCK], const char *name, uint64_t at,
                                      archive__tar_header *out, peal_error *err);

/* ---- extended headers ---- */

/* What was said of the member that comes next. Zero-initialise it; peal_buffer_clear of `path` frees it. */
typedef struct archive__tar_extended {
    bool is_there;
    uint64_t at; /* of the first header that said something */
    bool has_path, has_size, is_sparse;
    uint64_t size;
    peal_buffer path;
} archive__tar_extended;

/* Reads a header of pax ('x'; 'g' is for all members to come) or of GNU ('L'), whose `header->size` bytes are at byte
 * `at` of the archive. */
peal_status archive__tar_extended_read(archive__tar_extended *extended, peal_stream *stream, const char *name,
                                       const archive__tar_header *header, uint64_t at, peal_error *err);
/* Forgets it all: the member has come. */
void archive__tar_extended_reset(archive__tar_extended *extended);

#endif
