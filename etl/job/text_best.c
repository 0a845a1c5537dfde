/* Twice as many as are kept are collected and then sorted, and the worse half is dropped: a text is moved a bounded
 * number of times. What is no better than the worst that was kept is refused at once. */
#include "etl/job/text_best.h"

#include <stdlib.h>

static peal_text text_of(const peal_text_best *best, const peal_best_text *item) {
    return (peal_text){(const char *)best->bytes.data + item->offset, item->length};
}

/* The more frequent first. */
static int compare(const void *a, const void *b, void *user) {
    const peal_best_text *p = a, *q = b;
    if (p->count != q->count) return p->count > q->count ? -1 : 1;
    return peal_text_compare(text_of(user, p), text_of(user, q));
}

/* Sorts, drops what is too much, and moves the bytes of what stays together. */
static peal_status prune(peal_text_best *best, peal_error *err) {
    if (best->count) qsort_r(best->items, best->count, sizeof *best->items, compare, best);
    best->full = best->count >= best->most;
    if (best->count <= best->most) return PEAL_OK;
    best->count = best->most;
    peal_buffer kept = {0};
    for (size_t i = 0; i < best->count; i++) {
        peal_text text = text_of(best, &best->items[i]);
        best->items[i].offset = kept.size;
        peal_status status = peal_buffer_append(&kept, text.data, text.length, err);
        if (status != PEAL_OK) {
            peal_buffer_clear(&kept);
            return status;
        }
    }
    peal_buffer_clear(&best->bytes);
    best->bytes = kept;
    return PEAL_OK;
}

static bool is_refused(const peal_text_best *best, peal_text text, uint64_t count) {
    if (!best->full) return false;
    const peal_best_text *worst = &best->items[best->most - 1];
    if (count != worst->count) return count < worst->count;
    return peal_text_compare(text, text_of(best, worst)) > 0;
}

static peal_status items_grow(peal_text_best *best, peal_error *err) {
    if (best->count < best->capacity) return PEAL_OK;
    size_t capacity = best->capacity * 2 + 16;
    peal_best_text *items = realloc(best->items, capacity * sizeof *items);
    if (!items) return peal_fail(err, PEAL_E_MEMORY, "no memory for %zu texts", capacity);
    best->items = items;
    best->capacity = capacity;
    return PEAL_OK;
}

peal_status peal_text_best_offer(peal_text_best *best, peal_text text, uint64_t count, peal_error *err) {
    if (is_refused(best, text, count)) return PEAL_OK;
    if (best->count / 2 >= best->most) PEAL_TRY(prune(best, err));
    PEAL_TRY(items_grow(best, err));
    best->items[best->count++] = (peal_best_text){.count = count, .offset = best->bytes.size, .length = text.length};
    return peal_buffer_append(&best->bytes, text.data, text.length, err);
}

peal_status peal_text_best_take(peal_text_best *best, peal_dictionary *out, peal_error *err) {
    PEAL_TRY(prune(best, err));
    for (size_t i = 0; i < best->count; i++) {
        peal_text text = text_of(best, &best->items[i]);
        uint32_t code;
        PEAL_TRY(peal_dictionary_put(out, text.data, text.length, &code, err));
        out->counts[code] = best->items[i].count;
    }
    return PEAL_OK;
}

void peal_text_best_clear(peal_text_best *best) {
    free(best->items);
    peal_buffer_clear(&best->bytes);
    *best = (peal_text_best){0};
}
