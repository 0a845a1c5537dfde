/* Marks: a feature of 0 and 1 beside a transform's own, that its value was missing. What is wished, what the rows make
 * of it, and both as they are saved. */
#ifndef PEAL_ETL_TRANSFORM_MARK_H
#define PEAL_ETL_TRANSFORM_MARK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

/* Begins as all 0: none is wished. */
typedef struct peal_mark {
    unsigned wish; /* index in peal_mark_names */
    bool is_made;
} peal_mark;

extern const char *const peal_mark_names[]; /* "no", "yes", "auto"; ends with NULL */

peal_status peal_mark_load(const json_t *options, peal_mark *out, peal_error *err);
/* Adds it to what is saved, which may be NULL and is returned. */
json_t *peal_mark_save(const peal_mark *mark, json_t *saved);
/* Wishes for it by name. */
void peal_mark_ask(peal_mark *mark);
/* Decides by the training rows, of which so many lack the value and the others have it. */
void peal_mark_fit(peal_mark *mark, uint64_t missing, uint64_t there);
/* Unmakes a mark that nobody asked for by name; whether there was one. */
bool peal_mark_take_back(peal_mark *mark);

#endif
