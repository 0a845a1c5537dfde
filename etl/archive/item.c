/* Names and bytes of small objects; see item.h. */
#include "etl/archive/item.h"

#include <stdlib.h>

const char *peal_item_path(const peal_item *item) {
    return item->member ? item->member->path : item->source->path;
}

char *peal_item_name(const peal_item *item) {
    const char *name = peal_source_name(item->source);
    return item->member ? peal_sprintf("%s/%s", name, item->member->path) : peal_strdup(name);
}

peal_status peal_stream_read_all(peal_stream *stream, const char *name, size_t most, peal_buffer *out,
                                 peal_error *err) {
    enum { PIECE = 1 << 16 };
    size_t got = 1;
    out->size = 0;
    if (stream->size <= most) PEAL_TRY(peal_buffer_reserve(out, stream->size + 1, err));
    while (got > 0) {
        if (out->capacity - out->size < PIECE / 16) PEAL_TRY(peal_buffer_reserve(out, PIECE + out->size, err));
        PEAL_TRY(stream->read(stream, out->data + out->size, out->capacity - out->size, &got, err));
        out->size += got;
        if (out->size > most) return peal_fail(err, PEAL_E_DATA, "%s has more than %zu bytes", name, most);
    }
    return PEAL_OK;
}

static peal_status open_named(const peal_item *item, const char *name, peal_stream **out, peal_error *err) {
    if (!name) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    PEAL_TRY(peal_source_stream_open(item->source, NULL, out, err));
    return item->member ? item->archive->open(*out, name, item->member, out, err) : PEAL_OK;
}

peal_status peal_item_open(const peal_item *item, peal_stream **out, peal_error *err) {
    char *name = peal_item_name(item);
    *out = NULL;
    const peal_status status = open_named(item, name, out, err);
    free(name);
    return status;
}

peal_status peal_item_read(const peal_item *item, size_t most, peal_buffer *out, peal_error *err) {
    peal_stream *stream;
    PEAL_TRY(peal_item_open(item, &stream, err));
    const peal_status status = peal_stream_read_all(stream, peal_item_path(item), most, out, err);
    peal_stream_close(stream);
    return status;
}
