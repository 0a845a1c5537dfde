/* The rows of a training: which are learnt from and which are held out, their labels, and what each counts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/number.h"
#include "models/train/copies.h"
#include "models/train/trainer.h"

bool peal_train_is_fraction(const char *valid) {
    double fraction;
    return peal_number_parse(valid, strlen(valid), &fraction) && !peal_path_exists(valid);
}

peal_status models__parse_fraction(const char *valid, double *out, peal_error *err) {
    if (peal_number_parse(valid, strlen(valid), out) && *out > 0 && *out < 1) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "valid must be a source or a fraction between 0 and 1, not '%s'", valid);
}

/* What is known of the rows of a split, collected while they are read: later only the workers look at rows, for they
 * lie in a map. A row that lacks weight, offset or query has no label that could be learnt. */
typedef struct known_rows {
    peal_buffer labels, weights; /* double [rows]; no weights where there are none */
    peal_query_reading queries;  /* no rows where there are none */
    models__copies copies;       /* if some of the rows are to be held out */
} known_rows;

typedef struct row_reading {
    const models__trainer *trainer;
    const char *dataset;
    known_rows *known;
} row_reading;

static void known_rows_clear(known_rows *rows) {
    peal_buffer_clear(&rows->labels);
    peal_buffer_clear(&rows->weights);
    peal_query_reading_clear(&rows->queries);
    models__copies_clear(&rows->copies);
}

static const double *doubles(const peal_buffer *buffer) {
    return (const double *)(const void *)buffer->data;
}

/* What stands beside the row's label. */
static peal_status read_beside(const row_reading *self, const peal_table *table, size_t row, double *label,
                               peal_error *err) {
    const peal_pipeline *pipeline = self->trainer->data.pipeline;
    const peal_shape *shape = &self->trainer->data.shape;
    const unsigned long long number = self->known->labels.size / sizeof(double) + row + 1;
    const double weight = peal_shape_weight(shape, table, row), offset = peal_shape_offset(shape, table, row);
    if (weight < 0 || isinf(weight)) {
        return peal_fail(err, PEAL_E_DATA, "%s: row %llu: column '%s': a weight is a number from 0 on, not %g",
                         self->dataset, number, pipeline->schema.fields[pipeline->weight].name, weight);
    }
    if (isinf(offset)) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: row %llu: column '%s': an offset is a finite number, and an exposure is above 0",
                         self->dataset, number, pipeline->schema.fields[pipeline->offset].name);
    }
    if (isnan(weight) || isnan(offset)) *label = (double)NAN;
    if (shape->has_weight) PEAL_TRY(peal_buffer_append(&self->known->weights, &weight, sizeof weight, err));
    return PEAL_OK;
}

static peal_status read_rows(void *user, const peal_table *table, peal_error *err) {
    const row_reading *self = user;
    const models__trainer *trainer = self->trainer;
    const peal_shape *shape = &trainer->data.shape;
    peal_buffer *known = &self->known->labels;
    if (known->size == 0) PEAL_TRY(peal_pipeline_check_table(trainer->data.pipeline, table, self->dataset, err));
    PEAL_TRY(models__copies_note(&self->known->copies, table, err));
    PEAL_TRY(peal_buffer_reserve(known, table->rows * sizeof(double), err));
    double *labels = (double *)(void *)(known->data + known->size);
    const uint64_t before = known->size / sizeof(double);
    if (shape->has_query) {
        PEAL_TRY(peal_query_reading_add(&self->known->queries, peal_shape_query(shape, table), err));
    }
    for (size_t row = 0; row < table->rows; row++) {
        labels[row] = peal_shape_label(shape, table, row);
        if (shape->has_weight || shape->has_offset) PEAL_TRY(read_beside(self, table, row, &labels[row], err));
        if (shape->has_query && peal_query_of(&self->known->queries, before + row) == PEAL_QUERY_NONE) {
            labels[row] = (double)NAN;
        }
    }
    known->size += table->rows * sizeof(double);
    return PEAL_OK;
}

