/* The bins of numbers between edges, with the CPU's vector unit and without. */
#include "models/learner/edges.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/philox.h"
#include "tests/support.h"

enum { EDGES_MOST = 254, AROUND = 7 };

/* One more than there are edges below x: the slow way. */
static uint8_t slow_bin(const float *edges, size_t count, float x) {
    uint8_t bin = 1;
    for (size_t i = 0; i < count; i++) bin = (uint8_t)(bin + (edges[i] < x));
    return bin;
}

/* A number that is an edge, is between two, or is none. */
static float draw(peal_philox *random, size_t edges) {
    const float odd[] = {INFINITY, -INFINITY, NAN, -0.0F, 1e-45F, 3e38F};
    const uint32_t kind = peal_philox_below(random, 20);
    if (kind < sizeof odd / sizeof *odd) return odd[kind];
    return (float)peal_philox_below(random, (uint32_t)(4 * edges + 4)) / 2 - (float)edges / 2;
}

static void compare(size_t edge_count, size_t count) {
    peal_philox random = peal_philox_stream(5, PEAL_PURPOSE_USER, (uint32_t)count, (uint32_t)edge_count, 0);
    float *edges = malloc((edge_count + 1) * sizeof *edges), *values = malloc((count + 1) * sizeof *values);
    uint8_t *bins = malloc(count + 1), *plain = malloc(count + 1);
    for (size_t i = 0; i < edge_count; i++) edges[i] = (float)i - (float)edge_count / 2;
    for (size_t i = 0; i < count; i++) values[i] = draw(&random, edge_count);
    bins[count] = plain[count] = AROUND; /* is not ours */
    models__bins_of(edges, edge_count, values, count, bins);
    models__bins_of_plainly(edges, edge_count, values, count, plain);
    for (size_t i = 0; i < count; i++) {
        const uint8_t wanted = slow_bin(edges, edge_count, values[i]);
        assert_int_equal(bins[i], wanted);
        assert_int_equal(plain[i], wanted);
    }
    assert_int_equal(bins[count], AROUND);
    assert_int_equal(plain[count], AROUND);
    free(edges);
    free(values);
    free(bins);
    free(plain);
}

static void numbers_are_in_their_bins(void **state) {
    (void)state;
    const size_t counts[] = {0, 1, 15, 63, 64, 65, 79, 80, 1000};
    for (size_t edges = 0; edges <= EDGES_MOST; edges++) {
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) compare(edges, counts[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_are_in_their_bins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
