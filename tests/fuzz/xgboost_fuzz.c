/* XGBoost's JSON models: refused, or a model that predicts a row. */
#include "tests/fuzz/interchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    interchange_fuzz(data, size);
    return 0;
}
