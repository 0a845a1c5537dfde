/* members: a text that is a list (Action|Drama) becomes a feature of 0 and 1 for each of the most frequent members. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "etl/transform/list_text.h"
#include "etl/transform/transform.h"

enum { KEPT_MOST = 1 << 12, KEPT_USUAL = 256, SEEN_MOST = 1 << 20 };
/* A member is kept that is in two rows, and in one of a thousand. */
enum { ROWS_LEAST = 2, ROWS_SHARE = 1000 };

typedef struct members {
    char separator;
    uint64_t most;
    peal_dictionary kept; /* in the order of the features */
    /* While it is fitted. */
    peal_dictionary seen; /* counts: training rows that each is in; held: the last text that it was in */
    uint64_t texts, rows; /* that were seen */
    peal_status observed; /* whether there was memory for all */
    bool was_fitted;
} members;

static const peal_option members_options[] = {
    {"separator", PEAL_OPTION_CHARACTER, NULL, 0, 0, "CHAR", "what stands between two members (|)"},
    {"most", PEAL_OPTION_COUNT, NULL, 1, KEPT_MOST, "N", "the most frequent members that are kept (256)"},
    {.name = NULL},
};

static void members_free(void *state) {
    members *self = state;
    if (!self) return;
    peal_dictionary_clear(&self->kept);
    peal_dictionary_clear(&self->seen);
    free(self);
}

static peal_status load_kept(members *self, const json_t *options, peal_error *err) {
    const json_t *values = json_object_get(options, "values");
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        uint32_t code;
        if (!json_is_string(value)) return peal_fail(err, PEAL_E_DATA, "members must be texts");
        PEAL_TRY(peal_dictionary_put(&self->kept, json_string_value(value), json_string_length(value), &code, err));
        if (code != i) return peal_fail(err, PEAL_E_DATA, "the member '%s' is there twice", json_string_value(value));
    }
    return PEAL_OK;
}

static peal_status members_load(const json_t *options, void **state, peal_error *err) {
    members *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    const json_t *separator = json_object_get(options, "separator");
    const char *text = separator ? json_string_value(separator) : "|";
    if (!text || (separator && json_string_length(separator) != 1) || (unsigned char)*text <= ' ') {
        return peal_fail(err, PEAL_E_USAGE, "members: 'separator' must be one character");
    }
    self->separator = *text;
    PEAL_TRY(peal_transform_whole("members", options, "most", KEPT_USUAL, 1, KEPT_MOST, &self->most, err));
    return load_kept(self, options, err);
}

static json_t *members_save(const void *state) {
    const members *self = state;
    json_t *values = json_array();
    for (uint32_t i = 0; i < self->kept.size; i++) {
        const peal_text text = peal_dictionary_text(&self->kept, i);
        /* Whoever read the text has checked that it is UTF-8. */
        values = peal_json_append(values, json_stringn_nocheck(text.data, text.length));
    }
    return json_pack("{s:s#, s:I, s:o?}", "separator", &self->separator, 1, "most", (json_int_t)self->most, "values",
                     values);
}

static const char *members_check(const void *state) {
    const members *self = state;
    if (self->kept.size == 0) return "has lists without members";
    return self->kept.size <= self->most ? NULL : "has more members than its most";
}

/* ---- fitting ---- */

/* A member counts once in a row, however often the list has it. */
static void members_observe(void *state, peal_text text, uint64_t count, uint64_t held) {
    members *self = state;
    peal_text member;
    (void)held;
    self->texts++;
    self->rows += count;
    while (text.data && self->observed == PEAL_OK && peal_list_next(&text, self->separator, &member)) {
        uint32_t code;
        const bool is_full = self->seen.size == SEEN_MOST;
        if (is_full && peal_dictionary_find(&self->seen, member.data, member.length) < 0) continue;
        self->observed = peal_dictionary_put(&self->seen, member.data, member.length, &code, NULL);
        if (self->observed != PEAL_OK || self->seen.held[code] == self->texts) continue;
        self->seen.held[code] = self->texts;
        self->seen.counts[code] += count;
    }
}

