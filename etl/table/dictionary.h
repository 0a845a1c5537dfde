/* A set of distinct texts, numbered in the order of first appearance: the vocabulary behind a column of categories. */
#ifndef PEAL_ETL_DICTIONARY_H
#define PEAL_ETL_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/memory.h"
#include "core/base/status.h"

typedef struct peal_text {
    const char *data; /* not NUL-terminated; NULL means missing */
    uint32_t length;
} peal_text;

/* Look-ups in large dictionaries wait for memory, so all that one look-up needs is a line of the cache: a text is in
 * the bucket where its search begins, or, if that was full, in the next one that was not. */
enum { PEAL_BUCKET_TEXTS = 5 };
typedef struct peal_dictionary_bucket {
    uint64_t keys[PEAL_BUCKET_TEXTS];  /* peal_text_key.key */
    uint32_t code1[PEAL_BUCKET_TEXTS]; /* code + 1, and PEAL_TEXT_HASHED if the key is a hash; 0: free, as are all after
                                          it */
    uint32_t unused;
} peal_dictionary_bucket;
_Static_assert(sizeof(peal_dictionary_bucket) == 64, "a bucket is a line of the cache");

/* Callers read `size`, `texts` and `counts`; the rest belongs to the functions below. */
typedef struct peal_dictionary {
    uint32_t size;     /* distinct texts; codes are 0 .. size-1 */
    uint64_t *counts;  /* [size] how often each was seen; the caller counts */
    uint64_t *held;    /* [size] the same of rows that are held out */
    uint32_t *offsets; /* [size + 1] into `bytes`: Arrow's layout */
    peal_buffer bytes;
    peal_dictionary_bucket *buckets;
    uint32_t bucket_count;
    uint32_t capacity; /* of counts and offsets */
} peal_dictionary;

/* Zero-initialise a dictionary or call this; `clear` frees, `reset` empties but keeps the memory. */
void peal_dictionary_clear(peal_dictionary *dictionary);
void peal_dictionary_reset(peal_dictionary *dictionary);

/* The code of `text`, which is put in if it is new. `text` must be readable for 8 bytes or to its length, whichever is
 * more. */
peal_status peal_dictionary_intern(peal_dictionary *dictionary, const char *text, uint32_t length, uint32_t *code,
                                   peal_error *err);
/* The same in two halves, for loops that intern many texts: what the text is known by, and the look-up. Between the two
 * peal_dictionary_prefetch hides the time that memory takes. */
typedef struct peal_text_key {
    uint64_t key; /* the text itself if it has up to 8 bytes and the last one is not NUL, else its hash */
    const char *text;
    uint32_t length;
    uint32_t hashed; /* PEAL_TEXT_HASHED if the key is a hash, else 0 */
} peal_text_key;
#define PEAL_TEXT_HASHED (UINT32_C(1) << 31) /* codes are smaller, by the limit on a dictionary's bytes */

static inline peal_text_key peal_dictionary_key(const char *text, uint32_t length) {
    peal_text_key key = {.text = text, .length = length};
    if (length == 0) return key;
    if (length <= 8) {
        memcpy(&key.key, text, sizeof key.key);
        key.key &= UINT64_MAX >> (64 - 8 * length);
        if (key.key >> (8 * (length - 1))) return key; /* so the key tells the length, too */
    }
    key.key = peal_hash(text, length, 0);
    key.hashed = PEAL_TEXT_HASHED;
    return key;
}

/* The bucket where the search for a key begins. All of its bytes go into the upper half of the product, and a larger
 * table keeps the order of a smaller one, so growing walks through both from front to back. */
static inline uint32_t peal_dictionary_home(const peal_dictionary *dictionary, uint64_t key) {
    const uint64_t mixed = (key ^ key >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)((mixed >> 32) * dictionary->bucket_count >> 32);
}

/* Always inline: GCC drops calls of a function that does nothing but prefetch. */
__attribute__((always_inline)) static inline void peal_dictionary_prefetch(const peal_dictionary *dictionary,
                                                                           const peal_text_key *key) {
    if (!dictionary->buckets) return;
    __builtin_prefetch(&dictionary->buckets[peal_dictionary_home(dictionary, key->key)]);
}

/* The look-up of any text; for peal_dictionary_intern_key. */
peal_status etl__dictionary_intern_slow(peal_dictionary *dictionary, const peal_text_key *key, uint32_t *code,
                                        peal_error *err);

static inline peal_status peal_dictionary_intern_key(peal_dictionary *dictionary, const peal_text_key *key,
                                                     uint32_t *code, peal_error *err) {
    if (dictionary->buckets && !key->hashed) {
        const peal_dictionary_bucket *bucket = &dictionary->buckets[peal_dictionary_home(dictionary, key->key)];
        /* All are looked at, for it cannot be foretold which one it is, and a hash makes the sum of two too large. */
        uint32_t code1 = 0;
        for (size_t i = 0; i < PEAL_BUCKET_TEXTS; i++) {
            code1 |= bucket->code1[i] & (0 - (uint32_t)(bucket->keys[i] == key->key));
        }
        *code = code1 - 1;
        if (code1 && code1 < PEAL_TEXT_HASHED) return PEAL_OK;
    }
    return etl__dictionary_intern_slow(dictionary, key, code, err);
}

/* Interns a row of texts: the codes of keys[0 .. count-1]. */
peal_status peal_dictionary_intern_keys(peal_dictionary *dictionary, const peal_text_key *keys, size_t count,
                                        int32_t *codes, peal_error *err);

/* The same for text that ends where its memory ends. */
peal_status peal_dictionary_put(peal_dictionary *dictionary, const char *text, size_t length, uint32_t *code,
                                peal_error *err);
/* Makes room for `count` texts in all: they then come in without the table growing on the way. */
peal_status peal_dictionary_reserve(peal_dictionary *dictionary, size_t count, peal_error *err);
/* Fills a dictionary that is empty with the texts of another one, of the same codes; counts are 0. */
peal_status peal_dictionary_copy(const peal_dictionary *from, peal_dictionary *out, peal_error *err);
/* Bytes of memory that it holds. */
size_t peal_dictionary_memory(const peal_dictionary *dictionary);
/* The code of `text`, or -1. */
int64_t peal_dictionary_find(const peal_dictionary *dictionary, const char *text, size_t length);

/* Texts in the order of their bytes, a text before those that it begins. */
static inline int peal_text_compare(peal_text a, peal_text b) {
    uint32_t length = a.length < b.length ? a.length : b.length;
    int order = length ? memcmp(a.data, b.data, length) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static inline peal_text peal_dictionary_text(const peal_dictionary *dictionary, uint32_t code) {
    uint32_t begin = dictionary->offsets[code];
    return (peal_text){(const char *)dictionary->bytes.data + begin, dictionary->offsets[code + 1] - begin};
}

#endif
