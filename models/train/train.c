/* Training from options to model file: chooses what was left open, lays out the shared memory. The data are read in
 * data.c, epochs are in trainer_parent.c. */
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

static peal_status choose_learner(models__trainer *trainer, peal_error *err) {
    const bool is_stream = trainer->training.is_stream;
    peal_train_options wanted = *trainer->options;
    if (is_stream && !wanted.sync && trainer->spec.kind->build) wanted.sync = "epoch"; /* whatever else learns it */
    PEAL_TRY(peal_sync_choose(&wanted, &trainer->spec, &trainer->learner, err));
    trainer->training.sync = wanted.sync ? wanted.sync : trainer->learner->sync;
    if (!is_stream || trainer->learner->goes_on) return PEAL_OK;
    if (trainer->spec.kind->build) {
        return peal_fail(err, PEAL_E_USAGE,
                         "follow: sync %s cannot go on learning when new rows come, it needs all rows at once; leave "
                         "sync out",
                         trainer->training.sync);
    }
    return peal_fail(err, PEAL_E_USAGE,
                     "follow: the model '%s' cannot go on learning when new rows come; logistic, softmax, linear, mlp "
                     "and bayes can",
                     trainer->spec.kind->name);
}

/* All that can be known without the data. */
peal_status models__trainer_parse(models__trainer *trainer, peal_error *err) {
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
    if (options->label_smoothing > 0 && !trainer->spec.kind->smooths) {
        return peal_fail(err, PEAL_E_USAGE, "label-smoothing is of logistic, softmax and mlp, not of '%s'",
                         trainer->spec.kind->name);
    }
    PEAL_TRY(choose_learner(trainer, err));
    return trainer->learner->check(options, &trainer->spec, err);
}

bool models__can_learn(const peal_train_options *options) {
    models__trainer trainer = {.options = options};
    const peal_status status = models__trainer_parse(&trainer, NULL);
    peal_predictor_free(trainer.init);
    return status == PEAL_OK;
}

/* Whether the model that is gone on from is of the same learner and columns. */
static peal_status check_init(models__trainer *trainer, peal_error *err) {
    const peal_learner *learner = trainer->learner;
    const char *path = trainer->options->init;
    if (!learner->take) {
        return peal_fail(err, PEAL_E_USAGE,
                         "%s: a model '%s' is learnt from all rows at once, and cannot be gone on from (init)", path,
                         trainer->spec.kind->name);
    }
    if (models__predictor_learner(trainer->init)->model_new != learner->model_new) {
        return peal_fail(err, PEAL_E_USAGE,
                         "'%s' cannot go on from %s, which holds a model '%s' that '%s' has learnt (sync says by what)",
                         learner->name, path, peal_predictor_spec(trainer->init),
                         models__predictor_learner(trainer->init)->name);
    }
    if (json_object_get(peal_predictor_job(trainer->init), "imported")) {
        return peal_fail(
            err, PEAL_E_USAGE,
            "%s was imported: of its columns it knows no bounds but those that its trees use, so it cannot "
            "be gone on from",
            trainer->options->init);
    }
    json_t *own = peal_predictor_save_pipeline(trainer->init);
    const bool same = own && peal_pipeline_same(trainer->data.pipeline_saved, own);
    json_decref(own);
    if (!same) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s was made with another pipeline (other columns, vocabularies or means) than %s: make the "
                         "dataset like the model (like)",
                         path, trainer->options->dataset);
    }
    trainer->training.init = models__predictor_model(trainer->init);
    return PEAL_OK;
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
    training->valid_rows = data->valid_rows;
    training->valid_list = data->valid_list;
    training->valid_count = data->valid_count;
    training->valid_labels = data->valid_labels;
    training->labels = data->train_labels;
    training->queries = data->shape.has_query ? &data->queries : NULL;
    training->row_count = data->train_count;
    training->label_least = data->label_least;
    training->weighing = (peal_weighing){.unit = data->weight_unit, .classes = data->class_weights};
    training->partitions = options->partitions ? options->partitions : models__choose_partitions(&table);
    training->workers = options->workers ? options->workers : peal_machine_cpus();
    if (training->workers > training->partitions) training->workers = training->partitions;
    const size_t cpus = peal_machine_cpus();
    training->at_once = training->workers < cpus ? training->workers : cpus;
    if (!training->is_stream && data->train_count < training->partitions) {
        return peal_fail(err, PEAL_E_DATA, "%s has %llu rows to train on, fewer than the %zu partitions",
                         options->dataset, (unsigned long long)data->train_count, training->partitions);
    }
    if (options->patience && !data->valid_count) {
        return peal_fail(err, PEAL_E_USAGE,
                         "patience ends a training when held-out rows are predicted no better, and none are held out: "
                         "give some (valid), or leave patience out");
    }
    if (trainer->init) PEAL_TRY(check_init(trainer, err));
    PEAL_TRY(trainer->learner->begin(training, &trainer->self, err));
    training->last_epoch = trainer->last_epoch ? trainer->last_epoch : training->epochs;
    trainer->patience = options->patience;
    if (!trainer->patience && trainer->stops_early) trainer->patience = models__choose_patience(training->epochs);
    return trainer->learner->model_new(data->pipeline, &trainer->spec, NULL, 0, &trainer->best, err);
}

