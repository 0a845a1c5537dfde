/* Reads an input of any format into memory, for tests of formats: surveyed, opened, block after block, each value as
 * its text and as its number. */
#ifndef PEAL_TESTS_READ_TABLE_H
#define PEAL_TESTS_READ_TABLE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "etl/format/format.h"
#include "tests/support.h"

typedef struct read_options {
    const json_t *options;
    const char *label; /* NULL: none */
    size_t block_size;
    bool as_text;  /* all columns but those of bytes are wanted as text */
    bool as_given; /* `given` is wanted, and no survey made */
    const peal_schema *given;
    bool label_optional, hash_rows;
    size_t step; /* bytes a read of a stream that cannot be read at an offset; 0: one that can */
} read_options;

typedef struct read_table {
    peal_schema schema;
    peal_guess *guesses;
    char ***texts;    /* [columns][rows] of DICTIONARY and BOOL; "" is missing */
    double **numbers; /* [columns][rows] of FLOAT64 */
    uint8_t **bytes;  /* [columns][rows * width] of FIXED_LIST */
    uint64_t *hashes;
    size_t rows, bad, blocks;
    char bad_reason[400];
    uint64_t bad_line;
} read_table;

static inline void read_table_clear(read_table *table) {
    for (size_t i = 0; i < table->schema.count; i++) {
        for (size_t row = 0; table->texts && table->texts[i] && row < table->rows; row++) free(table->texts[i][row]);
        if (table->texts) free(table->texts[i]);
        if (table->numbers) free(table->numbers[i]);
        if (table->bytes) free(table->bytes[i]);
    }
    free(table->texts);
    free(table->numbers);
    free(table->bytes);
    free(table->guesses);
    free(table->hashes);
    peal_schema_clear(&table->schema);
    *table = (read_table){0};
}

static inline void read_table_add(read_table *table, peal_block *block) {
    const size_t rows = table->rows + block->table.rows;
    const peal_column *columns = peal_table_room_view(&block->table);
    for (size_t i = 0; i < table->schema.count; i++) {
        const peal_field *field = &table->schema.fields[i];
        const peal_column *column = &columns[i];
        if (field->skip) continue;
        if (field->type == PEAL_TYPE_FLOAT64) {
            table->numbers[i] = realloc(table->numbers[i], (rows + 1) * sizeof(double));
            memcpy(table->numbers[i] + table->rows, column->values, block->table.rows * sizeof(double));
        } else if (field->type == PEAL_TYPE_FIXED_LIST) {
            table->bytes[i] = realloc(table->bytes[i], rows * field->width + 1);
            memcpy(table->bytes[i] + table->rows * field->width, column->child->values,
                   block->table.rows * field->width);
        } else {
            table->texts[i] = realloc(table->texts[i], (rows + 1) * sizeof(char *));
            for (size_t row = 0; row < block->table.rows; row++) {
                peal_buffer text = {0};
                if (peal_column_is_valid(column, row)) {
                    assert_int_equal(peal_types[column->type].text(column, row, &text, NULL), PEAL_OK);
                }
                table->texts[i][table->rows + row] = peal_strndup((const char *)text.data, text.size);
                peal_buffer_clear(&text);
            }
        }
    }
    if (block->hashes) {
        table->hashes = realloc(table->hashes, (rows + 1) * sizeof(uint64_t));
        memcpy(table->hashes + table->rows, block->hashes, block->table.rows * sizeof(uint64_t));
    }
    table->rows = rows;
    if (block->bad_count > 0 && table->bad == 0) {
        snprintf(table->bad_reason, sizeof table->bad_reason, "%s", block->bad_rows[0].reason);
        table->bad_line = block->bad_rows[0].line;
    }
    table->bad += block->bad_count;
    table->blocks++;
}

/* A stream over memory that reads on only. */
typedef struct slow_stream {
    peal_stream base;
    const uint8_t *bytes;
    size_t left, step;
} slow_stream;

