/* The ops. To add one: a file with a `const peal_op` and a line in the table of op.c. */
#ifndef PEAL_OPS_OP_OP_H
#define PEAL_OPS_OP_OP_H

#include "ops/graph.h"

extern const peal_op peal_op_bytes, peal_op_linear, peal_op_lookup, peal_op_sparse, peal_op_add, peal_op_relu,
    peal_op_tanh, peal_op_sigmoid, peal_op_dropout, peal_op_softmax_cross_entropy, peal_op_sigmoid_cross_entropy,
    peal_op_squared_error, peal_op_l2;
extern const peal_op *const peal_ops[]; /* ends with NULL */

/* sum += row, k floats each. */
void ops__add_row(float *restrict sum, const float *restrict row, size_t k);

/* Element-wise ops keep the width of their first input. */
peal_status ops__infer_same(peal_node *node, peal_error *err);
/* A loss of float predictions (first input) and labels (second). */
peal_status ops__infer_loss(peal_node *node, peal_error *err);

#endif
