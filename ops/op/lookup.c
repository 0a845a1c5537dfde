/* Rows of a table summed up: a linear layer over one-hot codes without the ones and zeros.
 *   codes [n, c] int32, -1 for none, else a row of the table; table [v, k];
 *   out [n, k] = sum over j of table[codes[., j]].
 * Backward: dtable[codes[i, j]] += dout[i]. Source: Mikolov et al. 2013 (arXiv:1301.3781), section 3.1, the projection.
 */
#include <string.h>

#include "ops/op/op.h"

static peal_status lookup_infer(peal_node *node, peal_error *err) {
    if (node->inputs[0]->element != PEAL_ELEMENT_INT32) return peal_fail(err, PEAL_E_USAGE, "lookup wants int32 codes");
    node->width = node->inputs[1]->width;
    return PEAL_OK;
}

static void lookup_forward(peal_node *node, peal_run *run) {
    const int32_t *codes = node->inputs[0]->value;
    const float *table = node->inputs[1]->value;
    size_t c = node->inputs[0]->width, k = node->width;
    float *out = node->value;
    memset(out, 0, run->rows * k * sizeof *out);
    for (size_t i = 0; i < run->rows; i++) {
        for (size_t j = 0; j < c; j++) {
            int32_t code = codes[i * c + j];
            if (code >= 0) ops__add_row(out + i * k, table + (size_t)code * k, k);
        }
    }
}

static void lookup_backward(peal_node *node, const peal_run *run) {
    const int32_t *codes = node->inputs[0]->value;
    peal_node *table = node->inputs[1];
    peal_gradient_begin_zero(table);
    size_t c = node->inputs[0]->width, k = node->width;
    for (size_t i = 0; i < run->rows; i++) {
        for (size_t j = 0; j < c; j++) {
            int32_t code = codes[i * c + j];
            if (code >= 0) ops__add_row(peal_gradient_row(table, (size_t)code), node->grad + i * k, k);
        }
    }
}

const peal_op peal_op_lookup = {
    .name = "lookup",
    .documentation = "sum of the rows of a table that codes name",
    .input_count = 2,
    .infer = lookup_infer,
    .forward = lookup_forward,
    .backward = lookup_backward,
};
