/* Contributions in trees, held against sums over all sets of features, and against LightGBM's. */
#include "models/learner/shap.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/philox.h"
#include "tests/support.h"

enum { FEATURES_MOST = 18, LEAVES_MOST = 40, TREES_MOST = 6, ROWS = 5, BINS = 11 };

/* A forest with memory of its own. */
typedef struct grove {
    models__forest forest;
    uint32_t sizes[TREES_MOST], leaf_rows[TREES_MOST * LEAVES_MOST];
    models__tree_node nodes[TREES_MOST * (LEAVES_MOST - 1)];
    uint32_t sets[TREES_MOST * (LEAVES_MOST - 1) * MODELS__SET_WORDS];
    double values[TREES_MOST * LEAVES_MOST], base[2];
} grove;

static void begin(grove *self, size_t outputs, size_t trees, size_t leaves) {
    memset(self, 0, sizeof *self);
    assert_true(trees <= TREES_MOST && leaves <= LEAVES_MOST);
    self->forest = (models__forest){.outputs = outputs,
                                    .leaves = leaves,
                                    .trees = trees,
                                    .sizes = self->sizes,
                                    .nodes = self->nodes,
                                    .sets = self->sets,
                                    .values = self->values,
                                    .base = self->base,
                                    .leaf_rows = self->leaf_rows};
}

/* Splits leaves at random, of numbers and of sets; of a chain always the last one, by a feature of its own. */
static void grow(grove *self, size_t tree, uint32_t leaves, uint32_t features, bool chain, peal_philox *random) {
    models__tree_node *nodes = self->nodes + tree * (self->forest.leaves - 1);
    uint32_t owner[LEAVES_MOST] = {0}; /* 2 node + side */
    self->sizes[tree] = leaves - 1;
    for (uint32_t i = 0; i + 1 < leaves; i++) {
        const uint32_t leaf = chain ? i : (uint32_t)peal_philox_below(random, i + 1);
        const bool is_set = peal_philox_below(random, 3) == 0;
        const uint32_t bin = (uint32_t)peal_philox_below(random, BINS - 1) + 1;
        nodes[i] = (models__tree_node){.feature = chain ? i % features : (uint32_t)peal_philox_below(random, features),
                                       .what = is_set ? MODELS__CATEGORY
                                                      : bin | (peal_philox_below(random, 2) ? MODELS__MISSING_LEFT : 0),
                                       .left = MODELS__LEAF | leaf,
                                       .right = MODELS__LEAF | (i + 1)};
        self->sets[(tree * (self->forest.leaves - 1) + i) * MODELS__SET_WORDS] =
            (uint32_t)peal_philox_below(random, 1 << BINS);
        if (i) *(owner[leaf] % 2 ? &nodes[owner[leaf] / 2].right : &nodes[owner[leaf] / 2].left) = i;
        owner[leaf] = 2 * i;
        owner[i + 1] = 2 * i + 1;
    }
    for (uint32_t l = 0; l < leaves; l++) {
        self->values[tree * self->forest.leaves + l] = (double)peal_philox_normal(random);
        self->leaf_rows[tree * self->forest.leaves + l] = (uint32_t)peal_philox_below(random, l % 4 ? 50 : 100000) + 1;
    }
}

/* ---- the definition ---- */

static double rows_of(const grove *self, size_t tree, uint32_t child) {
    if (child & MODELS__LEAF) {
        return (double)self->leaf_rows[tree * self->forest.leaves + (child & ~MODELS__LEAF)];
    }
    const models__tree_node *node = &self->nodes[tree * (self->forest.leaves - 1) + child];
    return rows_of(self, tree, node->left) + rows_of(self, tree, node->right);
}

/* What the tree gives where only the columns of `known` are: at the others both sides count by their rows. */
static double value_of(const grove *self, size_t tree, uint32_t child, const uint8_t *bins, const uint32_t *columns,
                       uint32_t known) {
    if (child & MODELS__LEAF) return self->values[tree * self->forest.leaves + (child & ~MODELS__LEAF)];
    const size_t at = tree * (self->forest.leaves - 1) + child;
    const models__tree_node *node = &self->nodes[at];
    const double left = rows_of(self, tree, node->left), right = rows_of(self, tree, node->right);
    if (known >> columns[node->feature] & 1) {
        const bool goes = models__goes_left(node, self->sets + at * MODELS__SET_WORDS, bins[node->feature]);
        return value_of(self, tree, goes ? node->left : node->right, bins, columns, known);
    }
    return (left * value_of(self, tree, node->left, bins, columns, known) +
            right * value_of(self, tree, node->right, bins, columns, known)) /
           (left + right);
}

static double factorial(size_t n) {
    return n < 2 ? 1 : (double)n * factorial(n - 1);
}

/* Shapley's formula, over all sets of `count` columns: out [count + 1]. */
static void define(const grove *self, size_t tree, const uint32_t *columns, uint32_t count, const uint8_t *bins,
                   double *out) {
    const uint32_t root = self->sizes[tree] ? 0 : MODELS__LEAF, sets = UINT32_C(1) << count;
    double *values = malloc(sets * sizeof *values);
    for (uint32_t known = 0; known < sets; known++) values[known] = value_of(self, tree, root, bins, columns, known);
    for (uint32_t f = 0; f < count; f++) {
        for (uint32_t known = 0; known < sets; known++) {
            if (known >> f & 1) continue;
            const size_t size = (size_t)__builtin_popcount(known);
            const double weight = factorial(size) * factorial(count - 1 - size) / factorial(count);
            out[f] += weight * (values[known | UINT32_C(1) << f] - values[known]);
        }
    }
    out[count] += values[0];
    free(values);
}

