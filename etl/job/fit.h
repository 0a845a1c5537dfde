/* Fitting: what the first pass learnt of the columns becomes the state of their transforms. Between the two passes of
 * ETL.
 */
#ifndef PEAL_ETL_JOB_FIT_H
#define PEAL_ETL_JOB_FIT_H

#include <stdatomic.h>

#include "core/thread/executor.h"
#include "etl/job/ingest.h"
#include "etl/job/types.h"

/* All is borrowed. */
typedef struct peal_fit_job {
    const peal_object_list *objects;
    const peal_ingested *ingested;
    const peal_schema *read; /* the types that the spills hold */
    const peal_plan_options *plan;
    size_t label;               /* index, or SIZE_MAX */
    const peal_odd_values *odd; /* [fields] see types.h */
    peal_pipeline *pipeline;
    peal_executor *executor;
    const atomic_int *stop;
    const peal_reporter *reporter;
} peal_fit_job;

/* Fits the pipeline, reports what is done to the columns, and warns of classes, texts and numbers that hardly are what
 * was meant. A column of which nearly every row has a text of its own is left out. */
peal_status peal_fit(const peal_fit_job *job, peal_error *err);

#endif
