#include "etl/etl.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/file.h"
#include "core/machine.h"
#include "etl/dataset.h"
#include "etl/emit.h"

static const char *const bad_row_names[] = {"fail", "drop", "quarantine"};

peal_etl_options peal_etl_default(void) {
    return (peal_etl_options){.on_bad_row = PEAL_BAD_ROWS_FAIL};
}

/* One job under way. */
typedef struct etl_job {
    const peal_etl_options *options;
    const char *out;
    peal_etl_result *result;
    peal_input_list inputs;
    peal_pipeline *pipeline;
    peal_executor *executor;
    peal_ingested ingested;
    char *staging, *spill_folder, *pipeline_text;
    json_t *description; /* what shapes the dataset, besides the inputs */
} etl_job;

/* ---- what the job is ---- */

static json_t *text_or_null(const char *text) {
    return text ? json_string(text) : json_null();
}

/* The job as JSON: equal jobs make equal datasets of equal inputs. */
static json_t *describe_job(const peal_etl_options *options) {
    static const char *const tasks[] = {"auto", "classify", "regress"}, *const headers[] = {"auto", "yes", "no"};
    json_t *nulls = json_array(), *drop = json_array();
    for (size_t i = 0; i < options->text.null_count; i++)
        json_array_append_new(nulls, json_string(options->text.nulls[i]));
    for (size_t i = 0; i < options->plan.drop_count; i++)
        json_array_append_new(drop, json_string(options->plan.drop[i]));
    const char delimiter[2] = {options->text.delimiter, '\0'};
    json_t *job = json_pack("{s:o, s:o, s:s, s:s, s:s, s:b, s:o, s:o, s:s}", "format", text_or_null(options->format),
                            "label", text_or_null(options->plan.label), "task", tasks[options->plan.task], "delimiter",
                            delimiter, "header", headers[options->text.header], "trim", options->text.trim, "nulls",
                            nulls, "drop", drop, "on_bad_row", bad_row_names[options->on_bad_row]);
    if (options->plan.transforms) json_object_set(job, "transforms", (json_t *)options->plan.transforms);
    if (options->plan.types) json_object_set(job, "types", (json_t *)options->plan.types);
    if (options->fitted) json_object_set(job, "fitted", (json_t *)options->fitted);
    return job;
}

static uint64_t json_hash(const json_t *value, uint64_t seed) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t hash = text ? peal_hash(text, strlen(text), seed) : 0;
    free(text);
    return hash;
}

/* ---- planning ---- */

static peal_status copy_nulls(const peal_format_options *from, peal_format_options *to, peal_error *err) {
    to->nulls = NULL;
    to->null_count = 0;
    PEAL_TRY(peal_alloc_checked(&to->nulls, from->null_count, sizeof(char *), "spellings of null", err));
    for (size_t i = 0; i < from->null_count; i++) {
        to->nulls[i] = peal_strdup(from->nulls[i]);
        if (!to->nulls[i]) return peal_fail(err, PEAL_E_MEMORY, "no memory for spellings of null");
        to->null_count++;
    }
    return PEAL_OK;
}

static peal_status plan(etl_job *job, peal_error *err) {
    const peal_etl_options *options = job->options;
    if (options->fitted) {
        PEAL_TRY(peal_pipeline_load(options->fitted, &job->pipeline, err));
        job->pipeline->has_split = false; /* splitting belongs to the job that fitted it */
        return PEAL_OK;
    }
    peal_format_options text = options->text;
    PEAL_TRY(copy_nulls(&options->text, &text, err));
    const peal_input_list *inputs = &job->inputs;
    return peal_pipeline_plan(inputs->inputs[0].path, inputs->sample, inputs->sample_size, inputs->sample_whole,
                              inputs->format, &text, &options->plan, options->reporter, &job->pipeline, err);
}

/* ---- fitting ---- */

/* One column of all inputs and all vocabularies becomes one summary, which is fitted. Inputs count in their order; of a
 * vocabulary only texts and counts go in, so it does not matter whose they are. */
static peal_status fit_column(void *user, size_t field, peal_error *err) {
    etl_job *job = user;
    peal_summary merged = {0};
    for (size_t i = 0; i < job->inputs.count; i++)
        peal_summary_merge(&merged, &job->ingested.spills[i].summaries[field]);
    for (size_t i = 0; i < job->ingested.vocabulary_count; i++) {
        const peal_dictionary *texts = &job->ingested.vocabularies[i].dictionaries[field];
        for (uint32_t code = 0; code < texts->size; code++) {
            if (texts->counts[code] == 0) continue;
            peal_text text = peal_dictionary_text(texts, code);
            uint32_t to;
            peal_status status = peal_dictionary_intern(&merged.texts, text.data, text.length, &to, err);
            if (status != PEAL_OK) {
                peal_summary_clear(&merged);
                return status;
            }
            merged.texts.counts[to] += texts->counts[code];
            merged.count += texts->counts[code];
        }
    }
    return peal_pipeline_fit(job->pipeline, field, &merged, err);
}

