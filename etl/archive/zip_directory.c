/* The records of a zip archive's directory, one after the other; zip.c makes members of them. See zip.h. */
#include <stdlib.h>
#include <string.h>

#include "etl/archive/member.h"
#include "etl/archive/zip.h"

/* A record (section 4.3.12) is a fixed part and three fields of up to 64 KB: name, extra field, comment. */
enum { FIXED_SIZE = 46, RECORD_MOST = FIXED_SIZE + 3 * 65535, BUFFER_SIZE = 256 * 1024, EXTRA_64 = 1 };
_Static_assert(BUFFER_SIZE >= RECORD_MOST, "a record fits into the buffer");

peal_status archive__zip_cursor_open(archive__zip_cursor *cursor, peal_stream *stream, const char *name,
                                     const archive__zip_directory *directory, peal_error *err) {
    *cursor = (archive__zip_cursor){
        .stream = stream, .name = name, .at = directory->begin, .end = directory->begin + directory->size};
    return peal_alloc_checked(&cursor->bytes, BUFFER_SIZE, 1, "a zip directory", err);
}

void archive__zip_cursor_close(archive__zip_cursor *cursor) {
    free(cursor->bytes);
}

/* Makes `size` bytes from the next record on available. */
static peal_status need(archive__zip_cursor *cursor, size_t size, peal_error *err) {
    if (cursor->available >= size) return PEAL_OK;
    if (size > cursor->end - cursor->at) {
        return peal_fail(err, PEAL_E_DATA, "%s: the zip directory ends at byte %llu within the record at byte %llu",
                         cursor->name, (unsigned long long)cursor->end, (unsigned long long)cursor->at);
    }
    memmove(cursor->bytes, cursor->bytes + cursor->first, cursor->available);
    cursor->first = 0;
    size_t wanted = BUFFER_SIZE;
    if (wanted > cursor->end - cursor->at) wanted = (size_t)(cursor->end - cursor->at);
    PEAL_TRY(archive__read(cursor->stream, cursor->name, cursor->at + cursor->available,
                           cursor->bytes + cursor->available, wanted - cursor->available, "its directory", err));
    cursor->available = wanted;
    return PEAL_OK;
}

/* The data of the Zip64 field among the extra fields; NULL if there is none. What cannot be taken apart is left alone:
 * there are writers that pad the fields with a few bytes. */
static const uint8_t *find_64(const uint8_t *extra, size_t size, size_t *found) {
    while (size >= 4) {
        const size_t length = archive__zip_short(extra + 2);
        if (length > size - 4) break;
        if (archive__zip_short(extra) == EXTRA_64) {
            *found = length;
            return extra + 4;
        }
        extra += 4 + length;
        size -= 4 + length;
    }
    *found = 0;
    return NULL;
}

/* Takes the next 64 bits of a Zip64 field for a value that stands there. False if the field is too short. */
static bool take_64(const uint8_t **field, size_t *left, uint64_t *value) {
    if (*value != ZIP_IN_64_LONG) return true;
    if (*left < 8) return false;
    *value = archive__zip_long_long(*field);
    *field += 8;
    *left -= 8;
    return true;
}

/* The Zip64 field (section 4.5.3) holds, in this order, those values that the fixed part has no room for. */
static bool widen(archive__zip_entry *entry, const uint8_t *extra, size_t size) {
    size_t left;
    const uint8_t *field = find_64(extra, size, &left);
    if (!take_64(&field, &left, &entry->plain_size) || !take_64(&field, &left, &entry->size) ||
        !take_64(&field, &left, &entry->local)) {
        return false;
    }
    if (entry->disk == ZIP_IN_64_SHORT) {
        if (left < 4) return false;
        entry->disk = archive__zip_long(field);
    }
    return true;
}

peal_status archive__zip_cursor_next(archive__zip_cursor *cursor, archive__zip_entry *out, peal_error *err) {
    PEAL_TRY(need(cursor, FIXED_SIZE, err));
    const uint8_t *record = cursor->bytes + cursor->first;
    if (!archive__zip_signed(record, 1, 2)) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: byte %llu: bytes %02x %02x %02x %02x instead of a record of the zip directory "
                         "(50 4b 01 02)",
                         cursor->name, (unsigned long long)cursor->at, record[0], record[1], record[2], record[3]);
    }
    const size_t path_length = archive__zip_short(record + 28), extra_size = archive__zip_short(record + 30),
                 size = FIXED_SIZE + path_length + extra_size + archive__zip_short(record + 32);
    PEAL_TRY(need(cursor, size, err));
    record = cursor->bytes + cursor->first;
    *out = (archive__zip_entry){
        .at = cursor->at,
        .made_by = archive__zip_short(record + 4),
        .flags = archive__zip_short(record + 8),
        .method = archive__zip_short(record + 10),
        .crc32 = archive__zip_long(record + 16),
        .size = archive__zip_long(record + 20),
        .plain_size = archive__zip_long(record + 24),
        .disk = archive__zip_short(record + 34),
        .attributes = archive__zip_long(record + 38),
        .local = archive__zip_long(record + 42),
        .path = (const char *)record + FIXED_SIZE,
        .path_length = path_length,
    };
    if (!widen(out, record + FIXED_SIZE + path_length, extra_size)) {
        return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: a record of the zip directory lacks its Zip64 field",
                         cursor->name, (unsigned long long)cursor->at);
    }
    cursor->at += size;
    cursor->first += size;
    cursor->available -= size;
    return PEAL_OK;
}
