/* Looks for the values that a training ran away from; see runaway.h. */
#include "models/train/runaway.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/memory.h"

/* Behind the transforms a feature is about 1. What is so much more is out of the way. */
#define FAR 1e4

/* Of a double, from the smallest one on. */
enum { EXPONENT_LEAST = DBL_MIN_EXP - DBL_MANT_DIG, EXPONENTS = DBL_MAX_EXP - EXPONENT_LEAST };

/* The values of a feature, of all sparse features, or of a label that is a number. */
typedef struct extent {
    double largest;   /* by its size; the first one that is not finite, if there is one */
    uint64_t row;     /* in which it stands, of all rows of the split */
    uint32_t index;   /* of the sparse feature that it is */
    uint64_t *binary; /* [EXPONENTS] finite values that are not 0, by their binary exponent; NULL: not counted */
} extent;

typedef struct search {
    const models__trainer *trainer;
    extent *features; /* [shape.features] */
    extent sparse, label;
} search;

/* ---- looking ---- */

static void look(extent *self, double value, uint64_t row, uint32_t index) {
    if (value == 0) return;
    if (self->binary && isfinite(value)) self->binary[ilogb(value) - EXPONENT_LEAST]++;
    if (!isfinite(self->largest) || fabs(value) <= fabs(self->largest)) return;
    self->largest = value;
    self->row = row;
    self->index = index;
}

static void look_at_row(void *opaque, const peal_table *table, size_t row, uint64_t number) {
    search *self = opaque;
    const peal_shape *shape = &self->trainer->data.shape;
    const size_t features = shape->bytes ? 0 : shape->features;
    if (features) {
        const float *values = (const float *)table->columns[0].child->values + row * features;
        for (size_t i = 0; i < features; i++) look(&self->features[i], (double)values[i], number, 0);
    }
    if (shape->sparse) {
        const peal_column *indices = &table->columns[(shape->features > 0) + shape->code_columns];
        const peal_sparse_row entries = peal_shape_sparse(indices, indices + 1, row);
        for (size_t i = 0; i < entries.count; i++) {
            look(&self->sparse, (double)entries.values[i], number, entries.indices[i]);
        }
    }
    if (!shape->classes) look(&self->label, peal_shape_label(shape, table, row), number, 0);
}

/* ---- telling ---- */

/* What is told of an extent. */
typedef struct suspect {
    extent *extent;
    double expected; /* about so large its values should be */
    char name[160];
    const char *if_few, *if_most; /* what to do about a few such values, or if most are like that */
} suspect;

/* The median of the sizes that were counted, as a power of 2. */
static double usual(const extent *self) {
    uint64_t count = 0, below = 0;
    size_t at = 0;
    for (size_t i = 0; i < EXPONENTS; i++) count += self->binary[i];
    if (count == 0) return 0;
    for (; below + self->binary[at] <= count / 2; at++) below += self->binary[at];
    return ldexp(1.5, (int)at + EXPONENT_LEAST);
}

static bool is_far(const extent *self, double expected) {
    return !isfinite(self->largest) || fabs(self->largest) > FAR * expected;
}

/* How bad it is: what is no number is worst. */
static double size_of(const extent *self, double expected) {
    return isfinite(self->largest) ? fabs(self->largest) / expected : (double)INFINITY;
}

/* The feature that is farthest, SIZE_MAX: none is; *count are far. */
static size_t worst_feature(const search *self, size_t *count) {
    const peal_shape *shape = &self->trainer->data.shape;
    size_t worst = SIZE_MAX;
    *count = 0;
    for (size_t i = 0; !shape->bytes && i < shape->features; i++) {
        if (!is_far(&self->features[i], 1)) continue;
        if (worst == SIZE_MAX || size_of(&self->features[i], 1) > size_of(&self->features[worst], 1)) worst = i;
        ++*count;
    }
    return worst;
}

static void suspect_feature(search *self, size_t index, suspect *out) {
    char name[120];
    peal_pipeline_feature_name(self->trainer->data.pipeline, (uint32_t)index, name, sizeof name);
    *out = (suspect){.extent = &self->features[index],
                     .expected = 1,
                     .if_few = "clip or log1p it (transform), or drop it",
                     .if_most = "standardize it (transform), or drop it"};
    peal_snprintf(out->name, sizeof out->name, "column '%s'", name);
}

/* One that texts became has their column's name, one that came with an index has no other name. */
static void suspect_sparse(search *self, suspect *out) {
    const peal_pipeline *pipeline = self->trainer->data.pipeline;
    *out = (suspect){.extent = &self->sparse,
                     .expected = 1,
                     .if_few = "make it smaller in the source, or leave it out there",
                     .if_most = "make all smaller in the source"};
    peal_snprintf(out->name, sizeof out->name, "sparse feature %u", self->sparse.index);
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *column = &pipeline->columns[i];
        const bool came = i == pipeline->indices || i == pipeline->values;
        if (column->role != PEAL_ROLE_SPARSE || came || self->sparse.index - column->offset >= column->width) continue;
        peal_snprintf(out->name, sizeof out->name, "column '%s'", pipeline->schema.fields[i].name);
    }
}

static double expected_label(const peal_shape *shape) {
    return fabs(shape->label_mean) + shape->label_deviation;
}

