/* Windows: a stream of rows, cut into pieces, one after the other. The seam between what a training wants of a stream
 * and where its rows come from: a source that comes bit by bit, or sources that end, through a scan.
 *
 * A window has a number of rows; of what comes bit by bit it also ends when its time is over and it has a row, if it
 * has a time. Without one it is a function of the rows and of its size alone, never of how they arrived. Where a stream
 * stands is told by the number of windows that are over and a fingerprint of all their rows, so that whoever goes on
 * later can read as many again and compare; and of a file that is followed by its position. */
#ifndef PEAL_MODELS_WINDOWS_H
#define PEAL_MODELS_WINDOWS_H

#include "etl/job/position.h"
#include "models/online/psi.h"
#include "models/online/slab.h"

typedef struct models__windows models__windows;

typedef struct models__window {
    uint64_t number;        /* from 1 on */
    uint64_t fingerprint;   /* of the rows of all windows up to this one */
    uint64_t used, dropped; /* rows of all of them; bad ones before its last row */
    peal_position after;    /* of a live source: where the next one begins */
    bool ended;             /* the stream is over: the window is what was left, perhaps nothing */
} models__window;

typedef struct models__windows_options {
    const peal_etl_options
        *reading; /* sources, format, reading, access, on_bad_row, threads, stop and reporter of it */
    const peal_pipeline *pipeline;
    size_t rows;          /* of a window, at most */
    uint64_t ms;          /* after which it ends; 0: rows alone end it */
    peal_live *live;      /* in the place of the sources: opened, its head known; NULL: they end */
    const uint64_t *ends; /* [end_count] rising numbers of rows behind which a window ends, too: there a stream ended
                             to which more was added later; borrowed */
    size_t end_count;
    const models__window *behind; /* a live source was opened behind this window; NULL: at its beginning */
    models__psi *psi;             /* looks at the raw rows as they come; may be NULL */
} models__windows_options;

/* What `options` point to outlives it, but `behind`. */
peal_status models__windows_open(const models__windows_options *options, models__windows **out, peal_error *err);
void models__windows_close(models__windows *windows);
/* Fills the slab with the next window's rows. PEAL_E_INTERRUPTED if `stop` says so; rows that were read by then are in
 * no window. PEAL_E_DATA names a bad row, if such fail the job. */
peal_status models__windows_next(models__windows *windows, models__slab *slab, models__window *out, peal_error *err);
#endif
