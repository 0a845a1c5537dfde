/* Rows of a leaf are parted in their order, with the CPU's vector unit and without. */
#include "models/learner/part.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/philox.h"
#include "tests/support.h"

enum { ROWS = 3000, AROUND = 7 };

/* Every row of `list` that goes to one side, in order: the slow way. */
static size_t pick(const uint32_t *list, size_t count, const uint8_t *column, const bool *sides, bool side,
                   uint32_t *out) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (sides[column[list[i]]] == side) out[found++] = list[i];
    }
    return found;
}

/* `share` of 256 bytes go left. All memory is as long as is asked for, and no longer. */
static void compare(size_t count, size_t share, uint64_t seed) {
    peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_USER, (uint32_t)count, (uint32_t)share, 0);
    uint8_t *column = malloc(ROWS + MODELS__PART_BYTES);
    uint32_t *lists[2], *wanted = malloc((count + 1) * sizeof(uint32_t));
    uint32_t *spare = malloc((count + MODELS__PART_ROWS) * sizeof(uint32_t));
    bool sides[256];
    for (size_t i = 0; i < ROWS + MODELS__PART_BYTES; i++) column[i] = (uint8_t)peal_philox_below(&random, 256);
    for (size_t b = 0; b < 256; b++) sides[b] = peal_philox_below(&random, 256) < share;
    for (size_t k = 0; k < 2; k++) lists[k] = malloc((count + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        lists[0][i] = lists[1][i] = i + 1 == count ? ROWS - 1 : (uint32_t)peal_philox_below(&random, ROWS);
    }
    lists[0][count] = lists[1][count] = AROUND; /* is not ours */
    const size_t left = pick(lists[0], count, column, sides, true, wanted);
    pick(lists[0], count, column, sides, false, wanted + left);
    assert_int_equal(models__part(lists[0], count, column, sides, spare), left);
    assert_int_equal(models__part_plainly(lists[1], count, column, sides, spare), left);
    for (size_t k = 0; k < 2; k++) {
        assert_memory_equal(lists[k], wanted, count * sizeof *wanted);
        assert_int_equal(lists[k][count], AROUND);
        free(lists[k]);
    }
    free(column);
    free(wanted);
    free(spare);
}

static void rows_are_parted_in_their_order(void **state) {
    (void)state;
    static const size_t shares[] = {0, 1, 100, 128, 250, 256};
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
        for (size_t count = 0; count < 200; count++) compare(count, shares[s], count);
        compare(2999, shares[s], s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_parted_in_their_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
