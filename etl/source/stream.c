/* Streams over files and memory; see stream.h. */
#include "etl/source/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/stop.h"
#include "etl/source/follow.h"
#include "etl/source/kind.h"
#include "etl/source/live.h"

peal_status peal_stream_fill(peal_stream *stream, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    *got = 0;
    while (*got < capacity) {
        size_t more;
        PEAL_TRY(stream->read(stream, out + *got, capacity - *got, &more, err));
        if (more == 0) break;
        *got += more;
    }
    return PEAL_OK;
}

void peal_stream_close(peal_stream *stream) {
    if (stream) stream->close(stream);
}

peal_status peal_stream_take(peal_stream *stream, uint8_t *out, size_t capacity, size_t *got, bool *ended,
                             peal_error *err) {
    PEAL_TRY(stream->live ? stream->read(stream, out, capacity, got, err)
                          : peal_stream_fill(stream, out, capacity, got, err));
    *ended = stream->live ? *got == 0 : *got < capacity;
    return PEAL_OK;
}

bool peal_stream_ready(peal_stream *stream, int timeout_ms) {
    return !stream->ready || stream->ready(stream, timeout_ms);
}

/* ---- looking ahead ---- */

/* A stream in front of which bytes stand: those that were read to look at them, or that somebody kept. */
typedef struct head_stream {
    peal_stream base;
    peal_stream *inner;
    size_t size, left; /* bytes of the head; those that are not handed out yet */
    bool apart;
    peal_buffer taken; /* where the head lies if it was taken over */
    const uint8_t *head;
    uint8_t own[]; /* else */
} head_stream;

static void count_buffered(head_stream *self) {
    self->base.buffered = self->left + (self->apart ? 0 : self->inner->buffered);
}

/* Behind its own bytes come those that its inner one holds ready, so that one read gives what one look saw. */
static peal_status head_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    head_stream *self = (head_stream *)base;
    const size_t own = self->left < capacity ? self->left : capacity;
    if (own) memcpy(out, self->head + self->size - self->left, own);
    self->left -= own;
    if (self->left == 0) peal_buffer_clear(&self->taken);
    *got = own;
    count_buffered(self);
    if (own > 0 && (own == capacity || base->buffered == 0)) return PEAL_OK;
    size_t more, wanted = capacity - own;
    if (own > 0 && wanted > base->buffered) wanted = base->buffered;
    PEAL_TRY(self->inner->read(self->inner, out + own, wanted, &more, err));
    *got += more;
    base->is_cut_off = self->inner->is_cut_off;
    count_buffered(self);
    return PEAL_OK;
}

static bool head_ready(peal_stream *base, int timeout_ms) {
    return ((head_stream *)base)->left > 0 || peal_stream_ready(((head_stream *)base)->inner, timeout_ms);
}

static void head_close(peal_stream *base) {
    head_stream *self = (head_stream *)base;
    peal_stream_close(self->inner);
    peal_buffer_clear(&self->taken);
    free(self);
}

static void head_init(head_stream *self, peal_stream *inner, size_t size, bool apart) {
    self->base = (peal_stream){
        .read = head_read, .close = head_close, .ready = head_ready, .live = inner->live, .size = inner->size};
    self->inner = inner;
    self->size = self->left = size;
    self->apart = apart;
    self->taken = (peal_buffer){0};
    self->head = self->own;
    count_buffered(self);
}

peal_status peal_stream_put_before(const void *bytes, size_t size, bool apart, peal_stream *inner, peal_stream **out,
                                   peal_error *err) {
    *out = NULL;
    head_stream *self = malloc(sizeof *self + size);
    if (!self) {
        peal_stream_close(inner);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    }
    head_init(self, inner, size, apart);
    if (size) memcpy(self->own, bytes, size);
    *out = &self->base;
    return PEAL_OK;
}

peal_status peal_stream_put_buffer_before(peal_buffer *bytes, size_t from, bool apart, peal_stream *inner,
                                          peal_stream **out, peal_error *err) {
    const size_t size = bytes->size - from;
    const peal_status status = peal_stream_put_before(NULL, 0, apart, inner, out, err);
    if (status == PEAL_OK) {
        head_stream *self = (head_stream *)*out;
        head_init(self, inner, size, apart);
        self->taken = *bytes;
        self->head = bytes->data ? bytes->data + from : self->own;
        *bytes = (peal_buffer){0};
    }
    peal_buffer_clear(bytes);
    return status;
}

/* Of a live stream what is held ready, or its first line, or as much of it as there is room for: what comes later may
 * not come yet. */
static peal_status read_line(peal_stream *stream, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    while (*got < capacity && !memchr(out, '\n', *got)) {
        size_t more;
        PEAL_TRY(stream->read(stream, out + *got, capacity - *got, &more, err));
        if (more == 0) break;
        *got += more;
    }
    return PEAL_OK;
}

peal_status peal_stream_look(peal_stream **stream, uint8_t *head, size_t capacity, size_t *got, peal_error *err) {
    peal_stream *inner = *stream;
    head_stream *self = NULL;
    peal_status status;
    *got = 0;
    if (inner->read_at) {
        status = inner->read_at(inner, 0, head, capacity, got, err);
    } else {
        self = malloc(sizeof *self + capacity);
        status = !self         ? peal_fail(err, PEAL_E_MEMORY, "no memory for a source")
                 : inner->live ? read_line(inner, head, capacity, got, err)
                               : peal_stream_fill(inner, head, capacity, got, err);
    }
    if (status != PEAL_OK) {
        free(self);
        peal_stream_close(inner);
        *stream = NULL;
        return status;
    }
    if (!self) return PEAL_OK;
    head_init(self, inner, *got, false);
    memcpy(self->own, head, *got);
    *stream = &self->base;
    return PEAL_OK;
}

