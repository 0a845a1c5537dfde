/* Writing a dataset: shards, cut by size, and the manifest that lists them. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/seal.h"
#include "etl/dataset/dataset.h"
#include "etl/table/arrow/file.h"

enum { SHARD_BYTES = 256 << 20 };

typedef struct split_writer {
    peal_arrow_writer *arrow; /* of the present shard, or NULL */
    char *name;               /* of its file */
    uint64_t shard_rows, shard_batches;
    uint64_t rows;
    size_t shards;
    json_t *list;
} split_writer;

struct peal_dataset_writer {
    char *folder;
    const peal_table *schema;
    const peal_dictionary **dictionaries; /* [columns] */
    peal_buffer manifest;                 /* its text; that of a dataset that grows is made again and again */
    split_writer splits[PEAL_SPLITS];
};

peal_status peal_dataset_writer_new(const char *folder, const peal_table *schema, peal_dataset_writer **out,
                                    peal_error *err) {
    *out = NULL;
    peal_dataset_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a dataset");
    writer->folder = peal_strdup(folder);
    writer->schema = schema;
    writer->dictionaries = calloc(schema->column_count + 1, sizeof *writer->dictionaries);
    if (!writer->folder || !writer->dictionaries) {
        peal_dataset_writer_abort(writer);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a dataset");
    }
    for (size_t i = 0; i < schema->column_count; i++) writer->dictionaries[i] = schema->columns[i].dictionary;
    *out = writer;
    return PEAL_OK;
}

/* The path of the split's present shard while it is written, which no pattern of names finds, or when it is whole. The
 * caller frees it. */
static peal_status shard_path(const peal_dataset_writer *writer, int split, bool whole, char **out, peal_error *err) {
    char *name = peal_sprintf("%s%s", whole ? "" : ".", writer->splits[split].name);
    *out = name ? peal_path_join(writer->folder, name) : NULL;
    free(name);
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
}

static peal_status shard_open(peal_dataset_writer *writer, int split, peal_error *err) {
    split_writer *one = &writer->splits[split];
    char *path;
    one->name = peal_dataset_shard_name(split, one->shards);
    if (!one->name) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    PEAL_TRY(shard_path(writer, split, false, &path, err));
    peal_status status = peal_arrow_writer_open(path, writer->schema, &one->arrow, err);
    free(path);
    return status;
}

/* The shard, which is whole, gets its name; `out` is a map of it. */
static peal_status name_shard(const peal_dataset_writer *writer, int split, peal_map *out, peal_error *err) {
    char *hidden, *path = NULL;
    PEAL_TRY(shard_path(writer, split, false, &hidden, err));
    peal_status status = shard_path(writer, split, true, &path, err);
    if (status == PEAL_OK && rename(hidden, path) != 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot rename %s to %s", hidden, path);
    }
    if (status == PEAL_OK) status = peal_map_open(path, out, err);
    free(hidden);
    free(path);
    return status;
}

static peal_status shard_close(peal_dataset_writer *writer, int split, peal_error *err) {
    split_writer *one = &writer->splits[split];
    if (!one->arrow) return PEAL_OK;
    uint64_t hash;
    char text[17];
    peal_arrow_writer *arrow = one->arrow;
    one->arrow = NULL;
    PEAL_TRY(peal_arrow_writer_close(arrow, writer->dictionaries, true, &hash, err));
    peal_map map = {0};
    PEAL_TRY(name_shard(writer, split, &map, err));
    peal_hash_text(hash, text);
    one->list = peal_json_append(one->shards ? one->list : json_array(),
                                 json_pack("{s:s, s:I, s:I, s:I, s:s}", "file", one->name, "rows",
                                           (json_int_t)one->shard_rows, "batches", (json_int_t)one->shard_batches,
                                           "bytes", (json_int_t)map.size, "xxh3", text));
    peal_map_close(&map);
    free(one->name);
    one->name = NULL;
    one->shards++;
    one->shard_rows = one->shard_batches = 0;
    return PEAL_OK;
}

peal_status peal_dataset_writer_put(peal_dataset_writer *writer, int split, const peal_arrow_batch *batch,
                                    peal_error *err) {
    split_writer *one = &writer->splits[split];
    if (!batch) return PEAL_OK;
    const size_t rows = peal_arrow_batch_rows(batch);
    if (!one->arrow) PEAL_TRY(shard_open(writer, split, err));
    PEAL_TRY(peal_arrow_writer_put(one->arrow, batch, err));
    one->rows += rows;
    one->shard_rows += rows;
    one->shard_batches++;
    return peal_arrow_writer_size(one->arrow) >= SHARD_BYTES ? shard_close(writer, split, err) : PEAL_OK;
}

peal_status peal_dataset_writer_batch(peal_dataset_writer *writer, int split, const peal_table *table,
                                      peal_error *err) {
    peal_arrow_batch *batch;
    if (table->rows == 0) return PEAL_OK;
    PEAL_TRY(peal_arrow_batch_make(table, &batch, err));
    const peal_status status = peal_dataset_writer_put(writer, split, batch, err);
    peal_arrow_batch_free(batch);
    return status;
}

uint64_t peal_dataset_writer_rows(const peal_dataset_writer *writer, int split) {
    return writer->splits[split].rows;
}

