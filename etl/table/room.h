/* Room for rows: the columns of a schema while they are filled, by a parser or by the spill's decoder, row by row or a
 * column at once. Reused from block to block; looked at as a table when it is full.
 *
 * What a missing value is: of FLOAT64 a NaN, of a DICTIONARY the code of the empty text (or of another spelling that
 * the pipeline takes for missing), of all others a cleared bit of `validity`. */
#ifndef PEAL_ETL_TABLE_ROOM_H
#define PEAL_ETL_TABLE_ROOM_H

#include <string.h>

#include "etl/table/schema.h"

typedef struct peal_column_room {
    peal_type type, item;
    uint32_t width;
    void *values;     /* [capacity] values of a fixed size, int32 codes of a DICTIONARY, in the table's piece of memory;
                       * bytes     or items behind offsets in one of the column's own */
    size_t used;      /* bytes (UTF8, BINARY) or items (LIST) in `values` */
    size_t room;      /* for as many */
    int32_t *offsets; /* [capacity + 1] */
    uint8_t *validity; /* NULL: nothing is missing so far */
    size_t null_count;
} peal_column_room;

typedef struct peal_table_room {
    const peal_schema *schema;
    size_t rows, capacity;
    uint8_t *values;               /* the piece of memory */
    peal_column_room *columns;     /* [schema->count]; one that is skipped has no memory */
    peal_dictionary *dictionaries; /* [schema->count] what the codes mean; borrowed if `borrows` */
    bool borrows;
    peal_column *view, *children; /* [schema->count] of peal_table_room_view */
} peal_table_room;

/* Columns without room. The schema is borrowed. */
peal_status peal_table_room_init(peal_table_room *room, const peal_schema *schema, peal_error *err);
void peal_table_room_clear(peal_table_room *room);
/* Makes room for `rows` rows; keeps nothing of what was there, and begins anew with none. */
peal_status peal_table_room_reserve(peal_table_room *room, size_t rows, peal_error *err);
/* Puts the dictionaries of somebody else in the place of its own, who empties them; NULL: its own again. */
void peal_table_room_borrow(peal_table_room *room, peal_dictionary *dictionaries);
void peal_table_room_reset_dictionaries(peal_table_room *room);
/* The rows as a table, which lasts until the room changes. Its columns are those of the schema; one that is skipped has
 * no values. */
const peal_column *peal_table_room_view(peal_table_room *room);

/* Marks row `row` as missing, of a type that has validity. */
peal_status peal_column_room_set_missing(peal_table_room *room, size_t column, size_t row, peal_error *err);
/* Takes that back: nothing is known of the row, which was given up. */
void peal_column_room_forget_missing(peal_column_room *column, size_t row);
/* Row `row` becomes these bytes of a UTF8 or BINARY; rows come in order. */
peal_status peal_column_room_put_bytes(peal_column_room *column, size_t row, const void *bytes, size_t size,
                                       peal_error *err);
/* Room for `items` more items of the child of a LIST behind `used`; NULL if there is no memory. */
void *peal_column_room_items(peal_column_room *column, size_t items, peal_error *err);
/* Row `row` of a LIST becomes these items; rows come in order. */
peal_status peal_column_room_put_items(peal_column_room *column, size_t row, const void *items, size_t count,
                                       peal_error *err);

#endif
