/* Softmax cross-entropy, mean over rows.
 *   logits [n, k] float32, labels [n] int32 in [0, k);  out: loss, scalar.
 *   L = -1/n * sum_i log softmax(logits_i)[labels_i], computed with the row maximum subtracted.
 * Backward: dlogits = (softmax(logits) - onehot(labels)) / n.
 * Labels are checked where the data comes in. Source: Goodfellow et al., Deep Learning, 6.2.2.3. */
#include <math.h>

#include "ops/op/op.h"

static size_t softmax_state_width(const peal_node *node) {
    return node->inputs[0]->width;
}

static void softmax_forward(peal_node *node, peal_run *run) {
    const float *logits = node->inputs[0]->value;
    const int32_t *labels = node->inputs[1]->value;
    size_t k = node->inputs[0]->width;
    double loss = 0;
    for (size_t i = 0; i < run->rows; i++) {
        const float *row = logits + i * k;
        float *p = node->state + i * k, most = row[0], sum = 0;
        for (size_t j = 1; j < k; j++) most = row[j] > most ? row[j] : most;
        for (size_t j = 0; j < k; j++) sum += p[j] = expf(row[j] - most);
        for (size_t j = 0; j < k; j++) p[j] /= sum;
        loss += log((double)sum) - (double)(row[labels[i]] - most);
    }
    node->loss = loss / (double)run->rows;
}

static void softmax_backward(peal_node *node, const peal_run *run) {
    const int32_t *labels = node->inputs[1]->value;
    size_t k = node->inputs[0]->width;
    float *dlogits = node->inputs[0]->grad, scale = 1 / (float)run->rows;
    for (size_t i = 0; dlogits && i < run->rows; i++) {
        for (size_t j = 0; j < k; j++) dlogits[i * k + j] = node->state[i * k + j] * scale;
        dlogits[i * k + (size_t)labels[i]] -= scale;
    }
}

const peal_op peal_op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .documentation = "loss of classes: mean of -log softmax(logits)[label]",
    .input_count = 2,
    .is_loss = true,
    .infer = ops__infer_loss,
    .state_width = softmax_state_width,
    .forward = softmax_forward,
    .backward = softmax_backward,
};
