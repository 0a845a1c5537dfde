/* A hash table of texts that lie one behind the other in one buffer; see dictionary.h. */
#include "etl/table/dictionary.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"

/* Small at first: a table may have many thousand columns of texts, and each of them a dictionary in every thread. */
enum { FIRST_BUCKETS = 4, FIRST_ENTRIES = 8, TEXT_PADDING = 8 };

/* Texts that four buckets hold on average, beyond which there are to be more buckets: one in ten is too full then. */
enum { FOUR_BUCKETS_MOST = 13 };

void peal_dictionary_clear(peal_dictionary *dictionary) {
    free(dictionary->counts);
    free(dictionary->held);
    free(dictionary->offsets);
    free(dictionary->buckets);
    peal_buffer_clear(&dictionary->bytes);
    *dictionary = (peal_dictionary){0};
}

void peal_dictionary_reset(peal_dictionary *dictionary) {
    if (dictionary->buckets) memset(dictionary->buckets, 0, dictionary->bucket_count * sizeof *dictionary->buckets);
    dictionary->size = 0;
    dictionary->bytes.size = 0;
}

size_t peal_dictionary_memory(const peal_dictionary *dictionary) {
    size_t entry = sizeof *dictionary->counts + sizeof *dictionary->held + sizeof *dictionary->offsets;
    return dictionary->bucket_count * sizeof *dictionary->buckets + dictionary->capacity * entry +
           dictionary->bytes.capacity;
}

static uint32_t next_bucket(const peal_dictionary *dictionary, uint32_t at) {
    return at + 1 < dictionary->bucket_count ? at + 1 : 0;
}

/* Puts a text that is new where the search for it, which begins at bucket `at`, finds it. */
static void place(peal_dictionary *dictionary, uint32_t at, uint64_t key, uint32_t code1) {
    while (dictionary->buckets[at].code1[PEAL_BUCKET_TEXTS - 1]) at = next_bucket(dictionary, at);
    peal_dictionary_bucket *bucket = &dictionary->buckets[at];
    size_t i = 0;
    while (bucket->code1[i]) i++;
    bucket->keys[i] = key;
    bucket->code1[i] = code1;
}

/* Gives the table `count` buckets, more than there are. */
static peal_status buckets_grow(peal_dictionary *dictionary, size_t count, peal_error *err) {
    const size_t before_count = dictionary->bucket_count;
    if (count > UINT32_MAX / 2) return peal_fail(err, PEAL_E_DATA, "too many distinct texts in one column");
    peal_dictionary_bucket *buckets, *before = dictionary->buckets;
    PEAL_TRY(peal_alloc_checked(&buckets, count, sizeof *buckets, "a dictionary", err));
    dictionary->buckets = buckets;
    dictionary->bucket_count = (uint32_t)count;
    for (size_t b = 0; b < before_count; b++) {
        for (size_t i = 0; i < PEAL_BUCKET_TEXTS && before[b].code1[i]; i++) {
            place(dictionary, peal_dictionary_home(dictionary, before[b].keys[i]), before[b].keys[i],
                  before[b].code1[i]);
        }
    }
    free(before);
    return PEAL_OK;
}

static peal_status entries_grow(peal_dictionary *dictionary, size_t capacity, peal_error *err) {
    uint64_t *counts = realloc(dictionary->counts, capacity * sizeof *counts);
    if (counts) dictionary->counts = counts;
    uint64_t *held = realloc(dictionary->held, capacity * sizeof *held);
    if (held) dictionary->held = held;
    uint32_t *offsets = realloc(dictionary->offsets, (capacity + 1) * sizeof *offsets);
    if (offsets) dictionary->offsets = offsets;
    if (!counts || !held || !offsets)
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a dictionary of %zu texts", capacity);
    dictionary->capacity = (uint32_t)capacity;
    return PEAL_OK;
}

static peal_status entry_add(peal_dictionary *dictionary, const char *text, uint32_t length, peal_error *err) {
    if (dictionary->size == dictionary->capacity) {
        const size_t capacity = dictionary->capacity ? (size_t)dictionary->capacity * 2 : FIRST_ENTRIES;
        PEAL_TRY(entries_grow(dictionary, capacity, err));
    }
    /* Eight spare bytes behind the last text, so that every text can be loaded as a whole word. */
    PEAL_TRY(peal_buffer_reserve(&dictionary->bytes, (size_t)length + TEXT_PADDING, err));
    if (dictionary->bytes.size + length > INT32_MAX) {
        return peal_fail(err, PEAL_E_DATA, "more than 2 GB of distinct texts in one column");
    }
    if (dictionary->size == 0) dictionary->offsets[0] = 0;
    if (length) memcpy(dictionary->bytes.data + dictionary->bytes.size, text, length);
    dictionary->bytes.size += length;
    memset(dictionary->bytes.data + dictionary->bytes.size, 0, TEXT_PADDING);
    dictionary->counts[dictionary->size] = dictionary->held[dictionary->size] = 0;
    dictionary->size++;
    dictionary->offsets[dictionary->size] = (uint32_t)dictionary->bytes.size;
    return PEAL_OK;
}

static bool has_room_for(size_t buckets, size_t count) {
    return count * 4 <= buckets * FOUR_BUCKETS_MOST;
}

/* Doubled, for memory that was freed fits again: in between sizes it would lie in pieces. */
static size_t buckets_for(size_t buckets, size_t count) {
    if (buckets == 0) buckets = FIRST_BUCKETS;
    while (!has_room_for(buckets, count)) buckets *= 2;
    return buckets;
}