static inline peal_status slow_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    (void)err;
    slow_stream *self = (slow_stream *)base;
    *got = self->step < capacity ? self->step : capacity;
    if (*got > self->left) *got = self->left;
    memcpy(out, self->bytes, *got);
    self->bytes += *got;
    self->left -= *got;
    return PEAL_OK;
}

static inline void slow_close(peal_stream *base) {
    free(base);
}

static inline peal_stream *read_stream(const void *bytes, size_t size, size_t step) {
    peal_stream *stream;
    if (step == 0) {
        assert_int_equal(peal_memory_stream_open(bytes, size, &stream, NULL), PEAL_OK);
        return stream;
    }
    slow_stream *self = malloc(sizeof *self);
    if (!self) abort();
    *self = (slow_stream){{.read = slow_read, .close = slow_close, .size = UINT64_MAX}, bytes, size, step};
    return &self->base;
}

static inline peal_status read_blocks(const peal_format *format, const peal_wanted *wanted, const json_t *options,
                                      const peal_input *input, read_table *out, peal_error *err) {
    peal_reader *reader;
    peal_block block;
    peal_status status = format->open(options, wanted, input, &reader, err);
    if (status != PEAL_OK) return status;
    status = peal_block_init(&block, wanted->schema, err);
    while (status == PEAL_OK) {
        status = reader->next(reader, &block, err);
        if (status != PEAL_OK || (block.size == 0 && block.records == 0)) break;
        peal_table_room_reset_dictionaries(&block.table);
        status = reader->parse(reader, &block, err);
        if (status == PEAL_OK) read_table_add(out, &block);
        peal_block_forget_bad_rows(&block);
    }
    peal_block_clear(&block);
    peal_reader_close(reader);
    return status;
}

static inline peal_status read_input(const peal_format *format, const void *bytes, size_t size, const read_options *how,
                                     read_table *out, peal_error *err) {
    static const peal_nulls no_nulls = {0};
    const peal_survey what = {.nulls = &no_nulls, .label = how->label};
    peal_input input = {.name = "f", .stream = read_stream(bytes, size, how->step)};
    peal_found found = {0};
    peal_status status = PEAL_OK;
    *out = (read_table){0};
    if (how->as_given) {
        peal_stream_close(input.stream);
        assert_int_equal(peal_schema_copy(how->given, &out->schema, err), PEAL_OK);
    } else {
        status = format->survey(how->options, &what, &input, &found, err);
        if (status != PEAL_OK) return status;
        out->schema = found.schema;
        out->guesses = found.guesses;
    }
    for (size_t i = 0; i < out->schema.count && how->as_text; i++) {
        if (out->schema.fields[i].type != PEAL_TYPE_FIXED_LIST) out->schema.fields[i].type = PEAL_TYPE_DICTIONARY;
    }
    const size_t label = how->label ? peal_schema_find(&out->schema, how->label, strlen(how->label)) : SIZE_MAX;
    const peal_wanted wanted = {.schema = &out->schema,
                                .nulls = &no_nulls,
                                .label = label,
                                .label_required = label != SIZE_MAX && !how->label_optional,
                                .hash_rows = how->hash_rows,
                                .block_size = how->block_size};
    out->texts = calloc(out->schema.count + 1, sizeof *out->texts);
    out->numbers = calloc(out->schema.count + 1, sizeof *out->numbers);
    out->bytes = calloc(out->schema.count + 1, sizeof *out->bytes);
    input.stream = read_stream(bytes, size, how->step);
    return read_blocks(format, &wanted, how->options, &input, out, err);
}

/* A file of tests/data, whose bytes the caller frees. */
static inline void read_golden(const char *name, peal_buffer *out) {
    peal_error err;
    char *path = test_path("tests/data", name);
    assert_ok(peal_file_read(path, out, &err));
    free(path);
}

#endif
