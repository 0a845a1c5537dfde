/* A hash table of texts that lie one behind the other in one buffer; see dictionary.h. */
#include "etl/table/dictionary.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"

/* Small at first: a table may have many thousand columns of texts, and each of them a dictionary in every thread. */
enum { FIRST_SLOTS = 16, FIRST_ENTRIES = 8, TEXT_PADDING = 8 };

void peal_dictionary_clear(peal_dictionary *dictionary) {
    free(dictionary->counts);
    free(dictionary->held);
    free(dictionary->offsets);
    free(dictionary->slots);
    peal_buffer_clear(&dictionary->bytes);
    *dictionary = (peal_dictionary){0};
}

void peal_dictionary_reset(peal_dictionary *dictionary) {
    if (dictionary->slots) {
        memset(dictionary->slots, 0, (dictionary->slot_mask + (size_t)1) * sizeof *dictionary->slots);
    }
    dictionary->size = 0;
    dictionary->bytes.size = 0;
}

static size_t slot_count(const peal_dictionary *dictionary) {
    return dictionary->slots ? (size_t)dictionary->slot_mask + 1 : 0;
}

size_t peal_dictionary_memory(const peal_dictionary *dictionary) {
    size_t slots = slot_count(dictionary);
    size_t entry = sizeof *dictionary->counts + sizeof *dictionary->held + sizeof *dictionary->offsets;
    return slots * sizeof *dictionary->slots + dictionary->capacity * entry + dictionary->bytes.capacity;
}

/* Gives the table `count` slots, a power of two that is more than there are. */
static peal_status slots_grow(peal_dictionary *dictionary, size_t count, peal_error *err) {
    if (count > UINT32_MAX / 2) return peal_fail(err, PEAL_E_DATA, "too many distinct texts in one column");
    peal_dictionary_slot *slots;
    PEAL_TRY(peal_alloc_checked(&slots, count, sizeof *slots, "a dictionary", err));
    uint32_t mask = (uint32_t)(count - 1);
    for (size_t i = 0; dictionary->slots && i <= dictionary->slot_mask; i++) {
        peal_dictionary_slot slot = dictionary->slots[i];
        if (!slot.code1) continue;
        uint32_t at = peal_dictionary_slot_of(slot.key, slot.length) & mask;
        while (slots[at].code1) at = (at + 1) & mask;
        slots[at] = slot;
    }
    free(dictionary->slots);
    dictionary->slots = slots;
    dictionary->slot_mask = mask;
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

/* Half of the slots stay free. */
static bool has_slots_for(size_t slots, size_t count) {
    return slots > 0 && count * 2 <= slots;
}

peal_status peal_dictionary_reserve(peal_dictionary *dictionary, size_t count, peal_error *err) {
    if (count > UINT32_MAX / 4) return peal_fail(err, PEAL_E_DATA, "too many distinct texts in one column");
    size_t slots = FIRST_SLOTS;
    while (!has_slots_for(slots, count)) slots *= 2;
    if (slots > slot_count(dictionary)) PEAL_TRY(slots_grow(dictionary, slots, err));
    return count > dictionary->capacity ? entries_grow(dictionary, count, err) : PEAL_OK;
}

static bool same_text(const peal_dictionary *dictionary, uint32_t code, const char *text, uint32_t length) {
    return memcmp(dictionary->bytes.data + dictionary->offsets[code], text, length) == 0;
}

static peal_status intern_key(peal_dictionary *dictionary, uint64_t key, const char *text, uint32_t length,
                              uint32_t *code, peal_error *err) {
    const size_t slots = slot_count(dictionary);
    if (!has_slots_for(slots, (size_t)dictionary->size + 1)) {
        PEAL_TRY(slots_grow(dictionary, slots ? slots * 2 : FIRST_SLOTS, err));
    }
    uint32_t at = peal_dictionary_slot_of(key, length) & dictionary->slot_mask;
    for (;; at = (at + 1) & dictionary->slot_mask) {
        peal_dictionary_slot *slot = &dictionary->slots[at];
        if (slot->key == key && slot->length == length && slot->code1 &&
            (length <= 8 || same_text(dictionary, slot->code1 - 1, text, length))) {
            *code = slot->code1 - 1;
            return PEAL_OK;
        }
        if (slot->code1) continue;
        *code = dictionary->size;
        PEAL_TRY(entry_add(dictionary, text, length, err));
        *slot = (peal_dictionary_slot){.key = key, .length = length, .code1 = dictionary->size};
        return PEAL_OK;
    }
}

static uint64_t short_key(uint64_t word, uint32_t length) {
    return length == 0 ? 0 : word & (UINT64_MAX >> (64 - 8 * length));
}

peal_status etl__dictionary_intern_slow(peal_dictionary *dictionary, const peal_text_key *key, uint32_t *code,
                                        peal_error *err) {
    return intern_key(dictionary, key->key, key->text, key->length, code, err);
}

peal_status peal_dictionary_intern(peal_dictionary *dictionary, const char *text, uint32_t length, uint32_t *code,
                                   peal_error *err) {
    const peal_text_key key = peal_dictionary_key(text, length);
    return peal_dictionary_intern_key(dictionary, &key, code, err);
}

static uint64_t exact_key(const char *text, size_t length) {
    if (length > 8) return peal_hash(text, length, 0);
    uint64_t word = 0;
    if (length) memcpy(&word, text, length);
    return short_key(word, (uint32_t)length);
}

peal_status peal_dictionary_put(peal_dictionary *dictionary, const char *text, size_t length, uint32_t *code,
                                peal_error *err) {
    if (length > INT32_MAX) return peal_fail(err, PEAL_E_DATA, "a text of %zu bytes is too long", length);
    return intern_key(dictionary, exact_key(text, length), text, (uint32_t)length, code, err);
}

int64_t peal_dictionary_find(const peal_dictionary *dictionary, const char *text, size_t length) {
    if (!dictionary->slots || length > INT32_MAX) return -1;
    uint64_t key = exact_key(text, length);
    uint32_t at = peal_dictionary_slot_of(key, (uint32_t)length) & dictionary->slot_mask;
    for (; dictionary->slots[at].code1; at = (at + 1) & dictionary->slot_mask) {
        const peal_dictionary_slot *slot = &dictionary->slots[at];
        if (slot->key == key && slot->length == length &&
            (length <= 8 || same_text(dictionary, slot->code1 - 1, text, (uint32_t)length))) {
            return slot->code1 - 1;
        }
    }
    return -1;
}
