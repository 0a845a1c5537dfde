/* Training from options to model file: reads the data, chooses what was left open, lays out the shared memory. Epochs
 * are in trainer_parent.c. */
#include "models/train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/number.h"
#include "core/base/spec.h"
#include "core/process/sum.h"
#include "models/learner/choice.h"
#include "models/learner/tables.h"
#include "models/predict/model_file.h"
#include "models/predict/predictor.h"
#include "models/train/candidates.h"
#include "models/train/trainer.h"
#include "models/train/verdict.h"

enum { BARRIER_TIMEOUT_MS = 600000 };

peal_train_options peal_train_default(void) {
    return (peal_train_options){
        .seed = 1,
        .checkpoint_seconds = 10,
        .keep = 2,
        .deaths = 5,
        .stall_ms = 60000,
    };
}

/* ---- what the user wants ---- */

/* The model to go on from; without another wish its spec is this training's, too. */
static peal_status open_init(models__trainer *trainer, peal_error *err) {
    const peal_train_options *options = trainer->options;
    PEAL_TRY(peal_predictor_open(options->init, &trainer->init, err));
    PEAL_TRY(peal_sha256_file(options->init, trainer->init_sha256, err));
    if (!options->model) trainer->spec_text = peal_predictor_spec(trainer->init);
    return PEAL_OK;
}

/* All that can be known without the data. */
static peal_status parse_options(models__trainer *trainer, peal_error *err) {
    const peal_train_options *options = trainer->options;
    if (options->keep == 0) return peal_fail(err, PEAL_E_USAGE, "keep must be at least 1");
    if (options->epochs > UINT32_MAX) return peal_fail(err, PEAL_E_USAGE, "epochs must be at most %u", UINT32_MAX);
    if (options->lr < 0 || !isfinite(options->lr)) return peal_fail(err, PEAL_E_USAGE, "lr must be a number above 0");
    if (options->partitions > PEAL_PARTITIONS_MOST) {
        return peal_fail(err, PEAL_E_USAGE, "partitions must be at most %d", PEAL_PARTITIONS_MOST);
    }
    if (options->class_weight && strcmp(options->class_weight, "balanced") != 0) {
        return peal_fail(err, PEAL_E_USAGE, "class-weight can be balanced, not '%s'", options->class_weight);
    }
    if (!(options->label_smoothing >= 0 && options->label_smoothing < 1)) {
        return peal_fail(err, PEAL_E_USAGE, "label-smoothing must be a number from 0 to below 1");
    }
    trainer->spec_text = options->model ? options->model : "mlp";
    if (options->init) PEAL_TRY(open_init(trainer, err));
    PEAL_TRY(peal_model_parse(trainer->spec_text, &trainer->spec, err));
    trainer->spec.smoothing = (float)options->label_smoothing;
    PEAL_TRY(peal_sync_choose(options, &trainer->spec, &trainer->learner, err));
    trainer->training.sync = options->sync ? options->sync : trainer->learner->sync;
    return trainer->learner->check(options, &trainer->spec, err);
}

/* The rest, once the rows to train on are known. */
static peal_status choose(models__trainer *trainer, peal_error *err) {
    const peal_train_options *options = trainer->options;
    const models__data *data = &trainer->data;
    const models__table table = {.rows = data->train_count, .bytes = data->shape.bytes};
    peal_training *training = &trainer->training;
    training->options = options;
    training->pipeline = data->pipeline;
    training->shape = &data->shape;
    training->spec = &trainer->spec;
    training->dataset = data->dataset;
    training->rows = data->rows;
    training->list = data->train_list;
    training->valid_rows = data->valid_rows ? data->valid_rows : data->rows;
    training->valid_list = data->valid_list;
    training->valid_count = data->valid_count;
    training->row_count = data->train_count;
    training->label_least = data->label_least;
    training->weighing = (peal_weighing){.unit = data->weight_unit, .classes = data->class_weights};
    training->partitions = options->partitions ? options->partitions : models__choose_partitions(&table);
    training->workers = options->workers ? options->workers : peal_machine_cpus();
    if (training->workers > training->partitions) training->workers = training->partitions;
    const size_t cpus = peal_machine_cpus();
    training->at_once = training->workers < cpus ? training->workers : cpus;
    if (data->train_count < training->partitions) {
        return peal_fail(err, PEAL_E_DATA, "%s has %llu rows to train on, fewer than the %zu partitions",
                         options->dataset, (unsigned long long)data->train_count, training->partitions);
    }
    PEAL_TRY(trainer->learner->begin(training, &trainer->self, err));
    training->last_epoch = trainer->last_epoch ? trainer->last_epoch : training->epochs;
    trainer->patience = options->patience;
    if (!trainer->patience && trainer->stops_early) trainer->patience = models__choose_patience(training->epochs);
    return trainer->learner->model_new(data->pipeline, &trainer->spec, NULL, 0, &trainer->best, err);
}

