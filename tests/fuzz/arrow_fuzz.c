/* Arrow files: opened, verified, every value looked at. */
#include <stdlib.h>
#include <string.h>

#include "etl/table/arrow/file.h"
#include "tests/fuzz/fuzz.h"

static uint64_t sum;

/* Bytes of `values`: bits of booleans, what the offsets lead into, or so many a row. */
static size_t value_bytes(const peal_column *column) {
    const peal_type_info *info = &peal_types[column->type];
    if (info->has_child) return 0;
    if (info->has_offsets) return column->length ? (size_t)column->offsets[column->length] : 0;
    if (column->type == PEAL_TYPE_BOOL) return (column->length + 7) / 8;
    return column->length * peal_column_value_size(column);
}

static void look_at_column(const peal_column *column) {
    const size_t size = value_bytes(column);
    for (size_t at = 0; at < size; at++) sum += ((const uint8_t *)column->values)[at];
    for (size_t at = 0; column->validity && at < (column->length + 7) / 8; at++) sum += column->validity[at];
    for (size_t at = 0; column->offsets && at <= column->length; at++) sum += (uint64_t)column->offsets[at];
    if (column->child) look_at_column(column->child);
}

static void look_at(const peal_table *table) {
    for (size_t i = 0; i < table->column_count; i++) look_at_column(&table->columns[i]);
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
