/* Selection digit by digit, the highest first; see quantile.h. */
#include "models/learner/quantile.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

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

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

/* A key's bits `top` - 1 .. `shift`, if those from `top` on are the prefix's. */
typedef struct digit_place {
    uint64_t prefix;
    int top, shift;
} digit_place;

static bool has_prefix(uint64_t key, const digit_place *at) {
    return at->top == 64 || (key ^ at->prefix) >> at->top == 0;
}

/* What the keys with the prefix count, by their digit. */
static void count_digits(const selection *self, const digit_place *at, uint64_t sums[DIGITS]) {
    const uint64_t mask = (UINT64_C(1) << (at->top - at->shift)) - 1;
    memset(sums, 0, DIGITS * sizeof *sums);
    for (size_t s = 0; s < self->count; s++) {
        const size_t end = self->spans[s].first + self->spans[s].count;
        for (size_t i = self->spans[s].first; i < end; i++) {
            const uint64_t key = self->keys[i];
            if (has_prefix(key, at)) sums[key >> at->shift & mask] += self->weights ? self->weights[i] : 1;
        }
    }
}

/* The first bits that all keys share need no digit. */
static digit_place shared_bits(const selection *self) {
    uint64_t least = UINT64_MAX, most = 0;
    for (size_t s = 0; s < self->count; s++) {
        const size_t end = self->spans[s].first + self->spans[s].count;
        for (size_t i = self->spans[s].first; i < end; i++) {
            least = self->keys[i] < least ? self->keys[i] : least;
            most = self->keys[i] > most ? self->keys[i] : most;
        }
    }
    const int top = least == most ? 0 : 64 - __builtin_clzll(least ^ most);
    return (digit_place){.prefix = top < 64 ? least >> top << top : 0, .top = top};
}

/* The one key with the prefix. */
static uint64_t only_key(const selection *self, const digit_place *at) {
    uint64_t found = 0;
    for (size_t s = 0; s < self->count; s++) {
        const size_t end = self->spans[s].first + self->spans[s].count;
        for (size_t i = self->spans[s].first; i < end; i++) {
            if (has_prefix(self->keys[i], at)) found = self->keys[i];
        }
    }
    return found;
}

/* The first key up to which more than `target`, which is less than `total`, lies; *behind becomes what lies up to it.
 */
static uint64_t find_key(const selection *self, uint64_t target, uint64_t total, uint64_t *behind) {
    uint64_t before = 0, sums[DIGITS];
    digit_place at = shared_bits(self);
    *behind = total;
    while (at.top > 0) {
        size_t digit = 0;
        at.shift = at.top > DIGIT_BITS ? at.top - DIGIT_BITS : 0;
        count_digits(self, &at, sums);
        while (digit + 1 < DIGITS && before + sums[digit] <= target) before += sums[digit++];
        at.prefix |= (uint64_t)digit << at.shift;
        at.top = at.shift;
        *behind = before + sums[digit];
        if (!self->weights && sums[digit] == 1) return only_key(self, &at);
    }
    return at.prefix;
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
    return number_of(find_key(self, target < total ? target : total - 1, total, &behind));
}

static double interpolated(const selection *self, uint64_t rows, double q) {
    const double place = (double)(rows - 1) * q, low = floor(place), part = place - low;
    uint64_t behind;
    const uint64_t key = find_key(self, (uint64_t)low, rows, &behind);
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
