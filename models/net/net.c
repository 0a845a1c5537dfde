/* Builds a net from the shape of the data, and loads rows into its inputs; see net.h. */
#include "models/net/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "ops/op/op.h"

static peal_status build_inputs(peal_net *net, peal_builder *builder, peal_error *err) {
    const peal_shape *shape = &net->shape;
    if (shape->features) {
        peal_element element = shape->bytes ? PEAL_ELEMENT_UINT8 : PEAL_ELEMENT_FLOAT32;
        PEAL_TRY(peal_graph_input(net->graph, "features", element, shape->features, &net->features, err));
        builder->features = net->features;
        if (shape->bytes)
            PEAL_TRY(peal_graph_add(net->graph, &peal_op_bytes, &net->features, 1, 0, &builder->features, err));
    }
    if (shape->code_columns) {
        PEAL_TRY(peal_graph_input(net->graph, "codes", PEAL_ELEMENT_INT32, shape->code_columns, &net->codes, err));
        builder->codes = net->codes;
        PEAL_TRY(peal_alloc_checked(&net->code_offsets, shape->code_columns, sizeof(int32_t), "a net", err));
        uint64_t total = 0;
        for (uint32_t i = 0; i < shape->code_columns; i++) {
            net->code_offsets[i] = (int32_t)total;
            total += shape->vocabularies[i];
            if (total > INT32_MAX) return peal_fail(err, PEAL_E_USAGE, "more than 2^31 codes");
        }
        builder->code_values = total ? (size_t)total : 1;
    }
    if (shape->sparse) {
        PEAL_TRY(peal_graph_input(net->graph, "sparse", PEAL_ELEMENT_SPARSE, 1, &net->sparse, err));
        builder->sparse = net->sparse;
        builder->sparse_width = shape->sparse;
    }
    return PEAL_OK;
}

static peal_status add_offsets(peal_net *net, peal_error *err) {
    PEAL_TRY(peal_graph_input(net->graph, "offsets", PEAL_ELEMENT_FLOAT32, 1, &net->offsets, err));
    return peal_graph_add(net->graph, &peal_op_add, (peal_node *[]){net->output, net->offsets}, 2, 0, &net->output,
                          err);
}

static peal_status build(peal_net *net, const peal_model_spec *spec, bool training, peal_error *err) {
    const peal_shape *shape = &net->shape;
    bool one = shape->classes == 0 || (shape->classes == 2 && !spec->kind->softmax);
    net->outputs = one ? 1 : shape->classes;
    peal_builder builder = {.graph = net->graph, .spec = spec, .outputs = net->outputs};
    PEAL_TRY(build_inputs(net, &builder, err));
    PEAL_TRY(spec->kind->build(&builder, &net->output, err));
    if (shape->has_offset) PEAL_TRY(add_offsets(net, err));
    if (!training) return PEAL_OK;
    peal_element element = shape->classes ? PEAL_ELEMENT_INT32 : PEAL_ELEMENT_FLOAT32;
    PEAL_TRY(peal_graph_input(net->graph, "labels", element, 1, &net->labels, err));
    const peal_op *loss = shape->classes == 0 ? &peal_op_squared_error
                          : one               ? &peal_op_sigmoid_cross_entropy
                                              : &peal_op_softmax_cross_entropy;
    PEAL_TRY(peal_graph_input(net->graph, "weights", PEAL_ELEMENT_FLOAT32, 1, &net->weights, err));
    peal_node *inputs[3] = {net->output, net->labels, net->weights}, *node;
    return peal_graph_add(net->graph, loss, inputs, 3, spec->smoothing, &node, err);
}

peal_status peal_net_new(const peal_pipeline *pipeline, const peal_model_spec *spec, size_t rows, bool training,
                         peal_net **out, peal_error *err) {
    *out = NULL;
    peal_net *net = calloc(1, sizeof *net);
    if (!net) return peal_fail(err, PEAL_E_MEMORY, "no memory for a net");
    net->rows = rows;
    net->graph = peal_graph_new();
    peal_status status = net->graph ? peal_pipeline_shape(pipeline, &net->shape, err)
                                    : peal_fail(err, PEAL_E_MEMORY, "no memory for a graph");
    if (status == PEAL_OK) status = peal_model_check_label(spec->kind, &net->shape, err);
    if (status == PEAL_OK) status = build(net, spec, training, err);
    if (status == PEAL_OK) status = peal_graph_plan(net->graph, rows, training, err);
    if (status != PEAL_OK) {
        peal_net_free(net);
        return status;
    }
    *out = net;
    return PEAL_OK;
}

