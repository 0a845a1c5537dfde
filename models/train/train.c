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
#include "models/learner/tables.h"
#include "models/predict/model_file.h"
#include "models/predict/predictor.h"
#include "models/train/candidates.h"
#include "models/train/choice.h"
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

static peal_status parse_sync(models__trainer *trainer, peal_error *err) {
    const char *text = trainer->options->sync ? trainer->options->sync : "epoch";
    char *end;
    unsigned long steps = strtoul(text, &end, 10);
    if (strcmp(text, "epoch") == 0) return PEAL_OK;
    if (strcmp(text, "step") == 0) {
        trainer->sync = SYNC_STEP;
        return PEAL_OK;
    }
    if (*text < '0' || *text > '9' || *end != '\0' || steps == 0) {
        static const char *const names[] = {"epoch", "step"};
        size_t chosen;
        PEAL_TRY(peal_spec_choose("sync (epoch, step or a number of steps)", text, names, 2, &chosen, err));
    }
    trainer->steps_per_round = steps;
    return PEAL_OK;
}

/* With 0 partitions, as long as their number is not known, it is only checked. */
static peal_status parse_outer(models__trainer *trainer, size_t partitions, peal_error *err) {
    static const char *const names[] = {"nesterov", "momentum", "average"};
    static const char *const keys[] = {"lr", "momentum", NULL}, *const no_keys[] = {NULL};
    static const models__outer defaults[] = {
        {.name = "nesterov", .lr = 0.7, .momentum = 0.6, .nesterov = true},
        {.name = "momentum", .lr = 0.7, .momentum = 0.6},
        {.name = "average", .lr = 1},
    };
    peal_spec spec;
    size_t chosen;
    const char *text = trainer->options->outer;
    /* One partition has nothing to average; between rounds of few steps an outer momentum has nothing to average out.
     */
    if (!text) text = partitions == 1 || trainer->steps_per_round ? "average" : "nesterov";
    PEAL_TRY(peal_spec_parse("outer optimizer", text, &spec, err));
    PEAL_TRY(peal_spec_choose("outer optimizer", spec.name, names, 3, &chosen, err));
    PEAL_TRY(peal_spec_check("outer optimizer", &spec, chosen == 2 ? no_keys : keys, err));
    trainer->outer = defaults[chosen];
    PEAL_TRY(peal_spec_number(&spec, "lr", trainer->outer.lr, 0, 10, &trainer->outer.lr, err));
    return peal_spec_number(&spec, "momentum", trainer->outer.momentum, 0, 0.999, &trainer->outer.momentum, err);
}

/* All that can be known without the data. */
static peal_status parse_options(models__trainer *trainer, peal_error *err) {
    const peal_train_options *options = trainer->options;
    if (options->keep == 0) return peal_fail(err, PEAL_E_USAGE, "keep must be at least 1");
    if (options->epochs > UINT32_MAX) return peal_fail(err, PEAL_E_USAGE, "epochs must be at most %u", UINT32_MAX);
    if (options->lr < 0 || !isfinite(options->lr)) return peal_fail(err, PEAL_E_USAGE, "lr must be a number above 0");
    if (options->partitions > PARTITIONS_MOST) {
        return peal_fail(err, PEAL_E_USAGE, "partitions must be at most %d", PARTITIONS_MOST);
    }
    trainer->spec_text = options->model ? options->model : "mlp";
    PEAL_TRY(peal_model_parse(trainer->spec_text, &trainer->spec, err));
    trainer->schedule_text = options->schedule ? options->schedule : "cosine";
    PEAL_TRY(peal_schedule_parse(trainer->schedule_text, &trainer->schedule, &trainer->schedule_options, err));
    if (options->optimizer) {
        PEAL_TRY(peal_optimizer_parse(options->optimizer, &trainer->optimizer, &trainer->optimizer_options, err));
    }
    PEAL_TRY(parse_sync(trainer, err));
    return parse_outer(trainer, 0, err);
}