/* The pipeline's text is large (it holds the vocabularies) and ready: it takes the place of the head's last brace. */
static peal_status join_manifest(peal_buffer *out, const char *head, const char *pipeline, peal_error *err) {
    static const char key[] = ",\n \"pipeline\": ", end[] = "\n}\n";
    const size_t pipeline_size = strlen(pipeline);
    size_t size = (size_t)(strrchr(head, '}') - head);
    if (size && head[size - 1] == '\n') size--;
    out->size = 0;
    PEAL_TRY(peal_buffer_reserve(out, size + sizeof key + pipeline_size + sizeof end, err));
    PEAL_TRY(peal_buffer_append(out, head, size, err));
    PEAL_TRY(peal_buffer_append(out, key, sizeof key - 1, err));
    PEAL_TRY(peal_buffer_append(out, pipeline, pipeline_size, err));
    return peal_buffer_append(out, end, sizeof end - 1, err);
}

static peal_status make_manifest(peal_buffer *out, const json_t *head, const char *pipeline, peal_error *err) {
    char *text;
    PEAL_TRY(peal_json_dump(head, JSON_INDENT(1), "a manifest", &text, err));
    const peal_status status = join_manifest(out, text, pipeline, err);
    free(text);
    PEAL_TRY(status);
    const bool sealed = peal_seal_close((char *)out->data, out->size);
    assert(sealed);
    (void)sealed;
    return PEAL_OK;
}

/* All of the manifest but the pipeline; NULL if there is no memory. The seal stands first. */
static json_t *manifest_head(const peal_dataset_writer *writer, json_t *facts) {
    json_t *splits = json_object();
    for (int i = 0; i < PEAL_SPLITS; i++) {
        const split_writer *one = &writer->splits[i];
        if (one->rows == 0) continue;
        splits = peal_json_set(splits, peal_split_names[i],
                               json_pack("{s:I, s:O}", "rows", (json_int_t)one->rows, "shards", one->list));
    }
    json_t *head = json_pack("{s:s, s:s, s:i}", PEAL_SEAL_KEY, PEAL_SEAL_BLANK, "kind", PEAL_DATASET_KIND, "version",
                             PEAL_DATASET_VERSION);
    return peal_json_set(peal_json_merge(head, facts), "splits", splits);
}

peal_status peal_dataset_writer_commit(peal_dataset_writer *writer, json_t *facts, const char *pipeline,
                                       peal_error *err) {
    peal_status status = PEAL_OK;
    for (int i = 0; i < PEAL_SPLITS && status == PEAL_OK; i++) status = shard_close(writer, i, err);
    json_t *head = manifest_head(writer, facts);
    peal_buffer *text = &writer->manifest;
    char *path = peal_path_join(writer->folder, "manifest.json");
    if (status == PEAL_OK && !path) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) status = make_manifest(text, head, pipeline, err);
    if (status == PEAL_OK) status = peal_sync_parent(path, err); /* the names of shards, before they are listed */
    if (status == PEAL_OK) status = peal_file_write_atomic(path, text->data, text->size, err);
    free(path);
    json_decref(head);
    return status;
}

peal_status peal_dataset_writer_finish(peal_dataset_writer *writer, json_t *facts, const char *pipeline,
                                       peal_error *err) {
    const peal_status status = peal_dataset_writer_commit(writer, facts, pipeline, err);
    peal_dataset_writer_abort(writer);
    return status;
}

peal_status peal_dataset_writer_move(peal_dataset_writer *writer, const char *folder, peal_error *err) {
    char *path = peal_strdup(folder);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    free(writer->folder);
    writer->folder = path;
    return PEAL_OK;
}

/* Removes the shard that a job which was killed was writing, or had written and not listed. */
static peal_status remove_next(const peal_dataset_writer *writer, int split, peal_error *err) {
    char *path;
    for (int whole = 0; whole < 2; whole++) {
        PEAL_TRY(shard_path(writer, split, whole, &path, err));
        const peal_status status = peal_remove_tree(path, err);
        free(path);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

peal_status peal_dataset_writer_go_on(peal_dataset_writer *writer, const json_t *manifest, peal_error *err) {
    const json_t *splits = json_object_get(manifest, "splits");
    for (int i = 0; i < PEAL_SPLITS; i++) {
        split_writer *one = &writer->splits[i];
        const json_t *saved = json_object_get(splits, peal_split_names[i]);
        one->rows = (uint64_t)json_integer_value(json_object_get(saved, "rows"));
        one->list = saved ? json_deep_copy(json_object_get(saved, "shards")) : NULL;
        if (saved && !one->list) return peal_fail(err, PEAL_E_MEMORY, "no memory for a manifest");
        one->shards = json_array_size(one->list);
        one->name = peal_dataset_shard_name(i, one->shards);
        if (!one->name) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
        const peal_status status = remove_next(writer, i, err);
        free(one->name);
        one->name = NULL;
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

void peal_dataset_writer_abort(peal_dataset_writer *writer) {
    if (!writer) return;
    for (int i = 0; i < PEAL_SPLITS; i++) {
        peal_arrow_writer_abort(writer->splits[i].arrow);
        free(writer->splits[i].name);
        json_decref(writer->splits[i].list);
    }
    peal_buffer_clear(&writer->manifest);
    free(writer->dictionaries);
    free(writer->folder);
    free(writer);
}
