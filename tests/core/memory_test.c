#include "core/base/memory.h"

#include "core/base/machine.h"
#include "core/process/slab.h"
#include "tests/support.h"

static void allocations_are_aligned_and_zero(void **state) {
    (void)state;
    for (size_t size = 1; size < 5000000; size = size * 3 + 1) {
        uint8_t *memory = peal_alloc(size, 1);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % PEAL_ALIGNMENT, 0);
        assert_int_equal(memory[0] | memory[size - 1] | memory[size / 2], 0);
        memset(memory, 1, size);
        free(memory);
    }
}

static void overflow_is_an_error(void **state) {
    (void)state;
    peal_error err;
    void *memory;
    assert_null(peal_alloc(SIZE_MAX / 2, 3));
    assert_int_equal(peal_alloc_checked(&memory, SIZE_MAX / 2, 3, "a table", &err), PEAL_E_MEMORY);
    assert_has(err.message, "a table");
    peal_buffer buffer = {0};
    assert_int_equal(peal_buffer_reserve(&buffer, SIZE_MAX - 10, &err), PEAL_E_MEMORY);
}

static void buffer_grows_and_keeps_its_bytes(void **state) {
    (void)state;
    peal_error err;
    peal_buffer buffer = {0};
    for (uint32_t i = 0; i < 10000; i++) assert_ok(peal_buffer_append(&buffer, &i, sizeof i, &err));
    assert_int_equal(buffer.size, 40000);
    for (uint32_t i = 0; i < 10000; i++) assert_memory_equal(buffer.data + 4 * i, &i, 4);
    peal_buffer_clear(&buffer);
    assert_null(buffer.data);
}

static void arena_gives_separate_aligned_memory(void **state) {
    (void)state;
    peal_arena *arena = peal_arena_new(1000);
    uint8_t *blocks[100];
    for (size_t i = 0; i < 100; i++) {
        blocks[i] = peal_arena_alloc(arena, i * 7 + 1);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)i, i * 7 + 1);
    }
    for (size_t i = 0; i < 100; i++) assert_int_equal(blocks[i][i * 7], i);
    size_t held = peal_arena_size(arena);
    peal_arena_reset(arena);
    assert_true(peal_arena_size(arena) <= held);
    assert_null(peal_arena_alloc(arena, SIZE_MAX));
    peal_arena_free(arena);
}

static void slab_that_is_too_large_is_refused_with_the_arithmetic(void **state) {
    (void)state;
    peal_error err;
    peal_slab slab;
    assert_int_equal(peal_slab_new((size_t)1 << 60, "the slab", &slab, &err), PEAL_E_MEMORY);
    assert_has(err.message, "the slab needs 1.2 EB of memory, but only");
    assert_null(slab.data);
    assert_ok(peal_slab_new(100000, "parameters", &slab, &err));
    assert_int_equal(slab.data[99999], 0);
    peal_slab_free(&slab);
}

static void slab_plan_overflows_to_an_error(void **state) {
    (void)state;
    peal_error err;
    peal_slab slab;
    peal_slab_plan plan = {0};
    assert_int_equal(peal_slab_plan_take(&plan, 10, 7), 0);
    assert_int_equal(peal_slab_plan_take(&plan, 1, 1), 128);
    assert_int_equal(peal_slab_plan_take(&plan, SIZE_MAX / 2, 3), SIZE_MAX);
    assert_int_equal(peal_slab_plan_take(&plan, 1, 1), SIZE_MAX);
    assert_int_equal(peal_slab_new(plan.size, "the slab", &slab, &err), PEAL_E_MEMORY);
}

static void machine_gives_at_least_one_cpu_and_some_memory(void **state) {
    (void)state;
    char text[32];
    assert_true(peal_machine_cpus() >= 1);
    assert_true(peal_machine_memory() > 0);
    assert_string_equal(peal_bytes_text(1400, text), "1.4 KB");
    assert_string_equal(peal_bytes_text(999, text), "999 B");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_and_zero),
        cmocka_unit_test(overflow_is_an_error),
        cmocka_unit_test(buffer_grows_and_keeps_its_bytes),
        cmocka_unit_test(arena_gives_separate_aligned_memory),
        cmocka_unit_test(slab_that_is_too_large_is_refused_with_the_arithmetic),
        cmocka_unit_test(slab_plan_overflows_to_an_error),
        cmocka_unit_test(machine_gives_at_least_one_cpu_and_some_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
