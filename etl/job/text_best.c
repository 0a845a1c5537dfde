/* Twice as many as are kept are collected and then parted, and the worse half is dropped: a text is moved a bounded
 * number of times. What is no better than the worst that was kept is refused at once. */
#include "etl/job/text_best.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

static peal_text text_of(const peal_text_best *best, const peal_best_text *item) {
    return (peal_text){(const char *)best->bytes.data + item->offset, item->length};
}

static uint64_t prefix_of(peal_text text) {
    uint64_t prefix = 0;
    memcpy(&prefix, text.data, text.length < sizeof prefix ? text.length : sizeof prefix);
    return be64toh(prefix);
}

/* The more frequent first. */
static int compare(const void *a, const void *b, void *user) {
    const peal_best_text *p = a, *q = b;
    if (p->count != q->count) return p->count > q->count ? -1 : 1;
    if (p->prefix != q->prefix) return p->prefix < q->prefix ? -1 : 1;
    return peal_text_compare(text_of(user, p), text_of(user, q));
}

static void swap(peal_best_text *a, peal_best_text *b) {
    const peal_best_text kept = *a;
    *a = *b;
    *b = kept;
}

/* Parts items begin .. end - 1 by one of them, and returns where that one then stands. The middle of three is taken, so
 * that what is in order already is parted in halves. Source: C. A. R. Hoare, "Algorithm 65: find", CACM 4 (1961). */
static size_t part(peal_text_best *best, size_t begin, size_t end) {
    peal_best_text *items = best->items;
    const size_t middle = begin + (end - begin) / 2, last = end - 1;
    if (compare(&items[middle], &items[begin], best) < 0) swap(&items[middle], &items[begin]);
    if (compare(&items[last], &items[middle], best) < 0) swap(&items[last], &items[middle]);
    if (compare(&items[middle], &items[begin], best) < 0) swap(&items[middle], &items[begin]);
    swap(&items[middle], &items[last]); /* the pivot */
    size_t at = begin;
    for (size_t i = begin; i < last; i++) {
        if (compare(&items[i], &items[last], best) < 0) swap(&items[i], &items[at++]);
    }
    swap(&items[at], &items[last]);
    return at;
}

/* The `most` best come first, the worst of them last. Where parting gets nowhere, all is sorted. */
static void select_best(peal_text_best *best) {
    size_t begin = 0, end = best->count;
    const size_t wanted = best->most - 1;
    for (int round = 0; end - begin > 2; round++) {
        if (round == 128) {
            qsort_r(best->items + begin, end - begin, sizeof *best->items, compare, best);
            return;
        }
        const size_t at = part(best, begin, end);
        if (at == wanted) return;
        if (at < wanted) {
            begin = at + 1;
        } else {
            end = at;
        }
    }
    if (end - begin == 2 && compare(&best->items[begin + 1], &best->items[begin], best) < 0) {
        swap(&best->items[begin], &best->items[begin + 1]);
    }
}

/* Drops what is too much, and moves the bytes of what stays together. */
static peal_status prune(peal_text_best *best, peal_error *err) {
    if (best->count < best->most) return PEAL_OK;
    select_best(best);
    best->full = true;
    if (best->count == best->most) return PEAL_OK;
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
    best->items[best->count++] =
        (peal_best_text){.count = count, .prefix = prefix_of(text), .offset = best->bytes.size, .length = text.length};
    return peal_buffer_append(&best->bytes, text.data, text.length, err);
}

peal_status peal_text_best_take(peal_text_best *best, peal_dictionary *out, peal_error *err) {
    PEAL_TRY(prune(best, err));
    if (best->count) qsort_r(best->items, best->count, sizeof *best->items, compare, best);
    PEAL_TRY(peal_dictionary_reserve(out, out->size + best->count, err));
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
