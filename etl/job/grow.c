/* The job that follows a source: fits a pipeline on its beginning, and adds a shard a window; see grow.h. */
#include "etl/job/grow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/text.h"
#include "etl/dataset/dataset.h"
#include "etl/job/etl_parts.h"
#include "etl/job/windows.h"

static const char quarantine_name[] = "quarantine.jsonl";

typedef struct grow_job {
    const peal_grow_options *options;
    peal_grow_result *result;
    char *out;
    json_t *description;
    peal_dataset *before; /* the one that is gone on with, or NULL */
    peal_position position;
    peal_live *live;
    peal_buffer pipeline_text;
    peal_pipeline *pipeline;
    peal_staging *staging; /* until the first window stands */
    peal_lock *lock;       /* on the dataset, from then on */
    peal_windows *windows;
    peal_dataset_writer *writer;
    char *head;                   /* of the source, in hexadecimal digits */
    peal_buffer bad;              /* lines for the quarantine, of the present window */
    uint64_t quarantine_bytes;    /* that the manifest counts */
    uint64_t rows_used, rows_bad; /* of windows that stand */
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
    if (same || job->position.place.inode == 0) return PEAL_OK;
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
    if (!job->head || !peal_position_load(json_object_get(follow, "position"), &job->position)) {
        return peal_fail(err, PEAL_E_DATA, "%s/manifest.json does not say how far the source was read", job->out);
    }
    PEAL_TRY(check_same_name(job, manifest, err));
    const json_t *rows = json_object_get(manifest, "rows");
    job->rows_used = count_of(rows, "used");
    job->rows_bad = count_of(rows, "dropped") + count_of(rows, "quarantined");
    job->quarantine_bytes = count_of(follow, "quarantine_bytes");
    job->result->windows = count_of(follow, "windows");
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
    const bool was_file = job->before && job->position.place.inode;
    const peal_live_options live = {
        .source = etl->sources[0],
        .format = etl->format,
        .access = etl->access,
        .following = {.files = true,
                      .has_idle = options->has_idle,
                      .idle_ms = options->idle_ms,
                      .from = was_file ? &job->position.place : NULL},
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
                    name, (unsigned long long)(job->rows_used + job->rows_bad));
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

static peal_status open_windows(grow_job *job, peal_error *err) {
    const peal_grow_options *options = job->options;
    const peal_etl_options *etl = &options->etl;
    const peal_windows_options windows = {.rows = options->window_rows,
                                          .ms = options->window_ms,
                                          .purpose = PEAL_APPLY_ALL,
                                          .from = job->before ? &job->position : NULL,
                                          .reading = etl->reading,
                                          .nulls = etl->nulls,
                                          .null_count = etl->null_count,
                                          .label_required = true,
                                          .on_bad_row = etl->on_bad_row,
                                          .bad_row = note_bad,
                                          .user = job,
                                          .threads = etl->threads,
                                          .stop = etl->stop,
                                          .reporter = etl->reporter};
    job->pipeline->has_split = false; /* of a pipeline that was given: splitting belongs to who fitted it */
    PEAL_TRY(peal_windows_open(job->live, job->pipeline, &windows, &job->windows, err));
    const char *folder = job->before ? job->out : peal_staging_path(job->staging);
    const peal_table *schema = peal_windows_schema(job->windows);
    if (schema->column_count == 0) {
        return peal_fail(err, PEAL_E_USAGE,
                         "%s: no column is left to put into the dataset (transform keep keeps one as it is)",
                         peal_live_name(job->live));
    }
    PEAL_TRY(peal_dataset_writer_new(folder, schema, &job->writer, err));
    return job->before ? peal_dataset_writer_go_on(job->writer, peal_dataset_manifest(job->before), err) : PEAL_OK;
}

/* ---- the dataset ---- */

/* Cuts what a job that was killed has written behind the last window. */
static peal_status cut_quarantine(const grow_job *job, peal_error *err) {
    char *path = peal_path_join(job->out, quarantine_name);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = PEAL_OK;
    struct stat info;
    if (job->quarantine_bytes == 0) {
        status = peal_remove_tree(path, err);
    } else if (stat(path, &info) != 0 || (uint64_t)info.st_size < job->quarantine_bytes) {
        status = peal_fail(err, PEAL_E_DATA, "%s is damaged: %llu bytes were expected", path,
                           (unsigned long long)job->quarantine_bytes);
    } else if (truncate(path, (off_t)job->quarantine_bytes) != 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot cut %s", path);
    }
    free(path);
    return status;
}

static peal_status sync_file(const char *path, peal_error *err) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    const int problem = errno;
    if (fd >= 0) close(fd);
    return synced ? PEAL_OK : peal_fail_errno(err, PEAL_E_FAILED, problem, "cannot write %s", path);
}

/* Adds the window's bad rows to the quarantine, of which the manifest then counts more bytes. */
static peal_status write_quarantine(grow_job *job, peal_error *err) {
    if (job->bad.size == 0) return PEAL_OK;
    char *path = peal_path_join(job->staging ? peal_staging_path(job->staging) : job->out, quarantine_name);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = peal_file_append(path, job->bad.data, job->bad.size, err);
    if (status == PEAL_OK) status = sync_file(path, err);
    if (status == PEAL_OK) job->quarantine_bytes += job->bad.size;
    job->bad.size = 0;
    free(path);
    return status;
}