bool peal_train_is_fraction(const char *valid) {
    double fraction;
    return peal_number_parse(valid, strlen(valid), &fraction) && !peal_path_exists(valid);
}

static peal_status parse_fraction(const char *valid, double *out, peal_error *err) {
    if (peal_number_parse(valid, strlen(valid), out) && *out > 0 && *out < 1) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "valid must be a source or a fraction between 0 and 1, not '%s'", valid);
}

/* Begins the model file, which cannot be a special file. */
static peal_status open_model(const char *path, peal_atomic_file **out, peal_error *err) {
    PEAL_TRY(peal_atomic_file_open(path, out, err));
    if (!peal_atomic_file_is_in_place(*out)) return PEAL_OK;
    peal_atomic_file_abort(*out);
    return peal_fail(err, PEAL_E_USAGE, "a model is read back once it is written: %s is no regular file", path);
}

/* A place that cannot be written to is better known before the training than after it. */
static peal_status check_out(const char *path, peal_error *err) {
    peal_atomic_file *probe;
    PEAL_TRY(open_model(path, &probe, err));
    peal_atomic_file_abort(probe);
    return PEAL_OK;
}

peal_status peal_train_check(const peal_train_options *options, peal_error *err) {
    models__trainer trainer = {.options = options};
    double fraction;
    const peal_status parsed = parse_options(&trainer, err);
    peal_predictor_free(trainer.init);
    PEAL_TRY(parsed);
    const char *valid = options->valid;
    if (valid && peal_train_is_fraction(valid)) {
        PEAL_TRY(parse_fraction(valid, &fraction, err));
    } else if (valid && strcmp(valid, "-") != 0 && !peal_path_exists(valid) && !strpbrk(valid, "*?[")) {
        return peal_fail(err, PEAL_E_USAGE, "valid must be a source or a fraction: there is no '%s'", valid);
    }
    if (options->run_dir && !options->resume) PEAL_TRY(models__run_check(&trainer, err));
    return check_out(options->out, err);
}

/* ---- the data ---- */

/* What is known of the rows of a split, collected while they are read: later only the workers look at rows, for they
 * lie in a map. A row that lacks weight or offset has no label that could be learnt. */
typedef struct known_rows {
    peal_buffer labels, weights; /* double [rows]; no weights where there are none */
} known_rows;

typedef struct row_reading {
    const models__trainer *trainer;
    const char *dataset;
    known_rows *known;
} row_reading;

