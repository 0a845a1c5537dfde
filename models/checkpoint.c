/* The run folder:
 *   run.json                                    what the run is
 *   metrics.jsonl                               a line an epoch
 *   checkpoint-EPOCHS[-STEPS].safetensors       where the training stood after so many epochs (and steps of the next)
 *   best.safetensors                            the model of the best epoch so far, as `peal predict` takes it
 * A checkpoint holds the committed state, the best epoch's parameters, and the slots of partitions that are ahead of
 * the committed state; nothing else is needed to go on to the same bits. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "models/model_file.h"
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
    char *dataset = peal_text_of_path(trainer->options->dataset), *out = peal_text_of_path(trainer->options->out);
    json_t *manifest = dataset && out ? json_pack("{s:s, s:i, s:s, s:s, s:O}", "kind", "peal run", "version", 1,
                                                  "dataset", dataset, "out", out, "job", trainer->job)
                                      : NULL;
    char *text = manifest ? json_dumps(manifest, JSON_INDENT(1)) : NULL;
    json_decref(manifest);
    free(dataset);
    free(out);
    if (!text) return peal_fail(err, PEAL_E_MEMORY, "no memory for a run's manifest");
    peal_status status = write_text(trainer, "run.json", text, strlen(text), err);
    free(text);
    return status;
}

/* ---- metrics ---- */

/* One write, so that a line is there whole or cut short at the end of the file, never between others. */
static peal_status append_line(const char *path, const char *line, size_t size, peal_error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot write %s", path);
    ssize_t written = write(fd, line, size);
    peal_status status = PEAL_OK;
    if (written < 0) status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot write %s", path);
    if (written >= 0 && (size_t)written < size) status = peal_fail(err, PEAL_E_FAILED, "cannot write %s whole", path);
    close(fd);
    return status;
}

peal_status models__run_metrics(models__trainer *trainer, const json_t *line, peal_error *err) {
    if (!trainer->options->run_dir) return PEAL_OK;
    char *path = peal_path_join(trainer->options->run_dir, "metrics.jsonl");
    char *json = json_dumps(line, JSON_COMPACT), *text = json ? peal_sprintf("%s\n", json) : NULL;
    peal_status status = path && text ? append_line(path, text, strlen(text), err)
                                      : peal_fail(err, PEAL_E_MEMORY, "no memory for metrics");
    free(path);
    free(json);
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

/* ---- the checkpoint files ---- */

typedef struct checkpoint_name {
    size_t epoch, step;
    char text[64];
} checkpoint_name;

static checkpoint_name name_checkpoint(size_t epoch, size_t step) {
    checkpoint_name name = {.epoch = epoch, .step = step};
    if (step) {
        snprintf(name.text, sizeof name.text, "checkpoint-%06zu-%08zu.safetensors", epoch, step);
    } else {
        snprintf(name.text, sizeof name.text, "checkpoint-%06zu.safetensors", epoch);
    }
    return name;
}

static bool parse_name(const char *text, checkpoint_name *out) {
    size_t epoch, step = 0;
    if (sscanf(text, "checkpoint-%zu-%zu", &epoch, &step) < 1) return false;
    *out = name_checkpoint(epoch, step);
    return strcmp(text, out->text) == 0;
}

static int newest_first(const void *left, const void *right) {
    const checkpoint_name *a = left, *b = right;
    if (a->epoch != b->epoch) return a->epoch > b->epoch ? -1 : 1;
    return a->step == b->step ? 0 : a->step > b->step ? -1 : 1;
}

/* The checkpoints of the run, the newest first; *names is freed by the caller. */
static peal_status list_checkpoints(const models__trainer *trainer, checkpoint_name **names, size_t *count,
                                    peal_error *err) {
    *names = NULL;
    *count = 0;
    DIR *folder = opendir(trainer->options->run_dir);
    if (!folder) {
        return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read the folder %s", trainer->options->run_dir);
    }
    peal_status status = PEAL_OK;
    size_t capacity = 0;
    for (struct dirent *entry; status == PEAL_OK && (entry = readdir(folder));) {
        checkpoint_name name;
        if (!parse_name(entry->d_name, &name)) continue;
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            checkpoint_name *grown = realloc(*names, capacity * sizeof **names);
            if (!grown) {
                status = peal_fail(err, PEAL_E_MEMORY, "no memory for a list of checkpoints");
                break;
            }
            *names = grown;
        }
        (*names)[(*count)++] = name;
    }
    closedir(folder);
    if (*count) qsort(*names, *count, sizeof **names, newest_first);
    return status;
}

