/* Fully connected layer.
 *   x [n, d], weight [d, k], bias [1, k];  out [n, k] = x weight + bias.
 * Backward: dx = dout weight^T, dweight += x^T dout, dbias += sum over rows of dout.
 * Source: Goodfellow et al., Deep Learning, 6.5.6. GEMM by OpenBLAS. */
#include <cblas.h>
#include <string.h>

#include "ops/op/op.h"

static peal_status linear_infer(peal_node *node, peal_error *err) {
    const peal_node *x = node->inputs[0], *weight = node->inputs[1], *bias = node->inputs[2];
    if (x->element != PEAL_ELEMENT_FLOAT32 || weight->rows != x->width || bias->width != weight->width) {
        return peal_fail(err, PEAL_E_USAGE, "linear: x [n, %zu], weight [%zu, %zu] and bias [%zu] do not fit", x->width,
                         weight->rows, weight->width, bias->width);
    }
    node->width = weight->width;
    return PEAL_OK;
}

static void linear_forward(peal_node *node, peal_run *run) {
    const peal_node *x = node->inputs[0], *weight = node->inputs[1], *bias = node->inputs[2];
    float *out = node->value;
    size_t n = run->rows, d = x->width, k = node->width;
    for (size_t row = 0; row < n; row++) memcpy(out + row * k, bias->value, k * sizeof *out);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)k, (int)d, 1, x->value, (int)d, weight->value,
                (int)k, 1, out, (int)k);
}

static void linear_backward(peal_node *node, const peal_run *run) {
    peal_node *x = node->inputs[0], *weight = node->inputs[1], *bias = node->inputs[2];
    size_t n = run->rows, d = x->width, k = node->width;
    const float *dout = node->grad;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)d, (int)k, (int)n, 1, x->value, (int)d, dout, (int)k,
                peal_gradient_begin(weight), weight->grad, (int)k);
    peal_gradient_begin_zero(bias);
    for (size_t row = 0; row < n; row++) ops__add_row(bias->grad, dout + row * k, k);
    if (!x->grad) return;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)d, (int)k, 1, dout, (int)k, weight->value, (int)k,
                0, x->grad, (int)d);
}

const peal_op peal_op_linear = {
    .name = "linear",
    .documentation = "fully connected layer: x weight + bias",
    .input_count = 3,
    .infer = linear_infer,
    .forward = linear_forward,
    .backward = linear_backward,
};
