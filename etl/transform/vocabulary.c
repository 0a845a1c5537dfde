/* onehot, index and label: the transforms that keep a vocabulary. They share how it is fitted, saved and looked up. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/number.h"
#include "etl/transform/transform.h"

enum {
    MOST_VALUES = 1 << 24,  /* the largest max_values */
    USUAL_VALUES = 100000,  /* its default */
    MOST_CLASSES = 1 << 16, /* of a label */
};

typedef struct vocabulary {
    peal_dictionary texts;
    int32_t missing_code; /* the code of a missing text, or -1 */
    double max_values, min_count;
    bool is_number; /* a label that is a number: no vocabulary */
    double mean, deviation, min, max;
} vocabulary;

static const peal_option encoder_options[] = {
    {"max_values", PEAL_OPTION_COUNT, NULL, 1, MOST_VALUES, "N", "the most frequent ones that are kept (100,000)"},
    {"min_count", PEAL_OPTION_COUNT, NULL, 1, UINT64_C(1) << 53, "N", "of rows that must hold a text (1)"},
    {.name = NULL},
};
static const peal_option label_options[] = {
    {.name = NULL},
};

static void vocabulary_free(void *state) {
    vocabulary *self = state;
    if (self) peal_dictionary_clear(&self->texts);
    free(self);
}

static peal_status load_values(vocabulary *self, const json_t *options, peal_error *err) {
    const json_t *values = json_object_get(options, "values");
    PEAL_TRY(peal_dictionary_reserve(&self->texts, json_array_size(values), err));
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        uint32_t code;
        if (!json_is_string(value)) return peal_fail(err, PEAL_E_DATA, "a vocabulary's values must be texts");
        PEAL_TRY(peal_dictionary_put(&self->texts, json_string_value(value), json_string_length(value), &code, err));
        if (code != i) {
            return peal_fail(err, PEAL_E_DATA, "a vocabulary holds the value '%s' twice", json_string_value(value));
        }
    }
    return PEAL_OK;
}

/* A whole number from 1 to `most`. */
static peal_status load_bound(const json_t *options, const char *key, double otherwise, double most, double *out,
                              peal_error *err) {
    PEAL_TRY(peal_transform_number(options, key, otherwise, out, err));
    if (*out >= 1 && *out <= most && *out == floor(*out)) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "the option '%s' must be a whole number from 1 to %.0f", key, most);
}

static peal_status encoder_load(const json_t *options, void **state, peal_error *err) {
    vocabulary *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    PEAL_TRY(load_bound(options, "max_values", USUAL_VALUES, MOST_VALUES, &self->max_values, err));
    PEAL_TRY(load_bound(options, "min_count", 1, 0x1p53, &self->min_count, err));
    PEAL_TRY(load_values(self, options, err));
    const json_t *missing = json_object_get(options, "missing");
    const json_int_t code = json_is_integer(missing) ? json_integer_value(missing) : -1;
    if (code != -1 && code != (json_int_t)self->texts.size) {
        return peal_fail(err, PEAL_E_DATA, "the code of what is missing is %lld, but a vocabulary has %u values",
                         (long long)code, self->texts.size);
    }
    self->missing_code = (int32_t)code;
    return PEAL_OK;
}

static const char *encoder_check(const void *state) {
    const vocabulary *self = state;
    return (double)self->texts.size <= self->max_values ? NULL : "has more values than its max_values";
}

/* In a column of codes what is missing is marked as such and has no code. */
static const char *index_check(const void *state) {
    const vocabulary *self = state;
    return self->missing_code < 0 ? encoder_check(state) : "has a code for what is missing";
}

static json_t *save_values(const vocabulary *self) {
    json_t *values = json_array();
    for (uint32_t i = 0; i < self->texts.size; i++) {
        peal_text text = peal_dictionary_text(&self->texts, i);
        /* Whoever put the text in has checked that it is UTF-8. */
        values = peal_json_append(values, json_stringn_nocheck(text.data, text.length));
    }
    return values;
}

