/* What zstd, bzip2 and xz have in common: compressed data is a row of frames (bzip2 and xz call them streams), and a
 * library decodes each of them, piece by piece. frames.c reads the input, finds where frames begin and end, and says
 * at which byte data is bad; a codec's own file says how its frames begin and calls its library.
 *
 * gzip.c does not use this: its libraries decode less than a frame, and give bytes back. */
#ifndef PEAL_ETL_CODEC_FRAMES_H
#define PEAL_ETL_CODEC_FRAMES_H

#include "etl/codec/codec.h"

enum {
    ETL_FRAME_HEAD = 18, /* bytes that a decoder sees when a frame begins: the longest header of a zstd frame */
    ETL_FRAME_WHY = 200
};

typedef enum etl_frame_result {
    ETL_FRAME_GOES_ON,
    ETL_FRAME_ENDED,   /* `in` stands exactly behind the frame's last byte */
    ETL_FRAME_CORRUPT, /* `why` may say more */
    ETL_FRAME_REFUSED, /* it may be right, but we do not read it; `why` goes on after "the frame at byte 7" */
    ETL_FRAME_NO_MEMORY,
} etl_frame_result;

/* One call of a decoder: it consumes from `in` and produces to `out`, moving both. */
typedef struct etl_frame_step {
    const uint8_t *in;
    size_t in_size;
    uint8_t *out;
    size_t out_size;
    char why[ETL_FRAME_WHY];
} etl_frame_step;

typedef struct etl_frame_decoder {
    const char *name;       /* of the codec: "zstd" */
    const char *frame;      /* what the codec calls a frame */
    const char *magic_text; /* how a frame begins, for messages */
    size_t magic_size;      /* bytes that tell a frame, at most ETL_FRAME_HEAD */
    size_t padding;         /* a multiple of so many zero bytes may follow a frame; 0: none may */
    /* True if a frame may begin with `head`, as far as it goes. */
    bool (*begins)(const uint8_t *head, size_t size);
    void *(*open)(void); /* NULL if there is no memory */
    /* Makes ready for a frame, of which step->in are the first ETL_FRAME_HEAD bytes, or fewer if the data ends before;
     * it consumes none of them. */
    etl_frame_result (*begin)(void *state, etl_frame_step *step);
    /* Goes on with the frame. No input means that the data has ended: what is left of the output is handed out. */
    etl_frame_result (*run)(void *state, etl_frame_step *step);
    void (*close)(void *state);
} etl_frame_decoder;

/* Whether `head` begins with a frame; what a codec's `recognise` asks. */
bool etl__frames_recognise(const etl_frame_decoder *decoder, const uint8_t *head, size_t size);
/* What a codec's `open` does. */
peal_status etl__frames_open(const etl_frame_decoder *decoder, peal_stream *inner, const char *name, peal_stream **out,
                             peal_error *err);

#endif
