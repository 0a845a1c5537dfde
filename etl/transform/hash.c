/* hash: a text becomes the number of one of 2^bits buckets, by its XXH3. Nothing is learnt and nothing kept, so any
 * number of distinct texts costs the same; different texts may share a bucket. */
#include <math.h>
#include <stdlib.h>

#include "core/base/digest.h"
#include "etl/transform/transform.h"

enum { MOST_BITS = 30, USUAL_BITS = 18 };

typedef struct hash {
    unsigned bits;
    uint64_t seed;
} hash;

static const char *const hash_options[] = {"bits", "seed", NULL};

/* A whole number from `least` to `most`. */
static peal_status load_whole(const json_t *options, const char *key, double otherwise, double least, double most,
                              double *out, peal_error *err) {
    PEAL_TRY(peal_transform_number(options, key, otherwise, out, err));
    if (*out >= least && *out <= most && *out == floor(*out)) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "hash: '%s' must be a whole number from %.0f to %.0f", key, least, most);
}

static peal_status hash_load(const json_t *options, void **state, peal_error *err) {
    hash *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    double bits, seed;
    PEAL_TRY(load_whole(options, "bits", USUAL_BITS, 1, MOST_BITS, &bits, err));
    PEAL_TRY(load_whole(options, "seed", 0, 0, 0x1p53, &seed, err));
    self->bits = (unsigned)bits;
    self->seed = (uint64_t)seed;
    return PEAL_OK;
}

static json_t *hash_save(const void *state) {
    const hash *self = state;
    return json_pack("{s:i, s:I}", "bits", (int)self->bits, "seed", (json_int_t)self->seed);
}

static uint32_t hash_width(const void *state) {
    const hash *self = state;
    return (uint32_t)1 << self->bits;
}

static int32_t hash_encode(const void *state, peal_text text) {
    const hash *self = state;
    return text.data ? (int32_t)(peal_hash(text.data, text.length, self->seed) >> (64 - self->bits)) : -1;
}

const peal_transform peal_transform_hash = {
    .name = "hash",
    .documentation = "texts: a column of codes, each text that of one of 2^bits= buckets (18 unless said, at most 30) "
                     "by its hash with seed=; keeps no vocabulary, so texts that were never seen have codes too",
    .role = PEAL_TRANSFORM_ENCODE,
    .options = hash_options,
    .load = hash_load,
    .save = hash_save,
    .free = free,
    .width = hash_width,
    .encode = hash_encode,
    .wants_text = true,
};
