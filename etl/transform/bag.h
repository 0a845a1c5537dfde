/* A bag: the sparse features of one row while they are made, in any order; put in order, each index once, at the end.
 */
#ifndef PEAL_ETL_TRANSFORM_BAG_H
#define PEAL_ETL_TRANSFORM_BAG_H

#include "core/base/memory.h"
#include "core/base/status.h"

typedef struct peal_bag_entry {
    uint32_t index;
    float value;
} peal_bag_entry;

typedef struct peal_bag {
    peal_bag_entry *entries; /* [count] */
    size_t count, capacity;
    peal_buffer text, places; /* scratch of who fills it */
} peal_bag;

void peal_bag_clear(peal_bag *bag);
peal_status peal_bag_add(peal_bag *bag, uint32_t index, float value, peal_error *err);
/* Sorts by index and adds up the values of equal ones, which are whole numbers: so their order makes no difference.
 * What adds up to zero is left out. */
void peal_bag_sort(peal_bag *bag);
/* Divides the values by the root of the sum of their squares. */
void peal_bag_normalise(peal_bag *bag);

#endif
