/* Tiles: some hundred rows of a block that are as they should be, parsed column by column. One column's look-ups follow
 * each other, so their waits for memory overlap, and what differs by column is decided once a tile. Private to CSV. */
#ifndef PEAL_ETL_FORMAT_CSV_TILE_H
#define PEAL_ETL_FORMAT_CSV_TILE_H

#include "etl/format/csv.h"
#include "etl/format/row.h"

typedef struct csv__tile {
    const csv__reader *reader;
    row__writer *writer;
    const uint32_t *marks; /* [rows * reader->column_count] */
    size_t begin;          /* of the first row in the block's text */
    size_t rows;
    peal_votes *votes; /* [fields] scratch */
} csv__tile;

/* How many rows a tile may have where so many marks are left; 0: so few that tiles do not pay. */
size_t csv__tile_rows(const csv__reader *reader, size_t marks_left);

/* Parses the rows if each has all fields and none is bad; else *done is false, and nothing has happened. Fields are
 * what lies between marks: there are no quotes and comments in the text, nothing to trim, no NUL. */
peal_status csv__parse_tile(const csv__tile *tile, bool *done, peal_error *err);

#endif
