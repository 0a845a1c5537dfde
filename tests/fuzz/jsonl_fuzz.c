/* JSON Lines: surveyed, then read in small blocks. The first byte chooses their size and the types. */
#include <stdlib.h>

#include "etl/format/formats.h"
#include "tests/fuzz/fuzz.h"

static peal_input input_of(const uint8_t *data, size_t size) {
    peal_input input = {.name = "f"};
    peal_error err;
    if (peal_memory_stream_open(data, size, &input.stream, &err) != PEAL_OK) abort();
    return input;
}

static void read_blocks(const peal_wanted *wanted, const uint8_t *data, size_t size) {
    const peal_input input = input_of(data, size);
    peal_reader *reader;
    peal_block block;
    peal_error err;
    if (peal_format_jsonl.open(NULL, wanted, &input, &reader, &err) != PEAL_OK) return;
    peal_status status = peal_block_init(&block, wanted->schema, &err);
    while (status == PEAL_OK) {
        status = reader->next(reader, &block, &err);
        if (status != PEAL_OK || block.size == 0) break;
        peal_table_room_reset_dictionaries(&block.table);
        status = reader->parse(reader, &block, &err);
        /* Each record is a row, a bad one, or a blank line. */
        if (status == PEAL_OK && block.table.rows + block.bad_count > block.records) abort();
    }
    peal_block_clear(&block);
    peal_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    const uint8_t choice = *data++;
    size--;
    const peal_nulls nulls = {0};
    const peal_survey what = {.nulls = &nulls};
    const peal_input input = input_of(data, size);
    peal_found found;
    peal_error err;
    (void)peal_format_jsonl.recognise(data, size < PEAL_HEAD_SIZE ? size : PEAL_HEAD_SIZE, "f");
    if (peal_format_jsonl.survey(NULL, &what, &input, &found, &err) != PEAL_OK) return 0;
    for (size_t i = 0; i < found.schema.count; i++) {
        if (choice & 1) found.schema.fields[i].type = PEAL_TYPE_DICTIONARY;
        if (choice & 2) found.schema.fields[i].skip = i % 2;
    }
    const peal_wanted wanted = {.schema = &found.schema,
                                .nulls = &nulls,
                                .label = found.schema.count - 1,
                                .label_required = choice & 4,
                                .hash_rows = true,
                                .block_size = 1 + (choice >> 3) * 8u};
    read_blocks(&wanted, data, size);
    peal_found_clear(&found);
    return 0;
}
