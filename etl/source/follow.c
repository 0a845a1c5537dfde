/* Files that are read on as they grow, and what becomes of them; see follow.h. */
#include "etl/source/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/machine.h"
#include "core/base/stop.h"
#include "etl/source/live.h"
#include "etl/source/rotated.h"

/* An old file is given up when nothing has come for so long: its writer goes on until it has seen that it has another
 * name. */
enum { NAP_MS = 10, LINGER_MS = 300 };

typedef struct follow_stream {
    peal_stream base;
    const peal_source *source;
    int fd;
    source__part *parts; /* [part_count] the last one is being read */
    size_t part_count;
    uint64_t at;      /* byte of the file */
    uint64_t given;   /* bytes of the stream */
    bool line_ended;  /* the byte that was given last ends a line, or there is none */
    bool is_absent;   /* the name is gone, and that was told */
    int64_t since_ns; /* when the last bytes came */
} follow_stream;

static const char *name_of(const follow_stream *self) {
    return peal_source_name(self->source);
}

static bool has_name(const follow_stream *self) {
    return self->source->fd < 0;
}

/* The file that is open now becomes the one that is read, from byte `offset` on. */
static peal_status add_part(follow_stream *self, const struct stat *info, uint64_t offset, peal_error *err) {
    source__part *longer = realloc(self->parts, (self->part_count + 1) * sizeof *longer);
    if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    self->parts = longer;
    const peal_place place = {
        .device = info->st_dev, .inode = info->st_ino, .born_ns = source__born_ns(self->fd), .offset = offset};
    longer[self->part_count++] = (source__part){.begin = self->given, .place = place};
    self->at = offset;
    return PEAL_OK;
}

/* ---- what became of the file ---- */

typedef enum fate { FATE_SAME, FATE_GREW, FATE_SHORTER, FATE_REPLACED } fate;

/* `info` is of the open file, or of the one that has its name now. */
static fate look(follow_stream *self, struct stat *info) {
    struct stat named;
    *info = (struct stat){0};
    if (fstat(self->fd, info) == 0 && (uint64_t)info->st_size > self->at) return FATE_GREW;
    if (has_name(self)) {
        const bool there = stat(self->source->path, &named) == 0 && S_ISREG(named.st_mode);
        if (!there && !self->is_absent) {
            peal_report(self->source->reporter, PEAL_EVENT_NOTE, "%s is not there any more: waiting for the next one",
                        name_of(self));
        }
        self->is_absent = !there;
        if (there && !source__is_file(&named, &self->parts[self->part_count - 1].place)) {
            *info = named;
            return FATE_REPLACED;
        }
    }
    return (uint64_t)info->st_size < self->at ? FATE_SHORTER : FATE_SAME;
}

/* The line's end that the last line of a file lacks. */
static bool end_line(follow_stream *self, uint8_t *out, size_t *got) {
    if (self->line_ended) return false;
    *out = '\n';
    *got = 1;
    self->given++;
    self->line_ended = true;
    return true;
}

/* Goes on with the file that had the name next. */
static peal_status begin_next(follow_stream *self, peal_error *err) {
    struct stat info;
    char *name;
    const int fd = source__open_next(self->source->path, self->parts, self->part_count, &name);
    if (fd < 0 && errno == ENOENT) return PEAL_OK; /* gone again */
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open %s", self->source->path);
    if (fstat(fd, &info) != 0) {
        const int problem = errno;
        free(name);
        close(fd);
        return peal_fail_errno(err, PEAL_E_FAILED, problem, "cannot look at %s", self->source->path);
    }
    peal_report(self->source->reporter, PEAL_EVENT_NOTE,
                "%s is another file now: the old one was read to its end (%llu bytes), the new one%s%s is read from "
                "its beginning",
                name_of(self), (unsigned long long)self->at, name ? ", by now " : "", name ? name : "");
    free(name);
    close(self->fd);
    self->fd = fd;
    self->since_ns = peal_now_ns();
    return add_part(self, &info, 0, err);
}

