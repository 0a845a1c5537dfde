/* A stream of plain bytes over a row of compressed frames; see frames.h. */
#include "etl/codec/frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_SIZE = 128 * 1024, OUTPUT_MOST = 1 << 30 /* libbz2 counts in unsigned int */ };

typedef struct frame_stream {
    peal_stream base;
    peal_stream *inner;
    const etl_frame_decoder *decoder;
    void *state;
    char *name;
    uint8_t *input;      /* INPUT_SIZE bytes */
    const uint8_t *next; /* of the input */
    size_t available;
    uint64_t offset;      /* of `next` in the file */
    uint64_t frame_begin; /* of the present frame in the file */
    uint64_t frames;
    bool inner_ended, in_frame, finished;
    bool full; /* the last output took all the room: the library may hold more, and needs no input for it */
} frame_stream;

/* ---- the input ---- */

/* Makes `wanted` bytes available at `next`; fewer mean that the data ends behind them. */
static peal_status fill(frame_stream *self, size_t wanted, peal_error *err) {
    if (self->available >= wanted || self->inner_ended) return PEAL_OK;
    memmove(self->input, self->next, self->available);
    self->next = self->input;
    while (self->available < wanted && !self->inner_ended) {
        size_t got;
        PEAL_TRY(
            self->inner->read(self->inner, self->input + self->available, INPUT_SIZE - self->available, &got, err));
        self->available += got;
        self->inner_ended = got == 0;
    }
    return PEAL_OK;
}

static void consume(frame_stream *self, size_t size) {
    self->next += size;
    self->available -= size;
    self->offset += size;
}

/* ---- errors ---- */

static peal_status truncated(const frame_stream *self, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "%s: %s data is truncated: it ends at byte %llu within the %s at byte %llu",
                     self->name, self->decoder->name, (unsigned long long)(self->offset + self->available),
                     self->decoder->frame, (unsigned long long)self->frame_begin);
}

static peal_status not_a_frame(const frame_stream *self, peal_error *err) {
    char found[3 * ETL_FRAME_HEAD + 1] = "";
    for (size_t i = 0; i < self->available && i < self->decoder->magic_size; i++) {
        snprintf(found + 3 * i, 4, " %02x", self->next[i]);
    }
    return peal_fail(err, PEAL_E_DATA, "%s: at byte %llu: bytes%s instead of a %s %s (%s) or the end of the data",
                     self->name, (unsigned long long)self->offset, found, self->decoder->name, self->decoder->frame,
                     self->decoder->magic_text);
}

/* What a decoder's result means for the reader. */
static peal_status judge(const frame_stream *self, etl_frame_result result, const char *why, peal_error *err) {
    const char *codec = self->decoder->name, *frame = self->decoder->frame;
    const unsigned long long begin = self->frame_begin;
    switch (result) {
    case ETL_FRAME_CORRUPT:
        return peal_fail(err, PEAL_E_DATA, "%s: %s data is corrupt near byte %llu (%s at byte %llu)%s%s", self->name,
                         codec, (unsigned long long)self->offset, frame, begin, *why ? ": " : "", why);
    case ETL_FRAME_REFUSED:
        return peal_fail(err, PEAL_E_DATA, "%s: the %s %s at byte %llu %s", self->name, codec, frame, begin, why);
    case ETL_FRAME_NO_MEMORY:
        return peal_fail(err, PEAL_E_MEMORY, "%s: no memory to decode the %s %s at byte %llu", self->name, codec, frame,
                         begin);
    case ETL_FRAME_GOES_ON:
    case ETL_FRAME_ENDED:
        break;
    }
    return PEAL_OK;
}

/* ---- frames ---- */

static peal_status skip_padding(frame_stream *self, peal_error *err) {
    const uint64_t begin = self->offset;
    PEAL_TRY(fill(self, 1, err));
    while (self->available && *self->next == 0) {
        consume(self, 1);
        PEAL_TRY(fill(self, 1, err));
    }
    const uint64_t zeros = self->offset - begin;
    if (zeros % self->decoder->padding == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: at byte %llu: %llu zero bytes behind %s data, expected a multiple of %zu",
                     self->name, (unsigned long long)begin, (unsigned long long)zeros, self->decoder->name,
                     self->decoder->padding);
}

