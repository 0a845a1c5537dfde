/* `peal train`: makes datasets of raw sources in the cache where needed, and trains on them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/memory.h"
#include "etl/dataset/dataset.h"
#include "models/train/train.h"
#include "tools/command.h"
#include "tools/display.h"
#include "tools/resume.h"

/* model.safetensors -> model.run */
static char *default_run_dir(const char *out) {
    static const char suffix[] = ".safetensors";
    size_t length = strlen(out), cut = sizeof suffix - 1;
    if (length > cut && strcmp(out + length - cut, suffix) == 0) length -= cut;
    return peal_sprintf("%.*s.run", (int)length, out);
}

static peal_train_options train_options(const tools_options *options, const char *dataset, const char *out,
                                        const char *run_dir) {
    peal_train_options train = peal_train_default();
    train.dataset = dataset;
    train.out = out;
    train.run_dir = run_dir;
    train.model = options->model;
    if (options->epochs) train.epochs = options->epochs;
    train.batch = options->batch;
    train.optimizer = options->optimizer;
    train.lr = options->lr;
    train.schedule = options->schedule;
    train.sync = options->sync;
    train.outer = options->outer;
    train.partitions = options->partitions;
    train.workers = options->workers;
    if (options->has_seed) train.seed = options->seed;
    train.valid = options->valid;
    train.clip = options->clip;
    train.init = options->init;
    train.augment = options->augment;
    train.class_weight = options->class_weight;
    train.label_smoothing = options->label_smoothing;
    train.patience = options->patience;
    train.resume = options->resume;
    if (options->has_checkpoint_seconds) train.checkpoint_seconds = options->checkpoint_seconds;
    if (options->keep) train.keep = options->keep;
    if (options->deaths) train.deaths = options->deaths;
    if (options->stall_seconds > 0) train.stall_ms = (int)fmin(options->stall_seconds * 1000, 2e9);
    train.stop = &tools_stop;
    train.reporter = tools_display_reporter();
    return train;
}

/* NULL if there is no memory. `etl`: of the dataset if it was made here, or NULL. */
static json_t *result_json(const peal_train_result *result, const peal_etl_result *etl) {
    json_t *metrics = result->has_valid ? peal_metrics_save(&result->valid) : json_object();
    metrics = peal_json_set(metrics, "train_loss", peal_json_real(result->train_loss));
    json_t *value = json_pack("{s:I, s:o, s:s, s:I, s:I, s:f, s:I, s:I, s:I}", "rows", (json_int_t)result->rows,
                              "metrics", metrics, "model_sha256", result->model_sha256, "epochs",
                              (json_int_t)result->epochs, "best_epoch", (json_int_t)result->best_epoch,
                              "rows_per_second", result->rows_per_second, "partitions", (json_int_t)result->partitions,
                              "workers", (json_int_t)result->workers, "deaths", (json_int_t)result->deaths);
    return etl ? peal_json_set(value, "etl", peal_etl_rows_save(etl)) : value;
}

/* What there is to train on. */
typedef struct data {
    peal_cached dataset, valid; /* folders, held until the end; the path of valid may also be a fraction, or NULL */
    peal_etl_result etl;        /* if the dataset was made here */
    bool made;
} data;

/* PEAL_E_USAGE if an option was given that only making a dataset asks for. */
static peal_status check_made(const tools_options *options, peal_error *err) {
    const bool given = options->label || options->query || options->weight || options->offset || options->exposure ||
                       options->transforms || options->format || options->task || options->drop || options->types ||
                       options->nulls || options->reading || options->on_bad_row || options->threads;
    if (!given) return PEAL_OK;
    return peal_fail(
        err, PEAL_E_USAGE,
        "%s is a dataset already: --label, --query, --weight, --offset, --exposure, --task, --transform, --type, "
        "--drop, --null, --format "
        "and its options, --on-bad-row and --threads belong to 'peal etl'",
        options->sources[0]);
}

static void say_rows(const peal_etl_result *etl) {
    tools_say_rows(etl->rows_in, etl->rows_used, etl->rows_dropped, etl->rows_quarantined);
}

static peal_status copy_path(const char *path, char **out, peal_error *err) {
    *out = peal_strdup(path);
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
}

