/* Where a job's time went, and what could be gained. */
#include "etl/job/stage.h"

#include <time.h>

#include "core/base/machine.h"
#include "tests/support.h"

#define S INT64_C(1000000000)
#define assert_near(value, expected) assert_true((value) - (expected) < 1e-9 && (expected) - (value) < 1e-9)

static void parts_of_the_time_add_up(void **state) {
    (void)state;
    const peal_stage_times times = {
        .busy = {4 * S, 6 * S, 1 * S, 2 * S, 1 * S},
        .computing = {1 * S, 5 * S, 1 * S, 2 * S, 0},
        .starved = {0, 1 * S, 0, 0, 0},
        .blocked = {1 * S, 0, 0, 0, 0},
        .wall = 10 * S,
        .looking = 1 * S,
        .threads = 2,
    };
    const peal_stage_outlook look = peal_stage_look(&times, 8);
    assert_near(look.computing, 9 / 20.0);
    assert_near(look.sources, 3 / 20.0);
    assert_near(look.outside, 2 / 20.0);
    assert_near(look.others, 2 / 20.0);
    assert_near(look.looking, 1 / 10.0);
    assert_near(look.between, 2 / 20.0);
    assert_near(look.from_sources, 5 / 20.0);
    assert_near(look.from_readers, 3 / 40.0);
    assert_near(look.from_threads, 9 / 40.0);
    assert_near(peal_stage_look(&times, 2).from_threads, 0);
    assert_near(peal_stage_look(&times, 3).from_threads, 9 / 60.0);
    const peal_stage_outlook none = peal_stage_look(&(peal_stage_times){.threads = 2}, 2);
    assert_near(none.computing + none.between, 0);
}

static void waiting_for_sources_is_told_from_reading(void **state) {
    (void)state;
    char text[256];
    peal_stage_times times = {.busy = {4 * S, 1 * S}, .computing = {3 * S, 1 * S}, .wall = 5 * S, .threads = 1};
    assert_has(peal_stage_verdict(&times, text), "bound by reading and inflating (80% of the work");
    times.computing[PEAL_STAGE_READ] = 1 * S;
    assert_has(peal_stage_verdict(&times, text), "bound by waiting for sources (80% of the work");
}

static void waiting_is_no_computing(void **state) {
    (void)state;
    const struct timespec nap = {.tv_nsec = 20000000};
    peal_stage_times times = {0};
    peal_stage_span begin = peal_stage_begin();
    nanosleep(&nap, NULL);
    peal_stage_add(&times, PEAL_STAGE_READ, peal_stage_since(begin));
    assert_true(times.busy[PEAL_STAGE_READ] >= 20000000);
    assert_true(times.computing[PEAL_STAGE_READ] < times.busy[PEAL_STAGE_READ] / 2);
    begin = peal_stage_begin();
    volatile unsigned turns = 0;
    while (peal_stage_since(begin).computing < 1000000) turns++;
    peal_stage_add(&times, PEAL_STAGE_PARSE, peal_stage_since(begin));
    assert_true(times.computing[PEAL_STAGE_PARSE] >= 1000000);
    assert_true(times.computing[PEAL_STAGE_PARSE] <= times.busy[PEAL_STAGE_PARSE]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_the_time_add_up),
        cmocka_unit_test(waiting_for_sources_is_told_from_reading),
        cmocka_unit_test(waiting_is_no_computing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
