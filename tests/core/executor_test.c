#include "core/thread/executor.h"

#include <stdatomic.h>

#include "tests/support.h"

typedef struct work {
    atomic_int begun;
    size_t order[1000], consumed;
    size_t fail_from;
} work;

static peal_status run(void *user, size_t index, peal_error *err) {
    work *self = user;
    atomic_fetch_add(&self->begun, 1);
    if (index % 7 == 0) usleep(200);
    if (index >= self->fail_from) return peal_fail(err, PEAL_E_DATA, "index %zu", index);
    return PEAL_OK;
}

static peal_status consume(void *user, size_t index, peal_error *err) {
    (void)err;
    work *self = user;
    self->order[self->consumed++] = index;
    return PEAL_OK;
}

static void map_consumes_in_order(void **state) {
    (void)state;
    peal_error err;
    for (size_t threads = 1; threads <= 5; threads += 2) {
        peal_executor *executor;
        assert_ok(peal_executor_new(threads, &executor, &err));
        work self = {.fail_from = SIZE_MAX};
        const peal_map_work map = {.work = run, .consume = consume, .user = &self};
        assert_ok(peal_executor_map(executor, 200, 0, &map, &err));
        assert_int_equal(self.consumed, 200);
        for (size_t i = 0; i < 200; i++) assert_int_equal(self.order[i], i);
        peal_executor_free(executor);
    }
}

static void lowest_error_wins_and_nothing_behind_it_is_consumed(void **state) {
    (void)state;
    peal_error err;
    peal_executor *executor;
    assert_ok(peal_executor_new(3, &executor, &err));
    work self = {.fail_from = 50};
    const peal_map_work map = {.work = run, .consume = consume, .user = &self};
    assert_int_equal(peal_executor_map(executor, 200, 0, &map, &err), PEAL_E_DATA);
    assert_string_equal(err.message, "index 50");
    assert_int_equal(self.consumed, 50);
    assert_true(atomic_load(&self.begun) < 70);
    peal_executor_free(executor);
}

static peal_status sleep_task(void *argument, peal_error *err) {
    (void)err;
    usleep(*(unsigned *)argument);
    return PEAL_OK;
}

/* A task that says when it runs, and ends when it is let. */
typedef struct gate {
    atomic_bool is_running, may_end;
} gate;

static peal_status wait_for_gate(void *argument, peal_error *err) {
    (void)err;
    gate *self = argument;
    atomic_store(&self->is_running, true);
    while (!atomic_load(&self->may_end)) usleep(100);
    return PEAL_OK;
}

static void waiting_tasks_can_be_cancelled_running_ones_not(void **state) {
    (void)state;
    peal_error err;
    peal_executor *executor;
    gate first_gate = {0}, second_gate = {0};
    peal_future *first, *second;
    assert_ok(peal_executor_new(1, &executor, &err));
    assert_ok(peal_executor_submit(executor, wait_for_gate, &first_gate, &first, &err));
    assert_ok(peal_executor_submit(executor, wait_for_gate, &second_gate, &second, &err));
    while (!atomic_load(&first_gate.is_running)) usleep(100);
    assert_int_equal(peal_future_wait(first, 1, &err), PEAL_E_FAILED); /* it takes longer */
    assert_false(peal_future_cancel(first));
    assert_true(peal_future_cancel(second));
    assert_int_equal(peal_future_wait(second, -1, &err), PEAL_E_CANCELLED);
    atomic_store(&first_gate.may_end, true);
    assert_ok(peal_future_wait(first, -1, &err));
    assert_true(peal_future_done(first));
    assert_false(atomic_load(&second_gate.is_running));
    peal_future_free(first);
    peal_future_free(second);
    peal_executor_free(executor);
}

static void futures_outlive_the_pool(void **state) {
    (void)state;
    peal_error err;
    peal_executor *executor;
    unsigned delay = 1000;
    peal_future *futures[20];
    assert_ok(peal_executor_new(2, &executor, &err));
    for (size_t i = 0; i < 20; i++) assert_ok(peal_executor_submit(executor, sleep_task, &delay, &futures[i], &err));
    peal_executor_free(executor);
    for (size_t i = 0; i < 20; i++) {
        peal_status status = peal_future_wait(futures[i], 0, &err);
        assert_true(status == PEAL_OK || status == PEAL_E_CANCELLED);
        peal_future_free(futures[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_consumes_in_order),
        cmocka_unit_test(lowest_error_wins_and_nothing_behind_it_is_consumed),
        cmocka_unit_test(waiting_tasks_can_be_cancelled_running_ones_not),
        cmocka_unit_test(futures_outlive_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
