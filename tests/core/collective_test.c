#include "core/process/collective.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "core/base/memory.h"
#include "core/base/philox.h"
#include "core/process/slab.h"
#include "core/process/sum.h"
#include "tests/stop.h"
#include "tests/support.h"

static void *abort_later(void *collective) {
    usleep(30000);
    peal_collective_abort(collective);
    return NULL;
}

static void waits_end_by_time_and_by_abort(void **state) {
    (void)state;
    peal_error err;
    void *memory = peal_alloc(1, peal_collective_size(2));
    peal_collective *collective = peal_collective_init(memory, 2, false, 60);
    assert_int_equal(peal_barrier_wait(collective, 0, &err), PEAL_E_FAILED);
    assert_has(err.message, "1 of 2 members");
    collective = peal_collective_init(memory, 2, false, 20000);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, abort_later, collective), 0);
    assert_int_equal(peal_barrier_wait(collective, 0, &err), PEAL_E_CANCELLED);
    pthread_join(thread, NULL);
    assert_int_equal(peal_barrier_wait(collective, 0, &err), PEAL_E_CANCELLED);
    peal_collective_reset(collective);
    free(memory);
}

/* ---- stress: rounds of members that dawdle at random, as threads and as processes ---- */

enum { CROWD = 5, STRESS_ROUNDS = 400, SLOT = 100 };

/* What each member has come to, and the sum that the round's work makes of it. */
typedef struct meeting {
    _Alignas(64) _Atomic uint32_t came[CROWD];
    float slots[CROWD * SLOT];
} meeting;

typedef struct attendant {
    meeting *all;
    peal_collective *collective;
    size_t rank;
} attendant;

static void dawdle(peal_philox *random) {
    uint32_t choice = peal_philox_below(random, 64);
    if (choice == 0) usleep(peal_philox_below(random, 300));
    for (volatile uint32_t i = 0; choice < 20 && i < choice * 100; i++) {
    }
}

static void sum_segment(void *user, size_t begin, size_t end) {
    peal_sum_slots(user, user, CROWD, SLOT, NULL, begin, end);
}

/* Aborts the process if somebody overtakes or a sum is of another round. */
static peal_status attend(const attendant *self, uint32_t rounds) {
    peal_philox random = peal_philox_stream(7, PEAL_PURPOSE_USER, (uint32_t)self->rank, 0, 0);
    float *slots = self->all->slots;
    for (uint32_t round = 1; round <= rounds; round++) {
        dawdle(&random);
        for (size_t i = 0; i < SLOT; i++) slots[self->rank * SLOT + i] = (float)(round + self->rank);
        atomic_store(&self->all->came[self->rank], round);
        PEAL_TRY(
            peal_collective_work(self->collective, self->rank, SLOT, round % (CROWD + 2), sum_segment, slots, NULL));
        for (size_t i = 0; i < CROWD; i++) {
            if (atomic_load(&self->all->came[i]) < round) abort();
        }
        for (size_t i = 0; i < SLOT; i++) {
            if (slots[i] != (float)(CROWD * round + CROWD * (CROWD - 1) / 2)) abort();
        }
        PEAL_TRY(peal_barrier_wait(self->collective, self->rank, NULL)); /* all have read it */
    }
    return PEAL_OK;
}

static void *attend_thread(void *argument) {
    const attendant *self = argument;
    if (attend(self, STRESS_ROUNDS) != PEAL_OK) abort();
    return NULL;
}

static void nobody_overtakes_among_threads(void **state) {
    (void)state;
    for (int spin = 0; spin < 2; spin++) {
        meeting *all = peal_alloc(1, sizeof *all);
        void *memory = peal_alloc(1, peal_collective_size(CROWD));
        peal_collective *collective = peal_collective_init(memory, CROWD, spin, 60000);
        pthread_t threads[CROWD];
        attendant attendants[CROWD];
        for (size_t i = 0; i < CROWD; i++) {
            attendants[i] = (attendant){all, collective, i};
            assert_int_equal(pthread_create(&threads[i], NULL, attend_thread, &attendants[i]), 0);
        }
        for (size_t i = 0; i < CROWD; i++) pthread_join(threads[i], NULL);
        free(memory);
        free(all);
    }
}

static pid_t fork_attendant(attendant self, uint32_t rounds) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    _exit(attend(&self, rounds) == PEAL_OK ? 0 : 42);
}

static uint64_t distance_of(const void *collective, size_t rank) {
    return peal_collective_distance(collective, rank);
}

/* Kills a member at a random moment, aborts, finds all others back, and meets again from the start. */
static void processes_come_back_after_any_death_and_meet_again(void **state) {
    (void)state;
    peal_error err;
    peal_slab slab;
    peal_slab_plan plan = {0};
    size_t meeting_at = peal_slab_plan_take(&plan, 1, sizeof(meeting));
    size_t collective_at = peal_slab_plan_take(&plan, 1, peal_collective_size(CROWD));
    assert_ok(peal_slab_new(plan.size, "a meeting", &slab, &err));
    meeting *all = (meeting *)(slab.data + meeting_at);
    peal_collective *collective = peal_collective_init(slab.data + collective_at, CROWD, false, 60000);
    peal_philox random = peal_philox_stream(11, PEAL_PURPOSE_USER, 0, 0, 0);
    for (int trial = 0; trial < 20; trial++) {
        pid_t pids[CROWD];
        bool deadly = trial < 19; /* the last group is left in peace */
        for (size_t i = 0; i < CROWD; i++) {
            pids[i] = fork_attendant((attendant){all, collective, i}, deadly ? UINT32_MAX : 200);
            assert_true(pids[i] > 0);
        }
        size_t victim = peal_philox_below(&random, CROWD);
        if (deadly) {
            usleep(peal_philox_below(&random, 20000));
            if (trial % 2) test_stop_member(collective, distance_of, pids, CROWD, victim);
            kill(pids[victim], SIGKILL);
            int status;
            assert_int_equal(waitpid(pids[victim], &status, 0), pids[victim]);
            peal_collective_abort(collective);
        }
        for (size_t i = 0; i < CROWD; i++) {
            int status;
            if (deadly && i == victim) continue;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), deadly ? 42 : 0);
        }
        memset(all, 0, sizeof *all);
        peal_collective_reset(collective);
    }
    peal_slab_free(&slab);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_end_by_time_and_by_abort),
        cmocka_unit_test(nobody_overtakes_among_threads),
        cmocka_unit_test(processes_come_back_after_any_death_and_meet_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
