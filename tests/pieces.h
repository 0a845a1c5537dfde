/* Streams in pieces, for the tests of codecs: input that comes in odd pieces, as from a slow disk, and output that is
 * taken in odd pieces. */
#ifndef PEAL_TESTS_PIECES_H
#define PEAL_TESTS_PIECES_H

#include <stdlib.h>
#include <string.h>

#include "etl/source/stream.h"

typedef struct piece_stream {
    peal_stream base;
    const uint8_t *bytes;
    size_t left, step;
} piece_stream;

static inline peal_status piece_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    (void)err;
    piece_stream *self = (piece_stream *)base;
    size_t size = self->step < capacity ? self->step : capacity;
    *got = size < self->left ? size : self->left;
    if (*got) memcpy(out, self->bytes, *got);
    self->bytes += *got;
    self->left -= *got;
    return PEAL_OK;
}

static inline void piece_close(peal_stream *base) {
    free(base);
}

/* `bytes`, which the caller keeps, at most `step` of them a read. */
static inline peal_stream *pieces_open(const void *bytes, size_t size, size_t step) {
    piece_stream *self = malloc(sizeof *self);
    if (!self) abort();
    *self = (piece_stream){{.read = piece_read, .close = piece_close, .size = UINT64_MAX}, bytes, size, step};
    return &self->base;
}

/* Appends all of `stream` to `out`, at most `step` bytes a read, and closes it. */
static inline peal_status pieces_take(peal_stream *stream, size_t step, peal_buffer *out, peal_error *err) {
    peal_status status = PEAL_OK;
    for (size_t got = 1; status == PEAL_OK && got > 0;) {
        status = peal_buffer_reserve(out, step, err);
        if (status == PEAL_OK) status = stream->read(stream, out->data + out->size, step, &got, err);
        if (status == PEAL_OK) out->size += got;
    }
    peal_stream_close(stream);
    return status;
}

#endif