typedef struct counted {
    peal_text text;
    uint64_t rows;
} counted;

static int by_rows(const void *a, const void *b) {
    const counted *p = a, *q = b;
    if (p->rows != q->rows) return p->rows > q->rows ? -1 : 1;
    return peal_text_compare(p->text, q->text);
}

static peal_status keep(members *self, const counted *items, size_t count, peal_error *err) {
    uint32_t code;
    const uint64_t least = self->rows / ROWS_SHARE > ROWS_LEAST ? self->rows / ROWS_SHARE : ROWS_LEAST;
    for (size_t i = 0; i < count && i < self->most && items[i].rows >= least; i++) {
        PEAL_TRY(peal_dictionary_put(&self->kept, items[i].text.data, items[i].text.length, &code, err));
    }
    return PEAL_OK;
}

static peal_status members_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    (void)summary;
    members *self = state;
    counted *items;
    if (self->observed != PEAL_OK) return peal_fail(err, PEAL_E_MEMORY, "no memory for members");
    PEAL_TRY(peal_alloc_checked(&items, self->seen.size + (size_t)1, sizeof *items, "members", err));
    for (uint32_t i = 0; i < self->seen.size; i++) {
        items[i] = (counted){peal_dictionary_text(&self->seen, i), self->seen.counts[i]};
    }
    qsort(items, self->seen.size, sizeof *items, by_rows);
    const peal_status status = keep(self, items, self->seen.size, err);
    free(items);
    self->was_fitted = true;
    if (status != PEAL_OK || self->kept.size > 0) return status;
    return peal_fail(err, PEAL_E_DATA, "column '%s': no member of its lists is in two rows", column);
}

static void members_remark(const void *state, char text[PEAL_REMARK_TEXT], bool *is_warning) {
    const members *self = state;
    *text = '\0';
    *is_warning = false;
    if (!self->was_fitted) return;
    const peal_text first = peal_dictionary_text(&self->kept, 0);
    snprintf(text, PEAL_REMARK_TEXT, "%u of the %u members of its lists, as '%.*s', are features", self->kept.size,
             self->seen.size, (int)(first.length < 36 ? first.length : 36), first.data);
}

/* ---- features ---- */

static uint32_t members_width(const void *state) {
    return ((const members *)state)->kept.size;
}

static bool members_spread(const void *state, peal_text text, float *out) {
    const members *self = state;
    peal_text member;
    bool found = false;
    memset(out, 0, self->kept.size * sizeof *out);
    while (text.data && peal_list_next(&text, self->separator, &member)) {
        const int64_t code = peal_dictionary_find(&self->kept, member.data, member.length);
        if (code >= 0) out[code] = 1;
        found = found || code >= 0;
    }
    return found;
}

static const char *members_doubt(const void *state, peal_text text) {
    const members *self = state;
    peal_text member;
    while (text.data && peal_list_next(&text, self->separator, &member)) {
        if (peal_dictionary_find(&self->kept, member.data, member.length) >= 0) continue;
        return "lists with members that the model does not know, and passes over";
    }
    return NULL;
}

static peal_text members_name(const void *state, uint32_t code) {
    const members *self = state;
    return code < self->kept.size ? peal_dictionary_text(&self->kept, code) : (peal_text){"?", 1};
}

const peal_transform peal_transform_members = {
    .name = "members",
    .documentation = "texts that are lists: a feature of 0 and 1 for each of the most frequent members",
    .role = PEAL_TRANSFORM_ENCODE,
    .options = members_options,
    .load = members_load,
    .save = members_save,
    .check = members_check,
    .free = members_free,
    .fit = members_fit,
    .observe = members_observe,
    .remark = members_remark,
    .width = members_width,
    .spread = members_spread,
    .doubt = members_doubt,
    .code_name = members_name,
    .spreads = true,
    .wants_text = true,
};
