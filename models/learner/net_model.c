/* A net's parameters, and graphs that take batches through them; see net_model.h. */
#include "models/learner/net_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "models/learner/views.h"

typedef struct net_model {
    const peal_pipeline *pipeline;
    const peal_model_spec *spec;
    peal_net *net; /* of which only the graph's parameters are looked at */
    float *parameters;
    peal_tensor *tensors;
    size_t count;
} net_model;

static peal_status make(net_model *self, peal_error *err) {
    PEAL_TRY(peal_net_new(self->pipeline, self->spec, 1, false, &self->net, err));
    const peal_graph *graph = self->net->graph;
    self->count = peal_graph_parameters(graph);
    PEAL_TRY(
        peal_alloc_checked(&self->parameters, peal_graph_parameter_floats(graph), sizeof(float), "parameters", err));
    PEAL_TRY(peal_alloc_checked(&self->tensors, self->count, sizeof *self->tensors, "parameters", err));
    for (size_t i = 0; i < self->count; i++) {
        const peal_node *node = peal_graph_parameter_at(graph, i);
        self->tensors[i] = (peal_tensor){
            .name = node->name, .data = self->parameters + node->offset, .rows = node->rows, .width = node->width};
    }
    return PEAL_OK;
}

peal_status models__net_model_new(const peal_pipeline *pipeline, const peal_model_spec *spec, const peal_tensor *given,
                                  size_t given_count, void **model, peal_error *err) {
    (void)given, (void)given_count; /* the shapes follow from pipeline and spec */
    net_model *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a model");
    *self = (net_model){.pipeline = pipeline, .spec = spec};
    const peal_status status = make(self, err);
    if (status == PEAL_OK) {
        *model = self;
    } else {
        models__net_model_free(self);
    }
    return status;
}

void models__net_model_free(void *model) {
    net_model *self = model;
    if (!self) return;
    peal_net_free(self->net);
    free(self->parameters);
    free(self->tensors);
    free(self);
}

const peal_tensor *models__net_model_tensors(const void *model, size_t *count) {
    const net_model *self = model;
    *count = self->count;
    return self->tensors;
}

void models__net_model_fill(void *model, const float *parameters) {
    net_model *self = model;
    memcpy(self->parameters, parameters, peal_graph_parameter_floats(self->net->graph) * sizeof(float));
}

const float *models__net_model_parameters(const void *model) {
    const net_model *self = model;
    return self->parameters;
}

/* ---- scores ---- */

peal_status models__net_model_scratch(const void *model, void **scratch, peal_error *err) {
    const net_model *self = model;
    peal_net *net;
    PEAL_TRY(peal_graph_check_memory(err)); /* GEMM takes memory for each thread */
    PEAL_TRY(peal_net_new(self->pipeline, self->spec, PEAL_PREDICT_BATCH, false, &net, err));
    peal_graph_bind(net->graph, self->parameters, NULL, NULL);
    *scratch = net;
    return PEAL_OK;
}

void models__net_model_scratch_free(void *scratch) {
    peal_net_free(scratch);
}

static void softmax_row(const float *logits, size_t k, double *scores) {
    float most = logits[0];
    double sum = 0;
    for (size_t j = 1; j < k; j++) most = logits[j] > most ? logits[j] : most;
    for (size_t j = 0; j < k; j++) sum += scores[j] = (double)expf(logits[j] - most);
    for (size_t j = 0; j < k; j++) scores[j] /= sum;
}

static void output_to_scores(const peal_net *net, const float *output, size_t rows, double *scores) {
    const peal_shape *shape = &net->shape;
    const size_t width = peal_shape_scores(shape);
    for (size_t i = 0; i < rows; i++) {
        if (shape->classes == 0) {
            scores[i * width] = (double)output[i] * shape->label_deviation + shape->label_mean;
        } else if (net->outputs == 1) {
            scores[i * width + width - 1] = (double)(1 / (1 + expf(-output[i])));
            if (width == 2) scores[i * width] = (double)(1 / (1 + expf(output[i])));
        } else {
            softmax_row(output + i * net->outputs, net->outputs, scores + i * width);
        }
    }
}

/* Batches are always padded to the same size, so that a row's sums do not depend on how many stand beside it. The
 * inputs behind the batch keep old rows: their results are not looked at. */
static const float *forward(peal_net *net, const peal_batch *batch) {
    peal_run run = {.rows = PEAL_PREDICT_BATCH};
    if (batch->table) {
        peal_net_load_table(net, batch->table, batch->first, batch->count);
    } else {
        peal_net_load_rows(net, batch->rows, batch->order, batch->count);
    }
    peal_net_clear_rows(net, batch->count, PEAL_PREDICT_BATCH);
    peal_graph_forward(net->graph, &run);
    return net->output->value;
}

void models__net_model_score(const void *model, void *scratch, const peal_batch *batch, double *scores) {
    (void)model;
    peal_net *net = scratch;
    output_to_scores(net, forward(net, batch), batch->count, scores);
}

/* ---- raw scores ---- */

static size_t raw_width(const void *model) {
    const net_model *self = model;
    return self->net->outputs;
}

static char *raw_title(const void *model, const peal_pipeline *pipeline, size_t index) {
    return models__output_title(pipeline, raw_width(model), index, "raw");
}

static void raw_score(const void *model, void *scratch, const peal_batch *batch, double *out) {
    (void)model;
    peal_net *net = scratch;
    const models__unit unit = models__unit_of(&net->shape, NULL);
    const float *output = forward(net, batch);
    for (size_t i = 0; i < batch->count * net->outputs; i++) out[i] = (double)output[i] * unit.scale + unit.shift;
}

static const peal_view raw = {
    MODELS__RAW,
    .width = raw_width,
    .title = raw_title,
    .scratch_new = models__net_model_scratch,
    .scratch_free = models__net_model_scratch_free,
    .score = raw_score,
};

const peal_view *const models__net_views[] = {&raw, NULL};