/* Rows of one split and what is known of them. */
static peal_status open_rows(const models__trainer *trainer, const peal_dataset *dataset, const char *path, int split,
                             peal_rows **rows, known_rows *known, peal_error *err) {
    row_reading reading = {.trainer = trainer, .dataset = path, .known = known};
    return peal_rows_open(dataset, 1u << split, read_rows, &reading, rows, err);
}

peal_status models__check_data(const models__trainer *trainer, peal_error *err) {
    PEAL_TRY(peal_rows_check(trainer->data.rows, err));
    const bool is_one = trainer->data.valid_rows == trainer->data.rows; /* held out from those that are trained on */
    return is_one ? PEAL_OK : peal_rows_check(trainer->data.valid_rows, err);
}

/* The rows that have a label, among those where held(i) == wanted. */
static peal_status list_rows(const known_rows *known, const uint8_t *held, uint8_t wanted, uint32_t **list,
                             uint64_t *count, uint64_t *unlabelled, peal_error *err) {
    const uint64_t total = known->labels.size / sizeof(double);
    const double *label = doubles(&known->labels);
    if (total > UINT32_MAX) return peal_fail(err, PEAL_E_USAGE, "more than 2^32 rows in one split");
    PEAL_TRY(peal_alloc_checked(list, total, sizeof **list, "the list of rows", err));
    *count = 0;
    for (uint64_t row = 0; row < total; row++) {
        if (held && held[row] != wanted) continue;
        if (isnan(label[row])) {
            ++*unlabelled;
        } else {
            (*list)[(*count)++] = (uint32_t)row;
        }
    }
    return PEAL_OK;
}

/* The labels of the rows of a list, in its order. */
static peal_status take_labels(const known_rows *known, const uint32_t *list, uint64_t count, double **out,
                               peal_error *err) {
    const double *label = doubles(&known->labels);
    PEAL_TRY(peal_alloc_checked(out, count, sizeof(double), "labels", err));
    for (uint64_t i = 0; i < count; i++) (*out)[i] = label[list[i]];
    return PEAL_OK;
}

/* What the rows to validate on count, in the judgement of a model as in its training, by their own weights. */
static peal_status take_weights(models__data *data, const known_rows *known, peal_error *err) {
    const double *weights = doubles(&known->weights);
    double sum = 0;
    if (!data->shape.has_weight) return PEAL_OK;
    for (uint64_t i = 0; i < data->valid_count; i++) sum += weights[data->valid_list[i]];
    if (!(sum > 0 && isfinite(sum))) return PEAL_OK; /* they cannot judge by them */
    PEAL_TRY(peal_alloc_checked(&data->valid_weights, data->valid_count, sizeof(double), "weights", err));
    for (uint64_t i = 0; i < data->valid_count; i++) data->valid_weights[i] = weights[data->valid_list[i]];
    return PEAL_OK;
}

/* What is kept of the rows to validate on. */
static peal_status take_valid(models__data *data, const known_rows *known, peal_error *err) {
    PEAL_TRY(take_labels(known, data->valid_list, data->valid_count, &data->valid_labels, err));
    PEAL_TRY(take_weights(data, known, err));
    if (!data->shape.has_query) return PEAL_OK;
    return peal_queries_make(&known->queries, data->valid_list, data->valid_count, &data->valid_queries, err);
}

/* Of the rows to train on. */
static peal_status take_queries(models__data *data, const known_rows *known, peal_error *err) {
    if (!data->shape.has_query) return PEAL_OK;
    PEAL_TRY(take_labels(known, data->train_list, data->train_count, &data->train_labels, err));
    return peal_queries_make(&known->queries, data->train_list, data->train_count, &data->queries, err);
}

static double least_label(const models__data *data, const known_rows *known) {
    const double *label = doubles(&known->labels);
    double least = (double)INFINITY;
    for (uint64_t i = 0; i < data->train_count; i++) least = fmin(least, label[data->train_list[i]]);
    return least;
}

/* What row `row` counts by its own weight alone, 1 in the mean of those that are trained on. */
static double own_weight(const models__data *data, const known_rows *known, uint32_t row) {
    return data->shape.has_weight ? data->weight_unit * doubles(&known->weights)[row] : 1;
}

