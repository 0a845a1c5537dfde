/* Numbers in all ways in which people write them, and which way is a column's; see spelling.h. */
#include "etl/format/spelling.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/number.h"
#include "etl/format/cell.h"
#include "etl/format/marks.h"

enum { PERCENT = 100 };
enum { NUMBER_MOST = 128 }; /* bytes of a number that is written in an unusual way */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The length of the one of `marks` (ends with NULL) that the text begins with; 0: none. */
static size_t mark_length(const char *text, size_t length, const char *const *marks) {
    for (size_t i = 0; marks[i]; i++) {
        const size_t size = strlen(marks[i]);
        if (length >= size && memcmp(text, marks[i], size) == 0) return size;
    }
    return 0;
}

#define NO_BREAK_SPACE "\xC2\xA0"
#define NARROW_NO_BREAK_SPACE "\xE2\x80\xAF"
#define MINUS "\xE2\x88\x92" /* U+2212, of typesetters */

static const char *const blanks[] = {" ", "\t", NO_BREAK_SPACE, NARROW_NO_BREAK_SPACE, NULL};
/* Signs that a loose number may have beside it, in UTF-8. */
static const char *const signs[] = {"$", "%", "\xE2\x82\xAC", "\xC2\xA3", "\xC2\xA5", " ", "\t", NO_BREAK_SPACE, NULL};
/* What stands before numbers: currencies. */
static const char *const currencies[] = {"US$",
                                         "CA$",
                                         "AU$",
                                         "A$",
                                         "C$",
                                         "HK$",
                                         "NZ$",
                                         "R$",
                                         "$",
                                         "\xE2\x82\xAC" /* euro */,
                                         "\xC2\xA3" /* pound */,
                                         "\xC2\xA5" /* yen */,
                                         "\xE2\x82\xB9" /* rupee */,
                                         "\xE2\x82\xBD" /* rouble */,
                                         "\xE2\x82\xA9" /* won */,
                                         "\xE2\x82\xBA" /* lira */,
                                         "\xE2\x82\xAB" /* dong */,
                                         "\xE2\x82\xAA" /* shekel */,
                                         "USD",
                                         "EUR",
                                         "GBP",
                                         "CHF",
                                         "JPY",
                                         "CNY",
                                         "INR",
                                         "Rs.",
                                         "Rs",
                                         "kr",
                                         NULL};

/* ---- digits ---- */

/* Writes digits, marks and exponent to `plain` in the usual way; 0: they cannot be. */
static size_t in_usual_way(const peal_spelling *spelling, const char *text, size_t length, char plain[NUMBER_MOST]) {
    const char decimal = spelling->decimal ? spelling->decimal : '.';
    size_t used = 0, group = 0;
    bool digits = false, grouped = false, behind = false, leads_with_zero = false; /* 0,123 is none of thousands */
    const bool negative = spelling->loose && length > 2 && text[0] == '(' && text[length - 1] == ')';
    if (negative) {
        plain[used++] = '-';
        text++;
        length -= 2;
    }
    for (size_t at = 0; at < length;) {
        char c = text[at];
        if (used + 2 >= NUMBER_MOST) return 0;
        const size_t sign = spelling->loose && !is_digit(c) ? mark_length(text + at, length - at, signs) : 0;
        if (sign) {
            at += sign;
            continue;
        }
        if (spelling->loose && length - at >= strlen(MINUS) && memcmp(text + at, MINUS, strlen(MINUS)) == 0) {
            plain[used++] = '-';
            at += strlen(MINUS);
            continue;
        }
        const size_t blank = spelling->thousands == ' ' ? mark_length(text + at, length - at, blanks) : 0;
        if (blank || (spelling->thousands && c == spelling->thousands)) {
            /* One to three digits in front of the first, three between two. */
            if (behind || !digits || group > 3 || (grouped && group != 3) || leads_with_zero) return 0;
            grouped = true;
            group = 0;
            at += blank ? blank : 1;
            continue;
        }
        if (c == decimal) {
            if (behind || (grouped && group != 3)) return 0;
            behind = true;
            plain[used++] = '.';
        } else if (c == '.' || c == ',') {
            return 0;
        } else {
            leads_with_zero = leads_with_zero || (!digits && c == '0');
            digits = digits || is_digit(c);
            group += is_digit(c);
            plain[used++] = c;
        }
        at++;
    }
    if (grouped && !behind && group != 3) return 0;
    return digits ? used : 0;
}

