/* The job that writes images again. All work is done in the staging folder, below `.work`, which a later job with
 * --resume takes over: a journal there tells of each file that was written whole. See images.h. */
#include "etl/job/images.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/stop.h"
#include "core/thread/executor.h"
#include "etl/format/image_rows.h"
#include "etl/image/bench.h"
#include "etl/image/crew.h"
#include "etl/job/images_work.h"
#include "etl/pipeline/pipeline.h"

#define WORK_FOLDER ".work" /* no image is called so: it would have a suffix */
#define JOURNAL ".journal"

enum { RUN = 32, QUALITY_MOST = 100, RULE_VERSION = 1 }; /* images of a task; the version of what bytes come out */

peal_images_options peal_images_default(void) {
    return (peal_images_options){.quality = PEAL_IMAGE_QUALITY, .on_bad_row = PEAL_BAD_ROWS_FAIL};
}

typedef struct images_job {
    const peal_images_options *options;
    peal_images_result *result;
    char *out;
    peal_object_list objects;
    peal_image_steps steps;
    size_t kind; /* SIZE_MAX: each as its name says */
    job__images images;
    json_t *description; /* what shapes the files, besides the objects */
    peal_executor *executor;
    peal_image_crew *crew; /* NULL: the threads work themselves */
    peal_staging *staging;
    char *folder;          /* .work in it */
    peal_out_file journal; /* path NULL: not open */
    peal_buffer lines;     /* of the journal, to be written */
    peal_buffer quarantine;
    size_t warnings, first_warned;
} images_job;

/* ---- what the job is ---- */

static peal_status find_kind(const char *name, size_t *out, peal_error *err) {
    *out = SIZE_MAX;
    for (size_t i = 0; name && i < peal_image_kind_count(); i++) {
        if (strcmp(peal_image_kind_name(i), name) == 0) *out = i;
    }
    if (!name || *out != SIZE_MAX) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "image-format must be jpeg or png, not '%s'", name);
}

static peal_status describe(images_job *job, peal_error *err) {
    static const char *const bad_rows[] = {"fail", "drop", "quarantine"};
    const peal_images_options *options = job->options;
    job->description =
        json_pack("{s:i, s:s, s:i, s:s}", "rule", RULE_VERSION, "image_format", options->kind ? options->kind : "same",
                  "quality", (int)options->quality, "on_bad_row", bad_rows[options->on_bad_row]);
    if (options->transforms) {
        job->description = peal_json_set(job->description, "transforms", json_incref((json_t *)options->transforms));
    }
    return job->description ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for the job's description");
}

/* A folder within one that is read would be read by the next job too. */
static peal_status check_place(const images_job *job, peal_error *err) {
    char *folder = peal_path_folder(job->out), *place = folder ? realpath(folder, NULL) : NULL;
    free(folder);
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < job->options->source_count && status == PEAL_OK && place; i++) {
        const char *source = job->options->sources[i];
        char *real = peal_path_is_folder(source) ? realpath(source, NULL) : NULL;
        const size_t length = real ? strlen(real) : 0;
        if (real && strncmp(place, real, length) == 0 && (place[length] == '/' || place[length] == '\0')) {
            status = peal_fail(err, PEAL_E_USAGE, "cannot write %s: it lies in %s, which is read", job->out, source);
        }
        free(real);
    }
    free(place);
    return status;
}

