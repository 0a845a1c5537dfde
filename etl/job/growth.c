/* Windows become part of a dataset, on a thread of its own; see growth.h. */
#include "etl/job/growth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/json.h"
#include "core/thread/executor.h"

static const char quarantine_name[] = "quarantine.jsonl";

struct peal_growth {
    peal_growth_options options;
    peal_staging *staging; /* until the first window stands */
    peal_lock *lock;       /* on the dataset, from then on */
    peal_dataset_writer *writer;
    peal_executor *executor; /* of one thread */
    /* The part that is being written: the thread's while there is a future. */
    peal_future *future;
    peal_growth_part part;
    peal_buffer bad;
    peal_grown grown;
    /* What failed. */
    peal_status status;
    peal_error error;
};

/* ---- bad rows ---- */

static char *quarantine_path(const peal_growth *growth) {
    const char *folder = growth->staging ? peal_staging_path(growth->staging) : growth->options.folder;
    return peal_path_join(folder, quarantine_name);
}

/* Cuts what a job that was killed has written behind the last window. */
static peal_status cut_quarantine(const peal_growth *growth, peal_error *err) {
    const uint64_t bytes = growth->grown.quarantine_bytes;
    char *path = quarantine_path(growth);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = PEAL_OK;
    struct stat info;
    if (bytes == 0) {
        status = peal_remove_tree(path, err);
    } else if (stat(path, &info) != 0 || (uint64_t)info.st_size < bytes) {
        status =
            peal_fail(err, PEAL_E_DATA, "%s is damaged: %llu bytes were expected", path, (unsigned long long)bytes);
    } else if (truncate(path, (off_t)bytes) != 0) {
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
static peal_status write_quarantine(peal_growth *growth, peal_error *err) {
    if (growth->bad.size == 0) return PEAL_OK;
    char *path = quarantine_path(growth);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = peal_file_append(path, growth->bad.data, growth->bad.size, err);
    if (status == PEAL_OK) status = sync_file(path, err);
    if (status == PEAL_OK) growth->grown.quarantine_bytes += growth->bad.size;
    growth->bad.size = 0;
    free(path);
    return status;
}

/* ---- the manifest ---- */

static json_t *rows_json(const peal_growth *growth) {
    const peal_grown *grown = &growth->grown;
    const bool quarantines = growth->options.quarantines;
    return json_pack("{s:I, s:I, s:I, s:I}", "in", (json_int_t)(grown->rows_used + grown->rows_bad), "used",
                     (json_int_t)grown->rows_used, "dropped", (json_int_t)(quarantines ? 0 : grown->rows_bad),
                     "quarantined", (json_int_t)(quarantines ? grown->rows_bad : 0));
}

/* The input, of which nothing is told that changes from run to run; NULL if there is no memory. */
static json_t *input_json(const peal_growth *growth) {
    const peal_grown *grown = &growth->grown;
    char hash[17];
    peal_hash_text(0, hash);
    json_t *input = json_pack("{s:o, s:I, s:s, s:I}", "path", peal_json_path(growth->options.source), "size",
                              (json_int_t)grown->position.place.offset, "xxh3", hash, "rows",
                              (json_int_t)(grown->rows_used + grown->rows_bad));
    static const char *const none[] = {"mtime_ns", "ctime_ns", "inode", "device"};
    for (size_t i = 0; i < 4; i++) input = peal_json_set(input, none[i], json_integer(0));
    return peal_json_append(json_array(), input);
}

static json_t *facts(const peal_growth *growth) {
    const peal_grown *grown = &growth->grown;
    json_t *follow = json_pack("{s:I, s:o, s:I, s:s}", "windows", (json_int_t)grown->windows, "position",
                               peal_position_save(&grown->position), "quarantine_bytes",
                               (json_int_t)grown->quarantine_bytes, "head", growth->options.head);
    return json_pack("{s:o, s:O, s:o, s:o}", "rows", rows_json(growth), "job", growth->options.job, "inputs",
                     input_json(growth), "follow", follow);
}

/* ---- windows, on the thread that writes ---- */

/* The dataset appears. */
static peal_status commit_first(peal_growth *growth, peal_error *err) {
    const char *folder = growth->options.folder;
    peal_staging *staging = growth->staging;
    growth->staging = NULL;
    PEAL_TRY(peal_staging_commit(staging, &peal_dataset_kind, err));
    PEAL_TRY(peal_dataset_writer_move(growth->writer, folder, err));
    return peal_lock_take(folder, PEAL_LOCK_EXCLUSIVE, "the dataset", &growth->lock, err);
}

/* The window stands in the dataset when this returns. */
static peal_status commit(peal_growth *growth, peal_error *err) {
    const peal_growth_part *part = &growth->part;
    peal_grown grown = growth->grown;
    growth->grown.position = part->after;
    growth->grown.rows_used += part->rows;
    growth->grown.rows_bad += part->bad_rows;
    growth->grown.windows += part->rows > 0;
    peal_status status = write_quarantine(growth, err);
    if (status == PEAL_OK)
        status = peal_dataset_writer_commit(growth->writer, facts(growth), growth->options.pipeline, err);
    if (status == PEAL_OK && growth->staging) status = commit_first(growth, err);
    if (status != PEAL_OK) growth->grown = grown;
    return status;
}

static peal_status write_part(void *argument, peal_error *err) {
    peal_growth *growth = argument;
    const peal_growth_part *part = &growth->part;
    PEAL_TRY(peal_dataset_writer_batch(growth->writer, PEAL_SPLIT_TRAIN, part->table, err));
    /* A dataset has rows: bad ones alone wait for the first good one. */
    if (!part->closes || growth->grown.rows_used + part->rows == 0) return PEAL_OK;
    return commit(growth, err);
}

/* ---- the caller's side ---- */

static peal_status init(peal_growth *growth, peal_error *err) {
    const peal_growth_options *options = &growth->options;
    const char *folder = growth->staging ? peal_staging_path(growth->staging) : options->folder;
    if (options->manifest) PEAL_TRY(cut_quarantine(growth, err));
    PEAL_TRY(peal_dataset_writer_new(folder, options->schema, &growth->writer, err));
    if (options->manifest) PEAL_TRY(peal_dataset_writer_go_on(growth->writer, options->manifest, err));
    return peal_executor_new(1, &growth->executor, err);
}

peal_status peal_growth_open(const peal_growth_options *options, peal_growth **out, peal_error *err) {
    *out = NULL;
    peal_growth *growth = calloc(1, sizeof *growth);
    if (!growth) {
        peal_staging_abandon(options->staging, false);
        peal_lock_release(options->lock);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a dataset");
    }
    *growth =
        (peal_growth){.options = *options, .staging = options->staging, .lock = options->lock, .grown = options->grown};
    const peal_status status = init(growth, err);
    if (status != PEAL_OK) {
        peal_growth_close(growth);
        return status;
    }
    *out = growth;
    return PEAL_OK;
}

peal_status peal_growth_wait(peal_growth *growth, peal_error *err) {
    if (growth->future) {
        growth->status = peal_future_wait(growth->future, -1, &growth->error);
        peal_future_free(growth->future);
        growth->future = NULL;
    }
    if (growth->status != PEAL_OK && err) *err = growth->error;
    return growth->status;
}

peal_status peal_growth_put(peal_growth *growth, const peal_growth_part *part, peal_error *err) {
    PEAL_TRY(peal_growth_wait(growth, err));
    PEAL_TRY(peal_buffer_append(&growth->bad, part->bad->data, part->bad->size, err));
    part->bad->size = 0;
    growth->part = *part;
    return peal_executor_submit(growth->executor, write_part, growth, &growth->future, err);
}

const peal_grown *peal_growth_grown(const peal_growth *growth) {
    return &growth->grown;
}

void peal_growth_close(peal_growth *growth) {
    if (!growth) return;
    peal_growth_wait(growth, NULL);
    peal_executor_free(growth->executor);
    peal_dataset_writer_abort(growth->writer);
    peal_staging_abandon(growth->staging, false);
    peal_lock_release(growth->lock);
    peal_buffer_clear(&growth->bad);
    free(growth);
}
