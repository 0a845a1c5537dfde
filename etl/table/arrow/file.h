/* Arrow IPC files: written batch by batch, read whole.
 *
 * Source: "Arrow Columnar Format", section "Serialization and Interprocess Communication (IPC)", and the schemas
 * Schema.fbs, Message.fbs, File.fbs. Written with metadata version V5, little-endian, without compression; every buffer
 * is 64-byte aligned in the file. The footer's metadata holds `peal.batch_xxh3`: the XXH3 of each record batch's body.
 */
#ifndef PEAL_ETL_ARROW_FILE_H
#define PEAL_ETL_ARROW_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/file.h"
#include "core/base/status.h"
#include "etl/table/table.h"

/* ---- writing ---- */

typedef struct peal_arrow_writer peal_arrow_writer;

/* Begins a file at `path` with the columns of `schema` (its values are not looked at; a column with a `dictionary` is
 * written as dictionary-encoded utf8). `schema` must live as long as the writer. */
peal_status peal_arrow_writer_open(const char *path, const peal_table *schema, peal_arrow_writer **out,
                                   peal_error *err);
/* Appends one record batch; `table` has the schema's columns. */
peal_status peal_arrow_writer_batch(peal_arrow_writer *writer, const peal_table *table, peal_error *err);
/* The same in two halves. What depends on the table alone, the layout and the checksum, any thread makes; the batch
 * points into the table. `put` appends it to a file, or to several. */
typedef struct peal_arrow_batch peal_arrow_batch;
peal_status peal_arrow_batch_make(const peal_table *table, peal_arrow_batch **out, peal_error *err);
peal_status peal_arrow_writer_put(peal_arrow_writer *writer, const peal_arrow_batch *batch, peal_error *err);
size_t peal_arrow_batch_rows(const peal_arrow_batch *batch);
void peal_arrow_batch_free(peal_arrow_batch *batch); /* NULL is allowed */
/* Bytes written so far. */
uint64_t peal_arrow_writer_size(const peal_arrow_writer *writer);
/* Writes each dictionary column's texts (`dictionaries[i]` is column i's, NULL for others) and the footer, closes with
 * fsync if `sync`, and frees. `hash_out` (may be NULL) takes the XXH3 of the whole file. */
peal_status peal_arrow_writer_close(peal_arrow_writer *writer, const peal_dictionary *const *dictionaries, bool sync,
                                    uint64_t *hash_out, peal_error *err);
/* Closes and removes the file. NULL is allowed. */
void peal_arrow_writer_abort(peal_arrow_writer *writer);

/* ---- reading ---- */

typedef struct peal_arrow_file peal_arrow_file;

/* Reads the file into memory, not by a map: a file that is cut meanwhile is an error, not the end of the process.
 * Checks its structure: every offset and length is within the file. PEAL_E_DATA names the file and what is wrong. The
 * tables point into the memory and live as long as the file object. */
peal_status peal_arrow_file_open(const char *path, peal_arrow_file **out, peal_error *err);
/* The same for bytes that the caller keeps, 64-byte aligned; `name` is for messages. */
peal_status peal_arrow_file_parse(const uint8_t *bytes, size_t size, const char *name, peal_arrow_file **out,
                                  peal_error *err);
void peal_arrow_file_close(peal_arrow_file *file);
size_t peal_arrow_file_batches(const peal_arrow_file *file);
/* Batch `index` as a table. Codes of dictionary columns are checked against the dictionary by `verify`, not here. */
const peal_table *peal_arrow_file_batch(const peal_arrow_file *file, size_t index);
/* The columns, with no rows. */
const peal_table *peal_arrow_file_schema(const peal_arrow_file *file);
/* Compares every batch with its checksum and every code with its dictionary. */
peal_status peal_arrow_file_verify(const peal_arrow_file *file, peal_error *err);
/* Has all batches point into `bytes`, where the caller now keeps the same bytes. */
void peal_arrow_file_move(peal_arrow_file *file, const uint8_t *bytes);

#endif
