/* The stream that is learnt from: its source, if that comes bit by bit, and the pipeline of its rows, which is fitted
 * on the first ones. Of a file that is followed the run folder keeps both (stream.json), so that a job that was killed
 * goes on behind the last window, though what stood before it may be gone. Of sources that end it keeps how many lines
 * the pipeline was fitted on, and where the source ended when jobs went on: with what has been added since, its first
 * windows would be others. */
#ifndef PEAL_MODELS_ONLINE_STREAM_H
#define PEAL_MODELS_ONLINE_STREAM_H

#include "etl/job/position.h"
#include "models/online/follow.h"

typedef struct models__stream {
    const peal_follow_options *options;
    peal_live *live;  /* NULL: sources that end, which are read by their names; or recalled and not opened yet */
    json_t *pipeline; /* fitted */
    bool is_recalled; /* the pipeline and the head are the run folder's */
    char *head;       /* then; see peal_live_head_digits */
    /* Of sources that end: */
    size_t fit_lines; /* the pipeline was fitted on so many; 0: it is not known yet, or was given */
    uint64_t *ends;   /* [end_count] rows after which a job had ended that another one went on with */
    size_t end_count;
} models__stream;

/* Opens the source and fits the pipeline on its first windows, or takes over `given` (NULL: there is none). With
 * `resume`, of a file that is followed, what the run folder has kept is read instead, if it has. PEAL_E_USAGE if it
 * followed another file. Cleared by the caller, whatever happens. */
peal_status models__stream_begin(const peal_follow_options *options, const json_t *given, models__stream *out,
                                 peal_error *err);
/* Keeps it in the run folder, if there is one and the source can be read again. The run is a new one. */
peal_status models__stream_keep(const models__stream *stream, peal_error *err);
/* A job goes on behind so many rows of sources that end. */
peal_status models__stream_add_end(models__stream *stream, uint64_t rows, peal_error *err);
/* Keeps in the run folder where its jobs went on. */
peal_status models__stream_keep_ends(const models__stream *stream, peal_error *err);
/* Opens a recalled one: behind a position, or at the beginning (NULL). */
peal_status models__stream_go_on(models__stream *stream, const peal_position *from, peal_error *err);
void models__stream_clear(models__stream *stream);

#endif
