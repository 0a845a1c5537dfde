/* The parts of the zip reader: where the directory lies (zip_end.c), its records (zip_directory.c), a member's bytes
 * (zip_member.c). Private to this folder. Source: PKWARE, APPNOTE.TXT 6.3.10; numbers of sections are of that. */
#ifndef PEAL_ETL_ARCHIVE_ZIP_H
#define PEAL_ETL_ARCHIVE_ZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "etl/archive/archive.h"

enum { ZIP_STORED = 0, ZIP_DEFLATED = 8 };
/* What a field of 16 or 32 bits holds if its value stands in a Zip64 field of 64. */
enum { ZIP_IN_64_SHORT = 0xFFFF };
#define ZIP_IN_64_LONG UINT32_MAX

static inline uint16_t archive__zip_short(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t archive__zip_long(const uint8_t *bytes) {
    return archive__zip_short(bytes) | (uint32_t)archive__zip_short(bytes + 2) << 16;
}

static inline uint64_t archive__zip_long_long(const uint8_t *bytes) {
    return archive__zip_long(bytes) | (uint64_t)archive__zip_long(bytes + 4) << 32;
}

/* Flags of an entry (section 4.4.4) that are asked for in more than one place. */
enum { ZIP_FLAG_ENCRYPTED = 1 << 0, ZIP_FLAG_SIZES_BEHIND = 1 << 3 };

/* True if a record begins with "PK" and these two bytes. */
static inline bool archive__zip_signed(const uint8_t *bytes, uint8_t third, uint8_t fourth) {
    return bytes[0] == 'P' && bytes[1] == 'K' && bytes[2] == third && bytes[3] == fourth;
}

/* ---- the directory ---- */

/* Where the central directory lies in the archive, and how many records it has. It ends where its end record begins. */
typedef struct archive__zip_directory {
    uint64_t begin, size, entries;
} archive__zip_directory;

/* Finds it from the archive's end, also behind a comment and with Zip64. PEAL_E_DATA if it is not there, or if the
 * archive is a part of a split one. */
peal_status archive__zip_directory_find(peal_stream *stream, const char *name, archive__zip_directory *out,
                                        peal_error *err);

/* A record of the directory, with its Zip64 fields in place. */
typedef struct archive__zip_entry {
    uint64_t at; /* of the record in the archive */
    uint16_t made_by, flags, method;
    uint32_t crc32, disk, attributes;
    uint64_t size, plain_size;
    uint64_t local; /* where its local header is in the archive */
    const char *path;
    size_t path_length;
} archive__zip_entry;

/* Reads the records one after the other, through a buffer of constant size. */
typedef struct archive__zip_cursor {
    peal_stream *stream; /* the archive */
    const char *name;
    uint64_t at, end;        /* in the archive: the next record, the end of the directory */
    uint8_t *bytes;          /* read ahead, from `at` on */
    size_t first, available; /* where in `bytes` the next record begins, and how many bytes are there from it on */
} archive__zip_cursor;

peal_status archive__zip_cursor_open(archive__zip_cursor *cursor, peal_stream *stream, const char *name,
                                     const archive__zip_directory *directory, peal_error *err);
/* The next record; its path lasts until the next call. */
peal_status archive__zip_cursor_next(archive__zip_cursor *cursor, archive__zip_entry *out, peal_error *err);
void archive__zip_cursor_close(archive__zip_cursor *cursor);

/* ---- local headers (zip_local.c) ---- */

/* What stands between a local header and the end of its member's bytes. */
typedef struct archive__zip_extent {
    uint64_t begin, end;
} archive__zip_extent;

/* The same as far as the directory tells: a local header's extra field, and so the bytes' place, may be longer.
 * PEAL_E_DATA if it does not end at `limit`, at the latest. */
peal_status archive__zip_local_guess(const char *name, const archive__zip_entry *entry, uint64_t limit,
                                     archive__zip_extent *out, peal_error *err);
/* Reads the local header of an entry, and holds it against the entry. PEAL_E_DATA also if the bytes do not end at
 * `limit`, at the latest. */
peal_status archive__zip_local_read(peal_stream *stream, const char *name, const archive__zip_entry *entry,
                                    uint64_t limit, archive__zip_extent *out, peal_error *err);

/* ---- members ---- */

/* As peal_archive.open. */
peal_status archive__zip_member_open(peal_stream *inner, const char *name, const peal_member *member, peal_stream **out,
                                     peal_error *err);

#endif
