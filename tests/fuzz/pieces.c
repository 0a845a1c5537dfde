/* Decoding at once against decoding in pieces; see pieces.h. */
#include "tests/fuzz/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "tests/pieces.h"

enum { OUTPUT_MOST = 1 << 18 };

typedef struct result {
    peal_status status;
    size_t size;
    uint8_t bytes[OUTPUT_MOST];
} result;

static void decode(const peal_codec *codec, peal_stream *inner, size_t out_step, result *out) {
    peal_stream *stream;
    peal_error err;
    out->size = 0;
    if (codec->open(inner, "f", &stream, &err) != PEAL_OK) abort();
    for (size_t got = 1; got > 0 && out->size < OUTPUT_MOST;) {
        const size_t left = OUTPUT_MOST - out->size;
        out->status = stream->read(stream, out->bytes + out->size, out_step < left ? out_step : left, &got, &err);
        if (out->status != PEAL_OK) break;
        out->size += got;
    }
    peal_stream_close(stream);
}

void fuzz_in_pieces(const peal_codec *codec, const uint8_t *data, size_t size) {
    static result whole, pieces;
    decode(codec, pieces_open(data, size, size + 1), OUTPUT_MOST, &whole);
    decode(codec, pieces_open(data, size, 1 + size % 11), 997, &pieces);
    /* Of what goes on behind so much output, one may have seen more than the other. */
    if (whole.size == OUTPUT_MOST || pieces.size == OUTPUT_MOST) return;
    if (whole.status != pieces.status) abort();
    if (whole.status != PEAL_OK) return;
    if (whole.size != pieces.size || memcmp(whole.bytes, pieces.bytes, whole.size) != 0) abort();
}
