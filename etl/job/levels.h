/* Levels: fits that need to see what other fitted steps give.
 *
 * The first pass learns moments of raw columns, from which most steps are fitted in a row, each turning the summary of
 * its input into that of its output. A step that wants a histogram, or that stands behind one whose output cannot be
 * told so, begins a level: one more pass over the spill, never over the input, applies the steps that are fitted and
 * summarises what comes out. All columns share a level's pass; a pipeline of default steps has none. */
#ifndef PEAL_ETL_LEVELS_H
#define PEAL_ETL_LEVELS_H

#include <stdatomic.h>

#include "etl/job/ingest.h"

typedef struct peal_levels_job {
    const peal_ingested *ingested;
    const peal_schema *read; /* as it was ingested */
    peal_executor *executor;
    const atomic_int *stop;
    const peal_reporter *reporter;
} peal_levels_job;

/* Fits what is left of the pipeline; next[column] is the step that waits (peal_pipeline_fit). Moments are
 * merged in the order of the chunks, histograms are the same in any, so the number of threads makes no difference. */
peal_status peal_levels_fit(const peal_levels_job *job, peal_pipeline *pipeline, size_t *next, peal_error *err);

#endif
