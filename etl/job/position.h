/* How far the rows of a live source are used: what is kept with them, so that another one can begin behind them. */
#ifndef PEAL_ETL_JOB_POSITION_H
#define PEAL_ETL_JOB_POSITION_H

#include <jansson.h>

#include "etl/job/live.h"

/* Behind the last record that was used. */
typedef struct peal_position {
    peal_place place; /* where the next record begins */
    uint64_t line;    /* its line, counted over all that was followed */
} peal_position;

/* NULL if there is no memory. */
json_t *peal_position_save(const peal_position *position);
/* False if `saved` is no position. */
bool peal_position_load(const json_t *saved, peal_position *out);

/* Where somebody is who uses the records of a live source block by block. */
typedef struct peal_track {
    const peal_live *live;
    peal_position at;    /* behind the records that were used before the last move */
    int64_t line_offset; /* of the reader's lines to those of all that was followed */
    size_t end;          /* of the last record that was used since, in its block's text; 0: none was */
} peal_track;

/* Begins at the beginning, or at `from`: then `live` was opened there, and has been given its head. */
void peal_track_begin(peal_track *track, const peal_live *live, const peal_position *from);
/* The line of a byte of the block's text. */
uint64_t peal_track_line(const peal_track *track, const peal_block *block, size_t at);
/* Moves behind the last record that was used, which is of this block. The source is still open. */
void peal_track_move(peal_track *track, const peal_block *block);

#endif