void peal_net_free(peal_net *net) {
    if (!net) return;
    peal_graph_free(net->graph);
    free(net->shape.vocabularies);
    free(net->code_offsets);
    free(net);
}

/* ---- rows ---- */

/* Columns stand in the pipeline's order: features, codes, indices and values, label, offset, weight, what no model
 * sees. */
static const peal_column *behind_features(const peal_shape *shape, const peal_table *table) {
    return &table->columns[(shape->features > 0) + shape->code_columns + (shape->sparse ? 2 : 0)];
}

double peal_shape_offset(const peal_shape *shape, const peal_table *table, size_t row) {
    if (!shape->has_offset) return 0;
    return ((const double *)behind_features(shape, table)[shape->has_label].values)[row];
}

double peal_shape_weight(const peal_shape *shape, const peal_table *table, size_t row) {
    if (!shape->has_weight) return 1;
    const size_t at = (size_t)shape->has_label + shape->has_offset + shape->has_query;
    return ((const double *)behind_features(shape, table)[at].values)[row];
}

const peal_column *peal_shape_query(const peal_shape *shape, const peal_table *table) {
    return shape->has_query ? &behind_features(shape, table)[shape->has_label + shape->has_offset] : NULL;
}

double peal_row_weight(const peal_weighing *weighing, const peal_shape *shape, const peal_table *table, size_t row,
                       double label) {
    const double weight = weighing->unit * peal_shape_weight(shape, table, row);
    return weighing->classes ? weight * weighing->classes[(size_t)label] : weight;
}

double peal_shape_label(const peal_shape *shape, const peal_table *table, size_t row) {
    const peal_column *column = behind_features(shape, table);
    if (shape->classes == 0) return ((const double *)column->values)[row];
    int32_t code = peal_column_code(column, row);
    return code < 0 ? (double)NAN : (double)code;
}

size_t peal_shape_codes(const peal_shape *shape) {
    size_t codes = 0;
    for (uint32_t i = 0; i < shape->code_columns; i++) codes += shape->vocabularies[i];
    return codes;
}

size_t peal_shape_scores(const peal_shape *shape) {
    return shape->classes ? shape->classes : 1;
}

peal_sparse_row peal_shape_sparse(const peal_column *indices, const peal_column *values, size_t row) {
    const int32_t begin = indices->offsets[row], end = indices->offsets[row + 1];
    return (peal_sparse_row){.indices = (const uint32_t *)indices->child->values + begin,
                             .values = (const float *)values->child->values + begin,
                             .count = (size_t)(end - begin)};
}

static void load_row(peal_net *net, const peal_table *table, size_t row, size_t to) {
    size_t at = 0;
    if (net->features) {
        size_t size = net->features->width * (net->shape.bytes ? 1 : sizeof(float));
        const uint8_t *from = table->columns[at++].child->values;
        memcpy((uint8_t *)net->features->value + to * size, from + row * size, size);
    }
    for (uint32_t i = 0; i < net->shape.code_columns; i++) {
        int32_t code = peal_column_code(&table->columns[at++], row);
        ((int32_t *)net->codes->value)[to * net->shape.code_columns + i] = code < 0 ? -1 : net->code_offsets[i] + code;
    }
    if (net->sparse) {
        ((peal_sparse_row *)net->sparse->value)[to] =
            peal_shape_sparse(&table->columns[at], &table->columns[at + 1], row);
        at += 2;
    }
    if (net->offsets) {
        const double offset = peal_shape_offset(&net->shape, table, row) / net->shape.label_deviation;
        ((float *)net->offsets->value)[to] = (float)offset;
    }
    if (!net->labels) return;
    const double label = peal_shape_label(&net->shape, table, row);
    ((float *)net->weights->value)[to] = (float)peal_row_weight(&net->weighing, &net->shape, table, row, label);
    if (net->shape.classes) {
        ((int32_t *)net->labels->value)[to] = (int32_t)label;
    } else {
        ((float *)net->labels->value)[to] = (float)((label - net->shape.label_mean) / net->shape.label_deviation);
    }
}

void peal_net_load_rows(peal_net *net, const peal_rows *rows, const uint32_t *order, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t within;
        const peal_table *table = peal_rows_find(rows, order[i], &within);
        load_row(net, table, within, i);
    }
}

void peal_net_load_table(peal_net *net, const peal_table *table, size_t first, size_t count) {
    for (size_t i = 0; i < count; i++) load_row(net, table, first + i, i);
}

void peal_net_clear_rows(peal_net *net, size_t first, size_t end) {
    for (size_t i = first; net->sparse && i < end; i++)
        ((peal_sparse_row *)net->sparse->value)[i] = (peal_sparse_row){0};
}
