/* Arrow files: opened, verified, every value looked at. */
#include <stdlib.h>
#include <string.h>

#include "etl/table/arrow/file.h"
#include "tests/fuzz/fuzz.h"

static uint64_t sum;

static void look_at(const peal_table *table) {
    for (size_t i = 0; i < table->column_count; i++) {
        const peal_column *column = &table->columns[i];
        size_t size = table->rows * peal_column_row_values(column) * peal_type_size(column->type);
        for (size_t at = 0; at < size; at++) sum += ((const uint8_t *)column->values)[at];
        for (size_t at = 0; column->validity && at < (table->rows + 7) / 8; at++) sum += column->validity[at];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    peal_arrow_file *file;
    peal_error err;
    uint8_t *aligned = aligned_alloc(64, (size / 64 + 1) * 64); /* as a map would be */
    if (!aligned) abort();
    if (size) memcpy(aligned, data, size);
    if (peal_arrow_file_parse(aligned, size, "f", &file, &err) == PEAL_OK) {
        for (size_t i = 0; i < peal_arrow_file_batches(file); i++) look_at(peal_arrow_file_batch(file, i));
        peal_arrow_file_verify(file, &err);
        peal_arrow_file_close(file);
    }
    free(aligned);
    return 0;
}
