/* From a text to a value: numbers in all spellings, booleans, what is missing. Between a format and the table; see
 * cell.h. */
#include "etl/format/cell.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/number.h"

/* ---- what is missing ---- */

peal_status peal_nulls_make(const char *const *texts, size_t count, peal_nulls *out, peal_error *err) {
    *out = (peal_nulls){0};
    PEAL_TRY(peal_alloc_checked(&out->texts, count, sizeof *out->texts, "spellings of null", err));
    peal_status status = peal_alloc_checked(&out->numbers, count, sizeof *out->numbers, "spellings of null", err);
    for (size_t i = 0; status == PEAL_OK && i < count; i++) {
        out->texts[i] = peal_strdup(texts[i]);
        if (!out->texts[i]) status = peal_fail(err, PEAL_E_MEMORY, "no memory for spellings of null");
        if (status != PEAL_OK) break;
        out->count++;
        double number;
        if (peal_number_parse(texts[i], strlen(texts[i]), &number)) out->numbers[out->number_count++] = number;
    }
    if (status != PEAL_OK) peal_nulls_clear(out);
    return status;
}

void peal_nulls_clear(peal_nulls *nulls) {
    for (size_t i = 0; i < nulls->count; i++) free(nulls->texts[i]);
    free(nulls->texts);
    free(nulls->numbers);
    *nulls = (peal_nulls){0};
}

static bool holds_number(const peal_nulls *nulls, double number) {
    for (size_t i = 0; i < nulls->number_count; i++) {
        if (nulls->numbers[i] == number) return true;
    }
    return false;
}

bool peal_nulls_hold(const peal_nulls *nulls, const char *text, size_t length) {
    if (length == 0) return true;
    for (size_t i = 0; i < nulls->count; i++) {
        if (strlen(nulls->texts[i]) == length && memcmp(nulls->texts[i], text, length) == 0) return true;
    }
    double number;
    return nulls->number_count && peal_number_parse(text, length, &number) && holds_number(nulls, number);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool same_without_case(const char *text, size_t length, const char *word) {
    if (strlen(word) != length) return false;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != word[i]) return false;
    }
    return true;
}

bool peal_cell_is_one_of(const char *text, size_t length, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (same_without_case(text, length, words[i])) return true;
    }
    return false;
}

bool peal_cell_is_blank(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] != ' ' && text[i] != '\t') return false;
    }
    return true;
}

bool peal_cell_is_usual(const char *text, size_t length, bool certain) {
    static const char *const words[] = {"na",     "n/a",  "nan",     "null",    "\\n",   "<na>",   "#n/a",
                                        "#na",    "nil",  "#div/0!", "#value!", "#ref!", "#name?", "#num!",
                                        "#null!", "none", "n.a.",    "-nan",    "-",     "--",     "?",
                                        ".",      "..",   "missing", "nat"};
    enum { CERTAIN = 15, ALL = sizeof words / sizeof *words, LONGEST = 7 }; /* those of spreadsheets' errors, too */
    if (length == 0 || length > LONGEST || is_digit(*text)) return false;   /* most texts are known at a glance */
    if (*text == ' ' || *text == '\t') return !certain && peal_cell_is_blank(text, length);
    return peal_cell_is_one_of(text, length, words, certain ? CERTAIN : ALL);
}

/* ---- numbers ---- */

peal_cell peal_cell_number(const peal_nulls *nulls, const peal_spelling *spelling, const char *text, size_t length,
                           double *out) {
    if (length > 0 && peal_spelling_read(spelling, text, length, out)) {
        if (!nulls->number_count || !holds_number(nulls, *out)) return PEAL_CELL_NUMBER;
        *out = (double)NAN;
        return PEAL_CELL_MISSING;
    }
    *out = (double)NAN;
    if (peal_nulls_hold(nulls, text, length)) return PEAL_CELL_MISSING;
    return peal_cell_is_usual(text, length, false) ? PEAL_CELL_USUAL : PEAL_CELL_OTHER;
}

bool peal_cell_is_true_or_false(const char *text, size_t length) {
    return same_without_case(text, length, "true") || same_without_case(text, length, "false");
}

peal_cell peal_cell_bool(const peal_nulls *nulls, const char *text, size_t length, double *out) {
    static const char *const yes[] = {"true", "yes", "y", "t", "on", "1"};
    static const char *const no[] = {"false", "no", "n", "f", "off", "0"};
    enum { WORDS = sizeof yes / sizeof *yes };
    *out = (double)NAN;
    if (peal_nulls_hold(nulls, text, length)) return PEAL_CELL_MISSING;
    if (peal_cell_is_one_of(text, length, yes, WORDS)) *out = 1;
    if (peal_cell_is_one_of(text, length, no, WORDS)) *out = 0;
    double number;
    if (isnan(*out) && peal_number_parse(text, length, &number) && (number == 0 || number == 1)) *out = number;
    if (!isnan(*out)) return PEAL_CELL_NUMBER;
    return peal_cell_is_usual(text, length, false) ? PEAL_CELL_USUAL : PEAL_CELL_OTHER;
}

bool peal_cell_int64(const char *text, size_t length, int64_t *out) {
    const bool negative = length > 0 && *text == '-';
    const size_t begin = negative || (length > 0 && *text == '+');
    int64_t value = 0;
    if (begin == length) return false;
    for (size_t i = begin; i < length; i++) {
        if (!is_digit(text[i]) || __builtin_mul_overflow(value, 10, &value)) return false;
        const int digit = text[i] - '0';
        if (negative ? __builtin_sub_overflow(value, digit, &value) : __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}
