/* vw: lines of Vowpal Wabbit. */
#include "etl/format/formats.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/sparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int bits[] = {3, 18};
    return sparse_run(&peal_format_vw, "bits", bits, data, size);
}
