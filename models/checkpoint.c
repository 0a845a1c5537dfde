/* The run folder: run.json (what the run is), metrics.jsonl (a line an epoch), checkpoint.safetensors (the committed
 * state after the last epochs). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "models/safetensors.h"
#include "models/trainer.h"

static peal_status run_path(const models__trainer *trainer, const char *name, char **out, peal_error *err) {
    *out = peal_path_join(trainer->options->run_dir, name);
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
}

static peal_status write_text(const models__trainer *trainer, const char *name, const char *text, size_t size,
                              peal_error *err) {
    char *path;
    PEAL_TRY(run_path(trainer, name, &path, err));
    peal_status status = peal_file_write_atomic(path, text, size, err);
    free(path);
    return status;
}

static peal_status write_manifest(const models__trainer *trainer, peal_error *err) {
    json_t *manifest = json_pack("{s:s, s:i, s:s, s:s, s:O}", "kind", "peal run", "version", 1, "dataset",
                                 trainer->options->dataset, "out", trainer->options->out, "job", trainer->job);
    char *text = json_dumps(manifest, JSON_INDENT(1));
    json_decref(manifest);
    if (!text) return peal_fail(err, PEAL_E_MEMORY, "no memory for a run's manifest");
    peal_status status = write_text(trainer, "run.json", text, strlen(text), err);
    free(text);
    return status;
}

/* ---- metrics ---- */

peal_status models__run_metrics(models__trainer *trainer, const json_t *line, peal_error *err) {
    if (!trainer->options->run_dir) return PEAL_OK;
    char *path, *text = json_dumps(line, JSON_COMPACT);
    if (!text) return peal_fail(err, PEAL_E_MEMORY, "no memory for metrics");
    peal_status status = run_path(trainer, "metrics.jsonl", &path, err);
    if (status == PEAL_OK) {
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (fd < 0 || dprintf(fd, "%s\n", text) < 0) {
            status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot write %s", path);
        }
        if (fd >= 0) close(fd);
        free(path);
    }
    free(text);
    return status;
}

/* Keeps the lines of the first `epochs` epochs. */
static peal_status trim_metrics(const models__trainer *trainer, size_t epochs, peal_error *err) {
    char *path;
    PEAL_TRY(run_path(trainer, "metrics.jsonl", &path, err));
    peal_buffer text = {0}, kept = {0};
    peal_status status = peal_path_exists(path) ? peal_file_read(path, &text, err) : PEAL_OK;
    free(path);
    const char *at = (const char *)text.data, *end = at + text.size;
    while (status == PEAL_OK && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline) break; /* a line cut short by a death */
        json_t *line = json_loadb(at, (size_t)(newline - at), 0, NULL);
        json_int_t epoch = json_integer_value(json_object_get(line, "epoch"));
        json_decref(line);
        if (epoch >= 1 && (size_t)epoch <= epochs) {
            status = peal_buffer_append(&kept, at, (size_t)(newline + 1 - at), err);
        }
        at = newline + 1;
    }
    if (status == PEAL_OK) status = write_text(trainer, "metrics.jsonl", (const char *)kept.data, kept.size, err);
    peal_buffer_clear(&text);
    peal_buffer_clear(&kept);
    return status;
}

/* ---- checkpoints ---- */

static const char *const state_names[PEAL_OPTIMIZER_STATES] = {"optimizer0", "optimizer1"};

static size_t list_tensors(const models__trainer *trainer, const models__progress *progress, peal_tensor *tensors) {
    const models__state *state = &trainer->states[trainer->committed];
    size_t count = 0, floats = trainer->floats;
    tensors[count++] = (peal_tensor){.name = "parameters", .data = state->params, .width = floats};
    tensors[count++] = (peal_tensor){.name = "outer", .data = state->outer, .width = floats};
    tensors[count++] = (peal_tensor){.name = "best", .data = progress->best_params, .width = floats};
    for (size_t i = 0; i < trainer->optimizer->states; i++) {
        tensors[count++] = (peal_tensor){.name = state_names[i], .data = state->optimizer[i], .width = floats};
    }
    return count;
}

static json_t *number_text(double value) {
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    return json_string(text);
}

peal_status models__run_checkpoint(models__trainer *trainer, const models__progress *progress, peal_error *err) {
    if (!trainer->options->run_dir) return PEAL_OK;
    peal_tensor tensors[3 + PEAL_OPTIMIZER_STATES];
    size_t count = list_tensors(trainer, progress, tensors);
    char epoch[24], best_epoch[24];
    snprintf(epoch, sizeof epoch, "%zu", progress->epoch);
    snprintf(best_epoch, sizeof best_epoch, "%zu", progress->best_epoch);
    char *job = json_dumps(trainer->job, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_t *valid =
        trainer->valid_count && progress->best_epoch ? peal_metrics_save(&trainer->result->valid) : json_object();
    char *valid_text = json_dumps(valid, JSON_COMPACT);
    json_decref(valid);
    json_t *metadata = job && valid_text ? json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s}", "kind", "peal checkpoint",
                                                     "job", job, "epoch", epoch, "best_epoch", best_epoch, "best_loss",
                                                     number_text(progress->best_loss), "train_loss",
                                                     number_text(progress->train_loss), "valid", valid_text)
                                         : NULL;
    free(job);
    free(valid_text);
    if (!metadata) return peal_fail(err, PEAL_E_MEMORY, "no memory for a checkpoint");
    char *path;
    peal_status status = run_path(trainer, "checkpoint.safetensors", &path, err);
    if (status == PEAL_OK) {
        status = peal_safetensors_write(path, metadata, tensors, count, err);
        free(path);
    }
    json_decref(metadata);
    return status;
}

