/* Naive Bayes: the classes' frequencies, and what each feature is like in each class, counted in one pass.
 *   numbers: normal, with mean and variance (McCallum's name for it, and what sklearn's GaussianNB is);
 *   codes:   the share of the class's rows that have the code;
 *   sparse:  the share of all that the class's rows have (multinomial: Manning, Raghavan, Schuetze 2008, 13.2),
 * the shares with `smooth` added to each count. A row's class is likely by the product of all, as if they were
 * independent. Fast, and often right where rows are few or texts are long; its probabilities are too sure. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "models/learner/learner.h"
#include "models/net/loss.h"

enum { STEP_ROWS = 8192, SEGMENT_NUMBERS = 65536 };

/* Where what is counted, or kept, stands in a vector of float64: of each class the rows, of each class and feature the
 * mean and the variance (while counting: sum and sum of squares), of each code and sparse feature the classes. */
typedef struct places {
    peal_shape shape;
    size_t classes, features, codes, sparse; /* how many; of codes all values */
    size_t means, variances, at_codes, at_sparse, count;
} places;

static void find_places(const peal_shape *shape, places *out) {
    *out = (places){.shape = *shape,
                    .classes = shape->classes,
                    .features = shape->features,
                    .sparse = shape->sparse,
                    .codes = peal_shape_codes(shape)};
    out->means = out->classes;
    out->variances = out->means + out->classes * out->features;
    out->at_codes = out->variances + out->classes * out->features;
    out->at_sparse = out->at_codes + out->codes * out->classes;
    out->count = out->at_sparse + out->sparse * out->classes;
}

static double feature(const places *at, const peal_table *table, size_t row, size_t j) {
    const void *values = table->columns[0].child->values;
    const size_t index = row * at->features + j;
    return at->shape.bytes ? (double)((const uint8_t *)values)[index] : (double)((const float *)values)[index];
}

/* Where the classes of a code column's value begin; SIZE_MAX if the row has none. `first` is the column's first value.
 */
static size_t code_place(const places *at, const peal_table *table, size_t row, uint32_t column, size_t first) {
    const int32_t code = peal_column_code(&table->columns[(at->features > 0) + column], row);
    return code < 0 ? SIZE_MAX : at->at_codes + (first + (size_t)code) * at->classes;
}

static peal_sparse_row sparse_row(const places *at, const peal_table *table, size_t row) {
    const peal_column *columns = &table->columns[(at->features > 0) + at->shape.code_columns];
    return at->sparse ? peal_shape_sparse(&columns[0], &columns[1], row) : (peal_sparse_row){0};
}

/* ---- the model ---- */

enum { TENSORS = 5 };

typedef struct bayes_model {
    places at;
    double *values; /* log frequencies, means, variances, log shares */
    peal_tensor tensors[TENSORS];
    size_t count;
} bayes_model;

static void model_free(void *model) {
    bayes_model *self = model;
    if (!self) return;
    free(self->at.shape.vocabularies);
    free(self->values);
    free(self);
}

static void add_tensor(bayes_model *self, const char *name, size_t at, size_t rows, size_t width) {
    if (rows * width == 0) return;
    self->tensors[self->count++] = (peal_tensor){
        .name = name, .type = PEAL_TENSOR_FLOAT64, .data = self->values + at, .rows = rows, .width = width};
}

static peal_status make_model(bayes_model *self, const peal_pipeline *pipeline, peal_error *err) {
    peal_shape shape;
    PEAL_TRY(peal_pipeline_shape(pipeline, &shape, err));
    find_places(&shape, &self->at);
    const places *at = &self->at;
    PEAL_TRY(peal_alloc_checked(&self->values, at->count, sizeof(double), "a model", err));
    add_tensor(self, "classes", 0, 1, at->classes);
    add_tensor(self, "means", at->means, at->classes, at->features);
    add_tensor(self, "variances", at->variances, at->classes, at->features);
    add_tensor(self, "codes", at->at_codes, at->codes, at->classes);
    add_tensor(self, "sparse", at->at_sparse, at->sparse, at->classes);
    return PEAL_OK;
}

static peal_status model_new(const peal_pipeline *pipeline, const peal_model_spec *spec, const peal_tensor *given,
                             size_t given_count, void **model, peal_error *err) {
    (void)spec, (void)given, (void)given_count; /* all shapes follow from the pipeline */
    bayes_model *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a model");
    const peal_status status = make_model(self, pipeline, err);
    if (status == PEAL_OK) {
        *model = self;
    } else {
        model_free(self);
    }
    return status;
}

static const peal_tensor *model_tensors(const void *model, size_t *count) {
    const bayes_model *self = model;
    *count = self->count;
    return self->tensors;
}

