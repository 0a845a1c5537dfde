/* The check of a dataset's manifest as a whole, at load; what was checked is trusted afterwards. */
#ifndef PEAL_ETL_MANIFEST_H
#define PEAL_ETL_MANIFEST_H

#include <jansson.h>

#include "core/base/status.h"

/* PEAL_E_DATA with what is wrong: counts of rows that do not add up, splits that do not exist, shards with another name
 * than their place gives them (so none is named twice), a checksum or count that is missing. The seal and the pipeline
 * are checked by others. */
peal_status etl__manifest_check(const json_t *manifest, const char *path, peal_error *err);

#endif
