/* The table of codecs, and the choice among them by a stream's first bytes; see codec.h. */
#include "etl/codec/codec.h"

#include <stdlib.h>
#include <string.h>

const peal_codec *const peal_codecs[] = {&peal_codec_gzip, &peal_codec_zstd, &peal_codec_bzip2, &peal_codec_xz, NULL};

enum { HEAD_SIZE = 16, MOST_LAYERS = 4 };

/* ---- choosing ---- */

static bool ends_with(const char *text, const char *suffix) {
    const size_t length = strlen(text), suffix_length = strlen(suffix);
    return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

const peal_codec *peal_codec_recognise(const uint8_t *head, size_t size) {
    for (size_t i = 0; peal_codecs[i]; i++) {
        if (peal_codecs[i]->recognise(head, size)) return peal_codecs[i];
    }
    return NULL;
}

/* PEAL_E_DATA if the name promises a codec. */
static peal_status check_name(const char *name, const uint8_t *head, size_t size, peal_error *err) {
    for (size_t i = 0; peal_codecs[i]; i++) {
        const peal_codec *codec = peal_codecs[i];
        if (!ends_with(name, codec->suffix)) continue;
        if (size == 0) return peal_fail(err, PEAL_E_DATA, "%s is empty: %s data was expected", name, codec->name);
        return peal_fail(err, PEAL_E_DATA, "%s is named %s but is not %s data: it begins with bytes %02x %02x", name,
                         codec->suffix, codec->name, head[0], size > 1 ? head[1] : 0);
    }
    return PEAL_OK;
}

peal_status peal_decode(peal_stream *inner, const char *name, peal_stream **out, peal_error *err) {
    peal_stream *stream = inner;
    *out = NULL;
    for (int layer = 0; layer < MOST_LAYERS; layer++) {
        uint8_t head[HEAD_SIZE];
        size_t size;
        PEAL_TRY(peal_stream_look(&stream, head, HEAD_SIZE, &size, err));
        const peal_codec *codec = peal_codec_recognise(head, size);
        if (!codec) {
            const peal_status status = layer == 0 ? check_name(name, head, size, err) : PEAL_OK;
            if (status == PEAL_OK) {
                *out = stream;
            } else {
                peal_stream_close(stream);
            }
            return status;
        }
        PEAL_TRY(codec->open(stream, name, &stream, err));
    }
    peal_stream_close(stream);
    return peal_fail(err, PEAL_E_DATA, "%s is compressed more than %d times over", name, MOST_LAYERS - 1);
}

peal_status peal_decode_source(const peal_source *source, peal_source_meter *meter, peal_stream **out,
                               peal_error *err) {
    *out = NULL;
    peal_stream *stream;
    PEAL_TRY(peal_source_stream_open(source, meter, &stream, err));
    return peal_decode(stream, peal_source_name(source), out, err);
}
