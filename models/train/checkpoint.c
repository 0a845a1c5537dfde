/* The run folder:
 *   run.json                                    what the run is
 *   metrics.jsonl                               a line an epoch
 *   checkpoint-EPOCHS[-STEPS].safetensors       where the training stood after so many epochs (and steps of the next)
 *   best.safetensors                            the model of the best epoch so far, as `peal predict` takes it
 *   stream.json                                 of a stream: how it is read on (models/online/stream.h)
 * A checkpoint holds the committed state, the best epoch's parameters, and the slots of partitions that are ahead of
 * the committed state; nothing else is needed to go on to the same bits. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/number.h"
#include "core/base/seal.h"
#include "models/predict/model_file.h"
#include "models/predict/safetensors.h"
#include "models/train/candidates.h"
#include "models/train/runaway.h"
#include "models/train/trainer.h"

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
    char *path;
    PEAL_TRY(run_path(trainer, "run.json", &path, err));
    json_t *manifest =
        json_pack("{s:s, s:i, s:o, s:o, s:O}", "kind", PEAL_RUN_KIND, "version", PEAL_RUN_VERSION, "dataset",
                  trainer->options->dataset ? peal_json_path(trainer->options->dataset) : json_null(), "out",
                  peal_json_path(trainer->options->out), "job", trainer->job);
    peal_status status = peal_seal_write(path, manifest, err);
    json_decref(manifest);
    free(path);
    return status;
}

/* ---- metrics ---- */

