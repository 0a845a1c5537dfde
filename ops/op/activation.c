/* Activations, element by element; out has the shape of x, and may lie where x lies.
 *   relu:    out = max(x, 0)             dx = dout [out > 0]
 *   tanh:    out = tanh x                dx = dout (1 - out^2)
 *   sigmoid: out = 1 / (1 + exp(-x))     dx = dout out (1 - out)
 * Source: Goodfellow et al., Deep Learning, 6.3. */
#include <math.h>

#include "core/base/vector.h"
#include "ops/op/op.h"

PEAL_VECTOR static void relu(float *out, const float *x, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = x[i] > 0 ? x[i] : 0;
}

PEAL_VECTOR static void relu_gradient(float *dx, const float *dout, const float *out, size_t count) {
    for (size_t i = 0; i < count; i++) dx[i] = out[i] > 0 ? dout[i] : 0;
}

static void relu_forward(peal_node *node, peal_run *run) {
    relu(node->value, node->inputs[0]->value, run->rows * node->width);
}

static void relu_backward(peal_node *node, const peal_run *run) {
    if (node->inputs[0]->grad) relu_gradient(node->inputs[0]->grad, node->grad, node->value, run->rows * node->width);
}

static void tanh_forward(peal_node *node, peal_run *run) {
    const float *x = node->inputs[0]->value;
    float *out = node->value;
    for (size_t i = 0; i < run->rows * node->width; i++) out[i] = tanhf(x[i]);
}

static void tanh_backward(peal_node *node, const peal_run *run) {
    const float *out = node->value;
    float *dx = node->inputs[0]->grad;
    for (size_t i = 0; dx && i < run->rows * node->width; i++) dx[i] = node->grad[i] * (1 - out[i] * out[i]);
}

static void sigmoid_forward(peal_node *node, peal_run *run) {
    const float *x = node->inputs[0]->value;
    float *out = node->value;
    for (size_t i = 0; i < run->rows * node->width; i++) out[i] = 1 / (1 + expf(-x[i]));
}

static void sigmoid_backward(peal_node *node, const peal_run *run) {
    const float *out = node->value;
    float *dx = node->inputs[0]->grad;
    for (size_t i = 0; dx && i < run->rows * node->width; i++) dx[i] = node->grad[i] * out[i] * (1 - out[i]);
}

const peal_op peal_op_relu = {
    .name = "relu",
    .documentation = "max(x, 0)",
    .input_count = 1,
    .in_place = true,
    .infer = ops__infer_same,
    .forward = relu_forward,
    .backward = relu_backward,
};

const peal_op peal_op_tanh = {
    .name = "tanh",
    .documentation = "hyperbolic tangent",
    .input_count = 1,
    .in_place = true,
    .infer = ops__infer_same,
    .forward = tanh_forward,
    .backward = tanh_backward,
};

const peal_op peal_op_sigmoid = {
    .name = "sigmoid",
    .documentation = "1 / (1 + exp(-x))",
    .input_count = 1,
    .in_place = true,
    .infer = ops__infer_same,
    .forward = sigmoid_forward,
    .backward = sigmoid_backward,
};