/* Of `count` columns, to which the features belong in turn. */
static void compare(const grove *self, uint32_t features, uint32_t count, peal_philox *random) {
    peal_error err;
    models__shap *shap;
    uint32_t columns[FEATURES_MOST];
    uint8_t bins[ROWS * FEATURES_MOST];
    double got[ROWS * 2 * (FEATURES_MOST + 1)];
    const size_t width = count + 1, outputs = self->forest.outputs;
    for (uint32_t f = 0; f < features; f++) columns[f] = f % count;
    for (size_t i = 0; i < ROWS * features; i++) bins[i] = (uint8_t)peal_philox_below(random, BINS);
    assert_ok(models__shap_new(&self->forest, columns, features, count, &shap, &err));
    models__shap_rows(shap, bins, ROWS, got);
    for (size_t i = 0; i < ROWS; i++) {
        double want[2 * (FEATURES_MOST + 1)] = {0};
        for (size_t k = 0; k < outputs; k++) want[k * width + count] = self->base[k];
        for (size_t tree = 0; tree < self->forest.trees; tree++) {
            define(self, tree, columns, count, bins + i * features, want + tree % outputs * width);
        }
        for (size_t j = 0; j < outputs * width; j++) {
            assert_true(fabs(got[i * outputs * width + j] - want[j]) < 1e-12);
        }
    }
    models__shap_free(shap);
}

static void contributions_are_what_all_sets_say(void **state) {
    (void)state;
    static grove all;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_USER, 0, 0, 0);
        const uint32_t features = 1 + (uint32_t)peal_philox_below(&random, 7);
        begin(&all, 1 + seed % 2, TREES_MOST, 16);
        all.base[0] = 0.5;
        all.base[1] = -2;
        for (size_t tree = 0; tree < TREES_MOST; tree++) {
            grow(&all, tree, 1 + (uint32_t)peal_philox_below(&random, 16), features, false, &random);
        }
        compare(&all, features, features, &random);
        compare(&all, features, 1 + features / 2, &random);
    }
}

/* 17 features on a path want more points than are worked on at once. */
static void long_paths_are_whole(void **state) {
    (void)state;
    static grove all;
    peal_philox random = peal_philox_stream(5, PEAL_PURPOSE_USER, 0, 0, 0);
    begin(&all, 1, 1, 18);
    grow(&all, 0, 18, 17, true, &random);
    compare(&all, 17, 17, &random);
}

/* ---- LightGBM's, see tests/data/shap/golden.py ---- */

static double next(FILE *file) {
    double value;
    assert_int_equal(fscanf(file, "%lf", &value), 1);
    return value;
}

static uint32_t next_child(FILE *file) {
    const double child = next(file);
    return child < 0 ? MODELS__LEAF | (uint32_t)(-1 - child) : (uint32_t)child;
}

static void read_tree(grove *self, size_t tree, FILE *file) {
    const size_t nodes = tree * (self->forest.leaves - 1), leaves = tree * self->forest.leaves;
    self->sizes[tree] = (uint32_t)next(file);
    for (uint32_t i = 0; i < self->sizes[tree]; i++) {
        models__tree_node *node = &self->nodes[nodes + i];
        node->feature = (uint32_t)next(file);
        node->what = (uint32_t)next(file);
        if (next(file) > 0) node->what |= MODELS__MISSING_LEFT;
        node->left = next_child(file);
        node->right = next_child(file);
    }
    for (uint32_t l = 0; l <= self->sizes[tree]; l++) {
        self->values[leaves + l] = next(file);
        self->leaf_rows[leaves + l] = (uint32_t)next(file);
    }
}

static void contributions_are_those_of_lightgbm(void **state) {
    (void)state;
    static grove all;
    peal_error err;
    models__shap *shap;
    const uint32_t columns[] = {0, 1, 2, 3, 4};
    FILE *file = fopen("tests/data/shap/golden.txt", "r");
    assert_non_null(file);
    const size_t features = (size_t)next(file), trees = (size_t)next(file), leaves = (size_t)next(file);
    const size_t rows = (size_t)next(file);
    assert_true(features == 5 && rows > 0);
    begin(&all, 1, trees, leaves);
    for (size_t tree = 0; tree < trees; tree++) read_tree(&all, tree, file);
    assert_ok(models__shap_new(&all.forest, columns, features, features, &shap, &err));
    for (size_t i = 0; i < rows; i++) {
        uint8_t bins[5];
        double got[6];
        for (size_t f = 0; f < 5; f++) bins[f] = (uint8_t)next(file);
        models__shap_rows(shap, bins, 1, got);
        for (size_t f = 0; f < 6; f++) assert_true(fabs(got[f] - next(file)) < 1e-12);
    }
    models__shap_free(shap);
    fclose(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contributions_are_what_all_sets_say),
        cmocka_unit_test(long_paths_are_whole),
        cmocka_unit_test(contributions_are_those_of_lightgbm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