peal_status models__run_metrics(models__trainer *trainer, const json_t *line, peal_error *err) {
    if (!trainer->options->run_dir) return PEAL_OK;
    char *json;
    PEAL_TRY(peal_json_dump(line, JSON_COMPACT, "metrics", &json, err));
    char *path = peal_path_join(trainer->options->run_dir, "metrics.jsonl"), *text = peal_sprintf("%s\n", json);
    peal_status status = path && text ? peal_file_append(path, text, strlen(text), err)
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
    const char *at = (const char *)text.data, *end = text.size ? at + text.size : at;
    while (status == PEAL_OK && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline) break; /* a line cut short by a death */
        json_t *line;
        peal_json_parse("metrics", at, (size_t)(newline - at), &line, NULL);
        json_int_t epoch = json_integer_value(json_object_get(line, models__epoch_word(trainer)));
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

/* A checkpoint's tensors with room for their names. */
typedef struct tensor_list {
    peal_tensor *tensors;
    const peal_shared_tensor **from; /* NULL: of the best model */
    char (*names)[64];
    size_t count;
} tensor_list;

static void add_tensor(tensor_list *list, const char *owner, const peal_tensor *tensor,
                       const peal_shared_tensor *from) {
    snprintf(list->names[list->count], sizeof *list->names, "%s%s", owner, tensor->name);
    list->tensors[list->count] = *tensor;
    list->tensors[list->count].name = list->names[list->count];
    list->from[list->count] = from;
    list->count++;
}

/* Whether the committed state needs a tensor of the pool. */
static bool is_needed(const models__trainer *trainer, const peal_shared_tensor *one) {
    const peal_learner *learner = trainer->learner;
    return !learner->needs || learner->needs(trainer->self, trainer->committed, one->tensor.data);
}

/* Whether a checkpoint at `progress` may hold it: the committed state, slots that are ahead of it, and the pool. */
static bool is_kept(const models__trainer *trainer, const models__progress *progress, const peal_shared_tensor *one) {
    switch (one->owner) {
    case PEAL_OWNER_STATE:
        return one->index == (size_t)trainer->committed;
    case PEAL_OWNER_SLOT:
        return progress->reached[one->index] > progress->step;
    case PEAL_OWNER_POOL:
        break;
    }
    return true;
}

/* All that a checkpoint at `progress` may hold, larger items first, so that all are aligned; `written`: what it is to
 * hold, now that the committed state is known. Cleared by the caller. */
static peal_status list_tensors(const models__trainer *trainer, const models__progress *progress, bool written,
                                tensor_list *list, peal_error *err) {
    const peal_layout *layout = &trainer->shared.layout;
    size_t best_count;
    const peal_tensor *best = trainer->learner->model_tensors(trainer->best, &best_count);
    const size_t most = layout->count + best_count;
    *list = (tensor_list){.tensors = calloc(most, sizeof *list->tensors),
                          .names = calloc(most, sizeof *list->names),
                          .from = calloc(most, sizeof *list->from)};
    if (!list->tensors || !list->names || !list->from)
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a checkpoint");
    for (size_t item = sizeof(double); item; item /= 2) {
        for (size_t i = 0; i < layout->count; i++) {
            const peal_shared_tensor *one = &layout->tensors[i];
            char owner[32] = "";
            if (one->owner == PEAL_OWNER_SLOT) snprintf(owner, sizeof owner, "partition%zu.", one->index);
            if (peal_tensor_item(one->tensor.type) != item || !is_kept(trainer, progress, one)) continue;
            if (written && one->owner == PEAL_OWNER_POOL && !is_needed(trainer, one)) continue;
            add_tensor(list, owner, &one->tensor, one);
        }
        for (size_t i = 0; i < best_count; i++) {
            if (peal_tensor_item(best[i].type) == item) add_tensor(list, "best.", &best[i], NULL);
        }
    }
    return PEAL_OK;
}

static void clear_list(tensor_list *list) {
    free(list->tensors);
    free(list->names);
    free(list->from);
}

/* A number as a text of the metadata. */
static json_t *number_text(double value) {
    char text[PEAL_NUMBER_TEXT];
    return json_string(peal_number_text(value, text));
}

static json_t *count_text(size_t value) {
    char text[24];
    snprintf(text, sizeof text, "%zu", value);
    return json_string(text);
}

/* A JSON value as a text of the metadata; takes the value. */
static json_t *json_text(json_t *value) {
    json_t *text = peal_json_quote(value);
    json_decref(value);
    return text;
}

/* NULL if there is no memory. */
static json_t *describe_progress(const models__trainer *trainer, const models__progress *progress) {
    json_t *reached = json_array();
    for (size_t p = 0; p < trainer->training.partitions; p++) {
        reached = peal_json_append(reached, json_integer((json_int_t)progress->reached[p]));
    }
    const bool has_valid = models__is_judged(trainer) && progress->best_epoch;
    json_t *metadata = json_pack("{s:s}", "kind", PEAL_CHECKPOINT_KIND);
    metadata = peal_json_set(metadata, "job", json_text(json_incref(trainer->job)));
    metadata = peal_json_set(metadata, "epoch", count_text(progress->epoch));
    metadata = peal_json_set(metadata, "step", count_text(progress->step));
    metadata = peal_json_set(metadata, "best_epoch", count_text(progress->best_epoch));
    metadata = peal_json_set(metadata, "best_loss", number_text(progress->best_loss));
    metadata = peal_json_set(metadata, "train_loss", number_text(progress->train_loss));
    metadata = peal_json_set(metadata, "first_loss", number_text(progress->course.first_loss));
    metadata = peal_json_set(metadata, "later_loss", number_text(progress->course.later_loss));
    metadata = peal_json_set(metadata, "last_loss", number_text(progress->course.last_loss));
    metadata = peal_json_set(metadata, "agreement", number_text(progress->agreed));
    metadata = peal_json_set(metadata, "valid",
                             json_text(has_valid ? peal_metrics_save(&trainer->result->valid) : json_object()));
    return peal_json_set(metadata, "partition_steps", json_text(reached));
}

/* What a checkpoint must not hold, for it would be refused when it is read: a training that has run away. */
static peal_status check_finite(const models__trainer *trainer, const models__progress *progress,
                                const tensor_list *list, peal_error *err) {
    bool finite = true;
    for (size_t i = 0; finite && i < list->count; i++) finite = peal_tensor_is_finite(&list->tensors[i]);
    return finite ? PEAL_OK : models__ran_away(trainer, progress->epoch, err);
}

static peal_status write_best(models__trainer *trainer, const models__progress *progress, peal_error *err) {
    if (progress->best_epoch == trainer->best_written) return PEAL_OK;
    if (trainer->training.is_stream) return PEAL_OK; /* the last one is published, and no other is better */
    char *path;
    PEAL_TRY(run_path(trainer, "best.safetensors", &path, err));
    peal_atomic_file *file;
    peal_status status = peal_atomic_file_open(path, &file, err);
    free(path);
    PEAL_TRY(status);
    status = models__trainer_write(trainer, file, err);
    if (status == PEAL_OK) {
        status = peal_atomic_file_commit(file, err);
    } else {
        peal_atomic_file_abort(file);
    }
    if (status == PEAL_OK) trainer->best_written = progress->best_epoch;
    return status;
}

peal_status models__run_checkpoint(models__trainer *trainer, const models__progress *progress, peal_error *err) {
    if (!trainer->options->run_dir) return PEAL_OK;
    tensor_list list;
    char *path = NULL;
    const checkpoint_name name = name_checkpoint(progress->epoch, progress->step);
    json_t *metadata = describe_progress(trainer, progress);
    peal_status status = list_tensors(trainer, progress, true, &list, err);
    if (status == PEAL_OK) status = check_finite(trainer, progress, &list, err);
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

static peal_status wrong(peal_error *err, const char *key) {
    return peal_fail(err, PEAL_E_DATA, "its '%s' makes no sense", key);
}

static peal_status check_job(const models__trainer *trainer, const peal_safetensors *file, peal_error *err) {
    const char *saved = peal_safetensors_metadata(file, "job");
    json_t *job = NULL;
    if (!saved) return wrong(err, "job");
    PEAL_TRY(peal_json_parse("its 'job'", saved, strlen(saved), &job, err));
    const char *key,
        *differs = json_object_size(job) == json_object_size(trainer->job) ? NULL : "the number of options";
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

/* A count from 0 to `most`, spelled as it is written. */
static peal_status read_count(const peal_safetensors *file, const char *key, size_t most, size_t *out,
                              peal_error *err) {
    const char *text = peal_safetensors_metadata(file, key);
    double value;
    char again[24];
    if (!text || !peal_number_parse(text, strlen(text), &value) || !(value >= 0 && value <= (double)most)) {
        return wrong(err, key);
    }
    *out = (size_t)value;
    snprintf(again, sizeof again, "%zu", *out);
    return strcmp(text, again) == 0 ? PEAL_OK : wrong(err, key);
}

/* A number as peal_number_text spells it; with `any` also "nan" and "inf", where nothing is known or a loss is huge. */
static peal_status read_real(const peal_safetensors *file, const char *key, bool any, double *out, peal_error *err) {
    const char *text = peal_safetensors_metadata(file, key);
    if (!text) return wrong(err, key);
    if (any && strcmp(text, "nan") == 0) {
        *out = (double)NAN;
        return PEAL_OK;
    }
    if (any && strcmp(text, "inf") == 0) {
        *out = (double)INFINITY;
        return PEAL_OK;
    }
    return peal_number_parse(text, strlen(text), out) ? PEAL_OK : wrong(err, key);
}

/* A JSON value of the metadata, given up by the caller. */
static peal_status read_json(const peal_safetensors *file, const char *key, json_t **out, peal_error *err) {
    const char *text = peal_safetensors_metadata(file, key);
    *out = NULL;
    return text ? peal_json_parse(key, text, strlen(text), out, err) : wrong(err, key);
}

/* A metric of the best epoch: a number, or null where it is not known. True if it stands there. */
static bool read_metric(const json_t *saved, const char *key, double *out, bool *right) {
    const json_t *value = json_object_get(saved, key);
    *right = *right && (!value || json_is_real(value) || json_is_null(value));
    *out = json_is_null(value) ? (double)NAN : json_number_value(value);
    return value != NULL;
}

/* Those of queries; how many there are. */
static size_t read_ranking(const models__trainer *trainer, const json_t *saved, peal_metrics *out, bool *right) {
    const peal_learner *learner = trainer->learner;
    const peal_ranking *own = learner->ranking ? learner->ranking(trainer->best) : NULL;
    const peal_ranking usual = peal_ranking_default();
    peal_ranking_scores ranking = peal_ranking_cuts(own ? own : &usual);
    size_t known = 0;
    out->is_order = own != NULL;
    if (!trainer->data.shape.has_query || !json_object_get(saved, "ndcg@1")) return 0;
    for (size_t k = 0; k < ranking.cuts; k++) {
        char key[PEAL_METRIC_KEY];
        known += read_metric(saved, peal_metrics_key("ndcg", ranking.at[k], key), &ranking.ndcg[k], right);
        known += read_metric(saved, peal_metrics_key("map", ranking.at[k], key), &ranking.map[k], right);
    }
    ranking.queries = trainer->data.valid_queries.count;
    out->ranking = ranking;
    return known;
}

/* The metrics of the best epoch. */
static peal_status read_valid(models__trainer *trainer, const models__progress *progress, const peal_safetensors *file,
                              peal_error *err) {
    json_t *saved;
    PEAL_TRY(read_json(file, "valid", &saved, err));
    peal_metrics *valid = &trainer->result->valid;
    const bool has_valid = models__is_judged(trainer) && progress->best_epoch;
    const struct {
        const char *key;
        double *to;
    } numbers[] = {{"loss", &valid->loss}, {"accuracy", &valid->accuracy}, {"log_loss", &valid->log_loss},
                   {"auc", &valid->auc},   {"rmse", &valid->rmse},         {"mae", &valid->mae},
                   {"r2", &valid->r2}};
    size_t known = 0;
    bool right = json_is_object(saved);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        known += read_metric(saved, numbers[i].key, numbers[i].to, &right);
    }
    known += read_ranking(trainer, saved, valid, &right);
    valid->classes = trainer->data.shape.classes;
    valid->rows = trainer->data.valid_count;
    json_t *again = has_valid ? peal_metrics_save(valid) : json_object();
    right = right && known == json_object_size(saved) && known == json_object_size(again);
    json_decref(again);
    json_decref(saved);
    return right ? PEAL_OK : wrong(err, "valid");
}

/* The most steps that a partition can have done: to the end of the round. */
static size_t steps_most(const models__trainer *trainer, size_t step) {
    const peal_training *training = &trainer->training;
    if (trainer->learner->together) return 0;
    if (training->round_steps == 0 || training->steps - step < training->round_steps) return training->steps;
    return step + training->round_steps;
}

/* The steps of each partition. */
static peal_status read_reached(const models__trainer *trainer, const peal_safetensors *file,
                                models__progress *progress, peal_error *err) {
    static const char key[] = "partition_steps";
    const size_t most = steps_most(trainer, progress->step), partitions = trainer->training.partitions;
    json_t *list;
    PEAL_TRY(read_json(file, key, &list, err));
    bool right = json_array_size(list) == partitions;
    for (size_t p = 0; right && p < partitions; p++) {
        const json_t *item = json_array_get(list, p);
        const json_int_t count = json_integer_value(item);
        right = json_is_integer(item) && count >= 0 && (uint64_t)count <= most;
        progress->reached[p] = (size_t)count;
    }
    json_decref(list);
    return right ? PEAL_OK : wrong(err, key);
}

/* Where the training stood, in bounds. */
static peal_status read_progress(models__trainer *trainer, const peal_safetensors *file, models__progress *progress,
                                 peal_error *err) {
    const peal_training *training = &trainer->training;
    const size_t epochs = training->last_epoch;
    PEAL_TRY(read_count(file, "epoch", epochs, &progress->epoch, err));
    PEAL_TRY(read_count(file, "step", progress->epoch < epochs ? training->steps : 0, &progress->step, err));
    const bool is_in_round = !trainer->learner->together && progress->step && progress->step != training->steps &&
                             (training->round_steps == 0 || progress->step % training->round_steps != 0);
    if (is_in_round) return wrong(err, "step"); /* rounds are committed whole; the last may be shorter */
    PEAL_TRY(read_count(file, "best_epoch", progress->epoch, &progress->best_epoch, err));
    if (progress->epoch && !progress->best_epoch) return wrong(err, "best_epoch"); /* the first epoch is the best yet */
    PEAL_TRY(read_real(file, "best_loss", true, &progress->best_loss, err));
    PEAL_TRY(read_real(file, "train_loss", !trainer->learner->loss, &progress->train_loss, err));
    PEAL_TRY(read_real(file, "first_loss", true, &progress->course.first_loss, err));
    PEAL_TRY(read_real(file, "later_loss", true, &progress->course.later_loss, err));
    PEAL_TRY(read_real(file, "last_loss", true, &progress->course.last_loss, err));
    PEAL_TRY(read_real(file, "agreement", true, &progress->agreed, err));
    PEAL_TRY(read_reached(trainer, file, progress, err));
    return read_valid(trainer, progress, file, err);
}

/* One tensor; of the pool it may be missing, which leaves `*found` false. */
static peal_status read_tensor(const tensor_list *list, size_t index, const peal_safetensors *file, bool *found,
                               peal_error *err) {
    const peal_tensor *wanted = &list->tensors[index], *tensor = peal_safetensors_find(file, wanted->name);
    *found = tensor != NULL;
    if (!tensor && list->from[index] && list->from[index]->owner == PEAL_OWNER_POOL) return PEAL_OK;
    if (!tensor || tensor->type != wanted->type || tensor->rows != wanted->rows || tensor->width != wanted->width) {
        return peal_fail(err, PEAL_E_DATA, "it lacks '%s' of %zu numbers", wanted->name, peal_tensor_count(wanted));
    }
    if (!peal_tensor_is_finite(tensor)) {
        return peal_fail(err, PEAL_E_DATA, "its '%s' holds what is no number", wanted->name);
    }
    memcpy((void *)wanted->data, tensor->data, peal_tensor_count(wanted) * peal_tensor_item(wanted->type));
    return PEAL_OK;
}

/* What a checkpoint has put into shared memory, to the learner's mind. */
static peal_status check_states(const models__trainer *trainer, const models__progress *progress, peal_error *err) {
    const peal_learner *learner = trainer->learner;
    if (!learner->check_state) return PEAL_OK;
    PEAL_TRY(learner->check_state(trainer->self, trainer->committed, SIZE_MAX, progress->step, err));
    for (size_t p = 0; p < trainer->training.partitions; p++) {
        if (progress->reached[p] <= progress->step) continue;
        PEAL_TRY(learner->check_state(trainer->self, trainer->committed, p, progress->reached[p], err));
    }
    return PEAL_OK;
}

static peal_status read_tensors(const models__trainer *trainer, const models__progress *progress,
                                const tensor_list *list, const peal_safetensors *file, peal_error *err) {
    size_t count = 0;
    bool *found, has_best = false;
    PEAL_TRY(peal_alloc_checked(&found, list->count, sizeof *found, "a checkpoint", err));
    peal_status status = PEAL_OK;
    for (size_t i = 0; status == PEAL_OK && i < list->count; i++) {
        status = read_tensor(list, i, file, &found[i], err);
        count += found[i];
        has_best = has_best || (found[i] && !list->from[i]);
    }
    if (status == PEAL_OK && peal_safetensors_count(file) != count) {
        status = peal_fail(err, PEAL_E_DATA, "it has tensors that nobody needs");
    }
    if (status == PEAL_OK) status = check_states(trainer, progress, err);
    if (status == PEAL_OK && has_best && progress->best_epoch && trainer->learner->model_check) {
        status = trainer->learner->model_check(trainer->best, err); /* and what follows from its tensors is made */
    }
    for (size_t i = 0; status == PEAL_OK && i < list->count; i++) {
        if (found[i] || !is_needed(trainer, list->from[i])) continue;
        status = peal_fail(err, PEAL_E_DATA, "it lacks '%s'", list->tensors[i].name);
    }
    free(found);
    return status;
}

/* Reads and checks a checkpoint as a whole. What it leaves behind when it fails is written over by the next one. */
static peal_status read_checkpoint(models__trainer *trainer, const char *path, const checkpoint_name *name,
                                   models__progress *progress, peal_error *err) {
    peal_safetensors *file;
    PEAL_TRY(peal_safetensors_open(path, &file, err));
    const char *kind = peal_safetensors_metadata(file, "kind");
    tensor_list list = {0};
    peal_status status =
        kind && strcmp(kind, PEAL_CHECKPOINT_KIND) == 0 ? check_job(trainer, file, err) : wrong(err, "kind");
    if (status == PEAL_OK) status = read_progress(trainer, file, progress, err);
    if (status == PEAL_OK && (progress->epoch != name->epoch || progress->step != name->step)) {
        status = peal_fail(err, PEAL_E_DATA, "it is of another epoch or step than its name says");
    }
    if (status == PEAL_OK) status = list_tensors(trainer, progress, false, &list, err);
    if (status == PEAL_OK) status = read_tensors(trainer, progress, &list, file, err);
    clear_list(&list);
    peal_safetensors_close(file);
    if (status == PEAL_E_DATA) peal_error_context(err, "the checkpoint %s is damaged", path);
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
        peal_error damage;
        status = run_path(trainer, names[i].text, &path, err);
        if (status != PEAL_OK) break;
        peal_status read = read_checkpoint(trainer, path, &names[i], progress, &damage);
        free(path);
        *found = read == PEAL_OK;
        if (read == PEAL_OK) break;
        if (read == PEAL_E_DATA && i + 1 < count) {
            peal_report(trainer->options->reporter, PEAL_EVENT_WARNING, "%s; the checkpoint before it is used",
                        damage.message);
            continue;
        }
        if (err) *err = damage;
        status = read;
    }
    free(names);
    return status;
}

/* Whether the run folder holds a run of Peal's, of whatever version. */
static peal_status is_run(const models__trainer *trainer, bool *out, peal_error *err) {
    char *path;
    PEAL_TRY(run_path(trainer, "run.json", &path, err));
    json_t *manifest = peal_seal_peek(path, PEAL_RUN_KIND);
    *out = manifest != NULL;
    json_decref(manifest);
    free(path);
    return PEAL_OK;
}

/* Beside the checkpoints; the manifest, by which a run is known, is removed last. */
static const char *const run_files[] = {"metrics.jsonl", "best.safetensors", "stream.json", "run.json"};

/* Files that a new run would remove or write over are only those of a run: they stand beside its manifest. */
peal_status models__run_check(const models__trainer *trainer, peal_error *err) {
    const char *run_dir = trainer->options->run_dir;
    if (!peal_path_exists(run_dir)) return PEAL_OK;
    if (!peal_path_is_folder(run_dir)) {
        return peal_fail(err, PEAL_E_USAGE, "cannot make the folder %s: a file stands there", run_dir);
    }
    checkpoint_name *checkpoints;
    size_t count;
    char *path;
    bool is;
    PEAL_TRY(is_run(trainer, &is, err));
    if (is) return PEAL_OK;
    PEAL_TRY(list_checkpoints(trainer, &checkpoints, &count, err));
    checkpoint_name found = count ? checkpoints[0] : (checkpoint_name){0};
    free(checkpoints);
    for (size_t i = 0; i < sizeof run_files / sizeof *run_files && !found.text[0]; i++) {
        PEAL_TRY(run_path(trainer, run_files[i], &path, err));
        if (peal_path_exists(path)) snprintf(found.text, sizeof found.text, "%s", run_files[i]);
        free(path);
    }
    if (!found.text[0]) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "%s will not be used: it holds %s and is no run of Peal's", run_dir,
                     found.text);
}