/* All that can be wrong with the wishes, then the list of images and where each goes. */
static peal_status prepare(images_job *job, peal_error *err) {
    const peal_images_options *options = job->options;
    const peal_source_options sources = {.names = options->sources,
                                         .count = options->source_count,
                                         .access = options->access,
                                         .by_processes = options->processes > 0,
                                         .all_images = true,
                                         .identify = true,
                                         .stop = options->stop,
                                         .reporter = options->reporter};
    if (!options->out) return peal_fail(err, PEAL_E_USAGE, "no folder was named to write to (out)");
    if (options->quality < 1 || options->quality > QUALITY_MOST) {
        return peal_fail(err, PEAL_E_USAGE, "quality must be 1 to %d, not %u", QUALITY_MOST, options->quality);
    }
    PEAL_TRY(peal_source_check_access(options->access, err));
    PEAL_TRY(find_kind(options->kind, &job->kind, err));
    PEAL_TRY(peal_image_steps_make(options->transforms, &job->steps, err));
    PEAL_TRY(describe(job, err));
    job->out = peal_strdup(options->out);
    if (!job->out) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    for (size_t length = strlen(job->out); length > 1 && job->out[length - 1] == '/'; length--) {
        job->out[length - 1] = '\0';
    }
    PEAL_TRY(peal_folder_check(job->out, &job__images_kind, err));
    PEAL_TRY(peal_source_check_output(options->sources, options->source_count, job->out, err));
    PEAL_TRY(check_place(job, err));
    PEAL_TRY(peal_object_list_make(&sources, NULL, NULL, &job->objects, err));
    PEAL_TRY(job__images_name(&job->objects, options, job->kind, &job->images, err));
    for (size_t i = 0; i < job->objects.count; i++) {
        peal_object *object = &job->objects.objects[i];
        object->hash = object->identity; /* many files are told by their identities */
        object->rows = object->items.count;
    }
    return PEAL_OK;
}

/* ---- one image ---- */

typedef struct workbench {
    peal_image_bench base;
    peal_buffer file, label;
} workbench;

static void workbench_clear(workbench *self) {
    peal_image_bench_clear(&self->base);
    peal_buffer_clear(&self->file);
    peal_buffer_clear(&self->label);
}

static peal_status write_file(const images_job *job, job__file_mark *file, const peal_buffer *bytes, peal_error *err) {
    char *path = peal_path_join(job->folder, file->path);
    peal_out_file out;
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = peal_out_file_open(path, &out, err);
    free(path);
    PEAL_TRY(status);
    status = peal_out_file_write(&out, bytes->data, bytes->size, err);
    const peal_status closed = peal_out_file_close(&out, false, status == PEAL_OK ? err : NULL);
    file->bytes = bytes->size;
    file->hash = peal_hash(bytes->data, bytes->size, 0);
    return status == PEAL_OK ? closed : status;
}

/* All that may be wrong with the image itself, before anything is written: PEAL_E_DATA. */
static peal_status make_files(const images_job *job, const job__image *image, workbench *bench, peal_error *err) {
    PEAL_TRY(peal_image_make_item(image->item, &job->steps.recipe, &bench->base, err));
    PEAL_TRY(peal_image_encode(&bench->base.image, image->kind, job->options->quality, &bench->file, err));
    if (!image->label.path) return PEAL_OK;
    PEAL_TRY(peal_image_label(image->item, &bench->label, err));
    return peal_buffer_append(&bench->label, "\n", 1, err);
}

static peal_status keep_text(const char *text, char **out, peal_error *err) {
    *out = peal_strdup(text);
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for bad rows");
}

static peal_status fail_image(const job__image *image, peal_status status, const peal_error *why, peal_error *err) {
    char *name = peal_item_name(image->item);
    peal_fail(err, status, "%s: %s", name ? name : "an image", why->message);
    free(name);
    return status;
}

static peal_status do_image(const images_job *job, job__image *image, workbench *bench, peal_error *err) {
    peal_error why;
    const peal_status made =
        image->is_bad ? peal_fail(&why, PEAL_E_DATA, "%s", image->reason) : make_files(job, image, bench, &why);
    if (image->is_bad && job->options->on_bad_row != PEAL_BAD_ROWS_FAIL) return PEAL_OK;
    if (!image->is_bad && bench->base.warning[0]) PEAL_TRY(keep_text(bench->base.warning, &image->warning, err));
    if (made == PEAL_E_DATA && job->options->on_bad_row != PEAL_BAD_ROWS_FAIL) {
        image->is_bad = true;
        return keep_text(why.message, &image->reason, err);
    }
    if (made != PEAL_OK) return fail_image(image, made, &why, err);
    PEAL_TRY(write_file(job, &image->file, &bench->file, err));
    if (image->label.path) PEAL_TRY(write_file(job, &image->label, &bench->label, err));
    image->is_written = true;
    return PEAL_OK;
}

