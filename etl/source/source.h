/* Sources: where bytes come from. Files, folders (their files, sorted by name, hidden ones left out), globs, "-". */
#ifndef PEAL_ETL_SOURCE_SOURCE_H
#define PEAL_ETL_SOURCE_SOURCE_H

#include <stddef.h>

#include "core/status.h"

/* A list of file paths, in the order in which their rows count. */
typedef struct peal_source_list {
    char **paths;
    size_t count;
} peal_source_list;

/* Expands what the user named. PEAL_E_DATA if something is not there or matches nothing. */
peal_status peal_source_list_make(const char *const *sources, size_t count, peal_source_list *out, peal_error *err);
void peal_source_list_clear(peal_source_list *list);

#endif
