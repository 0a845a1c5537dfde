/* The end of a zip archive: the record that says where the directory lies, and its Zip64 form. What reads the directory
 * (zip_directory.c) begins with what is found here. See zip.h. */
#include <stdlib.h>

#include "etl/archive/member.h"
#include "etl/archive/zip.h"

/* Sections 4.3.16, 4.3.15, 4.3.14, and the fixed part of a directory's record in 4.3.12. */
enum { END_SIZE = 22, COMMENT_MOST = 65535, LOCATOR_SIZE = 20, END64_SIZE = 56, RECORD_SIZE = 46 };

/* The fields of an end record, of either form. */
typedef struct zip_end {
    uint64_t at; /* of the record in the archive */
    uint32_t disk, directory_disk;
    uint64_t entries_here, entries, size, begin;
} zip_end;

static peal_status split(const char *name, uint64_t at, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: a part of a split zip archive; join its parts first", name,
                     (unsigned long long)at);
}

/* The last end record whose comment fills the rest of the archive. A comment may hold what looks like one, so its
 * length has to fit. */
static const uint8_t *find_record(const uint8_t *tail, size_t size) {
    for (size_t back = END_SIZE; back <= size; back++) {
        const uint8_t *record = tail + (size - back);
        if (archive__zip_signed(record, 5, 6) && archive__zip_short(record + 20) == back - END_SIZE) return record;
    }
    return NULL;
}

/* Why there is no end record from `begin` on: only the last part of a split archive has one. */
static peal_status no_end(peal_stream *stream, const char *name, uint64_t begin, peal_error *err) {
    uint8_t head[4] = {0};
    if (stream->size >= sizeof head) PEAL_TRY(archive__read(stream, name, 0, head, sizeof head, "its beginning", err));
    if (archive__zip_signed(head, 7, 8)) return split(name, 0, err);
    return peal_fail(
        err, PEAL_E_DATA,
        "%s: the zip archive is truncated or damaged: it ends at byte %llu, and bytes %llu to %llu hold no "
        "end of a directory",
        name, (unsigned long long)stream->size, (unsigned long long)begin, (unsigned long long)stream->size);
}

static peal_status find_end(peal_stream *stream, const char *name, zip_end *out, peal_error *err) {
    const size_t most = END_SIZE + COMMENT_MOST, size = stream->size < most ? (size_t)stream->size : most;
    const uint64_t begin = stream->size - size;
    uint8_t *tail = NULL;
    PEAL_TRY(peal_alloc_checked(&tail, size, 1, "the end of an archive", err));
    peal_status status = archive__read(stream, name, begin, tail, size, "the end of its directory", err);
    const uint8_t *record = status == PEAL_OK ? find_record(tail, size) : NULL;
    if (status == PEAL_OK && !record) status = no_end(stream, name, begin, err);
    if (status == PEAL_OK) {
        *out = (zip_end){
            .at = begin + (uint64_t)(record - tail),
            .disk = archive__zip_short(record + 4),
            .directory_disk = archive__zip_short(record + 6),
            .entries_here = archive__zip_short(record + 8),
            .entries = archive__zip_short(record + 10),
            .size = archive__zip_long(record + 12),
            .begin = archive__zip_long(record + 16),
        };
    }
    free(tail);
    return status;
}

/* False if a field of the short record holds a value of its own, and another one. */
static bool agrees(uint64_t narrow, uint64_t marker, uint64_t wide) {
    return narrow == marker || narrow == wide;
}

static peal_status read_64(peal_stream *stream, const char *name, uint64_t at, uint64_t locator, zip_end *end,
                           peal_error *err) {
    uint8_t record[END64_SIZE];
    if (at > locator || locator - at < END64_SIZE) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: byte %llu: a Zip64 end record is said to be at byte %llu, which is not "
                         "before this",
                         name, (unsigned long long)locator, (unsigned long long)at);
    }
    PEAL_TRY(archive__read(stream, name, at, record, sizeof record, "a Zip64 end record", err));
    const uint64_t size = archive__zip_long_long(record + 4);
    if (!archive__zip_signed(record, 6, 6) || size != locator - at - 12) {
        return peal_fail(
            err, PEAL_E_DATA,
            "%s: byte %llu: bytes %02x %02x %02x %02x and a size of %llu; a Zip64 end record (50 4b 06 06) "
            "with a size of %llu was expected",
            name, (unsigned long long)at, record[0], record[1], record[2], record[3], (unsigned long long)size,
            (unsigned long long)(locator - at - 12));
    }
    const zip_end wide = {
        .at = at,
        .disk = archive__zip_long(record + 16),
        .directory_disk = archive__zip_long(record + 20),
        .entries_here = archive__zip_long_long(record + 24),
        .entries = archive__zip_long_long(record + 32),
        .size = archive__zip_long_long(record + 40),
        .begin = archive__zip_long_long(record + 48),
    };
    if (!agrees(end->entries, ZIP_IN_64_SHORT, wide.entries) || !agrees(end->size, ZIP_IN_64_LONG, wide.size) ||
        !agrees(end->begin, ZIP_IN_64_LONG, wide.begin)) {
        return peal_fail(err, PEAL_E_DATA, "%s: the end records at bytes %llu and %llu differ", name,
                         (unsigned long long)at, (unsigned long long)end->at);
    }
    *end = wide;
    return PEAL_OK;
}

/* Puts the values of the Zip64 record in place, if there is one. There are writers that make one though all values fit
 * into the short record; and without one there may be just 65,535 entries. */
static peal_status widen(peal_stream *stream, const char *name, zip_end *end, peal_error *err) {
    if (end->at < LOCATOR_SIZE) return PEAL_OK;
    const uint64_t locator = end->at - LOCATOR_SIZE;
    uint8_t bytes[LOCATOR_SIZE];
    PEAL_TRY(archive__read(stream, name, locator, bytes, sizeof bytes, "a Zip64 locator", err));
    if (!archive__zip_signed(bytes, 6, 7)) return PEAL_OK;
    if (archive__zip_long(bytes + 4) != 0 || archive__zip_long(bytes + 16) > 1) return split(name, locator, err);
    return read_64(stream, name, archive__zip_long_long(bytes + 8), locator, end, err);
}

peal_status archive__zip_directory_find(peal_stream *stream, const char *name, archive__zip_directory *out,
                                        peal_error *err) {
    zip_end end;
    PEAL_TRY(find_end(stream, name, &end, err));
    PEAL_TRY(widen(stream, name, &end, err));
    if (end.disk != 0 || end.directory_disk != 0 || end.entries_here != end.entries) return split(name, end.at, err);
    /* Nothing may stand between the two: of archives that were joined only the last would be read. */
    uint64_t directory_end;
    if (__builtin_add_overflow(end.begin, end.size, &directory_end) || directory_end != end.at) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: byte %llu: the directory is said to have %llu bytes from byte %llu on; it must end here",
                         name, (unsigned long long)end.at, (unsigned long long)end.size, (unsigned long long)end.begin);
    }
    if (end.entries > end.size / RECORD_SIZE) {
        return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: %llu entries are said to stand in a directory of %llu bytes",
                         name, (unsigned long long)end.at, (unsigned long long)end.entries,
                         (unsigned long long)end.size);
    }
    *out = (archive__zip_directory){.begin = end.begin, .size = end.size, .entries = end.entries};
    return PEAL_OK;
}