static bool read_digits(const peal_spelling *spelling, const char *text, size_t length, double *out) {
    char plain[NUMBER_MOST];
    if (!spelling->decimal && !spelling->thousands && !spelling->loose) return peal_number_parse(text, length, out);
    const size_t size = in_usual_way(spelling, text, length, plain);
    return size > 0 && peal_number_parse(plain, size, out);
}

/* ---- what stands around them ---- */

/* A number with its sign, unit and scale taken off. */
typedef struct parts {
    const char *digits, *unit;
    size_t digits_length, unit_length;
    bool in_parentheses;
    bool negative, loose; /* loose: without unit and scale it still is not written in the usual way */
    double factor;        /* 1: no scale */
} parts;

typedef struct span {
    const char *at;
    size_t left;
} span;

static void pass(span *text, size_t count) {
    text->at += count;
    text->left -= count;
}

static void pass_blanks(span *text) {
    for (size_t size; (size = mark_length(text->at, text->left, blanks)) > 0;) pass(text, size);
}

/* A text as long as a number and what may stand around it, without blanks at its ends. */
static bool trim(const char *text, size_t length, span *out) {
    *out = (span){text, length};
    pass_blanks(out);
    while (out->left > 0 && (out->at[out->left - 1] == ' ' || out->at[out->left - 1] == '\t')) out->left--;
    return out->left > 0 && out->left < NUMBER_MOST;
}

/* True if there was one. */
static bool pass_sign(span *text, bool *negative) {
    const bool minus = text->left >= strlen(MINUS) && memcmp(text->at, MINUS, strlen(MINUS)) == 0;
    if (!minus && (text->left == 0 || (*text->at != '-' && *text->at != '+'))) return false;
    *negative = minus || *text->at == '-';
    pass(text, minus ? strlen(MINUS) : 1);
    pass_blanks(text);
    return true;
}

static double factor_of(char letter) {
    static const char letters[] = "KkMBGT";
    static const double factors[] = {1e3, 1e3, 1e6, 1e9, 1e9, 1e12};
    const char *at = letter ? strchr(letters, letter) : NULL;
    return at ? factors[at - letters] : 1;
}

/* Passes a letter or word that scales what stands before it. */
static double take_factor(span *text) {
    static const struct {
        const char *word;
        double factor;
    } words[] = {{"thousand", 1e3}, {"million", 1e6},  {"millions", 1e6}, {"mn", 1e6},        {"mio", 1e6},
                 {"billion", 1e9},  {"billions", 1e9}, {"bn", 1e9},       {"trillion", 1e12}, {"tn", 1e12}};
    size_t length = 0;
    while (length < text->left && is_letter(text->at[length])) length++;
    double factor = length == 1 ? factor_of(*text->at) : 1;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (peal_cell_is_one_of(text->at, length, &words[i].word, 1)) factor = words[i].factor;
    }
    if (factor == 1) return 1;
    pass(text, length);
    pass_blanks(text);
    return factor;
}

/* The length of an exponent as in 1.2e3 and 1e-05; 0: none. */
static size_t exponent_length(const char *text, size_t length) {
    if (length < 2 || (*text != 'e' && *text != 'E')) return 0;
    const size_t begin = text[1] == '+' || text[1] == '-' ? 2 : 1;
    size_t end = begin;
    while (end < length && is_digit(text[end])) end++;
    return end > begin ? end : 0;
}

/* From the first digit to the last, with all that may stand between two. */
static void take_digits(span *text, parts *out) {
    size_t end = 0;
    for (size_t at = 0; at < text->left;) {
        const char c = text->at[at];
        const size_t blank = mark_length(text->at + at, text->left - at, blanks);
        const bool mark = blank || c == '.' || c == ',' || c == '\'';
        if (!is_digit(c) && !mark) break;
        at += blank ? blank : 1;
        if (is_digit(c)) end = at;
    }
    if (end > 0) end += exponent_length(text->at + end, text->left - end);
    out->digits = text->at;
    out->digits_length = end;
    pass(text, end);
}

/* True of a word that can be a unit: one without digits, and none that joins it to what stands before. */
static bool is_unit(const span *text) {
    static const char joins[] = "-:_#~<>=+*.,;()[]{}|\\&!?'";
    if (text->left == 0 || text->left >= PEAL_UNIT_SIZE || *text->at == '/') return false;
    for (size_t i = 0; i < text->left; i++) {
        if (is_digit(text->at[i]) || strchr(joins, text->at[i]) || text->at[i] == ' ' || text->at[i] == '\t')
            return false;
    }
    return true;
}