/* Between frames: padding, then the end of the data or another frame. */
static peal_status between_frames(frame_stream *self, peal_error *err) {
    const etl_frame_decoder *decoder = self->decoder;
    if (decoder->padding && self->frames > 0) PEAL_TRY(skip_padding(self, err));
    PEAL_TRY(fill(self, ETL_FRAME_HEAD, err));
    self->finished = self->available == 0 && self->frames > 0;
    if (self->finished) return PEAL_OK;
    if (!decoder->begins(self->next, self->available)) return not_a_frame(self, err);
    self->frame_begin = self->offset;
    if (self->available < decoder->magic_size) return truncated(self, err);
    self->frames++;
    self->in_frame = true;
    etl_frame_step step = {.in = self->next,
                           .in_size = self->available < ETL_FRAME_HEAD ? self->available : ETL_FRAME_HEAD};
    const etl_frame_result result = decoder->begin(self->state, &step);
    return judge(self, result, step.why, err);
}

static peal_status decode_some(frame_stream *self, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    if (!self->full) PEAL_TRY(fill(self, 1, err));
    etl_frame_step step = {.in = self->next, .in_size = self->available, .out = out, .out_size = capacity};
    /* With no input left the library may still hold bytes of output, so it is asked before data counts as truncated. */
    etl_frame_result result = self->decoder->run(self->state, &step);
    const size_t used = self->available - step.in_size;
    consume(self, used);
    *got = capacity - step.out_size;
    const bool asked_only = self->full && *got == 0;
    self->full = *got == capacity;
    if (result == ETL_FRAME_ENDED) self->in_frame = false;
    if (result == ETL_FRAME_GOES_ON && used == 0 && *got == 0 && !asked_only) {
        if (self->available == 0) return truncated(self, err);
        result = ETL_FRAME_CORRUPT;
    }
    return judge(self, result, step.why, err);
}

/* ---- the stream ---- */

static peal_status frames_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    frame_stream *self = (frame_stream *)base;
    *got = 0;
    if (capacity > OUTPUT_MOST) capacity = OUTPUT_MOST;
    while (*got == 0 && !self->finished) {
        PEAL_TRY(self->in_frame ? decode_some(self, out, capacity, got, err) : between_frames(self, err));
    }
    return PEAL_OK;
}

static bool frames_ready(peal_stream *base, int timeout_ms) {
    const frame_stream *self = (const frame_stream *)base;
    return self->available > 0 || self->full || self->inner_ended || peal_stream_ready(self->inner, timeout_ms);
}

static void frames_close(peal_stream *base) {
    frame_stream *self = (frame_stream *)base;
    if (self->state) self->decoder->close(self->state);
    peal_stream_close(self->inner);
    free(self->input);
    free(self->name);
    free(self);
}

bool etl__frames_recognise(const etl_frame_decoder *decoder, const uint8_t *head, size_t size) {
    return size >= decoder->magic_size && decoder->begins(head, size);
}

peal_status etl__frames_open(const etl_frame_decoder *decoder, peal_stream *inner, const char *name, peal_stream **out,
                             peal_error *err) {
    frame_stream *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self) {
        peal_stream_close(inner);
        return peal_fail(err, PEAL_E_MEMORY, "no memory to decode %s", name);
    }
    self->base = (peal_stream){
        .read = frames_read, .close = frames_close, .ready = frames_ready, .live = inner->live, .size = UINT64_MAX};
    self->inner = inner;
    self->decoder = decoder;
    self->state = decoder->open();
    self->name = peal_strdup(name);
    self->input = malloc(INPUT_SIZE);
    if (!self->state || !self->name || !self->input) {
        frames_close(&self->base);
        return peal_fail(err, PEAL_E_MEMORY, "no memory to decode %s", name);
    }
    self->next = self->input;
    *out = &self->base;
    return PEAL_OK;
}
