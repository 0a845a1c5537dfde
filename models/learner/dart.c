/* Drops rounds and scales them; see dart.h. */
#include "models/learner/dart.h"

#include <math.h>
#include <string.h>

#include "core/base/philox.h"

/* A multiple of 2^-30 below 2^23 has 53 bits at most. Rows begin within half of that, and all rounds share the rest. */
#define DART_UNIT 0x1p-30
#define SCORE_MOST 0x1p22

/* ---- options ---- */

static bool is_set(const peal_model_spec *spec, size_t word) {
    return spec->words[word] != PEAL_MODEL_NO_WORD && spec->words[word] != 0;
}

peal_status models__dart_check(const peal_model_spec *spec, peal_error *err) {
    static const uint32_t own = 1u << MODELS__DROP_RATE | 1u << MODELS__MAX_DROP | 1u << MODELS__SKIP_DROP;
    const bool is_said = spec->given & own || spec->words[MODELS__UNIFORM_DROP] != PEAL_MODEL_NO_WORD ||
                         spec->words[MODELS__XGBOOST_DART] != PEAL_MODEL_NO_WORD;
    if (!is_said || spec->words[MODELS__BOOSTING] == MODELS__BOOSTING_DART) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE,
                     "trees: drop_rate, max_drop, skip_drop, uniform_drop and xgboost_dart_mode are of boosting=dart");
}

models__dart models__dart_choose(const peal_model_spec *spec) {
    const double *numbers = spec->parameters;
    const double most = numbers[MODELS__MAX_DROP];
    return (models__dart){.is_on = spec->words[MODELS__BOOSTING] == MODELS__BOOSTING_DART,
                          .is_uniform = is_set(spec, MODELS__UNIFORM_DROP),
                          .is_xgboost = is_set(spec, MODELS__XGBOOST_DART),
                          .rate = numbers[MODELS__DROP_RATE],
                          .skip = numbers[MODELS__SKIP_DROP],
                          .most = most > 0 ? (size_t)most : SIZE_MAX};
}

/* ---- values ---- */

static double to_unit(double value, double most) {
    return rint(fmax(fmin(value, most), -most) / DART_UNIT) * DART_UNIT;
}

double models__dart_round(const models__dart *dart, double score) {
    return dart->is_on ? to_unit(score, SCORE_MOST) : score;
}

double models__dart_value(const models__trees *self, double weight, double value) {
    if (self->dart.is_on) return to_unit(weight * value, SCORE_MOST / (double)self->rounds);
    return weight > 0 ? value : 0;
}

/* The leaf of a tree, as it is in training, in which row i is. */
static uint32_t find_leaf(const models__trees *self, size_t tree, const models__seen_rows *rows, size_t i) {
    const models__forest *forest = &self->forest;
    const models__bins *bins = &self->bins;
    const uint8_t *dense = rows->dense + i * rows->stride;
    if (bins->sparse.count == 0) return models__tree_leaf(forest, tree, dense);
    const size_t first = tree * (forest->leaves - 1);
    const peal_sparse_row sparse = rows->sparse(rows->user, i);
    uint32_t at = forest->sizes[tree] ? 0 : MODELS__LEAF;
    while (!(at & MODELS__LEAF)) {
        const models__tree_node *node = &forest->nodes[first + at];
        const uint32_t *set = forest->sets ? forest->sets + (first + at) * MODELS__SET_WORDS : NULL;
        const uint8_t bin = node->feature < bins->dense
                                ? dense[node->feature]
                                : models__sparse_row_bin(&bins->sparse, sparse, node->feature - bins->dense);
        at = models__goes_left(node, set, bin) ? node->left : node->right;
    }
    return at & ~MODELS__LEAF;
}

void models__change_scores(const models__trees *self, size_t round, double from, double to,
                           const models__seen_rows *rows, const uint16_t *leaves, double *scores) {
    const models__forest *forest = &self->forest;
    const size_t outputs = self->outputs, count = rows->count;
    for (size_t k = 0; k < outputs; k++) {
        const size_t tree = round * outputs + k;
        const double *values = forest->values + tree * forest->leaves;
        const uint16_t *known = leaves ? leaves + k * count : NULL;
        for (size_t i = 0; i < count; i++) {
            const bool is_known = known && known[i] != MODELS__NO_LEAF;
            const uint32_t leaf = is_known ? known[i] : find_leaf(self, tree, rows, i);
            double change = models__dart_value(self, to, values[leaf]);
            if (from > 0) change -= models__dart_value(self, from, values[leaf]);
            scores[i * outputs + k] += change;
        }
    }
}

/* ---- weights ---- */

static double mean_weight(const double *weights, size_t rounds) {
    double sum = 0;
    for (size_t r = 0; r < rounds; r++) sum += weights[r];
    return sum / (double)rounds;
}

/* LightGBM bounds the rate by max_drop over the number of rounds, so that not the first ones alone are dropped. */
size_t models__dart_drop(const models__trees *self, int committed, size_t rounds, double *weights) {
    const models__dart *dart = &self->dart;
    for (size_t r = 0; r < rounds; r++) weights[r] = models__round_weight(self, committed, r);
    if (!dart->is_on || rounds == 0) return 0;
    peal_philox random = peal_philox_stream(self->training->options->seed, PEAL_PURPOSE_DROP, (uint32_t)rounds, 0, 0);
    if (peal_philox_unit64(&random) < dart->skip) return 0;
    const double mean = mean_weight(weights, rounds), rate = fmin(dart->rate, (double)dart->most / (double)rounds);
    size_t dropped = 0;
    for (size_t r = 0; r < rounds && dropped < dart->most; r++) {
        const double chance = dart->is_uniform ? rate : rate * weights[r] / mean;
        if (!(peal_philox_unit64(&random) < chance)) continue;
        weights[r] = 0;
        dropped++;
    }
    return dropped;
}

void models__dart_scale(const models__trees *self, int committed, size_t rounds, const double *weights,
                        size_t dropped) {
    const double *before = self->weights[committed];
    double *next = self->weights[1 - committed];
    if (!next) return;
    /* What the new tree counts beside one dropped: as much, or by its rate. */
    const double own = self->dart.is_xgboost ? self->rate : 1, count = (double)dropped;
    for (size_t r = 0; r < rounds; r++) next[r] = weights[r] > 0 ? before[r] : before[r] * count / (count + own);
    next[rounds] = dropped ? 1 / (count + own) : 1;
}
