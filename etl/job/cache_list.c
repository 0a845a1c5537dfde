/* The cache as people see it: which datasets it holds, and their removal. etl.c puts them there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/file.h"
#include "core/base/lock.h"
#include "etl/dataset/dataset.h"
#include "etl/job/cache.h"
#include "etl/job/etl.h"

static void entry_clear(peal_cache_entry *entry) {
    for (size_t i = 0; i < entry->input_count; i++) free(entry->inputs[i]);
    free(entry->inputs);
    free(entry->path);
    *entry = (peal_cache_entry){0};
}

void peal_cache_clear(peal_cache *cache) {
    for (size_t i = 0; i < cache->count; i++) entry_clear(&cache->entries[i]);
    free(cache->entries);
    free(cache->folder);
    *cache = (peal_cache){0};
}

/* ---- what is an entry ---- */

/* Sixteen digits of the key, in hexadecimal, and nothing else. */
static bool is_key(const char *name) {
    return strspn(name, "0123456789abcdef") == 16 && name[16] == '\0';
}

/* As in train-00012.arrow. */
static bool is_shard(const char *name) {
    for (int i = 0; i < PEAL_SPLITS; i++) {
        const size_t length = strlen(peal_split_names[i]);
        if (strncmp(name, peal_split_names[i], length) != 0 || name[length] != '-') continue;
        const char *number = name + length + 1;
        const size_t digits = strspn(number, "0123456789");
        if (digits >= 5 && strcmp(number + digits, ".arrow") == 0) return true;
    }
    return false;
}

static peal_status judge_names(const char *folder, const char *const *names, size_t count, bool *belongs,
                               peal_error *err) {
    (void)folder, (void)err;
    for (size_t i = 0; i < count; i++) {
        belongs[i] = belongs[i] && (strcmp(names[i], "manifest.json") == 0 ||
                                    strcmp(names[i], "quarantine.jsonl") == 0 || is_shard(names[i]));
    }
    return PEAL_OK;
}

const peal_folder_kind peal_cached_kind = {.what = "a cached dataset", .judge = judge_names};

/* ---- listing ---- */

/* The bytes of the files in a folder. */
static uint64_t bytes_in(const char *path) {
    DIR *folder = opendir(path);
    uint64_t bytes = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        struct stat info;
        if (fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode)) {
            bytes += (uint64_t)info.st_size;
        }
    }
    if (folder) closedir(folder);
    return bytes;
}

static peal_status no_memory(peal_error *err) {
    return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of the cache");
}

static peal_status fill_inputs(peal_cache_entry *entry, const json_t *inputs, peal_error *err) {
    const size_t count = json_array_size(inputs);
    PEAL_TRY(peal_alloc_checked(&entry->inputs, count, sizeof *entry->inputs, "a list of the cache", err));
    for (; entry->input_count < count; entry->input_count++) {
        const char *path = json_string_value(json_object_get(json_array_get(inputs, entry->input_count), "path"));
        char *copy = peal_strdup(path ? path : "?");
        if (!copy) return no_memory(err);
        entry->inputs[entry->input_count] = copy;
    }
    return PEAL_OK;
}

static peal_status fill(peal_cache_entry *entry, const json_t *manifest, peal_error *err) {
    struct stat info;
    entry->bytes = bytes_in(entry->path);
    if (stat(entry->path, &info) == 0) entry->age_seconds = (int64_t)(time(NULL) - info.st_mtime);
    entry->rows = (uint64_t)json_integer_value(json_object_get(json_object_get(manifest, "rows"), "used"));
    return fill_inputs(entry, json_object_get(manifest, "inputs"), err);
}

/* Adds the entry at `path`, which is taken over; of a damaged one only the files count. */
static peal_status add(peal_cache *cache, char *path, peal_error *err) {
    peal_dataset *dataset = NULL;
    peal_cache_entry entry = {.path = path, .is_damaged = peal_dataset_open(path, &dataset, NULL) != PEAL_OK};
    peal_status status = fill(&entry, entry.is_damaged ? NULL : peal_dataset_manifest(dataset), err);
    peal_dataset_close(dataset);
    peal_cache_entry *entries = realloc(cache->entries, (cache->count + 1) * sizeof *entries);
    if (entries) cache->entries = entries;
    if (!entries && status == PEAL_OK) status = no_memory(err);
    if (status == PEAL_OK) {
        entries[cache->count++] = entry;
    } else {
        entry_clear(&entry);
    }
    return status;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const peal_cache_entry *)a)->path, ((const peal_cache_entry *)b)->path);
}

peal_status peal_cache_list(peal_cache *out, peal_error *err) {
    char *why;
    *out = (peal_cache){.folder = peal_cache_folder(&why)};
    if (!out->folder) peal_fail(err, PEAL_E_FAILED, "there is no cache: %s", why ? why : "no memory for a path");
    free(why);
    if (!out->folder) return PEAL_E_FAILED;
    DIR *folder = opendir(out->folder);
    peal_status status = PEAL_OK;
    if (!folder && errno != ENOENT) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open the cache %s", out->folder);
    }
    for (struct dirent *entry; status == PEAL_OK && folder && (entry = readdir(folder));) {
        char *path = is_key(entry->d_name) ? peal_path_join(out->folder, entry->d_name) : NULL;
        if (is_key(entry->d_name) && !path) status = no_memory(err);
        if (path && peal_path_is_folder(path)) {
            status = add(out, path, err);
        } else {
            free(path);
        }
    }
    if (folder) closedir(folder);
    if (status != PEAL_OK) peal_cache_clear(out);
    if (out->count) qsort(out->entries, out->count, sizeof *out->entries, by_path);
    return status;
}

/* ---- removing ---- */

/* Removes what lies at `path` if it holds nothing but what Peal puts there and no job uses it. */
static peal_status remove_entry(const char *path, peal_error *err) {
    peal_lock *lock;
    PEAL_TRY(peal_lock_take(path, PEAL_LOCK_EXCLUSIVE, "the cached dataset", &lock, err));
    peal_status status = peal_folder_check(path, &peal_cached_kind, err);
    if (status == PEAL_OK) status = peal_remove_tree(path, err);
    peal_lock_release(lock);
    return status;
}

/* Whether the entry is what `name` names: its key, or a way to its folder. */
static bool is_named(const peal_cache_entry *entry, const char *name) {
    if (strcmp(peal_path_name(entry->path), name) == 0) return true;
    char *one = realpath(entry->path, NULL), *other = realpath(name, NULL);
    const bool same = one && other && strcmp(one, other) == 0;
    free(one);
    free(other);
    return same;
}

peal_status peal_cache_remove(const char *path_or_key, peal_error *err) {
    peal_cache cache;
    PEAL_TRY(peal_cache_list(&cache, err));
    size_t at = 0;
    while (at < cache.count && !is_named(&cache.entries[at], path_or_key)) at++;
    peal_status status = at < cache.count ? remove_entry(cache.entries[at].path, err)
                                          : peal_fail(err, PEAL_E_USAGE, "the cache %s holds no dataset '%s'",
                                                      cache.folder, path_or_key);
    peal_cache_clear(&cache);
    return status;
}
