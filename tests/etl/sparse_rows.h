/* Reads sparse text by a format and writes down what came out, for the tests of libsvm and vw: a line a row,
 * "label=1 qid=7 | 3:0.5 9:1", and a line a bad row, "line 4: reason". */
#ifndef PEAL_TESTS_ETL_SPARSE_ROWS_H
#define PEAL_TESTS_ETL_SPARSE_ROWS_H

#include "core/base/file.h"
#include "etl/format/formats.h"
#include "tests/support.h"

typedef struct sparse_read {
    const peal_format *format;
    const json_t *options;
    size_t block_size;
    bool label_required;
    const char *skip;  /* a column that nobody wants; NULL: all are wanted */
    const char *label; /* the name of a label that the survey does not find; NULL: the format's own */
} sparse_read;

static inline peal_status sparse_survey(const sparse_read *how, const char *text, size_t size, peal_found *found,
                                        peal_error *out_error) {
    static const peal_nulls none = {0};
    peal_error err;
    const peal_survey what = {.nulls = &none};
    peal_input input = {.name = "f"};
    assert_ok(peal_memory_stream_open(text, size, &input.stream, &err));
    return how->format->survey(how->options, &what, &input, found, out_error);
}

static inline void sparse_write_row(const peal_schema *schema, const peal_column *columns, size_t row,
                                    peal_buffer *out) {
    peal_error err;
    const peal_column *indices = NULL, *values = NULL;
    for (size_t i = 0; i < schema->count; i++) {
        const peal_column *column = &columns[i];
        if (schema->fields[i].skip) continue;
        if (strcmp(column->name, "indices") == 0) indices = column;
        if (strcmp(column->name, "values") == 0) values = column;
        if (peal_types[column->type].has_child) continue;
        assert_ok(peal_buffer_append(out, column->name, strlen(column->name), &err));
        assert_ok(peal_buffer_append(out, "=", 1, &err));
        assert_ok(peal_types[column->type].text(column, row, out, &err));
        assert_ok(peal_buffer_append(out, " ", 1, &err));
    }
    assert_ok(peal_buffer_append(out, "|", 1, &err));
    const peal_column *list = indices ? indices : values;
    if (indices && values) assert_int_equal(indices->offsets[row + 1], values->offsets[row + 1]);
    for (int32_t i = list ? list->offsets[row] : 0; list && i < list->offsets[row + 1]; i++) {
        char pair[64];
        const double value = values ? (double)((const float *)values->child->values)[i] : 0;
        const unsigned index = indices ? ((const uint32_t *)indices->child->values)[i] : 0;
        int used = snprintf(pair, sizeof pair, " ");
        if (indices) used += snprintf(pair + used, 16, "%u", index);
        if (values) snprintf(pair + used, 32, indices ? ":%.9g" : "%.9g", value);
        assert_ok(peal_buffer_append(out, pair, strlen(pair), &err));
    }
    assert_ok(peal_buffer_append(out, "\n", 1, &err));
}

static inline void sparse_write_block(const peal_schema *schema, peal_block *block, peal_buffer *out) {
    peal_error err;
    const peal_column *columns = peal_table_room_view(&block->table);
    for (size_t row = 0, bad = 0; row < block->table.rows || bad < block->bad_count;) {
        if (bad < block->bad_count && block->bad_rows[bad].before == row) {
            char text[400];
            snprintf(text, sizeof text, "line %llu: %s\n", (unsigned long long)block->bad_rows[bad].line,
                     block->bad_rows[bad].reason);
            assert_ok(peal_buffer_append(out, text, strlen(text), &err));
            bad++;
        } else {
            sparse_write_row(schema, columns, row++, out);
        }
    }
}

/* Appends the rows of `text` to `out`, NUL-terminated; the status is that of the format's `open` or of a block. */
static inline peal_status sparse_rows(const sparse_read *how, const char *text, size_t size, peal_buffer *out,
                                      peal_error *out_error) {
    static const peal_nulls none = {0};
    peal_error err;
    peal_found found;
    peal_block block;
    peal_reader *reader = NULL;
    assert_ok(sparse_survey(how, text, size, &found, &err));
    if (how->label) {
        assert_ok(peal_schema_add(&found.schema, how->label, strlen(how->label), PEAL_TYPE_DICTIONARY, &err));
    }
    const char *label = how->label ? how->label : found.label;
    peal_wanted wanted = {.schema = &found.schema,
                          .nulls = &none,
                          .label = peal_schema_find(&found.schema, label, strlen(label)),
                          .label_required = how->label_required,
                          .block_size = how->block_size};
    const size_t skipped = how->skip ? peal_schema_find(&found.schema, how->skip, strlen(how->skip)) : SIZE_MAX;
    if (skipped != SIZE_MAX) found.schema.fields[skipped].skip = true;
    peal_input input = {.name = "f"};
    assert_ok(peal_memory_stream_open(text, size, &input.stream, &err));
    peal_status status = how->format->open(how->options, &wanted, &input, &reader, out_error);
    for (bool more = true; status == PEAL_OK && more;) {
        assert_ok(peal_block_init(&block, &found.schema, &err)); /* each thread comes with its own */
        status = reader->next(reader, &block, out_error);
        more = block.size > 0;
        if (status == PEAL_OK && more) status = reader->parse(reader, &block, out_error);
        if (status == PEAL_OK && more) sparse_write_block(&found.schema, &block, out);
        peal_block_clear(&block);
    }
    assert_ok(peal_buffer_append(out, "", 1, &err));
    peal_reader_close(reader);
    peal_found_clear(&found);
    return status;
}

/* Asserts that the text reads as `rows`, whatever the size of blocks. */
static inline void assert_sparse_rows(const sparse_read *how, const char *text, const char *rows) {
    static const size_t sizes[] = {0, 1, 7, 64};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sparse_read small = *how;
        peal_buffer out = {0};
        peal_error err;
        small.block_size = sizes[i];
        assert_ok(sparse_rows(&small, text, strlen(text), &out, &err));
        assert_string_equal((const char *)out.data, rows);
        peal_buffer_clear(&out);
    }
}

/* The same of a golden file: tests/data/NAME reads as tests/data/ROWS says. */
static inline void assert_sparse_golden(const sparse_read *how, const char *name, const char *rows) {
    peal_buffer text = {0}, expected = {0};
    peal_error err;
    assert_ok(peal_file_read(name, &text, &err));
    assert_ok(peal_file_read(rows, &expected, &err));
    assert_ok(peal_buffer_append(&text, "", 1, &err));
    assert_ok(peal_buffer_append(&expected, "", 1, &err));
    assert_sparse_rows(how, (const char *)text.data, (const char *)expected.data);
    peal_buffer_clear(&text);
    peal_buffer_clear(&expected);
}

#endif
