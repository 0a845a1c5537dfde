/* A spill: what the first pass keeps of one input, so that it need not be inflated and parsed again.
 *
 * Fitting needs all rows before the first can be transformed. The parsed columns therefore go to a private file in the
 * staging folder, chunk by chunk (a chunk is a block's rows), in the narrowest type that loses nothing; beside them, in
 * memory and at the file's end, stands what was learnt of the columns: moments, vocabularies, counts of rows. The file
 * is Peal's own scratch: it is gone when the dataset stands. */
#ifndef PEAL_ETL_SPILL_H
#define PEAL_ETL_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/file.h"
#include "etl/format/format.h"
#include "etl/job/objects.h"
#include "etl/transform/transform.h"

typedef struct peal_spill_chunk {
    uint64_t offset, size; /* bytes in the file */
    uint64_t hash;         /* XXH3 of these bytes */
    uint64_t rows;
    uint64_t vocabulary; /* the number of the one that its codes are of */
    uint64_t log_size;   /* bytes of that vocabulary's log that know all its codes */
} peal_spill_chunk;

/* The first row of an object that is bad for its value's type, which is not settled: one column's. */
typedef struct peal_type_fault {
    uint64_t line; /* 0: there is none */
    char *reason;
} peal_type_fault;

typedef struct peal_spill {
    char *path;
    peal_out_file out;
    peal_spill_chunk *chunks;
    size_t chunk_count, chunk_capacity;
    peal_summary *summaries; /* [fields] moments of the training rows */
    peal_votes *votes;       /* [fields] what the values say of the types, of all rows */
    peal_type_fault *faults; /* [fields] */
    size_t field_count;
    uint64_t rows_used, rows_bad;
    peal_buffer bad; /* what is to be said of bad rows: JSON Lines */
    uint64_t hash;   /* of the input's bytes */
} peal_spill;

peal_status peal_spill_open(const char *path, size_t field_count, peal_spill *out, peal_error *err);
/* Writes the summaries to the end, so that a later job can take the spill over. `key` names input and job. */
peal_status peal_spill_finish(peal_spill *spill, uint64_t key, peal_error *err);
/* Takes over a finished spill, all of whose bytes are as they were written. Else `out` is empty (its path is NULL), and
 * *why says in words what is wrong; NULL if there is none at all. */
peal_status peal_spill_adopt(const char *path, size_t field_count, uint64_t key, peal_spill *out, const char **why,
                             peal_error *err);
/* Frees; the file stays. */
void peal_spill_clear(peal_spill *spill);

/* ---- chunks ---- */

/* Writes the block's rows to `out`; `splits` [rows] may be NULL. Any thread. */
peal_status peal_spill_encode(const peal_table_room *table, const uint8_t *splits, peal_buffer *out, peal_error *err);
/* Appends an encoded chunk; `chunk` tells all but where it stands. In block order. */
peal_status peal_spill_append(peal_spill *spill, const peal_buffer *encoded, const peal_spill_chunk *chunk,
                              peal_error *err);

/* Decoded rows; codes are those of the chunk's vocabulary. Reused from chunk to chunk. */
typedef struct peal_spill_rows {
    peal_table_room table;
    uint8_t *splits; /* [rows], all 0 if there are none */
    size_t split_capacity;
    peal_buffer raw;
} peal_spill_rows;
/* `schema` is the one that was read, and borrowed. */
peal_status peal_spill_rows_init(peal_spill_rows *rows, const peal_schema *schema, peal_error *err);
peal_status peal_spill_read(int fd, const peal_spill *spill, size_t chunk, peal_spill_rows *rows, peal_error *err);
void peal_spill_rows_clear(peal_spill_rows *rows);

#endif
