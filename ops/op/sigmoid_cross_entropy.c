/* Sigmoid cross-entropy, mean over rows.
 *   logits x [n, 1] float32, labels y [n] int32, 0 or 1;  out: loss, scalar.
 *   L = 1/n * sum_i max(x, 0) - x y + log(1 + exp(-|x|)).
 * Backward: dx = (sigmoid(x) - y) / n.   Source: Goodfellow et al., Deep Learning, 6.2.2.2. */
#include <math.h>

#include "ops/op/op.h"

static void sigmoid_loss_forward(peal_node *node, peal_run *run) {
    const float *x = node->inputs[0]->value;
    const int32_t *y = node->inputs[1]->value;
    double loss = 0;
    for (size_t i = 0; i < run->rows; i++) {
        double logit = (double)x[i];
        loss += fmax(logit, 0) - logit * (double)y[i] + log1p(exp(-fabs(logit)));
    }
    node->loss = loss / (double)run->rows;
}

static void sigmoid_loss_backward(peal_node *node, const peal_run *run) {
    const float *x = node->inputs[0]->value;
    const int32_t *y = node->inputs[1]->value;
    float *dx = node->inputs[0]->grad, scale = 1 / (float)run->rows;
    for (size_t i = 0; dx && i < run->rows; i++) dx[i] = (1 / (1 + expf(-x[i])) - (float)y[i]) * scale;
}

const peal_op peal_op_sigmoid_cross_entropy = {
    .name = "sigmoid_cross_entropy",
    .documentation = "loss of two classes: mean of -log of the probability of the right one",
    .input_count = 2,
    .is_loss = true,
    .infer = ops__infer_loss,
    .forward = sigmoid_loss_forward,
    .backward = sigmoid_loss_backward,
};
