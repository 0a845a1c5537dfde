/* The rows that a COPY sends as a stream: the server's bytes, with the columns in the header. See rows.h.
 *
 * The server sends eight kilobytes at a time, and on a busy machine a reader that each of them wakes costs two changes
 * of process. So a reader that finds nothing naps once before it waits, while the server fills the socket, and libpq is
 * made to take all that is there at once. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/memory.h"
#include "etl/source/postgresql.h"

/* In this time a server that sends 600 MB/s fills a socket, which holds some 200 kB on Linux. */
enum { NAP_NS = 300000 };

typedef struct pg_stream {
    peal_stream base;
    const peal_source *source;
    source__pg_object *object;
    peal_source_meter *meter;
    PGconn *connection; /* NULL: not yet, or given back */
    bool has_header, ended;
    peal_buffer bytes; /* the header, or a row that had no room; of which `used` were given */
    size_t used;
} pg_stream;

static peal_status begin(pg_stream *self, peal_error *err) {
    const source__pg_object *object = self->object;
    PEAL_TRY(source__pg_take(object->database, self->source->path, &self->connection, err));
    PEAL_TRY(source__pg_run(object->database, self->connection, self->source->path, object->copy, NULL, err));
    return source__rows_begin(object->columns->columns, object->columns->count, &self->bytes, err);
}

/* The server's header says nothing that ours does not. */
static peal_status pass_header(pg_stream *self, const char *message, size_t size, size_t *skip, peal_error *err) {
    self->has_header = true;
    const uint8_t *bytes = (const uint8_t *)message;
    if (size < ROWS_HEADER_SIZE || memcmp(bytes, ROWS_SIGNATURE, ROWS_SIGNATURE_SIZE) != 0 ||
        source__get32(bytes + ROWS_SIGNATURE_SIZE) != 0 || source__get32(bytes + ROWS_SIGNATURE_SIZE + 4) != 0) {
        return source__pg_fail(self->source->path, "its COPY begins with another header than was expected", err);
    }
    *skip = ROWS_HEADER_SIZE;
    return PEAL_OK;
}

/* The COPY is over: whether it was whole is in its result. */
static peal_status end(pg_stream *self, peal_error *err) {
    PEAL_TRY(source__pg_finish(self->object->database, self->connection, self->source->path, NULL, err));
    self->ended = true;
    source__pg_give(self->object->database, self->connection);
    self->connection = NULL;
    return PEAL_OK;
}

/* Looks what has come: at once, then after a nap, then waiting for it. *tries counts, from 0. */
static peal_status look(pg_stream *self, int *tries, int64_t *silent, peal_error *err) {
    if (*tries == 2) return source__pg_wait(self->object->database, self->connection, self->source->path, silent, err);
    if (*tries == 1) nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    ++*tries;
    if (PQconsumeInput(self->connection)) return PEAL_OK;
    return source__pg_fail(self->source->path, PQerrorMessage(self->connection), err);
}

/* One message of the server: what `out` has no room for is kept. */
static peal_status take(pg_stream *self, const char *message, size_t size, uint8_t *out, size_t room, size_t *got,
                        peal_error *err) {
    size_t skip = 0;
    if (!self->has_header) PEAL_TRY(pass_header(self, message, size, &skip, err));
    size -= skip;
    const size_t now = size < room ? size : room;
    memcpy(out, message + skip, now);
    *got += now;
    return now < size ? peal_buffer_append(&self->bytes, message + skip + now, size - now, err) : PEAL_OK;
}

/* Fills `out` with whole rows as long as there are some; waits only for the first. */
static peal_status fetch(pg_stream *self, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    int64_t silent = 0;
    int tries = 0;
    self->used = self->bytes.size = 0;
    while (*got < capacity && self->bytes.size == 0 && !self->ended) {
        char *message = NULL;
        const int size = PQgetCopyData(self->connection, &message, 1);
        if (size == 0) {
            if (*got > 0) return PEAL_OK;
            PEAL_TRY(look(self, &tries, &silent, err));
        } else if (size > 0) {
            const peal_status status = take(self, message, (size_t)size, out + *got, capacity - *got, got, err);
            PQfreemem(message);
            PEAL_TRY(status);
        } else if (size == -1) {
            PEAL_TRY(end(self, err));
        } else {
            return source__pg_fail(self->source->path, PQerrorMessage(self->connection), err);
        }
    }
    return PEAL_OK;
}

static peal_status pg_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    pg_stream *self = (pg_stream *)base;
    *got = 0;
    if (!self->connection && !self->ended) PEAL_TRY(begin(self, err));
    if (self->used < self->bytes.size) {
        *got = source__rows_give(&self->bytes, &self->used, self->meter, out, capacity);
    } else if (!self->ended) {
        PEAL_TRY(fetch(self, out, capacity, got, err));
        if (*got > 0) source__meter_note(self->meter, out, *got);
    }
    return PEAL_OK;
}

/* What is under way is given up with its connection. */
static void pg_close(peal_stream *base) {
    pg_stream *self = (pg_stream *)base;
    PQfinish(self->connection);
    peal_buffer_clear(&self->bytes);
    free(self);
}

peal_status source__pg_stream(const peal_source *source, peal_source_meter *meter, peal_stream **out, peal_error *err) {
    pg_stream *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    self->base = (peal_stream){.read = pg_read, .close = pg_close, .size = UINT64_MAX};
    self->source = source;
    self->object = source->own;
    self->meter = meter;
    *out = &self->base;
    return PEAL_OK;
}
