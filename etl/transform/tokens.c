/* tokens: a text becomes a bag of its words, or of runs of its letters, each at the bucket that its hash names. Nothing
 * is learnt and nothing kept. Letters and their cases are Unicode's, by utf8proc.
 *
 * A text is first written anew, as a row of units (words, or single letters) that stand next to each other; an n-gram
 * is then a run of its bytes. Signs and buckets as in hash.c. */
#include <stdlib.h>
#include <utf8proc.h>

#include "core/base/digest.h"
#include "etl/transform/transform.h"

enum { MOST_BITS = 30, USUAL_BITS = 18, MOST_GRAM = 16 };

typedef enum token_unit { BY_WORDS, BY_CHARS, BY_CHARS_IN_WORDS } token_unit;

typedef struct tokens {
    unsigned by; /* token_unit */
    uint64_t least, most, bits, seed;
    bool lower, is_signed, normal;
} tokens;

static const char *const unit_names[] = {"words", "chars", "chars-in-words", NULL};
static const peal_option tokens_options[] = {
    {"by", PEAL_OPTION_CHOICE, unit_names, 0, 0, "words|chars|chars-in-words",
     "words; letters in a row, as for a language without blanks; these within words (words)"},
    {"least", PEAL_OPTION_COUNT, NULL, 1, MOST_GRAM, "N", "words or letters in a row, at least (1 word, 3 letters)"},
    {"most", PEAL_OPTION_COUNT, NULL, 1, MOST_GRAM, "N", "at most (1 word, 5 letters)"},
    {"lower", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no", "in lower case (yes)"},
    {"bits", PEAL_OPTION_COUNT, NULL, 1, MOST_BITS, "N", "there are 2^N buckets (18)"},
    {"seed", PEAL_OPTION_COUNT, NULL, 0, UINT64_C(1) << 53, "N", "of the hash (0)"},
    {"signed", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no", "count up or down by a bit of the hash (yes)"},
    {"normal", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no", "make the sum of squares of a row 1 (yes)"},
    {.name = NULL},
};

static peal_status tokens_load(const json_t *options, void **state, peal_error *err) {
    static const uint64_t usual_least[] = {1, 3, 3}, usual_most[] = {1, 5, 5};
    tokens *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    PEAL_TRY(peal_transform_choice(options, "by", unit_names, &self->by, err));
    PEAL_TRY(peal_transform_whole("tokens", options, "least", usual_least[self->by], 1, MOST_GRAM, &self->least, err));
    const uint64_t most = self->least > usual_most[self->by] ? self->least : usual_most[self->by];
    PEAL_TRY(peal_transform_whole("tokens", options, "most", most, self->least, MOST_GRAM, &self->most, err));
    PEAL_TRY(peal_transform_flag(options, "lower", true, &self->lower, err));
    PEAL_TRY(peal_transform_whole("tokens", options, "bits", USUAL_BITS, 1, MOST_BITS, &self->bits, err));
    PEAL_TRY(peal_transform_whole("tokens", options, "seed", 0, 0, (uint64_t)1 << 53, &self->seed, err));
    PEAL_TRY(peal_transform_flag(options, "signed", true, &self->is_signed, err));
    return peal_transform_flag(options, "normal", true, &self->normal, err);
}

static json_t *tokens_save(const void *state) {
    const tokens *self = state;
    return json_pack("{s:s, s:I, s:I, s:b, s:I, s:I, s:b, s:b}", "by", unit_names[self->by], "least",
                     (json_int_t)self->least, "most", (json_int_t)self->most, "lower", self->lower, "bits",
                     (json_int_t)self->bits, "seed", (json_int_t)self->seed, "signed", self->is_signed, "normal",
                     self->normal);
}

static uint32_t tokens_width(const void *state) {
    return (uint32_t)1 << ((const tokens *)state)->bits;
}

/* ---- units ---- */

/* Letters, digits and what joins them into a word. */
static bool is_word(utf8proc_int32_t letter) {
    switch (utf8proc_category(letter)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        return false;
    }
}

static bool is_blank(utf8proc_int32_t letter) {
    const utf8proc_category_t category = utf8proc_category(letter);
    return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP ||
           (letter >= '\t' && letter <= '\r');
}

/* The units of a text, in the bag's scratch: `text` has their bytes, `places` where each begins, as uint32. */
typedef struct unit_list {
    peal_bag *bag;
    peal_error *err;
    bool in_word;
} unit_list;

static peal_status begin_unit(const unit_list *list) {
    const uint32_t place = (uint32_t)list->bag->text.size;
    return peal_buffer_append(&list->bag->places, &place, sizeof place, list->err);
}

static peal_status put_letter(const unit_list *list, utf8proc_int32_t letter) {
    uint8_t bytes[4];
    const utf8proc_ssize_t size = utf8proc_encode_char(letter, bytes);
    return peal_buffer_append(&list->bag->text, bytes, (size_t)size, list->err);
}

static peal_status put_unit(const unit_list *list, utf8proc_int32_t letter) {
    PEAL_TRY(begin_unit(list));
    return put_letter(list, letter);
}

/* A word is a unit, with a blank behind it. */
static peal_status add_to_words(unit_list *list, utf8proc_int32_t letter) {
    const bool was = list->in_word;
    list->in_word = is_word(letter);
    if (!list->in_word) return was ? put_letter(list, ' ') : PEAL_OK;
    if (!was) PEAL_TRY(begin_unit(list));
    return put_letter(list, letter);
}

/* Letters are units, and a blank on either side of the word. */
static peal_status add_in_words(unit_list *list, utf8proc_int32_t letter) {
    const bool was = list->in_word;
    list->in_word = is_word(letter);
    if (list->in_word != was) PEAL_TRY(put_unit(list, ' '));
    return list->in_word ? put_unit(list, letter) : PEAL_OK;
}

/* Everything is a unit, and blanks between it are one. */
static peal_status add_char(unit_list *list, utf8proc_int32_t letter) {
    const bool was = list->in_word;
    list->in_word = !is_blank(letter);
    if (!list->in_word) return PEAL_OK;
    if (!was && list->bag->places.size) PEAL_TRY(put_unit(list, ' '));
    return put_unit(list, letter);
}

static peal_status add_letter(const tokens *self, unit_list *list, utf8proc_int32_t letter) {
    if (self->lower) letter = utf8proc_tolower(letter);
    if (self->by == BY_CHARS) return add_char(list, letter);
    return self->by == BY_WORDS ? add_to_words(list, letter) : add_in_words(list, letter);
}

static size_t unit_count(const peal_bag *bag) {
    return bag->places.size / sizeof(uint32_t);
}

/* The n-grams of the units from `first` on. A word of fewer letters than `least` is one. */
static peal_status add_grams(const tokens *self, peal_bag *bag, size_t first, peal_error *err) {
    const uint32_t *places = (const uint32_t *)(const void *)bag->places.data;
    const size_t end = unit_count(bag), behind = self->by == BY_WORDS; /* the blank behind a word */
    size_t least = self->least;
    if (self->by == BY_CHARS_IN_WORDS && end > first && end - first < least) least = end - first;
    for (size_t length = least; length <= self->most && length <= end - first; length++) {
        for (size_t i = first; i + length <= end; i++) {
            const size_t stop = i + length < end ? places[i + length] : bag->text.size;
            const uint64_t hash = peal_hash(bag->text.data + places[i], stop - behind - places[i], self->seed);
            const float value = self->is_signed && (hash & 1) ? -1.0f : 1.0f;
            PEAL_TRY(peal_bag_add(bag, (uint32_t)(hash >> (64 - self->bits)), value, err));
        }
    }
    return PEAL_OK;
}

/* The text is UTF-8; what is none, of a host's table, is passed over byte by byte. */
static peal_status tokens_fill(const void *state, peal_text text, peal_bag *bag, peal_error *err) {
    const tokens *self = state;
    unit_list list = {.bag = bag, .err = err};
    size_t first = 0;
    bag->text.size = bag->places.size = 0;
    for (size_t at = 0; text.data && at <= text.length;) {
        utf8proc_int32_t letter = ' '; /* behind the end, so that the last word ends like the others */
        utf8proc_ssize_t size = 1;
        if (at < text.length) {
            size = utf8proc_iterate((const uint8_t *)text.data + at, (utf8proc_ssize_t)(text.length - at), &letter);
        }
        at += size > 0 ? (size_t)size : 1;
        if (size <= 0) continue;
        const bool was_in_word = list.in_word;
        PEAL_TRY(add_letter(self, &list, letter));
        if (self->by != BY_CHARS_IN_WORDS || !was_in_word || list.in_word) continue;
        PEAL_TRY(add_grams(self, bag, first, err));
        first = unit_count(bag);
    }
    if (self->by != BY_CHARS_IN_WORDS) PEAL_TRY(add_grams(self, bag, first, err));
    peal_bag_sort(bag);
    if (self->normal) peal_bag_normalise(bag);
    return PEAL_OK;
}

const peal_transform peal_transform_tokens = {
    .name = "tokens",
    .documentation = "texts: sparse features, a bag of words or letters in a row, each at the bucket of its hash",
    .role = PEAL_TRANSFORM_ENCODE,
    .options = tokens_options,
    .load = tokens_load,
    .save = tokens_save,
    .free = free,
    .width = tokens_width,
    .fill = tokens_fill,
    .wants_text = true,
    .wants_rows = peal_transform_always,
};