static void known_rows_clear(known_rows *rows) {
    peal_buffer_clear(&rows->labels);
    peal_buffer_clear(&rows->weights);
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
    PEAL_TRY(peal_buffer_reserve(known, table->rows * sizeof(double), err));
    double *labels = (double *)(void *)(known->data + known->size);
    for (size_t row = 0; row < table->rows; row++) {
        labels[row] = peal_shape_label(shape, table, row);
        if (shape->has_weight || shape->has_offset) PEAL_TRY(read_beside(self, table, row, &labels[row], err));
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
    return trainer->data.valid_rows ? peal_rows_check(trainer->data.valid_rows, err) : PEAL_OK;
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

/* The labels of the rows to validate on, in their order. */
static peal_status take_labels(models__trainer *trainer, const known_rows *known, peal_error *err) {
    const double *label = doubles(&known->labels);
    PEAL_TRY(peal_alloc_checked(&trainer->data.valid_labels, trainer->data.valid_count, sizeof(double), "labels", err));
    for (uint64_t i = 0; i < trainer->data.valid_count; i++)
        trainer->data.valid_labels[i] = label[trainer->data.valid_list[i]];
    return PEAL_OK;
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

/* Marks a random fraction of the rows: a function of the seed and their number. */
static peal_status hold_out(const models__trainer *trainer, double fraction, uint8_t **held, peal_error *err) {
    uint64_t rows = peal_rows_count(trainer->data.rows);
    if (rows > UINT32_MAX) return peal_fail(err, PEAL_E_USAGE, "more than 2^32 rows in one split");
    uint32_t *order;
    PEAL_TRY(peal_alloc_checked(held, rows, 1, "held-out rows", err));
    PEAL_TRY(peal_alloc_checked(&order, rows, sizeof *order, "held-out rows", err));
    for (uint64_t i = 0; i < rows; i++) order[i] = (uint32_t)i;
    peal_philox random = peal_philox_stream(trainer->options->seed, PEAL_PURPOSE_SPLIT, 0, 0, 0);
    peal_philox_shuffle(&random, order, rows);
    for (uint64_t i = 0; i < (uint64_t)((double)rows * fraction + 0.5); i++) (*held)[order[i]] = 1;
    free(order);
    return PEAL_OK;
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
    if (is_fraction) PEAL_TRY(parse_fraction(options->valid, &fraction, err));
    if (is_fraction) {
        status = hold_out(trainer, fraction, &held, err);
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
    if (status == PEAL_OK) status = weigh(&trainer->data, known, err);
    if (status == PEAL_OK && options->class_weight) status = balance(&trainer->data, known, err);
    if (status == PEAL_OK && (is_fraction || trainer->data.valid_rows)) {
        const known_rows *list = is_fraction ? known : &valid;
        status =
            list_rows(list, held, is_fraction, &trainer->data.valid_list, &trainer->data.valid_count, &unlabelled, err);
        if (status == PEAL_OK) status = take_labels(trainer, list, err);
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

static peal_status open_data(models__trainer *trainer, peal_error *err) {
    const peal_train_options *options = trainer->options;
    PEAL_TRY(peal_dataset_open(options->dataset, &trainer->data.dataset, err));
    PEAL_TRY(peal_pipeline_load(peal_dataset_pipeline(trainer->data.dataset), &trainer->data.pipeline, err));
    PEAL_TRY(peal_pipeline_shape(trainer->data.pipeline, &trainer->data.shape, err));
    PEAL_TRY(peal_model_check_label(trainer->spec.kind, &trainer->data.shape, err));
    if (!trainer->data.shape.classes && (options->class_weight || options->label_smoothing > 0)) {
        return peal_fail(err, PEAL_E_USAGE, "the label is a number: %s is of classes",
                         options->class_weight ? "class-weight" : "label-smoothing");
    }
    known_rows known = {0};
    peal_status status =
        open_rows(trainer, trainer->data.dataset, options->dataset, PEAL_SPLIT_TRAIN, &trainer->data.rows, &known, err);
    if (status == PEAL_OK && peal_rows_count(trainer->data.rows) == 0) {
        status = peal_fail(err, PEAL_E_DATA, "%s has no rows to train on", options->dataset);
    }
    if (status == PEAL_OK) status = choose_rows(trainer, &known, err);
    known_rows_clear(&known);
    PEAL_TRY(status);
    return choose(trainer, err);
}

/* ---- the job, as it goes into the model file ---- */

/* NULL if there is no memory. */
static json_t *data_hash(const peal_dataset *dataset) {
    uint64_t hash;
    char text[17];
    if (peal_json_hash(json_object_get(peal_dataset_manifest(dataset), "splits"), 0, &hash, NULL) != PEAL_OK) {
        return NULL;
    }
    peal_hash_text(hash, text);
    return json_string(text);
}

static json_t *describe_job(const models__trainer *trainer) {
    const peal_train_options *options = trainer->options;
    const peal_training *training = &trainer->training;
    json_t *valid = trainer->data.valid_dataset ? data_hash(trainer->data.valid_dataset)
                    : options->valid            ? json_string(options->valid)
                                                : json_null();
    json_t *job =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:I, s:I, s:o, s:o, s:s}", "model", trainer->spec_text, "learner",
                  trainer->learner->name, "epochs", (json_int_t)training->epochs, "last_epoch",
                  (json_int_t)training->last_epoch, "patience", (json_int_t)trainer->patience, "sync", training->sync,
                  "partitions", (json_int_t)training->partitions, "seed", (json_int_t)options->seed, "valid", valid,
                  "data", data_hash(trainer->data.dataset), "arithmetic", trainer->arithmetic);
    if (trainer->init) job = peal_json_set(job, "init", json_string(trainer->init_sha256));
    if (options->class_weight) job = peal_json_set(job, "class_weight", json_string(options->class_weight));
    if (options->label_smoothing > 0) job = peal_json_set(job, "label_smoothing", json_real(options->label_smoothing));
    return peal_json_merge(job, trainer->learner->describe(trainer->self));
}

/* ---- shared memory ---- */

static void lay_out(models__trainer *trainer, uint8_t *base) {
    models__shared *shared = &trainer->shared;
    const models__data *data = &trainer->data;
    peal_layout *at = &shared->layout;
    peal_layout_clear(at);
    at->base = base;
    trainer->learner->lay_out(trainer->self, at);
    shared->order = peal_layout_scratch(at, data->train_count, sizeof(uint32_t));
    shared->valid_scores = peal_layout_scratch(at, data->valid_count, peal_shape_scores(&data->shape) * sizeof(double));
    shared->beats = peal_layout_scratch(at, trainer->training.workers, sizeof(peal_beat));
    shared->control = peal_layout_scratch(at, 1, sizeof(peal_control));
    void *comm = peal_layout_scratch(at, 1, peal_comm_bytes(shared->comm));
    if (comm) peal_comm_attach(shared->comm, comm);
    trainer->training.order = shared->order;
}

static uint64_t model_bytes(const models__trainer *trainer) {
    size_t count;
    uint64_t bytes = 0;
    const peal_tensor *tensors = trainer->learner->model_tensors(trainer->best, &count);
    for (size_t i = 0; i < count; i++) bytes += peal_tensor_count(&tensors[i]) * peal_tensor_item(tensors[i].type);
    return bytes;
}

/* PEAL_E_MEMORY with the arithmetic if what the training will take is more than there is. */
static peal_status check_memory(const models__trainer *trainer, peal_error *err) {
    const peal_layout *layout = &trainer->shared.layout;
    const peal_training *training = &trainer->training;
    const uint64_t model = model_bytes(trainer), per_partition = layout->slot_bytes / training->partitions;
    const uint64_t own = trainer->learner->worker_bytes ? trainer->learner->worker_bytes(trainer->self) : 0;
    const uint64_t per_worker = own + model;
    const uint64_t states = layout->state_bytes + model,
                   rest = layout->plan.size - layout->slot_bytes - layout->state_bytes;
    const uint64_t shared = layout->plan.size + model;
    char what[256], texts[5][32];
    snprintf(what, sizeof what,
             "the training (%s of parameters; with their states and copies %s, for each of %zu partitions %s more, for "
             "each of %zu workers %s, for all else %s)",
             peal_bytes_text(model, texts[0]), peal_bytes_text(states, texts[1]), training->partitions,
             peal_bytes_text(per_partition, texts[2]), training->workers, peal_bytes_text(per_worker, texts[3]),
             peal_bytes_text(rest, texts[4]));
    PEAL_TRY(peal_machine_memory_check(shared + per_worker * training->workers, what, err));
    return peal_machine_address_space_check(shared + per_worker, what, err);
}

/* The first state becomes the model's that is gone on from: one of the same columns, kind and sizes. */
static peal_status take_init(models__trainer *trainer, peal_error *err) {
    const peal_learner *learner = trainer->learner;
    const char *path = trainer->options->init;
    if (!learner->take || models__predictor_learner(trainer->init)->model_new != learner->model_new) {
        return peal_fail(err, PEAL_E_USAGE, "'%s' cannot go on from %s, which '%s' has learnt", learner->name, path,
                         models__predictor_learner(trainer->init)->name);
    }
    json_t *own = peal_predictor_save_pipeline(trainer->init);
    const bool same = own && peal_pipeline_same(peal_dataset_pipeline(trainer->data.dataset), own);
    json_decref(own);
    size_t count, init_count;
    const peal_tensor *tensors = learner->model_tensors(trainer->best, &count);
    const peal_tensor *init = learner->model_tensors(models__predictor_model(trainer->init), &init_count);
    bool fits = count == init_count;
    for (size_t i = 0; fits && i < count; i++) {
        fits = tensors[i].rows == init[i].rows && tensors[i].width == init[i].width;
    }
    if (!same) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s was made with another pipeline (other columns, vocabularies or means) than %s: make the "
                         "dataset like the model (like)",
                         path, trainer->options->dataset);
    }
    if (!fits) return peal_fail(err, PEAL_E_USAGE, "%s has other layers than '%s'", path, trainer->spec_text);
    learner->take(trainer->self, models__predictor_model(trainer->init));
    return PEAL_OK;
}

static peal_status share_memory(models__trainer *trainer, peal_error *err) {
    models__shared *shared = &trainer->shared;
    const peal_training *training = &trainer->training;
    const peal_comm_plan plan = {.leaves = training->partitions,
                                 .members = training->at_once,
                                 .value = training->summed,
                                 .spin = true,
                                 .timeout_ms = BARRIER_TIMEOUT_MS};
    PEAL_TRY(peal_comm_new(&peal_comm_shared, &plan, &shared->comm, err));
    lay_out(trainer, NULL);
    PEAL_TRY(check_memory(trainer, err));
    PEAL_TRY(peal_slab_new(shared->layout.plan.size, "the training", &shared->slab, err));
    lay_out(trainer, shared->slab.data);
    if (shared->layout.has_failed) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of tensors");
    if (trainer->learner->initialise) trainer->learner->initialise(trainer->self);
    if (!trainer->data.valid_rows) trainer->data.valid_rows = trainer->data.rows;
    return trainer->init ? take_init(trainer, err) : PEAL_OK;
}

/* ---- all together ---- */

uint64_t models__parameters(const models__trainer *trainer) {
    uint64_t parameters = 0;
    size_t count;
    const peal_tensor *tensors = trainer->learner->model_tensors(trainer->best, &count);
    for (size_t i = 0; i < count; i++) parameters += peal_tensor_count(&tensors[i]);
    return parameters;
}

static void describe_choices(const models__trainer *trainer) {
    const peal_reporter *reporter = trainer->options->reporter;
    const peal_training *training = &trainer->training;
    const size_t cpus = peal_machine_cpus();
    char text[160];
    peal_report(reporter, PEAL_EVENT_NOTE, "model: %s, %llu parameters; %llu rows to train on, %llu to validate",
                trainer->spec_text, (unsigned long long)models__parameters(trainer),
                (unsigned long long)trainer->data.train_count, (unsigned long long)trainer->data.valid_count);
    peal_report(reporter, PEAL_EVENT_NOTE, "training: %s", trainer->learner->summary(trainer->self, text));
    peal_report(reporter, PEAL_EVENT_NOTE, "%zu partition%s, %zu worker%s; arithmetic: %s", training->partitions,
                training->partitions == 1 ? "" : "s", training->workers, training->workers == 1 ? "" : "s",
                trainer->arithmetic);
    if (training->workers > training->at_once) {
        peal_report(reporter, PEAL_EVENT_NOTE, "%zu workers for %zu CPU%s: %zu work at once, the others stand by",
                    training->workers, training->at_once, training->at_once == 1 ? "" : "s", training->at_once);
    }
    if (trainer->options->partitions && cpus > training->partitions) {
        peal_report(reporter, PEAL_EVENT_NOTE, "%zu CPU%s idle: %zu partition%s cannot use more workers (partitions)",
                    cpus - training->partitions, cpus - training->partitions == 1 ? " stands" : "s stand",
                    training->partitions, training->partitions == 1 ? "" : "s");
    }
}

/* What is written into the model file, with the values of the best epoch. */
static peal_model_content content(const models__trainer *trainer) {
    peal_model_content content = {
        .spec = trainer->spec_text, .pipeline = peal_dataset_pipeline(trainer->data.dataset), .job = trainer->job};
    content.tensors = trainer->learner->model_tensors(trainer->best, &content.count);
    return content;
}

peal_status models__trainer_run(models__trainer *trainer, peal_error *err) {
    PEAL_TRY(parse_options(trainer, err));
    PEAL_TRY(open_data(trainer, err));
    peal_graph_arithmetic(trainer->arithmetic);
    trainer->job = describe_job(trainer);
    if (!trainer->job) return peal_fail(err, PEAL_E_MEMORY, "no memory for the job's description");
    const peal_model_content file = content(trainer);
    PEAL_TRY(peal_model_file_check(&file, trainer->data.pipeline, err));
    PEAL_TRY(share_memory(trainer, err));
    PEAL_TRY(peal_graph_check_memory(err));
    describe_choices(trainer);
    *trainer->result = (peal_train_result){.rows = trainer->data.train_count,
                                           .partitions = trainer->training.partitions,
                                           .workers = trainer->training.workers,
                                           .has_valid = trainer->data.valid_count > 0};
    return models__train_epochs(trainer, err);
}

peal_status models__trainer_write(const models__trainer *trainer, peal_atomic_file *out, peal_error *err) {
    const peal_model_content file = content(trainer);
    return peal_model_file_put(out, &file, err);
}

static void clear_data(models__data *data) {
    if (data->valid_rows != data->rows) peal_rows_close(data->valid_rows);
    peal_rows_close(data->rows);
    peal_dataset_close(data->dataset);
    peal_dataset_close(data->valid_dataset);
    peal_pipeline_free(data->pipeline);
    free(data->shape.vocabularies);
    free(data->train_list);
    free(data->valid_list);
    free(data->valid_labels);
    free(data->class_weights);
}

void models__trainer_clear(models__trainer *trainer) {
    const peal_learner *learner = trainer->learner;
    if (learner) learner->end(trainer->self);
    if (learner) learner->model_free(trainer->best);
    if (learner && trainer->scratch) learner->scratch_free(trainer->scratch);
    peal_layout_clear(&trainer->shared.layout);
    peal_comm_free(trainer->shared.comm);
    peal_slab_free(&trainer->shared.slab);
    json_decref(trainer->job);
    peal_predictor_free(trainer->init);
    clear_data(&trainer->data);
}

peal_status models__train_once(const peal_train_options *options, peal_train_result *result, peal_atomic_file *out,
                               peal_error *err) {
    models__trainer trainer = {.options = options, .result = result};
    peal_status status = models__trainer_run(&trainer, err);
    if (status == PEAL_OK) status = models__trainer_write(&trainer, out, err);
    if (status == PEAL_OK && options->run_dir) status = models__forget_trials(options->run_dir, err);
    if (status == PEAL_OK) models__warn(&trainer);
    models__trainer_clear(&trainer);
    return status;
}

/* The model file is begun before the training: a place that cannot be written to is better known then, and no other job
 * makes the same one meanwhile. */
static peal_status train_into_file(const peal_train_options *options, peal_train_result *result, peal_error *err) {
    peal_atomic_file *out;
    PEAL_TRY(open_model(options->out, &out, err));
    peal_status status = models__wants_trial(options) ? models__train_by_trial(options, result, out, err)
                                                      : models__train_once(options, result, out, err);
    if (status == PEAL_OK) {
        PEAL_TRY(peal_atomic_file_commit(out, err));
        return peal_sha256_file(options->out, result->model_sha256, err);
    }
    peal_atomic_file_abort(out);
    return status;
}

peal_status peal_train(const peal_train_options *options, peal_train_result *result, peal_error *err) {
    *result = (peal_train_result){0};
    if (!options->out) return peal_fail(err, PEAL_E_USAGE, "no model file was named to write to (out)");
    PEAL_TRY(peal_output_check(options->out, err));
    const bool makes_run_dir = options->run_dir && !peal_path_exists(options->run_dir);
    peal_lock *run = NULL;
    if (options->run_dir) PEAL_TRY(models__run_lock(options->run_dir, &run, err));
    /* Trials write into the folder before the run itself looks at it. */
    peal_status status = PEAL_OK;
    if (options->run_dir && !options->resume) status = models__run_check(&(models__trainer){.options = options}, err);
    if (status == PEAL_OK) status = train_into_file(options, result, err);
    if (status != PEAL_OK && makes_run_dir) rmdir(options->run_dir); /* if nothing came into it */
    peal_lock_release(run);
    return status;
}