/* Those of `like`, if they are the same texts. */
static json_t *values_like(const vocabulary *self, const json_t *like) {
    json_t *values = json_object_get(like, "values");
    bool same = json_array_size(values) == self->texts.size;
    for (uint32_t i = 0; same && i < self->texts.size; i++) {
        const json_t *value = json_array_get(values, i);
        const peal_text text = peal_dictionary_text(&self->texts, i);
        same = json_is_string(value) && json_string_length(value) == text.length &&
               memcmp(json_string_value(value), text.data, text.length) == 0;
    }
    return same && json_is_array(values) ? json_incref(values) : save_values(self);
}

static json_t *save_encoder(const vocabulary *self, json_t *values) {
    return json_pack("{s:f, s:f, s:i, s:o}", "max_values", self->max_values, "min_count", self->min_count, "missing",
                     (int)self->missing_code, "values", values);
}

static json_t *encoder_save(const void *state) {
    return save_encoder(state, save_values(state));
}

static json_t *encoder_save_like(const void *state, const json_t *like) {
    return save_encoder(state, values_like(state, like));
}

typedef struct counted_text {
    peal_text text;
    uint64_t count;
    double number;
    bool is_number;
} counted_text;

/* The most frequent first; equally frequent ones in the order of their bytes. */
static int by_count(const void *a, const void *b) {
    const counted_text *p = a, *q = b;
    if (p->count != q->count) return p->count > q->count ? -1 : 1;
    return peal_text_compare(p->text, q->text);
}

/* Numbers first, by value; then texts by their bytes. */
static int by_value(const void *a, const void *b) {
    const counted_text *p = a, *q = b;
    if (p->is_number != q->is_number) return p->is_number ? -1 : 1;
    if (p->is_number && p->number != q->number) return p->number < q->number ? -1 : 1;
    return peal_text_compare(p->text, q->text);
}

/* Whether all texts are kept and stand as they are wanted, which is the usual: they come by count. */
static bool is_sorted(const vocabulary *self, const peal_dictionary *seen, int (*order)(const void *, const void *)) {
    if (order != by_count || (double)seen->size > self->max_values) return false;
    counted_text before = {0};
    for (uint32_t i = 0; i < seen->size; i++) {
        const counted_text one = {.text = peal_dictionary_text(seen, i), .count = seen->counts[i]};
        if (one.count == 0 || (double)one.count < self->min_count) return false;
        if (i > 0 && by_count(&before, &one) > 0) return false;
        before = one;
    }
    return true;
}

static peal_status fit_sorted(vocabulary *self, const peal_dictionary *seen, int (*order)(const void *, const void *),
                              peal_error *err) {
    counted_text *items;
    peal_dictionary_clear(&self->texts);
    if (is_sorted(self, seen, order)) return peal_dictionary_copy(seen, &self->texts, err);
    PEAL_TRY(peal_alloc_checked(&items, seen->size + 1, sizeof *items, "a vocabulary", err));
    size_t count = 0;
    for (uint32_t i = 0; i < seen->size; i++) {
        if (seen->counts[i] == 0 || (double)seen->counts[i] < self->min_count) continue;
        counted_text item = {.text = peal_dictionary_text(seen, i), .count = seen->counts[i]};
        item.is_number = order == by_value && peal_number_parse(item.text.data, item.text.length, &item.number);
        items[count++] = item;
    }
    qsort(items, count, sizeof *items, order);
    if ((double)count > self->max_values) count = (size_t)self->max_values;
    peal_status status = peal_dictionary_reserve(&self->texts, count, err);
    for (size_t i = 0; i < count && status == PEAL_OK; i++) {
        uint32_t code;
        status = peal_dictionary_put(&self->texts, items[i].text.data, items[i].text.length, &code, err);
    }
    free(items);
    return status;
}

static void encoder_wants(const void *state, size_t *most, uint64_t *least_count) {
    const vocabulary *self = state;
    *most = (size_t)self->max_values;
    *least_count = (uint64_t)ceil(self->min_count);
}