/* Removes all checkpoints but the `keep` newest ones. */
static peal_status tidy(const models__trainer *trainer, size_t keep, peal_error *err) {
    checkpoint_name *names;
    size_t count;
    peal_status status = list_checkpoints(trainer, &names, &count, err);
    for (size_t i = keep; status == PEAL_OK && i < count; i++) {
        char *path;
        status = run_path(trainer, names[i].text, &path, err);
        if (status == PEAL_OK) unlink(path);
        if (status == PEAL_OK) free(path);
    }
    free(names);
    return status;
}

/* ---- writing ---- */

static const char *const state_names[PEAL_OPTIMIZER_STATES] = {"optimizer0", "optimizer1"};

/* A checkpoint's tensors with room for their names. */
typedef struct tensor_list {
    peal_tensor *tensors;
    char (*names)[48];
    size_t count;
} tensor_list;

static void add_tensor(tensor_list *list, const char *owner, const char *name, const float *data, size_t floats) {
    snprintf(list->names[list->count], sizeof *list->names, "%s%s", owner, name);
    list->tensors[list->count] = (peal_tensor){.name = list->names[list->count], .data = data, .width = floats};
    list->count++;
}

static void add_state(const models__trainer *trainer, tensor_list *list, const char *owner,
                      const models__state *state) {
    add_tensor(list, owner, "parameters", state->params, trainer->floats);
    for (size_t i = 0; i < trainer->optimizer->states; i++) {
        add_tensor(list, owner, state_names[i], state->optimizer[i], trainer->floats);
    }
    if (state->outer) add_tensor(list, owner, "outer", state->outer, trainer->floats);
}

/* All that a checkpoint at `progress` holds; list->tensors and list->names are freed by the caller. */
static peal_status list_tensors(const models__trainer *trainer, const models__progress *progress, tensor_list *list,
                                peal_error *err) {
    const size_t most = 3 + PEAL_OPTIMIZER_STATES + trainer->partitions * (1 + PEAL_OPTIMIZER_STATES);
    *list = (tensor_list){.tensors = calloc(most, sizeof *list->tensors), .names = calloc(most, sizeof *list->names)};
    if (!list->tensors || !list->names) return peal_fail(err, PEAL_E_MEMORY, "no memory for a checkpoint");
    add_state(trainer, list, "", &trainer->states[trainer->committed]);
    add_tensor(list, "", "best", progress->best_params, trainer->floats);
    for (size_t p = 0; p < trainer->partitions; p++) {
        if (progress->reached[p] <= progress->step) continue;
        char owner[32];
        snprintf(owner, sizeof owner, "partition%zu.", p);
        add_state(trainer, list, owner, &trainer->slots[p]);
    }
    return PEAL_OK;
}

static void clear_list(tensor_list *list) {
    free(list->tensors);
    free(list->names);
}

static json_t *number_text(double value) {
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    return json_string(text);
}

static json_t *count_text(size_t value) {
    char text[24];
    snprintf(text, sizeof text, "%zu", value);
    return json_string(text);
}

/* Puts a JSON value into the metadata as a text, and gives it up. */
static void set_json(json_t *metadata, const char *key, json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    json_decref(value);
    if (text) json_object_set_new(metadata, key, json_string(text));
    free(text);
}

