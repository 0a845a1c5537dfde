/* Walks over a histogram and finds where the gain is the greatest; see split.h. */
#include "models/learner/split.h"

#include <string.h>

#include "core/base/vector.h"

/* Categories: rows that a bin must have to be ordered, rows by which its mean is smoothed, how many go left at most,
 * the further penalty, and with how few each is tried alone. As LightGBM has them by default. */
enum { CATEGORY_ROWS = 10, CATEGORY_MOST = 32, CATEGORY_ALONE = 4, CATEGORY_GROUP = 100 };
#define CATEGORY_SMOOTH 10.0
#define CATEGORY_L2 10.0

static models__sum add(const models__sum *a, const models__sum *b) {
    return (models__sum){a->gradient + b->gradient, a->hessian + b->hessian, a->rows + b->rows};
}

static models__sum subtract(const models__sum *a, const models__sum *b) {
    return (models__sum){a->gradient - b->gradient, a->hessian - b->hessian, a->rows - b->rows};
}

/* Whether a leaf's value is -G / (H + l2) and no other. */
static bool is_free(const models__rules *rules) {
    return rules->l1 <= 0 && rules->max_delta <= 0 && isinf(rules->low) && isinf(rules->high);
}

/* What a leaf of these rows gains: G^2 / (H + l2), or with value v that is drawn to 0 or bounded -(2 G v + 2 l1 |v| +
 * (H + l2) v^2). */
static double worth(const models__rules *rules, const models__sum *sum, double l2) {
    const double g = (double)sum->gradient * rules->gradient_unit, h = (double)sum->hessian * rules->hessian_unit + l2;
    if (is_free(rules)) return h > 0 ? g * g / h : 0;
    const double value = models__leaf_value(rules, g, h);
    return -2 * (g * value + rules->l1 * fabs(value)) - h * value * value;
}

/* Whether the children's values go the way in which the feature must. */
static bool is_in_order(const models__rules *rules, const models__sum *left, const models__sum *right, double l2) {
    if (rules->direction == 0) return true;
    return rules->direction * (models__sum_value(rules, right, l2) - models__sum_value(rules, left, l2)) >= 0;
}

/* The second derivative, times the rows of `all`, that a child of it must have: as much as so many rows have on
 * average.
 */
static double share_of(const models__rules *rules, const models__sum *all) {
    return ((double)rules->min_rows - 0.5) * (double)all->hessian;
}

/* Whether a child of `all` is large enough: by its part of the second derivatives (LightGBM takes that for the number
 * of its rows), for rows that are next to certain say next to nothing, and a leaf of them alone only becomes surer,
 * round by round; but few rows may say much, if not all too few. */
static bool is_large(const models__rules *rules, const models__sum *sum, const models__sum *all) {
    return sum->rows >= models__least_rows(rules->min_rows) &&
           (double)sum->hessian * rules->hessian_unit >= rules->min_hessian &&
           (double)sum->hessian * (double)all->rows >= share_of(rules, all);
}

/* Gains up to this may be made by rounding: sixteen times what it adds on average. The sum of n gradients that were
 * rounded at random, each by less than a unit, has a variance of n / 4 units at most; so has that of hessians, by which
 * a leaf's value is wrong. */
static double noise_of(const models__rules *rules, const models__sum *sum) {
    const double h = (double)sum->hessian * rules->hessian_unit;
    const double value = (double)sum->gradient * rules->gradient_unit / h;
    const double g_unit = rules->gradient_unit, h_unit = value * rules->hessian_unit;
    return h > 0 ? 4 * (double)sum->rows * (g_unit * g_unit + h_unit * h_unit) / h : 0;
}

/* The gain of a split beyond what it must have; 0 or less: it must not be. */
static double gain_of(const models__rules *rules, const models__sum *left, const models__sum *all, double l2) {
    const models__sum right = subtract(all, left);
    if (!is_large(rules, left, all) || !is_large(rules, &right, all) || !is_in_order(rules, left, &right, l2)) return 0;
    const double gain =
        worth(rules, left, l2) + worth(rules, &right, l2) - worth(rules, all, rules->l2) - rules->min_gain;
    return gain > noise_of(rules, left) + noise_of(rules, &right) ? gain : 0;
}

