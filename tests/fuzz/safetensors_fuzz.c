/* safetensors files: parsed, every value looked at. */
#include "models/predict/safetensors.h"
#include "tests/fuzz/fuzz.h"

static double sum;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    peal_safetensors *file;
    peal_error err;
    if (peal_safetensors_parse(data, size, "f", &file, &err) != PEAL_OK) return 0;
    for (size_t i = 0; i < peal_safetensors_count(file); i++) {
        const peal_tensor *tensor = peal_safetensors_at(file, i);
        for (size_t at = 0; at < (tensor->rows ? tensor->rows : 1) * tensor->width; at++) {
            sum += tensor->type == PEAL_TENSOR_FLOAT64   ? peal_tensor_double(tensor, at)
                   : tensor->type == PEAL_TENSOR_FLOAT32 ? (double)((const float *)tensor->data)[at]
                                                         : ((const uint8_t *)tensor->data)[at];
        }
    }
    peal_safetensors_metadata(file, "kind");
    peal_safetensors_close(file);
    return 0;
}
