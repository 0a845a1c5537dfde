/* Packing: columns as few bytes as they need, for the spill. Numbers go into the narrowest type that loses nothing,
 * codes into as many bytes as there are texts, all else is copied as it is. */
#ifndef PEAL_ETL_TABLE_PACK_H
#define PEAL_ETL_TABLE_PACK_H

#include "etl/table/room.h"

/* Appends the room's rows, all columns that are not skipped. */
peal_status peal_table_pack(const peal_table_room *room, peal_buffer *out, peal_error *err);
/* Fills `room`, of the same schema, with `rows` rows that were packed at `at`; returns behind them, or NULL if there is
 * no memory. The bytes are trusted: they were checked by their hash. `at` is 8-byte aligned. */
const uint8_t *peal_table_unpack(const uint8_t *at, size_t rows, peal_table_room *room, peal_error *err);

/* Zeroes up to a multiple of 8 bytes. */
peal_status peal_pack_align(peal_buffer *out, peal_error *err);

#endif
