/* Named tensors: what models and checkpoints are made of. */
#ifndef PEAL_MODELS_TENSOR_H
#define PEAL_MODELS_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

typedef enum peal_tensor_type {
    PEAL_TENSOR_FLOAT32,
    PEAL_TENSOR_FLOAT64,
    PEAL_TENSOR_UINT32,
    PEAL_TENSOR_UINT8
} peal_tensor_type;

typedef struct peal_tensor {
    const char *name;
    peal_tensor_type type;
    const void *data;
    size_t rows, width; /* a matrix; rows 0 means a vector of `width` */
} peal_tensor;
/* The one of this name among `count`, or NULL. */
const peal_tensor *peal_tensor_find(const peal_tensor *tensors, size_t count, const char *name);
/* Number `index` of a tensor of float64. */
double peal_tensor_double(const peal_tensor *tensor, size_t index);
/* False if it holds a NaN or an infinity, which whole numbers and bytes do not. */
bool peal_tensor_is_finite(const peal_tensor *tensor);
/* Bytes of one number of a type. */
size_t peal_tensor_item(peal_tensor_type type);
/* Numbers of a tensor. */
size_t peal_tensor_count(const peal_tensor *tensor);

#endif
