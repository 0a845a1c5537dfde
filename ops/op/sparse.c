/* A linear layer over sparse rows: the rows of a table that a row's entries name, times their values, summed up.
 *   x [n] sparse rows of (index, value); table [v, k]; bias [1, k]; every index is below v;
 *   out [n, k] = bias + sum over the entries of value * table[index].
 * Backward: dtable[index] += value * dout[i]; dbias = sum over i of dout[i]. Source: the product of a sparse and a
 * dense matrix, row by row (Gustavson 1978, "Two Fast Algorithms for Sparse Matrices", section 2). */
#include <math.h>
#include <string.h>

#include "ops/op/op.h"

static peal_status sparse_infer(peal_node *node, peal_error *err) {
    if (node->inputs[0]->element != PEAL_ELEMENT_SPARSE)
        return peal_fail(err, PEAL_E_USAGE, "sparse wants sparse rows");
    node->width = node->inputs[1]->width;
    if (node->inputs[2]->width == node->width && node->inputs[2]->rows == 1) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "sparse wants a bias as wide as its table");
}

static void add_times(float *restrict to, const float *restrict from, float times, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = fmaf(times, from[i], to[i]);
}

static void sparse_forward(peal_node *node, peal_run *run) {
    const peal_sparse_row *rows = node->inputs[0]->value;
    const float *table = node->inputs[1]->value, *bias = node->inputs[2]->value;
    const size_t k = node->width;
    float *out = node->value;
    for (size_t i = 0; i < run->rows; i++) {
        memcpy(out + i * k, bias, k * sizeof *out);
        for (size_t j = 0; j < rows[i].count; j++) {
            add_times(out + i * k, table + (size_t)rows[i].indices[j] * k, rows[i].values[j], k);
        }
    }
}

static void sparse_backward(peal_node *node, const peal_run *run) {
    const peal_sparse_row *rows = node->inputs[0]->value;
    peal_node *table = node->inputs[1];
    float *bias = node->inputs[2]->grad;
    const size_t k = node->width;
    peal_gradient_begin_zero(table);
    peal_gradient_begin_zero(node->inputs[2]);
    for (size_t i = 0; i < run->rows; i++) {
        ops__add_row(bias, node->grad + i * k, k);
        for (size_t j = 0; j < rows[i].count; j++) {
            add_times(peal_gradient_row(table, rows[i].indices[j]), node->grad + i * k, rows[i].values[j], k);
        }
    }
}

const peal_op peal_op_sparse = {
    .name = "sparse",
    .documentation = "a linear layer over rows of (index, value)",
    .input_count = 3,
    .infer = sparse_infer,
    .forward = sparse_forward,
    .backward = sparse_backward,
};
