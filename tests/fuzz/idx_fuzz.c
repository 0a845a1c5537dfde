/* IDX: the header and the items. */
#include <stdlib.h>
#include <string.h>

#include "etl/format/format.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    peal_format_options options = {.block_size = 64};
    peal_raw_schema schema = {0};
    peal_error err;
    peal_stream *stream;
    peal_format_reader *reader;
    if (peal_format_idx.infer("f", (const char *)data, size, true, &options, &schema, &err) != PEAL_OK) return 0;
    const peal_format_job job = {.options = &options, .schema = &schema, .label = SIZE_MAX};
    if (schema.fields[0].width > 1 << 20) { /* a block of one item would be that large */
        peal_raw_schema_clear(&schema);
        return 0;
    }
    if (peal_memory_stream_open(data, size, &stream, &err) != PEAL_OK) abort();
    if (peal_format_idx.open(&job, "f", NULL, stream, &reader, &err) == PEAL_OK) {
        peal_block block;
        peal_status status = peal_block_init(&block, &schema, &err);
        while (status == PEAL_OK) {
            status = peal_format_idx.read(reader, &block, &err);
            if (status != PEAL_OK || block.size == 0) break;
            status = peal_format_idx.parse(reader, &block, &err);
        }
        peal_block_clear(&block);
        peal_format_idx.close(reader);
    }
    peal_raw_schema_clear(&schema);
    return 0;
}