static peal_status fit(etl_job *job, peal_error *err) {
    if (job->options->fitted) return PEAL_OK;
    const peal_map_work work = {.work = fit_column, .user = job};
    PEAL_TRY(peal_executor_map(job->executor, job->pipeline->schema.count, 0, &work, err));
    return peal_pipeline_fitted(job->pipeline, err);
}

/* ---- counting ---- */

static peal_status count_rows(etl_job *job, peal_error *err) {
    peal_etl_result *result = job->result;
    uint64_t used = 0, bad = 0;
    for (size_t i = 0; i < job->inputs.count; i++) {
        used += job->ingested.spills[i].rows_used;
        bad += job->ingested.spills[i].rows_bad;
    }
    result->rows_used = used;
    result->rows_in = used + bad;
    if (job->options->on_bad_row == PEAL_BAD_ROWS_QUARANTINE) {
        result->rows_quarantined = bad;
    } else {
        result->rows_dropped = bad;
    }
    if (used > 0) return PEAL_OK;
    const char *first = job->inputs.inputs[0].path;
    return peal_fail(err, PEAL_E_DATA,
                     bad ? "%s%s: not one row is good" : "%s%s: there is not one row behind the header", first,
                     job->inputs.count > 1 ? " and the other inputs" : "");
}

static peal_status write_quarantine(etl_job *job, peal_error *err) {
    if (job->result->rows_quarantined == 0) return PEAL_OK;
    char *path = peal_path_join(job->staging, "quarantine.jsonl");
    peal_out_file out;
    peal_status status = path ? peal_out_file_open(path, &out, err) : peal_fail(err, PEAL_E_MEMORY, "no memory");
    free(path);
    if (status != PEAL_OK) return status;
    for (size_t i = 0; i < job->inputs.count && status == PEAL_OK; i++) {
        const peal_buffer *bad = &job->ingested.spills[i].bad;
        if (bad->size) status = peal_out_file_write(&out, bad->data, bad->size, err);
    }
    peal_status closed = peal_out_file_close(&out, true, status == PEAL_OK ? err : NULL);
    return status == PEAL_OK ? closed : status;
}

static json_t *manifest_head(const etl_job *job) {
    const peal_etl_result *result = job->result;
    json_t *rows =
        json_pack("{s:I, s:I, s:I, s:I}", "in", (json_int_t)result->rows_in, "used", (json_int_t)result->rows_used,
                  "dropped", (json_int_t)result->rows_dropped, "quarantined", (json_int_t)result->rows_quarantined);
    return json_pack("{s:s, s:i, s:o, s:O, s:o}", "kind", "peal dataset", "version", 1, "rows", rows, "job",
                     job->description, "inputs", peal_input_list_save(&job->inputs));
}

/* ---- the way through ---- */

/* The pipeline as text, for the manifest: made by one thread of the pool while others transform rows. */
static peal_status describe_pipeline(void *user, peal_error *err) {
    etl_job *job = user;
    json_t *saved = peal_pipeline_save(job->pipeline);
    job->pipeline_text = saved ? json_dumps(saved, JSON_INDENT(1) | JSON_ENSURE_ASCII) : NULL;
    json_decref(saved);
    return job->pipeline_text ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a manifest");
}

static peal_status write_rows(etl_job *job, peal_dataset_writer *writer, peal_error *err) {
    peal_future *described;
    PEAL_TRY(peal_executor_submit(job->executor, describe_pipeline, job, &described, err));
    peal_status status = peal_emit(job->executor, &job->ingested, job->pipeline, writer, job->options->stop,
                                   job->options->reporter, &job->result->times, err);
    if (status == PEAL_OK) status = peal_future_wait(described, -1, err);
    peal_future_free(described);
    for (int i = 0; i < PEAL_SPLITS; i++) job->result->split_rows[i] = peal_dataset_writer_rows(writer, i);
    return status;
}

