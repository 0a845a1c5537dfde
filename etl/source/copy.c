/* Takes the bytes of a pipe, a FIFO or a device into a file without a name, once, for all later reads. */
#include "etl/source/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/machine.h"
#include "core/base/stop.h"
#include "etl/source/live.h"
#include "etl/source/stream.h"

enum { WAIT_MS = 100, CHUNK = 1 << 18, ROOM_STEP = 64 << 20 };

int source__open_unnamed(void) {
    const char *folder = peal_temporary_folder();
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    char *path = peal_path_join(folder, "peal-XXXXXX"); /* a file system without O_TMPFILE */
    fd = path ? mkostemp(path, O_CLOEXEC) : -1;
    if (fd >= 0) unlink(path);
    free(path);
    return fd;
}

/* A source without an end must not fill the disk for everybody: some room always stays. */
static peal_status check_room(int fd, const char *name, uint64_t size, peal_error *err) {
    struct statvfs disk;
    if (fstatvfs(fd, &disk) != 0) return PEAL_OK;
    const uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize, all = (uint64_t)disk.f_blocks * disk.f_frsize;
    uint64_t least = (uint64_t)1 << 30;
    if (least > all / 16) least = all / 16;
    if (left >= least) return PEAL_OK;
    char texts[2][32];
    return peal_fail(
        err, PEAL_E_FAILED,
        "%s: after %s there is too little room for its copy in %s (%s are left); set TMPDIR to a folder with "
        "more room, or give a file",
        name, peal_bytes_text(size, texts[0]), peal_temporary_folder(), peal_bytes_text(left, texts[1]));
}

/* The next bytes; *got == 0 at the end. Tells of each pause, and ends at `stop`. */
static peal_status read_some(int fd, const char *name, const peal_source_options *options, uint64_t so_far,
                             uint8_t *out, size_t *got, peal_error *err) {
    for (;;) {
        if (peal_is_stopped(options->stop)) {
            return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while waiting for %s", name);
        }
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, WAIT_MS) <= 0) {
            peal_report_progress(options->reporter, "waiting", "bytes", so_far, 0);
            continue;
        }
        ssize_t n = read(fd, out, CHUNK);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0) return source__read_failed(name, errno, err);
        *got = (size_t)n;
        return PEAL_OK;
    }
}

/* What is copied: what a descriptor gives, or a stream. */
typedef struct origin {
    int fd;
    peal_stream *stream; /* NULL: the descriptor */
} origin;

static peal_status read_origin(const origin *from, const char *name, const peal_source_options *options,
                               uint64_t so_far, uint8_t *out, size_t *got, peal_error *err) {
    if (!from->stream) return read_some(from->fd, name, options, so_far, out, got, err);
    if (peal_is_stopped(options->stop))
        return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while unpacking %s", name);
    peal_report_progress(options->reporter, "unpacking", "bytes", so_far, 0);
    return from->stream->read(from->stream, out, CHUNK, got, err);
}

static peal_status copy_bytes(const origin *from, const char *name, const peal_source_options *options,
                              peal_hasher *hasher, peal_out_file *out, peal_error *err) {
    uint8_t *bytes;
    PEAL_TRY(peal_alloc_checked(&bytes, CHUNK, 1, "a copy", err));
    peal_status status = PEAL_OK;
    uint64_t checked = 0;
    for (size_t got = 1; status == PEAL_OK && got > 0;) {
        status = read_origin(from, name, options, out->size, bytes, &got, err);
        if (status != PEAL_OK || got == 0) break;
        if (out->size - checked >= ROOM_STEP) {
            checked = out->size;
            status = check_room(out->fd, name, out->size, err);
        }
        peal_hasher_update(hasher, bytes, got);
        if (status == PEAL_OK) status = peal_out_file_write(out, bytes, got, err);
    }
    free(bytes);
    return status;
}

static peal_status copy(const origin *from, const peal_source_options *options, peal_source *source, peal_error *err) {
    char *label = peal_sprintf("the copy of %s in %s", peal_source_name(source), peal_temporary_folder());
    peal_hasher *hasher = peal_hasher_new();
    peal_out_file out = {.fd = source__open_unnamed(), .path = label};
    peal_status status = PEAL_OK;
    if (!label || !hasher) {
        status = peal_fail(err, PEAL_E_MEMORY, "no memory for a copy");
    } else if (out.fd < 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot make %s", label);
    } else {
        status = copy_bytes(from, peal_source_name(source), options, hasher, &out, err);
    }
    if (status == PEAL_OK) {
        if (source->fd >= 0) close(source->fd);
        source->fd = out.fd;
        source->begin = 0;
        source->size = out.size;
        source->hashed = true;
        source->hash = peal_hasher_end(hasher);
    } else if (out.fd >= 0) {
        close(out.fd);
    }
    peal_hasher_free(hasher);
    free(label);
    return status;
}

peal_status source__copy(int from, const peal_source_options *options, peal_source *source, peal_error *err) {
    return copy(&(origin){.fd = from}, options, source, err);
}

peal_status peal_source_unpack(peal_source *source, peal_stream *from, const peal_source_options *options,
                               peal_error *err) {
    const peal_status status = copy(&(origin){.fd = -1, .stream = from}, options, source, err);
    peal_stream_close(from);
    if (status == PEAL_OK && source->own) {
        source->kind->forget(source);
        source->own = NULL;
    }
    return status;
}

static peal_status hold_bytes(const void *bytes, size_t size, peal_source *source, peal_error *err) {
    source->fd = source__open_unnamed();
    if (source->fd < 0) {
        return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot make a file in %s", peal_temporary_folder());
    }
    source->size = size;
    source->hashed = true;
    source->hash = peal_hash(bytes, size, 0);
    return peal_file_write_at(source->fd, source->path, bytes, size, 0, err);
}

peal_status peal_source_list_of_bytes(const char *path, const void *bytes, size_t size, peal_source_list *out,
                                      peal_error *err) {
    *out = (peal_source_list){0};
    out->sources = calloc(1, sizeof *out->sources);
    if (!out->sources) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
    out->count = out->capacity = 1;
    out->sources[0] = (peal_source){.kind = &peal_source_files, .path = peal_strdup(path), .fd = -1};
    const peal_status status = out->sources[0].path ? hold_bytes(bytes, size, &out->sources[0], err)
                                                    : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status != PEAL_OK) peal_source_list_clear(out);
    return status;
}
