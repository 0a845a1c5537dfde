/* What targets of formats share: an input is surveyed, opened and read to its end, in small blocks. */
#ifndef PEAL_TESTS_FUZZ_TABLE_H
#define PEAL_TESTS_FUZZ_TABLE_H

#include <stdlib.h>
#include <string.h>

#include "etl/format/formats.h"
#include "tests/fuzz/fuzz.h"

enum { FUZZ_BLOCKS_MOST = 200, FUZZ_WIDTH_MOST = 1 << 16 };

/* A stream that only reads on, at most 64 bytes at once. */
typedef struct fuzz_stream {
    peal_stream base;
    const uint8_t *bytes;
    size_t left;
} fuzz_stream;

static inline peal_status fuzz_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    (void)err;
    fuzz_stream *self = (fuzz_stream *)base;
    *got = self->left < capacity ? self->left : capacity;
    if (*got > 64) *got = 64;
    if (*got) memcpy(out, self->bytes, *got);
    self->bytes += *got;
    self->left -= *got;
    return PEAL_OK;
}

static inline void fuzz_close(peal_stream *base) {
    free(base);
}

static inline peal_stream *fuzz_open(const uint8_t *bytes, size_t size, bool on_only) {
    peal_stream *stream;
    if (!on_only) {
        if (peal_memory_stream_open(bytes, size, &stream, NULL) != PEAL_OK) abort();
        return stream;
    }
    fuzz_stream *self = calloc(1, sizeof *self);
    if (!self) abort();
    *self = (fuzz_stream){{.read = fuzz_read, .close = fuzz_close, .size = UINT64_MAX}, bytes, size};
    return &self->base;
}

static inline void fuzz_blocks(const peal_format *format, const json_t *options, const peal_wanted *wanted,
                               const peal_input *input) {
    peal_reader *reader;
    peal_block block;
    peal_error err;
    if (format->open(options, wanted, input, &reader, &err) != PEAL_OK) return;
    peal_status status = peal_block_init(&block, wanted->schema, &err);
    for (size_t i = 0; status == PEAL_OK && i < FUZZ_BLOCKS_MOST; i++) {
        status = reader->next(reader, &block, &err);
        if (status != PEAL_OK || (block.size == 0 && block.records == 0)) break;
        peal_table_room_reset_dictionaries(&block.table);
        status = reader->parse(reader, &block, &err);
        peal_block_forget_bad_rows(&block);
    }
    peal_block_clear(&block);
    peal_reader_close(reader);
}

/* `choice` says how the input is read. The last column is the label. */
static inline void fuzz_table(const peal_format *format, const json_t *options, uint8_t choice, const uint8_t *bytes,
                              size_t size) {
    static const peal_nulls no_nulls = {0};
    const peal_survey what = {.nulls = &no_nulls, .label = choice & 1 ? "y" : NULL};
    peal_found found;
    peal_error err;
    peal_input input = {.name = "f", .stream = fuzz_open(bytes, size, choice & 2)};
    if (format->survey(options, &what, &input, &found, &err) != PEAL_OK) return;
    bool small = true;
    for (size_t i = 0; i < found.schema.count; i++) {
        peal_field *field = &found.schema.fields[i];
        if (choice & 4 && field->type != PEAL_TYPE_FIXED_LIST) field->type = PEAL_TYPE_DICTIONARY;
        small = small && field->width <= FUZZ_WIDTH_MOST; /* a row would be that large */
    }
    const peal_wanted wanted = {.schema = &found.schema,
                                .nulls = &no_nulls,
                                .label = found.schema.count - 1,
                                .label_required = choice & 8,
                                .hash_rows = choice & 16,
                                .block_size = choice & 32 ? 100 : 100000};
    input.stream = fuzz_open(bytes, small ? size : 0, choice & 2);
    fuzz_blocks(format, options, &wanted, &input);
    peal_found_clear(&found);
}

#endif