static json_t *describe_progress(const models__trainer *trainer, const models__progress *progress) {
    json_t *metadata = json_object(), *losses = json_array(), *reached = json_array(), *ahead = json_array();
    const double *committed = trainer->states[trainer->committed].losses;
    for (size_t p = 0; p < trainer->partitions; p++) {
        const bool is_ahead = progress->reached[p] > progress->step;
        json_array_append_new(losses, json_real(committed[p]));
        json_array_append_new(reached, json_integer((json_int_t)progress->reached[p]));
        json_array_append_new(ahead, json_real(is_ahead ? trainer->loss_sums[p] : 0));
    }
    bool has_valid = trainer->valid_count && progress->best_epoch;
    json_object_set_new(metadata, "kind", json_string("peal checkpoint"));
    set_json(metadata, "job", json_incref(trainer->job));
    json_object_set_new(metadata, "epoch", count_text(progress->epoch));
    json_object_set_new(metadata, "step", count_text(progress->step));
    json_object_set_new(metadata, "best_epoch", count_text(progress->best_epoch));
    json_object_set_new(metadata, "best_loss", number_text(progress->best_loss));
    json_object_set_new(metadata, "train_loss", number_text(progress->train_loss));
    json_object_set_new(metadata, "first_loss", number_text(progress->course.first_loss));
    json_object_set_new(metadata, "later_loss", number_text(progress->course.later_loss));
    json_object_set_new(metadata, "last_loss", number_text(progress->course.last_loss));
    json_object_set_new(metadata, "agreement", number_text(progress->agreed));
    set_json(metadata, "valid", has_valid ? peal_metrics_save(&trainer->result->valid) : json_object());
    set_json(metadata, "losses", losses);
    set_json(metadata, "partition_steps", reached);
    set_json(metadata, "partition_losses", ahead);
    return metadata;
}

static peal_status write_best(models__trainer *trainer, const models__progress *progress, peal_error *err) {
    if (progress->best_epoch == trainer->best_written) return PEAL_OK;
    char *path;
    PEAL_TRY(run_path(trainer, "best.safetensors", &path, err));
    peal_status status = peal_model_file_write(path, trainer->net, progress->best_params, trainer->spec_text,
                                               peal_dataset_pipeline(trainer->dataset), trainer->job, err);
    free(path);
    if (status == PEAL_OK) trainer->best_written = progress->best_epoch;
    return status;
}

peal_status models__run_checkpoint(models__trainer *trainer, const models__progress *progress, peal_error *err) {
    if (!trainer->options->run_dir) return PEAL_OK;
    tensor_list list;
    char *path = NULL;
    const checkpoint_name name = name_checkpoint(progress->epoch, progress->step);
    json_t *metadata = describe_progress(trainer, progress);
    peal_status status = list_tensors(trainer, progress, &list, err);
    if (status == PEAL_OK) status = run_path(trainer, name.text, &path, err);
    if (status == PEAL_OK) status = peal_safetensors_write(path, metadata, list.tensors, list.count, err);
    if (status == PEAL_OK) status = write_best(trainer, progress, err);
    if (status == PEAL_OK) status = tidy(trainer, trainer->options->keep, err);
    free(path);
    clear_list(&list);
    json_decref(metadata);
    return status;
}

/* ---- resuming ---- */

