/* Clinger's fast path (PLDI 1990): a mantissa below 2^53 and a power of ten up to 10^22 are both exact doubles, so one
 * multiplication or division rounds correctly. All else goes to strtod. */
#include "core/base/number.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/locale.h"
#include "core/base/memory.h"

static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The text is known to have a number's form. */
static bool slow_parse(const char *text, size_t length, double *out) {
    char small[128];
    char *copy = length < sizeof small ? small : malloc(length + 1);
    if (!copy) return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    const locale_t before = peal_locale_enter();
    *out = strtod(copy, NULL);
    peal_locale_leave(before);
    if (copy != small) free(copy);
    return isfinite(*out);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

/* Reads digits into *mantissa, at most 19 significant ones; returns how many digits were read. */
static size_t read_digits(const char **at, const char *end, uint64_t *mantissa, int *significant) {
    const char *begin = *at, *p = begin;
    uint64_t value = *mantissa;
    int count = *significant;
    for (; p < end && is_digit(*p); p++) {
        if (count < 19) value = value * 10 + (uint64_t)(*p - '0');
        count += value != 0;
    }
    *mantissa = value;
    *significant = count;
    *at = p;
    return (size_t)(p - begin);
}

bool peal_number_parse(const char *text, size_t length, double *out) {
    const char *p = text, *end = text + length;
    while (p < end && is_blank(*p)) p++;
    while (end > p && is_blank(end[-1])) end--;
    const char *begin = p;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    uint64_t mantissa = 0;
    int significant = 0;
    long exponent = 0;
    size_t digits = read_digits(&p, end, &mantissa, &significant);
    if (p < end && *p == '.') {
        p++;
        size_t fraction = read_digits(&p, end, &mantissa, &significant);
        exponent = -(long)fraction;
        digits += fraction;
    }
    if (digits == 0) return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        bool down = p < end && *p == '-';
        if (p < end && (*p == '-' || *p == '+')) p++;
        if (p == end || !is_digit(*p)) return false;
        long power = 0;
        for (; p < end && is_digit(*p); p++) {
            if (power < 100000) power = power * 10 + (*p - '0');
        }
        exponent += down ? -power : power;
    }
    if (p != end) return false;
    if (significant > 19 || mantissa > (UINT64_C(1) << 53) || exponent < -22 || exponent > 22) {
        return slow_parse(begin, (size_t)(end - begin), out);
    }
    double value = (double)mantissa;
    value = exponent < 0 ? value / powers_of_ten[-exponent] : value * powers_of_ten[exponent];
    *out = negative ? -value : value;
    return true;
}

const char *peal_number_text(double value, char text[PEAL_NUMBER_TEXT]) {
    double back;
    for (int digits = 15; digits <= 17; digits++) {
        peal_snprintf(text, PEAL_NUMBER_TEXT, "%.*g", digits, value);
        if (!isfinite(value) || (peal_number_parse(text, strlen(text), &back) && back == value)) break;
    }
    return text;
}

size_t peal_unsigned_text(uint64_t value, char text[PEAL_NUMBER_TEXT]) {
    size_t length = 1;
    for (uint64_t rest = value; rest >= 10; rest /= 10) length++;
    text[length] = '\0';
    for (size_t at = length; at > 0; value /= 10) text[--at] = (char)('0' + value % 10);
    return length;
}

size_t peal_integer_text(int64_t value, char text[PEAL_NUMBER_TEXT]) {
    if (value >= 0) return peal_unsigned_text((uint64_t)value, text);
    char digits[PEAL_NUMBER_TEXT];
    const size_t length = peal_unsigned_text(-(uint64_t)value, digits);
    text[0] = '-';
    memcpy(text + 1, digits, length + 1);
    return length + 1;
}

double peal_number_between(double low, double high) {
    const bool has_zero = low < 0 && high > 0;
    return has_zero && high > PEAL_NEARLY_ZERO ? PEAL_NEARLY_ZERO : low / 2 + high / 2;
}
