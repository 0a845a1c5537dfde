/* Lanes: what several threads need to predict at once with one model, each a net of its own over shared parameters,
 * and the scores of the rows that went through it last. Private to this folder. */
#ifndef PEAL_MODELS_LANE_H
#define PEAL_MODELS_LANE_H

#include "models/net/net.h"

typedef struct models__lane {
    peal_net *net;   /* NULL: the lane was never used */
    double *scores;  /* [capacity, width] */
    size_t capacity; /* rows */
} models__lane;

typedef struct models__lanes {
    const peal_pipeline *pipeline;
    const char *spec;  /* of the model */
    float *parameters; /* as the net's graph lays them out; only read */
    size_t width;      /* scores a row */
    models__lane *lanes;
    size_t count;
} models__lanes;

/* Room for `count` lanes in `lanes`, whose other fields are set. The first one borrows `net`. */
peal_status models__lanes_init(models__lanes *lanes, size_t count, peal_net *net, peal_error *err);
void models__lanes_clear(models__lanes *lanes);

/* Predicts the rows of a table in lane `index`, whose scores they become; different lanes on different threads. */
peal_status models__lane_run(models__lanes *lanes, size_t index, const peal_table *table, peal_error *err);

/* scores [table->rows, width], with a net for batches of PEAL_PREDICT_BATCH rows. */
void models__predict_table(peal_net *net, const peal_table *table, size_t width, double *scores);

#endif
