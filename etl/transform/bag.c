/* Entries of sparse features of one row; see bag.h. */
#include "etl/transform/bag.h"

#include <math.h>
#include <stdlib.h>

void peal_bag_clear(peal_bag *bag) {
    free(bag->entries);
    peal_buffer_clear(&bag->text);
    peal_buffer_clear(&bag->places);
    *bag = (peal_bag){0};
}

peal_status peal_bag_add(peal_bag *bag, uint32_t index, float value, peal_error *err) {
    if (bag->count == bag->capacity) {
        const size_t capacity = bag->capacity * 2 + 64;
        peal_bag_entry *longer = realloc(bag->entries, capacity * sizeof *longer);
        if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for the words of a text");
        bag->entries = longer;
        bag->capacity = capacity;
    }
    bag->entries[bag->count++] = (peal_bag_entry){index, value};
    return PEAL_OK;
}

static int by_index(const void *a, const void *b) {
    const uint32_t left = ((const peal_bag_entry *)a)->index, right = ((const peal_bag_entry *)b)->index;
    return (left > right) - (left < right);
}

void peal_bag_sort(peal_bag *bag) {
    size_t used = 0;
    if (bag->count == 0) return;
    qsort(bag->entries, bag->count, sizeof *bag->entries, by_index);
    for (size_t i = 0; i < bag->count;) {
        peal_bag_entry sum = bag->entries[i++];
        for (; i < bag->count && bag->entries[i].index == sum.index; i++) sum.value += bag->entries[i].value;
        if (sum.value != 0) bag->entries[used++] = sum;
    }
    bag->count = used;
}

void peal_bag_normalise(peal_bag *bag) {
    double squares = 0;
    for (size_t i = 0; i < bag->count; i++) squares += (double)bag->entries[i].value * (double)bag->entries[i].value;
    if (squares == 0) return;
    const double scale = 1 / sqrt(squares);
    for (size_t i = 0; i < bag->count; i++) bag->entries[i].value = (float)((double)bag->entries[i].value * scale);
}