static peal_status emit(etl_job *job, peal_error *err) {
    peal_applier *applier;
    PEAL_TRY(peal_applier_new(job->pipeline, &applier, err));
    peal_dataset_writer *writer = NULL;
    peal_status status = PEAL_OK;
    if (peal_applier_schema(applier)->column_count == 0) {
        status = peal_fail(err, PEAL_E_USAGE, "no column is left to put into the dataset");
    }
    if (status == PEAL_OK) status = peal_dataset_writer_new(job->staging, peal_applier_schema(applier), &writer, err);
    if (status == PEAL_OK) status = write_rows(job, writer, err);
    int64_t begin = peal_now_ns();
    if (status == PEAL_OK) {
        status = peal_dataset_writer_finish(writer, manifest_head(job), job->pipeline_text, err);
    } else {
        peal_dataset_writer_abort(writer);
    }
    job->result->times.busy[PEAL_STAGE_WRITE] += peal_now_ns() - begin;
    peal_applier_free(applier);
    return status;
}

static peal_status run(etl_job *job, peal_error *err) {
    const peal_etl_options *options = job->options;
    PEAL_TRY(plan(job, err));
    PEAL_TRY(peal_executor_new(options->threads, &job->executor, err));
    job->result->times.threads = peal_executor_threads(job->executor);
    json_t *planned = peal_pipeline_save(job->pipeline);
    const peal_ingest_options ingest = {
        .folder = job->spill_folder,
        .on_bad_row = options->on_bad_row,
        .adopt = options->resume,
        .job_hash = json_hash(planned, json_hash(job->description, 0)),
        .stop = options->stop,
        .reporter = options->reporter,
    };
    json_decref(planned);
    PEAL_TRY(
        peal_ingest(job->executor, &job->inputs, job->pipeline, &ingest, &job->ingested, &job->result->times, err));
    PEAL_TRY(count_rows(job, err));
    PEAL_TRY(fit(job, err));
    return emit(job, err);
}

static void job_clear(etl_job *job) {
    peal_ingested_clear(&job->ingested);
    peal_executor_free(job->executor);
    peal_pipeline_free(job->pipeline);
    peal_input_list_clear(&job->inputs);
    json_decref(job->description);
    free(job->staging);
    free(job->spill_folder);
    free(job->pipeline_text);
}

/* What stands at `out` may only be replaced if it is a dataset (or an empty folder). */
static peal_status check_target(const char *out, peal_error *err) {
    if (!peal_path_exists(out) || peal_dataset_is(out)) return PEAL_OK;
    if (!peal_path_is_folder(out)) return peal_fail(err, PEAL_E_USAGE, "%s exists and is a file, not a dataset", out);
    DIR *folder = opendir(out);
    bool empty = true;
    for (struct dirent *entry; folder && empty && (entry = readdir(folder));) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    if (folder) closedir(folder);
    if (empty) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "%s exists and is not a dataset; it will not be replaced", out);
}

static peal_status check_wishes(const peal_etl_options *options, peal_error *err) {
    const peal_format *format;
    if (options->format) PEAL_TRY(peal_format_find(options->format, &format, err));
    return peal_pipeline_check_plan(&options->plan, err);
}

peal_status peal_etl_check(const peal_etl_options *options, peal_error *err) {
    PEAL_TRY(check_wishes(options, err));
    return options->out ? check_target(options->out, err) : PEAL_OK;
}

/* NULL if the dataset at `out` was made by this job from these inputs; else why not, freed by the caller. */
static char *staleness(const etl_job *job, const char *out) {
    peal_dataset *dataset;
    peal_error problem;
    if (!peal_dataset_is(out)) return peal_strdup("there is none yet");
    if (peal_dataset_open(out, &dataset, &problem) != PEAL_OK) return peal_strdup(problem.message);
    const json_t *manifest = peal_dataset_manifest(dataset), *saved = json_object_get(manifest, "job");
    char *why = NULL;
    const char *key;
    json_t *value;
    json_object_foreach(job->description, key, value) {
        if (!why && !json_equal(value, json_object_get(saved, key))) why = peal_sprintf("the job changed ('%s')", key);
    }
    if (!why && json_object_size(saved) != json_object_size(job->description)) why = peal_strdup("the job changed");
    if (!why) why = peal_input_list_difference(&job->inputs, json_object_get(manifest, "inputs"));
    if (!why) {
        peal_rows *rows = NULL;
        if (peal_rows_open(dataset, ~0u, &rows, &problem) != PEAL_OK) why = peal_strdup(problem.message);
        peal_rows_close(rows);
    }
    peal_dataset_close(dataset);
    return why;
}

static void recall_result(const char *out, peal_etl_result *result) {
    peal_dataset *dataset;
    if (peal_dataset_open(out, &dataset, NULL) != PEAL_OK) return;
    const json_t *rows = json_object_get(peal_dataset_manifest(dataset), "rows");
    result->rows_in = (uint64_t)json_integer_value(json_object_get(rows, "in"));
    result->rows_used = (uint64_t)json_integer_value(json_object_get(rows, "used"));
    result->rows_dropped = (uint64_t)json_integer_value(json_object_get(rows, "dropped"));
    result->rows_quarantined = (uint64_t)json_integer_value(json_object_get(rows, "quarantined"));
    for (int i = 0; i < PEAL_SPLITS; i++) result->split_rows[i] = peal_dataset_rows(dataset, i);
    result->up_to_date = true;
    peal_dataset_close(dataset);
}

