/* Pipes and sockets as streams: what has come is handed out at once; see live.h. */
#include "etl/source/live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/machine.h"
#include "core/base/stop.h"
#include "etl/source/stream.h"

typedef struct live_stream {
    peal_stream base;
    const peal_source *source;
    int64_t since_ns; /* when the last bytes came */
    int problem;      /* an errno that the next read tells: a socket tells it once */
    bool may_ask;     /* reading does not wait */
    bool had_writer;
} live_stream;

peal_status source__read_failed(const char *name, int error_number, peal_error *err) {
    const bool broken = error_number == ECONNRESET || error_number == ETIMEDOUT || error_number == ENETDOWN ||
                        error_number == EHOSTUNREACH || error_number == ENETUNREACH || error_number == ENOTCONN;
    return peal_fail_errno(err, broken ? PEAL_E_DATA : PEAL_E_FAILED, error_number, "cannot read %s", name);
}

static bool has_bytes(const live_stream *self, int timeout_ms) {
    struct pollfd ready = {.fd = self->source->fd, .events = POLLIN};
    return poll(&ready, 1, timeout_ms) > 0;
}

static bool is_idle(const live_stream *self) {
    return source__is_idle(self->source, self->since_ns, peal_now_ns());
}

/* Takes whatever else is there already: a writer that is fast fills a pipe again and again. What goes wrong, and the
 * end, the next read tells. */
static void take_more(live_stream *self, uint8_t *out, size_t capacity, size_t *got) {
    while (*got < capacity && has_bytes(self, 0)) {
        const ssize_t n = read(self->source->fd, out + *got, capacity - *got);
        if (n < 0 && errno != EINTR && errno != EAGAIN) self->problem = errno;
        if (n <= 0) return;
        *got += (size_t)n;
    }
}

/* poll does not tell the end of a FIFO whose writer was gone when it was opened; reading does, where it does not wait.
 * That is the end only once someone has written, which of standard input is so. */
static bool asks(const live_stream *self) {
    return self->may_ask && self->had_writer;
}

static peal_status live_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    live_stream *self = (live_stream *)base;
    const char *name = peal_source_name(self->source);
    *got = 0;
    if (self->problem) return source__read_failed(name, self->problem, err);
    for (;;) {
        if (peal_is_stopped(self->source->stop)) {
            return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while waiting for %s", name);
        }
        if (!has_bytes(self, source__wait_ms(self->source, self->since_ns, peal_now_ns(), SOURCE__WAIT_MS))) {
            if (is_idle(self)) return PEAL_OK;
            if (!asks(self)) continue;
        }
        const ssize_t n = read(self->source->fd, out, capacity);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0) return source__read_failed(name, errno, err);
        *got = (size_t)n;
        if (n > 0) take_more(self, out, capacity, got);
        self->had_writer = true;
        self->since_ns = peal_now_ns();
        return PEAL_OK;
    }
}

static bool live_ready(peal_stream *base, int timeout_ms) {
    const live_stream *self = (const live_stream *)base;
    return self->problem || has_bytes(self, source__wait_ms(self->source, self->since_ns, peal_now_ns(), timeout_ms)) ||
           is_idle(self);
}

static void live_close(peal_stream *base) {
    free(base);
}

peal_status source__live_open(const peal_source *source, peal_stream **out, peal_error *err) {
    live_stream *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    *self = (live_stream){
        .base = {.read = live_read, .close = live_close, .ready = live_ready, .live = true, .size = UINT64_MAX},
        .source = source,
        .may_ask = (fcntl(source->fd, F_GETFL) & O_NONBLOCK) != 0,
        .had_writer = strcmp(source->path, "-") == 0,
        .since_ns = peal_now_ns()};
    *out = &self->base;
    return PEAL_OK;
}
