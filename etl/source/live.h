/* Pipes and sockets, read as their bytes come. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_LIVE_H
#define PEAL_ETL_SOURCE_LIVE_H

#include "etl/source/kind.h"

/* Opens a stream of a live source that is read from its descriptor. */
peal_status source__live_open(const peal_source *source, peal_stream **out, peal_error *err);
/* PEAL_E_DATA "cannot read NAME: ..." if the other side broke a connection, else PEAL_E_FAILED. */
peal_status source__read_failed(const char *name, int error_number, peal_error *err);

/* How long one may still wait, in steps of WAIT_MS at most, and whether the source's idle time is over. */
enum { SOURCE__WAIT_MS = 100 };
static inline bool source__is_idle(const peal_source *source, int64_t since_ns, int64_t now_ns) {
    return source->following.has_idle && now_ns - since_ns >= (int64_t)source->following.idle_ms * 1000000;
}
static inline int source__wait_ms(const peal_source *source, int64_t since_ns, int64_t now_ns, int most_ms) {
    if (!source->following.has_idle) return most_ms;
    const int64_t left_ms = ((int64_t)source->following.idle_ms * 1000000 - (now_ns - since_ns) + 999999) / 1000000;
    return left_ms <= 0 ? 0 : left_ms < most_ms ? (int)left_ms : most_ms;
}

/* A source of bytes that come once, from `fd`, which is the caller's: it is copied, or read live if the list is of such
 * ones. In files.c. */
struct stat;
peal_status source__add_once(source__making *making, const char *path, int fd, const struct stat *info,
                             peal_error *err);

#endif