static peal_status check_job(const models__trainer *trainer, const char *saved, peal_error *err) {
    json_t *job = saved ? json_loads(saved, 0, NULL) : NULL;
    const char *key, *differs = job ? NULL : "all of it";
    json_t *value;
    json_object_foreach(trainer->job, key, value) {
        if (!differs && !json_equal(value, json_object_get(job, key))) differs = key;
    }
    json_decref(job);
    if (!differs) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE,
                     "cannot resume: the run in %s is of another job ('%s' differs); leave --resume out "
                     "to begin anew, or name another --run-dir",
                     trainer->options->run_dir, differs);
}

static size_t read_count(const peal_safetensors *file, const char *key) {
    const char *text = peal_safetensors_metadata(file, key);
    return text ? (size_t)strtoull(text, NULL, 10) : 0;
}

static double read_real(const peal_safetensors *file, const char *key) {
    const char *text = peal_safetensors_metadata(file, key);
    return text ? strtod(text, NULL) : 0;
}

static void read_valid(models__trainer *trainer, const peal_safetensors *file) {
    const char *text = peal_safetensors_metadata(file, "valid");
    json_t *saved = text ? json_loads(text, 0, NULL) : NULL;
    peal_metrics *valid = &trainer->result->valid;
    const struct {
        const char *key;
        double *to;
    } numbers[] = {{"loss", &valid->loss}, {"accuracy", &valid->accuracy}, {"log_loss", &valid->log_loss},
                   {"auc", &valid->auc},   {"rmse", &valid->rmse},         {"mae", &valid->mae},
                   {"r2", &valid->r2}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        *numbers[i].to = json_number_value(json_object_get(saved, numbers[i].key));
    }
    valid->classes = trainer->net->shape.classes;
    valid->rows = trainer->valid_count;
    json_decref(saved);
}

static peal_status read_checkpoint(models__trainer *trainer, const peal_safetensors *file, models__progress *progress,
                                   peal_error *err) {
    PEAL_TRY(check_job(trainer, peal_safetensors_metadata(file, "job"), err));
    peal_tensor tensors[3 + PEAL_OPTIMIZER_STATES];
    size_t count = list_tensors(trainer, progress, tensors);
    for (size_t i = 0; i < count; i++) {
        const peal_tensor *found = peal_safetensors_find(file, tensors[i].name);
        if (!found || found->rows != 0 || found->width != trainer->floats) {
            return peal_fail(err, PEAL_E_DATA, "the checkpoint in %s lacks '%s' of %zu numbers",
                             trainer->options->run_dir, tensors[i].name, trainer->floats);
        }
        memcpy((float *)tensors[i].data, found->data, trainer->floats * sizeof(float));
    }
    progress->epoch = read_count(file, "epoch");
    progress->best_epoch = read_count(file, "best_epoch");
    progress->best_loss = read_real(file, "best_loss");
    progress->train_loss = read_real(file, "train_loss");
    read_valid(trainer, file);
    return PEAL_OK;
}

static peal_status resume(models__trainer *trainer, models__progress *progress, bool *found, peal_error *err) {
    char *path;
    PEAL_TRY(run_path(trainer, "checkpoint.safetensors", &path, err));
    peal_status status = PEAL_OK;
    *found = peal_path_exists(path);
    if (*found) {
        peal_safetensors *file;
        status = peal_safetensors_open(path, &file, err);
        if (status == PEAL_OK) {
            status = read_checkpoint(trainer, file, progress, err);
            peal_safetensors_close(file);
        }
    }
    free(path);
    return status;
}

peal_status models__run_begin(models__trainer *trainer, models__progress *progress, peal_error *err) {
    const peal_train_options *options = trainer->options;
    if (!options->run_dir) {
        return options->resume ? peal_fail(err, PEAL_E_USAGE, "there is no run folder to resume from (--run-dir)")
                               : PEAL_OK;
    }
    PEAL_TRY(peal_folder_make(options->run_dir, err));
    bool found = false;
    if (options->resume) PEAL_TRY(resume(trainer, progress, &found, err));
    if (found) {
        peal_report(options->reporter, PEAL_EVENT_NOTE, "resumed after epoch %zu of %zu", progress->epoch,
                    options->epochs);
        return trim_metrics(trainer, progress->epoch, err);
    }
    if (options->resume)
        peal_report(options->reporter, PEAL_EVENT_NOTE, "no checkpoint in %s yet: beginning anew", options->run_dir);
    char *path;
    PEAL_TRY(run_path(trainer, "checkpoint.safetensors", &path, err));
    peal_remove_stale_temporaries(path);
    unlink(path);
    free(path);
    PEAL_TRY(write_manifest(trainer, err));
    return trim_metrics(trainer, 0, err);
}
