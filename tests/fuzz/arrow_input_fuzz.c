/* Arrow data of anybody: files and streams. The first byte chooses how it is read. */
#include "tests/fuzz/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0) fuzz_table(&peal_format_arrow, NULL, data[0], data + 1, size - 1);
    return 0;
}
