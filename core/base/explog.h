/* The exponential function and logarithms whose bits do not depend on the machine or its libm: they are made of single
 * IEEE operations, never fused, in one order. The compiler makes vector code of loops over them, with the same bits.
 *
 * Errors, in units of the last place: peal_exp at most 1, peal_log at most 1, peal_log1p at most 2; a result of
 * peal_exp below the normal numbers is off by at most one of the smallest steps. tests/core/explog_test.c holds them
 * against the system's. Zero, infinities and NaN do what C's Annex F says, but for the sign of a zero. */
#ifndef PEAL_CORE_EXPLOG_H
#define PEAL_CORE_EXPLOG_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* ln 2 in two parts, as Cody and Waite 1980: the first has 33 bits, so that its product with an exponent is exact. */
#define PEAL_LN2_HIGH 0x1.62e42feep-1
#define PEAL_LN2_LOW 0x1.a39ef35793c76p-33

static inline uint64_t peal_bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* The whole number next to x, which is smaller than 2^51: adding 1.5 * 2^52 rounds to one and leaves it in the lower
 * bits. There is no call and no branch, so that loops become vector code. */
static inline int64_t peal_nearest(double x) {
    return (int64_t)(peal_bits_of(x + 0x1.8p52) - peal_bits_of(0x1.8p52));
}

static inline double peal_of_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* x = k ln 2 + r, |r| <= ln(2) / 2, and exp(x) = 2^k (1 + r + r^2 / 2! + ... + r^13 / 13!), whose rest is below 2^-57.
 * Adding 1.5 * 2^52 rounds to a whole number and leaves it in the lower bits. 2^k is two factors, for it can be too
 * small or too large for one. */
static inline double peal_exp(double x) {
    const double most = x > 710 ? 710 : x, y = most < -746 ? -746 : most;
    const double shifted = y * 0x1.71547652b82fep0 + 0x1.8p52, k = shifted - 0x1.8p52;
    const double r = (y - k * PEAL_LN2_HIGH) - k * PEAL_LN2_LOW;
    double sum = 1.0 / 6227020800;
    sum = sum * r + 1.0 / 479001600;
    sum = sum * r + 1.0 / 39916800;
    sum = sum * r + 1.0 / 3628800;
    sum = sum * r + 1.0 / 362880;
    sum = sum * r + 1.0 / 40320;
    sum = sum * r + 1.0 / 5040;
    sum = sum * r + 1.0 / 720;
    sum = sum * r + 1.0 / 120;
    sum = sum * r + 1.0 / 24;
    sum = sum * r + 1.0 / 6;
    sum = sum * r + 0.5;
    const uint64_t whole = peal_bits_of(shifted) - peal_bits_of(0x1.8p52); /* k, modulo 2^64 */
    const uint64_t half = ((whole + 4096) >> 1) - 2048;
    return (1 + (r + r * r * sum)) * peal_of_bits((half + 1023) << 52) * peal_of_bits((whole - half + 1023) << 52);
}

/* x = 2^k (1 + f), 1 + f between the roots of 1/2 and 2; with s = f / (2 + f), z = s^2 and R = z (2/3 + 2/5 z + ...):
 * log(1 + f) = f - (f^2 / 2 - s (f^2 / 2 + R)), see Tang 1990 (ACM TOMS 16(4)) on such orders of adding. */
static inline double peal_log(double x) {
    const double y = x < 0x1p-1022 ? x * 0x1p54 : x; /* below it, numbers have fewer bits */
    const uint64_t bits = peal_bits_of(y), above = bits - UINT64_C(0x3fe6a09e667f3bcd);
    const uint64_t exponent = (above + (UINT64_C(1023) << 52)) >> 52; /* k + 1023 */
    const double k = peal_of_bits(UINT64_C(0x4330000000000000) | exponent) - (0x1p52 + 1023) - (x < 0x1p-1022 ? 54 : 0);
    const double f = peal_of_bits(bits - (above & (UINT64_C(0xfff) << 52))) - 1;
    const double s = f / (2 + f), z = s * s, half = f * f * 0.5;
    double sum = 2.0 / 21;
    sum = sum * z + 2.0 / 19;
    sum = sum * z + 2.0 / 17;
    sum = sum * z + 2.0 / 15;
    sum = sum * z + 2.0 / 13;
    sum = sum * z + 2.0 / 11;
    sum = sum * z + 2.0 / 9;
    sum = sum * z + 2.0 / 7;
    sum = sum * z + 2.0 / 5;
    sum = sum * z + 2.0 / 3;
    const double log = k * PEAL_LN2_HIGH - ((half - (s * (half + z * sum) + k * PEAL_LN2_LOW)) - f);
    const double positive = x < (double)INFINITY ? log : x;
    return x > 0 ? positive : x == 0 ? -(double)INFINITY : (double)NAN;
}

/* log(u) of u = 1 + x as rounded, and what the rounding has lost, over u (Goldberg 1991, theorem 4, by a quotient). */
static inline double peal_log1p(double x) {
    const double u = 1 + x, lost = x < 1 ? x - (u - 1) : 1 - (u - x);
    const double log = peal_log(u);
    return u > 0 && u < (double)INFINITY ? log + lost / u : log;
}

#endif
