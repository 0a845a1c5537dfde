/* A static graph of tensors: built once from ops, its memory planned once, run many times without allocation.
 *
 * Every tensor is a matrix of rows. A *batch* value has as many rows as the batch being run; a parameter has rows of
 * its own; a loss is one number. Parameters and gradients are two flat vectors that the caller provides (so that they
 * can lie in shared memory); all else belongs to the graph. */
#ifndef PEAL_OPS_GRAPH_H
#define PEAL_OPS_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/philox.h"
#include "core/base/status.h"

typedef struct peal_graph peal_graph;
typedef struct peal_node peal_node;
typedef struct peal_op peal_op;

typedef enum peal_node_kind { PEAL_NODE_INPUT, PEAL_NODE_PARAMETER, PEAL_NODE_VALUE, PEAL_NODE_LOSS } peal_node_kind;
typedef enum peal_element {
    PEAL_ELEMENT_FLOAT32,
    PEAL_ELEMENT_UINT8,
    PEAL_ELEMENT_INT32,
    PEAL_ELEMENT_SPARSE /* peal_sparse_row: where a row's entries lie */
} peal_element;

/* The entries of one sparse row; they belong to who fills the input, and last during the run. */
typedef struct peal_sparse_row {
    const uint32_t *indices; /* [count] each below the width that the layer was made for */
    const float *values;     /* [count] */
    size_t count;
} peal_sparse_row;

/* How a parameter begins. He: He et al. 2015, normal with variance 2 / fan-in. Glorot: Glorot and Bengio 2010, uniform
 * within sqrt(6 / (fan-in + width)). */
typedef enum peal_init { PEAL_INIT_ZERO, PEAL_INIT_HE, PEAL_INIT_GLOROT } peal_init;

enum { PEAL_NODE_INPUTS = 4 };

/* Ops read and write these fields; others should not, but for a parameter's fan_in. */
struct peal_node {
    const peal_op *op; /* of values and losses */
    peal_node_kind kind;
    peal_element element;
    peal_node *inputs[PEAL_NODE_INPUTS];
    size_t input_count;
    size_t rows;   /* of a parameter */
    size_t width;  /* values per row */
    float number;  /* the op's option: dropout's rate, l2's weight */
    void *value;   /* [batch or rows, width]; inputs are written here by the caller */
    float *grad;   /* the same shape; NULL if nothing that is learnt depends on it */
    float *state;  /* what the op keeps from forward to backward, op->state_width floats per row */
    double loss;   /* of PEAL_NODE_LOSS, after forward */
    size_t offset; /* of a parameter in the flat vectors; of a table once the graph is planned */
    peal_init init;
    size_t fan_in;    /* of a parameter: how many inputs add up to one output, its rows unless the builder sets it */
    const char *name; /* of parameters and inputs */
    bool shares;      /* works in place on its first input */
    bool begun;       /* of a parameter: the present backward run has written its gradient */

    /* of a table, see peal_graph_table */
    bool is_table;
    size_t first_row;             /* the number of its first row among the rows of all tables */
    float penalty;                /* l2 on its rows, c/2 times their squares, which is left to whoever steps them */
    struct peal_touched *touched; /* the rows that its gradient has values in */
};

/* The rows of tables that a gradient has values in; in all other rows it is zero. The caller's, like the gradient, and
 * may lie in shared memory, too. Rows are numbered through all tables of a graph, in the order in which those were
 * added. All zero at the beginning. */
typedef struct peal_touched {
    size_t count;
    uint32_t *rows; /* [count] in the order of their first entry; room for peal_graph_table_rows */
    uint8_t *marks; /* [peal_graph_table_rows] 1 if it is among them */
} peal_touched;

/* A run of the graph: how many rows, and where its random numbers come from. */
typedef struct peal_run {
    size_t rows;
    bool training; /* dropout is on; losses and gradients are wanted */
    peal_philox random;
} peal_run;

/* One kind of op: its shape rule, forward and backward stand side by side in its file. */
struct peal_op {
    const char *name;
    const char *documentation;
    size_t input_count;
    bool is_loss;
    bool in_place; /* may write its value over its first input's; backward then needs its own value only */
    /* Sets node->width from the inputs. PEAL_E_USAGE if they do not fit. */
    peal_status (*infer)(peal_node *node, peal_error *err);
    size_t (*state_width)(const peal_node *node); /* floats per row kept for backward; NULL: none */
    void (*forward)(peal_node *node, peal_run *run);
    /* Sets the gradients of the inputs that have one (a batch value has one consumer); a parameter's is added to once
     * it is touched, see peal_gradient_begin. */
    void (*backward)(peal_node *node, const peal_run *run);
};