peal_status models__run_clear(const char *run_dir, peal_error *err) {
    const peal_train_options options = {.run_dir = run_dir};
    const models__trainer trainer = {.options = &options};
    char *path;
    bool is;
    PEAL_TRY(is_run(&trainer, &is, err));
    if (!is) return PEAL_OK;
    PEAL_TRY(tidy(&trainer, 0, err));
    for (size_t i = 0; i < sizeof run_files / sizeof *run_files; i++) {
        PEAL_TRY(run_path(&trainer, run_files[i], &path, err));
        unlink(path);
        free(path);
    }
    return PEAL_OK;
}

/* The arithmetic in the manifest of the run in `folder`; NULL: none that can be read says it. A resume goes by the
 * checkpoints; that they are of the manifest's job is checked there. */
static peal_status read_arithmetic(const char *folder, char **out, peal_error *err) {
    char *path = peal_path_join(folder, "run.json");
    json_t *manifest = NULL;
    *out = NULL;
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_seal_read(path, "a run's manifest", PEAL_RUN_KIND, PEAL_RUN_VERSION, &manifest, NULL);
    free(path);
    const char *said = json_string_value(json_object_get(json_object_get(manifest, "job"), "arithmetic"));
    if (said) *out = peal_strdup(said);
    const bool lacks_memory = said && !*out;
    json_decref(manifest);
    return lacks_memory ? peal_fail(err, PEAL_E_MEMORY, "no memory for a text") : PEAL_OK;
}