static bool take_apart(const char *text, size_t length, parts *out) {
    span left;
    *out = (parts){.factor = 1};
    if (!trim(text, length, &left)) return false;
    const bool in_parentheses = left.left > 2 && left.at[0] == '(' && left.at[left.left - 1] == ')';
    if (in_parentheses && !trim(left.at + 1, left.left - 2, &left)) return false;
    bool has_sign = pass_sign(&left, &out->negative);
    const size_t currency = mark_length(left.at, left.left, currencies);
    if (currency) {
        out->unit = left.at;
        out->unit_length = currency;
        pass(&left, currency);
        pass_blanks(&left);
        if (!has_sign) has_sign = pass_sign(&left, &out->negative);
    }
    if (in_parentheses && has_sign) return false;
    out->in_parentheses = in_parentheses;
    out->negative = out->negative || in_parentheses;
    take_digits(&left, out);
    if (out->digits_length == 0) return false;
    pass_blanks(&left);
    out->factor = take_factor(&left);
    const char *begin = text + (*text == '-' || *text == '+');
    out->loose = in_parentheses || out->digits != begin || out->digits + out->digits_length != text + length;
    if (left.left == 0) return true;
    if (out->unit || !is_unit(&left)) return false;
    out->unit = left.at;
    out->unit_length = left.left;
    return true;
}

/* True of a number with a mark of thousands or a unit that begins with a 0 it would not have: part of a code. */
static bool is_code(const parts *one) {
    return one->digits_length > 1 && one->digits[0] == '0' && one->digits[1] != '.' && one->digits[1] != ',';
}

static bool read_parts(const peal_spelling *spelling, const parts *one, double *out) {
    const peal_spelling marks = {.decimal = spelling->decimal, .thousands = spelling->thousands};
    if (!read_digits(&marks, one->digits, one->digits_length, out)) return false;
    *out *= one->negative ? -one->factor : one->factor;
    return true;
}

/* The same, or one the plural of the other: day and days. */
static bool same_unit(const char *unit, const char *text, size_t length) {
    const size_t size = strlen(unit), least = size < length ? size : length;
    if (memcmp(unit, text, least) != 0) return false;
    if (size == length) return true;
    const bool longer = size == least + 1 || length == least + 1;
    return longer && least > 1 && is_letter(text[0]) && (size > length ? unit[least] : text[least]) == 's';
}

/* ---- times of day ---- */

/* am, PM, a.m.: adds twelve hours to those after noon. False if it is something else. */
static bool take_half(span *text, double *hours) {
    pass_blanks(text);
    if (text->left == 0) return true;
    const char half = (char)(*text->at | 32);
    char rest[4] = {0};
    if (text->left > 4 || (half != 'a' && half != 'p') || *hours >= 13) return false;
    size_t used = 0;
    for (size_t i = 1; i < text->left; i++) {
        if (text->at[i] != '.') rest[used++] = (char)(text->at[i] | 32);
    }
    if (strcmp(rest, "m") != 0) return false;
    *hours = fmod(*hours, 12) + (half == 'p' ? 12 : 0);
    return true;
}

/* What a time of the clock looked like. */
typedef struct clock_form {
    bool is_long;       /* it has seconds behind minutes */
    bool has_half;      /* AM or PM */
    bool is_unpadded;   /* its first number has one digit */
    bool is_beyond_day; /* that number is above 23 */
} clock_form;

/* h:mm, h:mm:ss, with parts of a second, or a half of the day behind. */
static bool read_form(const char *text, size_t length, double *out, clock_form *form) {
    span left;
    if (!trim(text, length, &left)) return false;
    size_t digits = 0;
    double hours = 0;
    for (; left.left > 0 && is_digit(*left.at) && digits < 4; digits++) {
        hours = hours * 10 + (*left.at - '0');
        pass(&left, 1);
    }
    *form = (clock_form){.is_unpadded = digits == 1, .is_beyond_day = hours > 23};
    double unit = 60;
    size_t fields = 0;
    for (; digits > 0 && left.left >= 3 && *left.at == ':' && fields < 2; fields++, unit *= 60) {
        const char tens = left.at[1], ones = left.at[2];
        if (!is_digit(ones) || tens < '0' || tens > '5') return false;
        hours += ((tens - '0') * 10 + (ones - '0')) / unit;
        pass(&left, 3);
    }
    if (fields == 0) return false;
    if (fields == 2 && left.left > 1 && (*left.at == '.' || *left.at == ',')) {
        double place = 36000;
        for (pass(&left, 1); left.left > 0 && is_digit(*left.at); pass(&left, 1), place *= 10) {
            hours += (*left.at - '0') / place;
        }
    }
    *out = hours;
    form->is_long = fields == 2;
    form->has_half = left.left > 0;
    return take_half(&left, out);
}

