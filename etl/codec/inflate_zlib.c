/* Raw deflate by zlib, the reference; see codec.h. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "etl/codec/codec.h"

static void *zlib_open(void) {
    z_stream *stream = calloc(1, sizeof *stream);
    if (stream && inflateInit2(stream, -MAX_WBITS) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

static void zlib_reset(void *state) {
    inflateReset(state);
}

static int zlib_run(void *state, const uint8_t **in, size_t *in_size, uint8_t **out, size_t *out_size) {
    z_stream *stream = state;
    stream->next_in = (Bytef *)*in;
    stream->avail_in = (uInt)*in_size;
    stream->next_out = *out;
    stream->avail_out = (uInt)*out_size;
    int result = inflate(stream, Z_NO_FLUSH);
    *in = stream->next_in;
    *in_size = stream->avail_in;
    *out = stream->next_out;
    *out_size = stream->avail_out;
    if (result == Z_STREAM_END) return 1;
    return result == Z_OK || result == Z_BUF_ERROR ? 0 : -1;
}

static uint32_t zlib_crc32(uint32_t crc, const uint8_t *bytes, size_t size) {
    return (uint32_t)crc32(crc, bytes, (uInt)size);
}

static void zlib_close(void *state) {
    inflateEnd(state);
    free(state);
}

const peal_inflater peal_inflater_zlib = {
    .name = "zlib",
    .open = zlib_open,
    .reset = zlib_reset,
    .run = zlib_run,
    .crc32 = zlib_crc32,
    .close = zlib_close,
};
