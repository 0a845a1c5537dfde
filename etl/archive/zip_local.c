/* Local headers of a zip archive: each stands before its member's bytes and repeats what the directory says. See zip.h.
 */
#include <stdlib.h>
#include <string.h>

#include "etl/archive/member.h"
#include "etl/archive/zip.h"

enum { LOCAL_SIZE = 30 }; /* section 4.3.7: the fixed part of a local header */

static peal_status differs(const char *name, const archive__zip_entry *entry, const char *what, peal_error *err) {
    char shown[ARCHIVE_SHOWN_SIZE];
    return peal_fail(err, PEAL_E_DATA,
                     "%s: the local header at byte %llu and the directory at byte %llu differ in %s of "
                     "the member '%s'",
                     name, (unsigned long long)entry->local, (unsigned long long)entry->at, what,
                     archive__path_shown(entry->path, entry->path_length, shown));
}

static bool size_agrees(uint32_t local, uint64_t size) {
    return local == ZIP_IN_64_LONG || local == size;
}

/* Holds a local header against the directory. Sizes and checksum stand there too, unless the writer learnt them later.
 */
static peal_status compare(const uint8_t *local, const char *name, const archive__zip_entry *entry, peal_error *err) {
    const uint16_t flags = archive__zip_short(local + 6);
    if (archive__zip_short(local + 26) != entry->path_length ||
        memcmp(local + LOCAL_SIZE, entry->path, entry->path_length) != 0) {
        return differs(name, entry, "the name", err);
    }
    if (archive__zip_short(local + 8) != entry->method) return differs(name, entry, "the method", err);
    if ((flags ^ entry->flags) & ZIP_FLAG_ENCRYPTED) return differs(name, entry, "the encryption", err);
    if (flags & ZIP_FLAG_SIZES_BEHIND) return PEAL_OK;
    if (archive__zip_long(local + 14) != entry->crc32) return differs(name, entry, "the checksum", err);
    if (!size_agrees(archive__zip_long(local + 18), entry->size) ||
        !size_agrees(archive__zip_long(local + 22), entry->plain_size)) {
        return differs(name, entry, "the size", err);
    }
    return PEAL_OK;
}

/* The extent of an entry whose local header has an extra field of `extra` bytes. */
static peal_status measure(const char *name, const archive__zip_entry *entry, size_t extra, uint64_t limit,
                           archive__zip_extent *out, peal_error *err) {
    const size_t size = LOCAL_SIZE + entry->path_length + extra;
    char shown[ARCHIVE_SHOWN_SIZE];
    out->begin = entry->local;
    if (!__builtin_add_overflow(entry->local, size, &out->end) &&
        !__builtin_add_overflow(out->end, entry->size, &out->end) && out->end <= limit) {
        return PEAL_OK;
    }
    return peal_fail(err, PEAL_E_DATA,
                     "%s: byte %llu: the member '%s' is said to have %llu bytes behind a header at byte %llu; it must "
                     "end before byte %llu, where the next one or the directory begins",
                     name, (unsigned long long)entry->at, archive__path_shown(entry->path, entry->path_length, shown),
                     (unsigned long long)entry->size, (unsigned long long)entry->local, (unsigned long long)limit);
}

peal_status archive__zip_local_guess(const char *name, const archive__zip_entry *entry, uint64_t limit,
                                     archive__zip_extent *out, peal_error *err) {
    return measure(name, entry, 0, limit, out, err);
}

static peal_status read_into(uint8_t *local, peal_stream *stream, const char *name, const archive__zip_entry *entry,
                             uint64_t limit, archive__zip_extent *out, peal_error *err) {
    PEAL_TRY(archive__read(stream, name, entry->local, local, LOCAL_SIZE + entry->path_length, "a local header", err));
    if (!archive__zip_signed(local, 3, 4)) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: byte %llu: bytes %02x %02x %02x %02x instead of a local header of a zip archive "
                         "(50 4b 03 04)",
                         name, (unsigned long long)entry->local, local[0], local[1], local[2], local[3]);
    }
    PEAL_TRY(compare(local, name, entry, err));
    return measure(name, entry, archive__zip_short(local + 28), limit, out, err);
}

peal_status archive__zip_local_read(peal_stream *stream, const char *name, const archive__zip_entry *entry,
                                    uint64_t limit, archive__zip_extent *out, peal_error *err) {
    uint8_t *local = NULL;
    PEAL_TRY(measure(name, entry, 0, limit, out, err));
    PEAL_TRY(peal_alloc_checked(&local, LOCAL_SIZE + entry->path_length, 1, "a local header", err));
    const peal_status status = read_into(local, stream, name, entry, limit, out, err);
    free(local);
    return status;
}
