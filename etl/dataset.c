#include "etl/dataset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/file.h"
#include "etl/arrow/file.h"

struct peal_dataset {
    char *path;
    json_t *manifest;
};

struct peal_rows {
    peal_arrow_file **files;
    size_t file_count;
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
    peal_buffer text = {0};
    char *path = peal_path_join(folder, "manifest.json");
    json_t *manifest = NULL;
    if (path && peal_file_read(path, &text, NULL) == PEAL_OK) {
        manifest = json_loadb((const char *)text.data, text.size, JSON_ALLOW_NUL, NULL);
    }
    peal_buffer_clear(&text);
    free(path);
    const char *kind = json_string_value(json_object_get(manifest, "kind"));
    if (kind && strcmp(kind, "peal dataset") == 0) return manifest;
    json_decref(manifest);
    return NULL;
}

static bool is_listed(const json_t *manifest, const char *name) {
    const char *split;
    json_t *entry, *shard;
    size_t i;
    json_object_foreach(json_object_get(manifest, "splits"), split, entry) {
        json_array_foreach(json_object_get(entry, "shards"), i, shard) {
            const char *file = json_string_value(json_object_get(shard, "file"));
            if (file && strcmp(file, name) == 0) return true;
        }
    }
    return false;
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
                      is_listed(manifest, names[i]));
    }
    json_decref(manifest);
    return PEAL_OK;
}

const peal_folder_kind peal_dataset_kind = {.what = "a dataset", .judge = judge_names};

static peal_status damaged(const peal_dataset *dataset, peal_error *err, const char *what) {
    return peal_fail(err, PEAL_E_DATA, "%s/manifest.json is not a dataset's manifest: %s", dataset->path, what);
}

static peal_status read_manifest(peal_dataset *dataset, peal_error *err) {
    peal_buffer text = {0};
    char *path = peal_path_join(dataset->path, "manifest.json");
    peal_status status =
        path ? peal_file_read(path, &text, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    free(path);
    if (status != PEAL_OK) {
        if (status == PEAL_E_FAILED && err) err->status = PEAL_E_DATA;
        peal_buffer_clear(&text);
        return status == PEAL_E_FAILED ? PEAL_E_DATA : status;
    }
    json_error_t problem;
    dataset->manifest = json_loadb((const char *)text.data, text.size, JSON_ALLOW_NUL, &problem);
    peal_buffer_clear(&text);
    if (!dataset->manifest) {
        return peal_fail(err, PEAL_E_DATA, "%s/manifest.json: line %d: %s", dataset->path, problem.line, problem.text);
    }
    if (!json_is_object(json_object_get(dataset->manifest, "pipeline"))) return damaged(dataset, err, "no pipeline");
    if (!json_is_object(json_object_get(dataset->manifest, "splits"))) return damaged(dataset, err, "no splits");
    return PEAL_OK;
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
    json_int_t rows = json_integer_value(json_object_get(split_entry(dataset, split), "rows"));
    return rows > 0 ? (uint64_t)rows : 0;
}

/* ---- rows ---- */

static peal_status check_shard(const peal_dataset *dataset, const json_t *entry, const char *path, peal_error *err) {
    peal_map map;
    peal_status status = peal_map_open(path, &map, err);
    if (status != PEAL_OK) {
        peal_error_context(err, "the dataset %s lacks a shard", dataset->path);
        return PEAL_E_DATA;
    }
    char text[17];
    json_int_t bytes = json_integer_value(json_object_get(entry, "bytes"));
    const char *expected = json_string_value(json_object_get(entry, "xxh3"));
    if ((uint64_t)bytes != map.size) {
        status = peal_fail(err, PEAL_E_DATA, "the shard %s is damaged: it has %zu bytes, the manifest says %lld", path,
                           map.size, (long long)bytes);
    } else {
        peal_hash_text(peal_hash(map.data, map.size, 0), text);
        if (!expected || strcmp(expected, text) != 0) {
            status = peal_fail(err, PEAL_E_DATA, "the shard %s is damaged: its checksum is %s, the manifest says %s",
                               path, text, expected ? expected : "nothing");
        }
    }
    peal_map_close(&map);
    return status;
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

static bool same_columns(const peal_table *a, const peal_table *b) {
    if (a->column_count != b->column_count) return false;
    for (size_t i = 0; i < a->column_count; i++) {
        const peal_column *p = &a->columns[i], *q = &b->columns[i];
        if (strcmp(p->name, q->name) != 0 || p->type != q->type || p->width != q->width) return false;
    }
    return true;
}

static peal_status open_shard(const peal_dataset *dataset, const json_t *entry, peal_rows *rows, peal_error *err) {
    const char *name = json_string_value(json_object_get(entry, "file"));
    if (!name || strchr(name, '/')) return damaged(dataset, err, "a shard has no proper name");
    char *path = peal_path_join(dataset->path, name);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_arrow_file **files = realloc(rows->files, (rows->file_count + 1) * sizeof(peal_arrow_file *));
    if (files) rows->files = files;
    peal_status status = files ? check_shard(dataset, entry, path, err) : peal_fail(err, PEAL_E_MEMORY, "no memory");
    peal_arrow_file *file = NULL;
    if (status == PEAL_OK) status = peal_arrow_file_open(path, &file, err);
    if (status == PEAL_OK) {
        rows->files[rows->file_count++] = file;
        status = peal_arrow_file_verify(file, err);
    }
    if (status == PEAL_OK && !same_columns(peal_arrow_file_schema(file), peal_arrow_file_schema(rows->files[0]))) {
        status = peal_fail(err, PEAL_E_DATA, "the shard %s has other columns than the first one", path);
    }
    if (status == PEAL_OK) status = add_batches(rows, file, err);
    free(path);
    return status;
}

peal_status peal_rows_open(const peal_dataset *dataset, unsigned splits, peal_rows **out, peal_error *err) {
    *out = NULL;
    peal_rows *rows = calloc(1, sizeof *rows);
    if (!rows) return peal_fail(err, PEAL_E_MEMORY, "no memory for a dataset's rows");
    peal_status status = PEAL_OK;
    for (int split = 0; split < PEAL_SPLITS; split++) {
        if (!(splits >> split & 1)) continue;
        const json_t *shards = json_object_get(split_entry(dataset, split), "shards");
        for (size_t i = 0; i < json_array_size(shards) && status == PEAL_OK; i++) {
            status = open_shard(dataset, json_array_get(shards, i), rows, err);
        }
    }
    if (status != PEAL_OK) {
        peal_rows_close(rows);
        return status;
    }
    *out = rows;
    return PEAL_OK;
}

void peal_rows_close(peal_rows *rows) {
    if (!rows) return;
    for (size_t i = 0; i < rows->file_count; i++) peal_arrow_file_close(rows->files[i]);
    free(rows->files);
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

const peal_table *peal_rows_schema(const peal_rows *rows) {
    return rows->file_count ? peal_arrow_file_schema(rows->files[0]) : NULL;
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