static peal_status onehot_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    (void)column;
    vocabulary *self = state;
    PEAL_TRY(fit_sorted(self, &summary->texts, by_count, err));
    self->missing_code = summary->nulls ? (int32_t)self->texts.size : -1;
    return PEAL_OK;
}

static peal_status index_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    (void)column;
    vocabulary *self = state;
    self->missing_code = -1;
    return fit_sorted(self, &summary->texts, by_count, err);
}

static uint32_t vocabulary_width(const void *state) {
    const vocabulary *self = state;
    return self->texts.size + (self->missing_code >= 0);
}

/* The one spelling of a number: "1.0", "+1" and "1" are the same. A text that no number is written as in the usual way
 * (01003), or that says more than a double holds (an id of 17 digits), stays itself. */
static peal_text canonical(peal_text text, char spelling[PEAL_NUMBER_TEXT]) {
    double number;
    size_t at = text.data && text.length && (*text.data == '-' || *text.data == '+');
    if (!text.data || !peal_number_parse(text.data, text.length, &number)) return text;
    const bool zero_in_front =
        text.length > at + 1 && text.data[at] == '0' && text.data[at + 1] >= '0' && text.data[at + 1] <= '9';
    if (zero_in_front || fabs(number) >= 0x1p53) return text;
    peal_number_text(number == 0 ? 0.0 : number, spelling);
    return (peal_text){spelling, (uint32_t)strlen(spelling)};
}

/* A text that is not known may be a number that is, in another spelling. */
static int32_t vocabulary_encode(const void *state, peal_text text) {
    const vocabulary *self = state;
    if (!text.data) return self->missing_code;
    const int64_t code = peal_dictionary_find(&self->texts, text.data, text.length);
    char spelling[PEAL_NUMBER_TEXT];
    const peal_text other = code < 0 ? canonical(text, spelling) : text;
    return (int32_t)(other.data == text.data ? code : peal_dictionary_find(&self->texts, other.data, other.length));
}

static peal_text vocabulary_name(const void *state, uint32_t code) {
    const vocabulary *self = state;
    if (code >= self->texts.size) return (peal_text){"(missing)", 9};
    return peal_dictionary_text(&self->texts, code);
}

static const peal_dictionary *vocabulary_dictionary(const void *state) {
    const vocabulary *self = state;
    return self->missing_code < 0 ? &self->texts : NULL;
}

const peal_transform peal_transform_onehot = {
    .name = "onehot",
    .documentation = "texts: one feature of 0 or 1 for each of the most frequent values; others are all zeros",
    .role = PEAL_TRANSFORM_ENCODE,
    .options = encoder_options,
    .load = encoder_load,
    .save = encoder_save,
    .save_like = encoder_save_like,
    .check = encoder_check,
    .free = vocabulary_free,
    .fit = onehot_fit,
    .wants = encoder_wants,
    .width = vocabulary_width,
    .encode = vocabulary_encode,
    .code_name = vocabulary_name,
    .dictionary = vocabulary_dictionary,
    .spreads = true,
};

const peal_transform peal_transform_index = {
    .name = "index",
    .documentation = "texts: a column of codes into a vocabulary of the most frequent values; others are missing",
    .role = PEAL_TRANSFORM_ENCODE,
    .options = encoder_options,
    .load = encoder_load,
    .save = encoder_save,
    .save_like = encoder_save_like,
    .check = index_check,
    .free = vocabulary_free,
    .fit = index_fit,
    .wants = encoder_wants,
    .width = vocabulary_width,
    .encode = vocabulary_encode,
    .code_name = vocabulary_name,
    .dictionary = vocabulary_dictionary,
};

/* ---- labels ---- */