static size_t run_end(const images_job *job, size_t run) {
    const size_t end = (run + 1) * RUN;
    return end < job->images.count ? end : job->images.count;
}

/* ---- by processes ---- */

/* What a process tells of an image that it has made, and written. */
typedef struct told_image {
    peal_status status;
    peal_error error;
    bool is_bad, is_written;
    char reason[PEAL_ERROR_MESSAGE_SIZE], warning[PEAL_IMAGE_WARNING];
    uint64_t bytes, hash, label_bytes, label_hash;
} told_image;

/* In a process, on its own copy of the list. */
static peal_status tell_images(peal_call *call, peal_error *err) {
    const peal_image_span *span = call->argument;
    const images_job *job = span->shared[0];
    told_image *told = call->result;
    workbench bench = {0};
    (void)err;
    for (size_t i = 0; i < span->count; i++) {
        job__image *image = &job->images.all[span->first + i];
        told[i] = (told_image){.status = PEAL_OK};
        if (!image->is_kept) told[i].status = do_image(job, image, &bench, &told[i].error);
        told[i].is_bad = image->is_bad;
        told[i].is_written = image->is_written;
        peal_snprintf(told[i].reason, sizeof told[i].reason, "%s", image->reason ? image->reason : "");
        peal_snprintf(told[i].warning, sizeof told[i].warning, "%s", image->warning ? image->warning : "");
        told[i].bytes = image->file.bytes;
        told[i].hash = image->file.hash;
        told[i].label_bytes = image->label.bytes;
        told[i].label_hash = image->label.hash;
    }
    call->result_size = span->count * sizeof *told;
    workbench_clear(&bench);
    return PEAL_OK;
}

static peal_status take_image(job__image *image, const told_image *told, peal_error *err) {
    if (told->status != PEAL_OK) {
        if (err) *err = told->error;
        return told->status;
    }
    if (image->is_kept) return PEAL_OK;
    if (told->reason[0] && !image->reason) PEAL_TRY(keep_text(told->reason, &image->reason, err));
    if (told->warning[0]) PEAL_TRY(keep_text(told->warning, &image->warning, err));
    image->is_bad = told->is_bad;
    image->is_written = told->is_written;
    image->file.bytes = told->bytes;
    image->file.hash = told->hash;
    image->label.bytes = told->label_bytes;
    image->label.hash = told->label_hash;
    return PEAL_OK;
}

static peal_status take_images(void *user, size_t first, size_t count, const void *result, size_t size,
                               peal_error *err) {
    images_job *job = user;
    const told_image *told = result;
    (void)size;
    for (size_t i = 0; i < count; i++) PEAL_TRY(take_image(&job->images.all[first + i], &told[i], err));
    return PEAL_OK;
}

/* What the process may have begun to write is removed. */
static peal_status take_crash(void *user, size_t at, const char *reason, peal_error *err) {
    images_job *job = user;
    job__image *image = &job->images.all[at];
    char *path = peal_path_join(job->folder, image->file.path);
    peal_error why;
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    const peal_status removed = peal_remove_tree(path, err);
    free(path);
    PEAL_TRY(removed);
    peal_fail(&why, PEAL_E_DATA, "%s", reason);
    if (job->options->on_bad_row == PEAL_BAD_ROWS_FAIL) return fail_image(image, PEAL_E_DATA, &why, err);
    image->is_bad = true;
    return keep_text(reason, &image->reason, err);
}

static peal_status do_run_apart(images_job *job, size_t run, peal_error *err) {
    const peal_image_work apart = {
        .task = tell_images, .shared = {job}, .consume = take_images, .crashed = take_crash, .user = job};
    if (peal_is_stopped(job->options->stop)) {
        return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while writing images");
    }
    return peal_image_crew_run(job->crew, &apart, run * RUN, run_end(job, run) - run * RUN, err);
}

