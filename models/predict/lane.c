/* Takes tables through a model, each lane its own; see lane.h. */
#include "models/predict/lane.h"

#include <stdlib.h>

#include "core/base/memory.h"

peal_status models__lanes_init(models__lanes *lanes, size_t count, peal_error *err) {
    PEAL_TRY(peal_alloc_checked(&lanes->lanes, count, sizeof *lanes->lanes, "predictions", err));
    lanes->count = count;
    return PEAL_OK;
}

void models__lanes_clear(models__lanes *lanes) {
    for (size_t i = 0; i < lanes->count; i++) {
        models__lane *lane = &lanes->lanes[i];
        void (*scratch_free)(void *) = lanes->view ? lanes->view->scratch_free : lanes->learner->scratch_free;
        if (lane->is_ready && scratch_free) scratch_free(lane->scratch);
        free(lane->scores);
    }
    free(lanes->lanes);
    *lanes = (models__lanes){0};
}

/* Scratch is made when it is needed: most jobs have rows for one lane only. */
static peal_status make_ready(const models__lanes *lanes, models__lane *lane, peal_error *err) {
    peal_status (*scratch_new)(const void *, void **, peal_error *) =
        lanes->view ? lanes->view->scratch_new : lanes->learner->scratch_new;
    if (lane->is_ready) return PEAL_OK;
    if (scratch_new) PEAL_TRY(scratch_new(lanes->model, &lane->scratch, err));
    lane->is_ready = true;
    return PEAL_OK;
}

peal_status models__lane_score(models__lanes *lanes, size_t index, const peal_table *table, double *scores,
                               peal_error *err) {
    models__lane *lane = &lanes->lanes[index];
    PEAL_TRY(make_ready(lanes, lane, err));
    for (size_t at = 0; at < table->rows; at += PEAL_PREDICT_BATCH) {
        const size_t left = table->rows - at;
        const peal_batch batch = {
            .table = table, .first = at, .count = left < PEAL_PREDICT_BATCH ? left : PEAL_PREDICT_BATCH};
        (lanes->view ? lanes->view->score : lanes->learner->score)(lanes->model, lane->scratch, &batch,
                                                                   scores + at * lanes->width);
    }
    return PEAL_OK;
}

peal_status models__lane_run(models__lanes *lanes, size_t index, const peal_table *table, peal_error *err) {
    models__lane *lane = &lanes->lanes[index];
    if (table->rows > lane->capacity) {
        free(lane->scores);
        lane->scores = NULL;
        lane->capacity = 0;
        PEAL_TRY(peal_alloc_checked(&lane->scores, table->rows, lanes->width * sizeof(double), "predictions", err));
        lane->capacity = table->rows;
    }
    return models__lane_score(lanes, index, table, lane->scores, err);
}
