/* gzip over both inflaters: they must agree on the bytes and on whether there is an error. */
#include <stdlib.h>
#include <string.h>

#include "etl/codec/codec.h"
#include "tests/fuzz/fuzz.h"

enum { OUTPUT_MOST = 1 << 20 };

static peal_status inflate_all(const peal_inflater *inflater, const uint8_t *data, size_t size, uint8_t *out,
                               size_t *total) {
    peal_stream *inner, *stream;
    peal_error err;
    *total = 0;
    if (peal_memory_stream_open(data, size, &inner, &err) != PEAL_OK) abort();
    if (peal_gzip_open_with(inflater, inner, "f", &stream, &err) != PEAL_OK) abort();
    peal_status status = peal_stream_fill(stream, out, OUTPUT_MOST, total, &err);
    peal_stream_close(stream);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t first[OUTPUT_MOST], second[OUTPUT_MOST];
    size_t first_size, second_size;
    peal_status a = inflate_all(&peal_inflater_zlib, data, size, first, &first_size);
    peal_status b = inflate_all(&peal_inflater_isal, data, size, second, &second_size);
    if (a != b) abort();
    if (a == PEAL_OK && (first_size != second_size || memcmp(first, second, first_size) != 0)) abort();
    return 0;
}