static peal_status weigh(models__data *data, const known_rows *known, peal_error *err) {
    double sum = 0;
    data->weight_unit = 1;
    if (!data->shape.has_weight) return PEAL_OK;
    for (uint64_t i = 0; i < data->train_count; i++) sum += own_weight(data, known, data->train_list[i]);
    if (!(sum > 0 && isfinite(sum))) {
        return peal_fail(err, PEAL_E_DATA, "the weights of column '%s' add up to %g: no row counts",
                         data->pipeline->schema.fields[data->pipeline->weight].name, sum);
    }
    data->weight_unit = (double)data->train_count / sum;
    return PEAL_OK;
}

/* So that all classes together count alike, and all rows as many as they are: rows / (classes x rows of the class). A
 * class without rows counts nothing. */
static peal_status balance(models__data *data, const known_rows *known, peal_error *err) {
    const double *label = doubles(&known->labels);
    const uint32_t classes = data->shape.classes;
    uint32_t present = 0;
    PEAL_TRY(peal_alloc_checked(&data->class_weights, classes, sizeof(double), "classes", err));
    for (uint64_t i = 0; i < data->train_count; i++) {
        const uint32_t row = data->train_list[i];
        data->class_weights[(size_t)label[row]] += own_weight(data, known, row);
    }
    for (uint32_t k = 0; k < classes; k++) present += data->class_weights[k] > 0;
    for (uint32_t k = 0; k < classes; k++) {
        if (data->class_weights[k] == 0) continue;
        data->class_weights[k] = (double)data->train_count / (present * data->class_weights[k]);
    }
    return PEAL_OK;
}

/* Marks a random fraction of `count` things, at least one, and not all: a function of the seed and their number. Folds
 * have none in common, and as many as fit leave none out. */
static peal_status draw(const models__trainer *trainer, double fraction, uint64_t count, uint8_t **drawn,
                        peal_error *err) {
    uint32_t *order;
    const double least = 1 / (double)count, part = (double)count * fmax(fmin(fraction, 1 - least), least);
    const uint64_t from = (uint64_t)(part * (double)trainer->fold + 0.5),
                   to = (uint64_t)(part * (double)(trainer->fold + 1) + 0.5);
    PEAL_TRY(peal_zeroed_checked(drawn, count, 1, "held-out rows", err));
    PEAL_TRY(peal_alloc_checked(&order, count, sizeof *order, "held-out rows", err));
    for (uint64_t i = 0; i < count; i++) order[i] = (uint32_t)i;
    peal_philox random = peal_philox_stream(trainer->options->seed, PEAL_PURPOSE_SPLIT, 0, 0, 0);
    peal_philox_shuffle(&random, order, count);
    for (uint64_t i = from; i < to && i < count; i++) (*drawn)[order[i]] = 1;
    free(order);
    return PEAL_OK;
}

/* Marks the rows of the queries that are drawn: none is cut. */
static peal_status hold_out_queries(const models__trainer *trainer, double fraction, const peal_query_reading *queries,
                                    uint8_t **held, peal_error *err) {
    const uint64_t rows = peal_rows_count(trainer->data.rows);
    const size_t count = queries->names.size;
    uint8_t *drawn = NULL;
    if (count < 2) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: all rows to train on are of one query, which cannot be cut: none can be held out (valid)",
                         trainer->options->dataset);
    }
    peal_status status = draw(trainer, fraction, count, &drawn, err);
    if (status == PEAL_OK) status = peal_zeroed_checked(held, rows, 1, "held-out rows", err);
    for (uint64_t row = 0; row < rows && status == PEAL_OK; row++) {
        const uint32_t query = peal_query_of(queries, row);
        (*held)[row] = query != PEAL_QUERY_NONE && drawn[query];
    }
    free(drawn);
    return status;
}

void models__say_copies(const models__trainer *trainer, const peal_reporter *reporter) {
    if (trainer->data.copies == 0) return;
    peal_report(reporter, PEAL_EVENT_NOTE, "%llu rows are copies of others: these are held out together",
                (unsigned long long)trainer->data.copies);
}