static void take(models__best *best, double gain, uint32_t feature, uint32_t what, const models__sum *left) {
    if (!models__is_better(gain, feature, best)) return;
    best->gain = gain;
    best->feature = feature;
    best->what = what;
    memset(best->set, 0, sizeof best->set);
    best->left = *left;
}

/* ---- numbers ---- */

/* Writes for each of the sums, two numbers each, of what goes left, whether such a split may gain more than the bar.
 * The sum of two quotients, which bounds can only make less, is compared without a division, which few splits deserve.
 * Returns how many may. */
PEAL_VECTOR static uint32_t screen_splits(const models__rules *rules, const models__sum *of_all, double least,
                                          const int64_t *lefts, size_t count, uint8_t *may) {
    const models__sum all = *of_all;
    const int row_bits = rules->row_bits;
    const uint64_t row_mask = (UINT64_C(1) << row_bits) - 1, least_rows = models__least_rows(rules->min_rows);
    const double all_rows = (double)all.rows, share = share_of(rules, of_all);
    const double gradient_unit = rules->gradient_unit, hessian_unit = rules->hessian_unit, l2 = rules->l2;
    const double bar = least * (1 - 1e-12);
    uint32_t found = 0;
    for (size_t b = 0; b < count; b++) {
        const int64_t gradient = lefts[2 * b], hessian = lefts[2 * b + 1] >> row_bits;
        const uint64_t rows = (uint64_t)lefts[2 * b + 1] & row_mask;
        const double g = (double)gradient * gradient_unit, h = (double)hessian * hessian_unit + l2;
        const double g2 = (double)(all.gradient - gradient) * gradient_unit;
        const double h2 = (double)(all.hessian - hessian) * hessian_unit + l2;
        const bool is_large = (rows >= least_rows) & (all.rows - rows >= least_rows) &
                              ((double)hessian * all_rows >= share) &
                              ((double)(all.hessian - hessian) * all_rows >= share);
        const bool is_odd = !((h > 0) & (h2 > 0));
        may[b] = is_large & (is_odd | (g * g * h2 + g2 * g2 * h >= bar * h * h2));
        found += may[b];
    }
    return found;
}

/* The splits of one side for what is missing: `lefts` [count] is what goes left of each bin. */
static void take_best(const models__rules *rules, const models__packed *bins, const models__packed *lefts, size_t count,
                      const models__sum *all, double all_worth, uint32_t feature, uint32_t side, models__best *best) {
    uint8_t may[MODELS__BINS_MOST + 1];
    if (screen_splits(rules, all, all_worth + best->gain, (const int64_t *)lefts, count, may) == 0) return;
    for (size_t b = 1; b < count; b++) {
        if (!may[b] || bins[b][1] == 0) continue; /* or it has no rows */
        const models__sum left = models__unpack(lefts[b], rules->row_bits);
        take(best, gain_of(rules, &left, all, rules->l2), feature, (uint32_t)b | (side ? MODELS__MISSING_LEFT : 0),
             &left);
    }
}

void models__split_numbers(const models__rules *rules, const models__packed *bins, size_t count, const models__sum *all,
                           uint32_t feature, models__best *best) {
    const bool has_missing = models__unpack(bins[0], rules->row_bits).rows > 0;
    const double all_worth = worth(rules, all, rules->l2) + rules->min_gain;
    for (uint32_t side = 0; side < 1u + has_missing; side++) {
        models__packed lefts[MODELS__BINS_MOST + 1], sum = side ? bins[0] : (models__packed){0};
        const size_t last = has_missing && !side ? count : count - 1;
        lefts[0] = (models__packed){0};
        for (size_t b = 1; b < last; b++) lefts[b] = sum += bins[b];
        take_best(rules, bins, lefts, last, all, all_worth, feature, side, best);
    }
}

/* ---- categories ---- */

/* A bin of categories by its mean gradient: that as a float, whose bits are turned so that they rise with it, above the
 * bin's number, so that whole numbers are sorted. */
static uint64_t category_of(double ratio, uint32_t bin) {
    const float mean = (float)ratio;
    uint32_t bits;
    memcpy(&bits, &mean, sizeof bits);
    return (uint64_t)(bits >> 31 ? ~bits : bits | UINT32_C(1) << 31) << 32 | bin;
}