static peal_status label_load(const json_t *options, void **state, peal_error *err) {
    vocabulary *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    self->missing_code = -1;
    self->min_count = 1;
    self->max_values = MOST_CLASSES;
    const char *as = json_string_value(json_object_get(options, "as"));
    self->is_number = as && strcmp(as, "number") == 0;
    if (as && !self->is_number && strcmp(as, "class") != 0) {
        return peal_fail(err, PEAL_E_USAGE, "label: 'as' must be class or number, not '%s'", as);
    }
    PEAL_TRY(peal_transform_number(options, "mean", 0, &self->mean, err));
    PEAL_TRY(peal_transform_number(options, "deviation", 1, &self->deviation, err));
    PEAL_TRY(peal_transform_number(options, "min", 0, &self->min, err));
    PEAL_TRY(peal_transform_number(options, "max", 0, &self->max, err));
    return load_values(self, options, err);
}

static json_t *label_save(const void *state) {
    const vocabulary *self = state;
    if (!self->is_number) return json_pack("{s:s, s:o}", "as", "class", "values", save_values(self));
    return json_pack("{s:s, s:f, s:f, s:f, s:f}", "as", "number", "mean", self->mean, "deviation", self->deviation,
                     "min", self->min, "max", self->max);
}

static const char *label_check(const void *state) {
    const vocabulary *self = state;
    if (!self->is_number) return NULL;
    const bool right = isfinite(self->mean) && isfinite(self->deviation) && self->deviation > 0 &&
                       isfinite(self->min) && isfinite(self->max) && self->min <= self->max;
    return right ? NULL : "has a mean, deviation or range that makes no sense";
}

static peal_status label_text(const void *state, peal_text text, peal_buffer *scratch, peal_text *out,
                              peal_error *err) {
    (void)state;
    char spelling[PEAL_NUMBER_TEXT];
    *out = canonical(text, spelling);
    if (out->data != spelling) return PEAL_OK;
    scratch->size = 0;
    PEAL_TRY(peal_buffer_append(scratch, spelling, out->length, err));
    out->data = (const char *)scratch->data;
    return PEAL_OK;
}

/* One more than it may have, which tells that there are too many. */
static void label_wants(const void *state, size_t *most, uint64_t *least_count) {
    (void)state;
    *most = MOST_CLASSES + 1;
    *least_count = 1;
}

static peal_status check_classes(const vocabulary *self, const char *column, uint64_t classes, peal_error *err) {
    if (classes > MOST_CLASSES) {
        return peal_fail(
            err, PEAL_E_DATA,
            "the label '%s' has %llu classes, more than %d: is it a number (task regress) or an identifier?", column,
            (unsigned long long)classes, MOST_CLASSES);
    }
    if (self->texts.size != 1) return PEAL_OK;
    peal_text only = peal_dictionary_text(&self->texts, 0);
    return peal_fail(err, PEAL_E_DATA, "the label '%s' has one class only: '%.*s' in every row", column,
                     (int)only.length, only.data);
}

static peal_status label_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    vocabulary *self = state;
    if (self->is_number) {
        const double deviation = peal_summary_deviation(summary);
        const bool constant = summary->min == summary->max;
        self->mean = constant ? summary->min : summary->mean;
        self->deviation = deviation > 0 && !constant ? deviation : 1;
        self->min = summary->min;
        self->max = summary->max;
        if (!label_check(self)) return PEAL_OK;
        return peal_fail(err, PEAL_E_DATA, "the label '%s': its numbers are too large for their spread to be computed",
                         column);
    }
    PEAL_TRY(fit_sorted(self, &summary->texts, by_value, err));
    return check_classes(self, column, summary->distinct, err);
}

static void label_numbers(const void *state, double *values, size_t count) {
    (void)state;
    (void)values;
    (void)count;
}

const peal_transform peal_transform_label = {
    .name = "label",
    .documentation = "the column to predict: a class of a vocabulary in sorted order, or a number",
    .role = PEAL_TRANSFORM_LABEL,
    .options = label_options,
    .load = label_load,
    .save = label_save,
    .check = label_check,
    .free = vocabulary_free,
    .fit = label_fit,
    .text = label_text,
    .wants = label_wants,
    .numbers = label_numbers,
    .width = vocabulary_width,
    .encode = vocabulary_encode,
    .code_name = vocabulary_name,
    .dictionary = vocabulary_dictionary,
};
