#include "core/digest.h"

#include <sys/types.h>

#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "core/file.h"

uint64_t peal_hash(const void *bytes, size_t size, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, size, seed);
}

void peal_hash_text(uint64_t hash, char text[17]) {
    snprintf(text, 17, "%016llx", (unsigned long long)hash);
}

struct peal_hasher {
    XXH3_state_t *state;
};

peal_hasher *peal_hasher_new(void) {
    peal_hasher *hasher = malloc(sizeof *hasher);
    if (!hasher) return NULL;
    hasher->state = XXH3_createState();
    if (!hasher->state) {
        free(hasher);
        return NULL;
    }
    XXH3_64bits_reset(hasher->state);
    return hasher;
}

void peal_hasher_update(peal_hasher *hasher, const void *bytes, size_t size) {
    XXH3_64bits_update(hasher->state, bytes, size);
}

uint64_t peal_hasher_end(const peal_hasher *hasher) {
    return XXH3_64bits_digest(hasher->state);
}

void peal_hasher_free(peal_hasher *hasher) {
    if (!hasher) return;
    XXH3_freeState(hasher->state);
    free(hasher);
}

peal_status peal_hash_file(const char *path, uint64_t *out, peal_error *err) {
    peal_map map;
    PEAL_TRY(peal_map_open(path, &map, err));
    *out = XXH3_64bits(map.data, map.size);
    peal_map_close(&map);
    return PEAL_OK;
}

peal_status peal_sha256_file(const char *path, char text[65], peal_error *err) {
    peal_map map;
    PEAL_TRY(peal_map_open(path, &map, err));
    SHA256Data(map.data, map.size, text);
    peal_map_close(&map);
    return PEAL_OK;
}