/* The images of a run, on any thread. */
static peal_status do_run(void *user, size_t run, peal_error *err) {
    images_job *job = user;
    workbench bench = {0};
    peal_status status = PEAL_OK;
    if (job->crew) return do_run_apart(job, run, err);
    for (size_t i = run * RUN; i < run_end(job, run) && status == PEAL_OK; i++) {
        if (job->images.all[i].is_kept) continue;
        status = peal_is_stopped(job->options->stop)
                     ? peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while writing images")
                     : do_image(job, &job->images.all[i], &bench, err);
    }
    workbench_clear(&bench);
    return status;
}

/* ---- in their order ---- */

static peal_status note_bad(images_job *job, size_t at, peal_error *err) {
    const job__image *image = &job->images.all[at];
    peal_images_result *result = job->result;
    if (job->options->on_bad_row == PEAL_BAD_ROWS_DROP) {
        result->rows_dropped++;
        return PEAL_OK;
    }
    result->rows_quarantined++;
    char *name = peal_item_name(image->item), *line = NULL;
    const peal_bad_row bad = {.line = at + 1, .reason = image->reason, .text = "", .file = name};
    peal_status status = name ? peal_bad_row_text(name, &bad, &line, err) : peal_fail(err, PEAL_E_MEMORY, "no memory");
    if (status == PEAL_OK) status = peal_buffer_append(&job->quarantine, line, strlen(line), err);
    free(line);
    free(name);
    return status;
}

/* The journal's lines of an image; those of a run are written at once. */
static peal_status append_marks(images_job *job, const job__image *image, peal_error *err) {
    if (image->label.path) PEAL_TRY(job__file_mark_append(&image->label, &job->lines, err));
    return job__file_mark_append(&image->file, &job->lines, err);
}

static peal_status write_lines(images_job *job, peal_error *err) {
    const peal_status status = peal_out_file_write(&job->journal, job->lines.data, job->lines.size, err);
    job->lines.size = 0;
    return status;
}

static peal_status consume_image(images_job *job, size_t at, peal_error *err) {
    const job__image *image = &job->images.all[at];
    job->result->rows_in++;
    if (image->warning && job->warnings++ == 0) job->first_warned = at;
    if (image->is_bad) return note_bad(job, at, err);
    job->result->rows_used++;
    job->result->rows_kept += image->is_kept;
    job->result->bytes += image->file.bytes;
    return image->is_kept ? PEAL_OK : append_marks(job, image, err);
}

static peal_status consume_run(void *user, size_t run, peal_error *err) {
    images_job *job = user;
    for (size_t i = run * RUN; i < run_end(job, run); i++) PEAL_TRY(consume_image(job, i, err));
    PEAL_TRY(write_lines(job, err));
    peal_report_progress(job->options->reporter, "writing", "images", run_end(job, run), job->images.count);
    return PEAL_OK;
}

static void tell_warnings(const images_job *job) {
    if (job->warnings == 0) return;
    const job__image *first = &job->images.all[job->first_warned];
    char *name = peal_item_name(first->item);
    peal_report(job->options->reporter, PEAL_EVENT_WARNING,
                "%zu image%s damaged and decoded as far as %s; the first is %s: %s", job->warnings,
                job->warnings == 1 ? " is" : "s are", job->warnings == 1 ? "it goes" : "they go", name ? name : "?",
                first->warning);
    free(name);
}

/* ---- what a killed job left ---- */

/* A key of the job; which images there are, the journal tells one by one. */
static peal_status journal_key(const images_job *job, char key[17], peal_error *err) {
    uint64_t hash;
    PEAL_TRY(peal_json_hash(job->description, 0, &hash, err));
    peal_hash_text(hash, key);
    return PEAL_OK;
}

typedef struct adoption {
    images_job *job;
    const job__file_list *list;
} adoption;

/* Takes the mark over of a file that is as the journal says, of the very item. */
static bool take_over(const adoption *self, job__file_mark *file, uint64_t from) {
    const job__file_mark *found = job__file_list_find(self->list, file->path);
    if (!found || found->from != from) return false;
    file->bytes = found->bytes;
    file->hash = found->hash;
    return job__file_is_whole(self->job->folder, file);
}

