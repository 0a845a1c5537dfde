/* Keeps the maps that were used last and lets go of the others; see map_cache.h. */
#include "etl/job/map_cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MOST_BYTES = 64 << 20 }; /* of maps that nobody uses at the moment */

typedef struct cached_maps {
    peal_code_maps maps;
    size_t users;
    uint64_t last_use;
    bool made, making;
} cached_maps;

struct peal_map_cache {
    const peal_text_counts *texts;
    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t changed;
    cached_maps *entries; /* [count] */
    size_t count;
    size_t bytes; /* of all that are made */
    uint64_t uses;
};

peal_status peal_map_cache_new(const peal_text_counts *texts, size_t count, peal_map_cache **out, peal_error *err) {
    *out = NULL;
    peal_map_cache *cache = calloc(1, sizeof *cache);
    if (!cache) return peal_fail(err, PEAL_E_MEMORY, "no memory for codes of texts");
    *cache = (peal_map_cache){.texts = texts, .count = count};
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->changed, NULL);
    peal_status status = peal_alloc_checked(&cache->entries, count, sizeof *cache->entries, "codes of texts", err);
    if (status != PEAL_OK) {
        peal_map_cache_free(cache);
        return status;
    }
    *out = cache;
    return PEAL_OK;
}

void peal_map_cache_free(peal_map_cache *cache) {
    if (!cache) return;
    for (size_t i = 0; cache->entries && i < cache->count; i++) peal_code_maps_clear(&cache->entries[i].maps);
    free(cache->entries);
    pthread_cond_destroy(&cache->changed);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* Lets go of maps that have no user, those that were not used for longest first, until the rest is small enough. With
 * the lock held. */
static void shrink(peal_map_cache *cache) {
    while (cache->bytes > MOST_BYTES) {
        cached_maps *oldest = NULL;
        for (size_t i = 0; i < cache->count; i++) {
            cached_maps *entry = &cache->entries[i];
            if (!entry->made || entry->users) continue;
            if (!oldest || entry->last_use < oldest->last_use) oldest = entry;
        }
        if (!oldest) return;
        cache->bytes -= oldest->maps.size;
        peal_code_maps_clear(&oldest->maps);
        oldest->made = false;
    }
}

/* Makes the maps, with the lock held before and after; others may need them meanwhile and wait. */
static peal_status make(peal_map_cache *cache, size_t vocabulary, peal_error *err) {
    cached_maps *entry = &cache->entries[vocabulary];
    entry->making = true;
    pthread_mutex_unlock(&cache->lock);
    peal_status status = peal_text_counts_map(cache->texts, vocabulary, &entry->maps, err);
    pthread_mutex_lock(&cache->lock);
    entry->making = false;
    entry->made = status == PEAL_OK;
    cache->bytes += entry->maps.size;
    pthread_cond_broadcast(&cache->changed);
    return status;
}

peal_status peal_map_cache_take(peal_map_cache *cache, size_t vocabulary, const peal_code_map **maps, peal_error *err) {
    cached_maps *entry = &cache->entries[vocabulary];
    peal_status status = PEAL_OK;
    pthread_mutex_lock(&cache->lock);
    while (entry->making) pthread_cond_wait(&cache->changed, &cache->lock);
    if (!entry->made) status = make(cache, vocabulary, err);
    if (status == PEAL_OK) {
        entry->users++;
        entry->last_use = ++cache->uses;
        *maps = entry->maps.fields;
        shrink(cache);
    }
    pthread_mutex_unlock(&cache->lock);
    return status;
}

void peal_map_cache_give_back(peal_map_cache *cache, size_t vocabulary) {
    pthread_mutex_lock(&cache->lock);
    cache->entries[vocabulary].users--;
    pthread_mutex_unlock(&cache->lock);
}
