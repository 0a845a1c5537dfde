/* IDX: the header and the items. */
#include <stdlib.h>
#include <string.h>

#include "etl/format/format.h"
#include "tests/fuzz/fuzz.h"

static peal_input input_of(const uint8_t *data, size_t size) {
    peal_input input = {.name = "f"};
    peal_error err;
    if (peal_memory_stream_open(data, size, &input.stream, &err) != PEAL_OK) abort();
    return input;
}

static void read_items(const peal_format *format, const peal_schema *schema, const peal_input *input) {
    const peal_nulls nulls = {0};
    const peal_wanted wanted = {.schema = schema, .nulls = &nulls, .label = SIZE_MAX, .block_size = 64};
    peal_reader *reader;
    peal_block block;
    peal_error err;
    if (format->open(NULL, &wanted, input, &reader, &err) != PEAL_OK) return;
    peal_status status = peal_block_init(&block, schema, &err);
    while (status == PEAL_OK) {
        status = reader->next(reader, &block, &err);
        if (status != PEAL_OK || block.size == 0) break;
        status = reader->parse(reader, &block, &err);
    }
    peal_block_clear(&block);
    peal_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const peal_format *format;
    const peal_nulls nulls = {0};
    const peal_survey what = {.nulls = &nulls};
    peal_input input = input_of(data, size);
    peal_found found;
    peal_error err;
    if (peal_format_find("idx", &format, &err) != PEAL_OK) abort();
    if (format->survey(NULL, &what, &input, &found, &err) != PEAL_OK) return 0;
    if (found.schema.fields[0].width <= 1 << 20) { /* else a block of one item would be that large */
        input = input_of(data, size);
        read_items(format, &found.schema, &input);
    }
    peal_found_clear(&found);
    return 0;
}
