/* Reading a dataset: its manifest, and its rows from the shards. */
#include "etl/dataset/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/identity.h"
#include "core/base/seal.h"
#include "etl/dataset/manifest.h"
#include "etl/table/arrow/file.h"

struct peal_dataset {
    char *path;
    json_t *manifest;
    peal_pipeline *pipeline; /* the manifest's, to which every shard must fit */
};

/* One that was read and is mapped now. */
typedef struct shard {
    char *path;
    int fd;
    peal_identity identity; /* when it was read */
    void *map;
    peal_arrow_file *file;
} shard;

struct peal_rows {
    shard *shards;
    size_t shard_count;
    const peal_table **batches;
    uint64_t *begins; /* [batches + 1] the first row of each */
    size_t batch_count;
};

bool peal_dataset_is(const char *path) {
    char *manifest = peal_path_join(path, "manifest.json");
    bool is = manifest && peal_path_exists(manifest);
    free(manifest);
    return is;
}

/* The manifest of a dataset of Peal's; NULL if it is none. */
static json_t *read_own_manifest(const char *folder) {
    char *path = peal_path_join(folder, "manifest.json");
    json_t *manifest = path ? peal_seal_peek(path, PEAL_DATASET_KIND) : NULL;
    free(path);
    return manifest;
}

static bool is_listed(const json_t *manifest, const char *name) {
    const char *split;
    json_t *entry, *one;
    size_t i;
    json_object_foreach(json_object_get(manifest, "splits"), split, entry) {
        json_array_foreach(json_object_get(entry, "shards"), i, one) {
            const char *file = json_string_value(json_object_get(one, "file"));
            if (file && strcmp(file, name) == 0) return true;
        }
    }
    return false;
}

char *peal_dataset_shard_name(int split, size_t number) {
    return peal_sprintf("%s-%05zu.arrow", peal_split_names[split], number);
}

/* Whether a dataset that grows may have left this beside what it lists, where its job was killed: the next shard, or
 * the next manifest. */
static bool is_next(const json_t *manifest, const char *name) {
    static const char next_manifest[] = "manifest.json.peal-tmp-";
    if (!json_object_get(manifest, "follow")) return false;
    bool is = strncmp(name, next_manifest, sizeof next_manifest - 1) == 0;
    for (int i = 0; i < PEAL_SPLITS && !is; i++) {
        const json_t *split = json_object_get(json_object_get(manifest, "splits"), peal_split_names[i]);
        char *next = peal_dataset_shard_name(i, json_array_size(json_object_get(split, "shards")));
        is = next && strcmp(name + (name[0] == '.'), next) == 0;
        free(next);
    }
    return is;
}

static peal_status judge_names(const char *folder, const char *const *names, size_t count, bool *belongs,
                               peal_error *err) {
    (void)err;
    bool has_manifest = false;
    for (size_t i = 0; i < count; i++) {
        has_manifest = has_manifest || (belongs[i] && strcmp(names[i], "manifest.json") == 0);
    }
    json_t *manifest = has_manifest ? read_own_manifest(folder) : NULL;
    for (size_t i = 0; i < count; i++) {
        belongs[i] = belongs[i] && manifest &&
                     (strcmp(names[i], "manifest.json") == 0 || strcmp(names[i], "quarantine.jsonl") == 0 ||
                      is_listed(manifest, names[i]) || is_next(manifest, names[i]));
    }
    json_decref(manifest);
    return PEAL_OK;
}

const peal_folder_kind peal_dataset_kind = {.what = "a dataset", .judge = judge_names};

static peal_status read_manifest(peal_dataset *dataset, peal_error *err) {
    char *path = peal_path_join(dataset->path, "manifest.json");
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status =
        peal_seal_read(path, "a dataset's manifest", PEAL_DATASET_KIND, PEAL_DATASET_VERSION, &dataset->manifest, err);
    if (status == PEAL_OK) status = etl__manifest_check(dataset->manifest, path, err);
    if (status == PEAL_OK) {
        status = peal_pipeline_load(peal_dataset_pipeline(dataset), &dataset->pipeline, err);
        if (status != PEAL_OK) peal_error_context(err, "%s", path);
    }
    free(path);
    if (status != PEAL_E_FAILED) return status;
    if (err) err->status = PEAL_E_DATA; /* what cannot be read is no dataset */
    return PEAL_E_DATA;
}