peal_status peal_train_arithmetic(const char *run_dir, char **out, peal_error *err) {
    PEAL_TRY(read_arithmetic(run_dir, out, err));
    for (size_t i = 0; !*out && models__trial_name(i); i++) {
        char *folder = peal_path_join(run_dir, models__trial_name(i));
        if (!folder) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
        const peal_status status = read_arithmetic(folder, out, err);
        free(folder);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

peal_status models__run_lock(const char *run_dir, peal_lock **out, peal_error *err) {
    PEAL_TRY(peal_output_check(run_dir, err));
    PEAL_TRY(peal_folder_make(run_dir, err));
    return peal_lock_take(run_dir, PEAL_LOCK_EXCLUSIVE, "the run folder", out, err);
}

peal_status models__run_begin(models__trainer *trainer, models__progress *progress, peal_error *err) {
    const peal_train_options *options = trainer->options;
    if (!options->run_dir) {
        return options->resume ? peal_fail(err, PEAL_E_USAGE, "there is no run folder to resume from (run-dir)")
                               : PEAL_OK;
    }
    PEAL_TRY(peal_folder_make(options->run_dir, err)); /* of a trial: a folder in the run folder that is locked */
    peal_remove_stale_in(options->run_dir);
    bool found = false;
    if (options->resume) PEAL_TRY(resume(trainer, progress, &found, err));
    if (found) {
        char steps[64] = "";
        if (progress->step)
            snprintf(steps, sizeof steps, " and %zu steps of %zu", progress->step, trainer->training.steps);
        char of[32] = "";
        if (!trainer->training.is_stream) snprintf(of, sizeof of, " of %zu", trainer->training.epochs);
        peal_report(options->reporter, PEAL_EVENT_NOTE, "resumed after %s %zu%s%s", models__epoch_word(trainer),
                    progress->epoch, of, steps);
        return trim_metrics(trainer, progress->epoch, err);
    }
    if (options->resume)
        peal_report(options->reporter, PEAL_EVENT_NOTE, "no checkpoint in %s yet: beginning anew", options->run_dir);
    char *path;
    PEAL_TRY(models__run_check(trainer, err));
    PEAL_TRY(tidy(trainer, 0, err));
    for (size_t i = 0; i + 1 < sizeof run_files / sizeof *run_files; i++) { /* all but the manifest */
        PEAL_TRY(run_path(trainer, run_files[i], &path, err));
        unlink(path);
        free(path);
    }
    PEAL_TRY(write_manifest(trainer, err));
    return trim_metrics(trainer, 0, err);
}