peal_status peal_dictionary_reserve(peal_dictionary *dictionary, size_t count, peal_error *err) {
    if (count > UINT32_MAX / 4) return peal_fail(err, PEAL_E_DATA, "too many distinct texts in one column");
    const size_t buckets = buckets_for(dictionary->bucket_count, count);
    if (buckets > dictionary->bucket_count) PEAL_TRY(buckets_grow(dictionary, buckets, err));
    return count > dictionary->capacity ? entries_grow(dictionary, count, err) : PEAL_OK;
}

/* The table is of texts and codes alone, so it is copied as it is. */
peal_status peal_dictionary_copy(const peal_dictionary *from, peal_dictionary *out, peal_error *err) {
    if (from->size == 0) return PEAL_OK;
    PEAL_TRY(entries_grow(out, from->size, err));
    PEAL_TRY(peal_buffer_reserve(&out->bytes, from->bytes.size + TEXT_PADDING, err));
    PEAL_TRY(peal_alloc_checked(&out->buckets, from->bucket_count, sizeof *out->buckets, "a dictionary", err));
    memcpy(out->buckets, from->buckets, from->bucket_count * sizeof *out->buckets);
    memcpy(out->bytes.data, from->bytes.data, from->bytes.size + TEXT_PADDING);
    memcpy(out->offsets, from->offsets, ((size_t)from->size + 1) * sizeof *out->offsets);
    memset(out->counts, 0, from->size * sizeof *out->counts);
    memset(out->held, 0, from->size * sizeof *out->held);
    out->bucket_count = from->bucket_count;
    out->bytes.size = from->bytes.size;
    out->size = from->size;
    return PEAL_OK;
}

static bool same_text(const peal_dictionary *dictionary, uint32_t code, const char *text, uint32_t length) {
    const peal_text kept = peal_dictionary_text(dictionary, code);
    return kept.length == length && memcmp(kept.data, text, length) == 0;
}

/* The code + 1 of the text if the bucket has it, else 0. */
static uint32_t search_bucket(const peal_dictionary *dictionary, const peal_dictionary_bucket *bucket,
                              const peal_text_key *key) {
    for (size_t i = 0; i < PEAL_BUCKET_TEXTS && bucket->code1[i]; i++) {
        if (bucket->keys[i] != key->key || (bucket->code1[i] & PEAL_TEXT_HASHED) != key->hashed) continue;
        const uint32_t code1 = bucket->code1[i] & ~PEAL_TEXT_HASHED;
        if (!key->hashed || same_text(dictionary, code1 - 1, key->text, key->length)) return code1;
    }
    return 0;
}

/* The same of the whole dictionary. */
static uint32_t search(const peal_dictionary *dictionary, const peal_text_key *key) {
    if (!dictionary->buckets) return 0;
    for (uint32_t at = peal_dictionary_home(dictionary, key->key);; at = next_bucket(dictionary, at)) {
        const peal_dictionary_bucket *bucket = &dictionary->buckets[at];
        const uint32_t code1 = search_bucket(dictionary, bucket, key);
        if (code1 || !bucket->code1[PEAL_BUCKET_TEXTS - 1]) return code1;
    }
}

peal_status etl__dictionary_intern_slow(peal_dictionary *dictionary, const peal_text_key *key, uint32_t *code,
                                        peal_error *err) {
    const uint32_t code1 = search(dictionary, key);
    *code = code1 ? code1 - 1 : dictionary->size;
    if (code1) return PEAL_OK;
    const size_t wanted = (size_t)dictionary->size + 1, buckets = dictionary->bucket_count;
    if (!has_room_for(buckets, wanted)) PEAL_TRY(buckets_grow(dictionary, buckets_for(buckets, wanted), err));
    PEAL_TRY(entry_add(dictionary, key->text, key->length, err));
    place(dictionary, peal_dictionary_home(dictionary, key->key), key->key, dictionary->size | key->hashed);
    return PEAL_OK;
}

peal_status peal_dictionary_intern_keys(peal_dictionary *dictionary, const peal_text_key *keys, size_t count,
                                        int32_t *codes, peal_error *err) {
    for (size_t i = 0; i < count; i++) {
        uint32_t code;
        PEAL_TRY(peal_dictionary_intern_key(dictionary, &keys[i], &code, err));
        codes[i] = (int32_t)code;
    }
    return PEAL_OK;
}

peal_status peal_dictionary_intern(peal_dictionary *dictionary, const char *text, uint32_t length, uint32_t *code,
                                   peal_error *err) {
    const peal_text_key key = peal_dictionary_key(text, length);
    return peal_dictionary_intern_key(dictionary, &key, code, err);
}

/* The key of a text that ends where its memory ends. */
static peal_text_key exact_key(const char *text, size_t length) {
    char copy[8] = {0};
    if (length > sizeof copy) return peal_dictionary_key(text, (uint32_t)length);
    if (length) memcpy(copy, text, length);
    peal_text_key key = peal_dictionary_key(copy, (uint32_t)length);
    key.text = text;
    return key;
}

peal_status peal_dictionary_put(peal_dictionary *dictionary, const char *text, size_t length, uint32_t *code,
                                peal_error *err) {
    if (length > INT32_MAX) return peal_fail(err, PEAL_E_DATA, "a text of %zu bytes is too long", length);
    const peal_text_key key = exact_key(text, length);
    return peal_dictionary_intern_key(dictionary, &key, code, err);
}

int64_t peal_dictionary_find(const peal_dictionary *dictionary, const char *text, size_t length) {
    if (length > INT32_MAX) return -1;
    const peal_text_key key = exact_key(text, length);
    return (int64_t)search(dictionary, &key) - 1;
}
