/* Rows times weights, four rows at a time, and back; see linear_model.h.
 *
 * A sum over features is made in lanes; codes and sparse features follow in their order. */
#include "models/learner/linear_model.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/vector.h"
#include "models/learner/views.h"

enum { ROWS = MODELS__LINEAR_ROWS, LANES = MODELS__LANES };

peal_status models__linear_init(models__linear *linear, const peal_model_spec *spec, const peal_shape *shape,
                                peal_error *err) {
    const peal_loss *loss = spec->kind->loss;
    PEAL_TRY(peal_model_check_label(spec->kind, shape, err));
    *linear = (models__linear){
        .loss = loss, .shape = *shape, .features = shape->features, .code_values = peal_shape_codes(shape)};
    const bool one = shape->classes == 0 || (shape->classes <= 2 && !spec->kind->softmax);
    linear->outputs = one ? 1 : shape->classes;
    linear->offset_unit = loss->is_count ? 1 : shape->label_deviation;
    linear->extra = linear->outputs;
    linear->weights = linear->extra + loss->has_extra;
    linear->codes = linear->weights + linear->outputs * linear->features;
    linear->sparse = linear->codes + linear->code_values * linear->outputs;
    linear->count = linear->sparse + (size_t)shape->sparse * linear->outputs;
    if (linear->features || linear->code_values || shape->sparse) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "there is nothing to learn from: every column but the label is dropped");
}

/* ---- dense features ---- */

void models__linear_load(const models__linear *linear, const peal_batch *batch, size_t first, models__few *few) {
    const size_t left = batch->count - first, count = linear->features;
    few->count = left < ROWS ? left : ROWS;
    for (size_t i = 0; i < few->count; i++) few->tables[i] = peal_batch_row(batch, first + i, &few->within[i]);
    for (size_t i = 0; count && i < ROWS; i++) {
        double *restrict to = few->features + i * count;
        if (i >= few->count) {
            memset(to, 0, count * sizeof *to);
            continue;
        }
        const void *values = few->tables[i]->columns[0].child->values;
        if (linear->shape.bytes) {
            const uint8_t *from = (const uint8_t *)values + few->within[i] * count;
            for (size_t j = 0; j < count; j++) to[j] = (double)from[j] * (1.0 / 255);
        } else {
            const float *from = (const float *)values + few->within[i] * count;
            for (size_t j = 0; j < count; j++) to[j] = (double)from[j];
        }
    }
}

/* out[i] += row i of x [ROWS, count] times w. */
PEAL_VECTOR static void multiply(const double *restrict x, const double *restrict w, size_t count, double out[ROWS]) {
    double sums[ROWS][LANES] = {{0}};
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            sums[0][l] += x[j + l] * w[j + l];
            sums[1][l] += x[count + j + l] * w[j + l];
            sums[2][l] += x[2 * count + j + l] * w[j + l];
            sums[3][l] += x[3 * count + j + l] * w[j + l];
        }
    }
    for (size_t l = 0; j < count; j++, l++) {
        for (size_t i = 0; i < ROWS; i++) sums[i][l] += x[i * count + j] * w[j];
    }
    for (size_t i = 0; i < ROWS; i++) out[i] += models__add_lanes(sums[i]);
}

PEAL_VECTOR double models__dot(const double *restrict x, const double *restrict w, size_t count) {
    double lanes[LANES] = {0};
    size_t j = 0;
    for (; j + LANES <= count; j += LANES) {
        for (size_t l = 0; l < LANES; l++) lanes[l] += x[j + l] * w[j + l];
    }
    for (size_t l = 0; j < count; j++, l++) lanes[l] += x[j] * w[j];
    return models__add_lanes(lanes);
}

/* g += the rows of x [ROWS, count], each times its r. */
PEAL_VECTOR static void add_rows(const double *restrict x, const double r[ROWS], size_t count, double *restrict g) {
    const double *restrict x1 = x + count, *restrict x2 = x + 2 * count, *restrict x3 = x + 3 * count;
    const double r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3];
    for (size_t j = 0; j < count; j++) g[j] += (r0 * x[j] + r1 * x1[j]) + (r2 * x2[j] + r3 * x3[j]);
}

/* ---- codes and sparse features ---- */

static bool has_codes(const models__linear *linear) {
    return linear->shape.code_columns || linear->shape.sparse;
}

static void add_scores(const models__linear *linear, const double *parameters, const models__few *few, size_t i,
                       double *out) {
    if (linear->outputs == 1) {
        double sum = *out;
        MODELS__EACH_ENTRY(linear, few, i, at, value, sum += value * parameters[at]);
        *out = sum;
        return;
    }
    MODELS__EACH_ENTRY(linear, few, i, at, value, {
        for (size_t k = 0; k < linear->outputs; k++) out[k] += value * parameters[at + k];
    });
}