static bool read_clock(const char *text, size_t length, double *out) {
    clock_form form;
    return read_form(text, length, out, &form);
}

/* Where times with two numbers are minutes and seconds, as 58:30 beside 1:02:11. */
static bool read_lap(const char *text, size_t length, double *out) {
    clock_form form;
    if (!read_form(text, length, out, &form)) return false;
    if (!form.is_long && !form.has_half) *out /= 60;
    return true;
}

/* ---- reading ---- */

static bool read_measure(unsigned kind, const char *text, size_t length, double *out) {
    double factor;
    bool several;
    return measure__read(kind, text, length, out, &factor, &several);
}

static bool read_unmarked(const peal_spelling *spelling, const char *text, size_t length, double *out) {
    if (spelling->measure) return read_measure(spelling->measure, text, length, out);
    if (spelling->clock) return (spelling->laps ? read_lap : read_clock)(text, length, out);
    if (!spelling->unit[0] && !spelling->scaled && read_digits(spelling, text, length, out)) return true;
    if (!spelling->unit[0] && !spelling->scaled && !spelling->loose) return false;
    parts one;
    if (!take_apart(text, length, &one)) {
        if (!peal_number_parse(text, length, out)) return false;
        if (spelling->fractions) *out *= PERCENT;
        return true;
    }
    if (one.unit && !(spelling->unit[0] && same_unit(spelling->unit, one.unit, one.unit_length))) return false;
    if (one.factor != 1 && !spelling->scaled) return false;
    if (!read_parts(spelling, &one, out)) return false;
    if (spelling->fractions && !one.unit) *out *= PERCENT;
    return true;
}

bool peal_spelling_read(const peal_spelling *spelling, const char *text, size_t length, double *out) {
    size_t begin;
    if (read_unmarked(spelling, text, length, out)) return true;
    return spelling->marked && marks__take(text, &begin, &length) && read_unmarked(spelling, text + begin, length, out);
}

bool peal_spelling_read_usual(const peal_spelling *spelling, const char *text, size_t length, double *out) {
    static const peal_spelling thousands = {.decimal = ',', .thousands = '.'};
    if (spelling->measure) return false; /* of which unit it is nobody knows */
    const bool has_point = memchr(text, '.', length) != NULL;
    /* Where the comma is that of decimals, 1.234 may mean either. */
    if (spelling->decimal == ',' && has_point && read_digits(&thousands, text, length, out)) return false;
    return peal_number_parse(text, length, out);
}

bool peal_spelling_may_be(const char *text, size_t length) {
    double number;
    parts one;
    size_t begin;
    if (length == 0 || peal_number_parse(text, length, &number)) return false;
    if (read_clock(text, length, &number) || take_apart(text, length, &one)) return true;
    return marks__take(text, &begin, &length) && take_apart(text + begin, length, &one);
}

const char *peal_spelling_hint(const char *text, size_t length) {
    static const struct {
        peal_spelling spelling;
        const char *hint;
    } options[] = {
        {{.thousands = ','}, "thousands ,"},
        {{.decimal = ','}, "decimal ,"},
        {{.decimal = ',', .thousands = '.'}, "decimal , and thousands ."},
        {{.loose = true}, "numbers loose"},
        {{.loose = true, .thousands = ','}, "numbers loose and thousands ,"},
        {{.loose = true, .decimal = ','}, "numbers loose and decimal ,"},
    };
    double number;
    if (length == 0 || peal_number_parse(text, length, &number)) return NULL;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (peal_spelling_read(&options[i].spelling, text, length, &number)) return options[i].hint;
    }
    return NULL;
}

/* ---- voting ---- */

/* In the order in which they are preferred: 1,234 is of thousands where all texts could be either. */
static const peal_spelling ways[PEAL_SPELLING_WAYS] = {
    {0},
    {.thousands = ','},
    {.decimal = ','},
    {.decimal = ',', .thousands = '.'},
    {.thousands = ' '},
    {.decimal = ',', .thousands = ' '},
    {.thousands = '\''},
    {.clock = true},
};
enum { DECIMAL_COMMA = 2, POINTS_BETWEEN = 3, CLOCK = PEAL_SPELLING_WAYS - 1, DISTINCT_LEAST = 20, WORDS_SHARE = 50 };
enum { SCALE_THOUSANDS = 1, SCALE_MILLIONS = 2 }; /* peal_spelling_votes.scales */
/* Of a column of numbers with dirt among them: one row in so many may hold none, and one in so many a text with digits
 * that is none. */
enum { DIRT_SHARE = 20, CODES_SHARE = 200 };

