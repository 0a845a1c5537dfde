/* The first pass: every input is inflated and parsed once, by the threads of one pool, and spilled.
 *
 *   read (inflate, cut into blocks) -> parse (columns, vocabulary, moments, encode) -> collect (spill)
 *
 * Blocks of an input are read and collected in order and parsed in any; inputs are independent of each other. The
 * number of blocks is fixed and a vocabulary that has grown large is closed, so memory is bounded whatever the inputs'
 * size and however many distinct texts they hold: a thread that finds no free block helps to parse or to collect. Which
 * codes stand in a spill depends on the threads, what they mean does not. */
#ifndef PEAL_ETL_INGEST_H
#define PEAL_ETL_INGEST_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/event.h"
#include "core/thread/executor.h"
#include "etl/job/objects.h"
#include "etl/job/spill.h"
#include "etl/job/stage.h"
#include "etl/job/text_counts.h"
#include "etl/pipeline/pipeline.h"

/* What is done with a row that is bad; or with a source that cannot be read. */
typedef enum peal_bad_rows { PEAL_BAD_ROWS_FAIL, PEAL_BAD_ROWS_DROP, PEAL_BAD_ROWS_QUARANTINE } peal_bad_rows;

/* A line of JSON that names a bad row: {"file", "line", "reason", "text"}. Freed by the caller. */
peal_status peal_bad_row_text(const char *path, const peal_bad_row *bad, char **out, peal_error *err);

typedef struct peal_ingest_options {
    const char *folder;      /* where the spills go */
    const peal_schema *read; /* the columns, with the types that they are read as */
    bool label_as_text;      /* the user said so: NA is a class */
    bool tell_extra;         /* columns that an object has and the schema has not */
    peal_bad_rows on_bad_row;
    bool adopt;                   /* take over finished spills that stand in the folder */
    uint64_t job_hash;            /* of what shapes a spill, so that only fitting ones are taken over */
    size_t block_size;            /* bytes of text that are parsed at once; 0: the default */
    size_t text_memory;           /* bytes for the vocabularies of all threads; 0: the default */
    struct peal_image_crew *crew; /* processes that decode images, or NULL */
    const atomic_int *stop;       /* not 0: stop with PEAL_E_INTERRUPTED; NULL is allowed */
    const peal_reporter *reporter;
} peal_ingest_options;

/* What the first pass made. */
typedef struct peal_ingested {
    peal_spill *spills; /* [inputs] */
    size_t spill_count;
    size_t left_out;         /* objects that turned out to be unreadable, of a list that goes on then */
    peal_text_counts *texts; /* of all vocabularies that the spills' chunks name */
    size_t vocabulary_count;
} peal_ingested;

/* Fills in what was learnt of the objects (hash, rows), too, and the times of the stages read, parse and collect. Of
 * the pipeline the nulls, the label, the split and the steps of texts are used. A row that is bad for a type that is
 * not settled is noted in its spill (votes, faults) and no failure yet. Where an object was left out, what was learnt
 * is of no use, for some of its rows may be in it: a second call that adopts takes all other spills over. The caller
 * clears `out`, also on failure. */
peal_status peal_ingest(peal_executor *executor, peal_object_list *objects, const peal_pipeline *pipeline,
                        const peal_ingest_options *options, peal_ingested *out, peal_stage_times *times,
                        peal_error *err);
void peal_ingested_clear(peal_ingested *ingested);

#endif
