/* What trees tell of a row besides its prediction: its raw score, the leaves that it comes to, and what each column
 * contributes to the score. */
#include <math.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "models/learner/forest.h"
#include "models/learner/shap.h"
#include "models/learner/views.h"

/* ---- the raw score ---- */

static size_t raw_width(const void *model) {
    const models__forest_model *self = model;
    return self->forest.outputs;
}

static char *raw_title(const void *model, const peal_pipeline *pipeline, size_t index) {
    return models__output_title(pipeline, raw_width(model), index, "raw");
}

/* Scores of numbers are told in the unit in which they are predicted. */
static void raw_score(const void *model, void *scratch, const peal_batch *batch, double *out) {
    const models__forest_model *self = model;
    const models__unit unit = models__forest_unit(&self->goal);
    models__forest_model_raw(model, scratch, batch, out);
    for (size_t i = 0; i < batch->count * self->forest.outputs; i++) out[i] = out[i] * unit.scale + unit.shift;
}

static const peal_view raw = {
    MODELS__RAW,          .width = raw_width, .title = raw_title, .scratch_new = models__forest_model_scratch,
    .scratch_free = free, .score = raw_score,
};

/* ---- leaves ---- */

static size_t leaves_width(const void *model) {
    const models__forest_model *self = model;
    return self->forest.trees;
}

static char *leaves_title(const void *model, const peal_pipeline *pipeline, size_t index) {
    (void)model, (void)pipeline;
    return peal_sprintf("tree_%zu", index + 1);
}

static void leaves_score(const void *model, void *scratch, const peal_batch *batch, double *out) {
    const models__forest_model *self = model;
    uint8_t *bins = scratch;
    for (size_t i = 0; i < batch->count; i++) {
        size_t row;
        models__forest_model_row(self, batch, i, bins, &row);
        for (size_t tree = 0; tree < self->forest.trees; tree++) {
            *out++ = (double)models__tree_leaf(&self->forest, tree, bins);
        }
    }
}

static const peal_view leaves = {
    .name = "leaves",
    .documentation = "the number of the leaf, from 0 on, that the row comes to in each tree",
    .width = leaves_width,
    .title = leaves_title,
    .scratch_new = models__forest_model_scratch,
    .scratch_free = free,
    .score = leaves_score,
};

/* ---- contributions ---- */

static peal_status contributions_check(const void *model, peal_error *err) {
    const models__forest_model *self = model;
    if (self->forest.leaf_rows || self->forest.leaf_covers) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA,
                     "the model does not tell what came to its leaves (tensors 'leaf_rows', 'leaf_covers'), by which "
                     "contributions are counted; train it anew");
}

static size_t contributions_width(const void *model) {
    const models__forest_model *self = model;
    return self->forest.outputs * (self->columns.count + 1);
}

static char *contributions_title(const void *model, const peal_pipeline *pipeline, size_t index) {
    const models__forest_model *self = model;
    const size_t output = index / (self->columns.count + 1), column = index % (self->columns.count + 1);
    const bool is_last = column == self->columns.count;
    return models__output_title(pipeline, self->forest.outputs, output,
                                is_last ? "expected" : models__column_name(&self->columns, pipeline, column));
}

typedef struct contributions_room {
    models__shap *shap;
    uint8_t *bins; /* [PEAL_PREDICT_BATCH, features] */
} contributions_room;

static void contributions_room_free(void *scratch) {
    contributions_room *room = scratch;
    if (!room) return;
    models__shap_free(room->shap);
    free(room->bins);
    free(room);
}

static peal_status contributions_room_new(const void *model, void **scratch, peal_error *err) {
    const models__forest_model *self = model;
    const models__columns *columns = &self->columns;
    contributions_room *room = calloc(1, sizeof *room);
    if (!room) return peal_fail(err, PEAL_E_MEMORY, "no memory for contributions");
    peal_status status = peal_alloc_checked(&room->bins, PEAL_PREDICT_BATCH, self->bins.features, "rows", err);
    if (status == PEAL_OK) {
        status = models__shap_new(&self->forest, columns->of, columns->features, columns->count, &room->shap, err);
    }
    if (status == PEAL_OK) {
        *scratch = room;
    } else {
        contributions_room_free(room);
    }
    return status;
}

/* A row's offset is no column's doing: it is expected. */
static void contributions_score(const void *model, void *scratch, const peal_batch *batch, double *out) {
    const models__forest_model *self = model;
    const models__unit unit = models__forest_unit(&self->goal);
    contributions_room *room = scratch;
    const size_t columns = self->columns.count, outputs = self->forest.outputs;
    double offsets[PEAL_PREDICT_BATCH];
    for (size_t i = 0; i < batch->count; i++) {
        size_t row;
        const peal_table *table = models__forest_model_row(self, batch, i, room->bins + i * self->bins.features, &row);
        offsets[i] = peal_shape_offset(&self->goal.shape, table, row) / self->goal.shape.label_deviation;
    }
    models__shap_rows(room->shap, room->bins, batch->count, out);
    for (size_t i = 0; i < batch->count * outputs; i++, out += columns + 1) {
        for (size_t c = 0; c < columns; c++) out[c] *= unit.scale;
        out[columns] = (out[columns] + offsets[i / outputs]) * unit.scale + unit.shift;
    }
}

static const peal_view contributions = {
    .name = "contributions",
    .documentation = "what each column adds to the raw score (its Shapley value), and the score that is expected",
    .check = contributions_check,
    .width = contributions_width,
    .title = contributions_title,
    .scratch_new = contributions_room_new,
    .scratch_free = contributions_room_free,
    .score = contributions_score,
};

const peal_view *const models__forest_views[] = {&raw, &leaves, &contributions, NULL};
