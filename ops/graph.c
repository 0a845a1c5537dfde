/* Builds graphs, plans their memory, and runs them forward and backward; see graph.h. */
#include "ops/graph.h"

#include <assert.h>
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/machine.h"
#include "core/base/memory.h"

struct peal_graph {
    peal_arena *arena;
    peal_node **nodes;
    size_t count, capacity;
    size_t dense_floats, table_floats, table_rows;
    peal_touched *touched; /* of the gradients that are bound */
    uint8_t *memory;       /* all values, gradients and states */
    size_t batch_bytes;
};

static const size_t element_sizes[] = {[PEAL_ELEMENT_FLOAT32] = 4,
                                       [PEAL_ELEMENT_UINT8] = 1,
                                       [PEAL_ELEMENT_INT32] = 4,
                                       [PEAL_ELEMENT_SPARSE] = sizeof(peal_sparse_row)};

peal_graph *peal_graph_new(void) {
    peal_graph *graph = calloc(1, sizeof *graph);
    if (graph) graph->arena = peal_arena_new(16384);
    if (graph && !graph->arena) {
        free(graph);
        return NULL;
    }
    return graph;
}

void peal_graph_free(peal_graph *graph) {
    if (!graph) return;
    peal_arena_free(graph->arena);
    free(graph->nodes);
    free(graph->memory);
    free(graph);
}

/* ---- building ---- */

static peal_status add_node(peal_graph *graph, const char *name, peal_node **out, peal_error *err) {
    if (graph->count == graph->capacity) {
        size_t capacity = graph->capacity * 2 + 32;
        peal_node **nodes = realloc(graph->nodes, capacity * sizeof *nodes);
        if (!nodes) return peal_fail(err, PEAL_E_MEMORY, "no memory for a graph");
        graph->nodes = nodes;
        graph->capacity = capacity;
    }
    peal_node *node = peal_arena_alloc(graph->arena, sizeof *node);
    char *copy = name ? peal_arena_alloc(graph->arena, strlen(name) + 1) : NULL;
    if (!node || (name && !copy)) return peal_fail(err, PEAL_E_MEMORY, "no memory for a graph");
    *node = (peal_node){.name = copy};
    if (name) memcpy(copy, name, strlen(name) + 1);
    graph->nodes[graph->count++] = node;
    *out = node;
    return PEAL_OK;
}

peal_status peal_graph_input(peal_graph *graph, const char *name, peal_element element, size_t width, peal_node **out,
                             peal_error *err) {
    PEAL_TRY(add_node(graph, name, out, err));
    (*out)->kind = PEAL_NODE_INPUT;
    (*out)->element = element;
    (*out)->width = width;
    return PEAL_OK;
}

/* `total` is what stands before it in its part of the flat vectors. */
static peal_status add_parameter(peal_graph *graph, const char *name, size_t rows, size_t width, peal_init init,
                                 size_t *total, peal_node **out, peal_error *err) {
    PEAL_TRY(add_node(graph, name, out, err));
    size_t floats, end;
    if (__builtin_mul_overflow(rows, width, &floats) || floats > SIZE_MAX / 64 ||
        __builtin_add_overflow(*total, peal_round_up(floats, 16), &end) || end > SIZE_MAX / 64) {
        return peal_fail(err, PEAL_E_MEMORY, "a parameter of %zu x %zu numbers is too large", rows, width);
    }
    peal_node *node = *out;
    node->kind = PEAL_NODE_PARAMETER;
    node->rows = rows;
    node->width = width;
    node->init = init;
    node->fan_in = rows;
    node->offset = *total;
    *total = end;
    return PEAL_OK;
}

peal_status peal_graph_parameter(peal_graph *graph, const char *name, size_t rows, size_t width, peal_init init,
                                 peal_node **out, peal_error *err) {
    return add_parameter(graph, name, rows, width, init, &graph->dense_floats, out, err);
}

peal_status peal_graph_table(peal_graph *graph, const char *name, size_t rows, size_t width, peal_init init,
                             peal_node **out, peal_error *err) {
    if (rows > UINT32_MAX - graph->table_rows) {
        return peal_fail(err, PEAL_E_MEMORY, "tables of more than %u rows", UINT32_MAX);
    }
    PEAL_TRY(add_parameter(graph, name, rows, width, init, &graph->table_floats, out, err));
    (*out)->is_table = true;
    (*out)->first_row = graph->table_rows;
    graph->table_rows += rows;
    return PEAL_OK;
}

