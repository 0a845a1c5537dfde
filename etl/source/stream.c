#include "etl/source/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "etl/source/codec.h"

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

/* ---- files ---- */

typedef struct file_stream {
    peal_stream base;
    int fd;
    char *path;
    peal_source_meter *meter;
    uint8_t head[16]; /* bytes already read to look at */
    size_t head_size, head_used;
} file_stream;

static peal_status file_read_raw(file_stream *self, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    for (;;) {
        ssize_t n = read(self->fd, out, capacity);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read %s", self->path);
        *got = (size_t)n;
        if (self->meter) atomic_fetch_add_explicit(&self->meter->bytes, (uint64_t)n, memory_order_relaxed);
        if (self->meter && self->meter->hasher) peal_hasher_update(self->meter->hasher, out, (size_t)n);
        return PEAL_OK;
    }
}

static peal_status file_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    file_stream *self = (file_stream *)base;
    size_t left = self->head_size - self->head_used;
    if (left == 0) return file_read_raw(self, out, capacity, got, err);
    *got = left < capacity ? left : capacity;
    memcpy(out, self->head + self->head_used, *got);
    self->head_used += *got;
    return PEAL_OK;
}

static void file_close(peal_stream *base) {
    file_stream *self = (file_stream *)base;
    if (self->fd > STDIN_FILENO) close(self->fd);
    free(self->path);
    free(self);
}

peal_status peal_file_stream_open(const char *path, peal_stream **out, peal_error *err) {
    *out = NULL;
    file_stream *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    self->base = (peal_stream){.read = file_read, .close = file_close};
    bool standard_input = strcmp(path, "-") == 0;
    self->path = peal_strdup(standard_input ? "standard input" : path);
    /* Standard input is opened anew, so that it can be read more than once where it is a file. */
    self->fd = open(standard_input ? "/proc/self/fd/0" : path, O_RDONLY | O_CLOEXEC);
    if (self->fd < 0 && standard_input) self->fd = STDIN_FILENO;
    struct stat info;
    peal_status status = PEAL_OK;
    if (self->fd < 0) {
        status = peal_fail_errno(err, errno == ENOENT ? PEAL_E_DATA : PEAL_E_FAILED, errno, "cannot open %s", path);
    } else if (fstat(self->fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        status = peal_fail(err, PEAL_E_DATA, "%s is a folder, not a file", path);
    }
    if (status != PEAL_OK) {
        file_close(&self->base);
        return status;
    }
    posix_fadvise(self->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *out = &self->base;
    return PEAL_OK;
}

static bool ends_with(const char *text, const char *suffix) {
    size_t length = strlen(text), suffix_length = strlen(suffix);
    return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

peal_status peal_source_stream_open(const char *path, peal_source_meter *meter, peal_stream **out, peal_error *err) {
    PEAL_TRY(peal_file_stream_open(path, out, err));
    file_stream *file = (file_stream *)*out;
    file->meter = meter;
    peal_status status = PEAL_OK;
    for (size_t more = 1; status == PEAL_OK && more && file->head_size < sizeof file->head; file->head_size += more) {
        status = file_read_raw(file, file->head + file->head_size, sizeof file->head - file->head_size, &more, err);
        if (status != PEAL_OK) more = 0;
    }
    for (size_t i = 0; status == PEAL_OK && peal_codecs[i]; i++) {
        if (peal_codecs[i]->recognise(file->head, file->head_size)) {
            return peal_codecs[i]->open(*out, path, out, err);
        }
        if (ends_with(path, peal_codecs[i]->suffix) && file->head_size > 0) {
            status = peal_fail(err, PEAL_E_DATA, "%s is named %s but is not %s data: it begins with bytes %02x %02x",
                               path, peal_codecs[i]->suffix, peal_codecs[i]->name, file->head[0], file->head[1]);
        } else if (ends_with(path, peal_codecs[i]->suffix)) {
            status = peal_fail(err, PEAL_E_DATA, "%s is empty: %s data was expected", path, peal_codecs[i]->name);
        }
    }
    if (status != PEAL_OK) {
        peal_stream_close(*out);
        *out = NULL;
    }
    return status;
}

/* ---- memory ---- */

typedef struct memory_stream {
    peal_stream base;
    const uint8_t *bytes;
    size_t left;
} memory_stream;

static peal_status memory_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    (void)err;
    memory_stream *self = (memory_stream *)base;
    *got = self->left < capacity ? self->left : capacity;
    if (*got) memcpy(out, self->bytes, *got);
    self->bytes += *got;
    self->left -= *got;
    return PEAL_OK;
}

static void memory_close(peal_stream *base) {
    free(base);
}

peal_status peal_memory_stream_open(const void *bytes, size_t size, peal_stream **out, peal_error *err) {
    memory_stream *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    *self = (memory_stream){.base = {.read = memory_read, .close = memory_close}, .bytes = bytes, .left = size};
    *out = &self->base;
    return PEAL_OK;
}
