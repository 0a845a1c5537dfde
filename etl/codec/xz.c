/* xz (The .xz File Format, 1.1.0) by liblzma: how its streams begin, and its library's calls. Streams and the padding
 * behind them follow each other in any number; frames.c walks over them. */
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etl/codec/frames.h"

/* The library keeps as much memory as the dictionary is large, and each thread that reads has one of its own. */
static const uint64_t memory_most = UINT64_C(256) << 20;

static void *xz_open(void) {
    lzma_stream *library = malloc(sizeof *library);
    if (library) *library = (lzma_stream)LZMA_STREAM_INIT;
    return library;
}

static void xz_close(void *state) {
    lzma_end(state);
    free(state);
}

static bool xz_begins(const uint8_t *head, size_t size) {
    static const uint8_t magic[] = {0xFD, '7', 'z', 'X', 'Z', 0};
    return memcmp(head, magic, size < sizeof magic ? size : sizeof magic) == 0;
}

static etl_frame_result xz_begin(void *state, etl_frame_step *step) {
    (void)step;
    const lzma_ret result = lzma_stream_decoder(state, memory_most, LZMA_TELL_UNSUPPORTED_CHECK);
    return result == LZMA_OK ? ETL_FRAME_GOES_ON : ETL_FRAME_NO_MEMORY;
}

static etl_frame_result refused(etl_frame_step *step, const char *why) {
    snprintf(step->why, sizeof step->why, "%s", why);
    return ETL_FRAME_REFUSED;
}

static etl_frame_result xz_result(const lzma_stream *library, lzma_ret result, etl_frame_step *step) {
    switch (result) {
    case LZMA_OK:
    case LZMA_BUF_ERROR:
        return ETL_FRAME_GOES_ON; /* no progress, which frames.c sees for itself */
    case LZMA_STREAM_END:
        return ETL_FRAME_ENDED;
    case LZMA_MEM_ERROR:
        return ETL_FRAME_NO_MEMORY;
    case LZMA_MEMLIMIT_ERROR:
        snprintf(step->why, sizeof step->why,
                 "needs %llu MB of memory in each reading thread, more than %llu MB: pack the file again with a "
                 "smaller dictionary, as xz -9 has",
                 (unsigned long long)((lzma_memusage(library) + (1 << 20) - 1) >> 20),
                 (unsigned long long)(memory_most >> 20));
        return ETL_FRAME_REFUSED;
    case LZMA_UNSUPPORTED_CHECK:
        return refused(step, "has a kind of checksum that liblzma does not know");
    case LZMA_OPTIONS_ERROR:
        return refused(step, "has filters or options that liblzma does not know");
    default:
        return ETL_FRAME_CORRUPT;
    }
}

static etl_frame_result xz_run(void *state, etl_frame_step *step) {
    lzma_stream *library = state;
    library->next_in = step->in;
    library->avail_in = step->in_size;
    library->next_out = step->out;
    library->avail_out = step->out_size;
    const lzma_ret result = lzma_code(library, LZMA_RUN);
    step->in = library->next_in;
    step->in_size = library->avail_in;
    step->out = library->next_out;
    step->out_size = library->avail_out;
    return xz_result(library, result, step);
}

static const etl_frame_decoder decoder = {
    .name = "xz",
    .frame = "stream",
    .magic_text = "fd 37 7a 58 5a 00",
    .magic_size = 6,
    .padding = 4,
    .begins = xz_begins,
    .open = xz_open,
    .begin = xz_begin,
    .run = xz_run,
    .close = xz_close,
};

static bool xz_recognise(const uint8_t *head, size_t size) {
    return etl__frames_recognise(&decoder, head, size);
}

static peal_status xz_stream_open(peal_stream *inner, const char *name, peal_stream **out, peal_error *err) {
    return etl__frames_open(&decoder, inner, name, out, err);
}

const peal_codec peal_codec_xz = {
    .name = "xz",
    .documentation = "many streams, padding, memory of up to 256 MB; not the older .lzma",
    .suffix = ".xz",
    .recognise = xz_recognise,
    .open = xz_stream_open,
};