static peal_status model_check(const void *model, peal_error *err) {
    const bayes_model *self = model;
    const places *at = &self->at;
    for (size_t i = at->variances; i < at->at_codes; i++) {
        if (!(self->values[i] > 0)) return peal_fail(err, PEAL_E_DATA, "a variance is not above 0");
    }
    return PEAL_OK;
}

/* The log of what a class makes of a row, but for what all classes share. */
static double likelihood(const bayes_model *self, const peal_table *table, size_t row, size_t class) {
    const places *at = &self->at;
    const double *means = self->values + at->means + class * at->features;
    const double *variances = self->values + at->variances + class * at->features;
    double sum = self->values[class];
    for (size_t j = 0; j < at->features; j++) {
        const double away = feature(at, table, row, j) - means[j];
        sum -= (log(variances[j]) + away * away / variances[j]) / 2;
    }
    size_t first = 0;
    for (uint32_t c = 0; c < at->shape.code_columns; first += at->shape.vocabularies[c++]) {
        const size_t place = code_place(at, table, row, c, first);
        if (place != SIZE_MAX) sum += self->values[place + class];
    }
    const peal_sparse_row sparse = sparse_row(at, table, row);
    for (size_t e = 0; e < sparse.count; e++) {
        sum += (double)sparse.values[e] * self->values[at->at_sparse + sparse.indices[e] * at->classes + class];
    }
    return sum;
}

static void score(const void *model, void *scratch, const peal_batch *batch, double *scores) {
    (void)scratch;
    const bayes_model *self = model;
    const size_t classes = self->at.classes;
    for (size_t i = 0; i < batch->count; i++, scores += classes) {
        size_t row;
        const peal_table *table = peal_batch_row(batch, i, &row);
        for (size_t k = 0; k < classes; k++) scores[k] = likelihood(self, table, row, k);
        peal_loss_softmax.predict(&self->at.shape, scores, classes, scores);
    }
}

/* ---- the training ---- */

typedef struct bayes {
    peal_training *training;
    places at;
    double *states[2], **slots; /* [count], [partitions][count] */
} bayes;

static peal_status check(const peal_train_options *options, const peal_model_spec *spec, peal_error *err) {
    (void)spec;
    if (!options->epochs && !peal_steps_option(options)) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE,
                     "the model 'bayes' counts in one pass: epochs, batch, optimizer, lr, schedule, outer, patience, "
                     "clip and augment are of learning by steps");
}

static peal_status begin(peal_training *training, void **out, peal_error *err) {
    bayes *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a training");
    *out = self;
    self->training = training;
    find_places(training->shape, &self->at);
    training->step_rows = STEP_ROWS;
    training->steps = peal_steps_of(training, STEP_ROWS);
    training->epochs = 1;
    training->segments = self->at.count / SEGMENT_NUMBERS + 1;
    return peal_alloc_checked(&self->slots, training->partitions, sizeof *self->slots, "partitions", err);
}

static void end(void *opaque) {
    bayes *self = opaque;
    if (self) free(self->slots);
    free(self);
}

static json_t *describe(const void *opaque) {
    const bayes *self = opaque;
    return json_pack("{s:f}", "smooth", self->training->spec->parameters[0]);
}

static const char *summary(const void *opaque, char text[160]) {
    const bayes *self = opaque;
    peal_snprintf(text, 160, "one pass, which counts; %g added to each count", self->training->spec->parameters[0]);
    return text;
}

static void lay_out(void *opaque, peal_layout *layout) {
    bayes *self = opaque;
    const peal_tensor_type f64 = PEAL_TENSOR_FLOAT64;
    for (size_t i = 0; i < 2; i++) {
        self->states[i] = peal_layout_take(layout, PEAL_OWNER_STATE, i, "counts", f64, self->at.count);
    }
    for (size_t p = 0; p < self->training->partitions; p++) {
        self->slots[p] = peal_layout_take(layout, PEAL_OWNER_SLOT, p, "counts", f64, self->at.count);
    }
}

static void count_row(const bayes *self, const peal_table *table, size_t row, double *counts) {
    const places *at = &self->at;
    const double label = peal_shape_label(&at->shape, table, row);
    const double weight = peal_row_weight(&self->training->weighing, &at->shape, table, row, label);
    const size_t class = (size_t)label;
    double *sums = counts + at->means + class * at->features, *squares = counts + at->variances + class * at->features;
    counts[class] += weight;
    for (size_t j = 0; j < at->features; j++) {
        const double value = feature(at, table, row, j);
        sums[j] += weight * value;
        squares[j] += weight * value * value;
    }
    size_t first = 0;
    for (uint32_t c = 0; c < at->shape.code_columns; first += at->shape.vocabularies[c++]) {
        const size_t place = code_place(at, table, row, c, first);
        if (place != SIZE_MAX) counts[place + class] += weight;
    }
    const peal_sparse_row sparse = sparse_row(at, table, row);
    for (size_t e = 0; e < sparse.count; e++) {
        counts[at->at_sparse + sparse.indices[e] * at->classes + class] += weight * fabs((double)sparse.values[e]);
    }
}

