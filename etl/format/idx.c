/* IDX, the format of MNIST: a magic number (two zero bytes, a type, the number of dimensions), the sizes as big-endian
 * 32-bit numbers, then the items. Source: "THE IDX FILE FORMAT" on the MNIST page of LeCun, Cortes and Burges.
 *
 * A file with two or more dimensions holds the features; one with one dimension holds their labels and is its
 * companion. Items are unsigned bytes. */
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "etl/format/format.h"

enum { TYPE_UBYTE = 0x08, MOST_DIMENSIONS = 8, LABEL_NAME_SIZE = 5 };

typedef struct idx_header {
    size_t size; /* bytes of the header */
    uint32_t dimensions;
    uint64_t items;
    uint64_t width; /* bytes per item */
} idx_header;

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool idx_recognise(const uint8_t *head, size_t size) {
    return size >= 4 && head[0] == 0 && head[1] == 0 && head[2] >= 0x08 && head[2] <= 0x0E && head[3] >= 1;
}

static bool idx_is_companion(const uint8_t *head, size_t size) {
    return idx_recognise(head, size) && head[3] == 1;
}

static peal_status parse_header(const char *path, const uint8_t *head, size_t size, idx_header *out, peal_error *err) {
    if (size < 4 || !idx_recognise(head, size)) {
        return peal_fail(err, PEAL_E_DATA, "%s is not IDX data: it must begin with bytes 00 00, a type and a count",
                         path);
    }
    if (head[2] != TYPE_UBYTE) {
        return peal_fail(err, PEAL_E_DATA, "%s: byte 2: IDX items of type 0x%02x; unsigned bytes (0x08) were expected",
                         path, head[2]);
    }
    out->dimensions = head[3];
    out->size = 4 + 4 * (size_t)out->dimensions;
    if (out->dimensions > MOST_DIMENSIONS || size < out->size) {
        return peal_fail(err, PEAL_E_DATA, "%s: byte 3: an IDX header of %u dimensions is too long or cut short", path,
                         out->dimensions);
    }
    out->items = big_endian(head + 4);
    out->width = 1;
    for (uint32_t i = 1; i < out->dimensions; i++) {
        uint32_t dimension = big_endian(head + 4 + 4 * i);
        if (dimension == 0 || __builtin_mul_overflow(out->width, dimension, &out->width) || out->width > 1 << 28) {
            return peal_fail(err, PEAL_E_DATA, "%s: byte %u: an IDX dimension of %u makes no sense", path, 4 + 4 * i,
                             dimension);
        }
    }
    return PEAL_OK;
}

static peal_status idx_infer(const char *path, const char *sample, size_t size, bool whole,
                             peal_format_options *options, peal_raw_schema *schema, peal_error *err) {
    (void)whole;
    (void)options;
    idx_header header = {0};
    PEAL_TRY(parse_header(path, (const uint8_t *)sample, size, &header, err));
    if (header.dimensions == 1) {
        return peal_fail(err, PEAL_E_DATA, "%s holds labels only; name the file with their items too", path);
    }
    PEAL_TRY(peal_raw_schema_add(schema, "image", 5, PEAL_RAW_BYTES, (uint32_t)header.width, err));
    return peal_raw_schema_add(schema, "label", LABEL_NAME_SIZE, PEAL_RAW_TEXT, 0, err);
}

static const char *idx_fault(const peal_format_options *options, const peal_raw_schema *schema) {
    (void)options;
    const size_t image = peal_raw_schema_find(schema, "image", 5),
                 label = peal_raw_schema_find(schema, "label", LABEL_NAME_SIZE);
    if (schema->count != 2 || image == SIZE_MAX || label == SIZE_MAX || schema->fields[image].kind != PEAL_RAW_BYTES ||
        schema->fields[label].kind != PEAL_RAW_TEXT) {
        return "IDX has two columns: image, of bytes, and label, of text";
    }
    return NULL;
}

struct peal_format_reader {
    const peal_format_job *job;
    peal_stream *stream;
    char *path;
    idx_header header;
    uint8_t *labels; /* [items], NULL if there are none */
    uint64_t next;   /* the first item of the next block */
    uint64_t number;
    size_t items_per_block;
    size_t image, label; /* columns */
};

static void idx_close(peal_format_reader *reader) {
    if (!reader) return;
    peal_stream_close(reader->stream);
    free(reader->labels);
    free(reader->path);
    free(reader);
}

static peal_status read_header(peal_stream *stream, const char *path, idx_header *out, peal_error *err) {
    uint8_t head[4 + 4 * MOST_DIMENSIONS];
    size_t got, more = 0;
    PEAL_TRY(peal_stream_fill(stream, head, 4, &got, err));
    if (got == 0) return peal_fail(err, PEAL_E_DATA, "%s is empty", path);
    if (got == 4 && head[3] <= MOST_DIMENSIONS) {
        PEAL_TRY(peal_stream_fill(stream, head + 4, 4 * (size_t)head[3], &more, err));
    }
    return parse_header(path, head, got + more, out, err);
}

static peal_status expect_end(peal_stream *stream, const char *path, uint64_t size, peal_error *err) {
    uint8_t extra;
    size_t got;
    PEAL_TRY(peal_stream_fill(stream, &extra, 1, &got, err));
    if (got == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: there is more behind byte %llu, where its header says it ends", path,
                     (unsigned long long)size);
}

static peal_status truncated(const char *path, const idx_header *header, uint64_t have, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "%s ends at byte %llu, but its header promises %llu bytes", path,
                     (unsigned long long)have, (unsigned long long)(header->size + header->items * header->width));
}

