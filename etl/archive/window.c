/* Windows: what members of a tar archive, and stored members of a zip archive, are read through; see window.h. */
#include "etl/archive/window.h"

#include <assert.h>
#include <stdlib.h>

typedef struct window_stream {
    peal_stream base;
    peal_stream *inner;
    char *name;
    uint64_t begin; /* of the window in `inner` */
    uint64_t at;    /* of the next byte of `read`, in the window */
} window_stream;

static peal_status ends_early(const char *name, uint64_t end, uint64_t begin, uint64_t size, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "%s: the archive ends at byte %llu; bytes %llu to %llu were expected", name,
                     (unsigned long long)end, (unsigned long long)begin, (unsigned long long)(begin + size));
}

static peal_status window_read_at(peal_stream *base, uint64_t offset, uint8_t *out, size_t capacity, size_t *got,
                                  peal_error *err) {
    const window_stream *self = (const window_stream *)base;
    *got = 0;
    if (offset >= base->size || capacity == 0) return PEAL_OK;
    if (capacity > base->size - offset) capacity = (size_t)(base->size - offset);
    PEAL_TRY(self->inner->read_at(self->inner, self->begin + offset, out, capacity, got, err));
    if (*got == 0) return ends_early(self->name, self->begin + offset, self->begin, base->size, err);
    return PEAL_OK;
}

static peal_status window_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    window_stream *self = (window_stream *)base;
    PEAL_TRY(window_read_at(base, self->at, out, capacity, got, err));
    self->at += *got;
    return PEAL_OK;
}

static void window_close(peal_stream *base) {
    window_stream *self = (window_stream *)base;
    peal_stream_close(self->inner);
    free(self->name);
    free(self);
}

peal_status peal_window_stream_open(peal_stream *inner, const char *name, uint64_t begin, uint64_t size,
                                    peal_stream **out, peal_error *err) {
    assert(inner->read_at && inner->size != UINT64_MAX);
    *out = NULL;
    peal_status status = PEAL_OK;
    window_stream *self = NULL;
    if (begin > inner->size || size > inner->size - begin) {
        status = ends_early(name, inner->size, begin, size, err);
        goto fail;
    }
    self = calloc(1, sizeof *self);
    char *copy = peal_strdup(name);
    if (!self || !copy) {
        free(copy);
        status = peal_fail(err, PEAL_E_MEMORY, "no memory to read %s", name);
        goto fail;
    }
    inner->read_to = begin + size;
    *self = (window_stream){
        .base = {.read = window_read, .read_at = window_read_at, .close = window_close, .size = size},
        .inner = inner,
        .name = copy,
        .begin = begin,
    };
    *out = &self->base;
    return PEAL_OK;
fail:
    free(self);
    peal_stream_close(inner);
    return status;
}
