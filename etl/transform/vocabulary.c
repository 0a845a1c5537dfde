/* onehot, index and label: the transforms that keep a vocabulary. They share how it is fitted, saved and looked up. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/number.h"
#include "etl/transform/fold.h"
#include "etl/transform/transform.h"

enum {
    MOST_VALUES = 1 << 24,  /* the largest max_values */
    USUAL_VALUES = 100000,  /* its default */
    MOST_CLASSES = 1 << 16, /* of a label */
    FOLDED_MOST = 4096,     /* texts of a vocabulary in which one is also found by another way of writing it */
    SHORT_MOST = 12,        /* the same of a single letter: where there are more they may be all letters */
    EXAMPLE = 40,
};

/* What a fit tells of texts that differ in how they are written. */
typedef struct spellings {
    uint32_t merged; /* texts that count as another one */
    char kept[EXAMPLE], other[EXAMPLE];
} spellings;

typedef struct vocabulary {
    peal_dictionary texts;
    bool folds;             /* texts that differ by blanks and habits of case alone are one (fold.h) */
    bool short_too;         /* single letters, too */
    peal_dictionary folded; /* the texts so, if they are few; of two that are alike the first */
    int32_t *folded_codes;  /* [folded.size] their codes in `texts` */
    spellings fitted;
    int32_t missing_code; /* the code of a missing text, or -1 */
    double max_values, min_count;
    bool is_number; /* a label that is a number: no vocabulary */
    double mean, deviation, min, max;
} vocabulary;

