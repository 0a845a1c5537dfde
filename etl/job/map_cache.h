/* What the codes of each vocabulary become, for the chunks in flight: made when a chunk first needs it and kept as long
 * as there is room, so that memory does not depend on how many vocabularies there are. */
#ifndef PEAL_ETL_MAP_CACHE_H
#define PEAL_ETL_MAP_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "etl/job/text_counts.h"

typedef struct peal_map_cache peal_map_cache;

/* For vocabularies 0 .. count-1. `texts` is borrowed, and its pipeline must be fitted. */
peal_status peal_map_cache_new(const peal_text_counts *texts, size_t count, peal_map_cache **out, peal_error *err);
/* NULL is allowed. */
void peal_map_cache_free(peal_map_cache *cache);

/* (*maps)[field][code]; they stay until they are given back. Any thread. */
peal_status peal_map_cache_take(peal_map_cache *cache, size_t vocabulary, const peal_code_map **maps, peal_error *err);
void peal_map_cache_give_back(peal_map_cache *cache, size_t vocabulary);

#endif
