#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "etl/dataset.h"
#include "models/train.h"
#include "tools/command.h"
#include "tools/display.h"

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

static json_t *result_json(const peal_train_result *result, const peal_etl_result *etl) {
    json_t *metrics = result->has_valid ? peal_metrics_save(&result->valid) : json_object();
    json_object_set_new(metrics, "train_loss",
                        isfinite(result->train_loss) ? json_real(result->train_loss) : json_null());
    json_t *value = json_pack("{s:I, s:o, s:s, s:I, s:I, s:f, s:I, s:I, s:I}", "rows", (json_int_t)result->rows,
                              "metrics", metrics, "model_sha256", result->model_sha256, "epochs",
                              (json_int_t)result->epochs, "best_epoch", (json_int_t)result->best_epoch,
                              "rows_per_second", result->rows_per_second, "partitions", (json_int_t)result->partitions,
                              "workers", (json_int_t)result->workers, "deaths", (json_int_t)result->deaths);
    if (etl) {
        json_object_set_new(value, "etl",
                            json_pack("{s:I, s:I, s:I, s:I}", "in", (json_int_t)etl->rows_in, "used",
                                      (json_int_t)etl->rows_used, "dropped", (json_int_t)etl->rows_dropped,
                                      "quarantined", (json_int_t)etl->rows_quarantined));
    }
    return value;
}

/* The dataset to train on: the one named, or one made of the sources in the cache. */
static peal_status find_dataset(const tools_options *options, peal_cached *dataset, peal_etl_result *etl, bool *made,
                                peal_error *err) {
    const char *only = json_string_value(json_array_get(options->sources, 0));
    *made = !(json_array_size(options->sources) == 1 && peal_dataset_is(only));
    if (!*made) {
        if (options->label || options->transforms || options->format || options->task || options->drop ||
            options->types) {
            return peal_fail(err, PEAL_E_USAGE,
                             "%s is a dataset already: --label, --transform, --format, --task, --drop and "
                             "--type belong to 'peal etl'",
                             only);
        }
        dataset->path = peal_strdup(only);
        return dataset->path ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    }
    peal_etl_options etl_options;
    tools_arrays arrays = {0};
    peal_status status = tools_etl_options(options, &etl_options, &arrays, err);
    if (status == PEAL_OK) status = peal_etl_cached(&etl_options, dataset, etl, err);
    if (status == PEAL_OK) tools_say_rows(etl->rows_in, etl->rows_used, etl->rows_dropped, etl->rows_quarantined);
    tools_arrays_clear(&arrays);
    return status;
}

static peal_status run(const tools_options *options, peal_error *err) {
    const char *out = options->out ? options->out : "model.safetensors";
    PEAL_TRY(peal_output_check(out, err));
    char *run_dir = options->run_dir ? peal_strdup(options->run_dir) : default_run_dir(out);
    peal_cached dataset = {0};
    peal_etl_result etl = {0};
    peal_train_result result;
    bool made = false;
    peal_status status =
        run_dir ? peal_output_check(run_dir, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) status = find_dataset(options, &dataset, &etl, &made, err);
    if (status == PEAL_OK) {
        const peal_train_options train = train_options(options, dataset.path, out, run_dir);
        status = peal_train(&train, &result, err);
    }
    if (status == PEAL_OK) {
        char text[160];
        if (result.has_valid) {
            tools_say("best: epoch %zu of %zu, valid %s", result.best_epoch, result.epochs,
                      peal_metrics_text(&result.valid, text));
        }
        tools_say("rows: %llu trained on, %.0f rows/s", (unsigned long long)result.rows, result.rows_per_second);
        tools_say("model: %s (sha256 %s); run: %s", out, result.model_sha256, run_dir);
        if (options->json) status = tools_print_json(result_json(&result, made ? &etl : NULL), err);
    }
    free(run_dir);
    peal_cached_release(&dataset);
    return status;
}

const tools_command tools_command_train = {
    .name = "train",
    .usage = "DATASET|SOURCE... [--out MODEL] [options]",
    .documentation = "Trains a model in forked worker processes. Sources are first made into a dataset in the cache.",
    .bit = FOR_TRAIN,
    .run = run,
};