static peal_status check_job(const models__trainer *trainer, const char *saved, peal_error *err) {
    json_t *job = saved ? json_loads(saved, 0, NULL) : NULL;
    const char *key, *differs = job ? NULL : "all of it";
    json_t *value;
    json_object_foreach(trainer->job, key, value) {
        if (!differs && !json_equal(value, json_object_get(job, key))) differs = key;
    }
    char made_with[PEAL_ARITHMETIC_TEXT] = "another machine";
    const char *arithmetic = json_string_value(json_object_get(job, "arithmetic"));
    if (arithmetic) snprintf(made_with, sizeof made_with, "%s", arithmetic);
    json_decref(job);
    if (!differs) return PEAL_OK;
    if (strcmp(differs, "arithmetic") == 0) {
        return peal_fail(
            err, PEAL_E_USAGE,
            "cannot resume: the run in %s was made with the arithmetic of %s, this machine has that of %s, "
            "whose sums have other bits; go on where the run began, or leave resume out to begin anew",
            trainer->options->run_dir, made_with, trainer->arithmetic);
    }
    return peal_fail(err, PEAL_E_USAGE,
                     "cannot resume: the run in %s is of another job ('%s' differs); leave resume out "
                     "to begin anew, or name another run-dir",
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

/* A list in the metadata, given up by the caller; NULL, whose items count as 0, if it is not there. */
static json_t *read_list(const peal_safetensors *file, const char *key) {
    const char *text = peal_safetensors_metadata(file, key);
    return text ? json_loads(text, 0, NULL) : NULL;
}

static void read_partitions(models__trainer *trainer, const peal_safetensors *file, models__progress *progress) {
    json_t *steps = read_list(file, "partition_steps"), *losses = read_list(file, "losses"),
           *ahead = read_list(file, "partition_losses");
    for (size_t p = 0; p < trainer->partitions; p++) {
        progress->reached[p] = (size_t)json_number_value(json_array_get(steps, p));
        trainer->states[trainer->committed].losses[p] = json_number_value(json_array_get(losses, p));
        if (trainer->sync == SYNC_ROUNDS) trainer->loss_sums[p] = json_number_value(json_array_get(ahead, p));
    }
    json_decref(steps);
    json_decref(losses);
    json_decref(ahead);
}

static peal_status read_checkpoint(models__trainer *trainer, const peal_safetensors *file, models__progress *progress,
                                   peal_error *err) {
    PEAL_TRY(check_job(trainer, peal_safetensors_metadata(file, "job"), err));
    progress->epoch = read_count(file, "epoch");
    progress->step = read_count(file, "step");
    progress->best_epoch = read_count(file, "best_epoch");
    progress->best_loss = read_real(file, "best_loss");
    progress->train_loss = read_real(file, "train_loss");
    progress->course = (models__course){.first_loss = read_real(file, "first_loss"),
                                        .later_loss = read_real(file, "later_loss"),
                                        .last_loss = read_real(file, "last_loss")};
    progress->agreed = read_real(file, "agreement");
    read_partitions(trainer, file, progress);
    tensor_list list;
    peal_status status = list_tensors(trainer, progress, &list, err);
    for (size_t i = 0; status == PEAL_OK && i < list.count; i++) {
        const peal_tensor *found = peal_safetensors_find(file, list.tensors[i].name);
        if (!found || found->rows != 0 || found->width != trainer->floats) {
            status = peal_fail(err, PEAL_E_DATA, "the checkpoint lacks '%s' of %zu numbers", list.tensors[i].name,
                               trainer->floats);
        } else {
            memcpy((float *)list.tensors[i].data, found->data, trainer->floats * sizeof(float));
        }
    }
    clear_list(&list);
    read_valid(trainer, file);
    return status;
}

/* Reads the newest checkpoint that is whole; one that is damaged is named and passed over. */
static peal_status resume(models__trainer *trainer, models__progress *progress, bool *found, peal_error *err) {
    checkpoint_name *names;
    size_t count;
    *found = false;
    peal_status status = list_checkpoints(trainer, &names, &count, err);
    for (size_t i = 0; status == PEAL_OK && i < count && !*found; i++) {
        char *path;
        peal_safetensors *file;
        peal_error damage;
        status = run_path(trainer, names[i].text, &path, err);
        if (status != PEAL_OK) break;
        peal_status opened = peal_safetensors_open(path, &file, &damage);
        if (opened == PEAL_OK) {
            status = read_checkpoint(trainer, file, progress, err);
            peal_safetensors_close(file);
            *found = status == PEAL_OK;
        } else if (opened == PEAL_E_DATA && i + 1 < count) {
            peal_report(trainer->options->reporter, PEAL_EVENT_WARNING, "%s; the checkpoint before it is used",
                        damage.message);
        } else {
            if (err) *err = damage;
            status = opened;
        }
        free(path);
    }
    free(names);
    return status;
}

peal_status models__run_begin(models__trainer *trainer, models__progress *progress, peal_error *err) {
    const peal_train_options *options = trainer->options;
    if (!options->run_dir) {
        return options->resume ? peal_fail(err, PEAL_E_USAGE, "there is no run folder to resume from (--run-dir)")
                               : PEAL_OK;
    }
    PEAL_TRY(peal_folder_make(options->run_dir, err));
    peal_remove_stale_in(options->run_dir);
    bool found = false;
    if (options->resume) PEAL_TRY(resume(trainer, progress, &found, err));
    if (found) {
        char steps[64] = "";
        if (progress->step) snprintf(steps, sizeof steps, " and %zu steps of %zu", progress->step, trainer->steps);
        peal_report(options->reporter, PEAL_EVENT_NOTE, "resumed after epoch %zu of %zu%s", progress->epoch,
                    trainer->epochs, steps);
        return trim_metrics(trainer, progress->epoch, err);
    }
    if (options->resume)
        peal_report(options->reporter, PEAL_EVENT_NOTE, "no checkpoint in %s yet: beginning anew", options->run_dir);
    char *path;
    PEAL_TRY(tidy(trainer, 0, err));
    PEAL_TRY(run_path(trainer, "best.safetensors", &path, err));
    unlink(path);
    free(path);
    PEAL_TRY(write_manifest(trainer, err));
    return trim_metrics(trainer, 0, err);
}