static void cut(const char *text, size_t length, char out[PEAL_WORD_SIZE]) {
    snprintf(out, PEAL_WORD_SIZE, "%.*s", (int)(length < PEAL_WORD_SIZE - 4 ? length : PEAL_WORD_SIZE - 4), text);
}

/* True of words that say that there is no number. */
static bool is_known_word(const char *text, size_t length) {
    static const char *const known[] = {
        "unknown",    "unkn",        "unk",          "refused",           "not available",
        "undefined",  "unspecified", "not recorded", "not applicable",    "not known",
        "not given",  "not stated",  "no data",      "no answer",         "withheld",
        "tbd",        "tba",         "n.d.",         "inconnu",           "unbekannt",
        "k.a.",       "on request",  "declined",     "not reported",      "not measured",
        "don't know", "dont know",   "not sure",     "prefer not to say", "no opinion"};
    return peal_cell_is_one_of(text, length, known, sizeof known / sizeof *known);
}

/* A text with digits is a code, a range or of another unit, and no word for what is missing. */
static void vote_word(peal_spelling_votes *votes, const char *text, size_t length, uint64_t rows) {
    bool has_digit = false;
    for (size_t i = 0; i < length; i++) has_digit = has_digit || is_digit(text[i]);
    votes->code_rows += has_digit ? rows : 0;
    if (has_digit || votes->word_count == PEAL_SPELLING_WORDS) {
        votes->other_rows += rows;
        return;
    }
    cut(text, length, votes->words[votes->word_count++]);
    votes->known_words += is_known_word(text, length);
    votes->word_rows += rows;
}

/* Counts the number's unit; false: there have been too many others. */
static bool count_unit(peal_spelling_votes *votes, const parts *one, uint64_t rows) {
    size_t at = 0;
    if (!one->unit) return true;
    while (at < votes->unit_count && !same_unit(votes->units[at].text, one->unit, one->unit_length)) at++;
    if (at == PEAL_SPELLING_UNITS) return false;
    if (at == votes->unit_count) {
        snprintf(votes->units[at].text, sizeof votes->units[at].text, "%.*s", (int)one->unit_length, one->unit);
        votes->unit_count++;
    }
    votes->units[at].rows += rows;
    return true;
}

static void count_marks(peal_spelling_votes *votes, const parts *one) {
    size_t points = 0, commas = 0, blanks_between = 0;
    for (size_t i = 0; i < one->digits_length; i++) {
        points += one->digits[i] == '.';
        commas += one->digits[i] == ',' || one->digits[i] == '\'';
        const size_t blank = mark_length(one->digits + i, one->digits_length - i, blanks);
        blanks_between += blank > 0;
    }
    votes->has_decimals = votes->has_decimals || points == 1 || (commas == 1 && points == 0);
    votes->has_short = votes->has_short || (points < 2 && commas < 2 && blanks_between < 2) || (points && commas);
}

static void vote_clock(peal_spelling_votes *votes, const clock_form *form, uint64_t rows) {
    votes->has_long_time = votes->has_long_time || form->is_long;
    votes->has_short_time = votes->has_short_time || !form->is_long;
    votes->has_half = votes->has_half || form->has_half;
    votes->has_lap = votes->has_lap || (form->is_long ? form->is_unpadded : form->is_beyond_day);
    votes->distinct++;
    votes->rows += rows;
    for (size_t w = 0; w < CLOCK; w++) votes->failures[w] += rows;
}

/* True of 007 and 02139, which numbers are not written like. */
static bool begins_as_code(const char *text, size_t length) {
    return length > 1 && text[0] == '0' && is_digit(text[1]);
}

/* A number that is written in the usual way or can be taken apart. */
static bool vote_parts(peal_spelling_votes *votes, const char *text, size_t length, uint64_t rows, bool *is_plain,
                       parts *one) {
    double number;
    *one = (parts){.digits = text, .digits_length = length, .factor = 1};
    *is_plain = peal_number_parse(text, length, &number);
    if (*is_plain) return true;
    return take_apart(text, length, one) && !is_code(one) && count_unit(votes, one, rows);
}

/* The same within marks. */
static bool vote_marked(peal_spelling_votes *votes, const char *text, size_t length, uint64_t rows, parts *one) {
    size_t begin, size = length;
    bool is_plain;
    if (!marks__take(text, &begin, &size)) return false;
    if (!vote_parts(votes, text + begin, size, rows, &is_plain, one)) return false;
    if (votes->marked_rows == 0) cut(text, length, votes->marked);
    votes->marked_rows += rows;
    return true;
}

