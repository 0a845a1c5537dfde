/* Text of other encodings, converted piece by piece between the codec and the format; see encoding.h. */
#include "etl/codec/encoding.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_SIZE = 64 * 1024, OUTPUT_SIZE = 64 * 1024 };

typedef struct encoding_stream {
    peal_stream base;
    peal_stream *inner;
    char *name, *encoding;
    iconv_t state;
    uint64_t offset; /* bytes of the input that are converted */
    size_t size;     /* of `input` */
    bool ended;
    size_t output_size, output_used;
    char input[INPUT_SIZE], output[OUTPUT_SIZE];
} encoding_stream;

static peal_status no_text(const encoding_stream *self, const char *what, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: %s %s text (encoding)", self->name,
                     (unsigned long long)self->offset, what, self->encoding);
}

/* Converts what is there into `output`; none of it asks for more input. */
static peal_status convert(encoding_stream *self, peal_error *err) {
    char *from = self->input, *to = self->output;
    size_t from_left = self->size, to_left = OUTPUT_SIZE;
    const size_t result = iconv(self->state, &from, &from_left, &to, &to_left);
    const int problem = result == (size_t)-1 ? errno : 0;
    self->offset += self->size - from_left;
    self->output_size = OUTPUT_SIZE - to_left;
    self->output_used = 0;
    memmove(self->input, from, from_left);
    self->size = from_left;
    if (self->output_size) return PEAL_OK;
    if (problem == EILSEQ) return no_text(self, "it is no", err);
    if (problem == EINVAL && self->ended && !self->inner->is_cut_off) {
        return no_text(self, "it ends within a character of", err);
    }
    if (problem == EINVAL && self->ended) self->size = 0; /* of a line that is not whole */
    return PEAL_OK;
}

static peal_status encoding_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    encoding_stream *self = (encoding_stream *)base;
    *got = 0;
    while (self->output_used == self->output_size) {
        if (self->size > 0) PEAL_TRY(convert(self, err));
        if (self->output_used < self->output_size) break;
        if (self->ended && self->size == 0) return PEAL_OK;
        size_t more;
        PEAL_TRY(
            self->inner->read(self->inner, (uint8_t *)self->input + self->size, INPUT_SIZE - self->size, &more, err));
        self->size += more;
        self->ended = more == 0;
        base->is_cut_off = self->inner->is_cut_off;
    }
    const size_t left = self->output_size - self->output_used;
    *got = left < capacity ? left : capacity;
    memcpy(out, self->output + self->output_used, *got);
    self->output_used += *got;
    return PEAL_OK;
}

static bool encoding_ready(peal_stream *base, int timeout_ms) {
    const encoding_stream *self = (const encoding_stream *)base;
    return self->output_used < self->output_size || peal_stream_ready(self->inner, timeout_ms);
}

static void encoding_close(peal_stream *base) {
    encoding_stream *self = (encoding_stream *)base;
    if (self->state != (iconv_t)-1) iconv_close(self->state);
    peal_stream_close(self->inner);
    free(self->name);
    free(self->encoding);
    free(self);
}

/* iconv knows latin1 and not latin-1, utf-8 and not utf_8: a name that it does not know is tried without what joins its
 * parts, and with '-' for '_'. */
static iconv_t open_state(const char *encoding) {
    enum { LONGEST = 40 };
    char joined[LONGEST], plain[LONGEST];
    iconv_t state = iconv_open("UTF-8", encoding);
    if (state != (iconv_t)-1 || strlen(encoding) >= LONGEST) return state;
    size_t used = 0;
    for (size_t i = 0; i <= strlen(encoding); i++) {
        joined[i] = (char)(encoding[i] == '_' ? '-' : encoding[i]);
        if (!strchr("-_ ", encoding[i]) || !encoding[i]) plain[used++] = encoding[i];
    }
    state = iconv_open("UTF-8", joined);
    return state != (iconv_t)-1 ? state : iconv_open("UTF-8", plain);
}

peal_status peal_encoding_open(peal_stream *inner, const char *name, const char *encoding, peal_stream **out,
                               peal_error *err) {
    *out = NULL;
    encoding_stream *self = calloc(1, sizeof *self);
    if (!self) {
        peal_stream_close(inner);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    }
    *self = (encoding_stream){
        .base = {.read = encoding_read,
                 .close = encoding_close,
                 .ready = encoding_ready,
                 .live = inner->live,
                 .size = UINT64_MAX},
        .inner = inner,
        .name = peal_strdup(name),
        .encoding = peal_strdup(encoding),
        .state = open_state(encoding),
    };
    peal_status status = PEAL_OK;
    if (self->state == (iconv_t)-1) {
        status = peal_fail(err, PEAL_E_USAGE, "there is no encoding '%s' (encoding): try latin1, windows-1252, utf-16",
                           encoding);
    }
    if (!self->name || !self->encoding) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    if (status != PEAL_OK) {
        encoding_close(&self->base);
        return status;
    }
    *out = &self->base;
    return PEAL_OK;
}
