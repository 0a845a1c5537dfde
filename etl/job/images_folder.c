/* The folder of written images: the list of its files, its manifest, and whether all is as it was written. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/digest.h"
#include "core/base/json.h"
#include "core/base/seal.h"
#include "core/base/text.h"
#include "etl/job/images_work.h"

#define KIND "peal images"
enum { VERSION = 1 };

/* ---- the list of files ---- */

peal_status job__file_mark_append(const job__file_mark *file, peal_buffer *out, peal_error *err) {
    char hash[17], from[17], *text;
    peal_hash_text(file->hash, hash);
    json_t *one = json_pack("{s:o, s:I, s:s}", "file", peal_json_path(file->path), "bytes", (json_int_t)file->bytes,
                            "xxh3", hash);
    peal_hash_text(file->from, from);
    if (file->from) one = peal_json_set(one, "from", json_string(from));
    peal_status status = peal_json_dump(one, JSON_COMPACT, "a list of images", &text, err);
    json_decref(one);
    PEAL_TRY(status);
    status = peal_buffer_append(out, text, strlen(text), err);
    free(text);
    return status == PEAL_OK ? peal_buffer_append(out, "\n", 1, err) : status;
}

static bool read_hash(const json_t *value, uint64_t *out) {
    const char *text = json_string_value(value);
    char *end;
    if (!text || strlen(text) != 16) return false;
    *out = strtoull(text, &end, 16);
    return *end == '\0';
}

/* One line; what is none of ours is passed over. False if there is no memory. */
static bool read_line(const char *line, size_t length, job__file_list *out) {
    json_t *one = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    const char *path = json_string_value(json_object_get(one, "file"));
    const char *key = json_string_value(json_object_get(one, "key"));
    const json_int_t bytes = json_integer_value(json_object_get(one, "bytes"));
    job__file_mark file = {.bytes = (uint64_t)bytes};
    bool has_room = true;
    if (key && !out->key) has_room = (out->key = peal_strdup(key)) != NULL;
    if (path && bytes > 0 && read_hash(json_object_get(one, "xxh3"), &file.hash)) {
        read_hash(json_object_get(one, "from"), &file.from);
        file.path = peal_strdup(path);
        has_room = file.path != NULL;
        if (has_room) out->files[out->count++] = file;
    }
    json_decref(one);
    return has_room;
}

static int compare_files(const void *a, const void *b) {
    return strcmp(((const job__file_mark *)a)->path, ((const job__file_mark *)b)->path);
}

static size_t count_lines(const peal_buffer *text) {
    size_t lines = 0;
    for (size_t i = 0; i < text->size; i++) lines += text->data[i] == '\n';
    return lines;
}

static peal_status read_lines(const peal_buffer *text, job__file_list *out, peal_error *err) {
    PEAL_TRY(peal_zeroed_checked(&out->files, count_lines(text) + 1, sizeof *out->files, "a list of images", err));
    for (size_t at = 0; at < text->size;) {
        const char *line = (const char *)text->data + at;
        const char *end = memchr(line, '\n', text->size - at);
        if (!end) break; /* cut short */
        if (!read_line(line, (size_t)(end - line), out)) {
            return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of images");
        }
        at += (size_t)(end - line) + 1;
    }
    qsort(out->files, out->count, sizeof *out->files, compare_files);
    return PEAL_OK;
}

peal_status job__file_list_read(const char *path, job__file_list *out, peal_error *err) {
    peal_buffer text = {0};
    *out = (job__file_list){0};
    if (!peal_path_is_regular(path)) return PEAL_OK;
    peal_status status = peal_file_read(path, &text, err);
    if (status == PEAL_OK) status = read_lines(&text, out, err);
    peal_buffer_clear(&text);
    if (status != PEAL_OK) job__file_list_clear(out);
    return status;
}

void job__file_list_clear(job__file_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->files[i].path);
    free(list->files);
    free(list->key);
    *list = (job__file_list){0};
}

const job__file_mark *job__file_list_find(const job__file_list *list, const char *path) {
    char *spelled = peal_text_of_path(path);
    const job__file_mark wanted = {.path = spelled};
    const job__file_mark *found =
        spelled && list->count ? bsearch(&wanted, list->files, list->count, sizeof wanted, compare_files) : NULL;
    free(spelled);
    return found;
}

