/* bzip2 by libbz2: how its streams begin, and its library's calls. Streams follow each other in any number, as parallel
 * packers write them; frames.c walks over them. */
#include <bzlib.h>
#include <stdlib.h>
#include <string.h>

#include "etl/codec/frames.h"

typedef struct bzip2_state {
    bz_stream library;
    bool begun; /* the library holds memory */
} bzip2_state;

static void bzip2_end(bzip2_state *state) {
    if (state->begun) BZ2_bzDecompressEnd(&state->library);
    state->begun = false;
}

static void *bzip2_open(void) {
    return calloc(1, sizeof(bzip2_state));
}

static void bzip2_close(void *opaque) {
    bzip2_end(opaque);
    free(opaque);
}

/* "BZh", the size of blocks, then the magic of the first block or, in an empty stream, of the end. */
static bool bzip2_begins(const uint8_t *head, size_t size) {
    static const uint8_t block[] = {0x31, 0x41, 0x59, 0x26, 0x53, 0x59}, end[] = {0x17, 0x72, 0x45, 0x38, 0x50, 0x90};
    if (memcmp(head, "BZh", size < 3 ? size : 3) != 0) return false;
    if (size < 4) return true;
    if (head[3] < '1' || head[3] > '9') return false;
    const size_t rest = size - 4 < sizeof block ? size - 4 : sizeof block;
    return memcmp(head + 4, block, rest) == 0 || memcmp(head + 4, end, rest) == 0;
}

/* The library reads one stream a life. */
static etl_frame_result bzip2_begin(void *opaque, etl_frame_step *step) {
    (void)step;
    bzip2_state *state = opaque;
    bzip2_end(state);
    state->library = (bz_stream){0};
    state->begun = BZ2_bzDecompressInit(&state->library, 0, 0) == BZ_OK;
    return state->begun ? ETL_FRAME_GOES_ON : ETL_FRAME_NO_MEMORY;
}

static etl_frame_result bzip2_run(void *opaque, etl_frame_step *step) {
    bz_stream *library = &((bzip2_state *)opaque)->library;
    library->next_in = (char *)step->in;
    library->avail_in = (unsigned)step->in_size;
    library->next_out = (char *)step->out;
    library->avail_out = (unsigned)step->out_size;
    const int result = BZ2_bzDecompress(library);
    step->in = (const uint8_t *)library->next_in;
    step->in_size = library->avail_in;
    step->out = (uint8_t *)library->next_out;
    step->out_size = library->avail_out;
    switch (result) {
    case BZ_OK:
        return ETL_FRAME_GOES_ON;
    case BZ_STREAM_END:
        return ETL_FRAME_ENDED;
    case BZ_MEM_ERROR:
        return ETL_FRAME_NO_MEMORY;
    default:
        return ETL_FRAME_CORRUPT;
    }
}

static const etl_frame_decoder decoder = {
    .name = "bzip2",
    .frame = "stream",
    .magic_text = "42 5a 68 31..39, then 31 41 59 26 53 59 or 17 72 45 38 50 90",
    .magic_size = 10,
    .begins = bzip2_begins,
    .open = bzip2_open,
    .begin = bzip2_begin,
    .run = bzip2_run,
    .close = bzip2_close,
};

static bool bzip2_recognise(const uint8_t *head, size_t size) {
    return etl__frames_recognise(&decoder, head, size);
}

static peal_status bzip2_stream_open(peal_stream *inner, const char *name, peal_stream **out, peal_error *err) {
    return etl__frames_open(&decoder, inner, name, out, err);
}

const peal_codec peal_codec_bzip2 = {
    .name = "bzip2",
    .documentation = "many streams, empty streams",
    .suffix = ".bz2",
    .recognise = bzip2_recognise,
    .open = bzip2_stream_open,
};