/* The dataset to train on: the one named, or one made of the sources in the cache. */
static peal_status find_dataset(const tools_options *options, data *out, peal_error *err) {
    if (options->source_count == 1 && peal_dataset_is(options->sources[0])) {
        PEAL_TRY(check_made(options, err));
        return copy_path(options->sources[0], &out->dataset.path, err);
    }
    peal_etl_options etl_options;
    tools_arrays arrays = {0};
    peal_status status = tools_etl_options(options, &etl_options, &arrays, err);
    if (status == PEAL_OK) {
        etl_options.plan.prefers_number = peal_model_wants_number(options->model);
        status = peal_etl_cached(&etl_options, &out->dataset, &out->etl, err);
    }
    if (status == PEAL_OK) say_rows(&out->etl);
    tools_arrays_clear(&arrays);
    out->made = true;
    return status;
}

/* What to validate on: raw files are made into a dataset in the cache, with the pipeline of the one to train on. */
static peal_status find_valid(const tools_options *options, data *out, peal_error *err) {
    const char *valid = options->valid;
    if (!valid) return PEAL_OK;
    if (peal_train_is_fraction(valid) || peal_dataset_is(valid)) return copy_path(valid, &out->valid.path, err);
    peal_dataset *dataset;
    peal_etl_result result;
    PEAL_TRY(peal_dataset_open(out->dataset.path, &dataset, err));
    peal_etl_options etl = peal_etl_default();
    etl.sources = &valid;
    etl.source_count = 1;
    etl.fitted = peal_dataset_pipeline(dataset);
    etl.threads = options->threads;
    etl.stop = &tools_stop;
    etl.reporter = tools_display_reporter();
    peal_status status = tools_bad_rows(options, &etl.on_bad_row, err);
    if (status == PEAL_OK) status = peal_etl_cached(&etl, &out->valid, &result, err);
    peal_dataset_close(dataset);
    if (status == PEAL_OK) say_rows(&result);
    return status;
}

static peal_status show(const tools_options *options, const peal_train_options *train, const peal_train_result *result,
                        const data *from, peal_error *err) {
    char text[PEAL_METRICS_TEXT];
    if (result->has_valid) {
        tools_say("best: epoch %zu of %zu, valid %s", result->best_epoch, result->epochs,
                  peal_metrics_text(&result->valid, text));
    }
    tools_say("rows: %llu trained on, %.0f rows/s", (unsigned long long)result->rows, result->rows_per_second);
    tools_say("model: %s (sha256 %s); run: %s", train->out, result->model_sha256, train->run_dir);
    return options->json ? tools_print_json(result_json(result, from->made ? &from->etl : NULL), err) : PEAL_OK;
}

/* PEAL_E_USAGE if an option was given that only a stream has. */
static peal_status check_followed(const tools_options *options, peal_error *err) {
    const char *given = options->window             ? "window"
                        : options->fit_windows      ? "fit-windows"
                        : options->publish          ? "publish"
                        : options->has_idle_seconds ? "idle-seconds"
                                                    : NULL;
    return given ? peal_fail(err, PEAL_E_USAGE, "--%s is of --follow", given) : PEAL_OK;
}

static peal_status run(const tools_options *options, peal_error *err) {
    const char *out = options->out ? options->out : "model.safetensors";
    PEAL_TRY(tools_need_sources(options, err));
    char *run_dir = options->run_dir ? peal_strdup(options->run_dir) : default_run_dir(out);
    if (!run_dir) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    data from = {0};
    peal_train_result result;
    peal_train_options train = train_options(options, NULL, out, run_dir);
    peal_status status = options->resume ? tools_resume_arithmetic(options, run_dir, err) : PEAL_OK;
    if (status == PEAL_OK) status = peal_output_check(run_dir, err);
    if (status == PEAL_OK) status = tools_check_output(options, run_dir, err);
    if (status == PEAL_OK) status = tools_check_output(options, out, err);
    if (options->follow) {
        if (status == PEAL_OK) status = tools_follow(options, &train, err);
        free(run_dir);
        return status;
    }
    if (status == PEAL_OK) status = check_followed(options, err);
    if (status == PEAL_OK) status = peal_train_check(&train, err); /* before the dataset is made, which may take long */
    if (status == PEAL_OK) status = find_dataset(options, &from, err);
    if (status == PEAL_OK) status = find_valid(options, &from, err);
    train.dataset = from.dataset.path;
    train.valid = from.valid.path;
    if (status == PEAL_OK) status = peal_train(&train, &result, err);
    if (status == PEAL_OK) status = show(options, &train, &result, &from, err);
    free(run_dir);
    peal_cached_release(&from.dataset);
    peal_cached_release(&from.valid);
    return status;
}

const tools_command tools_command_train = {
    .name = "train",
    .usage = "DATASET|SOURCE... [--out MODEL] [options]",
    .documentation = "Trains a model in forked worker processes. Sources are first made into a dataset in the cache.",
    .bit = FOR_TRAIN,
    .run = run,
};
