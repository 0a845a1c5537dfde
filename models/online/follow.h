/* Learning from a stream: what `peal train --follow` does.
 *
 * The rows come in windows. A window is a transaction: its rows are predicted with the model as it is
 * (test-then-train), learnt, and committed, with where the stream stands; then the model is published: it takes its
 * place at `out` whole, by a rename, with the number of windows in it as its version. A killed job goes on from its
 * last checkpoint, to the same bits, where the source can be read again: of a file that is followed, behind the
 * position that the checkpoint holds; of others all windows are read again and compared.
 *
 * The pipeline is fitted on the first windows' rows, or is that of the model that is gone on from, and then stays as it
 * is. Whether the stream stays what it was is measured: by the loss (adwin.h) and column by column (psi.h). */
#ifndef PEAL_MODELS_FOLLOW_H
#define PEAL_MODELS_FOLLOW_H

#include "etl/job/etl.h"
#include "models/train/train.h"

typedef struct peal_follow_options {
    /* As of peal_train, but that there is no dataset and nothing held out: `epochs` are passes over a window, the
     * rate's schedule has no end. */
    peal_train_options train;
    /* The stream: sources, and how they are read; and the plan of its pipeline, unless train.init has one. `out` is not
     * looked at. */
    peal_etl_options etl;
    size_t window;            /* rows of one; of one that ends with its time, at most */
    uint64_t window_ms;       /* after which one ends that has a row; 0: rows alone end it. Of one source that comes bit
                                 by bit */
    size_t fit_windows;       /* on the rows of so many the pipeline is fitted */
    size_t publish;           /* after every so many windows the model is published, and a checkpoint written */
    peal_following following; /* with `files` a file is read on as it grows and is rotated (one, and no compressed one),
                                 else to its end */
} peal_follow_options;

peal_follow_options peal_follow_default(void);

typedef struct peal_follow_result {
    uint64_t rows_in, rows_used, rows_dropped; /* of the stream: in = used + dropped; of a resumed job from its start */
    uint64_t learnt;                           /* used ones that had a label */
    uint64_t windows;                          /* the model's version */
    uint64_t drifts;                           /* windows in which the loss or a column was seen to move */
    bool has_metrics;
    double loss, accuracy, rmse, mae; /* of all rows, each predicted before it was learnt: of classes, or of numbers */
    uint32_t classes;                 /* 0: a number */
    double rows_per_second;           /* of this process */
    char model_sha256[65];
    size_t partitions, workers, deaths;
} peal_follow_result;

/* PEAL_E_USAGE for options that can be no right ones, whatever the rows. */
peal_status peal_follow_check(const peal_follow_options *options, peal_error *err);

/* Learns until the stream ends; what is left then is a window, too. PEAL_E_INTERRUPTED after `train.stop`: windows
 * that are committed by then are published. Else as peal_train. */
peal_status peal_follow(const peal_follow_options *options, peal_follow_result *result, peal_error *err);

#endif
