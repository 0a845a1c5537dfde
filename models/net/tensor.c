/* Numbers of tensors; see tensor.h. */
#include "models/net/tensor.h"

#include <stdint.h>
#include <string.h>

size_t peal_tensor_item(peal_tensor_type type) {
    static const size_t items[] = {[PEAL_TENSOR_FLOAT32] = sizeof(float),
                                   [PEAL_TENSOR_FLOAT64] = sizeof(double),
                                   [PEAL_TENSOR_UINT32] = sizeof(uint32_t),
                                   [PEAL_TENSOR_UINT8] = 1};
    return items[type];
}

size_t peal_tensor_count(const peal_tensor *tensor) {
    return (tensor->rows ? tensor->rows : 1) * tensor->width;
}

const peal_tensor *peal_tensor_find(const peal_tensor *tensors, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tensors[i].name, name) == 0) return &tensors[i];
    }
    return NULL;
}

double peal_tensor_double(const peal_tensor *tensor, size_t index) {
    double number; /* the data need not be aligned */
    memcpy(&number, (const char *)tensor->data + index * sizeof number, sizeof number);
    return number;
}

bool peal_tensor_is_finite(const peal_tensor *tensor) {
    const size_t count = peal_tensor_count(tensor);
    float sum = 0; /* x * 0 is 0 of all finite x and NaN of others */
    double long_sum = 0;
    if (tensor->type == PEAL_TENSOR_FLOAT64) {
        for (size_t i = 0; i < count; i++) long_sum += peal_tensor_double(tensor, i) * 0;
    } else if (tensor->type == PEAL_TENSOR_FLOAT32) {
        for (size_t i = 0; i < count; i++) sum += ((const float *)tensor->data)[i] * 0;
    }
    return sum == 0 && long_sum == 0;
}