/* Marks a fraction of the rows that have a label, or of the queries. */
static peal_status hold_out(models__trainer *trainer, double fraction, const known_rows *known, uint8_t **held,
                            peal_error *err) {
    const uint64_t rows = peal_rows_count(trainer->data.rows);
    uint64_t count = 0, unlabelled = 0;
    uint32_t *labelled = NULL, *groups = NULL;
    uint64_t group_count = 0;
    uint8_t *drawn = NULL;
    if (rows > UINT32_MAX) return peal_fail(err, PEAL_E_USAGE, "more than 2^32 rows in one split");
    if (trainer->data.shape.has_query) return hold_out_queries(trainer, fraction, &known->queries, held, err);
    peal_status status = list_rows(known, NULL, 0, &labelled, &count, &unlabelled, err);
    if (status == PEAL_OK && count < 2) {
        status = peal_fail(err, PEAL_E_DATA, "%s: %s row to train on has a label: none can be held out (valid)",
                           trainer->options->dataset, count ? "one" : "no");
    }
    if (status == PEAL_OK) {
        status = models__copies_group(&known->copies, labelled, count, &groups, &group_count, err);
    }
    trainer->data.copies = count - group_count;
    if (status == PEAL_OK && !trainer->title) models__say_copies(trainer, trainer->options->reporter);
    if (status == PEAL_OK) status = draw(trainer, fraction, group_count, &drawn, err);
    if (status == PEAL_OK) status = peal_zeroed_checked(held, rows, 1, "held-out rows", err);
    for (uint64_t i = 0; i < count && status == PEAL_OK; i++) (*held)[labelled[i]] = drawn[groups ? groups[i] : i];
    free(groups);
    free(drawn);
    free(labelled);
    return status;
}

static peal_status open_valid_dataset(models__trainer *trainer, const char *path, known_rows *known, peal_error *err) {
    PEAL_TRY(peal_dataset_open(path, &trainer->data.valid_dataset, err));
    if (!peal_pipeline_same(peal_dataset_pipeline(trainer->data.valid_dataset),
                            peal_dataset_pipeline(trainer->data.dataset))) {
        return peal_fail(
            err, PEAL_E_DATA,
            "the validation dataset %s was made with another pipeline than %s; make it like that one (like)", path,
            trainer->options->dataset);
    }
    static const int order[] = {PEAL_SPLIT_VALID, PEAL_SPLIT_TEST, PEAL_SPLIT_TRAIN};
    for (size_t i = 0; i < 3; i++) {
        if (!peal_dataset_rows(trainer->data.valid_dataset, order[i])) continue;
        return open_rows(trainer, trainer->data.valid_dataset, path, order[i], &trainer->data.valid_rows, known, err);
    }
    return peal_fail(err, PEAL_E_DATA, "the validation dataset %s has no rows", path);
}

