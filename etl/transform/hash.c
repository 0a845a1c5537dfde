/* hash: a text becomes the number of one of 2^bits buckets, by its XXH3. Nothing is learnt and nothing kept, so any
 * number of distinct texts costs the same; different texts may share a bucket.
 *
 * Signed, it becomes a sparse feature, 1 or -1 by another bit of the hash, so that what texts of one bucket add to a
 * sum cancels out on average. Source: Weinberger, Dasgupta, Langford, Smola, Attenberg, "Feature Hashing for Large
 * Scale Multitask Learning", ICML 2009, section 2. */
#include <stdlib.h>

#include "core/base/digest.h"
#include "core/base/json.h"
#include "etl/transform/transform.h"

enum { MOST_BITS = 30, USUAL_BITS = 18 };

typedef struct hash {
    unsigned bits;
    uint64_t seed;
    bool is_signed;
} hash;

static const peal_option hash_options[] = {
    {"bits", PEAL_OPTION_COUNT, NULL, 1, MOST_BITS, "N", "there are 2^N buckets (18)"},
    {"seed", PEAL_OPTION_COUNT, NULL, 0, UINT64_C(1) << 53, "N", "of the hash (0)"},
    {"signed", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no", "sparse features instead of codes: 1 or -1 at the bucket (no)"},
    {.name = NULL},
};

static peal_status hash_load(const json_t *options, void **state, peal_error *err) {
    hash *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    uint64_t bits;
    PEAL_TRY(peal_transform_whole("hash", options, "bits", USUAL_BITS, 1, MOST_BITS, &bits, err));
    PEAL_TRY(peal_transform_whole("hash", options, "seed", 0, 0, (uint64_t)1 << 53, &self->seed, err));
    PEAL_TRY(peal_transform_flag(options, "signed", false, &self->is_signed, err));
    self->bits = (unsigned)bits;
    return PEAL_OK;
}

static json_t *hash_save(const void *state) {
    const hash *self = state;
    json_t *saved = json_pack("{s:i, s:I}", "bits", (int)self->bits, "seed", (json_int_t)self->seed);
    return self->is_signed ? peal_json_set(saved, "signed", json_true()) : saved;
}

static uint32_t hash_width(const void *state) {
    const hash *self = state;
    return (uint32_t)1 << self->bits;
}

static int32_t hash_encode(const void *state, peal_text text) {
    const hash *self = state;
    return text.data ? (int32_t)(peal_hash(text.data, text.length, self->seed) >> (64 - self->bits)) : -1;
}

static peal_status hash_fill(const void *state, peal_text text, peal_bag *bag, peal_error *err) {
    const hash *self = state;
    if (!text.data) return PEAL_OK;
    const uint64_t value = peal_hash(text.data, text.length, self->seed);
    return peal_bag_add(bag, (uint32_t)(value >> (64 - self->bits)), value & 1 ? -1.0f : 1.0f, err);
}

static bool hash_fills(const void *state) {
    return ((const hash *)state)->is_signed;
}

static bool hash_wants_rows(const json_t *options) {
    bool is_signed = false;
    return peal_transform_flag(options, "signed", false, &is_signed, NULL) == PEAL_OK && is_signed;
}

const peal_transform peal_transform_hash = {
    .name = "hash",
    .documentation = "texts: a column of codes, of buckets by a hash; keeps no vocabulary, so texts that were never "
                     "seen have codes too",
    .role = PEAL_TRANSFORM_ENCODE,
    .options = hash_options,
    .load = hash_load,
    .save = hash_save,
    .free = free,
    .width = hash_width,
    .encode = hash_encode,
    .fill = hash_fill,
    .fills = hash_fills,
    .wants_text = true,
    .wants_rows = hash_wants_rows,
};
