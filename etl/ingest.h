/* The first pass: every input is inflated and parsed once, by the threads of one pool, and spilled.
 *
 *   read (inflate, cut into blocks) -> parse (columns, moments, encode) -> collect (vocabularies, spill)
 *
 * Blocks of an input are read and collected in order and parsed in any; inputs are independent of each other. The
 * number of blocks is fixed, so memory is bounded whatever the inputs' size: a thread that finds no free block helps to
 * parse or to collect. Nothing in a spill depends on the number of threads. */
#ifndef PEAL_ETL_INGEST_H
#define PEAL_ETL_INGEST_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "core/executor.h"
#include "etl/input.h"
#include "etl/pipeline.h"
#include "etl/spill.h"
#include "etl/stage.h"

typedef enum peal_bad_rows { PEAL_BAD_ROWS_FAIL, PEAL_BAD_ROWS_DROP, PEAL_BAD_ROWS_QUARANTINE } peal_bad_rows;

typedef struct peal_ingest_options {
    const char *folder; /* where the spills go */
    peal_bad_rows on_bad_row;
    bool adopt;             /* take over finished spills that stand in the folder */
    uint64_t job_hash;      /* of what shapes a spill, so that only fitting ones are taken over */
    const atomic_int *stop; /* not 0: stop with PEAL_E_INTERRUPTED; NULL is allowed */
    const peal_reporter *reporter;
} peal_ingest_options;

/* Makes spills [inputs->count], which the caller clears one by one (also on failure) and frees. Fills in what was
 * learnt of the inputs (hash, rows) and the times of the stages read, parse and collect. */
peal_status peal_ingest(peal_executor *executor, peal_input_list *inputs, const peal_pipeline *pipeline,
                        const peal_ingest_options *options, peal_spill **spills, peal_stage_times *times,
                        peal_error *err);

#endif