/* ---- files ---- */

typedef struct file_stream {
    peal_stream base;
    const peal_source *source;
    int fd;
    uint64_t at, end; /* bytes of the file */
    peal_source_meter *meter;
} file_stream;

/* A copy belongs to us and does not change; all else must be what it was when it was listed. */
static peal_status check_same(const file_stream *self, peal_error *err) {
    if (peal_source_is_copy(self->source)) return PEAL_OK;
    return peal_identity_check(self->fd, peal_source_name(self->source), &self->source->identity, "read", err);
}

/* Reads by offset: all readers of a descriptor are independent of each other and of the host's. Never behind the end
 * that the source had, and there it is looked at again. */
static peal_status file_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    file_stream *self = (file_stream *)base;
    *got = 0;
    if (capacity > self->end - self->at) capacity = (size_t)(self->end - self->at);
    ssize_t n = 0;
    do {
        if (capacity > 0) n = pread(self->fd, out, capacity, (off_t)self->at);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read %s", peal_source_name(self->source));
    }
    if (n == 0) return check_same(self, err);
    *got = (size_t)n;
    self->at += (uint64_t)n;
    source__meter_note(self->meter, out, (size_t)n);
    return PEAL_OK;
}

static peal_status file_read_at(peal_stream *base, uint64_t offset, uint8_t *out, size_t capacity, size_t *got,
                                peal_error *err) {
    const file_stream *self = (const file_stream *)base;
    *got = 0;
    if (offset >= base->size) return PEAL_OK;
    if (capacity > base->size - offset) capacity = (size_t)(base->size - offset);
    return peal_file_read_at(self->fd, peal_source_name(self->source), out, capacity, self->source->begin + offset, got,
                             err);
}

static void file_close(peal_stream *base) {
    file_stream *self = (file_stream *)base;
    if (self->fd >= 0 && self->fd != self->source->fd) close(self->fd);
    free(self);
}

/* The bytes of a source as they are. */
static peal_status file_open(const peal_source *source, peal_source_meter *meter, peal_stream **out, peal_error *err) {
    *out = NULL;
    file_stream *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    *self = (file_stream){
        .base = {.read = file_read, .read_at = file_read_at, .close = file_close, .size = source->size},
        .source = source,
        .fd = source->fd >= 0 ? source->fd : open(source->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC),
        .at = source->begin,
        .end = source->begin + source->size,
        .meter = meter,
    };
    peal_status status = self->fd >= 0 ? check_same(self, err)
                                       : peal_fail_errno(err, errno == ENOENT ? PEAL_E_DATA : PEAL_E_FAILED, errno,
                                                         "cannot open %s", source->path);
    if (status != PEAL_OK) {
        file_close(&self->base);
        return status;
    }
    posix_fadvise(self->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *out = &self->base;
    return PEAL_OK;
}

/* ---- all of them ---- */

peal_status peal_source_stream_open(const peal_source *source, peal_source_meter *meter, peal_stream **out,
                                    peal_error *err) {
    *out = NULL;
    if (source->is_followed) return peal_follow_open(source, out, err);
    if (source->live) return source__live_open(source, out, err);
    if (source->fd < 0 && source->kind && source->kind->open) return source->kind->open(source, meter, out, err);
    return file_open(source, meter, out, err);
}

peal_status peal_source_hash(const peal_source *source, const atomic_int *stop, uint64_t *out, peal_error *err) {
    enum { CHUNK = 1 << 18 };
    peal_source_meter meter = {.hasher = peal_hasher_new()};
    uint8_t *bytes = malloc(CHUNK);
    peal_stream *stream = NULL;
    peal_status status = bytes && meter.hasher ? peal_source_stream_open(source, &meter, &stream, err)
                                               : peal_fail(err, PEAL_E_MEMORY, "no memory for a hash");
    for (size_t got = 1; status == PEAL_OK && got > 0;) {
        status = peal_is_stopped(stop) ? peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while reading")
                                       : stream->read(stream, bytes, CHUNK, &got, err);
    }
    if (status == PEAL_OK) *out = peal_hasher_end(meter.hasher);
    peal_stream_close(stream);
    peal_hasher_free(meter.hasher);
    free(bytes);
    return status;
}

/* ---- memory ---- */

typedef struct memory_stream {
    peal_stream base;
    const uint8_t *bytes;
    size_t at;
} memory_stream;

static peal_status memory_read_at(peal_stream *base, uint64_t offset, uint8_t *out, size_t capacity, size_t *got,
                                  peal_error *err) {
    (void)err;
    const memory_stream *self = (const memory_stream *)base;
    const uint64_t left = offset < base->size ? base->size - offset : 0;
    *got = left < capacity ? (size_t)left : capacity;
    if (*got) memcpy(out, self->bytes + offset, *got);
    return PEAL_OK;
}

static peal_status memory_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    memory_stream *self = (memory_stream *)base;
    PEAL_TRY(memory_read_at(base, self->at, out, capacity, got, err));
    self->at += *got;
    return PEAL_OK;
}

static void memory_close(peal_stream *base) {
    free(base);
}

peal_status peal_memory_stream_open(const void *bytes, size_t size, peal_stream **out, peal_error *err) {
    memory_stream *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    *self = (memory_stream){
        .base = {.read = memory_read, .read_at = memory_read_at, .close = memory_close, .size = size},
        .bytes = bytes,
    };
    *out = &self->base;
    return PEAL_OK;
}
