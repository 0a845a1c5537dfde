/* Selection digit by digit, the highest first; see quantile.h. */
#include "models/learner/quantile.h"

#include <math.h>

#include "core/base/explog.h"

#define SIGN (UINT64_C(1) << 63)

/* Negative numbers are ordered the other way round. */
void models__keys_set(const models__keys *keys, size_t at, double number, double weight) {
    const uint64_t bits = peal_bits_of(number);
    keys->keys[at] = bits & SIGN ? ~bits : bits | SIGN;
    if (keys->weights) keys->weights[at] = (uint64_t)llrint(ldexp(weight, MODELS__WEIGHT_BITS));
}

static double number_of(uint64_t key) {
    return peal_of_bits(key & SIGN ? key ^ SIGN : ~key);
}

/* The numbers at work. */
typedef struct selection {
    const uint64_t *keys, *weights;
    const models__span *spans;
    size_t count;
} selection;

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

/* What the keys count that begin with `prefix`, above `shift` + DIGIT_BITS, by their next digit. */
static void count_digits(const selection *self, uint64_t prefix, int shift, uint64_t sums[DIGITS]) {
    for (size_t d = 0; d < DIGITS; d++) sums[d] = 0;
    for (size_t s = 0; s < self->count; s++) {
        const size_t end = self->spans[s].first + self->spans[s].count;
        for (size_t i = self->spans[s].first; i < end; i++) {
            const uint64_t key = self->keys[i];
            if (shift + DIGIT_BITS < 64 && (key ^ prefix) >> (shift + DIGIT_BITS)) continue;
            sums[key >> shift & (DIGITS - 1)] += self->weights ? self->weights[i] : 1;
        }
    }
}

/* The first key up to which more than `target` lies; *behind becomes what lies up to it. */
static uint64_t find_key(const selection *self, uint64_t target, uint64_t *behind) {
    uint64_t prefix = 0, before = 0, sums[DIGITS];
    for (int shift = 64 - DIGIT_BITS; shift >= 0; shift -= DIGIT_BITS) {
        size_t digit = 0;
        count_digits(self, prefix, shift, sums);
        while (digit + 1 < DIGITS && before + sums[digit] <= target) before += sums[digit++];
        prefix |= (uint64_t)digit << shift;
        *behind = before + sums[digit];
    }
    return prefix;
}

/* The least key above `key`; itself if there is none. */
static uint64_t key_after(const selection *self, uint64_t key) {
    uint64_t next = UINT64_MAX;
    for (size_t s = 0; s < self->count; s++) {
        const size_t end = self->spans[s].first + self->spans[s].count;
        for (size_t i = self->spans[s].first; i < end; i++) {
            if (self->keys[i] > key && self->keys[i] < next) next = self->keys[i];
        }
    }
    return next == UINT64_MAX ? key : next;
}

static double weighted(const selection *self, uint64_t total, double q) {
    const uint64_t target = (uint64_t)floor((double)total * q);
    uint64_t behind;
    return number_of(find_key(self, target < total ? target : total - 1, &behind));
}

static double interpolated(const selection *self, uint64_t rows, double q) {
    const double place = (double)(rows - 1) * q, low = floor(place), part = place - low;
    uint64_t behind;
    const uint64_t key = find_key(self, (uint64_t)low, &behind);
    const double value = number_of(key);
    if (part == 0 || behind > (uint64_t)low + 1) return value;
    return value + (number_of(key_after(self, key)) - value) * part;
}

double models__quantile(const models__keys *keys, const models__span *spans, size_t count, double q) {
    selection self = {keys->keys, keys->weights, spans, count};
    uint64_t rows = 0, total = 0;
    for (size_t s = 0; s < count; s++) {
        rows += spans[s].count;
        for (size_t i = 0; keys->weights && i < spans[s].count; i++) total += keys->weights[spans[s].first + i];
    }
    if (rows == 0) return 0;
    if (total > 0) return weighted(&self, total, q);
    self.weights = NULL; /* also where no row counts */
    return interpolated(&self, rows, q);
}