peal_status peal_dataset_open(const char *path, peal_dataset **out, peal_error *err) {
    *out = NULL;
    peal_dataset *dataset = calloc(1, sizeof *dataset);
    if (!dataset) return peal_fail(err, PEAL_E_MEMORY, "no memory for a dataset");
    dataset->path = peal_strdup(path);
    peal_status status = dataset->path ? read_manifest(dataset, err) : peal_fail(err, PEAL_E_MEMORY, "no memory");
    if (status != PEAL_OK) {
        peal_dataset_close(dataset);
        return status;
    }
    *out = dataset;
    return PEAL_OK;
}

void peal_dataset_close(peal_dataset *dataset) {
    if (!dataset) return;
    peal_pipeline_free(dataset->pipeline);
    json_decref(dataset->manifest);
    free(dataset->path);
    free(dataset);
}

const json_t *peal_dataset_manifest(const peal_dataset *dataset) {
    return dataset->manifest;
}

const json_t *peal_dataset_pipeline(const peal_dataset *dataset) {
    return json_object_get(dataset->manifest, "pipeline");
}

static const json_t *split_entry(const peal_dataset *dataset, int split) {
    return json_object_get(json_object_get(dataset->manifest, "splits"), peal_split_names[split]);
}

uint64_t peal_dataset_rows(const peal_dataset *dataset, int split) {
    return (uint64_t)json_integer_value(json_object_get(split_entry(dataset, split), "rows"));
}

/* ---- rows ---- */

