/* Sum of two values.
 *   a [n, k], b [n, k];  out [n, k] = a + b.   Backward: da = dout, db = dout. */
#include <string.h>

#include "core/base/vector.h"
#include "ops/op/op.h"

static peal_status add_infer(peal_node *node, peal_error *err) {
    if (node->inputs[0]->width != node->inputs[1]->width) return peal_fail(err, PEAL_E_USAGE, "add: widths differ");
    return ops__infer_same(node, err);
}

PEAL_VECTOR static void sum(float *restrict out, const float *restrict a, const float *restrict b, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = a[i] + b[i];
}

static void add_forward(peal_node *node, peal_run *run) {
    sum(node->value, node->inputs[0]->value, node->inputs[1]->value, run->rows * node->width);
}

static void add_backward(peal_node *node, const peal_run *run) {
    size_t size = run->rows * node->width * sizeof(float);
    if (node->inputs[0]->grad) memcpy(node->inputs[0]->grad, node->grad, size);
    if (node->inputs[1]->grad) memcpy(node->inputs[1]->grad, node->grad, size);
}

const peal_op peal_op_add = {
    .name = "add",
    .documentation = "sum of two values",
    .input_count = 2,
    .infer = add_infer,
    .forward = add_forward,
    .backward = add_backward,
};