/* Begins the model file, which cannot be a special file. */
peal_status models__open_out(const char *path, peal_atomic_file **out, peal_error *err) {
    PEAL_TRY(peal_atomic_file_open(path, out, err));
    if (!peal_atomic_file_is_in_place(*out)) return PEAL_OK;
    peal_atomic_file_abort(*out);
    return peal_fail(err, PEAL_E_USAGE, "a model is read back once it is written: %s is no regular file", path);
}

/* A place that cannot be written to is better known before the training than after it. */
peal_status models__check_out(const char *path, peal_error *err) {
    peal_atomic_file *probe;
    PEAL_TRY(models__open_out(path, &probe, err));
    peal_atomic_file_abort(probe);
    return PEAL_OK;
}

peal_status peal_train_check(const peal_train_options *options, peal_error *err) {
    models__trainer trainer = {.options = options};
    double fraction;
    peal_train_options exact = *options;
    if (!options->model && !options->init) { /* one of the models that may be chosen must be able to */
        exact.model = "logistic";
        if (models__can_learn(&exact)) trainer.options = &exact;
    }
    const peal_status parsed = models__trainer_parse(&trainer, err);
    peal_predictor_free(trainer.init);
    PEAL_TRY(parsed);
    const char *valid = options->valid;
    if (valid && peal_train_is_fraction(valid)) {
        PEAL_TRY(models__parse_fraction(valid, &fraction, err));
    } else if (valid && strcmp(valid, "-") != 0 && !peal_path_exists(valid) && !strpbrk(valid, "*?[")) {
        return peal_fail(err, PEAL_E_USAGE, "valid must be a source or a fraction: there is no '%s'", valid);
    }
    if (options->run_dir && !options->resume) PEAL_TRY(models__run_check(&trainer, err));
    return models__check_out(options->out, err);
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

/* A stream has no last epoch; what shapes the model besides takes its place. */
static json_t *of_stream(json_t *job, const models__trainer *trainer) {
    if (job) json_object_del(job, "last_epoch");
    if (job) json_object_del(job, "patience");
    return peal_json_merge(job, json_incref(trainer->stream));
}

static json_t *describe_job(const models__trainer *trainer) {
    const peal_train_options *options = trainer->options;
    const peal_training *training = &trainer->training;
    json_t *valid = trainer->data.valid_dataset ? data_hash(trainer->data.valid_dataset)
                    : options->valid            ? json_string(options->valid)
                                                : json_null();
    json_t *job = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:s, s:I, s:I, s:o, s:o, s:s}", "model", trainer->spec_text, "learner",
        trainer->learner->name, "epochs", (json_int_t)training->epochs, "last_epoch", (json_int_t)training->last_epoch,
        "patience", (json_int_t)trainer->patience, "sync", training->sync, "partitions",
        (json_int_t)training->partitions, "seed", (json_int_t)options->seed, "valid", valid, "data",
        training->is_stream ? json_null() : data_hash(trainer->data.dataset), "arithmetic", trainer->arithmetic);
    if (training->is_stream) job = of_stream(job, trainer);
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
    if (trainer->training.is_stream) shared->present = peal_layout_scratch(at, 1, sizeof(models__present));
    if (trainer->lay_out) trainer->lay_out(trainer->lay_out_user, at);
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

