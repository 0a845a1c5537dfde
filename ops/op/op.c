/* The table of ops, and what several of them share; see op.h. */
#include "ops/op/op.h"

#include "core/base/vector.h"

const peal_op *const peal_ops[] = {
    &peal_op_bytes,
    &peal_op_linear,
    &peal_op_lookup,
    &peal_op_sparse,
    &peal_op_add,
    &peal_op_relu,
    &peal_op_tanh,
    &peal_op_sigmoid,
    &peal_op_dropout,
    &peal_op_softmax_cross_entropy,
    &peal_op_sigmoid_cross_entropy,
    &peal_op_squared_error,
    &peal_op_l2,
    NULL,
};

PEAL_VECTOR void ops__add_row(float *restrict sum, const float *restrict row, size_t k) {
    for (size_t i = 0; i < k; i++) sum[i] += row[i];
}

peal_status ops__infer_same(peal_node *node, peal_error *err) {
    (void)err;
    node->width = node->inputs[0]->width;
    return PEAL_OK;
}

peal_status ops__infer_loss(peal_node *node, peal_error *err) {
    node->width = 1;
    if (node->inputs[0]->element != PEAL_ELEMENT_FLOAT32 || node->inputs[1]->width != 1 ||
        node->inputs[2]->element != PEAL_ELEMENT_FLOAT32 || node->inputs[2]->width != 1) {
        return peal_fail(err, PEAL_E_USAGE, "%s wants float32 predictions, one label and one weight a row",
                         node->op->name);
    }
    return PEAL_OK;
}