static peal_status read_labels(peal_format_reader *reader, const peal_source *source, peal_error *err) {
    const char *path = peal_source_name(source);
    peal_stream *stream;
    PEAL_TRY(peal_decode_source(source, NULL, &stream, err));
    idx_header header = {0};
    peal_status status = read_header(stream, path, &header, err);
    if (status == PEAL_OK && (header.dimensions != 1 || header.items != reader->header.items)) {
        status = peal_fail(err, PEAL_E_DATA, "%s holds %llu labels for the %llu items of %s", path,
                           (unsigned long long)header.items, (unsigned long long)reader->header.items, reader->path);
    }
    if (status == PEAL_OK) status = peal_alloc_checked(&reader->labels, header.items, 1, "labels", err);
    size_t got = 0;
    if (status == PEAL_OK) status = peal_stream_fill(stream, reader->labels, header.items, &got, err);
    if (status == PEAL_OK && got < header.items) status = truncated(path, &header, header.size + got, err);
    if (status == PEAL_OK) status = expect_end(stream, path, header.size + got, err);
    peal_stream_close(stream);
    return status;
}

static peal_status idx_open(const peal_format_job *job, const char *path, const peal_source *companion,
                            peal_stream *stream, peal_format_reader **out, peal_error *err) {
    *out = NULL;
    peal_format_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        peal_stream_close(stream);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    }
    *reader = (peal_format_reader){.job = job, .stream = stream, .path = peal_strdup(path)};
    reader->image = peal_raw_schema_find(job->schema, "image", 5);
    reader->label = peal_raw_schema_find(job->schema, "label", LABEL_NAME_SIZE);
    peal_status status = reader->path ? read_header(stream, path, &reader->header, err)
                                      : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK &&
        (reader->image == SIZE_MAX || job->schema->fields[reader->image].width != reader->header.width)) {
        status = peal_fail(err, PEAL_E_DATA, "%s: items of %llu bytes do not fit the job's columns", path,
                           (unsigned long long)reader->header.width);
    }
    if (status == PEAL_OK && companion) status = read_labels(reader, companion, err);
    if (status == PEAL_OK && !companion && job->label_required) {
        status = peal_fail(err, PEAL_E_DATA, "%s: there is no IDX file of labels beside it", path);
    }
    if (status != PEAL_OK) {
        idx_close(reader);
        return status;
    }
    size_t block_size = job->options->block_size ? job->options->block_size : PEAL_BLOCK_SIZE;
    reader->items_per_block = block_size / reader->header.width + 1;
    *out = reader;
    return PEAL_OK;
}

static peal_status idx_read(peal_format_reader *reader, peal_block *block, peal_error *err) {
    uint64_t items = reader->header.items - reader->next;
    block->size = 0;
    block->number = reader->number++;
    block->first_line = reader->next + 1;
    if (items == 0)
        return expect_end(reader->stream, reader->path, reader->header.size + reader->next * reader->header.width, err);
    if (items > reader->items_per_block) items = reader->items_per_block;
    size_t wanted = (size_t)(items * reader->header.width), got;
    if (block->capacity < wanted) {
        free(block->text);
        block->capacity = 0;
        block->text = malloc(wanted + PEAL_BLOCK_PADDING);
        if (!block->text) return peal_fail(err, PEAL_E_MEMORY, "no memory for a block of %zu bytes", wanted);
        block->capacity = wanted;
    }
    PEAL_TRY(peal_stream_fill(reader->stream, (uint8_t *)block->text, wanted, &got, err));
    if (got < wanted) {
        return truncated(reader->path, &reader->header, reader->header.size + reader->next * reader->header.width + got,
                         err);
    }
    block->size = wanted;
    reader->next += items;
    return PEAL_OK;
}

static peal_status idx_parse(const peal_format_reader *reader, peal_block *block, peal_error *err) {
    size_t width = (size_t)reader->header.width, rows = block->size / width, label = reader->label;
    PEAL_TRY(peal_block_reserve(block, reader->job->schema, rows, err));
    if (!reader->job->schema->fields[reader->image].skip) memcpy(block->bytes[reader->image], block->text, block->size);
    for (size_t row = 0; row < rows && reader->job->hash_rows; row++) {
        block->hashes[row] = peal_hash(block->text + row * width, width, 0);
    }
    if (label != SIZE_MAX && !reader->job->schema->fields[label].skip) {
        static const char digits[] = "0123456789";
        peal_dictionary *dictionary = &block->dictionaries[label];
        for (size_t row = 0; row < rows; row++) {
            char text[3];
            size_t length = 0;
            unsigned value = reader->labels ? reader->labels[block->first_line - 1 + row] : 0;
            if (value >= 100) text[length++] = digits[value / 100];
            if (value >= 10) text[length++] = digits[value / 10 % 10];
            text[length++] = digits[value % 10];
            uint32_t code;
            PEAL_TRY(peal_dictionary_put(dictionary, text, reader->labels ? length : 0, &code, err));
            block->codes[label][row] = (int32_t)code;
        }
    }
    block->rows = rows;
    return PEAL_OK;
}

const peal_format peal_format_idx = {
    .name = "idx",
    .documentation = "the format of MNIST: bytes with their dimensions; labels stand in a file of one dimension",
    .recognise = idx_recognise,
    .infer = idx_infer,
    .fault = idx_fault,
    .open = idx_open,
    .read = idx_read,
    .parse = idx_parse,
    .close = idx_close,
    .is_companion = idx_is_companion,
};
