/* libsvm: lines of a label, indices and values. */
#include "etl/format/formats.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/sparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int base[] = {0, 1};
    return sparse_run(&peal_format_libsvm, "base", base, data, size);
}
