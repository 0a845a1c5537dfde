/* Fully connected layer.
 *   x [n, d], weight [d, k], bias [1, k];  out [n, k] = x weight + bias.
 * Backward: dx = dout weight^T, dweight += x^T dout, dbias += sum over rows of dout.
 * Source: Goodfellow et al., Deep Learning, 6.5.6. GEMM by OpenBLAS in training.
 *
 * In prediction a row must get the same bits wherever it stands and whatever stands beside it. OpenBLAS does not
 * promise that: its kernels for the edges of a matrix add in another order than those for its middle. So there the
 * product is made here, each element by the same sum in the order of d, with a rounding after each multiplication and
 * addition: the same on every CPU, too. */
#include <cblas.h>
#include <string.h>

#include "core/base/vector.h"
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

enum { ROWS = 4, TERMS = 4 };

/* out[r] += the terms i .. i + TERMS - 1 of ROWS rows of x weight, one after the other. x is the row's first term. */
static inline void add_terms(const float *const x[ROWS], const float *restrict weight, float *restrict out, size_t k) {
    const float *restrict w0 = weight, *restrict w1 = weight + k, *restrict w2 = weight + 2 * k,
                          *restrict w3 = weight + 3 * k;
    float *restrict out0 = out, *restrict out1 = out + k, *restrict out2 = out + 2 * k, *restrict out3 = out + 3 * k;
    for (size_t c = 0; c < k; c++) {
        out0[c] = out0[c] + x[0][0] * w0[c] + x[0][1] * w1[c] + x[0][2] * w2[c] + x[0][3] * w3[c];
        out1[c] = out1[c] + x[1][0] * w0[c] + x[1][1] * w1[c] + x[1][2] * w2[c] + x[1][3] * w3[c];
        out2[c] = out2[c] + x[2][0] * w0[c] + x[2][1] * w1[c] + x[2][2] * w2[c] + x[2][3] * w3[c];
        out3[c] = out3[c] + x[3][0] * w0[c] + x[3][1] * w1[c] + x[3][2] * w2[c] + x[3][3] * w3[c];
    }
}

/* The same for one term of one row. */
static inline void add_term(float x, const float *restrict weight, float *restrict out, size_t k) {
    for (size_t c = 0; c < k; c++) out[c] = out[c] + x * weight[c];
}

PEAL_VECTOR static void multiply_rows(const float *x, const float *weight, const float *bias, float *out, size_t n,
                                      size_t d, size_t k) {
    for (size_t row = 0; row < n; row++) memcpy(out + row * k, bias, k * sizeof *out);
    size_t row = 0;
    for (; row + ROWS <= n; row += ROWS) {
        size_t i = 0;
        for (; i + TERMS <= d; i += TERMS) {
            const float *const from[ROWS] = {x + row * d + i, x + (row + 1) * d + i, x + (row + 2) * d + i,
                                             x + (row + 3) * d + i};
            add_terms(from, weight + i * k, out + row * k, k);
        }
        for (; i < d; i++) {
            for (size_t r = row; r < row + ROWS; r++) add_term(x[r * d + i], weight + i * k, out + r * k, k);
        }
    }
    for (; row < n; row++) {
        for (size_t i = 0; i < d; i++) add_term(x[row * d + i], weight + i * k, out + row * k, k);
    }
}

static void linear_forward(peal_node *node, peal_run *run) {
    const peal_node *x = node->inputs[0], *weight = node->inputs[1], *bias = node->inputs[2];
    float *out = node->value;
    size_t n = run->rows, d = x->width, k = node->width;
    if (!run->training) {
        multiply_rows(x->value, weight->value, bias->value, out, n, d, k);
        return;
    }
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