peal_status peal_graph_add(peal_graph *graph, const peal_op *op, peal_node *const *inputs, size_t input_count,
                           float number, peal_node **out, peal_error *err) {
    assert(input_count == op->input_count && input_count <= PEAL_NODE_INPUTS);
    peal_node *node = NULL;
    PEAL_TRY(add_node(graph, NULL, &node, err));
    node->kind = op->is_loss ? PEAL_NODE_LOSS : PEAL_NODE_VALUE;
    node->op = op;
    node->number = number;
    node->input_count = input_count;
    for (size_t i = 0; i < input_count; i++) node->inputs[i] = inputs[i];
    *out = node; /* last, as `out` may point to one of the inputs */
    return op->infer(node, err);
}

/* ---- planning ---- */

static bool learns(const peal_node *node) {
    if (node->kind == PEAL_NODE_PARAMETER) return true;
    for (size_t i = 0; i < node->input_count; i++) {
        if (learns(node->inputs[i])) return true;
    }
    return false;
}

/* A node may write over its first input if nobody needs that input's value afterwards. */
static bool may_share(const peal_node *node) {
    const peal_node *input = node->input_count ? node->inputs[0] : NULL;
    if (!node->op || !node->op->in_place || input->kind != PEAL_NODE_VALUE || input->width != node->width) return false;
    return !input->op->in_place; /* the producer's own backward needs its value if it is itself such an op */
}

static size_t take(size_t *total, size_t count, size_t size, bool *overflow) {
    size_t bytes, at = *total;
    *overflow = *overflow || __builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 4 - at;
    if (!*overflow) *total = peal_round_up(at + bytes, PEAL_ALIGNMENT);
    return at;
}

/* Lays everything out; the first round (base NULL) only sums up. */
static size_t lay_out(peal_graph *graph, size_t rows, bool training, uint8_t *base, bool *overflow) {
    size_t total = 0;
    for (size_t i = 0; i < graph->count; i++) {
        peal_node *node = graph->nodes[i];
        if (node->kind == PEAL_NODE_PARAMETER || node->kind == PEAL_NODE_LOSS) {
            if (node->kind == PEAL_NODE_PARAMETER) continue;
        } else if (may_share(node)) {
            node->shares = true;
            node->value = node->inputs[0]->value;
            node->grad = node->inputs[0]->grad;
        } else {
            size_t at = take(&total, rows * node->width, element_sizes[node->element], overflow);
            if (base) node->value = base + at;
            if (training && node->kind == PEAL_NODE_VALUE && learns(node)) {
                at = take(&total, rows * node->width, sizeof(float), overflow);
                if (base) node->grad = (float *)(void *)(base + at);
            }
        }
        if (node->op && node->op->state_width) {
            size_t at = take(&total, rows * node->op->state_width(node), sizeof(float), overflow);
            if (base) node->state = (float *)(void *)(base + at);
        }
    }
    return total;
}

peal_status peal_graph_plan(peal_graph *graph, size_t rows, bool training, peal_error *err) {
    bool overflow = rows > SIZE_MAX / 1024;
    size_t size = lay_out(graph, rows, training, NULL, &overflow);
    if (overflow) return peal_fail(err, PEAL_E_MEMORY, "a graph for batches of %zu rows is too large", rows);
    PEAL_TRY(peal_alloc_checked(&graph->memory, size, 1, "a graph's values", err));
    lay_out(graph, rows, training, graph->memory, &overflow);
    graph->batch_bytes = size;
    for (size_t i = 0; i < graph->count; i++) {
        if (graph->nodes[i]->is_table) graph->nodes[i]->offset += graph->dense_floats;
    }
    return PEAL_OK;
}

size_t peal_graph_batch_bytes(const peal_graph *graph) {
    return graph->batch_bytes;
}

/* ---- parameters ---- */

size_t peal_graph_parameter_floats(const peal_graph *graph) {
    return graph->dense_floats + graph->table_floats;
}

size_t peal_graph_dense_floats(const peal_graph *graph) {
    return graph->dense_floats;
}

size_t peal_graph_table_rows(const peal_graph *graph) {
    return graph->table_rows;
}

size_t peal_graph_parameters(const peal_graph *graph) {
    size_t count = 0;
    for (size_t i = 0; i < graph->count; i++) count += graph->nodes[i]->kind == PEAL_NODE_PARAMETER;
    return count;
}

