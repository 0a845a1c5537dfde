/* The plain bytes of a member of a zip archive: stored or deflated, counted and checked against what the directory
 * promised; of a member that was listed from afar the local header first. They are read through a window on the
 * member's stored bytes. See zip.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "etl/archive/window.h"
#include "etl/archive/zip.h"
#include "etl/codec/codec.h"

/* An inflater takes whole words ahead and steps back at the end, by up to 8 bytes, which may be more than the present
 * fill has: `next` may then point in front of it, so there is room. Nobody reads those bytes again. */
enum { INPUT_SIZE = 128 * 1024, GIVE_BACK = 16 };

typedef struct zip_stream {
    peal_stream base;
    peal_stream *window; /* the stored bytes */
    char *name;
    uint64_t begin, size; /* the stored bytes, in the archive */
    uint32_t expected_crc, crc;
    uint64_t plain; /* bytes so far */
    bool finished;
    /* Of a deflated member only. */
    const peal_inflater *inflater;
    void *state;
    uint8_t *input;      /* GIVE_BACK bytes, then up to INPUT_SIZE */
    const uint8_t *next; /* of the input */
    size_t available;
    uint64_t taken; /* of the stored bytes by the inflater */
} zip_stream;

static peal_status corrupt(const zip_stream *self, const char *what, uint64_t found, uint64_t expected,
                           peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "%s: the member's data at bytes %llu to %llu is corrupt: %llu %s, expected %llu",
                     self->name, (unsigned long long)self->begin, (unsigned long long)(self->begin + self->size),
                     (unsigned long long)found, what, (unsigned long long)expected);
}

/* All bytes have been handed out: were they those that the directory promised? */
static peal_status finish(zip_stream *self, peal_error *err) {
    self->finished = true;
    if (self->plain != self->base.size) return corrupt(self, "bytes", self->plain, self->base.size, err);
    if (self->state && self->taken != self->size) {
        return corrupt(self, "bytes of deflated data", self->taken, self->size, err);
    }
    if (self->crc == self->expected_crc) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA,
                     "%s: the member's data at bytes %llu to %llu is corrupt: checksum %08x, expected %08x", self->name,
                     (unsigned long long)self->begin, (unsigned long long)(self->begin + self->size), self->crc,
                     self->expected_crc);
}

/* Counts what was read, before it is handed out. */
static peal_status count(zip_stream *self, const uint8_t *bytes, size_t size, peal_error *err) {
    if (size > self->base.size - self->plain) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: the member's data at bytes %llu to %llu is corrupt: it inflates to more "
                         "than the %llu bytes that were expected",
                         self->name, (unsigned long long)self->begin, (unsigned long long)(self->begin + self->size),
                         (unsigned long long)self->base.size);
    }
    self->crc = self->inflater->crc32(self->crc, bytes, size);
    self->plain += size;
    return PEAL_OK;
}

static void zip_close(peal_stream *base) {
    zip_stream *self = (zip_stream *)base;
    if (self->state) self->inflater->close(self->state);
    peal_stream_close(self->window);
    free(self->input);
    free(self->name);
    free(self);
}

/* ---- stored ---- */

static peal_status stored_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    zip_stream *self = (zip_stream *)base;
    PEAL_TRY(self->window->read(self->window, out, capacity, got, err));
    PEAL_TRY(count(self, out, *got, err));
    const bool is_end = self->plain == base->size && !self->finished;
    return is_end ? finish(self, err) : PEAL_OK;
}

static peal_status stored_read_at(peal_stream *base, uint64_t offset, uint8_t *out, size_t capacity, size_t *got,
                                  peal_error *err) {
    const zip_stream *self = (const zip_stream *)base;
    return self->window->read_at(self->window, offset, out, capacity, got, err);
}

/* ---- deflated ---- */

static peal_status refill(zip_stream *self, bool *ended, peal_error *err) {
    *ended = false;
    if (self->available) return PEAL_OK;
    self->next = self->input + GIVE_BACK;
    PEAL_TRY(self->window->read(self->window, self->input + GIVE_BACK, INPUT_SIZE, &self->available, err));
    *ended = self->available == 0;
    return PEAL_OK;
}

