/* zstd (RFC 8878) by libzstd: how its frames begin, and which of them we read. Frames and skippable frames follow each
 * other in any number; frames.c walks over them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "etl/codec/frames.h"

/* The library keeps as much memory as the window is large, and each thread that reads has a window of its own. */
enum { WINDOW_LOG_MOST = 27 };

typedef struct zstd_state {
    ZSTD_DCtx *context;
    size_t wanted; /* bytes up to the end of the present block */
} zstd_state;

static void zstd_close(void *opaque) {
    zstd_state *state = opaque;
    ZSTD_freeDCtx(state->context);
    free(state);
}

static void *zstd_open(void) {
    zstd_state *state = calloc(1, sizeof *state);
    if (!state) return NULL;
    state->context = ZSTD_createDCtx();
    if (state->context && !ZSTD_isError(ZSTD_DCtx_setParameter(state->context, ZSTD_d_windowLogMax, WINDOW_LOG_MOST))) {
        return state;
    }
    zstd_close(state);
    return NULL;
}

static bool zstd_begins(const uint8_t *head, size_t size) {
    static const uint8_t frame[] = {0x28, 0xB5, 0x2F, 0xFD}, skippable[] = {0x50, 0x2A, 0x4D, 0x18};
    if (size > sizeof frame) size = sizeof frame;
    if (memcmp(head, frame, size) == 0) return true;
    /* The low half of a skippable frame's first byte is free. */
    return (head[0] & 0xF0) == skippable[0] && memcmp(head + 1, skippable + 1, size - 1) == 0;
}

static etl_frame_result zstd_begin(void *opaque, etl_frame_step *step) {
    zstd_state *state = opaque;
    ZSTD_DCtx_reset(state->context, ZSTD_reset_session_only);
    state->wanted = 5; /* the shortest header of a frame, RFC 8878 3.1.1 */
    const unsigned dictionary = ZSTD_getDictID_fromFrame(step->in, step->in_size);
    if (dictionary == 0) return ETL_FRAME_GOES_ON;
    snprintf(step->why, sizeof step->why,
             "needs the dictionary %u: dictionaries are not read, pack the file again without one", dictionary);
    return ETL_FRAME_REFUSED;
}

static etl_frame_result zstd_failure(size_t result, etl_frame_step *step) {
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
        return ETL_FRAME_NO_MEMORY;
    case ZSTD_error_frameParameter_windowTooLarge:
        snprintf(
            step->why, sizeof step->why,
            "has a window of more than %d MB, and each reading thread would keep so much memory: pack the file again "
            "with --long=%d or without --long",
            1 << (WINDOW_LOG_MOST - 20), WINDOW_LOG_MOST);
        return ETL_FRAME_REFUSED;
    default:
        snprintf(step->why, sizeof step->why, "%s", ZSTD_getErrorName(result));
        return ETL_FRAME_CORRUPT;
    }
}

/* On an error the library does not say how far it came. It gets one block at a time, so that the error is near. */
static etl_frame_result zstd_run(void *opaque, etl_frame_step *step) {
    zstd_state *state = opaque;
    ZSTD_inBuffer in = {step->in, step->in_size < state->wanted ? step->in_size : state->wanted, 0};
    ZSTD_outBuffer out = {step->out, step->out_size, 0};
    const size_t result = ZSTD_decompressStream(state->context, &out, &in);
    step->in += in.pos;
    step->in_size -= in.pos;
    step->out += out.pos;
    step->out_size -= out.pos;
    if (ZSTD_isError(result)) return zstd_failure(result, step);
    state->wanted = result;
    return result == 0 ? ETL_FRAME_ENDED : ETL_FRAME_GOES_ON;
}

static const etl_frame_decoder decoder = {
    .name = "zstd",
    .frame = "frame",
    .magic_text = "28 b5 2f fd, or 50..5f 2a 4d 18",
    .magic_size = 4,
    .begins = zstd_begins,
    .open = zstd_open,
    .begin = zstd_begin,
    .run = zstd_run,
    .close = zstd_close,
};

static bool zstd_recognise(const uint8_t *head, size_t size) {
    return etl__frames_recognise(&decoder, head, size);
}

static peal_status zstd_stream_open(peal_stream *inner, const char *name, peal_stream **out, peal_error *err) {
    return etl__frames_open(&decoder, inner, name, out, err);
}

const peal_codec peal_codec_zstd = {
    .name = "zstd",
    .documentation = "RFC 8878: many frames, skippable frames, windows of up to 128 MB, no dictionaries",
    .suffix = ".zst",
    .recognise = zstd_recognise,
    .open = zstd_stream_open,
};