const peal_node *peal_graph_parameter_at(const peal_graph *graph, size_t index) {
    for (size_t i = 0; i < graph->count; i++) {
        if (graph->nodes[i]->kind == PEAL_NODE_PARAMETER && index-- == 0) return graph->nodes[i];
    }
    return NULL;
}

void peal_graph_bind(peal_graph *graph, float *parameters, float *gradients, peal_touched *touched) {
    graph->touched = touched;
    for (size_t i = 0; i < graph->count; i++) {
        peal_node *node = graph->nodes[i];
        if (node->kind != PEAL_NODE_PARAMETER) continue;
        node->value = parameters + node->offset;
        node->grad = gradients ? gradients + node->offset : NULL;
        node->touched = touched;
    }
}

void peal_graph_initialise(const peal_graph *graph, uint64_t seed, float *parameters) {
    memset(parameters, 0, peal_graph_parameter_floats(graph) * sizeof *parameters);
    uint32_t index = 0;
    for (size_t i = 0; i < graph->count; i++) {
        const peal_node *node = graph->nodes[i];
        if (node->kind != PEAL_NODE_PARAMETER) continue;
        peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_INIT, 0, index++, 0);
        float *values = parameters + node->offset;
        size_t count = node->rows * node->width;
        if (node->init == PEAL_INIT_HE) {
            float deviation = sqrtf(2.0f / (float)node->fan_in);
            for (size_t v = 0; v < count; v++) values[v] = deviation * peal_philox_normal(&random);
        } else if (node->init == PEAL_INIT_GLOROT) {
            float limit = sqrtf(6.0f / (float)(node->fan_in + node->width));
            for (size_t v = 0; v < count; v++) values[v] = limit * (2 * peal_philox_unit(&random) - 1);
        }
    }
}

/* ---- running ---- */

peal_status peal_graph_check_memory(peal_error *err) {
    enum { GEMM_BYTES = 136 << 20 }; /* its buffer, and some for the rest */
    return peal_machine_address_space_check(GEMM_BYTES, "GEMM", err);
}

void peal_graph_use_one_thread(void) {
    openblas_set_num_threads(1);
}

void peal_graph_forward(peal_graph *graph, peal_run *run) {
    for (size_t i = 0; i < graph->count; i++) {
        peal_node *node = graph->nodes[i];
        if (node->op && (run->training || !node->op->is_loss)) node->op->forward(node, run);
    }
}

void peal_gradient_begin_zero(peal_node *parameter) {
    if (peal_gradient_begin(parameter) != 0 || parameter->is_table) return;
    memset(parameter->grad, 0, parameter->rows * parameter->width * sizeof *parameter->grad);
}

/* What an earlier run has left in the gradients of tables. */
static void clear_tables(const peal_graph *graph) {
    peal_touched *touched = graph->touched;
    for (size_t i = 0; i < graph->count; i++) {
        const peal_node *node = graph->nodes[i];
        if (!node->is_table) continue;
        for (size_t r = 0; r < touched->count; r++) {
            const size_t row = peal_table_row(node, touched->rows[r]);
            if (row != SIZE_MAX) memset(node->grad + row * node->width, 0, node->width * sizeof *node->grad);
        }
    }
    for (size_t r = 0; r < touched->count; r++) touched->marks[touched->rows[r]] = 0;
    touched->count = 0;
}

void peal_graph_backward(peal_graph *graph, const peal_run *run) {
    for (size_t i = 0; i < graph->count; i++) graph->nodes[i]->begun = false;
    if (graph->table_rows) clear_tables(graph);
    for (size_t i = graph->count; i-- > 0;) {
        peal_node *node = graph->nodes[i];
        if (node->op && (node->grad || node->op->is_loss)) node->op->backward(node, run);
    }
    for (size_t i = 0; i < graph->count; i++) {
        if (graph->nodes[i]->kind == PEAL_NODE_PARAMETER) peal_gradient_begin_zero(graph->nodes[i]); /* used by no op */
    }
}

double peal_graph_loss(const peal_graph *graph) {
    double loss = 0;
    for (size_t i = 0; i < graph->count; i++) {
        if (graph->nodes[i]->kind == PEAL_NODE_LOSS) loss += graph->nodes[i]->loss;
    }
    return loss;
}
