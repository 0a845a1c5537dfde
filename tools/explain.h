/* `peal etl --explain`. */
#ifndef PEAL_TOOLS_EXPLAIN_H
#define PEAL_TOOLS_EXPLAIN_H

#include <jansson.h>

#include "etl/job/etl.h"

/* Prints what each stage did with its time, what the job waited for, and what could be gained. */
void tools_explain(const peal_etl_result *result);

/* {"most", "seconds", "receiving", "short_of"}; NULL if there is no memory. */
json_t *tools_usage_json(const peal_source_usage *usage);

#endif
