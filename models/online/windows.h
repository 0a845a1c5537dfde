/* Windows: a stream of rows, cut into pieces of a number of rows, one after the other. The seam between what a training
 * wants of a stream and where its rows come from: here finite files, standard input and pipes, through a scan.
 *
 * A window is a function of the rows and of its size alone, never of how they arrived. Where a stream stands is told by
 * the number of windows that are over and a fingerprint of all their rows: whoever goes on later reads as many again
 * and compares. */
#ifndef PEAL_MODELS_WINDOWS_H
#define PEAL_MODELS_WINDOWS_H

#include "etl/job/etl.h"
#include "models/online/psi.h"
#include "models/online/slab.h"

typedef struct models__windows models__windows;

typedef struct models__windows_options {
    const peal_etl_options
        *reading; /* sources, format, reading, access, on_bad_row, threads, stop and reporter of it */
    const peal_pipeline *pipeline;
    size_t rows; /* of a window */
    peal_following following;
    models__psi *psi;        /* looks at the raw rows as they come; may be NULL */
    const peal_taken *taken; /* see peal_source_options */
} models__windows_options;

typedef struct models__window {
    uint64_t number;      /* from 1 on */
    uint64_t fingerprint; /* of the rows of all windows up to this one */
    bool ended;           /* the stream is over: the window is what was left, perhaps nothing */
} models__window;

/* What `options` point to outlives it. */
peal_status models__windows_open(const models__windows_options *options, models__windows **out, peal_error *err);
void models__windows_close(models__windows *windows);
/* Whether its rows come once: a pipe, of which nobody can read a window again. */
bool models__windows_is_live(const models__windows *windows);
/* Fills the slab with the next window's rows. PEAL_E_INTERRUPTED if `stop` says so; rows that were read by then are in
 * no window. */
peal_status models__windows_next(models__windows *windows, models__slab *slab, models__window *out, peal_error *err);
/* Rows of the stream that were read so far: in = those in windows + dropped. Texts that the pipeline does not know. */
void models__windows_count(const models__windows *windows, uint64_t *in, uint64_t *dropped, uint64_t *unknown);

#endif
