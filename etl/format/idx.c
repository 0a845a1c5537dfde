/* IDX, the format of MNIST: a magic number (two zero bytes, a type, the number of dimensions), the sizes as big-endian
 * 32-bit numbers, then the items. Source: "THE IDX FILE FORMAT" on the MNIST page of LeCun, Cortes and Burges.
 *
 * A file with two or more dimensions holds the features; one with one dimension holds their labels and is its
 * companion. Items are unsigned bytes. */
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "etl/format/formats.h"

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

static bool is_idx(const uint8_t *head, size_t size) {
    return size >= 4 && head[0] == 0 && head[1] == 0 && head[2] >= 0x08 && head[2] <= 0x0E && head[3] >= 1;
}

static int idx_recognise(const uint8_t *head, size_t size, const char *name) {
    (void)name;
    return is_idx(head, size) ? 90 : 0;
}

static bool idx_is_companion(const uint8_t *head, size_t size) {
    return is_idx(head, size) && head[3] == 1;
}

static peal_status parse_header(const char *path, const uint8_t *head, size_t size, idx_header *out, peal_error *err) {
    if (!is_idx(head, size)) {
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

typedef struct idx_reader {
    peal_reader base;
    const peal_wanted *wanted;
    peal_stream *stream;
    char *path;
    idx_header header;
    uint8_t *labels; /* [items], NULL if there are none */
    uint64_t next;   /* the first item of the next block */
    uint64_t number;
    size_t items_per_block;
    size_t image, label; /* columns */
} idx_reader;

static void idx_close(peal_reader *base) {
    idx_reader *reader = (idx_reader *)base;
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

static peal_status read_labels(idx_reader *reader, const peal_input *input, peal_error *err) {
    const char *path = input->labels_name;
    idx_header header = {0};
    PEAL_TRY(read_header(input->labels, path, &header, err));
    if (header.dimensions != 1 || header.items != reader->header.items) {
        return peal_fail(err, PEAL_E_DATA, "%s holds %llu labels for the %llu items of %s", path,
                         (unsigned long long)header.items, (unsigned long long)reader->header.items, reader->path);
    }
    PEAL_TRY(peal_alloc_checked(&reader->labels, header.items, 1, "labels", err));
    size_t got = 0;
    PEAL_TRY(peal_stream_fill(input->labels, reader->labels, header.items, &got, err));
    if (got < header.items) return truncated(path, &header, header.size + got, err);
    return expect_end(input->labels, path, header.size + got, err);
}

/* ---- survey ---- */

static peal_status add_columns(const idx_header *header, peal_found *out, peal_error *err) {
    peal_schema *schema = &out->schema;
    PEAL_TRY(peal_schema_add(schema, "image", 5, PEAL_TYPE_FIXED_LIST, err));
    PEAL_TRY(peal_schema_add(schema, "label", LABEL_NAME_SIZE, PEAL_TYPE_DICTIONARY, err));
    schema->fields[0].item = PEAL_TYPE_UINT8;
    schema->fields[0].width = (uint32_t)header->width;
    for (size_t i = 0; i < schema->count; i++) schema->fields[i].settled = schema->fields[i].decided = true;
    out->label = "label";
    return peal_alloc_checked(&out->guesses, schema->count, sizeof *out->guesses, "columns", err);
}

static peal_status idx_survey(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                              peal_error *err) {
    (void)options;
    (void)what;
    idx_header header = {0};
    *out = (peal_found){0};
    peal_status status = read_header(input->stream, input->name, &header, err);
    if (status == PEAL_OK && header.dimensions == 1) {
        status = peal_fail(err, PEAL_E_DATA, "%s holds labels only; name the file with their items too", input->name);
    }
    if (status == PEAL_OK) status = add_columns(&header, out, err);
    peal_stream_close(input->stream);
    peal_stream_close(input->labels);
    if (status != PEAL_OK) peal_found_clear(out);
    return status;
}

/* ---- reading ---- */

static bool fits(const idx_reader *reader) {
    if (reader->image == SIZE_MAX) return false;
    const peal_field *image = &reader->wanted->schema->fields[reader->image];
    return image->type == PEAL_TYPE_FIXED_LIST && image->item == PEAL_TYPE_UINT8 &&
           image->width == reader->header.width;
}

static peal_status idx_begin(idx_reader *reader, const peal_input *input, peal_error *err) {
    const peal_schema *schema = reader->wanted->schema;
    reader->image = peal_schema_find(schema, "image", 5);
    reader->label = peal_schema_find(schema, "label", LABEL_NAME_SIZE);
    if (!reader->path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    PEAL_TRY(read_header(reader->stream, reader->path, &reader->header, err));
    if (!fits(reader)) {
        char names[PEAL_NAMES_TEXT];
        return peal_fail(err, PEAL_E_DATA, "%s: items of %llu bytes do not fit the job's columns, which are %s",
                         reader->path, (unsigned long long)reader->header.width, peal_schema_names(schema, names));
    }
    if (input->labels) return read_labels(reader, input, err);
    if (!reader->wanted->label_required) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: there is no IDX file of labels beside it: name both files", reader->path);
}

static peal_status idx_next(peal_reader *base, peal_block *block, peal_error *err) {
    idx_reader *reader = (idx_reader *)base;
    uint64_t items = reader->header.items - reader->next;
    block->size = 0;
    block->records = 0;
    block->number = reader->number++;
    block->first_line = reader->next + 1;
    if (items == 0)
        return expect_end(reader->stream, reader->path, reader->header.size + reader->next * reader->header.width, err);
    if (items > reader->items_per_block) items = reader->items_per_block;
    size_t wanted = (size_t)(items * reader->header.width), got;
    PEAL_TRY(peal_block_grow(block, wanted, err));
    PEAL_TRY(peal_stream_fill(reader->stream, (uint8_t *)block->text, wanted, &got, err));
    if (got < wanted) {
        return truncated(reader->path, &reader->header, reader->header.size + reader->next * reader->header.width + got,
                         err);
    }
    block->size = wanted;
    block->records = items;
    reader->next += items;
    return PEAL_OK;
}

/* The label's value in decimal digits; the empty text if there are no labels. */
static size_t label_text(const idx_reader *reader, uint64_t item, char text[3]) {
    size_t length = 0;
    const unsigned value = reader->labels ? reader->labels[item] : 0;
    if (!reader->labels) return 0;
    if (value >= 100) text[length++] = (char)('0' + value / 100);
    if (value >= 10) text[length++] = (char)('0' + value / 10 % 10);
    text[length++] = (char)('0' + value % 10);
    return length;
}

static peal_status idx_parse(const peal_reader *base, peal_block *block, peal_error *err) {
    const idx_reader *reader = (const idx_reader *)base;
    const peal_schema *schema = reader->wanted->schema;
    const size_t width = (size_t)reader->header.width, rows = block->size / width, label = reader->label;
    PEAL_TRY(peal_block_reserve(block, reader->wanted, rows, err));
    if (!schema->fields[reader->image].skip) {
        memcpy(block->table.columns[reader->image].values, block->text, block->size);
    }
    for (size_t row = 0; row < rows && reader->wanted->hash_rows; row++) {
        block->hashes[row] = peal_hash(block->text + row * width, width, 0);
    }
    const bool labelled = label != SIZE_MAX && !schema->fields[label].skip;
    int32_t *codes = labelled ? block->table.columns[label].values : NULL;
    for (size_t row = 0; row < rows && labelled; row++) {
        char text[3];
        const size_t length = label_text(reader, block->first_line - 1 + row, text);
        uint32_t code;
        PEAL_TRY(peal_dictionary_put(&block->table.dictionaries[label], text, length, &code, err));
        codes[row] = (int32_t)code;
    }
    block->table.rows = rows;
    return PEAL_OK;
}

static peal_status idx_open(const json_t *options, const peal_wanted *wanted, const peal_input *input,
                            peal_reader **out, peal_error *err) {
    (void)options;
    *out = NULL;
    idx_reader *reader = calloc(1, sizeof *reader);
    peal_status status = PEAL_OK;
    if (reader) {
        *reader = (idx_reader){.base = {.next = idx_next, .parse = idx_parse, .close = idx_close},
                               .wanted = wanted,
                               .stream = input->stream,
                               .path = peal_strdup(input->name)};
        status = idx_begin(reader, input, err);
    } else {
        peal_stream_close(input->stream);
        status = peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    }
    peal_stream_close(input->labels);
    if (status != PEAL_OK) {
        if (reader) idx_close(&reader->base);
        return status;
    }
    const size_t block_size = wanted->block_size ? wanted->block_size : PEAL_BLOCK_SIZE;
    reader->items_per_block = block_size / reader->header.width + 1;
    *out = &reader->base;
    return PEAL_OK;
}

static const char *const idx_suffixes[] = {".idx", "-ubyte", NULL};
static const peal_option idx_options[] = {{.name = NULL}};

const peal_format peal_format_idx = {
    .name = "idx",
    .documentation = "the format of MNIST: bytes with their dimensions; labels stand in a file of one dimension",
    .suffixes = idx_suffixes,
    .options = idx_options,
    .recognise = idx_recognise,
    .survey = idx_survey,
    .open = idx_open,
    .is_companion = idx_is_companion,
};