static void add_entries(const models__linear *linear, const double *r, const models__few *few, size_t i,
                        double *gradient) {
    if (linear->outputs == 1) {
        const double one = *r;
        MODELS__EACH_ENTRY(linear, few, i, at, value, gradient[at] += value * one);
        return;
    }
    MODELS__EACH_ENTRY(linear, few, i, at, value, {
        for (size_t k = 0; k < linear->outputs; k++) gradient[at + k] += value * r[k];
    });
}

/* ---- both ---- */

void models__linear_scores(const models__linear *linear, const double *parameters, const models__few *few,
                           double *scores) {
    const size_t outputs = linear->outputs;
    for (size_t k = 0; k < outputs; k++) {
        double sums[ROWS] = {parameters[k], parameters[k], parameters[k], parameters[k]};
        for (size_t i = 0; linear->shape.has_offset && i < few->count; i++) {
            sums[i] += peal_shape_offset(&linear->shape, few->tables[i], few->within[i]) / linear->offset_unit;
        }
        if (linear->features) {
            multiply(few->features, parameters + linear->weights + k * linear->features, linear->features, sums);
        }
        for (size_t i = 0; i < ROWS; i++) scores[i * outputs + k] = sums[i];
    }
    for (size_t i = 0; has_codes(linear) && i < few->count; i++) {
        add_scores(linear, parameters, few, i, scores + i * outputs);
    }
}

void models__linear_score_row(const models__linear *linear, const double *parameters, const models__few *few, size_t i,
                              double *scores) {
    const double *x = few->features + i * linear->features;
    for (size_t k = 0; k < linear->outputs; k++) {
        scores[k] =
            parameters[k] + models__dot(x, parameters + linear->weights + k * linear->features, linear->features);
        if (linear->shape.has_offset) {
            scores[k] += peal_shape_offset(&linear->shape, few->tables[i], few->within[i]) / linear->offset_unit;
        }
    }
    if (has_codes(linear)) add_scores(linear, parameters, few, i, scores);
}

double models__linear_row_loss(const models__linear *linear, const peal_weighing *weighing,
                               const peal_loss_terms *terms, const models__few *few, size_t i, const double *scores,
                               double *derivatives, double *seconds, double *extra) {
    const double label = peal_shape_label(&linear->shape, few->tables[i], few->within[i]);
    const double target = peal_loss_target(linear->loss, &linear->shape, label);
    double own_extra = 0;
    const double loss = linear->loss->row(terms, scores, linear->outputs, target, derivatives, &own_extra);
    if (seconds) linear->loss->bend(terms, derivatives, linear->outputs, target, seconds);
    const double weight = peal_row_weight(weighing, &linear->shape, few->tables[i], few->within[i], label);
    const size_t pairs = seconds && weight != 1 ? linear->outputs * linear->outputs : 0;
    for (size_t k = 0; k < pairs; k++) seconds[k] *= weight;
    for (size_t k = 0; weight != 1 && k < linear->outputs; k++) derivatives[k] *= weight;
    *extra += weight * own_extra;
    return weight * loss;
}

void models__linear_add_gradient(const models__linear *linear, const models__few *few, const double *derivatives,
                                 double *gradient) {
    const size_t outputs = linear->outputs;
    for (size_t k = 0; k < outputs; k++) {
        double r[ROWS];
        for (size_t i = 0; i < ROWS; i++) r[i] = derivatives[i * outputs + k];
        gradient[k] += (r[0] + r[1]) + (r[2] + r[3]);
        if (!linear->features) continue;
        add_rows(few->features, r, linear->features, gradient + linear->weights + k * linear->features);
    }
    for (size_t i = 0; has_codes(linear) && i < few->count; i++) {
        add_entries(linear, derivatives + i * outputs, few, i, gradient);
    }
}

void models__linear_add_squares(const models__linear *linear, const models__few *few, double *squares) {
    const size_t outputs = linear->outputs, features = linear->features;
    for (size_t k = 0; k < outputs; k++) {
        double *own = squares + linear->weights + k * features;
        squares[k] += (double)few->count;
        for (size_t i = 0; i < few->count; i++) {
            const double *x = few->features + i * features;
            for (size_t j = 0; j < features; j++) own[j] += x[j] * x[j];
        }
    }
    for (size_t i = 0; has_codes(linear) && i < few->count; i++) {
        MODELS__EACH_ENTRY(linear, few, i, at, value, {
            for (size_t k = 0; k < outputs; k++) squares[at + k] += value * value;
        });
    }
}