bool job__file_is_whole(const char *folder, const job__file_mark *file) {
    char *path = peal_path_join(folder, file->path);
    struct stat info;
    uint64_t hash = 0;
    const bool is_whole = path && lstat(path, &info) == 0 && S_ISREG(info.st_mode) &&
                          (uint64_t)info.st_size == file->bytes && peal_hash_file(path, &hash, NULL) == PEAL_OK &&
                          hash == file->hash;
    free(path);
    return is_whole;
}

/* ---- what may be replaced ---- */

static bool is_listed_file(const job__file_list *list, const char *folder, const char *within) {
    struct stat info;
    char *path = peal_path_join(folder, within);
    const bool is_file = path && lstat(path, &info) == 0 && S_ISREG(info.st_mode);
    free(path);
    return is_file && job__file_list_find(list, within);
}

/* True if all that is in the folder `within` of `folder`, at any depth, is listed. */
static bool is_listed(const job__file_list *list, const char *folder, const char *within) {
    struct stat info;
    char *path = peal_path_join(folder, within);
    const bool is_folder = path && lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
    DIR *entries = is_folder ? opendir(path) : NULL;
    free(path);
    if (!is_folder) return is_listed_file(list, folder, within);
    bool all = entries != NULL;
    for (struct dirent *entry; all && (entry = readdir(entries));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *child = peal_path_join(within, entry->d_name);
        all = child && is_listed(list, folder, child);
        free(child);
    }
    if (entries) closedir(entries);
    return all;
}

static bool is_own(const char *folder) {
    char *path = peal_path_join(folder, JOB__IMAGES_MANIFEST);
    json_t *manifest = path ? peal_seal_peek(path, KIND) : NULL;
    const bool owned = manifest != NULL;
    json_decref(manifest);
    free(path);
    return owned;
}

static peal_status judge_names(const char *folder, const char *const *names, size_t count, bool *belongs,
                               peal_error *err) {
    char *path = peal_path_join(folder, JOB__IMAGES_FILES);
    job__file_list list;
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    const peal_status status = job__file_list_read(path, &list, err);
    free(path);
    PEAL_TRY(status);
    const bool owned = is_own(folder);
    for (size_t i = 0; i < count; i++) {
        const bool is_of_job = strcmp(names[i], JOB__IMAGES_MANIFEST) == 0 ||
                               strcmp(names[i], JOB__IMAGES_FILES) == 0 ||
                               strcmp(names[i], JOB__IMAGES_QUARANTINE) == 0;
        belongs[i] = belongs[i] && owned && (is_of_job || is_listed(&list, folder, names[i]));
    }
    job__file_list_clear(&list);
    return PEAL_OK;
}

const peal_folder_kind job__images_kind = {
    .what = "a folder of images that Peal wrote", .has_folders = true, .judge = judge_names};

/* ---- the manifest ---- */

/* A label belongs to all images of its key, which are neighbours. */
static bool is_new_label(const job__images *images, size_t i) {
    const char *path = images->all[i].label.path;
    for (size_t k = i; path && k-- > 0 && images->all[k].label.path;) {
        if (strcmp(images->all[k].label.path, path) != 0) return true;
        if (images->all[k].is_written) return false;
    }
    return path != NULL;
}

/* The lines of images from *at on, up to a piece's size. */
static peal_status list_piece(const job__images *images, size_t *at, peal_buffer *out, peal_error *err) {
    enum { PIECE = 1 << 16 };
    out->size = 0;
    for (; *at < images->count && out->size < PIECE; ++*at) {
        const job__image *image = &images->all[*at];
        job__file_mark file = image->file;
        file.from = 0;
        if (!image->is_written) continue;
        PEAL_TRY(job__file_mark_append(&file, out, err));
        file = image->label;
        file.from = 0;
        if (is_new_label(images, *at)) PEAL_TRY(job__file_mark_append(&file, out, err));
    }
    return PEAL_OK;
}

static peal_status write_list(const char *path, const job__images *images, peal_error *err) {
    peal_out_file out;
    peal_buffer lines = {0};
    PEAL_TRY(peal_out_file_open(path, &out, err));
    peal_status status = PEAL_OK;
    for (size_t at = 0; at < images->count && status == PEAL_OK;) {
        status = list_piece(images, &at, &lines, err);
        if (status == PEAL_OK) status = peal_out_file_write(&out, lines.data, lines.size, err);
    }
    peal_buffer_clear(&lines);
    const peal_status closed = peal_out_file_close(&out, true, status == PEAL_OK ? err : NULL);
    return status == PEAL_OK ? closed : status;
}

