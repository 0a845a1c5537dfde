#include "core/base/philox.h"

#include <math.h>

#include "tests/support.h"

/* Known answers of Random123 (kat_vectors, philox4x32 with 10 rounds). */
static void block_gives_known_answers(void **state) {
    (void)state;
    uint32_t out[4];
    peal_philox_block((uint32_t[]){0, 0, 0, 0}, (uint32_t[]){0, 0}, out);
    assert_memory_equal(out, ((uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}), 16);
    const uint32_t ones = 0xffffffff;
    peal_philox_block((uint32_t[]){ones, ones, ones, ones}, (uint32_t[]){ones, ones}, out);
    assert_memory_equal(out, ((uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}), 16);
    peal_philox_block((uint32_t[]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                      (uint32_t[]){0xa4093822, 0x299f31d0}, out);
    assert_memory_equal(out, ((uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}), 16);
}

/* Any number of them, also one that is no multiple of a vector's. */
static void pairs_are_the_beginnings_of_blocks(void **state) {
    (void)state;
    enum { COUNT = 77 };
    const uint32_t key[2] = {0xa4093822, 0x299f31d0}, rest[3] = {0x85a308d3, 0x13198a2e, 0x03707344};
    uint32_t counters[COUNT], first[COUNT + 1], second[COUNT + 1];
    for (uint32_t i = 0; i < COUNT; i++) counters[i] = 0x243f6a88 + i * i * 0x1000193;
    for (size_t count = 0; count <= COUNT; count++) {
        first[count] = second[count] = 0xfeed;
        peal_philox_pairs(counters, count, rest, key, first, second);
        for (size_t i = 0; i < count; i++) {
            uint32_t out[4];
            peal_philox_block((uint32_t[]){counters[i], rest[0], rest[1], rest[2]}, key, out);
            assert_int_equal(first[i], out[0]);
            assert_int_equal(second[i], out[1]);
        }
        assert_int_equal(first[count], 0xfeed);
        assert_int_equal(second[count], 0xfeed);
    }
}

static void streams_depend_on_every_coordinate(void **state) {
    (void)state;
    const peal_philox streams[] = {
        peal_philox_stream(1, PEAL_PURPOSE_DEAL, 1, 1, 1),    peal_philox_stream(2, PEAL_PURPOSE_DEAL, 1, 1, 1),
        peal_philox_stream(1, PEAL_PURPOSE_SHUFFLE, 1, 1, 1), peal_philox_stream(1, PEAL_PURPOSE_DEAL, 2, 1, 1),
        peal_philox_stream(1, PEAL_PURPOSE_DEAL, 1, 2, 1),    peal_philox_stream(1, PEAL_PURPOSE_DEAL, 1, 1, 2),
    };
    uint32_t first[6];
    for (size_t i = 0; i < 6; i++) {
        peal_philox stream = streams[i];
        first[i] = peal_philox_u32(&stream);
        for (size_t j = 0; j < i; j++) assert_int_not_equal(first[i], first[j]);
    }
}

static void numbers_are_uniform_and_normal(void **state) {
    (void)state;
    peal_philox stream = peal_philox_stream(7, PEAL_PURPOSE_USER, 0, 0, 0);
    double sum = 0, normal = 0, squares = 0;
    size_t counts[7] = {0};
    enum { N = 100000 };
    for (size_t i = 0; i < N; i++) {
        float unit = peal_philox_unit(&stream);
        assert_true(unit >= 0 && unit < 1);
        sum += (double)unit;
        double z = (double)peal_philox_normal(&stream);
        normal += z;
        squares += z * z;
        counts[peal_philox_below(&stream, 7)]++;
    }
    assert_true(fabs(sum / N - 0.5) < 0.005);
    assert_true(fabs(normal / N) < 0.015);
    assert_true(fabs(squares / N - 1) < 0.03);
    for (size_t i = 0; i < 7; i++) assert_true(fabs((double)counts[i] / N - 1.0 / 7) < 0.006);
}

static void shuffle_is_a_permutation(void **state) {
    (void)state;
    uint32_t items[1000];
    uint8_t seen[1000] = {0};
    for (uint32_t i = 0; i < 1000; i++) items[i] = i;
    peal_philox stream = peal_philox_stream(3, PEAL_PURPOSE_SHUFFLE, 0, 0, 0);
    peal_philox_shuffle(&stream, items, 1000);
    size_t moved = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(seen[items[i]]++, 0);
        moved += items[i] != i;
    }
    assert_true(moved > 900);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_gives_known_answers),          cmocka_unit_test(pairs_are_the_beginnings_of_blocks),
        cmocka_unit_test(streams_depend_on_every_coordinate), cmocka_unit_test(numbers_are_uniform_and_normal),
        cmocka_unit_test(shuffle_is_a_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
