/* A dataset that grows: rows of a live source, window by window. What `peal etl --follow` does.
 *
 * The pipeline is fitted on the lines of the first windows and frozen. Each window adds a shard (several, where it is
 * larger than a shard may be), which is whole on the disk before the manifest that lists it replaces the one before; so
 * who reads meanwhile sees a whole dataset. The manifest holds the position behind the last window: a job that was
 * killed goes on from there, and ends in the same bits. */
#ifndef PEAL_ETL_JOB_GROW_H
#define PEAL_ETL_JOB_GROW_H

#include "etl/job/etl.h"

typedef struct peal_grow_options {
    peal_etl_options etl; /* of one source; with `resume` a dataset that stands at `out` is gone on with */
    uint64_t window_rows; /* 0: time alone closes a window */
    uint64_t window_ms;   /* 0: rows alone close it */
    uint64_t fit_windows; /* the pipeline is fitted on so many; at least 1 */
    bool has_idle;        /* the job ends when nothing has come for `idle_ms`; without it, at the end of a pipe or
                             connection only */
    uint64_t idle_ms;
} peal_grow_options;

enum { PEAL_WINDOW_ROWS = 100000 }; /* unless anything is said */

typedef struct peal_grow_result {
    uint64_t rows_in, rows_used, rows_dropped, rows_quarantined; /* of the whole dataset */
    uint64_t windows, new_windows;                               /* of the dataset; those that this job added */
    uint64_t new_rows;                                           /* good ones */
    uint64_t unknown; /* texts that the pipeline does not know, which count as missing; of this job */
    int64_t wall_ns;
} peal_grow_result;

/* Returns when the source ends. PEAL_E_USAGE for wishes that cannot be (a split of the rows: they all are for
 * training), PEAL_E_DATA for bad input, PEAL_E_INTERRUPTED after `stop`. Whatever it returns, the windows that were
 * closed stand in the dataset, and `result` counts them; if none was, no dataset appears. */
peal_status peal_grow(const peal_grow_options *options, peal_grow_result *result, peal_error *err);

#endif
