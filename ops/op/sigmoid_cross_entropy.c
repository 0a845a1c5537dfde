/* Sigmoid cross-entropy, weighted, over the number of rows.
 *   logits x [n, 1] float32, labels [n] int32, 0 or 1, weights w [n, 1] float32;  out: loss, scalar.
 *   L = 1/n * sum_i w (max(x, 0) - x y + log(1 + exp(-|x|))), y = label (1 - e) + e / 2 with e, the node's number.
 * Backward: dx = w (sigmoid(x) - y) / n.   Source: Goodfellow et al., Deep Learning, 6.2.2.2; smoothing of labels:
 * Szegedy et al. 2016, arXiv:1512.00567, section 7. */
#include <math.h>

#include "ops/op/op.h"

/* The label, drawn towards a half. */
static float target(const peal_node *node, int32_t label) {
    return node->number > 0 ? (float)label * (1 - node->number) + node->number / 2 : (float)label;
}

static void sigmoid_loss_forward(peal_node *node, peal_run *run) {
    const float *x = node->inputs[0]->value;
    const int32_t *labels = node->inputs[1]->value;
    const float *w = node->inputs[2]->value;
    double loss = 0;
    for (size_t i = 0; i < run->rows; i++) {
        double logit = (double)x[i];
        loss += (double)w[i] * (fmax(logit, 0) - logit * (double)target(node, labels[i]) + log1p(exp(-fabs(logit))));
    }
    node->loss = loss / (double)run->rows;
}

static void sigmoid_loss_backward(peal_node *node, const peal_run *run) {
    const float *x = node->inputs[0]->value;
    const int32_t *labels = node->inputs[1]->value;
    const float *w = node->inputs[2]->value;
    float *dx = node->inputs[0]->grad, scale = 1 / (float)run->rows;
    for (size_t i = 0; dx && i < run->rows; i++) {
        dx[i] = w[i] * (1 / (1 + expf(-x[i])) - target(node, labels[i])) * scale;
    }
}

const peal_op peal_op_sigmoid_cross_entropy = {
    .name = "sigmoid_cross_entropy",
    .documentation = "loss of two classes: mean of -log of the probability of the right one",
    .input_count = 3,
    .is_loss = true,
    .infer = ops__infer_loss,
    .forward = sigmoid_loss_forward,
    .backward = sigmoid_loss_backward,
};
