/* Reading a dataset: its manifest, and its rows from the shards. */
#include "etl/dataset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/file.h"
#include "core/seal.h"
#include "etl/arrow/file.h"
#include "etl/manifest.h"

struct peal_dataset {
    char *path;
    json_t *manifest;
    peal_pipeline *pipeline; /* the manifest's, to which every shard must fit */
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

static peal_status open_shard(const peal_dataset *dataset, const json_t *entry, peal_rows *rows, peal_error *err) {
    const char *name = json_string_value(json_object_get(entry, "file"));
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
    if (status == PEAL_OK) status = check_count(entry, file, path, err);
    if (status == PEAL_OK) {
        status = peal_pipeline_check_table(dataset->pipeline, peal_arrow_file_schema(file), path, err);
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