static json_t *save_rows(const peal_images_result *result) {
    return json_pack("{s:I, s:I, s:I, s:I}", "in", (json_int_t)result->rows_in, "used", (json_int_t)result->rows_used,
                     "dropped", (json_int_t)result->rows_dropped, "quarantined", (json_int_t)result->rows_quarantined);
}

/* The list's bytes are told in the manifest, so that all stands under its seal. */
static peal_status write_manifest(const char *folder, const char *list, const peal_object_list *objects,
                                  const json_t *job, const peal_images_result *result, peal_error *err) {
    uint64_t hash;
    char text[17];
    PEAL_TRY(peal_hash_file(list, &hash, err));
    peal_hash_text(hash, text);
    json_t *manifest = json_pack("{s:s, s:i, s:o, s:I, s:s, s:O, s:o}", "kind", KIND, "version", VERSION, "rows",
                                 save_rows(result), "bytes", (json_int_t)result->bytes, "files_xxh3", text, "job", job,
                                 "inputs", peal_object_list_save(objects));
    char *path = peal_path_join(folder, JOB__IMAGES_MANIFEST);
    const peal_status status =
        path ? peal_seal_write(path, manifest, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    json_decref(manifest);
    free(path);
    return status;
}

peal_status job__images_finish(const char *folder, const job__images *images, const peal_object_list *objects,
                               const json_t *job, const peal_images_result *result, peal_error *err) {
    char *list = peal_path_join(folder, JOB__IMAGES_FILES);
    peal_status status = list ? write_list(list, images, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) status = write_manifest(folder, list, objects, job, result, err);
    free(list);
    return status;
}

/* ---- a folder that stands ---- */

/* Why a file that the list names is not as it was written; NULL: all are. */
static char *find_damage(const char *folder, const json_t *manifest) {
    const char *expected = json_string_value(json_object_get(manifest, "files_xxh3"));
    char *path = peal_path_join(folder, JOB__IMAGES_FILES), *why = NULL, text[17] = "";
    job__file_list list = {0};
    uint64_t hash;
    if (!path) return peal_strdup("no memory");
    if (peal_hash_file(path, &hash, NULL) == PEAL_OK) peal_hash_text(hash, text);
    if (!expected || strcmp(expected, text) != 0) why = peal_strdup("its list of files is damaged");
    if (!why && job__file_list_read(path, &list, NULL) != PEAL_OK)
        why = peal_strdup("its list of files cannot be read");
    for (size_t i = 0; i < list.count && !why; i++) {
        if (!job__file_is_whole(folder, &list.files[i])) why = peal_sprintf("%s changed", list.files[i].path);
    }
    job__file_list_clear(&list);
    free(path);
    return why;
}

static void recall_result(const json_t *manifest, peal_images_result *result) {
    const json_t *rows = json_object_get(manifest, "rows");
    result->rows_in = (uint64_t)json_integer_value(json_object_get(rows, "in"));
    result->rows_used = (uint64_t)json_integer_value(json_object_get(rows, "used"));
    result->rows_dropped = (uint64_t)json_integer_value(json_object_get(rows, "dropped"));
    result->rows_quarantined = (uint64_t)json_integer_value(json_object_get(rows, "quarantined"));
    result->bytes = (uint64_t)json_integer_value(json_object_get(manifest, "bytes"));
    result->up_to_date = true;
}

char *job__images_staleness(const char *folder, const peal_object_list *objects, const json_t *job,
                            peal_images_result *result) {
    json_t *manifest = NULL;
    peal_error problem;
    char *path = peal_path_join(folder, JOB__IMAGES_MANIFEST), *why = NULL;
    if (!path) return peal_strdup("no memory");
    if (!peal_path_exists(path)) {
        why = peal_strdup("there is none yet");
    } else if (peal_seal_read(path, "a manifest of images", KIND, VERSION, &manifest, &problem) != PEAL_OK) {
        why = peal_strdup(problem.message);
    }
    free(path);
    if (!why && !json_equal(job, json_object_get(manifest, "job"))) why = peal_strdup("the job changed");
    if (!why) why = peal_object_list_difference(objects, json_object_get(manifest, "inputs"));
    if (!why) why = find_damage(folder, manifest);
    if (!why) recall_result(manifest, result);
    json_decref(manifest);
    return why;
}
