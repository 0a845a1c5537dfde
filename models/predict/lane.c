/* Takes tables through nets, each lane its own, and turns what comes out into scores; see lane.h. */
#include "models/predict/lane.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "models/predict/predictor.h"

static void softmax_row(const float *logits, size_t k, double *scores) {
    float most = logits[0];
    double sum = 0;
    for (size_t j = 1; j < k; j++) most = logits[j] > most ? logits[j] : most;
    for (size_t j = 0; j < k; j++) sum += scores[j] = (double)expf(logits[j] - most);
    for (size_t j = 0; j < k; j++) scores[j] /= sum;
}

void models__output_to_scores(const peal_net *net, const float *output, size_t rows, size_t width, double *scores) {
    const peal_shape *shape = &net->shape;
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

/* The inputs of a batch of less than PEAL_PREDICT_BATCH rows keep old rows behind: their results are not looked at. */
static void run_batch(peal_net *net, size_t rows, size_t width, double *scores) {
    peal_run run = {.rows = PEAL_PREDICT_BATCH};
    peal_graph_forward(net->graph, &run);
    models__output_to_scores(net, net->output->value, rows, width, scores);
}

void models__predict_table(peal_net *net, const peal_table *table, size_t width, double *scores) {
    for (size_t at = 0; at < table->rows; at += PEAL_PREDICT_BATCH) {
        const size_t rows = table->rows - at < PEAL_PREDICT_BATCH ? table->rows - at : PEAL_PREDICT_BATCH;
        peal_net_load_table(net, table, at, rows);
        peal_net_clear_rows(net, rows, PEAL_PREDICT_BATCH);
        run_batch(net, rows, width, scores + at * width);
    }
}

peal_status models__lanes_init(models__lanes *lanes, size_t count, peal_net *net, peal_error *err) {
    PEAL_TRY(peal_alloc_checked(&lanes->lanes, count, sizeof *lanes->lanes, "predictions", err));
    lanes->count = count;
    lanes->lanes[0].net = net;
    return PEAL_OK;
}

void models__lanes_clear(models__lanes *lanes) {
    for (size_t i = 0; i < lanes->count; i++) {
        if (i > 0) peal_net_free(lanes->lanes[i].net);
        free(lanes->lanes[i].scores);
    }
    free(lanes->lanes);
    *lanes = (models__lanes){0};
}

/* The nets are made when they are needed: most jobs have rows for one lane only. */
static peal_status make_net(const models__lanes *lanes, models__lane *lane, peal_error *err) {
    peal_model_spec spec;
    PEAL_TRY(peal_model_parse(lanes->spec, &spec, err));
    PEAL_TRY(peal_graph_check_memory(err)); /* GEMM takes memory for each thread */
    PEAL_TRY(peal_net_new(lanes->pipeline, &spec, PEAL_PREDICT_BATCH, false, &lane->net, err));
    peal_graph_bind(lane->net->graph, lanes->parameters, NULL, NULL);
    return PEAL_OK;
}

peal_status models__lane_run(models__lanes *lanes, size_t index, const peal_table *table, peal_error *err) {
    models__lane *lane = &lanes->lanes[index];
    if (!lane->net) PEAL_TRY(make_net(lanes, lane, err));
    if (table->rows > lane->capacity) {
        free(lane->scores);
        lane->scores = NULL;
        lane->capacity = 0;
        PEAL_TRY(peal_alloc_checked(&lane->scores, table->rows, lanes->width * sizeof(double), "predictions", err));
        lane->capacity = table->rows;
    }
    models__predict_table(lane->net, table, lanes->width, lane->scores);
    return PEAL_OK;
}
