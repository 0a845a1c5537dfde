/* Softmax cross-entropy, weighted, over the number of rows.
 *   logits [n, k] float32, labels [n] int32 in [0, k), weights w [n, 1] float32;  out: loss, scalar.
 *   L = -1/n * sum_i w_i sum_j t_ij log softmax(logits_i)[j], computed with the row maximum subtracted;
 *   t = onehot(labels) (1 - e) + e / k with e, the node's number (smoothing: Szegedy et al. 2016, arXiv:1512.00567,
 *   section 7).
 * Backward: dlogits = w (softmax(logits) - t) / n.
 * Labels are checked where the data comes in. Source: Goodfellow et al., Deep Learning, 6.2.2.3. */
#include <math.h>

#include "ops/op/op.h"

static size_t softmax_state_width(const peal_node *node) {
    return node->inputs[0]->width;
}

static void softmax_forward(peal_node *node, peal_run *run) {
    const float *logits = node->inputs[0]->value;
    const int32_t *labels = node->inputs[1]->value;
    const float *w = node->inputs[2]->value;
    const size_t k = node->inputs[0]->width;
    const double smooth = (double)node->number;
    double loss = 0;
    for (size_t i = 0; i < run->rows; i++) {
        const float *row = logits + i * k;
        float *p = node->state + i * k, most = row[0], sum = 0;
        for (size_t j = 1; j < k; j++) most = row[j] > most ? row[j] : most;
        for (size_t j = 0; j < k; j++) sum += p[j] = expf(row[j] - most);
        for (size_t j = 0; j < k; j++) p[j] /= sum;
        double right = (double)(row[labels[i]] - most);
        if (smooth > 0) {
            double mean = 0;
            for (size_t j = 0; j < k; j++) mean += (double)(row[j] - most) / (double)k;
            right = (1 - smooth) * right + smooth * mean;
        }
        loss += (double)w[i] * (log((double)sum) - right);
    }
    node->loss = loss / (double)run->rows;
}

static void softmax_backward(peal_node *node, const peal_run *run) {
    const int32_t *labels = node->inputs[1]->value;
    const float *w = node->inputs[2]->value, smooth = node->number;
    const size_t k = node->inputs[0]->width;
    float *dlogits = node->inputs[0]->grad;
    for (size_t i = 0; dlogits && i < run->rows; i++) {
        const float scale = w[i] * (1 / (float)run->rows), even = smooth / (float)k;
        for (size_t j = 0; j < k; j++) dlogits[i * k + j] = (node->state[i * k + j] - even) * scale;
        dlogits[i * k + (size_t)labels[i]] -= (1 - smooth) * scale;
    }
}

const peal_op peal_op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .documentation = "loss of classes: mean of -log softmax(logits)[label]",
    .input_count = 3,
    .is_loss = true,
    .infer = ops__infer_loss,
    .state_width = softmax_state_width,
    .forward = softmax_forward,
    .backward = softmax_backward,
};
