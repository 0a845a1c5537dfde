#include "core/process/sum.h"

#include "core/base/memory.h"
#include "core/base/philox.h"
#include "tests/support.h"

enum { COUNT = 3001, MOST = 40 };

static float slots[MOST * COUNT], weights[MOST];

static int fill(void **state) {
    (void)state;
    peal_philox random = peal_philox_stream(3, PEAL_PURPOSE_USER, 0, 0, 0);
    for (size_t i = 0; i < MOST * COUNT; i++) slots[i] = peal_philox_normal(&random);
    for (size_t s = 0; s < MOST; s++) weights[s] = peal_philox_unit(&random);
    return 0;
}

/* The definition: the sum of partitions [first, end) splits at the largest power of two below their number. */
static float plain_sum(size_t first, size_t end, size_t i) {
    if (end - first == 1) return weights[first] * slots[first * COUNT + i];
    size_t half = 1;
    while (2 * half < end - first) half *= 2;
    return plain_sum(first, first + half, i) + plain_sum(first + half, end, i);
}

static void check(const float *out, size_t partitions) {
    for (size_t i = 0; i < COUNT; i++) {
        float sum = plain_sum(0, partitions, i);
        assert_memory_equal(&sum, &out[i], sizeof sum);
    }
}

static void slots_are_summed_pairwise_bit_by_bit(void **state) {
    (void)state;
    float *out = peal_alloc(COUNT, sizeof(float));
    for (size_t partitions = 1; partitions <= MOST; partitions++) {
        peal_sum_slots(out, slots, partitions, COUNT, weights, 0, COUNT);
        check(out, partitions);
    }
    free(out);
}

static void output_may_be_any_of_the_slots(void **state) {
    (void)state;
    float *copy = peal_alloc(MOST * COUNT, sizeof(float));
    for (size_t partitions = 1; partitions <= 9; partitions++) {
        for (size_t to = 0; to < partitions; to++) {
            memcpy(copy, slots, MOST * COUNT * sizeof(float));
            peal_sum_slots(copy + to * COUNT, copy, partitions, COUNT, weights, 0, COUNT);
            check(copy + to * COUNT, partitions);
        }
    }
    free(copy);
}

static void sums_of_more_than_the_caches_hold_have_the_same_bits(void **state) {
    (void)state;
    const size_t count = ((size_t)4 << 20) + 7, stride = count + 1;
    float *large = peal_alloc(2 * stride, sizeof(float)), *out = peal_alloc(count, sizeof(float));
    for (size_t i = 0; i < 2 * stride; i++) large[i] = slots[i % (MOST * COUNT)];
    peal_sum_slots(out, large, 2, stride, weights, 3, count);
    for (size_t i = 3; i < count; i++) {
        const float sum = weights[0] * large[i] + weights[1] * large[stride + i];
        assert_memory_equal(&sum, &out[i], sizeof sum);
    }
    peal_sum_slots(large, large, 2, stride, weights, 3, count);
    assert_memory_equal(large + 3, out + 3, (count - 3) * sizeof(float));
    free(out);
    free(large);
}

/* Each worker sums the nodes that lie in its range; the nodes of all give the same bits as the leaves. */
static void sum_does_not_depend_on_how_partitions_are_spread(void **state) {
    (void)state;
    float *out = peal_alloc(COUNT, sizeof(float)), *nodes = peal_alloc(MOST * COUNT, sizeof(float));
    for (size_t partitions = 1; partitions <= 19; partitions++) {
        for (size_t workers = 1; workers <= partitions; workers++) {
            peal_term terms[MOST];
            size_t count = 0;
            for (size_t rank = 0; rank < workers; rank++) {
                size_t at = partitions * rank / workers, end = partitions * (rank + 1) / workers;
                while (at < end) {
                    size_t size = peal_term_size(at, end);
                    peal_sum_slots(nodes + at * COUNT, slots + at * COUNT, size, COUNT, weights + at, 0, COUNT);
                    terms[count++] = (peal_term){nodes + at * COUNT, 1, size};
                    at += size;
                }
            }
            peal_sum_terms(out, terms, count, 0, COUNT);
            check(out, partitions);
        }
    }
    free(out);
    free(nodes);
}

static void segments_cover_everything_once(void **state) {
    (void)state;
    for (size_t count = 0; count < 200; count += 13) {
        for (size_t hands = 1; hands < 9; hands++) {
            size_t at = 0;
            for (size_t rank = 0; rank < hands; rank++) {
                size_t begin, end;
                peal_segment(count, rank, hands, &begin, &end);
                assert_int_equal(begin, at);
                assert_true(end >= begin);
                at = end;
            }
            assert_int_equal(at, count);
        }
    }
}

static void copy_past_caches_copies(void **state) {
    (void)state;
    float *out = peal_alloc(COUNT, sizeof(float));
    for (size_t count = 0; count < 70; count++) {
        memset(out, 0, COUNT * sizeof(float));
        peal_copy_past_caches(out, slots + 1, count);
        assert_memory_equal(out, slots + 1, count * sizeof(float));
        assert_true(out[count] == 0);
    }
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_summed_pairwise_bit_by_bit),
        cmocka_unit_test(output_may_be_any_of_the_slots),
        cmocka_unit_test(sum_does_not_depend_on_how_partitions_are_spread),
        cmocka_unit_test(sums_of_more_than_the_caches_hold_have_the_same_bits),
        cmocka_unit_test(segments_cover_everything_once),
        cmocka_unit_test(copy_past_caches_copies),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