static json_t *rows_json(const grow_job *job) {
    const bool quarantines = job->options->etl.on_bad_row == PEAL_BAD_ROWS_QUARANTINE;
    return json_pack("{s:I, s:I, s:I, s:I}", "in", (json_int_t)(job->rows_used + job->rows_bad), "used",
                     (json_int_t)job->rows_used, "dropped", (json_int_t)(quarantines ? 0 : job->rows_bad),
                     "quarantined", (json_int_t)(quarantines ? job->rows_bad : 0));
}

/* The input, of which nothing is told that changes from run to run; NULL if there is no memory. */
static json_t *input_json(const grow_job *job) {
    char hash[17];
    peal_hash_text(0, hash);
    json_t *input = json_pack("{s:o, s:I, s:s, s:I}", "path", peal_json_path(job->options->etl.sources[0]), "size",
                              (json_int_t)job->position.place.offset, "xxh3", hash, "rows",
                              (json_int_t)(job->rows_used + job->rows_bad));
    static const char *const none[] = {"mtime_ns", "ctime_ns", "inode", "device"};
    for (size_t i = 0; i < 4; i++) input = peal_json_set(input, none[i], json_integer(0));
    return peal_json_append(json_array(), input);
}

static json_t *facts(const grow_job *job) {
    json_t *follow = json_pack("{s:I, s:o, s:I, s:s}", "windows", (json_int_t)job->result->windows, "position",
                               peal_position_save(&job->position), "quarantine_bytes",
                               (json_int_t)job->quarantine_bytes, "head", job->head);
    return json_pack("{s:o, s:O, s:o, s:o}", "rows", rows_json(job), "job", job->description, "inputs", input_json(job),
                     "follow", follow);
}

static peal_status commit_first(grow_job *job, peal_error *err) {
    peal_staging *staging = job->staging;
    job->staging = NULL;
    PEAL_TRY(peal_staging_commit(staging, &peal_dataset_kind, err));
    PEAL_TRY(peal_dataset_writer_move(job->writer, job->out, err));
    return peal_lock_take(job->out, PEAL_LOCK_EXCLUSIVE, "the dataset", &job->lock, err);
}

/* The window stands in the dataset when this returns. */
static peal_status commit(grow_job *job, const peal_window_part *part, peal_error *err) {
    job->position = part->after;
    job->rows_used += part->rows;
    job->rows_bad += part->bad;
    job->result->windows += part->rows > 0;
    PEAL_TRY(write_quarantine(job, err));
    PEAL_TRY(peal_dataset_writer_commit(job->writer, facts(job), (const char *)job->pipeline_text.data, err));
    if (job->staging) PEAL_TRY(commit_first(job, err));
    job->result->new_windows += part->rows > 0;
    job->result->new_rows += part->rows;
    return PEAL_OK;
}

/* ---- the way through ---- */

static void count(grow_job *job) {
    peal_grow_result *result = job->result;
    const bool quarantines = job->options->etl.on_bad_row == PEAL_BAD_ROWS_QUARANTINE;
    result->rows_used = job->rows_used;
    result->rows_in = job->rows_used + job->rows_bad;
    result->rows_quarantined = quarantines ? job->rows_bad : 0;
    result->rows_dropped = quarantines ? 0 : job->rows_bad;
}

/* Tells of values that the pipeline does not know, as far as they are new. */
static void say_unknown(grow_job *job) {
    const char *column;
    const uint64_t all = peal_windows_unknown(job->windows, &column), more = all - job->result->unknown;
    job->result->unknown = all;
    if (more == 0) return;
    peal_report(job->options->etl.reporter, PEAL_EVENT_NOTE,
                "window %llu: %llu value%s (the first ones of column '%s') not known to the pipeline %s missing",
                (unsigned long long)job->result->windows, (unsigned long long)more, more == 1 ? "" : "s", column,
                more == 1 ? "counts as" : "count as");
}

static peal_status walk(grow_job *job, peal_error *err) {
    const peal_reporter *reporter = job->options->etl.reporter;
    for (;;) {
        peal_window_part part;
        PEAL_TRY(peal_windows_next(job->windows, &part, err));
        if (part.ended) break;
        /* A dataset has rows: bad ones alone wait for the first good one. */
        PEAL_TRY(peal_dataset_writer_batch(job->writer, PEAL_SPLIT_TRAIN, part.table, err));
        if (part.closes && job->rows_used + part.rows > 0) {
            PEAL_TRY(commit(job, &part, err));
            say_unknown(job);
        }
        peal_report_progress(reporter, "following", "rows", job->rows_used + job->rows_bad, 0);
    }
    if (job->rows_used > 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: not one row is good", peal_live_name(job->live));
}

static peal_status begin(grow_job *job, peal_error *err) {
    PEAL_TRY(describe(job, err));
    PEAL_TRY(open_before(job, err));
    PEAL_TRY(open_source(job, err));
    if (job->before) {
        PEAL_TRY(cut_quarantine(job, err));
    } else {
        PEAL_TRY(peal_staging_make(job->out, NULL, &job->staging, err));
        PEAL_TRY(make_pipeline(job, err));
    }
    return open_windows(job, err);
}

static void job_clear(grow_job *job) {
    peal_windows_close(job->windows);
    peal_dataset_writer_abort(job->writer);
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