static peal_status adopt_run(void *user, size_t run, peal_error *err) {
    const adoption *self = user;
    const images_job *job = self->job;
    if (peal_is_stopped(job->options->stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while reading");
    for (size_t i = run * RUN; i < run_end(job, run); i++) {
        job__image *image = &job->images.all[i];
        if (image->is_bad) continue;
        const bool has_label = !image->label.path || take_over(self, &image->label, image->label.from);
        image->is_written = image->is_kept = has_label && take_over(self, &image->file, image->file.from);
    }
    return PEAL_OK;
}

static size_t run_count(const images_job *job) {
    return (job->images.count + RUN - 1) / RUN;
}

static peal_status adopt(images_job *job, const char *path, const char *key, peal_error *err) {
    job__file_list list;
    PEAL_TRY(job__file_list_read(path, &list, err));
    const adoption self = {.job = job, .list = &list};
    const peal_map_work work = {.work = adopt_run, .user = (void *)&self};
    peal_status status = PEAL_OK;
    if (list.key && strcmp(list.key, key) == 0) {
        status = peal_executor_map(job->executor, run_count(job), 0, &work, err);
    }
    job__file_list_clear(&list);
    return status;
}

/* Begins a journal, with what is taken over. */
static peal_status open_journal(images_job *job, const char *path, const char *key, peal_error *err) {
    char line[64];
    PEAL_TRY(peal_out_file_open(path, &job->journal, err));
    const int size = peal_snprintf(line, sizeof line, "{\"key\":\"%s\"}\n", key);
    PEAL_TRY(peal_out_file_write(&job->journal, line, (size_t)size, err));
    for (size_t i = 0; i < job->images.count; i++) {
        const job__image *image = &job->images.all[i];
        if (image->is_kept) PEAL_TRY(append_marks(job, image, err));
    }
    return write_lines(job, err);
}

static peal_status begin(images_job *job, peal_error *err) {
    char key[17];
    PEAL_TRY(journal_key(job, key, err));
    char *path = peal_path_join(job->folder, JOURNAL);
    peal_status status = path ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK && job->options->resume) status = adopt(job, path, key, err);
    if (status == PEAL_OK) status = open_journal(job, path, key, err);
    free(path);
    return status;
}

/* ---- into place ---- */

/* Makes the folders that images go into; neighbours mostly share theirs. */
static peal_status make_folders(const images_job *job, peal_error *err) {
    char *last = NULL;
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < job->images.count && status == PEAL_OK; i++) {
        if (job->images.all[i].is_bad) continue;
        char *path = peal_path_join(job->folder, job->images.all[i].file.path);
        char *folder = path ? peal_path_folder(path) : NULL;
        free(path);
        if (!folder) {
            status = peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
        } else if (!last || strcmp(last, folder) != 0) {
            status = peal_folder_make(folder, err);
        }
        free(last);
        last = folder;
    }
    free(last);
    return status;
}

static peal_status move_up(const char *from, const char *to, const char *name, peal_error *err) {
    char *source = peal_path_join(from, name), *target = peal_path_join(to, name);
    peal_status status = source && target ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK && peal_path_exists(source) && rename(source, target) != 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot move %s to %s", source, target);
    }
    free(source);
    free(target);
    return status;
}