static uint32_t bin_of(uint64_t category) {
    return (uint32_t)category;
}

/* Two sorted parts into one, without a branch that depends on what they hold. */
static void merge(const uint64_t *one, const uint64_t *middle, const uint64_t *end, uint64_t *out) {
    const uint64_t *other = middle;
    while (one < middle && other < end) {
        const bool is_one = *one < *other;
        *out++ = is_one ? *one : *other;
        one += is_one;
        other += !is_one;
    }
    while (one < middle) *out++ = *one++;
    while (other < end) *out++ = *other++;
}

/* Sorts by merging ever longer parts, forth and back; returns where they then are. */
static const uint64_t *sort_categories(uint64_t *all, uint64_t *spare, size_t count) {
    for (size_t part = 1; part < count; part *= 2) {
        for (size_t at = 0; at < count; at += 2 * part) {
            const size_t middle = at + part < count ? at + part : count;
            const size_t end = at + 2 * part < count ? at + 2 * part : count;
            merge(all + at, all + middle, all + end, spare + at);
        }
        uint64_t *swap = all;
        all = spare;
        spare = swap;
    }
    return all;
}

static void take_set(models__best *best, double gain, uint32_t feature, const models__sum *left, const uint64_t *all,
                     size_t count, size_t step) {
    if (!models__is_better(gain, feature, best)) return;
    take(best, gain, feature, MODELS__CATEGORY, left);
    for (size_t i = 0; i < count; i++) {
        const uint32_t bin = bin_of(step ? all[-(ptrdiff_t)i] : all[i]);
        best->set[bin / 32] |= UINT32_C(1) << bin % 32;
    }
}

static void split_alone(const models__rules *rules, const models__sum *bins, size_t count, const models__sum *all,
                        uint32_t feature, models__best *best) {
    for (size_t b = 0; b < count; b++) {
        const uint64_t one = category_of(0, (uint32_t)b);
        take_set(best, gain_of(rules, &bins[b], all, rules->l2), feature, &bins[b], &one, 1, 0);
    }
}

/* From one end of the order on; a try is made whenever a group of rows has come together. */
static void split_from(const models__rules *rules, const models__sum *bins, const uint64_t *first, size_t count,
                       bool backwards, const models__sum *all, uint32_t feature, models__best *best) {
    models__sum left = {0};
    uint64_t group = 0;
    for (size_t i = 0; i < count && i < CATEGORY_MOST; i++) {
        const models__sum *own = &bins[bin_of(backwards ? first[-(ptrdiff_t)i] : first[i])];
        left = add(&left, own);
        group += own->rows;
        if (left.rows < rules->min_rows || group < CATEGORY_GROUP) continue;
        if (all->rows - left.rows < rules->min_rows || all->rows - left.rows < CATEGORY_GROUP) break;
        group = 0;
        take_set(best, gain_of(rules, &left, all, rules->l2 + CATEGORY_L2), feature, &left, first, i + 1, backwards);
    }
}

void models__split_categories(const models__rules *rules, const models__packed *bins, size_t count,
                              const models__sum *all, uint32_t feature, models__best *best) {
    models__sum sums[MODELS__BINS_MOST + 1];
    uint64_t categories[MODELS__BINS_MOST + 1], spare[MODELS__BINS_MOST + 1];
    size_t used = 0, seen = 0;
    for (size_t b = 0; b < count; b++) {
        sums[b] = models__unpack(bins[b], rules->row_bits);
        seen += sums[b].rows > 0;
        if (sums[b].rows < CATEGORY_ROWS) continue;
        const double g = (double)sums[b].gradient * rules->gradient_unit;
        const double h = (double)sums[b].hessian * rules->hessian_unit;
        categories[used++] = category_of(g / (h + CATEGORY_SMOOTH), (uint32_t)b);
    }
    if (seen <= CATEGORY_ALONE) {
        split_alone(rules, sums, count, all, feature, best);
        return;
    }
    const uint64_t *ordered = sort_categories(categories, spare, used);
    const size_t most = (used + 1) / 2;
    split_from(rules, sums, ordered, most, false, all, feature, best);
    if (used) split_from(rules, sums, ordered + used - 1, most, true, all, feature, best);
}