/* Votes as a number with units, of each kind that has such. */
static void vote_measures(peal_spelling_votes *votes, const char *text, size_t length, uint64_t rows) {
    double number, factor;
    bool several;
    if (length == 0 || (is_digit(text[length - 1]) && text[length - 1] != '2')) return; /* 2: of m2 */
    for (unsigned kind = 1; kind < MEASURE__KINDS; kind++) {
        peal_measure_votes *one = &votes->measures[kind];
        if (!measure__read(kind, text, length, &number, &factor, &several)) continue;
        one->rows += rows;
        one->distinct++;
        one->has_mixed = one->has_mixed || several || (one->factor > 0 && one->factor != factor);
        one->factor = factor;
        if (!votes->example[0]) cut(text, length, votes->example);
    }
}

/* Which ways read the number, and which of them as another one than a later way. */
static void vote_ways(peal_spelling_votes *votes, const parts *one, uint64_t rows) {
    double numbers[CLOCK];
    bool reads[CLOCK];
    votes->failures[CLOCK] += rows;
    for (size_t w = 0; w < CLOCK; w++) {
        reads[w] = read_parts(&ways[w], one, &numbers[w]);
        votes->failures[w] += reads[w] ? 0 : rows;
    }
    for (size_t w = 0; w < CLOCK; w++) {
        bool differs = false;
        for (size_t later = w + 1; reads[w] && later < CLOCK; later++) {
            differs = differs || (reads[later] && numbers[later] != numbers[w]);
        }
        votes->doubtful[w] += differs ? rows : 0;
    }
    if (reads[0] && reads[POINTS_BETWEEN] && numbers[0] != numbers[POINTS_BETWEEN]) votes->grouped_rows += rows;
}

/* Whether numbers with and without a unit may be parts of 1, or more. */
static void count_parts(peal_spelling_votes *votes, const parts *one) {
    double number;
    if (!read_parts(&ways[0], one, &number) && !read_parts(&ways[DECIMAL_COMMA], one, &number)) return;
    const bool is_above = number > 1 || number < 0;
    votes->bare_parts += !one->unit && number > 0 && number < 1;
    votes->has_bare_above = votes->has_bare_above || (!one->unit && is_above);
    votes->has_above = votes->has_above || (one->unit && is_above);
}

void peal_spelling_vote(peal_spelling_votes *votes, const char *text, size_t length, uint64_t rows) {
    double number;
    parts one;
    clock_form form;
    bool is_plain;
    vote_measures(votes, text, length, rows);
    if (read_form(text, length, &number, &form)) {
        if (!votes->example[0]) cut(text, length, votes->example);
        vote_clock(votes, &form, rows);
        return;
    }
    if (vote_parts(votes, text, length, rows, &is_plain, &one)) {
        votes->has_code = votes->has_code || (is_plain && begins_as_code(text, length));
        if (!is_plain && !votes->example[0]) cut(text, length, votes->example);
    } else if (!vote_marked(votes, text, length, rows, &one)) {
        vote_word(votes, text, length, rows);
        return;
    }
    vote_ways(votes, &one, rows);
    count_parts(votes, &one);
    votes->distinct++;
    votes->rows += rows;
    votes->scaled = votes->scaled || one.factor != 1;
    votes->scales |= one.factor == 1e3 ? SCALE_THOUSANDS : one.factor == 1e6 ? SCALE_MILLIONS : 0;
    votes->loose = votes->loose || one.loose;
    votes->has_plain = votes->has_plain || !one.in_parentheses;
    count_marks(votes, &one);
}

/* The first way that so many rows at most are not written in, of numbers and `others`; PEAL_SPELLING_WAYS: none. */
static size_t first_way(const peal_spelling_votes *votes, uint64_t others, uint64_t failures_most) {
    size_t way = 0;
    while (way < PEAL_SPELLING_WAYS && votes->failures[way] + others > failures_most) way++;
    return way;
}

/* The way that reads the most numbers, where the first one that reads enough has units and says the same of all that it
 * reads: so $1.50 among whole dollars is no exception to points between thousands. */
static size_t best_way(const peal_spelling_votes *votes, uint64_t others, uint64_t failures_most) {
    const size_t first = first_way(votes, others, failures_most);
    size_t best = first;
    if (first == PEAL_SPELLING_WAYS || votes->unit_count == 0 || votes->doubtful[first] > 0) return first;
    for (size_t way = first + 1; way < PEAL_SPELLING_WAYS; way++) {
        if (votes->failures[way] < votes->failures[best]) best = way;
    }
    return best;
}

/* Rows whose text, without a digit, is no number. */
static uint64_t wordy_rows(const peal_spelling_votes *votes) {
    return votes->word_rows + votes->other_rows - votes->code_rows;
}

