#include "core/process/ring.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/base/philox.h"
#include "core/process/slab.h"
#include "tests/support.h"

enum { MESSAGES = 200000 };

typedef struct message {
    uint64_t number, check;
} message;

static peal_ring *new_ring(peal_slab *slab, size_t slots) {
    peal_error err;
    assert_ok(peal_slab_new(peal_ring_size(slots, sizeof(message)), "a ring", slab, &err));
    return peal_ring_init(slab->data, slots, sizeof(message));
}

static void produce(peal_ring *ring) {
    for (uint64_t i = 0; i < MESSAGES; i++) {
        const message one = {i, ~i};
        if (peal_ring_push(ring, &one, 10000, NULL) != PEAL_OK) abort();
        if (i % 50000 == 0) usleep(3000); /* lets the other side park */
    }
}

static void consume(peal_ring *ring) {
    peal_error err;
    for (uint64_t i = 0; i < MESSAGES; i++) {
        message one;
        assert_ok(peal_ring_pop(ring, &one, 10000, &err));
        assert_int_equal(one.number, i);
        assert_int_equal(one.check, ~i);
        if (i % 70000 == 0) usleep(3000);
    }
}

static void *produce_thread(void *ring) {
    produce(ring);
    return NULL;
}

static void messages_pass_between_threads_whole_and_in_order(void **state) {
    (void)state;
    peal_slab slab;
    peal_ring *ring = new_ring(&slab, 8);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce_thread, ring), 0);
    consume(ring);
    pthread_join(thread, NULL);
    peal_slab_free(&slab);
}

static void messages_pass_between_processes(void **state) {
    (void)state;
    peal_slab slab;
    peal_ring *ring = new_ring(&slab, 64);
    pid_t pid = fork();
    if (pid == 0) {
        produce(ring);
        _exit(0);
    }
    consume(ring);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    peal_slab_free(&slab);
}

static void produce_for_ever(peal_ring *ring) {
    for (uint64_t i = 0;; i++) {
        const message one = {i, ~i};
        if (peal_ring_push(ring, &one, -1, NULL) != PEAL_OK) _exit(42);
    }
}

static uint64_t consume_to_the_end(peal_ring *ring) {
    message one;
    uint64_t count = 0;
    for (; peal_ring_pop(ring, &one, -1, NULL) == PEAL_OK; count++) {
        if (one.number != count || one.check != ~count) abort();
    }
    return count;
}

/* Kills one side at a random moment and closes the ring, as a supervisor does: the other side comes back, and what it
 * has taken is whole and in order. */
static void either_side_comes_back_after_the_death_of_the_other(void **state) {
    (void)state;
    peal_philox random = peal_philox_stream(5, PEAL_PURPOSE_USER, 0, 0, 0);
    for (int trial = 0; trial < 30; trial++) {
        peal_slab slab;
        peal_ring *ring = new_ring(&slab, (size_t)1 << peal_philox_below(&random, 4));
        pid_t producer = fork();
        if (producer == 0) produce_for_ever(ring);
        pid_t consumer = fork();
        if (consumer == 0) {
            consume_to_the_end(ring);
            _exit(42);
        }
        assert_true(producer > 0 && consumer > 0);
        usleep(peal_philox_below(&random, 10000));
        bool first = peal_philox_below(&random, 2);
        pid_t victim = first ? producer : consumer, survivor = first ? consumer : producer;
        kill(victim, SIGKILL);
        int status;
        assert_int_equal(waitpid(victim, &status, 0), victim);
        peal_ring_close(ring);
        assert_int_equal(waitpid(survivor, &status, 0), survivor);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
        peal_slab_free(&slab);
    }
}

static void waits_end_by_time_and_by_close(void **state) {
    (void)state;
    peal_error err;
    peal_slab slab;
    peal_ring *ring = new_ring(&slab, 2);
    message one = {1, 2};
    assert_int_equal(peal_ring_pop(ring, &one, 20, &err), PEAL_E_FAILED);
    assert_true(peal_ring_try_push(ring, &one));
    assert_true(peal_ring_try_push(ring, &one));
    assert_false(peal_ring_try_push(ring, &one));
    assert_int_equal(peal_ring_push(ring, &one, 20, &err), PEAL_E_FAILED);
    peal_ring_close(ring);
    assert_int_equal(peal_ring_push(ring, &one, -1, &err), PEAL_E_CANCELLED);
    assert_ok(peal_ring_pop(ring, &one, -1, &err)); /* what was pushed is not lost */
    assert_ok(peal_ring_pop(ring, &one, -1, &err));
    assert_int_equal(peal_ring_pop(ring, &one, -1, &err), PEAL_E_CANCELLED);
    peal_slab_free(&slab);
}

static void *close_later(void *ring) {
    usleep(30000);
    peal_ring_close(ring);
    return NULL;
}

static void close_wakes_a_parked_reader(void **state) {
    (void)state;
    peal_error err;
    peal_slab slab;
    peal_ring *ring = new_ring(&slab, 2);
    pthread_t thread;
    message one;
    assert_int_equal(pthread_create(&thread, NULL, close_later, ring), 0);
    assert_int_equal(peal_ring_pop(ring, &one, -1, &err), PEAL_E_CANCELLED);
    pthread_join(thread, NULL);
    peal_slab_free(&slab);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_pass_between_threads_whole_and_in_order),
        cmocka_unit_test(messages_pass_between_processes),
        cmocka_unit_test(either_side_comes_back_after_the_death_of_the_other),
        cmocka_unit_test(waits_end_by_time_and_by_close),
        cmocka_unit_test(close_wakes_a_parked_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