static void suspect_label(search *self, suspect *out) {
    const models__data *data = &self->trainer->data;
    *out = (suspect){.extent = &self->label,
                     .expected = expected_label(&data->shape),
                     .if_few = "leave such rows out",
                     .if_most = "fit the dataset on such rows"};
    peal_snprintf(out->name, sizeof out->name, "the label '%s'",
                  data->pipeline->schema.fields[data->pipeline->label].name);
}

/* The worst of all; false: no value is out of the way. *others are, too. */
static bool find_suspect(search *self, suspect *out, size_t *others) {
    const peal_shape *shape = &self->trainer->data.shape;
    suspect all[3];
    size_t count = 0, far;
    bool found = false;
    const size_t feature = worst_feature(self, &far);
    if (feature != SIZE_MAX) suspect_feature(self, feature, &all[count++]);
    if (shape->sparse && is_far(&self->sparse, 1)) {
        suspect_sparse(self, &all[count++]);
        far++;
    }
    if (!shape->classes && is_far(&self->label, expected_label(shape))) {
        suspect_label(self, &all[count++]);
        far++;
    }
    for (size_t i = 0; i < count; i++) {
        if (found && size_of(all[i].extent, all[i].expected) <= size_of(out->extent, out->expected)) continue;
        *out = all[i];
        found = true;
    }
    *others = found ? far - 1 : 0;
    return found;
}

/* "column 'x' reaches 1e+15 (in row 301 of the dataset), where most values are near 1; clip or ..." Freed by the
 * caller; NULL: no memory. */
static char *describe(const suspect *self, const char *rows) {
    const double largest = self->extent->largest, near = usual(self->extent);
    const unsigned long long row = (unsigned long long)self->extent->row + 1;
    if (!isfinite(largest)) {
        return peal_sprintf("%s holds %g (in row %llu of the %s); %s", self->name, largest, row, rows, self->if_few);
    }
    if (fabs(largest) > FAR * near) {
        return peal_sprintf("%s reaches %g (in row %llu of the %s), where most values are near %.1g; %s", self->name,
                            largest, row, rows, near, self->if_few);
    }
    return peal_sprintf("%s reaches %g (in row %llu of the %s), most values are near %.1g, where about %.1g is "
                        "expected; %s",
                        self->name, largest, row, rows, near, self->expected, self->if_most);
}

static peal_status blame(const search *self, const suspect *worst, size_t others, const char *when, peal_error *err) {
    const peal_dataset *dataset = self->trainer->data.dataset;
    const bool is_split = peal_dataset_rows(dataset, PEAL_SPLIT_VALID) || peal_dataset_rows(dataset, PEAL_SPLIT_TEST);
    char more[64] = "", *what = describe(worst, is_split ? "dataset's rows to train on" : "dataset");
    if (!what) return peal_fail(err, PEAL_E_MEMORY, "no memory for a message");
    if (others) peal_snprintf(more, sizeof more, " (%zu more column%s like it)", others, others == 1 ? " is" : "s are");
    peal_fail(err, PEAL_E_DATA, "%s: the loss is no longer a number: %s%s", when, what, more);
    free(what);
    return PEAL_E_DATA;
}

/* The rows are read once to find the worst values, and once more to know what is usual where these stand. */
static peal_status look_through(search *self, const char *when, peal_error *err) {
    const peal_training *training = &self->trainer->training;
    const atomic_int *stop = training->options->stop;
    uint64_t binary[EXPONENTS] = {0};
    suspect worst;
    size_t others;
    PEAL_TRY(peal_training_read(training, stop, look_at_row, self, err));
    if (!find_suspect(self, &worst, &others)) return PEAL_OK;
    worst.extent->binary = binary;
    PEAL_TRY(peal_training_read(training, stop, look_at_row, self, err));
    return blame(self, &worst, others, when, err);
}

/* PEAL_OK: no value is out of the way, or the user does not wait for the answer. */
static peal_status find_values(const models__trainer *trainer, const char *when, peal_error *err) {
    search self = {.trainer = trainer};
    PEAL_TRY(models__check_data(trainer, err));
    PEAL_TRY(peal_alloc_checked(&self.features, (size_t)trainer->data.shape.features + 1, sizeof *self.features,
                                "the largest values", err));
    const peal_status status = look_through(&self, when, err);
    free(self.features);
    return status == PEAL_E_INTERRUPTED ? PEAL_OK : status;
}

peal_status models__ran_away(const models__trainer *trainer, size_t epoch, peal_error *err) {
    const json_t *lr = json_object_get(trainer->job, "lr");
    char when[40];
    const char *unit = trainer->training.is_stream || lr ? models__epoch_word(trainer) : "pass";
    peal_snprintf(when, sizeof when, "%s %zu", unit, epoch + 1);
    if (!trainer->training.is_stream) PEAL_TRY(find_values(trainer, when, err)); /* of a stream the rows are gone */
    if (!lr) return peal_fail(err, PEAL_E_FAILED, "%s: the loss is no longer a number", when);
    return peal_fail(err, PEAL_E_FAILED, "%s: the loss is no longer a number; a lower lr may help (it is %g)", when,
                     json_number_value(lr));
}
