/* Exact quantiles of numbers that lie in several places, selected by counting: no order of the numbers matters, and
 * nothing is moved. Private to this folder. */
#ifndef PEAL_MODELS_QUANTILE_H
#define PEAL_MODELS_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

/* Some of the numbers. */
typedef struct models__span {
    size_t first, count;
} models__span;

/* Numbers as whole ones in the same order, and what each counts. */
typedef struct models__keys {
    uint64_t *keys;
    uint64_t *weights; /* in units of 2^-WEIGHT_BITS; NULL: all count alike */
} models__keys;
enum { MODELS__WEIGHT_BITS = 32 };

void models__keys_set(const models__keys *keys, size_t at, double number, double weight);

/* The quantile `q`, 0 to 1, of the numbers in `spans` [count], as LightGBM takes it. Where all count alike, it is
 * interpolated between the two numbers about place (n - 1) q; else it is the first number up to which more than the
 * part q of the weight lies. 0 of no numbers. */
double models__quantile(const models__keys *keys, const models__span *spans, size_t count, double q);

#endif
