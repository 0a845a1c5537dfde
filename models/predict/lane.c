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

/* Rows `first` .. `end` - 1 of a table; `scores` are of all its rows. */
static peal_status score_rows(const models__lanes *lanes, size_t index, const peal_table *table, size_t first,
                              size_t end, double *scores, peal_error *err) {
    models__lane *lane = &lanes->lanes[index];
    PEAL_TRY(make_ready(lanes, lane, err));
    for (size_t at = first; at < end; at += PEAL_PREDICT_BATCH) {
        const size_t left = end - at;
        const peal_batch batch = {
            .table = table, .first = at, .count = left < PEAL_PREDICT_BATCH ? left : PEAL_PREDICT_BATCH};
        (lanes->view ? lanes->view->score : lanes->learner->score)(lanes->model, lane->scratch, &batch,
                                                                   scores + at * lanes->width);
    }
    return PEAL_OK;
}

peal_status models__lane_score(models__lanes *lanes, size_t index, const peal_table *table, double *scores,
                               peal_error *err) {
    return score_rows(lanes, index, table, 0, table->rows, scores, err);
}

static peal_status make_room(const models__lanes *lanes, models__lane *lane, size_t rows, peal_error *err) {
    if (rows <= lane->capacity) return PEAL_OK;
    free(lane->scores);
    lane->scores = NULL;
    lane->capacity = 0;
    PEAL_TRY(peal_alloc_checked(&lane->scores, rows, lanes->width * sizeof(double), "predictions", err));
    lane->capacity = rows;
    return PEAL_OK;
}

peal_status models__lane_run(models__lanes *lanes, size_t index, const peal_table *table, peal_error *err) {
    models__lane *lane = &lanes->lanes[index];
    PEAL_TRY(make_room(lanes, lane, table->rows, err));
    return models__lane_score(lanes, index, table, lane->scores, err);
}

/* A table that is cut for all lanes. */
typedef struct shared_table {
    const models__lanes *lanes;
    const peal_table *table;
} shared_table;

/* Lanes take whole batches, so that these are the same for any number of lanes. */
static peal_status score_part(void *user, size_t index, peal_error *err) {
    const shared_table *self = user;
    const size_t rows = self->table->rows, lanes = self->lanes->count;
    const size_t batches = (rows + PEAL_PREDICT_BATCH - 1) / PEAL_PREDICT_BATCH;
    const size_t first = batches * index / lanes * PEAL_PREDICT_BATCH;
    const size_t end = batches * (index + 1) / lanes * PEAL_PREDICT_BATCH;
    return score_rows(self->lanes, index, self->table, first, end < rows ? end : rows, self->lanes->lanes[0].scores,
                      err);
}

peal_status models__lanes_run(models__lanes *lanes, peal_executor *executor, const peal_table *table, peal_error *err) {
    shared_table shared = {lanes, table};
    const peal_map_work work = {.work = score_part, .user = &shared};
    if (lanes->count == 1) return models__lane_run(lanes, 0, table, err);
    PEAL_TRY(make_room(lanes, &lanes->lanes[0], table->rows, err));
    return peal_executor_map(executor, lanes->count, lanes->count, &work, err);
}
