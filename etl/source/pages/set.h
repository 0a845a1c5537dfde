/* A set of texts. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_PAGES_SET_H
#define PEAL_ETL_SOURCE_PAGES_SET_H

#include "core/base/memory.h"

typedef struct pages__set_slot {
    uint64_t hash;
    const char *text; /* NULL: free */
} pages__set_slot;

/* Zero-initialise it. */
typedef struct pages__set {
    pages__set_slot *slots; /* [capacity], a power of two, never more than half full */
    size_t count, capacity;
    peal_arena *texts;
} pages__set;

/* *is_new: it was not in it. The text is copied. */
peal_status pages__set_add(pages__set *set, const char *text, bool *is_new, peal_error *err);
void pages__set_clear(pages__set *set);

#endif