/* ---- the model ---- */

enum { TENSORS = 4 };

typedef struct linear_model {
    models__linear linear;
    double *parameters;
    peal_tensor tensors[TENSORS];
    size_t count;
} linear_model;

static void add_tensor(linear_model *self, const char *name, size_t at, size_t rows, size_t width) {
    self->tensors[self->count++] = (peal_tensor){
        .name = name, .type = PEAL_TENSOR_FLOAT64, .data = self->parameters + at, .rows = rows, .width = width};
}

static peal_status make(linear_model *self, const peal_pipeline *pipeline, const peal_model_spec *spec,
                        peal_error *err) {
    models__linear *linear = &self->linear;
    peal_shape shape;
    PEAL_TRY(peal_pipeline_shape(pipeline, &shape, err));
    linear->shape.vocabularies = shape.vocabularies; /* to be freed, whatever happens */
    PEAL_TRY(models__linear_init(linear, spec, &shape, err));
    PEAL_TRY(peal_alloc_checked(&self->parameters, linear->count, sizeof(double), "parameters", err));
    add_tensor(self, "bias", 0, 0, linear->outputs);
    if (linear->features) add_tensor(self, "weight", linear->weights, linear->outputs, linear->features);
    if (linear->code_values) add_tensor(self, "codes", linear->codes, linear->code_values, linear->outputs);
    if (linear->shape.sparse) add_tensor(self, "sparse", linear->sparse, linear->shape.sparse, linear->outputs);
    return PEAL_OK;
}

peal_status models__linear_model_new(const peal_pipeline *pipeline, const peal_model_spec *spec,
                                     const peal_tensor *given, size_t given_count, void **model, peal_error *err) {
    (void)given, (void)given_count; /* the shapes follow from pipeline and spec */
    linear_model *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a model");
    const peal_status status = make(self, pipeline, spec, err);
    if (status == PEAL_OK) {
        *model = self;
    } else {
        models__linear_model_free(self);
    }
    return status;
}

void models__linear_model_free(void *model) {
    linear_model *self = model;
    if (!self) return;
    free(self->linear.shape.vocabularies);
    free(self->parameters);
    free(self);
}

const peal_tensor *models__linear_model_tensors(const void *model, size_t *count) {
    const linear_model *self = model;
    *count = self->count;
    return self->tensors;
}

double *models__linear_model_parameters(void *model) {
    linear_model *self = model;
    return self->parameters;
}

peal_status models__linear_model_scratch(const void *model, void **scratch, peal_error *err) {
    const linear_model *self = model;
    double *room;
    PEAL_TRY(peal_alloc_checked(&room, ROWS * (self->linear.features + self->linear.outputs), sizeof(double),
                                "predictions", err));
    *scratch = room;
    return PEAL_OK;
}

void models__linear_model_score(const void *model, void *scratch, const peal_batch *batch, double *scores) {
    const linear_model *self = model;
    const models__linear *linear = &self->linear;
    const size_t width = peal_shape_scores(&linear->shape);
    models__few few = {.features = scratch};
    double *own = few.features + ROWS * linear->features;
    for (size_t at = 0; at < batch->count; at += ROWS) {
        models__linear_load(linear, batch, at, &few);
        models__linear_scores(linear, self->parameters, &few, own);
        for (size_t i = 0; i < few.count; i++) {
            linear->loss->predict(&linear->shape, own + i * linear->outputs, linear->outputs,
                                  scores + (at + i) * width);
        }
    }
}

/* ---- raw scores ---- */

static size_t raw_width(const void *model) {
    const linear_model *self = model;
    return self->linear.outputs;
}

static char *raw_title(const void *model, const peal_pipeline *pipeline, size_t index) {
    return models__output_title(pipeline, raw_width(model), index, "raw");
}

static void raw_score(const void *model, void *scratch, const peal_batch *batch, double *out) {
    const linear_model *self = model;
    const models__linear *linear = &self->linear;
    const models__unit unit = models__unit_of(&linear->shape, linear->loss);
    models__few few = {.features = scratch};
    double *own = few.features + ROWS * linear->features;
    for (size_t at = 0; at < batch->count; at += ROWS) {
        models__linear_load(linear, batch, at, &few);
        models__linear_scores(linear, self->parameters, &few, own);
        for (size_t i = 0; i < few.count * linear->outputs; i++) *out++ = own[i] * unit.scale + unit.shift;
    }
}

static const peal_view raw = {
    MODELS__RAW,          .width = raw_width, .title = raw_title, .scratch_new = models__linear_model_scratch,
    .scratch_free = free, .score = raw_score,
};

const peal_view *const models__linear_views[] = {&raw, NULL};