static peal_status inflate_some(zip_stream *self, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    bool ended;
    PEAL_TRY(refill(self, &ended, err));
    uint8_t *end = out;
    size_t room = capacity, before = self->available;
    /* With no input left the inflater may still hold bytes of output, so that the data ends too early is known only
     * after asking it. */
    const int result = self->inflater->run(self->state, &self->next, &self->available, &end, &room);
    self->taken += before - self->available; /* modulo 2^64: bytes may have been given back */
    *got = (size_t)(end - out);
    if (result < 0) {
        return peal_fail(err, PEAL_E_DATA, "%s: the member's data at bytes %llu to %llu is corrupt near byte %llu",
                         self->name, (unsigned long long)self->begin, (unsigned long long)(self->begin + self->size),
                         (unsigned long long)(self->begin + self->taken));
    }
    PEAL_TRY(count(self, out, *got, err));
    if (result == 1) return finish(self, err);
    if (ended && *got == 0) {
        return peal_fail(err, PEAL_E_DATA, "%s: the member's deflated data is truncated: it ends at byte %llu",
                         self->name, (unsigned long long)(self->begin + self->size));
    }
    return PEAL_OK;
}

static peal_status deflated_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    zip_stream *self = (zip_stream *)base;
    *got = 0;
    if (capacity > 1u << 30) capacity = 1u << 30; /* an inflater counts in 32 bits */
    while (*got == 0 && !self->finished && capacity > 0) PEAL_TRY(inflate_some(self, out, capacity, got, err));
    return PEAL_OK;
}

/* ---- opening ---- */

static bool prepare_inflater(zip_stream *self) {
    self->state = self->inflater->open();
    self->input = calloc(1, GIVE_BACK + INPUT_SIZE);
    if (!self->state || !self->input) return false;
    self->inflater->reset(self->state);
    self->base.read = deflated_read;
    self->base.read_at = NULL;
    return true;
}

/* Where the stored bytes begin. */
static peal_status find_bytes(peal_stream *inner, const char *name, const peal_member *member, uint64_t *begin,
                              peal_error *err) {
    *begin = member->begin;
    if (member->limit == 0) return PEAL_OK; /* seen by the list */
    const archive__zip_entry entry = {
        .at = member->record,
        .method = (uint16_t)member->method,
        .crc32 = member->crc32,
        .size = member->size,
        .plain_size = member->plain_size,
        .local = member->begin,
        .path = member->path,
        .path_length = strlen(member->path),
    };
    archive__zip_extent bytes;
    PEAL_TRY(archive__zip_local_read(inner, name, &entry, member->limit, &bytes, err));
    *begin = bytes.end - member->size;
    return PEAL_OK;
}

static peal_status open_window(peal_stream *inner, const char *name, const peal_member *member, uint64_t *begin,
                               peal_stream **out, peal_error *err) {
    const peal_status status = find_bytes(inner, name, member, begin, err);
    if (status != PEAL_OK) {
        peal_stream_close(inner);
        return status;
    }
    return peal_window_stream_open(inner, name, *begin, member->size, out, err);
}

peal_status archive__zip_member_open(peal_stream *inner, const char *name, const peal_member *member, peal_stream **out,
                                     peal_error *err) {
    assert(member->method == ZIP_STORED || member->method == ZIP_DEFLATED);
    *out = NULL;
    peal_stream *window;
    uint64_t begin;
    PEAL_TRY(open_window(inner, name, member, &begin, &window, err));
    zip_stream *self = calloc(1, sizeof *self);
    if (!self) {
        peal_stream_close(window);
        return peal_fail(err, PEAL_E_MEMORY, "no memory to read %s", name);
    }
    *self = (zip_stream){
        .base = {.read = stored_read, .read_at = stored_read_at, .close = zip_close, .size = member->plain_size},
        .window = window,
        .name = peal_strdup(name),
        .begin = begin,
        .size = member->size,
        .expected_crc = member->crc32,
        .inflater = &peal_inflater_isal,
    };
    if (!self->name || (member->method == ZIP_DEFLATED && !prepare_inflater(self))) {
        zip_close(&self->base);
        return peal_fail(err, PEAL_E_MEMORY, "no memory to read %s", name);
    }
    *out = &self->base;
    return PEAL_OK;
}