uint64_t peal_spelling_values(const peal_spelling_votes *votes) {
    return votes->rows + votes->word_rows + votes->other_rows;
}

/* Rows with digits that are no number with a unit of this kind. */
static uint64_t not_measured(const peal_spelling_votes *votes, size_t kind) {
    return peal_spelling_values(votes) - wordy_rows(votes) - votes->measures[kind].rows;
}

static uint64_t most_codes(uint64_t rows, uint64_t failures_most) {
    return rows / CODES_SHARE > failures_most ? rows / CODES_SHARE : failures_most;
}

bool peal_spelling_is_open(const peal_spelling_votes *votes, uint64_t rows, uint64_t failures_most) {
    if (first_way(votes, votes->other_rows, failures_most) < PEAL_SPELLING_WAYS) return true;
    const uint64_t codes_most = most_codes(rows, failures_most);
    const bool may_lack =
        wordy_rows(votes) * DIRT_SHARE <= rows || votes->other_rows - votes->code_rows <= failures_most;
    for (size_t kind = 1; may_lack && kind < MEASURE__KINDS; kind++) {
        if (not_measured(votes, kind) <= codes_most) return true;
    }
    return wordy_rows(votes) * DIRT_SHARE <= rows &&
           first_way(votes, votes->code_rows, codes_most) < PEAL_SPELLING_WAYS;
}

static bool is_currency(const char *unit) {
    const size_t length = strlen(unit);
    return length && mark_length(unit, length, currencies) == length;
}

/* The unit that most have; *others: rows of other units. */
static const char *unit_of(const peal_spelling_votes *votes, uint64_t *others) {
    size_t best = 0;
    uint64_t all = 0;
    for (size_t i = 0; i < votes->unit_count; i++) {
        all += votes->units[i].rows;
        if (votes->units[i].rows > votes->units[best].rows) best = i;
    }
    *others = votes->unit_count ? all - votes->units[best].rows : 0;
    return votes->unit_count ? votes->units[best].text : "";
}

/* Whether words among numbers can only mean that there is none: one word alone, or some that are rare or known. */
static bool words_are_missing(const peal_spelling_votes *votes, uint64_t rows, uint64_t distinct) {
    if (votes->word_rows > rows || distinct <= DISTINCT_LEAST) return false;
    return votes->word_count <= 1 || votes->known_words == votes->word_count || votes->word_rows * WORDS_SHARE <= rows;
}

/* Rooms 12A and 30B, addresses 192.168.100.200, numbers of companies 202 290 744: what all have in common. */
static bool may_be_codes(const peal_spelling_votes *votes, const char *unit, size_t way) {
    const bool is_letter_unit = unit[0] >= 'A' && unit[0] <= 'Z' && !unit[1];
    if (is_letter_unit || (votes->scaled && is_letter(unit[0]) && !is_currency(unit))) return true;
    /* One letter behind whole numbers may be any; K and M beside each other scale. */
    const bool has_scales =
        (votes->scales & SCALE_THOUSANDS) && (votes->scales & SCALE_MILLIONS) && votes->distinct > DISTINCT_LEAST;
    if (votes->scaled && !unit[0] && !votes->has_decimals && !has_scales) return true;
    if (ways[way].thousands && !unit[0] && !votes->has_short) return true;
    return votes->loose && !votes->has_plain;
}

/* Whether all but one row in twenty hold numbers. A word is dirt then, whatever it says: that it stands there is kept
 * as what is missing is. A text with digits may be of a family of codes, so that there may be hardly any; where the
 * numbers are few, or begin with 0, they may be such themselves. */
static bool are_dirty_numbers(const peal_spelling_votes *votes, uint64_t odd) {
    const uint64_t dirt = odd + wordy_rows(votes);
    return dirt * DIRT_SHARE <= peal_spelling_values(votes) && votes->distinct > DISTINCT_LEAST && !votes->has_code;
}

/* Marks are of some numbers among many that have none: what all have in common is part of a code, or a word. */
static bool are_marks(const peal_spelling_votes *votes) {
    return votes->marked_rows * 2 <= votes->rows && votes->distinct > DISTINCT_LEAST && !votes->has_code;
}

/* 0.125 beside 12.5%: several without the sign, all of them parts of 1, as those with it are not. */
static bool are_fractions(const peal_spelling_votes *votes) {
    enum { PARTS_LEAST = 5 };
    return votes->bare_parts >= PARTS_LEAST && !votes->has_bare_above && votes->has_above;
}

