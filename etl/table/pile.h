/* A pile: rows of tables that have the same columns, copied one behind the other into one table. How rows that came in
 * pieces of any size become batches of a size that does not depend on the pieces. */
#ifndef PEAL_ETL_TABLE_PILE_H
#define PEAL_ETL_TABLE_PILE_H

#include "etl/table/table.h"

typedef struct peal_pile peal_pile;

/* An empty one, for tables with the columns of `schema`: names, types, widths, dictionaries. These outlive it. */
peal_status peal_pile_new(const peal_table *schema, peal_pile **out, peal_error *err);
/* Copies rows first .. first + count - 1 of `table` behind those that are there. PEAL_E_DATA if the texts or items of a
 * column become more than 2^31 - 1. */
peal_status peal_pile_add(peal_pile *pile, const peal_table *table, size_t first, size_t count, peal_error *err);
size_t peal_pile_rows(const peal_pile *pile);
/* All rows; it lasts until rows are added or forgotten. */
const peal_table *peal_pile_table(peal_pile *pile);
/* Forgets the rows; the memory stays. */
void peal_pile_forget(peal_pile *pile);
/* NULL is allowed. */
void peal_pile_free(peal_pile *pile);

/* What a row of such a table takes in bytes, about: of texts and lists what is usual. */
size_t peal_row_bytes(const peal_table *schema);

#endif
