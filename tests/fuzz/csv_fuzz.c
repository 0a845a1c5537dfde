/* CSV: surveyed, then read in small blocks. The first byte chooses options. */
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

static void read_blocks(const peal_format *format, const json_t *options, const peal_wanted *wanted,
                        const peal_input *input) {
    peal_reader *reader;
    peal_block block;
    peal_error err;
    if (format->open(options, wanted, input, &reader, &err) != PEAL_OK) return;
    peal_status status = peal_block_init(&block, wanted->schema, &err);
    while (status == PEAL_OK) {
        status = reader->next(reader, &block, &err);
        if (status != PEAL_OK || block.size == 0) break;
        peal_table_room_reset_dictionaries(&block.table);
        status = reader->parse(reader, &block, &err);
        peal_block_forget_bad_rows(&block);
    }
    peal_block_clear(&block);
    peal_reader_close(reader);
}

static json_t *options_of(uint8_t choice) {
    static const char *const headers[] = {"auto", "yes", "no"};
    static const char *const dialects[8][2] = {
        [4] = {"delimiter", "blanks"}, [5] = {"comment", "#"}, [6] = {"escape", "\\"}, [7] = {"quote", "none"}};
    const char *const *dialect = dialects[choice >> 5];
    json_t *options = json_pack("{s:b, s:s}", "trim", choice & 1, "header", headers[(choice >> 1) % 3]);
    if (!options || (dialect[0] && json_object_set_new(options, dialect[0], json_string(dialect[1])))) abort();
    return options;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    const uint8_t choice = *data++;
    size--;
    const peal_format *format;
    const peal_nulls nulls = {0};
    const peal_survey what = {.nulls = &nulls};
    json_t *options = options_of(choice);
    peal_input input = input_of(data, size);
    peal_found found;
    peal_error err;
    if (peal_format_find("csv", &format, &err) != PEAL_OK) abort();
    if (format->survey(options, &what, &input, &found, &err) == PEAL_OK) {
        const peal_wanted wanted = {.schema = &found.schema,
                                    .nulls = &nulls,
                                    .label = found.schema.count ? found.schema.count - 1 : SIZE_MAX,
                                    .label_required = choice & 4,
                                    .hash_rows = true,
                                    .block_size = 1 + (choice >> 3) * 8u};
        input = input_of(data, size);
        read_blocks(format, options, &wanted, &input);
        peal_found_clear(&found);
    }
    json_decref(options);
    return 0;
}
