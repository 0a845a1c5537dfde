/* CSV: planned, then read in small blocks. The first byte chooses options. */
#include <stdlib.h>
#include <string.h>

#include "etl/format/format.h"
#include "tests/fuzz/fuzz.h"

static void read_blocks(const peal_format_job *job, const uint8_t *data, size_t size) {
    peal_stream *stream;
    peal_format_reader *reader;
    peal_block block;
    peal_error err;
    if (peal_memory_stream_open(data, size, &stream, &err) != PEAL_OK) abort();
    if (peal_format_csv.open(job, "f", NULL, stream, &reader, &err) != PEAL_OK) return;
    peal_status status = peal_block_init(&block, job->schema, &err);
    while (status == PEAL_OK) {
        status = peal_format_csv.read(reader, &block, &err);
        if (status != PEAL_OK || block.size == 0) break;
        peal_block_reset_dictionaries(&block);
        status = peal_format_csv.parse(reader, &block, &err);
        peal_block_forget_bad_rows(&block);
    }
    peal_block_clear(&block);
    peal_format_csv.close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    uint8_t choice = *data++;
    size--;
    peal_format_options options = {
        .trim = choice & 1, .header = (peal_header)((choice >> 1) % 3), .block_size = 1 + (choice >> 3) * 8u};
    peal_raw_schema schema = {0};
    peal_error err;
    char *sample = calloc(1, size + PEAL_BLOCK_PADDING);
    if (!sample) abort();
    memcpy(sample, data, size);
    if (peal_format_csv.infer("f", sample, size, true, &options, &schema, &err) == PEAL_OK) {
        const peal_format_job job = {.options = &options,
                                     .schema = &schema,
                                     .label = schema.count - 1,
                                     .label_required = choice & 4,
                                     .hash_rows = true};
        read_blocks(&job, data, size);
        peal_raw_schema_clear(&schema);
    }
    free(sample);
    return 0;
}
