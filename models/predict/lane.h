/* Lanes: what several threads need to predict at once with one model, each a scratch of its own beside it, and the
 * scores of the rows that went through it last. Private to this folder. */
#ifndef PEAL_MODELS_LANE_H
#define PEAL_MODELS_LANE_H

#include "core/thread/executor.h"
#include "models/learner/learner.h"
#include "models/predict/predictor.h"

typedef struct models__lane {
    void *scratch;
    bool is_ready;   /* scratch is made */
    double *scores;  /* [capacity, width] */
    size_t capacity; /* rows */
} models__lane;

typedef struct models__lanes {
    const peal_learner *learner;
    const peal_view *view; /* what is told in the place of predictions; NULL: nothing is */
    const void *model;     /* only read */
    size_t width;          /* scores a row */
    models__lane *lanes;
    size_t count;
} models__lanes;

/* Lanes for a predictor's model, or for the view that it shows. */
peal_status models__predictor_lanes(const peal_predictor *predictor, size_t count, models__lanes *out, peal_error *err);
/* Room for `count` lanes in `lanes`, whose other fields are set. */
peal_status models__lanes_init(models__lanes *lanes, size_t count, peal_error *err);
void models__lanes_clear(models__lanes *lanes);

/* Predicts the rows of a table in lane `index`, whose scores they become; different lanes on different threads. */
peal_status models__lane_run(models__lanes *lanes, size_t index, const peal_table *table, peal_error *err);
/* The same with room for scores of the caller's, [table->rows, width]. */
peal_status models__lane_score(models__lanes *lanes, size_t index, const peal_table *table, double *scores,
                               peal_error *err);
/* Predicts the rows of a table in all lanes at once, by as many threads; the scores are those of lane 0. Of one lane
 * there need be no threads. */
peal_status models__lanes_run(models__lanes *lanes, peal_executor *executor, const peal_table *table, peal_error *err);

#endif
