/* Streams of objects of web servers: the first piece from the session's file, the rest as it arrives. Those that will
 * be read next are fetched ahead. */
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "etl/source/http.h"

enum {
    LOOKED_AT = 1024,                 /* objects, to find those that are not whole yet */
    SURVEYED = (1 << 20) + (1 << 18), /* bytes behind which a reader means to read all, and the next objects, too */
};

typedef struct http_stream {
    peal_stream base;
    source__http_object *object;
    peal_source_meter *meter;
    uint64_t at; /* of the next byte of `read` */
    source__download *download;
    bool looked_ahead; /* the next ones were begun */
    SHA2_CTX sha256;
    bool checked;
} http_stream;

/* ---- ahead ---- */

static peal_status begin_rest(source__http_object *object, source__download **out, peal_error *err) {
    const source__wanted wanted = {.url = object->url,
                                   .name = object->name,
                                   .begin = object->piece_size,
                                   .end = SOURCE__UNKNOWN,
                                   .facts = &object->facts,
                                   .hash = object->piece_hash,
                                   .buffer = object->session->buffer};
    return source__download_begin(object->session->transfers, &wanted, out, err);
}

/* Gives up what nobody came for: readers have passed it. With the lock held. */
static void drop_passed(const source__http_object *object) {
    source__http_session *session = object->session;
    for (; session->ahead_from + session->connections < object->index; session->ahead_from++) {
        source__http_object *passed = session->objects[session->ahead_from];
        if (!passed || !passed->ahead) continue;
        source__download_end(passed->ahead);
        passed->ahead = NULL;
        session->ahead--;
    }
}

/* Begins those behind `object` that were read less often, until as many as there are connections wait for a reader.
 * What cannot be begun is begun by its reader, who will tell why not. */
static void begin_ahead(source__http_object *object) {
    source__http_session *session = object->session;
    pthread_mutex_lock(&session->lock);
    drop_passed(object);
    const size_t end = session->count - object->index > LOOKED_AT ? object->index + LOOKED_AT : session->count;
    for (size_t i = object->index + 1; i < end && session->ahead + 1 < session->connections; i++) {
        source__http_object *next = session->objects[i];
        if (!next || !next->looked_at || next->whole || next->ahead || next->begun >= object->begun) continue;
        if (begin_rest(next, &next->ahead, NULL) != PEAL_OK) break;
        session->ahead++;
        if (i < session->ahead_from) session->ahead_from = i;
    }
    pthread_mutex_unlock(&session->lock);
}

/* The download of what is behind the first piece. */
static peal_status take_rest(source__http_object *object, source__download **out, peal_error *err) {
    source__http_session *session = object->session;
    peal_status status = PEAL_OK;
    pthread_mutex_lock(&session->lock);
    object->begun++;
    *out = object->ahead;
    object->ahead = NULL;
    if (*out) {
        session->ahead--;
    } else {
        status = begin_rest(object, out, err);
    }
    pthread_mutex_unlock(&session->lock);
    return status;
}

/* ---- reading on ---- */

static peal_status check_end(http_stream *self, peal_error *err) {
    const source__http_object *object = self->object;
    uint8_t hash[32];
    if (!object->has_sha256 || self->checked) return PEAL_OK;
    self->checked = true;
    SHA256Final(hash, &self->sha256);
    if (memcmp(hash, object->sha256, sizeof hash) == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: its %llu bytes have another SHA-256 than the one that was given",
                     object->name, (unsigned long long)self->at);
}

static peal_status read_piece(const http_stream *self, uint64_t at, uint8_t *out, size_t capacity, size_t *got,
                              peal_error *err) {
    const source__http_object *object = self->object;
    if (capacity > object->piece_size - at) capacity = (size_t)(object->piece_size - at);
    return peal_file_read_at(object->session->pieces, object->name, out, capacity, object->piece_at + at, got, err);
}

static peal_status http_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    http_stream *self = (http_stream *)base;
    source__http_object *object = self->object;
    *got = 0;
    if (capacity == 0) return PEAL_OK;
    if (self->at < object->piece_size) {
        PEAL_TRY(read_piece(self, self->at, out, capacity, got, err));
    } else if (!object->whole) {
        if (!self->download) PEAL_TRY(take_rest(object, &self->download, err));
        PEAL_TRY(source__download_read(self->download, out, capacity, got, err));
    }
    self->at += *got;
    if (self->download && !self->looked_ahead && (*got == 0 || self->at >= SURVEYED)) {
        self->looked_ahead = true;
        begin_ahead(object);
    }
    if (*got == 0) return check_end(self, err);
    if (object->has_sha256) SHA256Update(&self->sha256, out, *got);
    source__meter_note(self->meter, out, *got);
    return PEAL_OK;
}

/* ---- reading at offsets ---- */

static peal_status http_read_at(peal_stream *base, uint64_t offset, uint8_t *out, size_t capacity, size_t *got,
                                peal_error *err) {
    const http_stream *self = (const http_stream *)base;
    *got = 0;
    if (offset >= base->size || capacity == 0) return PEAL_OK;
    if (offset < self->object->piece_size) return read_piece(self, offset, out, capacity, got, err);
    return source__http_blocks_read(self->object, base->read_to, offset, out, capacity, got, err);
}

static void http_close(peal_stream *base) {
    http_stream *self = (http_stream *)base;
    source__download_end(self->download);
    free(self);
}

peal_status source__http_open(const peal_source *source, peal_source_meter *meter, peal_stream **out, peal_error *err) {
    source__http_object *object = source->own;
    http_stream *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    const bool offsets = object->whole || (object->ranges && object->facts.size != SOURCE__UNKNOWN);
    self->base = (peal_stream){.read = http_read,
                               .read_at = offsets ? http_read_at : NULL,
                               .close = http_close,
                               .is_far = !object->whole,
                               .size = object->whole ? object->piece_size : object->facts.size};
    self->object = object;
    self->meter = meter;
    SHA256Init(&self->sha256);
    *out = &self->base;
    return PEAL_OK;
}
