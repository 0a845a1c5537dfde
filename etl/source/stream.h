/* A stream of bytes: what sources and codecs look like to whoever reads them. */
#ifndef PEAL_ETL_SOURCE_STREAM_H
#define PEAL_ETL_SOURCE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/digest.h"
#include "core/base/memory.h"
#include "core/base/status.h"
#include "etl/source/source.h"

typedef struct peal_stream peal_stream;

/* What an implementation provides; the struct stands first in its own. */
struct peal_stream {
    /* Reads up to `capacity` bytes; *got == 0 means the end. */
    peal_status (*read)(peal_stream *self, uint8_t *out, size_t capacity, size_t *got, peal_error *err);
    /* The same from byte `offset` on, without moving what `read` reads next. NULL: it only reads on. Any thread. */
    peal_status (*read_at)(peal_stream *self, uint64_t offset, uint8_t *out, size_t capacity, size_t *got,
                           peal_error *err);
    void (*close)(peal_stream *self); /* frees */
    /* Of one that is live: whether `read` would return without waiting; it waits for that up to `timeout_ms`. NULL:
     * it always would. */
    bool (*ready)(peal_stream *self, int timeout_ms);
    bool is_far;      /* what is read at an offset comes from a server: what need not be read is not */
    uint64_t read_to; /* set by who reads at offsets: nothing from this byte on is wanted; 0: he cannot tell */
    bool live;        /* `read` gives what has come so far, and waits only if that is nothing */
    bool is_cut_off;  /* at its end: more may be written behind it (a file that was followed), so a last line that has
                         no end is not whole */
    size_t buffered;  /* bytes that were read ahead and are handed out first, up to where others stop looking */
    uint64_t size;    /* bytes in all; UINT64_MAX: known at its end only */
};

/* Reads until `capacity` bytes are there or the stream ends. */
peal_status peal_stream_fill(peal_stream *stream, uint8_t *out, size_t capacity, size_t *got, peal_error *err);
/* The first `capacity` bytes of *stream, or all if it has fewer (of one that is live, its first line), without taking
 * them: afterwards *stream, perhaps another one that took the old one over, begins with them. Closed, and NULL, on
 * failure. */
peal_status peal_stream_look(peal_stream **stream, uint8_t *head, size_t capacity, size_t *got, peal_error *err);
/* What there is: of a live stream what has come, waiting only if that is nothing; of others up to `capacity` bytes.
 * *ended: it has no more. */
peal_status peal_stream_take(peal_stream *stream, uint8_t *out, size_t capacity, size_t *got, bool *ended,
                             peal_error *err);
/* Whether a read would return without waiting; waits for that up to `timeout_ms`. */
bool peal_stream_ready(peal_stream *stream, int timeout_ms);
/* A stream that hands out a copy of `bytes` and then what `inner` has. Takes `inner` over, even on failure. `apart`: no
 * read gives bytes of both, and who looks ahead sees `bytes` only. */
peal_status peal_stream_put_before(const void *bytes, size_t size, bool apart, peal_stream *inner, peal_stream **out,
                                   peal_error *err);
/* The same of what `bytes` hold from byte `from` on, which are taken over, not copied, and freed once handed out; also
 * on failure. */
peal_status peal_stream_put_buffer_before(peal_buffer *bytes, size_t from, bool apart, peal_stream *inner,
                                          peal_stream **out, peal_error *err);
/* NULL is allowed. */
void peal_stream_close(peal_stream *stream);

/* What was read of a file so far, for progress and for telling later whether the file has changed. It outlives the
 * stream; other threads may read `bytes`. */
typedef struct peal_source_meter {
    _Atomic uint64_t bytes;
    peal_hasher *hasher; /* of the file's own (compressed) bytes; may be NULL */
} peal_source_meter;

/* The bytes of `source`, which outlives the stream, as they are. PEAL_E_DATA if it is no longer what it was when it was
 * listed, or changes before its end was read. `meter` may be NULL; it counts what `read` reads. */
peal_status peal_source_stream_open(const peal_source *source, peal_source_meter *meter, peal_stream **out,
                                    peal_error *err);
/* Bytes from memory that the caller keeps. */
peal_status peal_memory_stream_open(const void *bytes, size_t size, peal_stream **out, peal_error *err);

#endif
