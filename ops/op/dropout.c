/* Dropout with rate p (node->number), scaled so that prediction needs no change.
 *   training: out = x m / (1 - p), m is 1 with probability 1 - p, else 0;  otherwise out = x.
 * Backward: dx = dout m / (1 - p). Source: Srivastava et al., JMLR 15 (2014), section 10. */
#include <string.h>

#include "ops/op/op.h"

static size_t dropout_state_width(const peal_node *node) {
    return node->width;
}

static void dropout_forward(peal_node *node, peal_run *run) {
    const float *x = node->inputs[0]->value;
    float *out = node->value, *mask = node->state;
    size_t count = run->rows * node->width;
    if (!run->training) {
        memcpy(out, x, count * sizeof *out);
        return;
    }
    float rate = node->number, kept = 1 / (1 - rate);
    for (size_t i = 0; i < count; i++) {
        mask[i] = peal_philox_unit(&run->random) < rate ? 0 : kept;
        out[i] = x[i] * mask[i];
    }
}

static void dropout_backward(peal_node *node, const peal_run *run) {
    float *dx = node->inputs[0]->grad;
    for (size_t i = 0; dx && i < run->rows * node->width; i++) dx[i] = node->grad[i] * node->state[i];
}

const peal_op peal_op_dropout = {
    .name = "dropout",
    .documentation = "in training, each value is zero with probability rate",
    .input_count = 1,
    .infer = ops__infer_same,
    .state_width = dropout_state_width,
    .forward = dropout_forward,
    .backward = dropout_backward,
};
