/* Looks at digits and the marks between them; see digits.h. */
#include "etl/format/digits.h"

enum { GROUP = 3, CODE_LEAST = 3 };

static size_t digits_at(const char *text, size_t length) {
    size_t count = 0;
    while (count < length && text[count] >= '0' && text[count] <= '9') count++;
    return count;
}

/* One to three digits, of which the first is no 0, then any number of points with three behind each; or 0 alone. */
static bool is_grouped(const char *text, size_t length, bool *has_point) {
    size_t at = length > 0 && *text == '-';
    const size_t first = digits_at(text + at, length - at);
    if (first == 0 || first > GROUP || (text[at] == '0' && length > at + 1)) return false;
    for (at += first; at < length; at += 1 + GROUP) {
        if (text[at] != '.' || digits_at(text + at + 1, length - at - 1) < GROUP) return false;
        *has_point = true;
    }
    return at == length;
}

void peal_digits_vote(peal_digit_votes *votes, const char *text, size_t length) {
    if (digits_at(text, length) < length) {
        votes->has_other = true;
    } else {
        votes->has_zero = votes->has_zero || (length > 1 && *text == '0');
        if (votes->most == 0 || length < votes->least) votes->least = length;
        if (length > votes->most) votes->most = length;
    }
    votes->is_ungrouped = votes->is_ungrouped || !is_grouped(text, length, &votes->has_point);
}

bool peal_digits_are_codes(const peal_digit_votes *votes) {
    return !votes->has_other && votes->has_zero && votes->least == votes->most && votes->most >= CODE_LEAST;
}

bool peal_digits_may_be_grouped(const peal_digit_votes *votes) {
    return !votes->is_ungrouped && votes->has_point;
}

bool peal_digits_have_decimal_comma(const char *text, size_t length) {
    const size_t begin = length > 0 && *text == '-', before = digits_at(text + begin, length - begin);
    const size_t at = begin + before, behind = at < length ? digits_at(text + at + 1, length - at - 1) : 0;
    if (before == 0 || behind == 0 || text[at] != ',' || at + 1 + behind != length) return false;
    return behind != GROUP || before > GROUP || text[begin] == '0';
}