/* The rest, once the rows to train on are known. */
static peal_status choose(models__trainer *trainer, peal_error *err) {
    const peal_train_options *options = trainer->options;
    const models__table table = {.rows = trainer->train_count, .bytes = trainer->eval_net->shape.bytes};
    trainer->optimizer_text = options->optimizer ? options->optimizer : models__choose_optimizer(&table);
    PEAL_TRY(peal_optimizer_parse(trainer->optimizer_text, &trainer->optimizer, &trainer->optimizer_options, err));
    if (trainer->spec.l2 < 0) trainer->spec.l2 = (float)models__choose_l2(&table);
    trainer->batch = options->batch ? options->batch : models__choose_batch(&table);
    trainer->partitions = options->partitions ? options->partitions : models__choose_partitions(&table);
    PEAL_TRY(parse_outer(trainer, trainer->partitions, err));
    trainer->workers = options->workers ? options->workers : peal_machine_cpus();
    if (trainer->workers > trainer->partitions) trainer->workers = trainer->partitions;
    if (trainer->train_count < trainer->partitions) {
        return peal_fail(err, PEAL_E_DATA, "%s has %llu rows to train on, fewer than the %zu partitions",
                         options->dataset, (unsigned long long)trainer->train_count, trainer->partitions);
    }
    const size_t most = (size_t)((trainer->train_count + trainer->partitions - 1) / trainer->partitions);
    const size_t least = (size_t)(trainer->train_count / trainer->partitions);
    trainer->steps = (most + trainer->batch - 1) / trainer->batch;
    if (trainer->steps > least) trainer->steps = least; /* no step without rows */
    trainer->epochs = options->epochs ? options->epochs : models__choose_epochs(&table, &trainer->spec, trainer->steps);
    trainer->lr = options->lr > 0 ? options->lr
                                  : models__choose_lr(&table, &trainer->spec, trainer->optimizer,
                                                      (double)trainer->epochs * (double)trainer->steps);
    /* A step of all partitions sees P times the rows of one: the rate grows with the root of that (Krizhevsky 2014,
     * arXiv:1404.5997, section 5; measured in the README of this folder). */
    if (options->lr == 0 && trainer->sync == SYNC_STEP) trainer->lr *= sqrt((double)trainer->partitions);
    if (!trainer->last_epoch) trainer->last_epoch = trainer->epochs;
    trainer->patience = options->patience;
    if (!trainer->patience && trainer->stops_early) trainer->patience = models__choose_patience(trainer->epochs);
    const size_t rows = (most + trainer->steps - 1) / trainer->steps;
    return peal_net_new(trainer->pipeline, &trainer->spec, rows, true, &trainer->net, err);
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
    PEAL_TRY(parse_options(&trainer, err));
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

/* Collects labels while rows are read: later only the workers look at rows, for they lie in a map. */
typedef struct label_reading {
    const models__trainer *trainer;
    const char *dataset;
    peal_buffer *labels;
} label_reading;

static peal_status read_labels(void *user, const peal_table *table, peal_error *err) {
    const label_reading *self = user;
    const models__trainer *trainer = self->trainer;
    if (self->labels->size == 0) PEAL_TRY(peal_pipeline_check_table(trainer->pipeline, table, self->dataset, err));
    PEAL_TRY(peal_buffer_reserve(self->labels, table->rows * sizeof(double), err));
    double *labels = (double *)(void *)(self->labels->data + self->labels->size);
    for (size_t row = 0; row < table->rows; row++) labels[row] = peal_net_label(trainer->eval_net, table, row);
    self->labels->size += table->rows * sizeof(double);
    return PEAL_OK;
}

/* Rows of one split and their labels. */
static peal_status open_rows(const models__trainer *trainer, const peal_dataset *dataset, const char *path, int split,
                             peal_rows **rows, peal_buffer *labels, peal_error *err) {
    label_reading reading = {.trainer = trainer, .dataset = path, .labels = labels};
    return peal_rows_open(dataset, 1u << split, read_labels, &reading, rows, err);
}

peal_status models__check_data(const models__trainer *trainer, peal_error *err) {
    PEAL_TRY(peal_rows_check(trainer->rows, err));
    return trainer->valid_rows ? peal_rows_check(trainer->valid_rows, err) : PEAL_OK;
}

/* The rows that have a label, among those where held(i) == wanted. */
static peal_status list_rows(const peal_buffer *labels, const uint8_t *held, uint8_t wanted, uint32_t **list,
                             uint64_t *count, uint64_t *unlabelled, peal_error *err) {
    const uint64_t total = labels->size / sizeof(double);
    const double *label = (const double *)(const void *)labels->data;
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
static peal_status take_labels(models__trainer *trainer, const peal_buffer *labels, peal_error *err) {
    const double *label = (const double *)(const void *)labels->data;
    PEAL_TRY(peal_alloc_checked(&trainer->eval_labels, trainer->valid_count, sizeof(double), "labels", err));
    for (uint64_t i = 0; i < trainer->valid_count; i++) trainer->eval_labels[i] = label[trainer->valid_list[i]];
    return PEAL_OK;
}

/* Marks a random fraction of the rows: a function of the seed and their number. */
static peal_status hold_out(const models__trainer *trainer, double fraction, uint8_t **held, peal_error *err) {
    uint64_t rows = peal_rows_count(trainer->rows);
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

static peal_status open_valid_dataset(models__trainer *trainer, const char *path, peal_buffer *labels,
                                      peal_error *err) {
    PEAL_TRY(peal_dataset_open(path, &trainer->valid_dataset, err));
    if (!peal_pipeline_same(peal_dataset_pipeline(trainer->valid_dataset), peal_dataset_pipeline(trainer->dataset))) {
        return peal_fail(
            err, PEAL_E_DATA,
            "the validation dataset %s was made with another pipeline than %s; make it like that one (like)", path,
            trainer->options->dataset);
    }
    static const int order[] = {PEAL_SPLIT_VALID, PEAL_SPLIT_TEST, PEAL_SPLIT_TRAIN};
    for (size_t i = 0; i < 3; i++) {
        if (!peal_dataset_rows(trainer->valid_dataset, order[i])) continue;
        return open_rows(trainer, trainer->valid_dataset, path, order[i], &trainer->valid_rows, labels, err);
    }
    return peal_fail(err, PEAL_E_DATA, "the validation dataset %s has no rows", path);
}

/* `labels` are those of the rows to train on. */
static peal_status choose_rows(models__trainer *trainer, const peal_buffer *labels, peal_error *err) {
    const peal_train_options *options = trainer->options;
    uint64_t unlabelled = 0;
    uint8_t *held = NULL;
    double fraction = 0;
    const bool is_fraction = options->valid && peal_train_is_fraction(options->valid);
    peal_buffer valid_labels = {0};
    peal_status status = PEAL_OK;
    if (is_fraction) PEAL_TRY(parse_fraction(options->valid, &fraction, err));
    if (is_fraction) {
        status = hold_out(trainer, fraction, &held, err);
    } else if (options->valid) {
        status = open_valid_dataset(trainer, options->valid, &valid_labels, err);
    } else if (peal_dataset_rows(trainer->dataset, PEAL_SPLIT_VALID)) {
        status = open_rows(trainer, trainer->dataset, options->dataset, PEAL_SPLIT_VALID, &trainer->valid_rows,
                           &valid_labels, err);
    }
    if (status == PEAL_OK) {
        status = list_rows(labels, held, 0, &trainer->train_list, &trainer->train_count, &unlabelled, err);
    }
    if (status == PEAL_OK && (is_fraction || trainer->valid_rows)) {
        const peal_buffer *list = is_fraction ? labels : &valid_labels;
        status = list_rows(list, held, is_fraction, &trainer->valid_list, &trainer->valid_count, &unlabelled, err);
        if (status == PEAL_OK) status = take_labels(trainer, list, err);
    }
    peal_buffer_clear(&valid_labels);
    free(held);
    if (status == PEAL_OK && unlabelled) {
        peal_report(options->reporter, PEAL_EVENT_WARNING, "%llu rows have no label that is known and are left out",
                    (unsigned long long)unlabelled);
    }
    if (status == PEAL_OK && (is_fraction || trainer->valid_rows) && trainer->valid_count == 0) {
        status = peal_fail(err, PEAL_E_DATA, "there is no row to validate on");
    }
    return status;
}

static peal_status open_data(models__trainer *trainer, peal_error *err) {
    const peal_train_options *options = trainer->options;
    PEAL_TRY(peal_dataset_open(options->dataset, &trainer->dataset, err));
    PEAL_TRY(peal_pipeline_load(peal_dataset_pipeline(trainer->dataset), &trainer->pipeline, err));
    PEAL_TRY(peal_net_new(trainer->pipeline, &trainer->spec, PEAL_PREDICT_BATCH, false, &trainer->eval_net, err));
    peal_buffer labels = {0};
    peal_status status =
        open_rows(trainer, trainer->dataset, options->dataset, PEAL_SPLIT_TRAIN, &trainer->rows, &labels, err);
    if (status == PEAL_OK && peal_rows_count(trainer->rows) == 0) {
        status = peal_fail(err, PEAL_E_DATA, "%s has no rows to train on", options->dataset);
    }
    if (status == PEAL_OK) status = choose_rows(trainer, &labels, err);
    peal_buffer_clear(&labels);
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
    json_t *valid = trainer->valid_dataset ? data_hash(trainer->valid_dataset)
                    : options->valid       ? json_string(options->valid)
                                           : json_null();
    char numbers[2][PEAL_NUMBER_TEXT];
    char *outer =
        peal_sprintf("%s:lr=%s,momentum=%s", trainer->outer.name, peal_number_text(trainer->outer.lr, numbers[0]),
                     peal_number_text(trainer->outer.momentum, numbers[1]));
    const char *applied = trainer->sync == SYNC_STEP ? "none" : outer;
    json_t *job = json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:f, s:f, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:s}", "model",
                            trainer->spec_text, "epochs", (json_int_t)trainer->epochs, "last_epoch",
                            (json_int_t)trainer->last_epoch, "batch", (json_int_t)trainer->batch, "patience",
                            (json_int_t)trainer->patience, "optimizer", trainer->optimizer_text, "lr", trainer->lr,
                            "l2", (double)trainer->spec.l2, "schedule", trainer->schedule_text, "sync",
                            options->sync ? options->sync : "epoch", "outer", applied, "partitions",
                            (json_int_t)trainer->partitions, "seed", (json_int_t)options->seed, "valid", valid, "data",
                            data_hash(trainer->dataset), "arithmetic", trainer->arithmetic);
    free(outer);
    return job;
}

/* ---- shared memory ---- */

/* One layout, walked twice: once to sum up, once to place. */
typedef struct layout {
    peal_slab_plan plan;
    uint8_t *base;
} layout;

static void *take(layout *at, size_t count, size_t size) {
    size_t offset = peal_slab_plan_take(&at->plan, count, size);
    return at->base ? at->base + offset : NULL;
}

static models__state take_state(layout *at, const models__trainer *trainer, bool committed) {
    models__state state = {.params = take(at, trainer->floats, sizeof(float))};
    for (size_t i = 0; i < trainer->optimizer->states; i++)
        state.optimizer[i] = take(at, trainer->floats, sizeof(float));
    if (committed) state.outer = take(at, trainer->floats, sizeof(float));
    if (committed) state.losses = take(at, trainer->partitions, sizeof(double));
    if (!trainer->table_rows) return state;
    if (!committed || trainer->sync == SYNC_STEP) state.clocks = take(at, trainer->table_rows, sizeof(uint32_t));
    if (!committed) state.seen = take(at, trainer->table_rows, sizeof(uint32_t));
    return state;
}

/* Of a gradient in shared memory; NULL without tables. */
static peal_touched *take_touched(layout *at, const models__trainer *trainer) {
    if (!trainer->table_rows) return NULL;
    peal_touched *touched = take(at, 1, sizeof *touched);
    uint32_t *rows = take(at, trainer->table_rows, sizeof *rows);
    uint8_t *marks = take(at, trainer->table_rows, sizeof *marks);
    if (touched) *touched = (peal_touched){.rows = rows, .marks = marks};
    return touched;
}

static size_t lay_out(models__trainer *trainer, uint8_t *base) {
    layout at = {.base = base};
    const peal_shape *shape = &trainer->net->shape;
    trainer->order = take(&at, trainer->train_count, sizeof(uint32_t));
    trainer->states[0] = take_state(&at, trainer, true);
    trainer->states[1] = take_state(&at, trainer, true);
    for (size_t p = 0; trainer->sync == SYNC_ROUNDS && p < trainer->partitions; p++) {
        trainer->slots[p] = take_state(&at, trainer, false);
    }
    for (size_t i = 0; i < trainer->block_count; i++) {
        trainer->blocks[i].gradient = take(&at, trainer->floats, sizeof(float));
        trainer->blocks[i].touched = take_touched(&at, trainer);
    }
    if (trainer->sync == SYNC_STEP) {
        trainer->nodes = take(&at, TREE_LEVELS * trainer->partitions, sizeof(models__node));
    }
    if (trainer->sync == SYNC_STEP) trainer->published = take(&at, trainer->floats, sizeof(float));
    trainer->loss_sums = take(&at, trainer->partitions, sizeof(double));
    trainer->eval_scores = take(&at, trainer->valid_count, (shape->classes ? shape->classes : 1) * sizeof(double));
    trainer->beats = take(&at, trainer->workers, sizeof(models__beat));
    trainer->control = take(&at, 1, sizeof(models__control));
    trainer->collective = take(&at, 1, peal_collective_size(trainer->at_once));
    return at.plan.size;
}

/* Each worker that steps has neighbouring partitions; their gradients are summed in as few nodes of the tree as there
 * can be. */
static void cut_blocks(models__trainer *trainer) {
    for (size_t rank = 0; rank < trainer->at_once; rank++) {
        size_t at = trainer->partitions * rank / trainer->at_once;
        const size_t end = trainer->partitions * (rank + 1) / trainer->at_once;
        while (at < end) {
            const size_t size = peal_term_size(at, end);
            trainer->blocks[trainer->block_count++] = (models__block){.first = at, .size = size, .rank = rank};
            at += size;
            while ((size_t)1 << trainer->levels < size) trainer->levels++;
        }
    }
    /* As many sums as can run at once are left to the step's segments, the rest is done where it is in the cache. */
    trainer->merge_size = 1;
    while (2 * trainer->merge_size * trainer->at_once <= trainer->partitions) trainer->merge_size *= 2;
}

/* PEAL_E_MEMORY with the arithmetic if what the training will take is more than there is. */
static peal_status check_memory(const models__trainer *trainer, peal_error *err) {
    const uint64_t vector = (uint64_t)trainer->floats * sizeof(float), states = trainer->optimizer->states;
    const uint64_t rows_of_tables = (uint64_t)trainer->table_rows * 2 * sizeof(uint32_t); /* clocks and what is seen */
    const uint64_t per_partition = trainer->sync == SYNC_ROUNDS ? vector * (1 + states) + rows_of_tables : 0;
    const uint64_t per_worker = (vector + rows_of_tables) * trainer->levels +
                                peal_graph_batch_bytes(trainer->net->graph) +
                                peal_graph_batch_bytes(trainer->eval_net->graph);
    uint64_t parameters = 2 * vector * (2 + states) + vector; /* two states, and the best epoch */
    if (trainer->sync == SYNC_STEP) parameters += (vector + rows_of_tables) * (trainer->block_count + 1);
    const uint64_t rows = trainer->train_count * sizeof(uint32_t) +
                          trainer->valid_count * sizeof(double) * (trainer->net->shape.classes + 2);
    const uint64_t shared = parameters + rows + per_partition * trainer->partitions;
    char what[256], texts[5][32];
    snprintf(what, sizeof what,
             "the training (%s of parameters; with their states and copies %s, for each of %zu partitions %s more, for "
             "each of %zu workers %s, for the rows %s)",
             peal_bytes_text(vector, texts[0]), peal_bytes_text(parameters, texts[1]), trainer->partitions,
             peal_bytes_text(per_partition, texts[2]), trainer->workers, peal_bytes_text(per_worker, texts[3]),
             peal_bytes_text(rows, texts[4]));
    PEAL_TRY(peal_machine_memory_check(shared + per_worker * trainer->workers, what, err));
    return peal_machine_address_space_check(shared + per_worker, what, err);
}

static peal_status share_memory(models__trainer *trainer, peal_error *err) {
    trainer->floats = peal_graph_parameter_floats(trainer->net->graph);
    trainer->levels = 1;
    PEAL_TRY(peal_alloc_checked(&trainer->slots, trainer->partitions, sizeof *trainer->slots, "partitions", err));
    PEAL_TRY(peal_alloc_checked(&trainer->blocks, trainer->partitions, sizeof *trainer->blocks, "partitions", err));
    const size_t cpus = peal_machine_cpus();
    trainer->at_once = trainer->workers < cpus ? trainer->workers : cpus;
    if (trainer->sync == SYNC_STEP) cut_blocks(trainer);
    trainer->dense = peal_graph_dense_floats(trainer->net->graph);
    trainer->table_rows = peal_graph_table_rows(trainer->net->graph);
    PEAL_TRY(check_memory(trainer, err));
    PEAL_TRY(models__tables_new(trainer, err));
    PEAL_TRY(
        peal_alloc_checked(&trainer->gradients, trainer->levels * trainer->floats, sizeof(float), "gradients", err));
    PEAL_TRY(peal_slab_new(lay_out(trainer, NULL), "the training", &trainer->slab, err));
    lay_out(trainer, trainer->slab.data);
    trainer->collective = peal_collective_init(trainer->collective, trainer->at_once, true, BARRIER_TIMEOUT_MS);
    peal_graph_initialise(trainer->net->graph, trainer->options->seed, trainer->states[0].params);
    if (!trainer->valid_rows) trainer->valid_rows = trainer->rows;
    return PEAL_OK;
}

/* ---- all together ---- */

uint64_t models__parameters(const models__trainer *trainer) {
    uint64_t parameters = 0;
    for (size_t i = 0; i < peal_graph_parameters(trainer->net->graph); i++) {
        const peal_node *node = peal_graph_parameter_at(trainer->net->graph, i);
        parameters += (uint64_t)node->rows * node->width;
    }
    return parameters;
}

static void describe_choices(const models__trainer *trainer) {
    const peal_reporter *reporter = trainer->options->reporter;
    peal_report(reporter, PEAL_EVENT_NOTE, "model: %s, %llu parameters; %llu rows to train on, %llu to validate",
                trainer->spec_text, (unsigned long long)models__parameters(trainer),
                (unsigned long long)trainer->train_count, (unsigned long long)trainer->valid_count);
    peal_report(reporter, PEAL_EVENT_NOTE, "training: %zu epochs of %zu steps of %zu rows; %s, lr %g, l2 %g",
                trainer->epochs, trainer->steps, trainer->net->rows, trainer->optimizer_text, trainer->lr,
                (double)trainer->spec.l2);
    peal_report(reporter, PEAL_EVENT_NOTE, "%zu partition%s, %zu worker%s; arithmetic: %s", trainer->partitions,
                trainer->partitions == 1 ? "" : "s", trainer->workers, trainer->workers == 1 ? "" : "s",
                trainer->arithmetic);
    if (trainer->workers > trainer->at_once) {
        peal_report(reporter, PEAL_EVENT_NOTE, "%zu workers for %zu CPU%s: %zu work at once, the others stand by",
                    trainer->workers, trainer->at_once, trainer->at_once == 1 ? "" : "s", trainer->at_once);
    }
    if (trainer->options->partitions && peal_machine_cpus() > trainer->partitions) {
        peal_report(reporter, PEAL_EVENT_NOTE, "%zu CPU%s idle: %zu partition%s cannot use more workers (partitions)",
                    peal_machine_cpus() - trainer->partitions,
                    peal_machine_cpus() - trainer->partitions == 1 ? " stands" : "s stand", trainer->partitions,
                    trainer->partitions == 1 ? "" : "s");
    }
}

peal_status models__trainer_run(models__trainer *trainer, peal_error *err) {
    PEAL_TRY(parse_options(trainer, err));
    PEAL_TRY(open_data(trainer, err));
    peal_graph_arithmetic(trainer->arithmetic);
    trainer->job = describe_job(trainer);
    if (!trainer->job) return peal_fail(err, PEAL_E_MEMORY, "no memory for the job's description");
    PEAL_TRY(peal_model_file_check(trainer->net, trainer->spec_text, trainer->pipeline,
                                   peal_dataset_pipeline(trainer->dataset), trainer->job, err));
    PEAL_TRY(share_memory(trainer, err));
    PEAL_TRY(peal_graph_check_memory(err));
    describe_choices(trainer);
    peal_train_result *result = trainer->result;
    *result = (peal_train_result){.rows = trainer->train_count,
                                  .partitions = trainer->partitions,
                                  .workers = trainer->workers,
                                  .has_valid = trainer->valid_count > 0};
    return models__train_epochs(trainer, err);
}

peal_status models__trainer_write(const models__trainer *trainer, peal_atomic_file *out, peal_error *err) {
    return peal_model_file_put(out, trainer->net, trainer->states[trainer->committed].params, trainer->spec_text,
                               peal_dataset_pipeline(trainer->dataset), trainer->job, err);
}

void models__trainer_clear(models__trainer *trainer) {
    if (trainer->valid_rows != trainer->rows) peal_rows_close(trainer->valid_rows);
    peal_rows_close(trainer->rows);
    peal_dataset_close(trainer->dataset);
    peal_dataset_close(trainer->valid_dataset);
    peal_net_free(trainer->net);
    peal_net_free(trainer->eval_net);
    peal_pipeline_free(trainer->pipeline);
    peal_slab_free(&trainer->slab);
    json_decref(trainer->job);
    free(trainer->train_list);
    free(trainer->valid_list);
    models__tables_free(trainer);
    free(trainer->slots);
    free(trainer->blocks);
    free(trainer->gradients);
    free(trainer->eval_labels);
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