static peal_status begin_again(follow_stream *self, const struct stat *info, peal_error *err) {
    peal_report(self->source->reporter, PEAL_EVENT_NOTE,
                "%s became shorter (%llu bytes, where %llu had been read): it is read from its beginning",
                name_of(self), (unsigned long long)info->st_size, (unsigned long long)self->at);
    self->since_ns = peal_now_ns();
    return add_part(self, info, 0, err);
}

/* ---- reading ---- */

static peal_status read_file(follow_stream *self, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    PEAL_TRY(peal_file_read_at(self->fd, name_of(self), out, capacity, self->at, got, err));
    if (*got == 0) return PEAL_OK;
    self->at += *got;
    self->given += *got;
    self->line_ended = out[*got - 1] == '\n';
    self->base.is_cut_off = false;
    self->since_ns = peal_now_ns();
    return PEAL_OK;
}

static bool lingers(const follow_stream *self) {
    return peal_now_ns() - self->since_ns < (int64_t)LINGER_MS * 1000000;
}

static bool is_idle(const follow_stream *self) {
    return source__is_idle(self->source, self->since_ns, peal_now_ns());
}

static void nap(const follow_stream *self, int most_ms) {
    int ms = source__wait_ms(self->source, self->since_ns, peal_now_ns(), most_ms);
    if (ms > NAP_MS) ms = NAP_MS;
    if (ms <= 0) return;
    const struct timespec pause = {.tv_nsec = (long)ms * 1000000};
    nanosleep(&pause, NULL);
}

static peal_status follow_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    follow_stream *self = (follow_stream *)base;
    struct stat info;
    *got = 0;
    for (;;) {
        if (peal_is_stopped(self->source->stop)) {
            return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while waiting for %s", name_of(self));
        }
        PEAL_TRY(read_file(self, out, capacity, got, err));
        if (*got > 0) return PEAL_OK;
        switch (look(self, &info)) {
        case FATE_REPLACED:
            if (lingers(self)) break;
            if (end_line(self, out, got)) return PEAL_OK;
            PEAL_TRY(begin_next(self, err));
            continue;
        case FATE_SHORTER:
            if (end_line(self, out, got)) return PEAL_OK;
            PEAL_TRY(begin_again(self, &info, err));
            continue;
        case FATE_GREW:
            continue;
        case FATE_SAME:
            base->is_cut_off = is_idle(self); /* its writer may be in the middle of a line */
            if (base->is_cut_off) return PEAL_OK;
            break;
        }
        nap(self, NAP_MS);
    }
}

static bool would_return(follow_stream *self) {
    struct stat info;
    switch (look(self, &info)) {
    case FATE_REPLACED:
        return !lingers(self);
    case FATE_SHORTER:
    case FATE_GREW:
        return true;
    case FATE_SAME:
        break;
    }
    return is_idle(self);
}

static bool follow_ready(peal_stream *base, int timeout_ms) {
    follow_stream *self = (follow_stream *)base;
    const int64_t until = peal_now_ns() + (int64_t)timeout_ms * 1000000;
    while (!would_return(self)) {
        const int64_t left_ms = (until - peal_now_ns()) / 1000000;
        if (left_ms <= 0) return false;
        nap(self, left_ms < NAP_MS ? (int)left_ms : NAP_MS);
    }
    return true;
}

static void follow_close(peal_stream *base) {
    follow_stream *self = (follow_stream *)base;
    if (self->fd >= 0) close(self->fd);
    free(self->parts);
    free(self);
}

/* What stands before a place in the open file; nothing if it cannot be read. */
static void look_before(int fd, peal_place *place) {
    enum { BYTES = 64 };
    uint8_t bytes[BYTES];
    const size_t size = place->offset < BYTES ? (size_t)place->offset : BYTES;
    if (pread(fd, bytes, size, (off_t)(place->offset - size)) != (ssize_t)size) return;
    place->before_size = size;
    place->before_hash = peal_hash(bytes, size, 0);
}