/* What may be said of a column's numbers: the way, and which rows hold none. */
typedef struct choice {
    size_t way;
    const char *unit;
    uint64_t odd;   /* rows with digits that are none in this way */
    bool has_words; /* more rows than the column may lack */
} choice;

static bool choose_strictly(const peal_spelling_votes *votes, uint64_t failures_most, choice *out) {
    uint64_t other_units;
    out->unit = unit_of(votes, &other_units);
    out->way = best_way(votes, votes->other_rows, failures_most);
    if (out->way == PEAL_SPELLING_WAYS) return false;
    /* 1.299 beside a currency is of thousands where more numbers are so than speak against it. */
    if (out->way == 0 && is_currency(out->unit) && votes->grouped_rows > votes->failures[POINTS_BETWEEN] &&
        votes->failures[POINTS_BETWEEN] + votes->other_rows <= failures_most) {
        out->way = POINTS_BETWEEN;
    }
    out->odd = votes->failures[out->way] + votes->other_rows + other_units;
    if (out->odd > failures_most || votes->rows < 2 * out->odd) return false;
    out->has_words = votes->word_rows + out->odd > failures_most;
    return !out->has_words || words_are_missing(votes, votes->rows, votes->distinct);
}

/* The same of a column with dirt among its numbers. */
static bool choose_with_dirt(const peal_spelling_votes *votes, uint64_t failures_most, choice *out) {
    uint64_t other_units;
    const uint64_t codes_most = most_codes(peal_spelling_values(votes), failures_most);
    out->unit = unit_of(votes, &other_units);
    out->way = best_way(votes, votes->code_rows, codes_most);
    if (out->way == PEAL_SPELLING_WAYS) return false;
    out->odd = votes->failures[out->way] + votes->code_rows + other_units;
    out->has_words = true;
    return out->odd <= codes_most && are_dirty_numbers(votes, out->odd);
}

/* The kind of units of which the column has several, as 531 g beside 0.53 kg; 0: none. */
static unsigned choose_measure(const peal_spelling_votes *votes, uint64_t failures_most) {
    const uint64_t all = peal_spelling_values(votes), wordy = wordy_rows(votes);
    const bool has_few_words = votes->other_rows - votes->code_rows <= failures_most;
    for (unsigned kind = 1; kind < MEASURE__KINDS; kind++) {
        const peal_measure_votes *one = &votes->measures[kind];
        const uint64_t odd = not_measured(votes, kind);
        if (!one->has_mixed || one->distinct <= DISTINCT_LEAST) continue;
        const bool lacks_few = (odd + wordy) * DIRT_SHARE <= all;
        if (odd > most_codes(all, failures_most)) continue;
        if (lacks_few || (has_few_words && words_are_missing(votes, one->rows, one->distinct))) return kind;
    }
    return 0;
}

bool peal_spelling_decide(const peal_spelling_votes *votes, uint64_t failures_most, peal_spelling *out) {
    choice chosen;
    *out = (peal_spelling){.measure = (uint8_t)choose_measure(votes, failures_most)};
    if (out->measure) return true;
    if (votes->rows == 0) return false;
    if (!choose_strictly(votes, failures_most, &chosen) && !choose_with_dirt(votes, failures_most, &chosen)) {
        return false;
    }
    const size_t way = chosen.way;
    const bool has_marks = votes->marked_rows + chosen.odd > failures_most;
    if ((has_marks && votes->marked_rows && !are_marks(votes)) || may_be_codes(votes, chosen.unit, way)) return false;
    *out = ways[way];
    /* Days are told by hours and minutes alone, or always with seconds; what lasts is told by as much as it takes. */
    out->laps = way == CLOCK && votes->has_long_time && votes->has_short_time && votes->has_lap && !votes->has_half;
    out->scaled = votes->scaled;
    if (way != CLOCK) snprintf(out->unit, sizeof out->unit, "%s", chosen.unit);
    out->fractions = strcmp(out->unit, "%") == 0 && are_fractions(votes);
    out->loose = votes->loose && !out->scaled && !out->unit[0] && way != CLOCK;
    out->marked = votes->marked_rows > 0 && way != CLOCK;
    return chosen.has_words || has_marks || way > 0 || out->scaled || out->unit[0] || out->loose;
}

bool peal_spelling_is_amount(const peal_spelling *spelling) {
    const bool is_percent = strcmp(spelling->unit, "%") == 0, has_letter = is_letter(spelling->unit[0]);
    if (spelling->clock || (spelling->scaled && !is_currency(spelling->unit))) return false;
    return !spelling->unit[0] || is_currency(spelling->unit) || is_percent || (has_letter && spelling->unit[1]);
}
