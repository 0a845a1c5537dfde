/* gzip (RFC 1952), all of it: many members, empty members, extra fields and names of any length, zero padding behind
 * the last member. The framing is ours, so that headers, trailers, checks and errors are the same whichever library
 * inflates. */
#include <stdlib.h>
#include <string.h>

#include "etl/codec/codec.h"

/* ISA-L takes whole words ahead and gives back up to 8 bytes at a stream's end; they may be of the fill before, so its
 * last bytes are kept in front of the next one. */
enum { INPUT_SIZE = 128 * 1024, GIVE_BACK = 16 };
enum { FLAG_HEADER_CRC = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16, FLAGS_RESERVED = 0xE0 };

typedef struct gzip_stream {
    peal_stream base;
    peal_stream *inner;
    const peal_inflater *inflater;
    void *state;
    char *name;
    uint8_t *input;      /* GIVE_BACK bytes of the fill before, then up to INPUT_SIZE */
    size_t fill;         /* bytes of the present fill */
    const uint8_t *next; /* of the input */
    size_t available;
    uint64_t offset;       /* of `next` in the file */
    uint64_t member_begin; /* of the present member in the file */
    uint64_t members;
    bool in_member, finished;
    bool full; /* the last output took all the room: the library may hold more, and needs no input for it */
    uint32_t crc;
    uint32_t size; /* of the member's plain bytes, modulo 2^32 */
} gzip_stream;

static peal_status refill(gzip_stream *self, bool *ended, peal_error *err) {
    *ended = false;
    if (self->available) return PEAL_OK;
    uint8_t kept[GIVE_BACK];
    memcpy(kept, self->input + self->fill, sizeof kept);
    PEAL_TRY(self->inner->read(self->inner, self->input + GIVE_BACK, INPUT_SIZE, &self->available, err));
    *ended = self->available == 0;
    if (*ended) return PEAL_OK;
    memcpy(self->input, kept, sizeof kept);
    self->fill = self->available;
    self->next = self->input + GIVE_BACK;
    return PEAL_OK;
}

static peal_status truncated(gzip_stream *self, const char *where, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "%s: gzip data is truncated: it ends at byte %llu within %s", self->name,
                     (unsigned long long)self->offset, where);
}

static peal_status next_byte(gzip_stream *self, const char *where, uint8_t *byte, peal_error *err) {
    bool ended;
    PEAL_TRY(refill(self, &ended, err));
    if (ended) return truncated(self, where, err);
    *byte = *self->next++;
    self->available--;
    self->offset++;
    return PEAL_OK;
}

/* A header byte, which the header's own checksum covers. */
static peal_status header_byte(gzip_stream *self, uint8_t *byte, peal_error *err) {
    PEAL_TRY(next_byte(self, "a header", byte, err));
    self->crc = self->inflater->crc32(self->crc, byte, 1);
    return PEAL_OK;
}

static peal_status header_text(gzip_stream *self, peal_error *err) {
    uint8_t byte = 1;
    while (byte) PEAL_TRY(header_byte(self, &byte, err));
    return PEAL_OK;
}

static peal_status little_endian(gzip_stream *self, size_t bytes, const char *where, uint32_t *out, peal_error *err) {
    *out = 0;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = 0;
        PEAL_TRY(next_byte(self, where, &byte, err));
        *out |= (uint32_t)byte << (8 * i);
    }
    return PEAL_OK;
}

static peal_status read_header(gzip_stream *self, peal_error *err) {
    uint8_t fixed[10], byte, low, high;
    self->member_begin = self->offset;
    self->crc = 0;
    for (size_t i = 0; i < sizeof fixed; i++) PEAL_TRY(header_byte(self, &fixed[i], err));
    if (fixed[0] != 0x1F || fixed[1] != 0x8B) {
        return peal_fail(err, PEAL_E_DATA, "%s: at byte %llu: bytes %02x %02x instead of a gzip member (1f 8b)",
                         self->name, (unsigned long long)self->member_begin, fixed[0], fixed[1]);
    }
    if (fixed[2] != 8 || (fixed[3] & FLAGS_RESERVED)) {
        return peal_fail(err, PEAL_E_DATA, "%s: gzip header at byte %llu is corrupt: method %u, flags %02x", self->name,
                         (unsigned long long)self->member_begin, fixed[2], fixed[3]);
    }
    if (fixed[3] & FLAG_EXTRA) {
        PEAL_TRY(header_byte(self, &low, err));
        PEAL_TRY(header_byte(self, &high, err));
        for (uint32_t left = low | (uint32_t)high << 8; left > 0; left--) PEAL_TRY(header_byte(self, &byte, err));
    }
    if (fixed[3] & FLAG_NAME) PEAL_TRY(header_text(self, err));
    if (fixed[3] & FLAG_COMMENT) PEAL_TRY(header_text(self, err));
    if (fixed[3] & FLAG_HEADER_CRC) {
        uint32_t found, expected = self->crc & 0xFFFF;
        PEAL_TRY(little_endian(self, 2, "a header", &found, err));
        if (found != expected) {
            return peal_fail(err, PEAL_E_DATA, "%s: gzip header at byte %llu is corrupt: checksum %04x, expected %04x",
                             self->name, (unsigned long long)self->member_begin, found, expected);
        }
    }
    self->inflater->reset(self->state);
    self->crc = 0;
    self->size = 0;
    self->in_member = true;
    self->members++;
    return PEAL_OK;
}

