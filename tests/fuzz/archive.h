/* What the targets of archives share: list, open, read, and what must hold of what was listed, also from afar. */
#ifndef PEAL_TESTS_FUZZ_ARCHIVE_H
#define PEAL_TESTS_FUZZ_ARCHIVE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "etl/archive/archive.h"

enum { MEMBERS_MOST = 16, OUTPUT_MOST = 1 << 20 };

static inline peal_stream *archive_stream(const uint8_t *data, size_t size, bool is_far) {
    peal_stream *stream;
    if (peal_memory_stream_open(data, size, &stream, NULL) != PEAL_OK) abort();
    stream->is_far = is_far;
    return stream;
}

/* Reads a member to its end; what can be read at an offset must be the same bytes. One that was listed from afar may
 * turn out to be none when it is opened. */
static inline void archive_read_member(const peal_archive *archive, const uint8_t *data, size_t size,
                                       const peal_member *member) {
    static uint8_t in_order[OUTPUT_MOST], at_offset[4096];
    peal_stream *stream;
    peal_error err;
    size_t got, more;
    if (archive->open(archive_stream(data, size, member->limit > 0), "f/m", member, &stream, &err) != PEAL_OK) {
        if (member->limit > 0) return;
        abort();
    }
    if (peal_stream_fill(stream, in_order, OUTPUT_MOST, &got, &err) == PEAL_OK) {
        if (got < OUTPUT_MOST && got != member->plain_size) abort();
        if (stream->read_at && got > 0) {
            if (stream->read_at(stream, got / 2, at_offset, sizeof at_offset, &more, &err) != PEAL_OK) abort();
            if (more == 0 || more > got - got / 2 || memcmp(in_order + got / 2, at_offset, more) != 0) abort();
        }
    }
    peal_stream_close(stream);
}

static inline size_t archive_read_all(const peal_archive *archive, const uint8_t *data, size_t size, bool is_far) {
    peal_member_list list = {0};
    peal_error err;
    peal_stream *stream = archive_stream(data, size, is_far);
    const peal_status status = archive->list(stream, "f", &list, &err);
    peal_stream_close(stream);
    if (status != PEAL_OK && (list.members || list.count)) abort();
    for (size_t i = 0; i < list.count; i++) {
        const peal_member *member = &list.members[i];
        if (member->begin > size || member->size > size - member->begin || !member->path[0]) abort();
        if (i < MEMBERS_MOST) archive_read_member(archive, data, size, member);
    }
    const size_t count = list.count;
    peal_member_list_clear(&list);
    return count;
}

static inline void archive_run(const peal_archive *archive, const uint8_t *data, size_t size) {
    archive->recognise(data, size < PEAL_ARCHIVE_HEAD_SIZE ? size : PEAL_ARCHIVE_HEAD_SIZE);
    const size_t count = archive_read_all(archive, data, size, false);
    /* From afar fewer things are refused at once. */
    if (archive_read_all(archive, data, size, true) < count) abort();
}

#endif
