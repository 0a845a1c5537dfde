/* A mantissa of up to 19 digits, as a double, times a power of ten between -22 and 22, as a double, has three roundings
 * behind it, and lies within three units of its last place from the right value. Where the 29 bits that float32 drops
 * are not near a half, both round to the same float32; the few others go to peal_number_parse. */
#include "etl/format/float32.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/number.h"

enum { DIGITS_MOST = 19, POWER_MOST = 22 };

static const double powers_of_ten[] = {
    1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8,
    1e-7,  1e-6,  1e-5,  1e-4,  1e-3,  1e-2,  1e-1,  1e0,   1e1,   1e2,   1e3,   1e4,   1e5,   1e6,  1e7,
    1e8,   1e9,   1e10,  1e11,  1e12,  1e13,  1e14,  1e15,  1e16,  1e17,  1e18,  1e19,  1e20,  1e21, 1e22};
_Static_assert(sizeof powers_of_ten / sizeof *powers_of_ten == 2 * POWER_MOST + 1, "from -22 to 22");

static inline bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

static inline const char *read_digits(const char *p, const char *end, uint64_t *mantissa) {
    uint64_t value = *mantissa;
    for (; p < end && is_digit(*p); p++) value = value * 10 + (uint64_t)(*p - '0');
    *mantissa = value;
    return p;
}

/* Reads "e-5" where it stands at `p`, and adds it to *exponent, which stays small. An e without digits is no part of
 * the number. */
static const char *read_exponent(const char *p, const char *end, long *exponent) {
    if (p == end || (*p != 'e' && *p != 'E')) return p;
    const char *q = p + 1;
    const bool down = q < end && *q == '-';
    if (q < end && (*q == '-' || *q == '+')) q++;
    if (q == end || !is_digit(*q)) return p;
    long power = 0;
    for (; q < end && is_digit(*q); q++) {
        if (power < 100000) power = power * 10 + (*q - '0');
    }
    *exponent += down ? -power : power;
    return q;
}

/* True if a double that differs from `value` by a few units of its last place rounds to the same normal float32. */
static inline bool rounds_surely(double value) {
    enum { NEAR = 16 };
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t dropped = bits & 0x1FFFFFFF;
    return value < FLT_MAX && value >= 2 * (double)FLT_MIN && dropped - (0x10000000u - NEAR) > 2 * NEAR;
}

static size_t read_slowly(const char *text, size_t length, float *out) {
    double value;
    if (!peal_number_parse(text, length, &value) || fabs(value) > (double)FLT_MAX) return 0;
    *out = (float)value;
    return length;
}

size_t float32__read(const char *text, const char *end, float *out) {
    const char *p = text;
    const bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    const char *begin = p;
    uint64_t mantissa = 0;
    long exponent = 0;
    p = read_digits(p, end, &mantissa);
    long digits = p - begin;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        p = read_digits(p, end, &mantissa);
        exponent = -(p - fraction);
        digits -= exponent;
    }
    if (digits == 0) return 0;
    p = read_exponent(p, end, &exponent);
    const size_t length = (size_t)(p - text);
    if (digits > DIGITS_MOST || exponent < -POWER_MOST || exponent > POWER_MOST) {
        return read_slowly(text, length, out);
    }
    const double value = (double)mantissa * powers_of_ten[exponent + POWER_MOST];
    if (mantissa != 0 && !rounds_surely(value)) return read_slowly(text, length, out);
    *out = (float)(negative ? -value : value);
    return length;
}