/* The first state becomes the model's that is gone on from, which has the same sizes. */
static peal_status take_init(models__trainer *trainer, peal_error *err) {
    const peal_learner *learner = trainer->learner;
    size_t count, init_count;
    const peal_tensor *tensors = learner->model_tensors(trainer->best, &count);
    const peal_tensor *init = learner->model_tensors(trainer->training.init, &init_count);
    bool fits = count == init_count;
    for (size_t i = 0; fits && i < count; i++) {
        fits = tensors[i].rows == init[i].rows && tensors[i].width == init[i].width;
    }
    if (!fits && !learner->grows) {
        return peal_fail(err, PEAL_E_USAGE, "%s has other layers than '%s'", trainer->options->init,
                         trainer->spec_text);
    }
    learner->take(trainer->self, trainer->training.init);
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
    const unsigned long long parameters = models__parameters(trainer), rows = trainer->data.train_count;
    if (training->is_stream) {
        peal_report(reporter, PEAL_EVENT_NOTE, "model: %s, %llu parameters; windows of %llu rows", trainer->spec_text,
                    parameters, rows);
    } else {
        peal_report(reporter, PEAL_EVENT_NOTE, "model: %s, %llu parameters; %llu rows to train on, %llu to validate",
                    trainer->spec_text, parameters, rows, (unsigned long long)trainer->data.valid_count);
    }
    peal_report(reporter, PEAL_EVENT_NOTE, "training: %s", trainer->learner->summary(trainer->self, text));
    peal_report(reporter, PEAL_EVENT_NOTE, "%zu partition%s, %zu worker%s; arithmetic: %s", training->partitions,
                training->partitions == 1 ? "" : "s", training->workers, training->workers == 1 ? "" : "s",
                trainer->arithmetic);
    const char *better = trainer->spec.kind->loss ? NULL : peal_arithmetic_better_kernel();
    if (better && !getenv("OPENBLAS_CORETYPE")) {
        peal_report(reporter, PEAL_EVENT_WARNING,
                    "OpenBLAS does not know this CPU and has taken an old kernel, several times slower than a new one: "
                    "OPENBLAS_CORETYPE=%s in the environment of this process would help",
                    better);
    }
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
        .spec = trainer->spec_text, .pipeline = trainer->data.pipeline_saved, .job = trainer->job};
    content.tensors = trainer->learner->model_tensors(trainer->best, &content.count);
    return content;
}

peal_status models__trainer_prepare(models__trainer *trainer, peal_error *err) {
    PEAL_TRY(choose(trainer, err));
    peal_arithmetic(trainer->arithmetic);
    trainer->job = describe_job(trainer);
    if (!trainer->job) return peal_fail(err, PEAL_E_MEMORY, "no memory for the job's description");
    const peal_model_content file = content(trainer);
    PEAL_TRY(peal_model_file_check(&file, trainer->data.pipeline, err));
    PEAL_TRY(share_memory(trainer, err));
    PEAL_TRY(peal_graph_check_memory(err));
    describe_choices(trainer);
    return PEAL_OK;
}

peal_status models__trainer_run(models__trainer *trainer, peal_error *err) {
    PEAL_TRY(models__trainer_parse(trainer, err));
    PEAL_TRY(models__data_open(trainer, err));
    PEAL_TRY(models__trainer_prepare(trainer, err));
    *trainer->result = (peal_train_result){.rows = trainer->data.train_count,
                                           .partitions = trainer->training.partitions,
                                           .workers = trainer->training.workers,
                                           .has_valid = trainer->data.valid_count > 0};
    return models__train_epochs(trainer, err);
}

peal_status models__trainer_write_as(const models__trainer *trainer, const json_t *job, peal_atomic_file *out,
                                     peal_error *err) {
    peal_model_content file = content(trainer);
    file.job = job;
    return peal_model_file_put(out, &file, err);
}

peal_status models__trainer_write(const models__trainer *trainer, peal_atomic_file *out, peal_error *err) {
    return models__trainer_write_as(trainer, trainer->job, out, err);
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
    json_decref(trainer->stream);
    peal_predictor_free(trainer->init);
    models__data_clear(&trainer->data);
}

peal_status models__train_once(const peal_train_options *options, peal_train_result *result, peal_atomic_file *out,
                               peal_error *err) {
    models__trainer trainer = {.options = options, .result = result};
    peal_status status = models__trainer_run(&trainer, err);
    if (status == PEAL_OK) status = models__trainer_write(&trainer, out, err);
    if (status == PEAL_OK && options->run_dir) status = models__forget_trials(options->run_dir, err);
    const models__held held = models__held_out(&trainer);
    if (status == PEAL_OK) models__warn(&trainer, &held);
    models__trainer_clear(&trainer);
    return status;
}

/* The model file is begun before the training: a place that cannot be written to is better known then, and no other job
 * makes the same one meanwhile. */
static peal_status train_into_file(const peal_train_options *options, peal_train_result *result, peal_error *err) {
    peal_atomic_file *out;
    PEAL_TRY(models__open_out(options->out, &out, err));
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
