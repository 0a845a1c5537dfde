/* A dataset that grows by windows: each is part of it, whole on the disk, or leaves no trace.
 *
 * Windows are written in order on a thread of their own, while the caller makes the rows of the next one: what a disk
 * takes to hold them keeps no row waiting. So what fails is told by a later call, and what stands is known when one has
 * waited. The dataset appears with its first window. */
#ifndef PEAL_ETL_JOB_GROWTH_H
#define PEAL_ETL_JOB_GROWTH_H

#include <jansson.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "etl/dataset/dataset.h"
#include "etl/job/position.h"

typedef struct peal_growth peal_growth;

/* What stands in the dataset. */
typedef struct peal_grown {
    uint64_t windows;             /* with a good row */
    uint64_t rows_used, rows_bad; /* of all windows */
    uint64_t quarantine_bytes;    /* of its file; what a killed job left behind them is cut */
    peal_position position;       /* of the source, behind the last window */
} peal_grown;

typedef struct peal_growth_options {
    const char *folder;       /* the dataset's; borrowed, as all is */
    const char *source;       /* its name, for the manifest */
    const char *head;         /* of the source, as digits */
    json_t *job;              /* its description */
    const char *pipeline;     /* as JSON text */
    const peal_table *schema; /* of the windows' tables */
    bool quarantines;         /* bad rows are kept, not dropped */
    const json_t *manifest;   /* of the dataset that is gone on with, where `grown` stands; NULL: there is none */
    peal_grown grown;
    /* Where the dataset stands until its first window does, or the lock on the one that is gone on with: taken over. */
    peal_staging *staging;
    peal_lock *lock;
} peal_growth_options;

/* Takes staging and lock over even on failure. PEAL_E_DATA: the quarantine of the dataset is damaged. */
peal_status peal_growth_open(const peal_growth_options *options, peal_growth **out, peal_error *err);

/* More rows of the present window: */
typedef struct peal_growth_part {
    const peal_table *table; /* which lasts until the next call has returned; may have no rows */
    peal_buffer *bad;        /* lines for the quarantine, which are taken: the buffer is empty afterwards */
    bool closes;             /* the window ends with them, and stands in the dataset next: */
    uint64_t rows, bad_rows; /* that it has */
    peal_position after;     /* where the next one begins */
} peal_growth_part;
/* Waits until the part before is written, and has this one written. What failed once fails every call. */
peal_status peal_growth_put(peal_growth *growth, const peal_growth_part *part, peal_error *err);
/* Waits until all is written that was put. */
peal_status peal_growth_wait(peal_growth *growth, peal_error *err);
/* What stands, of one that has waited. */
const peal_grown *peal_growth_grown(const peal_growth *growth);
/* Waits, and frees; what stands stays. NULL is allowed. */
void peal_growth_close(peal_growth *growth);

#endif
