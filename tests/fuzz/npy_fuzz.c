/* NumPy arrays and archives of them. The first byte chooses how they are read. */
#include "tests/fuzz/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const bool archive = size > 2 && data[1] == 'P';
    fuzz_table(archive ? &peal_format_npz : &peal_format_npy, NULL, data[0], data + 1, size - 1);
    return 0;
}
