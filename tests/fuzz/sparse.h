/* What the targets of sparse text share: recognise, survey, open and parse all blocks; what must hold of the lists. */
#ifndef PEAL_TESTS_FUZZ_SPARSE_H
#define PEAL_TESTS_FUZZ_SPARSE_H

#include <math.h>
#include <stdlib.h>

#include "etl/format/format.h"

static inline void sparse_input(const uint8_t *data, size_t size, peal_input *out) {
    *out = (peal_input){.name = "f"};
    if (peal_memory_stream_open(data, size, &out->stream, NULL) != PEAL_OK) abort();
}

/* Indices ascend, values are finite, and both columns have the same offsets. */
static inline void sparse_check(const peal_schema *schema, peal_block *block) {
    const peal_column *columns = peal_table_room_view(&block->table);
    const peal_column *indices = &columns[peal_schema_find(schema, "indices", 7)];
    const peal_column *values = &columns[peal_schema_find(schema, "values", 6)];
    for (size_t row = 0; row < block->table.rows; row++) {
        if (indices->offsets[row + 1] != values->offsets[row + 1]) abort();
        for (int32_t i = indices->offsets[row]; i < indices->offsets[row + 1]; i++) {
            const uint32_t *index = (const uint32_t *)indices->child->values + i;
            if (i > indices->offsets[row] && index[-1] >= *index) abort();
            if (*index > INT32_MAX || !isfinite(((const float *)values->child->values)[i])) abort();
        }
    }
    if (block->table.rows && indices->child->length != (size_t)indices->offsets[block->table.rows]) abort();
}

/* All rows, good and bad. */
static inline uint64_t sparse_read(const peal_format *format, const json_t *options, const peal_wanted *wanted,
                                   const uint8_t *data, size_t size) {
    peal_input input;
    peal_reader *reader;
    peal_block block;
    peal_error err;
    uint64_t rows = 0;
    sparse_input(data, size, &input);
    if (format->open(options, wanted, &input, &reader, &err) != PEAL_OK) abort();
    for (bool more = true; more;) {
        if (peal_block_init(&block, wanted->schema, &err) != PEAL_OK) abort();
        if (reader->next(reader, &block, &err) != PEAL_OK) abort();
        more = block.size > 0;
        if (more && reader->parse(reader, &block, &err) != PEAL_OK) abort();
        if (more) sparse_check(wanted->schema, &block);
        rows += block.table.rows * 65537 + block.bad_count;
        peal_block_clear(&block);
    }
    peal_reader_close(reader);
    return rows;
}

/* The first byte chooses among two values of the format's option, and more. What is read must not depend on the size of
 * blocks. */
static inline int sparse_run(const peal_format *format, const char *option, const int values[2], const uint8_t *data,
                             size_t size) {
    static const peal_nulls none = {0};
    const peal_survey what = {.nulls = &none};
    peal_found found;
    peal_input input;
    peal_error err;
    if (size < 1) return 0;
    const uint8_t choice = *data++;
    size--;
    json_t *options = json_pack("{s:i}", option, values[choice & 1]);
    (void)format->recognise(data, size < PEAL_HEAD_SIZE ? size : PEAL_HEAD_SIZE, "f");
    sparse_input(data, size, &input);
    if (format->survey(options, &what, &input, &found, &err) != PEAL_OK) abort();
    peal_wanted wanted = {.schema = &found.schema, .nulls = &none, .hash_rows = choice & 8};
    wanted.label_required = choice & 4;
    wanted.block_size = 1 << 17; /* all there is: targets get up to 64 KB */
    const uint64_t rows = sparse_read(format, options, &wanted, data, size);
    wanted.block_size = 1 + (choice >> 4) * 5u;
    if (sparse_read(format, options, &wanted, data, size) != rows) abort();
    peal_found_clear(&found);
    json_decref(options);
    return 0;
}

#endif
