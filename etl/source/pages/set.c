/* Open addressing; see set.h. */
#include "etl/source/pages/set.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"

static pages__set_slot *find(const pages__set *self, uint64_t hash, const char *text) {
    size_t at = hash & (self->capacity - 1);
    for (; self->slots[at].text; at = (at + 1) & (self->capacity - 1)) {
        if (self->slots[at].hash == hash && strcmp(self->slots[at].text, text) == 0) break;
    }
    return &self->slots[at];
}

static peal_status grow(pages__set *self, peal_error *err) {
    const pages__set before = *self;
    if (!self->texts) self->texts = peal_arena_new(1 << 16);
    if (!self->texts) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of pages");
    const size_t capacity = before.capacity ? 2 * before.capacity : 256;
    pages__set_slot *slots = calloc(capacity, sizeof *slots);
    if (!slots) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of pages");
    self->slots = slots;
    self->capacity = capacity;
    for (size_t i = 0; i < before.capacity; i++) {
        const pages__set_slot one = before.slots[i];
        if (one.text) *find(self, one.hash, one.text) = one;
    }
    free(before.slots);
    return PEAL_OK;
}

peal_status pages__set_add(pages__set *self, const char *text, bool *is_new, peal_error *err) {
    const size_t length = strlen(text);
    const uint64_t hash = peal_hash(text, length, 0);
    if (2 * (self->count + 1) > self->capacity) PEAL_TRY(grow(self, err));
    pages__set_slot *slot = find(self, hash, text);
    *is_new = !slot->text;
    if (slot->text) return PEAL_OK;
    char *copy = peal_arena_alloc(self->texts, length + 1);
    if (!copy) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of pages");
    memcpy(copy, text, length + 1);
    *slot = (pages__set_slot){hash, copy};
    self->count++;
    return PEAL_OK;
}

void pages__set_clear(pages__set *self) {
    peal_arena_free(self->texts);
    free(self->slots);
    *self = (pages__set){0};
}
