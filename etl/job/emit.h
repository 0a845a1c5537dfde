/* The second pass: spilled rows go through the fitted pipeline, on all threads, and into shards, in order. */
#ifndef PEAL_ETL_EMIT_H
#define PEAL_ETL_EMIT_H

#include <stdatomic.h>

#include "core/base/event.h"
#include "core/thread/executor.h"
#include "etl/dataset/dataset.h"
#include "etl/job/ingest.h"
#include "etl/job/stage.h"
#include "etl/pipeline/pipeline.h"

/* `read` is the schema that was ingested; the pipeline's has the same columns, perhaps of other types. Adds the times
 * of the stages apply and write. */
peal_status peal_emit(peal_executor *executor, const peal_ingested *ingested, const peal_schema *read,
                      const peal_pipeline *pipeline, peal_dataset_writer *writer, const atomic_int *stop,
                      const peal_reporter *reporter, peal_stage_times *times, peal_error *err);

#endif
