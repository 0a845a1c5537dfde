/* Codecs: how bytes were compressed. A codec turns a stream of compressed bytes into one of plain bytes.
 *
 * To add one: a file with a `const peal_codec`, and a line in the table of codec.c. */
#ifndef PEAL_ETL_SOURCE_CODEC_H
#define PEAL_ETL_SOURCE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "etl/source/stream.h"

typedef struct peal_codec {
    const char *name;
    const char *documentation;
    const char *suffix; /* of file names, ".gz" */
    /* True if data that begins with `head` is of this codec. */
    bool (*recognise)(const uint8_t *head, size_t size);
    /* Wraps `inner`, which it takes over, even on failure. `name` is for messages and is copied. */
    peal_status (*open)(peal_stream *inner, const char *name, peal_stream **out, peal_error *err);
} peal_codec;

extern const peal_codec peal_codec_gzip;
extern const peal_codec peal_codec_zstd;
extern const peal_codec peal_codec_bzip2;
extern const peal_codec peal_codec_xz;
extern const peal_codec *const peal_codecs[]; /* ends with NULL */

/* The codec of data that begins with `head`; NULL: it is plain. */
const peal_codec *peal_codec_recognise(const uint8_t *head, size_t size);

/* Takes `inner` over, even on failure, and hands out its plain bytes: decoded by the codec that they begin with, as
 * often as they begin with one (a .gz within a .gz). PEAL_E_DATA if the name, which is for messages, promises a codec
 * that they are not of. Bytes of no codec are handed on: `*out` reads at an offset if `inner` does. */
peal_status peal_decode(peal_stream *inner, const char *name, peal_stream **out, peal_error *err);
/* The plain bytes of a source: peal_source_stream_open and peal_decode. */
peal_status peal_decode_source(const peal_source *source, peal_source_meter *meter, peal_stream **out, peal_error *err);

/* Raw deflate (RFC 1951) by one library or another: the part of gzip that libraries differ in. */
typedef struct peal_inflater {
    const char *name;
    void *(*open)(void);        /* NULL if there is no memory */
    void (*reset)(void *state); /* ready for the next deflate stream */
    /* Consumes from *in and produces to *out, moving both. Returns 1 at the stream's end, 0 to go on, -1 if the data is
     * corrupt. At the end *in stands exactly behind the last byte. */
    int (*run)(void *state, const uint8_t **in, size_t *in_size, uint8_t **out, size_t *out_size);
    uint32_t (*crc32)(uint32_t crc, const uint8_t *bytes, size_t size);
    void (*close)(void *state);
} peal_inflater;

extern const peal_inflater peal_inflater_zlib; /* the reference */
extern const peal_inflater peal_inflater_isal; /* the fast one, the default */

/* gzip over a given inflater, for tests that compare them. */
peal_status peal_gzip_open_with(const peal_inflater *inflater, peal_stream *inner, const char *name, peal_stream **out,
                                peal_error *err);

#endif