/* `known` is of the rows to train on. */
static peal_status choose_rows(models__trainer *trainer, const known_rows *known, peal_error *err) {
    const peal_train_options *options = trainer->options;
    uint64_t unlabelled = 0;
    uint8_t *held = NULL;
    double fraction = 0;
    const bool is_fraction = options->valid && peal_train_is_fraction(options->valid);
    known_rows valid = {0};
    peal_status status = PEAL_OK;
    if (is_fraction) PEAL_TRY(models__parse_fraction(options->valid, &fraction, err));
    if (is_fraction) {
        status = hold_out(trainer, fraction, known, &held, err);
    } else if (options->valid) {
        status = open_valid_dataset(trainer, options->valid, &valid, err);
    } else if (peal_dataset_rows(trainer->data.dataset, PEAL_SPLIT_VALID)) {
        status = open_rows(trainer, trainer->data.dataset, options->dataset, PEAL_SPLIT_VALID,
                           &trainer->data.valid_rows, &valid, err);
    }
    if (status == PEAL_OK) {
        status = list_rows(known, held, 0, &trainer->data.train_list, &trainer->data.train_count, &unlabelled, err);
    }
    if (status == PEAL_OK) trainer->data.label_least = least_label(&trainer->data, known);
    if (status == PEAL_OK) status = take_queries(&trainer->data, known, err);
    if (status == PEAL_OK) status = weigh(&trainer->data, known, err);
    if (status == PEAL_OK && options->class_weight) status = balance(&trainer->data, known, err);
    if (status == PEAL_OK && (is_fraction || trainer->data.valid_rows)) {
        const known_rows *list = is_fraction ? known : &valid;
        status =
            list_rows(list, held, is_fraction, &trainer->data.valid_list, &trainer->data.valid_count, &unlabelled, err);
        if (status == PEAL_OK) status = take_valid(&trainer->data, list, err);
    }
    known_rows_clear(&valid);
    free(held);
    if (status == PEAL_OK && unlabelled) {
        const peal_shape *shape = &trainer->data.shape;
        peal_report(options->reporter, PEAL_EVENT_WARNING, "%llu rows have no label that is known%s and are left out",
                    (unsigned long long)unlabelled,
                    shape->has_weight || shape->has_offset ? ", or no weight or offset," : "");
    }
    if (status == PEAL_OK && (is_fraction || trainer->data.valid_rows) && trainer->data.valid_count == 0) {
        status = peal_fail(err, PEAL_E_DATA, "there is no row to validate on");
    }
    return status;
}

peal_status models__data_open(models__trainer *trainer, peal_error *err) {
    const peal_train_options *options = trainer->options;
    PEAL_TRY(peal_dataset_open(options->dataset, &trainer->data.dataset, err));
    trainer->data.pipeline_saved = peal_dataset_pipeline(trainer->data.dataset);
    PEAL_TRY(peal_pipeline_load(trainer->data.pipeline_saved, &trainer->data.pipeline, err));
    PEAL_TRY(peal_pipeline_shape(trainer->data.pipeline, &trainer->data.shape, err));
    PEAL_TRY(peal_model_check_label(trainer->spec.kind, &trainer->data.shape, err));
    if (!trainer->data.shape.classes && (options->class_weight || options->label_smoothing > 0)) {
        return peal_fail(err, PEAL_E_USAGE, "the label is a number: %s is of classes",
                         options->class_weight ? "class-weight" : "label-smoothing");
    }
    known_rows known = {0};
    peal_status status = PEAL_OK;
    if (options->valid && peal_train_is_fraction(options->valid)) {
        const uint64_t rows = peal_dataset_rows(trainer->data.dataset, PEAL_SPLIT_TRAIN);
        status = models__copies_begin(&known.copies, &trainer->data.shape, rows, err);
    }
    if (status == PEAL_OK) {
        status = open_rows(trainer, trainer->data.dataset, options->dataset, PEAL_SPLIT_TRAIN, &trainer->data.rows,
                           &known, err);
    }
    if (status == PEAL_OK && peal_rows_count(trainer->data.rows) == 0) {
        status = peal_fail(err, PEAL_E_DATA, "%s has no rows to train on", options->dataset);
    }
    if (status == PEAL_OK) status = choose_rows(trainer, &known, err);
    known_rows_clear(&known);
    if (status == PEAL_OK && !trainer->data.valid_rows) trainer->data.valid_rows = trainer->data.rows;
    return status;
}

void models__data_clear(models__data *data) {
    const bool is_stream = data->windows[0] != NULL;
    if (!is_stream && data->valid_rows != data->rows) peal_rows_close(data->valid_rows);
    if (!is_stream) peal_rows_close(data->rows);
    for (size_t i = 0; i < 2; i++) peal_rows_close(data->windows[i]);
    json_decref(data->own_saved);
    peal_dataset_close(data->dataset);
    peal_dataset_close(data->valid_dataset);
    peal_pipeline_free(data->pipeline);
    free(data->shape.vocabularies);
    free(data->train_list);
    free(data->valid_list);
    free(data->valid_labels);
    free(data->valid_weights);
    free(data->train_labels);
    peal_queries_clear(&data->queries);
    peal_queries_clear(&data->valid_queries);
    free(data->class_weights);
}
