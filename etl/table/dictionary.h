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

typedef struct peal_dictionary_slot {
    uint64_t key; /* the text itself up to 8 bytes, else its hash */
    uint32_t length;
    uint32_t code1; /* code + 1; 0: free */
} peal_dictionary_slot;

/* Callers read `size`, `texts` and `counts`; the rest belongs to the functions below. */
typedef struct peal_dictionary {
    uint32_t size;     /* distinct texts; codes are 0 .. size-1 */
    uint64_t *counts;  /* [size] how often each was seen; the caller counts */
    uint64_t *held;    /* [size] the same of rows that are held out */
    uint32_t *offsets; /* [size + 1] into `bytes`: Arrow's layout */
    peal_buffer bytes;
    peal_dictionary_slot *slots;
    uint32_t slot_mask;
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
    uint64_t key;
    const char *text;
    uint32_t length;
} peal_text_key;
static inline uint32_t peal_dictionary_slot_of(uint64_t key, uint32_t length) {
    uint64_t mixed = (key ^ length) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(mixed >> 32) ^ (uint32_t)(mixed >> 17);
}

static inline peal_text_key peal_dictionary_key(const char *text, uint32_t length) {
    peal_text_key key = {.text = text, .length = length};
    if (length > 8) {
        key.key = peal_hash(text, length, 0);
    } else if (length > 0) {
        memcpy(&key.key, text, sizeof key.key);
        key.key &= UINT64_MAX >> (64 - 8 * length);
    }
    return key;
}

static inline void peal_dictionary_prefetch(const peal_dictionary *dictionary, const peal_text_key *key) {
    if (!dictionary->slots) return;
    __builtin_prefetch(&dictionary->slots[peal_dictionary_slot_of(key->key, key->length) & dictionary->slot_mask]);
}

/* The look-up that begins at a slot; for peal_dictionary_intern_key. */
peal_status etl__dictionary_intern_slow(peal_dictionary *dictionary, const peal_text_key *key, uint32_t *code,
                                        peal_error *err);

static inline peal_status peal_dictionary_intern_key(peal_dictionary *dictionary, const peal_text_key *key,
                                                     uint32_t *code, peal_error *err) {
    if (dictionary->slots && key->length <= 8) {
        uint32_t at = peal_dictionary_slot_of(key->key, key->length) & dictionary->slot_mask;
        const peal_dictionary_slot *slot = &dictionary->slots[at];
        if (slot->key == key->key && slot->length == key->length && slot->code1) {
            *code = slot->code1 - 1;
            return PEAL_OK;
        }
    }
    return etl__dictionary_intern_slow(dictionary, key, code, err);
}

/* The same for text that ends where its memory ends. */
peal_status peal_dictionary_put(peal_dictionary *dictionary, const char *text, size_t length, uint32_t *code,
                                peal_error *err);
/* Makes room for `count` texts in all: they then come in without the table growing on the way. */
peal_status peal_dictionary_reserve(peal_dictionary *dictionary, size_t count, peal_error *err);
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