static const peal_option encoder_options[] = {
    {"max_values", PEAL_OPTION_COUNT, NULL, 1, MOST_VALUES, "N", "the most frequent ones that are kept (100,000)"},
    {"min_count", PEAL_OPTION_COUNT, NULL, 1, UINT64_C(1) << 53, "N", "of rows that must hold a text (1)"},
    {"fold", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no", "take Male, 'male ' and MALE for one value (yes)"},
    {.name = NULL},
};
static const peal_option label_options[] = {
    {"fold", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no", "take Yes, 'yes ' and YES for one class (yes)"},
    {.name = NULL},
};

static void vocabulary_free(void *state) {
    vocabulary *self = state;
    if (!self) return;
    peal_dictionary_clear(&self->texts);
    peal_dictionary_clear(&self->folded);
    free(self->folded_codes);
    free(self);
}

/* ---- other ways of writing a text ---- */

/* The text as it is looked up among those that are folded: itself if it has no other form. */
static peal_text fold(const vocabulary *self, peal_text text, char out[PEAL_FOLD_SIZE]) {
    const uint32_t length = peal_fold_text(text, self->short_too, out);
    return length ? (peal_text){out, length} : text;
}

/* Lists the texts of the vocabulary as they are folded. */
static peal_status list_folded(vocabulary *self, peal_error *err) {
    const uint32_t count = self->texts.size;
    char text[PEAL_FOLD_SIZE];
    peal_dictionary_clear(&self->folded);
    free(self->folded_codes);
    self->folded_codes = NULL;
    self->short_too = count <= SHORT_MOST;
    if (!self->folds || count == 0 || count > FOLDED_MOST) return PEAL_OK;
    PEAL_TRY(peal_zeroed_checked(&self->folded_codes, count, sizeof *self->folded_codes, "a vocabulary", err));
    for (uint32_t i = 0; i < count; i++) {
        const peal_text one = fold(self, peal_dictionary_text(&self->texts, i), text);
        const uint32_t before = self->folded.size;
        uint32_t code;
        PEAL_TRY(peal_dictionary_put(&self->folded, one.data, one.length, &code, err));
        if (code == before) self->folded_codes[code] = (int32_t)i;
    }
    return PEAL_OK;
}

/* The code of a text that is written otherwise than the one that is known, or -1. */
static int32_t find_folded(const vocabulary *self, peal_text text) {
    char folded[PEAL_FOLD_SIZE];
    if (!self->folded.size) return -1;
    const peal_text one = fold(self, text, folded);
    const int64_t code = peal_dictionary_find(&self->folded, one.data, one.length);
    return code < 0 ? -1 : self->folded_codes[code];
}

/* ---- loading and saving ---- */

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
    PEAL_TRY(peal_transform_flag(options, "fold", true, &self->folds, err));
    return list_folded(self, err);
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

/* The usual way is not told. */
static json_t *save_fold(const vocabulary *self, json_t *saved) {
    return self->folds ? saved : peal_json_set(saved, "fold", json_string("no"));
}

static json_t *save_encoder(const vocabulary *self, json_t *values) {
    return save_fold(self, json_pack("{s:f, s:f, s:i, s:o}", "max_values", self->max_values, "min_count",
                                     self->min_count, "missing", (int)self->missing_code, "values", values));
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

static void cut_example(peal_text text, char out[EXAMPLE]) {
    snprintf(out, EXAMPLE, "%.*s", (int)(text.length < EXAMPLE ? text.length : EXAMPLE - 1), text.data);
}

/* Texts that differ in how they are written become the most frequent of them, which counts for all. */
static peal_status merge_spellings(vocabulary *self, counted_text *items, size_t *count, peal_error *err) {
    peal_dictionary seen = {0};
    peal_status status = PEAL_OK;
    char folded[PEAL_FOLD_SIZE];
    size_t used = 0;
    self->fitted = (spellings){0};
    self->short_too = *count <= SHORT_MOST;
    if (!self->folds || *count > FOLDED_MOST) return PEAL_OK;
    qsort(items, *count, sizeof *items, by_count);
    for (size_t i = 0; i < *count && status == PEAL_OK; i++) {
        const peal_text one = fold(self, items[i].text, folded);
        uint32_t code = 0;
        status = peal_dictionary_put(&seen, one.data, one.length, &code, err);
        if (status != PEAL_OK) break;
        if (code == used) {
            items[used++] = items[i];
            continue;
        }
        if (self->fitted.merged++ == 0) {
            cut_example(items[code].text, self->fitted.kept);
            cut_example(items[i].text, self->fitted.other);
        }
        items[code].count += items[i].count;
    }
    *count = used;
    peal_dictionary_clear(&seen);
    return status;
}

/* Keeps the items, in their order, that are frequent enough. */
static peal_status keep_items(vocabulary *self, const counted_text *items, size_t count, peal_error *err) {
    if ((double)count > self->max_values) count = (size_t)self->max_values;
    PEAL_TRY(peal_dictionary_reserve(&self->texts, count, err));
    for (size_t i = 0; i < count; i++) {
        uint32_t code;
        PEAL_TRY(peal_dictionary_put(&self->texts, items[i].text.data, items[i].text.length, &code, err));
    }
    return PEAL_OK;
}

static peal_status fit_items(vocabulary *self, const peal_dictionary *seen, int (*order)(const void *, const void *),
                             peal_error *err) {
    counted_text *items;
    PEAL_TRY(peal_alloc_checked(&items, seen->size + 1, sizeof *items, "a vocabulary", err));
    size_t count = 0;
    for (uint32_t i = 0; i < seen->size; i++) {
        if (seen->counts[i] == 0 || (double)seen->counts[i] < self->min_count) continue;
        counted_text item = {.text = peal_dictionary_text(seen, i), .count = seen->counts[i]};
        item.is_number = order == by_value && peal_number_parse(item.text.data, item.text.length, &item.number);
        items[count++] = item;
    }
    peal_status status = merge_spellings(self, items, &count, err);
    qsort(items, count, sizeof *items, order);
    if (status == PEAL_OK) status = keep_items(self, items, count, err);
    free(items);
    return status;
}

static peal_status fit_sorted(vocabulary *self, const peal_dictionary *seen, int (*order)(const void *, const void *),
                              peal_error *err) {
    peal_dictionary_clear(&self->texts);
    const bool may_fold = self->folds && seen->size <= FOLDED_MOST;
    if (!may_fold && is_sorted(self, seen, order)) return peal_dictionary_copy(seen, &self->texts, err);
    PEAL_TRY(fit_items(self, seen, order, err));
    return list_folded(self, err);
}

/* Says of which texts there were several ways of writing. */
static void remark(const vocabulary *self, const char *transform, char text[PEAL_REMARK_TEXT], bool *is_warning) {
    *text = '\0';
    *is_warning = false;
    if (!self->fitted.merged) return;
    snprintf(
        text, PEAL_REMARK_TEXT,
        "%u of its texts differ%s by blanks or capital letters only from others, as '%s' from '%s', and count%s as "
        "these (transform %s:fold=no keeps them apart)",
        self->fitted.merged, self->fitted.merged == 1 ? "s" : "", self->fitted.other, self->fitted.kept,
        self->fitted.merged == 1 ? "s" : "", transform);
}

static void index_remark(const void *state, char text[PEAL_REMARK_TEXT], bool *is_warning) {
    remark(state, "index", text, is_warning);
}

static void onehot_remark(const void *state, char text[PEAL_REMARK_TEXT], bool *is_warning) {
    remark(state, "onehot", text, is_warning);
}

static void label_remark(const void *state, char text[PEAL_REMARK_TEXT], bool *is_warning) {
    remark(state, "label", text, is_warning);
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

/* A text that is not known may be a number that is, in another spelling, or one of other blanks or letters. */
static int32_t vocabulary_encode(const void *state, peal_text text) {
    const vocabulary *self = state;
    if (!text.data) return self->missing_code;
    const int64_t code = peal_dictionary_find(&self->texts, text.data, text.length);
    char spelling[PEAL_NUMBER_TEXT];
    const peal_text other = code < 0 ? canonical(text, spelling) : text;
    const int64_t found = other.data == text.data ? code : peal_dictionary_find(&self->texts, other.data, other.length);
    return found < 0 ? find_folded(self, text) : (int32_t)found;
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
    .remark = onehot_remark,
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
    .remark = index_remark,
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
    if (!self->is_number) return save_fold(self, json_pack("{s:s, s:o}", "as", "class", "values", save_values(self)));
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
    .remark = label_remark,
    .numbers = label_numbers,
    .width = vocabulary_width,
    .encode = vocabulary_encode,
    .code_name = vocabulary_name,
    .dictionary = vocabulary_dictionary,
};