/* Opens the shard of `entry` and says what it is at present. */
static peal_status open_shard(const peal_dataset *dataset, const json_t *entry, shard *out, peal_error *err) {
    const char *name = json_string_value(json_object_get(entry, "file"));
    out->path = peal_path_join(dataset->path, name);
    if (!out->path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    out->fd = open(out->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat info;
    if (out->fd < 0 || fstat(out->fd, &info) != 0) {
        return peal_fail_errno(err, PEAL_E_DATA, errno, "the dataset %s lacks a shard: cannot open %s", dataset->path,
                               out->path);
    }
    if (!S_ISREG(info.st_mode)) return peal_fail(err, PEAL_E_DATA, "the shard %s is no regular file", out->path);
    out->identity = peal_identity_of(&info);
    peal_identity_settle(&out->identity); /* so that every later change is seen */
    const json_int_t bytes = json_integer_value(json_object_get(entry, "bytes"));
    if ((uint64_t)bytes == out->identity.size) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "the shard %s is damaged: it has %llu bytes, the manifest says %lld", out->path,
                     (unsigned long long)out->identity.size, (long long)bytes);
}

/* All of an open shard into `bytes`, whose memory is used again. */
static peal_status read_shard(const shard *one, const json_t *entry, peal_buffer *bytes, peal_error *err) {
    const size_t size = (size_t)one->identity.size;
    bytes->size = 0;
    PEAL_TRY(peal_buffer_reserve(bytes, size, err));
    PEAL_TRY(peal_file_read_at(one->fd, one->path, bytes->data, size, 0, &bytes->size, err));
    if (bytes->size < size) PEAL_TRY(peal_identity_check(one->fd, one->path, &one->identity, "read", err));
    char text[17];
    const char *expected = json_string_value(json_object_get(entry, "xxh3"));
    peal_hash_text(peal_hash(bytes->data, bytes->size, 0), text);
    if (expected && strcmp(expected, text) == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "the shard %s is damaged: its checksum is %s, the manifest says %s", one->path,
                     text, expected ? expected : "nothing");
}

static peal_status add_batches(peal_rows *rows, const peal_arrow_file *file, peal_error *err) {
    size_t more = peal_arrow_file_batches(file), count = rows->batch_count + more;
    const peal_table **batches = realloc(rows->batches, (count + 1) * sizeof *batches);
    if (batches) rows->batches = batches;
    uint64_t *begins = realloc(rows->begins, (count + 1) * sizeof *begins);
    if (begins) rows->begins = begins;
    if (!batches || !begins) return peal_fail(err, PEAL_E_MEMORY, "no memory for %zu batches", count);
    if (rows->batch_count == 0) rows->begins[0] = 0;
    for (size_t i = 0; i < more; i++) {
        const peal_table *batch = peal_arrow_file_batch(file, i);
        rows->batches[rows->batch_count] = batch;
        rows->begins[rows->batch_count + 1] = rows->begins[rows->batch_count] + batch->rows;
        rows->batch_count++;
    }
    return PEAL_OK;
}

/* The rows and batches that the manifest promises. */
static peal_status check_count(const json_t *entry, const peal_arrow_file *file, const char *path, peal_error *err) {
    uint64_t rows = 0, batches = peal_arrow_file_batches(file);
    for (size_t i = 0; i < batches; i++) rows += peal_arrow_file_batch(file, i)->rows;
    const json_int_t wanted_rows = json_integer_value(json_object_get(entry, "rows"));
    const json_int_t wanted_batches = json_integer_value(json_object_get(entry, "batches"));
    if (rows == (uint64_t)wanted_rows && batches == (uint64_t)wanted_batches) return PEAL_OK;
    return peal_fail(
        err, PEAL_E_DATA, "the shard %s holds %llu rows in %llu batches, but the manifest says %lld in %lld", path,
        (unsigned long long)rows, (unsigned long long)batches, (long long)wanted_rows, (long long)wanted_batches);
}

/* The shards of some splits on their way through memory. */
typedef struct reading {
    const peal_dataset *dataset;
    peal_table_visit visit;
    void *user;
    peal_rows *rows; /* takes the shards; NULL: they are let go */
    peal_buffer bytes;
    shard first; /* for its columns; owned if there are no rows */
} reading;

static void shard_close(shard *one) {
    peal_arrow_file_close(one->file);
    if (one->map) munmap(one->map, (size_t)one->identity.size);
    if (one->fd >= 0) close(one->fd);
    free(one->path);
    *one = (shard){.fd = -1};
}

static peal_status parse_shard(reading *self, const json_t *entry, shard *one, peal_error *err) {
    PEAL_TRY(peal_arrow_file_parse(self->bytes.data, self->bytes.size, one->path, &one->file, err));
    PEAL_TRY(peal_arrow_file_verify(one->file, err));
    PEAL_TRY(check_count(entry, one->file, one->path, err));
    PEAL_TRY(peal_pipeline_check_table(self->dataset->pipeline, peal_arrow_file_schema(one->file), one->path, err));
    for (size_t i = 0; i < peal_arrow_file_batches(one->file); i++) {
        PEAL_TRY(
            peal_pipeline_check_codes(self->dataset->pipeline, peal_arrow_file_batch(one->file, i), one->path, err));
    }
    for (size_t i = 0; self->visit && i < peal_arrow_file_batches(one->file); i++) {
        PEAL_TRY(self->visit(self->user, peal_arrow_file_batch(one->file, i), err));
    }
    return PEAL_OK;
}

static peal_status map_shard(shard *one, peal_error *err) {
    void *map = mmap(NULL, (size_t)one->identity.size, PROT_READ, MAP_SHARED, one->fd, 0);
    if (map == MAP_FAILED) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot map %s", one->path);
    one->map = map;
    peal_arrow_file_move(one->file, map);
    return PEAL_OK;
}

/* Takes the shard over if it succeeds. */
static peal_status add_shard(peal_rows *rows, shard *one, peal_error *err) {
    PEAL_TRY(map_shard(one, err));
    shard *shards = realloc(rows->shards, (rows->shard_count + 1) * sizeof *shards);
    if (!shards) return peal_fail(err, PEAL_E_MEMORY, "no memory for a dataset's rows");
    rows->shards = shards;
    PEAL_TRY(add_batches(rows, one->file, err));
    rows->shards[rows->shard_count++] = *one;
    return PEAL_OK;
}

static peal_status pass_shard(reading *self, const json_t *entry, peal_error *err) {
    shard one = {.fd = -1};
    peal_status status = open_shard(self->dataset, entry, &one, err);
    if (status == PEAL_OK) status = read_shard(&one, entry, &self->bytes, err);
    if (status == PEAL_OK) status = parse_shard(self, entry, &one, err);
    if (status == PEAL_OK && self->rows) status = add_shard(self->rows, &one, err);
    if (status == PEAL_OK && !self->first.file) {
        self->first = one;
    } else if (status != PEAL_OK || !self->rows) {
        shard_close(&one);
    }
    return status;
}

static peal_status read_splits(const peal_dataset *dataset, unsigned splits, peal_table_visit visit, void *user,
                               peal_rows *rows, peal_error *err) {
    reading self = {.dataset = dataset, .visit = visit, .user = user, .rows = rows, .first = {.fd = -1}};
    peal_status status = PEAL_OK;
    for (int split = 0; split < PEAL_SPLITS; split++) {
        if (!(splits >> split & 1)) continue;
        const json_t *shards = json_object_get(split_entry(dataset, split), "shards");
        for (size_t i = 0; i < json_array_size(shards) && status == PEAL_OK; i++) {
            status = pass_shard(&self, json_array_get(shards, i), err);
        }
    }
    if (!rows) shard_close(&self.first);
    peal_buffer_clear(&self.bytes);
    return status;
}

peal_status peal_dataset_read(const peal_dataset *dataset, unsigned splits, peal_table_visit visit, void *user,
                              peal_error *err) {
    return read_splits(dataset, splits, visit, user, NULL, err);
}

peal_status peal_rows_open(const peal_dataset *dataset, unsigned splits, peal_table_visit visit, void *user,
                           peal_rows **out, peal_error *err) {
    *out = NULL;
    peal_rows *rows = calloc(1, sizeof *rows);
    if (!rows) return peal_fail(err, PEAL_E_MEMORY, "no memory for a dataset's rows");
    peal_status status = read_splits(dataset, splits, visit, user, rows, err);
    if (status != PEAL_OK) {
        peal_rows_close(rows);
        return status;
    }
    *out = rows;
    return PEAL_OK;
}

peal_status peal_rows_of(const peal_table *table, peal_rows **out, peal_error *err) {
    peal_rows *rows = calloc(1, sizeof *rows);
    *out = rows;
    if (!rows) return peal_fail(err, PEAL_E_MEMORY, "no memory for rows");
    rows->batch_count = 1;
    peal_status status = peal_alloc_checked(&rows->batches, 1, sizeof(const peal_table *), "rows", err);
    if (status == PEAL_OK) status = peal_alloc_checked(&rows->begins, 2, sizeof *rows->begins, "rows", err);
    if (status == PEAL_OK) {
        rows->batches[0] = table;
        rows->begins[0] = 0;
        rows->begins[1] = table->rows;
    } else {
        peal_rows_close(rows);
        *out = NULL;
    }
    return status;
}

peal_status peal_rows_check(const peal_rows *rows, peal_error *err) {
    for (size_t i = 0; i < rows->shard_count; i++) {
        const shard *one = &rows->shards[i];
        PEAL_TRY(peal_identity_check(one->fd, one->path, &one->identity, "in use", err));
    }
    return PEAL_OK;
}

void peal_rows_close(peal_rows *rows) {
    if (!rows) return;
    for (size_t i = 0; i < rows->shard_count; i++) shard_close(&rows->shards[i]);
    free(rows->shards);
    free(rows->batches);
    free(rows->begins);
    free(rows);
}

uint64_t peal_rows_count(const peal_rows *rows) {
    return rows->batch_count ? rows->begins[rows->batch_count] : 0;
}

size_t peal_rows_batches(const peal_rows *rows) {
    return rows->batch_count;
}

const peal_table *peal_rows_batch(const peal_rows *rows, size_t index) {
    return rows->batches[index];
}

const peal_table *peal_rows_find(const peal_rows *rows, uint64_t row, size_t *within) {
    size_t low = 0, high = rows->batch_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (rows->begins[middle] <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *within = (size_t)(row - rows->begins[low]);
    return rows->batches[low];
}