/* For backward: what the gradient of a parameter counts for before this op's part is added: 0 the first time in a run,
 * when what lies there is of an earlier run, 1 afterwards. */
static inline float peal_gradient_begin(peal_node *parameter) {
    float kept = parameter->begun ? 1.0f : 0.0f;
    parameter->begun = true;
    return kept;
}
/* The same for ops that can only add: zeroes the gradient the first time. */
void peal_gradient_begin_zero(peal_node *parameter);

/* Which row of `table` row `row` of all tables is; SIZE_MAX if it belongs to another one. */
static inline size_t peal_table_row(const peal_node *table, size_t row) {
    return row >= table->first_row && row - table->first_row < table->rows ? row - table->first_row : SIZE_MAX;
}
/* Lists row `row` (numbered through all tables) unless it is listed. */
static inline void peal_touch(peal_touched *touched, size_t row) {
    if (touched->marks[row]) return;
    touched->marks[row] = 1;
    touched->rows[touched->count++] = (uint32_t)row;
}
/* For the backward of ops that read a parameter by rows: the gradient of one of its rows, to be added to, after
 * peal_gradient_begin_zero. */
static inline float *peal_gradient_row(peal_node *parameter, size_t row) {
    if (parameter->is_table) peal_touch(parameter->touched, parameter->first_row + row);
    return parameter->grad + row * parameter->width;
}

/* PEAL_E_MEMORY if this process cannot map what GEMM will want: OpenBLAS maps 128 MB at its first call (and touches
 * little of it), and where it cannot, it tries forever. To be asked before the first run, and before a fork. */
peal_status peal_graph_check_memory(peal_error *err);

/* Keeps GEMM from using more threads than the one that calls it, where an embedder has linked a BLAS with threads. For
 * worker processes, each of which was given one CPU. */
void peal_graph_use_one_thread(void);

peal_graph *peal_graph_new(void); /* NULL if there is no memory */
void peal_graph_free(peal_graph *graph);

/* An input of `width` values a row; the caller writes node->value before each run. */
peal_status peal_graph_input(peal_graph *graph, const char *name, peal_element element, size_t width, peal_node **out,
                             peal_error *err);
/* A parameter [rows, width]. `name` is copied. */
peal_status peal_graph_parameter(peal_graph *graph, const char *name, size_t rows, size_t width, peal_init init,
                                 peal_node **out, peal_error *err);
/* The same for a parameter that all ops read by rows, a few of many in a batch: a *table*. Its gradient is a list of
 * rows, peal_touched. In the flat vectors tables stand behind all other parameters. */
peal_status peal_graph_table(peal_graph *graph, const char *name, size_t rows, size_t width, peal_init init,
                             peal_node **out, peal_error *err);
/* A value or loss made by `op`. A batch value may be the input of one op only. */
peal_status peal_graph_add(peal_graph *graph, const peal_op *op, peal_node *const *inputs, size_t input_count,
                           float number, peal_node **out, peal_error *err);

/* Allocates all values (and with `training` gradients) for batches of up to `rows` rows. Once, when all is added. */
peal_status peal_graph_plan(peal_graph *graph, size_t rows, bool training, peal_error *err);

/* Bytes of all values and gradients of a batch, as planned. */
size_t peal_graph_batch_bytes(const peal_graph *graph);

/* Floats in the flat vector of parameters. Each parameter begins at a cache line. */
size_t peal_graph_parameter_floats(const peal_graph *graph);
/* Those of them that belong to no table: the first ones. */
size_t peal_graph_dense_floats(const peal_graph *graph);
/* Rows of all tables. */
size_t peal_graph_table_rows(const peal_graph *graph);
size_t peal_graph_parameters(const peal_graph *graph);
const peal_node *peal_graph_parameter_at(const peal_graph *graph, size_t index);

/* Where parameters and gradients lie: peal_graph_parameter_floats each. `gradients` may be NULL if nothing is trained.
 * With tables the gradients go with `touched`, which tells the rows that an earlier run has left in them. */
void peal_graph_bind(peal_graph *graph, float *parameters, float *gradients, peal_touched *touched);
/* Draws the initial parameters: a function of the seed and each parameter's place alone. */
void peal_graph_initialise(const peal_graph *graph, uint64_t seed, float *parameters);

/* Runs all ops in the order in which they were added. Afterwards the losses stand in their nodes. */
void peal_graph_forward(peal_graph *graph, peal_run *run);
/* Runs all ops backwards from the sum of the losses; what was in the gradients is forgotten. After a forward run with
 * `training`. */
void peal_graph_backward(peal_graph *graph, const peal_run *run);
/* The sum of the losses. */
double peal_graph_loss(const peal_graph *graph);

#endif