static peal_status run_in_staging(etl_job *job, peal_error *err) {
    PEAL_TRY(peal_staging_make(job->out, job->options->resume, &job->staging, err));
    job->spill_folder = peal_path_join(job->staging, "spill");
    peal_status status = job->spill_folder ? peal_folder_make(job->spill_folder, err)
                                           : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) status = run(job, err);
    if (status == PEAL_OK) status = peal_remove_tree(job->spill_folder, err);
    if (status == PEAL_OK) status = write_quarantine(job, err);
    if (status == PEAL_OK) status = peal_folder_commit(job->staging, job->out, err);
    /* After an interruption the finished inputs' spills stay for --resume; else nothing does. */
    if (status != PEAL_OK && status != PEAL_E_INTERRUPTED) peal_remove_tree(job->staging, NULL);
    return status;
}

static peal_status etl(etl_job *job, const char *out, peal_error *err) {
    const peal_etl_options *options = job->options;
    *job->result = (peal_etl_result){0};
    job->out = out;
    int64_t begin = peal_now_ns();
    PEAL_TRY(check_target(out, err));
    PEAL_TRY(check_wishes(options, err));
    PEAL_TRY(peal_input_list_make(options->sources, options->source_count, options->format, &job->inputs, err));
    job->description = describe_job(options);
    if (options->resume) {
        char *why = staleness(job, out);
        bool fresh = !why;
        free(why);
        if (fresh) {
            peal_remove_stale_temporaries(out);
            recall_result(out, job->result);
            return PEAL_OK;
        }
    }
    peal_status status = run_in_staging(job, err);
    job->result->times.wall = peal_now_ns() - begin;
    return status;
}

peal_status peal_etl(const peal_etl_options *options, peal_etl_result *result, peal_error *err) {
    etl_job job = {.options = options, .result = result};
    if (!options->out) return peal_fail(err, PEAL_E_USAGE, "no dataset was named to write to (--out)");
    char *out = peal_strdup(options->out);
    if (!out) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    for (size_t length = strlen(out); length > 1 && out[length - 1] == '/'; length--) out[length - 1] = '\0';
    peal_status status = etl(&job, out, err);
    free(out);
    job_clear(&job);
    return status;
}

/* ---- the cache ---- */

static char *cache_folder(void) {
    const char *own = getenv("PEAL_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && *own) return peal_strdup(own);
    if (xdg && *xdg) return peal_path_join(xdg, "peal");
    return peal_sprintf("%s/.cache/peal", home && *home ? home : "/tmp");
}

/* The dataset's place: named after the absolute paths of the inputs. */
static char *cache_path(const peal_input_list *inputs) {
    uint64_t key = 0;
    for (size_t i = 0; i < inputs->count; i++) {
        char *real = realpath(inputs->inputs[i].path, NULL);
        const char *path = real ? real : inputs->inputs[i].path;
        key = peal_hash(path, strlen(path), key);
        free(real);
    }
    char name[17];
    peal_hash_text(key, name);
    char *folder = cache_folder();
    char *path = folder ? peal_path_join(folder, name) : NULL;
    free(folder);
    return path;
}

char *peal_cache_folder(char **why) {
    *why = NULL;
    return cache_folder();
}

peal_status peal_etl_cached(const peal_etl_options *options, char **path, peal_etl_result *result, peal_error *err) {
    *path = NULL;
    etl_job job = {.options = options, .result = result};
    *result = (peal_etl_result){0};
    PEAL_TRY(check_wishes(options, err));
    PEAL_TRY(peal_input_list_make(options->sources, options->source_count, options->format, &job.inputs, err));
    job.description = describe_job(options);
    char *out = cache_path(&job.inputs);
    char *why = out ? staleness(&job, out) : NULL;
    peal_status status = out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (out && !why) {
        recall_result(out, result);
        peal_report(options->reporter, PEAL_EVENT_NOTE, "dataset: the cached one at %s is up to date", out);
    } else if (out) {
        peal_report(options->reporter, PEAL_EVENT_NOTE, "dataset: making %s: %s", out, why);
    }
    job_clear(&job);
    if (out && why) {
        peal_etl_options made = *options;
        made.out = out;
        status = peal_etl(&made, result, err);
    }
    free(why);
    if (status != PEAL_OK) {
        free(out);
        out = NULL;
    }
    *path = out;
    return status;
}