peal_place peal_follow_place(const peal_stream *stream, uint64_t offset) {
    const follow_stream *self = (const follow_stream *)stream;
    size_t i = self->part_count - 1;
    while (i > 0 && self->parts[i].begin > offset) i--;
    peal_place place = self->parts[i].place;
    place.offset += offset - self->parts[i].begin;
    if (i + 1 == self->part_count) look_before(self->fd, &place);
    return place;
}

/* ---- opening ---- */

/* Opens what has the name, or what had it when `from` was read. */
static peal_status open_named(follow_stream *self, const peal_place *from, peal_error *err) {
    const char *path = self->source->path;
    self->fd = source__open_file(AT_FDCWD, path);
    if (!from && self->fd < 0) {
        return peal_fail_errno(err, errno == ENOENT ? PEAL_E_DATA : PEAL_E_FAILED, errno, "cannot open %s", path);
    }
    if (!from || (self->fd >= 0 && source__is_same(self->fd, from))) return PEAL_OK;
    if (self->fd >= 0) close(self->fd);
    char *name = NULL;
    self->fd = source__open_renamed(path, from, &name);
    if (self->fd >= 0) {
        peal_report(self->source->reporter, PEAL_EVENT_NOTE,
                    "%s is another file now: what is left of the old one is read first, from %s", path,
                    name ? name : "where it is");
    }
    free(name);
    if (self->fd >= 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA,
                     "%s is not the file that was read, which has no name in its folder any more: what came behind "
                     "byte %llu of that one cannot be read",
                     path, (unsigned long long)from->offset);
}

static peal_status open_descriptor(follow_stream *self, const peal_place *from, peal_error *err) {
    self->fd = fcntl(self->source->fd, F_DUPFD_CLOEXEC, 3);
    if (self->fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read %s", name_of(self));
    if (!from || source__is_same(self->fd, from)) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s is not the file that was read", name_of(self));
}

/* A file that was cut and written anew is the same one, but not the same bytes. */
static peal_status check_before(const follow_stream *self, const peal_place *from, peal_error *err) {
    if (!from || from->before_size == 0) return PEAL_OK;
    peal_place now = {.offset = from->offset};
    look_before(self->fd, &now);
    if (now.before_size == from->before_size && now.before_hash == from->before_hash) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA,
                     "%s was written anew: before byte %llu, up to which it had been read, stands something else now",
                     name_of(self), (unsigned long long)from->offset);
}

static peal_status begin(follow_stream *self, peal_error *err) {
    const peal_place *from = self->source->following.from;
    const uint64_t offset = from ? from->offset : self->source->begin;
    struct stat info;
    PEAL_TRY(has_name(self) ? open_named(self, from, err) : open_descriptor(self, from, err));
    if (fstat(self->fd, &info) != 0) {
        return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot look at %s", name_of(self));
    }
    if ((uint64_t)info.st_size < offset) {
        return peal_fail(err, PEAL_E_DATA, "%s has %llu bytes, but %llu had been read of it", name_of(self),
                         (unsigned long long)info.st_size, (unsigned long long)offset);
    }
    PEAL_TRY(check_before(self, from, err));
    return add_part(self, &info, offset, err);
}

peal_status peal_follow_open(const peal_source *source, peal_stream **out, peal_error *err) {
    *out = NULL;
    follow_stream *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    *self = (follow_stream){
        .base = {.read = follow_read, .close = follow_close, .ready = follow_ready, .live = true, .size = UINT64_MAX},
        .source = source,
        .fd = -1,
        .line_ended = true,
        .since_ns = peal_now_ns()};
    const peal_status status = begin(self, err);
    if (status != PEAL_OK) {
        follow_close(&self->base);
        return status;
    }
    *out = &self->base;
    return PEAL_OK;
}