static peal_status read_trailer(gzip_stream *self, peal_error *err) {
    uint32_t crc, size;
    self->in_member = false;
    PEAL_TRY(little_endian(self, 4, "a trailer", &crc, err));
    PEAL_TRY(little_endian(self, 4, "a trailer", &size, err));
    if (crc != self->crc) {
        return peal_fail(
            err, PEAL_E_DATA, "%s: gzip data is corrupt between bytes %llu and %llu: checksum %08x, expected %08x",
            self->name, (unsigned long long)self->member_begin, (unsigned long long)self->offset, self->crc, crc);
    }
    if (size != self->size) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: gzip data is corrupt between bytes %llu and %llu: %u bytes, expected %u", self->name,
                         (unsigned long long)self->member_begin, (unsigned long long)self->offset, self->size, size);
    }
    return PEAL_OK;
}

/* Between members: the end of the file, zero padding up to the end, or another member. */
static peal_status between_members(gzip_stream *self, peal_error *err) {
    bool ended;
    PEAL_TRY(refill(self, &ended, err));
    if (!ended && (self->members == 0 || *self->next != 0)) return read_header(self, err);
    while (!ended) {
        uint8_t byte = 0;
        PEAL_TRY(next_byte(self, "padding", &byte, err));
        if (byte != 0) {
            return peal_fail(err, PEAL_E_DATA, "%s: at byte %llu: byte %02x in the zero padding behind gzip data",
                             self->name, (unsigned long long)self->offset - 1, byte);
        }
        PEAL_TRY(refill(self, &ended, err));
    }
    self->finished = true;
    return PEAL_OK;
}

static peal_status inflate_some(gzip_stream *self, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    bool ended = false;
    if (!self->full) PEAL_TRY(refill(self, &ended, err));
    uint8_t *end = out;
    size_t room = capacity, before = self->available;
    /* With no input left the library may still hold bytes of output, so truth is told only after asking it. */
    int result = self->inflater->run(self->state, &self->next, &self->available, &end, &room);
    self->offset += before - self->available; /* modulo 2^64: bytes may have been given back */
    *got = (size_t)(end - out);
    self->full = *got == capacity;
    self->crc = self->inflater->crc32(self->crc, out, *got);
    self->size += (uint32_t)*got;
    if (result < 0) {
        return peal_fail(err, PEAL_E_DATA, "%s: gzip data is corrupt near byte %llu (member at byte %llu)", self->name,
                         (unsigned long long)self->offset, (unsigned long long)self->member_begin);
    }
    if (result == 1) return read_trailer(self, err);
    if (ended && *got == 0) return truncated(self, "compressed data", err);
    return PEAL_OK;
}

static peal_status gzip_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    gzip_stream *self = (gzip_stream *)base;
    *got = 0;
    if (capacity > 1u << 30) capacity = 1u << 30;
    while (*got == 0 && !self->finished) {
        PEAL_TRY(self->in_member ? inflate_some(self, out, capacity, got, err) : between_members(self, err));
    }
    return PEAL_OK;
}

static bool gzip_ready(peal_stream *base, int timeout_ms) {
    gzip_stream *self = (gzip_stream *)base;
    return self->available > 0 || self->full || self->finished || peal_stream_ready(self->inner, timeout_ms);
}

static void gzip_close(peal_stream *base) {
    gzip_stream *self = (gzip_stream *)base;
    if (self->state) self->inflater->close(self->state);
    peal_stream_close(self->inner);
    free(self->input);
    free(self->name);
    free(self);
}

peal_status peal_gzip_open_with(const peal_inflater *inflater, peal_stream *inner, const char *name, peal_stream **out,
                                peal_error *err) {
    gzip_stream *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self) {
        peal_stream_close(inner);
        return peal_fail(err, PEAL_E_MEMORY, "no memory to inflate");
    }
    self->base = (peal_stream){
        .read = gzip_read, .close = gzip_close, .ready = gzip_ready, .live = inner->live, .size = UINT64_MAX};
    self->inner = inner;
    self->inflater = inflater;
    self->state = inflater->open();
    self->name = peal_strdup(name);
    self->input = calloc(1, GIVE_BACK + INPUT_SIZE);
    if (!self->state || !self->name || !self->input) {
        gzip_close(&self->base);
        return peal_fail(err, PEAL_E_MEMORY, "no memory to inflate %s", name);
    }
    self->next = self->input + GIVE_BACK;
    *out = &self->base;
    return PEAL_OK;
}

static bool gzip_recognise(const uint8_t *head, size_t size) {
    return size >= 2 && head[0] == 0x1F && head[1] == 0x8B;
}

static peal_status gzip_open(peal_stream *inner, const char *name, peal_stream **out, peal_error *err) {
    return peal_gzip_open_with(&peal_inflater_isal, inner, name, out, err);
}

const peal_codec peal_codec_gzip = {
    .name = "gzip",
    .documentation = "RFC 1952: many members, empty members, zero padding; inflated by ISA-L",
    .suffix = ".gz",
    .recognise = gzip_recognise,
    .open = gzip_open,
};
