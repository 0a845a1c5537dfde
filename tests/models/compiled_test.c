/* Trees laid out for prediction take rows to the leaves to which the trees themselves take them. */
#include "models/learner/compiled.h"

#include <stdlib.h>

#include "core/base/philox.h"
#include "tests/support.h"

enum { FEATURES = 5, ROWS = 40, TREES = 9 };

/* A tree grown at random: each node splits a leaf, which keeps its number, and the new leaf is the last one. */
static void grow(models__forest *forest, size_t tree, uint32_t size, peal_philox *random) {
    models__tree_node *nodes = forest->nodes + tree * (forest->leaves - 1);
    uint32_t *parents[2048] = {0};
    forest->sizes[tree] = size;
    for (uint32_t n = 0; n < size; n++) {
        const uint32_t leaf = peal_philox_below(random, n + 1), bound = peal_philox_below(random, 9);
        const uint32_t bounds[] = {0, 1, 2, 100, 254, 255}, missing = peal_philox_below(random, 2);
        nodes[n] = (models__tree_node){.feature = peal_philox_below(random, FEATURES),
                                       .what = (bound < 6 ? bounds[bound] : peal_philox_below(random, 256)) |
                                               (missing ? MODELS__MISSING_LEFT : 0),
                                       .left = MODELS__LEAF | leaf,
                                       .right = MODELS__LEAF | (n + 1)};
        if (parents[leaf]) *parents[leaf] = n;
        parents[leaf] = &nodes[n].left;
        parents[n + 1] = &nodes[n].right;
    }
}

static void check(size_t leaves, uint64_t seed) {
    peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_USER, 0, 0, 0);
    uint32_t sizes[TREES];
    models__tree_node *nodes = calloc(TREES * (leaves - 1), sizeof *nodes);
    models__forest forest = {.outputs = 1, .leaves = leaves, .trees = TREES, .sizes = sizes, .nodes = nodes};
    models__compiled_node *compiled = calloc(TREES * models__compiled_stride(&forest), sizeof *compiled);
    uint8_t bins[ROWS * FEATURES];
    assert_true(models__compiled_can(&forest, FEATURES));
    for (size_t tree = 0; tree < TREES; tree++) {
        grow(&forest, tree, tree == 0 ? 0 : peal_philox_below(&random, (uint32_t)leaves), &random);
    }
    models__compiled_make(&forest, compiled);
    for (size_t i = 0; i < sizeof bins; i++) {
        const uint8_t some[] = {0, 1, 2, 100, 254, 255};
        const uint32_t which = peal_philox_below(&random, 12);
        bins[i] = which < 6 ? some[which] : (uint8_t)peal_philox_below(&random, 256);
    }
    for (size_t tree = 0; tree < TREES; tree++) {
        for (size_t first = 0; first + MODELS__COMPILED_LANES <= ROWS; first++) {
            uint32_t found[MODELS__COMPILED_LANES];
            const uint8_t *own = bins + first * FEATURES;
            models__compiled_rows(&forest, compiled, tree, own, FEATURES, found);
            for (size_t i = 0; i < MODELS__COMPILED_LANES; i++) {
                assert_int_equal(found[i], models__tree_leaf(&forest, tree, own + i * FEATURES));
            }
        }
    }
    for (size_t count = 1; count <= MODELS__COMPILED_LANES; count++) {
        for (size_t first = 0; first + count <= TREES; first++) {
            for (size_t row = 0; row < ROWS; row++) {
                uint32_t found[MODELS__COMPILED_LANES];
                const uint8_t *own = bins + row * FEATURES;
                models__compiled_trees(&forest, compiled, first, count, own, found);
                for (size_t t = 0; t < count; t++) {
                    assert_int_equal(found[t], models__tree_leaf(&forest, first + t, own));
                }
            }
        }
    }
    free(compiled);
    free(nodes);
}

static void leaves_are_the_trees_own(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) check(2 + seed, seed);
}

static void what_numbers_cannot_name_is_refused(void **state) {
    (void)state;
    uint32_t set[MODELS__SET_WORDS];
    assert_true(models__compiled_can(&(models__forest){.leaves = 32768}, 65535));
    assert_false(models__compiled_can(&(models__forest){.leaves = 32769}, 65535));
    assert_false(models__compiled_can(&(models__forest){.leaves = 2}, 65536));
    assert_false(models__compiled_can(&(models__forest){.leaves = 2, .sets = set}, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_are_the_trees_own),
        cmocka_unit_test(what_numbers_cannot_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
