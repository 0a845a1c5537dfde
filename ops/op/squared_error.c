/* Half the squared error, weighted, over the number of rows.
 *   x [n, 1], y [n, 1], w [n, 1] float32;  L = 1/(2n) * sum_i w_i (x_i - y_i)^2.   Backward: dx = w (x - y) / n. */
#include "ops/op/op.h"

static void squared_error_forward(peal_node *node, peal_run *run) {
    const float *x = node->inputs[0]->value, *y = node->inputs[1]->value, *w = node->inputs[2]->value;
    double loss = 0;
    for (size_t i = 0; i < run->rows; i++) {
        double difference = (double)x[i] - (double)y[i];
        loss += (double)w[i] * difference * difference;
    }
    node->loss = loss / (2 * (double)run->rows);
}

static void squared_error_backward(peal_node *node, const peal_run *run) {
    const float *x = node->inputs[0]->value, *y = node->inputs[1]->value, *w = node->inputs[2]->value;
    float *dx = node->inputs[0]->grad, scale = 1 / (float)run->rows;
    for (size_t i = 0; dx && i < run->rows; i++) dx[i] = w[i] * (x[i] - y[i]) * scale;
}

const peal_op peal_op_squared_error = {
    .name = "squared_error",
    .documentation = "loss of numbers: mean of (prediction - label)^2 / 2",
    .input_count = 3,
    .is_loss = true,
    .infer = ops__infer_loss,
    .forward = squared_error_forward,
    .backward = squared_error_backward,
};
