/* A dataset: a folder with a manifest (manifest.json) and shards, Arrow files named <split>-<number>.arrow.
 *
 * The manifest lists every shard with rows, bytes and checksum, and holds the fitted pipeline, the job and the inputs.
 * It is sealed (core/base/seal.h), and so every byte of a dataset is under a checksum. A dataset is written into a
 * staging folder and appears whole or not at all. One that grows (etl/job/grow.h) gets its later shards where it
 * stands: each is written under a hidden name, whole before it is listed, and the manifest is replaced in one step. Its
 * key "follow" says so. A process reads the shards into its memory; only workers that are forked later use a map of
 * them, for a file that is cut under a map ends the process (SIGBUS). */
#ifndef PEAL_ETL_DATASET_H
#define PEAL_ETL_DATASET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/file.h"
#include "core/base/status.h"
#include "etl/pipeline/pipeline.h"
#include "etl/table/arrow/file.h"
#include "etl/table/table.h"
#include "etl/transform/split.h"

#define PEAL_DATASET_KIND "peal dataset"
enum { PEAL_DATASET_VERSION = 2 };

/* ---- writing ---- */

typedef struct peal_dataset_writer peal_dataset_writer;

/* Writes shards into `folder`, which exists; `schema` outlives the writer. */
peal_status peal_dataset_writer_new(const char *folder, const peal_table *schema, peal_dataset_writer **out,
                                    peal_error *err);
/* Appends a record batch to a split. The cut into shards is a function of the batches alone. */
peal_status peal_dataset_writer_batch(peal_dataset_writer *writer, int split, const peal_table *table, peal_error *err);
/* The same of a batch that was made before, perhaps by another thread; NULL has no rows. */
peal_status peal_dataset_writer_put(peal_dataset_writer *writer, int split, const peal_arrow_batch *batch,
                                    peal_error *err);
/* Rows written to a split so far. */
uint64_t peal_dataset_writer_rows(const peal_dataset_writer *writer, int split);
/* Closes the last shards and writes the manifest, sealed: "rows", "job" and "inputs" from `facts` (an object, which is
 * used up; NULL is "no memory"), the splits, and the pipeline, given as JSON text. All is fsynced. Frees the writer
 * whatever happens. */
peal_status peal_dataset_writer_finish(peal_dataset_writer *writer, json_t *facts, const char *pipeline,
                                       peal_error *err);
/* The same of a dataset that grows, as often as one likes: what was written so far is a whole dataset then, in which
 * those stand who read meanwhile, and the writer goes on with new shards. `facts` are of all rows so far. */
peal_status peal_dataset_writer_commit(peal_dataset_writer *writer, json_t *facts, const char *pipeline,
                                       peal_error *err);
/* The folder has another name by now. No shard is open. */
peal_status peal_dataset_writer_move(peal_dataset_writer *writer, const char *folder, peal_error *err);
/* A fresh writer goes on with the dataset of this manifest, which stands in its folder; what a job that was killed left
 * there beside it is removed. */
peal_status peal_dataset_writer_go_on(peal_dataset_writer *writer, const json_t *manifest, peal_error *err);
/* "train-00007.arrow": the name of a split's shard, which while it is written has a '.' in front. Freed by the caller;
 * NULL if there is no memory. */
char *peal_dataset_shard_name(int split, size_t number);
/* Frees; what was written stays in the folder, which the caller removes. NULL is allowed. */
void peal_dataset_writer_abort(peal_dataset_writer *writer);

/* ---- reading ---- */

typedef struct peal_dataset peal_dataset;

/* True if `path` is a folder with a manifest. */
bool peal_dataset_is(const char *path);
/* A folder is wholly a dataset if it holds a manifest of ours, the shards that it lists, quarantined rows, and no more.
 */
extern const peal_folder_kind peal_dataset_kind;
/* Reads the manifest and checks it as a whole, with its pipeline; shards are read when a split is. PEAL_E_DATA says
 * which file is damaged and how. */
peal_status peal_dataset_open(const char *path, peal_dataset **out, peal_error *err);
void peal_dataset_close(peal_dataset *dataset);
const json_t *peal_dataset_manifest(const peal_dataset *dataset);
/* The fitted pipeline as JSON, part of the manifest. */
const json_t *peal_dataset_pipeline(const peal_dataset *dataset);
uint64_t peal_dataset_rows(const peal_dataset *dataset, int split);

/* Is given the batches of a split in the order of their rows; each lasts during the call only. */
typedef peal_status (*peal_table_visit)(void *user, const peal_table *table, peal_error *err);
/* Reads the rows of `splits`, a set of bits (1 << PEAL_SPLIT_TRAIN...), one shard in memory after the other. Before a
 * shard's batches are visited its size, rows and columns (with the texts of their dictionaries) are compared with the
 * manifest and its pipeline, and all checksums of the very bytes in memory are verified: PEAL_E_DATA names the shard.
 * `visit` may be NULL. */
peal_status peal_dataset_read(const peal_dataset *dataset, unsigned splits, peal_table_visit visit, void *user,
                              peal_error *err);

/* The rows of one split (or several) as a list of batches for processes that are forked later: the columns point into
 * maps of the shards, which this process must not look into. */
typedef struct peal_rows peal_rows;
/* Reads as peal_dataset_read does, then maps each shard. The dataset may be closed before the rows. */
peal_status peal_rows_open(const peal_dataset *dataset, unsigned splits, peal_table_visit visit, void *user,
                           peal_rows **out, peal_error *err);
/* The rows of one table that the caller keeps, in memory that all processes share: room for table->rows, of which the
 * caller knows how many there are at present. */
peal_status peal_rows_of(const peal_table *table, peal_rows **out, peal_error *err);
void peal_rows_close(peal_rows *rows);
/* PEAL_E_DATA names a shard that is no longer the file that was read (by core/base/identity.h). */
peal_status peal_rows_check(const peal_rows *rows, peal_error *err);
uint64_t peal_rows_count(const peal_rows *rows);
size_t peal_rows_batches(const peal_rows *rows);
const peal_table *peal_rows_batch(const peal_rows *rows, size_t index);
/* The batch that holds row `row`, and the row's place in it. */
const peal_table *peal_rows_find(const peal_rows *rows, uint64_t row, size_t *within);

#endif
