/* Bytes to numbers.
 *   x [n, k] uint8;  out [n, k] = x / 255.   Nothing is learnt in front of it, so there is no backward. */
#include "core/base/vector.h"
#include "ops/op/op.h"

static peal_status bytes_infer(peal_node *node, peal_error *err) {
    if (node->inputs[0]->element != PEAL_ELEMENT_UINT8) return peal_fail(err, PEAL_E_USAGE, "bytes wants uint8 values");
    return ops__infer_same(node, err);
}

PEAL_VECTOR static void scale(float *restrict out, const uint8_t *restrict x, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = (float)x[i] * (1.0f / 255.0f);
}

static void bytes_forward(peal_node *node, peal_run *run) {
    scale(node->value, node->inputs[0]->value, run->rows * node->width);
}

static void bytes_backward(peal_node *node, const peal_run *run) {
    (void)node;
    (void)run;
}

const peal_op peal_op_bytes = {
    .name = "bytes",
    .documentation = "uint8 values divided by 255",
    .input_count = 1,
    .infer = bytes_infer,
    .forward = bytes_forward,
    .backward = bytes_backward,
};
