/* Rows as databases give them. The first byte chooses how they are read. */
#include "tests/fuzz/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    fuzz_table(&peal_format_rows, NULL, data[0], data + 1, size - 1);
    return 0;
}