/* The first part of each path moves from the work folder into the staging folder. */
static peal_status move_images(const images_job *job, const char *to, peal_error *err) {
    for (size_t i = 0; i < job->images.count; i++) {
        const job__image *image = &job->images.all[i];
        const char *paths[] = {image->file.path, image->label.path};
        for (size_t k = 0; k < 2 && paths[k] && image->is_written; k++) {
            char *first = peal_strndup(paths[k], strcspn(paths[k], "/"));
            const peal_status status =
                first ? move_up(job->folder, to, first, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
            free(first);
            PEAL_TRY(status);
        }
    }
    return PEAL_OK;
}

static peal_status write_quarantine(const images_job *job, const char *to, peal_error *err) {
    if (job->quarantine.size == 0) return PEAL_OK;
    char *path = peal_path_join(to, JOB__IMAGES_QUARANTINE);
    const peal_status status = path ? peal_file_write_atomic(path, job->quarantine.data, job->quarantine.size, err)
                                    : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    free(path);
    return status;
}

/* All files reach the disk before the folder gets its name; one call for all of them. */
static peal_status sync_all(const char *folder, peal_error *err) {
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int result = fd < 0 ? -1 : syncfs(fd), reason = errno;
    if (fd >= 0) close(fd);
    return result == 0 ? PEAL_OK : peal_fail_errno(err, PEAL_E_FAILED, reason, "cannot flush %s to the disk", folder);
}

static peal_status finish(images_job *job, peal_error *err) {
    const char *to = peal_staging_path(job->staging);
    if (job->result->rows_used == 0) {
        return peal_fail(err, PEAL_E_DATA, "%s: not one image is good", job->objects.objects[0].name);
    }
    PEAL_TRY(move_images(job, to, err));
    PEAL_TRY(peal_remove_tree(job->folder, err));
    PEAL_TRY(write_quarantine(job, to, err));
    PEAL_TRY(job__images_finish(to, &job->images, &job->objects, job->description, job->result, err));
    return sync_all(to, err);
}

/* ---- the way through ---- */

static peal_status run(images_job *job, peal_error *err) {
    const size_t processes = job->options->processes;
    /* A thread waits for each process. */
    PEAL_TRY(peal_executor_new(job->options->threads ? job->options->threads : processes, &job->executor, err));
    job->result->threads = peal_executor_threads(job->executor);
    PEAL_TRY(peal_folder_make(job->folder, err));
    PEAL_TRY(make_folders(job, err));
    PEAL_TRY(begin(job, err));
    /* The processes see what was taken over; they write files themselves. */
    if (processes) PEAL_TRY(peal_image_crew_new(processes, RUN * sizeof(told_image), &job->crew, err));
    const peal_map_work work = {.work = do_run, .consume = consume_run, .user = job};
    const peal_status status = peal_executor_map(job->executor, run_count(job), 0, &work, err);
    peal_image_crew_free(job->crew); /* before the folder is let go, on whose lock the processes are, too */
    job->crew = NULL;
    PEAL_TRY(status);
    tell_warnings(job);
    return finish(job, err);
}

static peal_status run_in_staging(images_job *job, peal_error *err) {
    const char *keep = job->options->resume ? WORK_FOLDER : NULL;
    PEAL_TRY(peal_staging_make(job->out, keep, &job->staging, err));
    job->folder = peal_path_join(peal_staging_path(job->staging), WORK_FOLDER);
    peal_status status = job->folder ? run(job, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (job->journal.path) peal_out_file_close(&job->journal, false, NULL);
    if (status == PEAL_OK) return peal_staging_commit(job->staging, &job__images_kind, err);
    /* After an interruption what is written stays for --resume; else nothing does. */
    peal_staging_abandon(job->staging, status == PEAL_E_INTERRUPTED);
    return status;
}

static peal_status write_images(images_job *job, peal_error *err) {
    const int64_t begin = peal_now_ns();
    PEAL_TRY(prepare(job, err));
    if (job->options->resume) {
        char *why = job__images_staleness(job->out, &job->objects, job->description, job->result);
        free(why);
        if (job->result->up_to_date) {
            peal_remove_stale_temporaries(job->out);
            return PEAL_OK;
        }
    }
    const peal_status status = run_in_staging(job, err);
    job->result->wall_ns = peal_now_ns() - begin;
    return status;
}

peal_status peal_images_write(const peal_images_options *options, peal_images_result *result, peal_error *err) {
    images_job job = {.options = options, .result = result};
    *result = (peal_images_result){0};
    const peal_status status = write_images(&job, err);
    peal_executor_free(job.executor);
    job__images_clear(&job.images);
    peal_image_steps_clear(&job.steps);
    peal_object_list_clear(&job.objects);
    json_decref(job.description);
    peal_buffer_clear(&job.lines);
    peal_buffer_clear(&job.quarantine);
    free(job.folder);
    free(job.out);
    return status;
}
