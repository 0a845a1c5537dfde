/* XXH3 and SHA-256 of memory and of files; see digest.h. */
#include "core/base/digest.h"

#include "core/base/hash.h"

#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

uint64_t core__hash_long(const void *bytes, size_t size, uint64_t seed) {
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

/* Gives all bytes of a file to `take`, piece by piece. Not by a map: a file that is cut meanwhile is no SIGBUS. */
static peal_status digest_file(const char *path, void (*take)(void *user, const void *bytes, size_t size), void *user,
                               peal_error *err) {
    enum { PIECE = 1 << 18 };
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open %s", path);
    uint8_t *bytes = malloc(PIECE);
    peal_status status = bytes ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a checksum");
    for (ssize_t got = 1; status == PEAL_OK && got > 0;) {
        got = read(fd, bytes, PIECE);
        if (got > 0) take(user, bytes, (size_t)got);
        if (got < 0 && errno == EINTR) got = 1;
        if (got < 0) status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read %s", path);
    }
    free(bytes);
    close(fd);
    return status;
}

static void take_xxh3(void *user, const void *bytes, size_t size) {
    peal_hasher_update(user, bytes, size);
}

static void take_sha256(void *user, const void *bytes, size_t size) {
    SHA256Update(user, bytes, size);
}

peal_status peal_hash_file(const char *path, uint64_t *out, peal_error *err) {
    peal_hasher *hasher = peal_hasher_new();
    if (!hasher) return peal_fail(err, PEAL_E_MEMORY, "no memory for a checksum");
    peal_status status = digest_file(path, take_xxh3, hasher, err);
    if (status == PEAL_OK) *out = peal_hasher_end(hasher);
    peal_hasher_free(hasher);
    return status;
}

peal_status peal_sha256_file(const char *path, char text[65], peal_error *err) {
    SHA2_CTX context;
    SHA256Init(&context);
    PEAL_TRY(digest_file(path, take_sha256, &context, err));
    SHA256End(&context, text);
    return PEAL_OK;
}