static size_t work(void *opaque, const peal_work *work) {
    bayes *self = opaque;
    const peal_training *training = self->training;
    double *counts = self->slots[work->partition];
    size_t step = work->from;
    if (step == work->round->first) memset(counts, 0, self->at.count * sizeof *counts);
    while (step < work->round->end && !peal_work_is_halted(work)) {
        size_t begin, end;
        peal_work_beat(work, work->partition);
        peal_step_rows(training, work->partition, step++, &begin, &end);
        for (size_t i = begin; i < end; i++) {
            size_t row;
            const peal_table *table = peal_rows_find(training->rows, training->order[i], &row);
            count_row(self, table, row, counts);
        }
        peal_work_count(work);
    }
    return step;
}

static void combine(void *opaque, const peal_round *round, size_t segment) {
    const bayes *self = opaque;
    size_t begin, end;
    peal_segment(self->at.count, segment, self->training->segments, &begin, &end);
    const double *old = self->states[round->committed];
    double *out = self->states[1 - round->committed];
    for (size_t i = begin; i < end; i++) {
        out[i] = old[i]; /* nothing, or what earlier windows of a stream have counted */
        for (size_t p = 0; p < self->training->partitions; p++) out[i] += self->slots[p][i];
    }
}

/* Of counts [values, classes], the logs of the shares that each value has of its column in each class. */
static void fill_shares(const places *at, const double *counts, double smooth, size_t values, double *out) {
    for (size_t k = 0; k < at->classes; k++) {
        double total = 0;
        for (size_t v = 0; v < values; v++) total += counts[v * at->classes + k] + smooth;
        for (size_t v = 0; v < values; v++)
            out[v * at->classes + k] = log((counts[v * at->classes + k] + smooth) / total);
    }
}

/* Means and variances; none is below a billionth of the largest, so that a constant feature decides nothing. */
static void fill_moments(const places *at, const double *counts, double *out) {
    const size_t moments = at->classes * at->features;
    double most = 0;
    for (size_t i = 0; i < moments; i++) {
        const double counted = counts[i / at->features], rows = counted > 0 ? counted : 1,
                     mean = counts[at->means + i] / rows;
        out[at->means + i] = mean;
        out[at->variances + i] = fmax(counts[at->variances + i] / rows - mean * mean, 0);
        most = fmax(most, out[at->variances + i]);
    }
    for (size_t i = 0; i < moments; i++) out[at->variances + i] += most > 0 ? most * 1e-9 : 1;
}

static void fill(const void *opaque, int state, void *model) {
    const bayes *self = opaque;
    const places *at = &self->at;
    const double *counts = self->states[state], smooth = self->training->spec->parameters[0];
    double *out = ((bayes_model *)model)->values;
    double rows = 0;
    for (size_t k = 0; k < at->classes; k++) rows += counts[k];
    if (rows == 0) rows = 1e-9 * (double)at->classes; /* before the pass has ended: all classes alike */
    for (size_t k = 0; k < at->classes; k++) out[k] = log(fmax(counts[k], 1e-9) / rows);
    fill_moments(at, counts, out);
    size_t first = 0;
    for (uint32_t c = 0; c < at->shape.code_columns; first += at->shape.vocabularies[c++]) {
        const size_t place = at->at_codes + first * at->classes;
        fill_shares(at, counts + place, smooth, at->shape.vocabularies[c], out + place);
    }
    fill_shares(at, counts + at->at_sparse, smooth, at->sparse, out + at->at_sparse);
}

static const peal_learner learner = {
    .name = "bayes",
    .documentation = "counts what each class is like, in one pass",
    .sync = "once",
    .model_new = model_new,
    .model_free = model_free,
    .model_tensors = model_tensors,
    .model_check = model_check,
    .score = score,
    .goes_on = true,
    .judges_epochs = false,
    .check = check,
    .begin = begin,
    .end = end,
    .describe = describe,
    .summary = summary,
    .lay_out = lay_out,
    .work = work,
    .combine = combine,
    .fill = fill,
};

static const char *const options[] = {"smooth", NULL};
static const peal_model_number parameters[] = {{"smooth", 1, 1e-9, 1e6, false}, {.name = NULL}};

const peal_model peal_model_bayes = {
    .name = "bayes",
    .documentation = "naive Bayes of classes, in one pass; smooth=1",
    .options = options,
    .parameters = parameters,
    .two_classes = true,
    .many_classes = true,
    .learner = &learner,
};
