/* Windows: the rows of a live source through a fitted pipeline, in order, so many at a time.
 *
 * A window closes when it has as many rows as were asked for, exactly, or when its time is over and it has a row,
 * whichever comes first; bad rows do not count. Where windows of a count end, and the tables in which their rows are
 * handed out, depend on the rows alone: not on how the bytes came, nor on threads. Each window ends at a *position*, at
 * which another one can begin later if the source is a file. Memory is bounded: a few blocks are in flight, and the
 * rows of two tables. */
#ifndef PEAL_ETL_JOB_WINDOWS_H
#define PEAL_ETL_JOB_WINDOWS_H

#include "etl/job/ingest.h"
#include "etl/job/position.h"
#include "etl/pipeline/pipeline.h"

typedef struct peal_windows_options {
    uint64_t rows;             /* of a window; 0: time alone closes it */
    uint64_t ms;               /* after which it is closed; 0: rows alone close it */
    peal_apply_for purpose;    /* what the rows are for */
    const peal_position *from; /* NULL: the beginning. `live` was opened there, and has been given its head */
    const json_t *reading;     /* options of the format, or NULL; borrowed, as all is */
    const char *const *nulls;  /* spellings of a missing value besides the pipeline's */
    size_t null_count;
    bool label_required; /* a row whose label is missing, or is none that the pipeline knows, is bad */
    peal_bad_rows on_bad_row;
    /* Is told each bad row that does not fail the job, in order, before the rows behind it; may be NULL. */
    peal_status (*bad_row)(void *user, const peal_bad_row *bad, peal_error *err);
    /* Is called where rows are waited for and none have come for a while; what it returns ends the windows unless it is
     * PEAL_OK. May be NULL. */
    peal_status (*idle)(void *user, peal_error *err);
    void *user;             /* of both */
    size_t threads;         /* 0: as many as there are CPUs */
    const atomic_int *stop; /* may be NULL */
    const peal_reporter *reporter;
} peal_windows_options;

/* More rows of a window. */
typedef struct peal_window_part {
    const peal_table *table; /* lasts until the next call but one; may have no rows */
    uint64_t number;         /* of the window, from 0 */
    uint64_t rows, bad;      /* of the window so far, with these */
    bool closes;             /* the window ends with them: */
    peal_position after;     /* where the next one begins */
    bool ended;              /* there are no more windows: the rest is empty */
} peal_window_part;

typedef struct peal_windows peal_windows;

/* `live` and `pipeline` outlive the windows. PEAL_E_USAGE if the format's options say an encoding, in which bytes have
 * no places. */
peal_status peal_windows_open(peal_live *live, const peal_pipeline *pipeline, const peal_windows_options *options,
                              peal_windows **out, peal_error *err);
/* The columns of the tables, with dictionaries and no rows. */
const peal_table *peal_windows_schema(const peal_windows *windows);
/* The next rows. Waits for them. The last window may have fewer, or none but bad ones. PEAL_E_DATA names a bad row, or
 * what became of the source; PEAL_E_INTERRUPTED after `stop`: of a source that cannot be returned to, rows that had
 * come are handed out first, as a window of their own. */
peal_status peal_windows_next(peal_windows *windows, peal_window_part *out, peal_error *err);
/* Texts met so far that a column of categories does not know, and the name of the first such column. */
uint64_t peal_windows_unknown(const peal_windows *windows, const char **column);
void peal_windows_close(peal_windows *windows); /* NULL is allowed */

#endif
