/* L2 penalty with weight c (node->number) on a parameter.
 *   w [r, k];  L = c/2 * sum w^2.   Backward: dw += c w.   Source: Goodfellow et al., Deep Learning, 7.1.1. */
#include "core/base/vector.h"
#include "ops/op/op.h"

static peal_status l2_infer(peal_node *node, peal_error *err) {
    node->width = 1;
    if (node->inputs[0]->kind == PEAL_NODE_PARAMETER && !node->inputs[0]->is_table) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "l2 is a penalty on a parameter; that of a table stands in its node");
}

static void l2_forward(peal_node *node, peal_run *run) {
    (void)run;
    const float *w = node->inputs[0]->value;
    size_t count = node->inputs[0]->rows * node->inputs[0]->width;
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)w[i] * (double)w[i];
    node->loss = (double)node->number * sum / 2;
}

PEAL_VECTOR static void add_scaled(float *restrict dw, const float *restrict w, float c, size_t count) {
    for (size_t i = 0; i < count; i++) dw[i] += c * w[i];
}

static void l2_backward(peal_node *node, const peal_run *run) {
    (void)run;
    peal_node *w = node->inputs[0];
    peal_gradient_begin_zero(w);
    add_scaled(w->grad, w->value, node->number, w->rows * w->width);
}

const peal_op peal_op_l2 = {
    .name = "l2",
    .documentation = "penalty on a parameter: c/2 times the sum of its squares",
    .input_count = 1,
    .is_loss = true,
    .infer = l2_infer,
    .forward = l2_forward,
    .backward = l2_backward,
};
