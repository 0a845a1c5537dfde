#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/file.h"
#include "etl/arrow/file.h"
#include "etl/dataset.h"

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

static peal_status shard_open(peal_dataset_writer *writer, int split, peal_error *err) {
    split_writer *one = &writer->splits[split];
    one->name = peal_sprintf("%s-%05zu.arrow", peal_split_names[split], one->shards);
    char *path = one->name ? peal_path_join(writer->folder, one->name) : NULL;
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = peal_arrow_writer_open(path, writer->schema, &one->arrow, err);
    free(path);
    if (!one->list) one->list = json_array();
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
    char *path = peal_path_join(writer->folder, one->name);
    peal_map map = {0};
    peal_status status = path ? peal_map_open(path, &map, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    free(path);
    if (status != PEAL_OK) return status;
    peal_hash_text(hash, text);
    json_array_append_new(one->list, json_pack("{s:s, s:I, s:I, s:I, s:s}", "file", one->name, "rows",
                                               (json_int_t)one->shard_rows, "batches", (json_int_t)one->shard_batches,
                                               "bytes", (json_int_t)map.size, "xxh3", text));
    peal_map_close(&map);
    free(one->name);
    one->name = NULL;
    one->shards++;
    one->shard_rows = one->shard_batches = 0;
    return PEAL_OK;
}

peal_status peal_dataset_writer_batch(peal_dataset_writer *writer, int split, const peal_table *table,
                                      peal_error *err) {
    split_writer *one = &writer->splits[split];
    if (table->rows == 0) return PEAL_OK;
    if (!one->arrow) PEAL_TRY(shard_open(writer, split, err));
    PEAL_TRY(peal_arrow_writer_batch(one->arrow, table, err));
    one->rows += table->rows;
    one->shard_rows += table->rows;
    one->shard_batches++;
    return peal_arrow_writer_size(one->arrow) >= SHARD_BYTES ? shard_close(writer, split, err) : PEAL_OK;
}

uint64_t peal_dataset_writer_rows(const peal_dataset_writer *writer, int split) {
    return writer->splits[split].rows;
}

/* The pipeline's text is large (it holds the vocabularies) and ready: it takes the place of the head's last brace. */
static char *manifest_text(const json_t *head, const char *pipeline) {
    char *text = json_dumps(head, JSON_INDENT(1) | JSON_ENSURE_ASCII);
    if (!text) return NULL;
    *strrchr(text, '}') = '\0';
    size_t length = strlen(text);
    if (length && text[length - 1] == '\n') text[length - 1] = '\0';
    char *whole = peal_sprintf("%s,\n \"pipeline\": %s\n}\n", text, pipeline);
    free(text);
    return whole;
}

peal_status peal_dataset_writer_finish(peal_dataset_writer *writer, json_t *head, const char *pipeline,
                                       peal_error *err) {
    peal_status status = PEAL_OK;
    json_t *splits = json_object();
    for (int i = 0; i < PEAL_SPLITS && status == PEAL_OK; i++) {
        status = shard_close(writer, i, err);
        if (status != PEAL_OK || writer->splits[i].rows == 0) continue;
        json_object_set_new(
            splits, peal_split_names[i],
            json_pack("{s:I, s:O}", "rows", (json_int_t)writer->splits[i].rows, "shards", writer->splits[i].list));
    }
    json_object_set_new(head, "splits", splits);
    char *text = status == PEAL_OK ? manifest_text(head, pipeline) : NULL;
    char *path = peal_path_join(writer->folder, "manifest.json");
    if (status == PEAL_OK && (!text || !path)) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a manifest");
    if (status == PEAL_OK) status = peal_file_write_atomic(path, text, strlen(text), err);
    free(text);
    free(path);
    json_decref(head);
    peal_dataset_writer_abort(writer);
    return status;
}

void peal_dataset_writer_abort(peal_dataset_writer *writer) {
    if (!writer) return;
    for (int i = 0; i < PEAL_SPLITS; i++) {
        peal_arrow_writer_abort(writer->splits[i].arrow);
        free(writer->splits[i].name);
        json_decref(writer->splits[i].list);
    }
    free(writer->dictionaries);
    free(writer->folder);
    free(writer);
}
