/* Hashes of bytes: XXH3 for speed (features, content checks), SHA-256 for names that people compare. */
#ifndef PEAL_CORE_DIGEST_H
#define PEAL_CORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* XXH3, 64 bits, of `size` bytes. */
uint64_t peal_hash(const void *bytes, size_t size, uint64_t seed);
/* 16 lower-case hexadecimal digits and a NUL. */
void peal_hash_text(uint64_t hash, char text[17]);

/* XXH3 of bytes that come in pieces. */
typedef struct peal_hasher peal_hasher;
peal_hasher *peal_hasher_new(void); /* NULL if there is no memory */
void peal_hasher_update(peal_hasher *hasher, const void *bytes, size_t size);
uint64_t peal_hasher_end(const peal_hasher *hasher);
void peal_hasher_free(peal_hasher *hasher);

/* The XXH3 of a whole file. */
peal_status peal_hash_file(const char *path, uint64_t *out, peal_error *err);
/* The SHA-256 of a whole file as 64 lower-case hexadecimal digits and a NUL. */
peal_status peal_sha256_file(const char *path, char text[65], peal_error *err);

#endif
