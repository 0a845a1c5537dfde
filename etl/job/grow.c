/* The job that follows a source: fits a pipeline on its beginning, and adds a shard a window; see grow.h. */
#include "etl/job/grow.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/text.h"
#include "etl/dataset/dataset.h"
#include "etl/job/etl_parts.h"
#include "etl/job/growth.h"
#include "etl/job/windows.h"

typedef struct grow_job {
    const peal_grow_options *options;
    peal_grow_result *result;
    char *out;
    json_t *description;
    peal_dataset *before; /* the one that is gone on with, or NULL */
    peal_grown grown;     /* what stands in it, and in the end what stands */
    peal_live *live;
    peal_buffer pipeline_text;
    peal_pipeline *pipeline;
    peal_staging *staging; /* until `growth` has it */
    peal_lock *lock;       /* on the dataset that is gone on with, until `growth` has it */
    peal_windows *windows;
    peal_growth *growth;
    char *head;       /* of the source, in hexadecimal digits */
    peal_buffer bad;  /* lines for the quarantine, of the present window */
    uint64_t rows;    /* of windows that are closed, good and bad */
    uint64_t unknown; /* of which so many texts are not known to the pipeline */
    uint64_t windows_closed;
} grow_job;

/* ---- what the job is ---- */

/* Rows are for training, all of them: a window that was cut into parts would be several. */
static peal_status check_split(const json_t *transforms, peal_error *err) {
    for (size_t i = 0; i < json_array_size(transforms); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(transforms, i), "transform"));
        if (!name || strcmp(name, "split") != 0) continue;
        return peal_fail(err, PEAL_E_USAGE,
                         "the rows of a dataset that grows are not split (split): a training takes some for validation "
                         "(valid)");
    }
    return PEAL_OK;
}

static peal_status check(const grow_job *job, peal_error *err) {
    const peal_grow_options *options = job->options;
    const peal_etl_options *etl = &options->etl;
    if (etl->source_count != 1) {
        return peal_fail(err, PEAL_E_USAGE, "%zu sources were named, but one is followed (follow)", etl->source_count);
    }
    if (!options->window_rows && !options->window_ms) {
        return peal_fail(err, PEAL_E_USAGE, "a window wants a number of rows, or a time (window)");
    }
    if (!options->fit_windows) return peal_fail(err, PEAL_E_USAGE, "fit-windows must be at least 1");
    if (etl->processes) {
        return peal_fail(err, PEAL_E_USAGE, "processes decode images, which are not followed (follow)");
    }
    if (etl->on_bad_source != PEAL_BAD_ROWS_FAIL) {
        return peal_fail(err, PEAL_E_USAGE, "on-bad-source is of several sources, of which one is followed (follow)");
    }
    PEAL_TRY(job__check_wishes(etl, err));
    PEAL_TRY(check_split(etl->plan.transforms, err));
    PEAL_TRY(peal_source_check_names(etl->sources, 1, err));
    return peal_folder_check(job->out, &peal_dataset_kind, err);
}

/* How windows are cut is part of the job: another way would give other shards. */
static peal_status describe(grow_job *job, peal_error *err) {
    const peal_grow_options *options = job->options;
    PEAL_TRY(job__describe(&options->etl, &job->description, err));
    json_t *follow = json_pack("{s:I, s:I, s:I}", "window_rows", (json_int_t)options->window_rows, "window_ms",
                               (json_int_t)options->window_ms, "fit_windows", (json_int_t)options->fit_windows);
    job->description = peal_json_set(job->description, "follow", follow);
    return job->description ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for the job's description");
}

/* ---- what stands there ---- */

static peal_status other_job(const grow_job *job, const char *key, peal_error *err) {
    return peal_fail(
        err, PEAL_E_USAGE,
        "the dataset %s cannot be gone on with: another job made it ('%s' differs); give the same options, "
        "or another folder",
        job->out, key);
}

static peal_status check_same_job(const grow_job *job, const json_t *saved, peal_error *err) {
    const char *key;
    json_t *value;
    json_object_foreach(job->description, key, value) {
        if (!json_equal(value, json_object_get(saved, key))) return other_job(job, key, err);
    }
    json_object_foreach((json_t *)saved, key, value) {
        if (!json_object_get(job->description, key)) return other_job(job, key, err);
    }
    return PEAL_OK;
}

static uint64_t count_of(const json_t *object, const char *key) {
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

/* Of a file: another name would be taken for that of the next file after a rotation. */
static peal_status check_same_name(const grow_job *job, const json_t *manifest, peal_error *err) {
    const json_t *saved = json_object_get(json_array_get(json_object_get(manifest, "inputs"), 0), "path");
    json_t *name = peal_json_path(job->options->etl.sources[0]);
    const bool same = name && json_equal(name, saved);
    json_decref(name);
    if (same || job->grown.position.place.inode == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "the dataset %s follows %s, not %s: give that name", job->out,
                     json_is_string(saved) ? json_string_value(saved) : "another file", job->options->etl.sources[0]);
}

/* What the manifest of the dataset that stands there says. */
static peal_status recall(grow_job *job, peal_error *err) {
    const json_t *manifest = peal_dataset_manifest(job->before), *follow = json_object_get(manifest, "follow");
    const char *head = json_string_value(json_object_get(follow, "head"));
    if (!follow) {
        return peal_fail(err, PEAL_E_USAGE, "the dataset %s was not made by following a source: it cannot grow",
                         job->out);
    }
    PEAL_TRY(check_same_job(job, json_object_get(manifest, "job"), err));
    job->head = head ? peal_strdup(head) : NULL;
    if (!job->head || !peal_position_load(json_object_get(follow, "position"), &job->grown.position)) {
        return peal_fail(err, PEAL_E_DATA, "%s/manifest.json does not say how far the source was read", job->out);
    }
    PEAL_TRY(check_same_name(job, manifest, err));
    const json_t *rows = json_object_get(manifest, "rows");
    job->grown.rows_used = count_of(rows, "used");
    job->grown.rows_bad = count_of(rows, "dropped") + count_of(rows, "quarantined");
    job->grown.quarantine_bytes = count_of(follow, "quarantine_bytes");
    job->grown.windows = job->windows_closed = count_of(follow, "windows");
    job->rows = job->grown.rows_used + job->grown.rows_bad;
    PEAL_TRY(peal_pipeline_load(peal_dataset_pipeline(job->before), &job->pipeline, err));
    return peal_pipeline_write(job->pipeline, &job->pipeline_text, err);
}

static peal_status open_before(grow_job *job, peal_error *err) {
    const char *out = job->out;
    if (!job->options->etl.resume) return PEAL_OK;
    if (!peal_dataset_is(out)) {
        peal_report(job->options->etl.reporter, PEAL_EVENT_NOTE, "dataset: %s: there is none yet", out);
        return PEAL_OK;
    }
    PEAL_TRY(peal_lock_take(out, PEAL_LOCK_EXCLUSIVE, "the dataset", &job->lock, err));
    PEAL_TRY(peal_dataset_open(out, &job->before, err));
    return recall(job, err);
}

/* ---- the source ---- */

static peal_status open_source(grow_job *job, peal_error *err) {
    const peal_grow_options *options = job->options;
    const peal_etl_options *etl = &options->etl;
    const bool was_file = job->before && job->grown.position.place.inode;
    const peal_live_options live = {
        .source = etl->sources[0],
        .format = etl->format,
        .access = etl->access,
        .following = {.files = true,
                      .has_idle = options->has_idle,
                      .idle_ms = options->idle_ms,
                      .from = was_file ? &job->grown.position.place : NULL},
        .stop = etl->stop,
        .reporter = etl->reporter,
    };
    PEAL_TRY(peal_live_open(&live, &job->live, err));
    if (!job->before) return PEAL_OK;
    const char *name = peal_live_name(job->live);
    if (was_file != peal_live_can_return(job->live)) {
        return peal_fail(err, PEAL_E_USAGE, "%s: %s was followed, and this is %s", job->out,
                         was_file ? "a file" : "a pipe or a connection",
                         was_file ? "a pipe or a connection" : "a file");
    }
    if (!was_file) {
        peal_report(etl->reporter, PEAL_EVENT_WARNING,
                    "%s cannot be read again: what came behind the last window (row %llu) and before now is lost, "
                    "and nobody knows how much it is",
                    name, (unsigned long long)job->rows);
    }
    const peal_status status = peal_live_keep_head(job->live, job->head, err);
    if (status == PEAL_E_DATA) peal_error_context(err, "%s/manifest.json is damaged", job->out);
    return status;
}

/* ---- the pipeline ---- */

/* Fits on the sample. The pipeline is loaded from what is saved, as a job that goes on will. */
static peal_status fit(grow_job *job, const uint8_t *bytes, size_t size, peal_error *err) {
    json_t *saved = NULL;
    char *folder = peal_path_join(peal_staging_path(job->staging), "spill");
    peal_status status = folder ? peal_live_fit(job->live, &job->options->etl, bytes, size, folder, &saved, err)
                                : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    free(folder);
    if (status == PEAL_OK) status = peal_pipeline_load(saved, &job->pipeline, err);
    if (status == PEAL_OK) status = peal_pipeline_write_saved(saved, &job->pipeline_text, err);
    json_decref(saved);
    return status;
}

/* The first windows' lines are what the pipeline is fitted on, if none was given. */
static peal_status make_pipeline(grow_job *job, peal_error *err) {
    const peal_grow_options *options = job->options;
    const uint8_t *bytes;
    size_t size;
    PEAL_TRY(peal_live_sample_windows(job->live, options->window_rows, options->window_ms, options->fit_windows, &bytes,
                                      &size, err));
    job->head = peal_live_head_digits(job->live);
    if (!job->head) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    if (!options->etl.fitted) return fit(job, bytes, size, err);
    PEAL_TRY(peal_pipeline_load(options->etl.fitted, &job->pipeline, err));
    return peal_pipeline_write(job->pipeline, &job->pipeline_text, err);
}

/* ---- windows ---- */

static peal_status note_bad(void *user, const peal_bad_row *bad, peal_error *err) {
    grow_job *job = user;
    char *line;
    if (job->options->etl.on_bad_row != PEAL_BAD_ROWS_QUARANTINE) return PEAL_OK;
    PEAL_TRY(peal_bad_row_text(job->options->etl.sources[0], bad, &line, err));
    const peal_status status = peal_buffer_append(&job->bad, line, strlen(line), err);
    free(line);
    return status;
}

/* Nothing comes: what is being written will stand, or has failed, before it is waited for. */
static peal_status settle(void *user, peal_error *err) {
    grow_job *job = user;
    return peal_growth_wait(job->growth, err);
}

static peal_status open_windows(grow_job *job, peal_error *err) {
    const peal_grow_options *options = job->options;
    const peal_etl_options *etl = &options->etl;
    const peal_windows_options windows = {.rows = options->window_rows,
                                          .ms = options->window_ms,
                                          .purpose = PEAL_APPLY_ALL,
                                          .from = job->before ? &job->grown.position : NULL,
                                          .reading = etl->reading,
                                          .nulls = etl->nulls,
                                          .null_count = etl->null_count,
                                          .label_required = true,
                                          .on_bad_row = etl->on_bad_row,
                                          .bad_row = note_bad,
                                          .idle = settle,
                                          .user = job,
                                          .threads = etl->threads,
                                          .stop = etl->stop,
                                          .reporter = etl->reporter};
    job->pipeline->has_split = false; /* of a pipeline that was given: splitting belongs to who fitted it */
    PEAL_TRY(peal_windows_open(job->live, job->pipeline, &windows, &job->windows, err));
    const peal_table *schema = peal_windows_schema(job->windows);
    if (schema->column_count == 0) {
        return peal_fail(err, PEAL_E_USAGE,
                         "%s: no column is left to put into the dataset (transform keep keeps one as it is)",
                         peal_live_name(job->live));
    }
    return PEAL_OK;
}

static peal_status open_growth(grow_job *job, peal_error *err) {
    const peal_etl_options *etl = &job->options->etl;
    const peal_growth_options growth = {.folder = job->out,
                                        .source = etl->sources[0],
                                        .head = job->head,
                                        .job = job->description,
                                        .pipeline = (const char *)job->pipeline_text.data,
                                        .schema = peal_windows_schema(job->windows),
                                        .quarantines = etl->on_bad_row == PEAL_BAD_ROWS_QUARANTINE,
                                        .manifest = job->before ? peal_dataset_manifest(job->before) : NULL,
                                        .grown = job->grown,
                                        .staging = job->staging,
                                        .lock = job->lock};
    job->staging = NULL;
    job->lock = NULL;
    return peal_growth_open(&growth, &job->growth, err);
}

/* ---- the way through ---- */

/* Tells of values that the pipeline does not know, as far as they are new. */
static void say_unknown(grow_job *job) {
    const char *column;
    const uint64_t all = peal_windows_unknown(job->windows, &column), more = all - job->unknown;
    job->unknown = all;
    if (more == 0) return;
    peal_report(job->options->etl.reporter, PEAL_EVENT_NOTE,
                "window %llu: %llu value%s (the first ones of column '%s') not known to the pipeline %s missing",
                (unsigned long long)job->windows_closed, (unsigned long long)more, more == 1 ? "" : "s", column,
                more == 1 ? "counts as" : "count as");
}

static peal_status put(grow_job *job, const peal_window_part *part, peal_error *err) {
    const peal_growth_part rows = {.table = part->table,
                                   .bad = &job->bad,
                                   .closes = part->closes,
                                   .rows = part->rows,
                                   .bad_rows = part->bad,
                                   .after = part->after};
    PEAL_TRY(peal_growth_put(job->growth, &rows, err));
    if (!part->closes) return PEAL_OK;
    job->rows += part->rows + part->bad;
    job->windows_closed += part->rows > 0;
    say_unknown(job);
    return PEAL_OK;
}

static peal_status walk(grow_job *job, peal_error *err) {
    const peal_reporter *reporter = job->options->etl.reporter;
    for (;;) {
        peal_window_part part;
        PEAL_TRY(peal_windows_next(job->windows, &part, err));
        if (part.ended) break;
        PEAL_TRY(put(job, &part, err));
        peal_report_progress(reporter, "following", "rows", job->rows, 0);
    }
    PEAL_TRY(peal_growth_wait(job->growth, err));
    if (peal_growth_grown(job->growth)->rows_used > 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: not one row is good", peal_live_name(job->live));
}

/* Of what stands, whatever the job came to. */
static void count(grow_job *job) {
    const bool quarantines = job->options->etl.on_bad_row == PEAL_BAD_ROWS_QUARANTINE;
    const peal_grown before = job->grown;
    if (job->growth) {
        peal_growth_wait(job->growth, NULL);
        job->grown = *peal_growth_grown(job->growth);
    }
    const peal_grown *grown = &job->grown;
    *job->result = (peal_grow_result){.rows_in = grown->rows_used + grown->rows_bad,
                                      .rows_used = grown->rows_used,
                                      .rows_dropped = quarantines ? 0 : grown->rows_bad,
                                      .rows_quarantined = quarantines ? grown->rows_bad : 0,
                                      .windows = grown->windows,
                                      .new_windows = grown->windows - before.windows,
                                      .new_rows = grown->rows_used - before.rows_used,
                                      .unknown = job->unknown};
}

static peal_status begin(grow_job *job, peal_error *err) {
    PEAL_TRY(describe(job, err));
    PEAL_TRY(open_before(job, err));
    PEAL_TRY(open_source(job, err));
    if (!job->before) {
        PEAL_TRY(peal_staging_make(job->out, NULL, &job->staging, err));
        PEAL_TRY(make_pipeline(job, err));
    }
    PEAL_TRY(open_windows(job, err));
    return open_growth(job, err);
}

static void job_clear(grow_job *job) {
    peal_growth_close(job->growth); /* which may have a table of a window */
    peal_windows_close(job->windows);
    peal_live_free(job->live);
    peal_staging_abandon(job->staging, false);
    peal_lock_release(job->lock);
    peal_dataset_close(job->before);
    peal_pipeline_free(job->pipeline);
    peal_buffer_clear(&job->pipeline_text);
    peal_buffer_clear(&job->bad);
    json_decref(job->description);
    free(job->head);
    free(job->out);
}

peal_status peal_grow(const peal_grow_options *options, peal_grow_result *result, peal_error *err) {
    grow_job job = {.options = options, .result = result};
    const int64_t begun = peal_now_ns();
    *result = (peal_grow_result){0};
    if (!options->etl.out) return peal_fail(err, PEAL_E_USAGE, "no dataset was named to write to (out)");
    job.out = peal_strdup(options->etl.out);
    if (!job.out) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    for (size_t length = strlen(job.out); length > 1 && job.out[length - 1] == '/'; length--)
        job.out[length - 1] = '\0';
    peal_status status = check(&job, err); /* before work begins */
    if (status == PEAL_OK) status = begin(&job, err);
    if (status == PEAL_OK) status = walk(&job, err);
    count(&job);
    job_clear(&job);
    result->wall_ns = peal_now_ns() - begun;
    return status;
}
