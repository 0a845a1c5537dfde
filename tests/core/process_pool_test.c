#include "core/process/process_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "core/base/memory.h"
#include "core/base/philox.h"
#include "tests/support.h"

static peal_process_pool *new_pool(size_t processes) {
    peal_error err;
    peal_process_pool_options options = peal_process_pool_default();
    options.processes = processes;
    peal_process_pool *pool;
    assert_ok(peal_process_pool_new(&options, &pool, &err));
    return pool;
}

static peal_status square(peal_call *call, peal_error *err) {
    (void)err;
    int64_t number;
    memcpy(&number, call->argument, sizeof number);
    number *= number;
    memcpy(call->result, &number, sizeof number);
    call->result_size = sizeof number;
    return PEAL_OK;
}

static void result_comes_back(void **state) {
    (void)state;
    peal_error err;
    peal_process_pool *pool = new_pool(2);
    peal_future *futures[50];
    for (int64_t i = 0; i < 50; i++) {
        assert_ok(peal_process_pool_submit(pool, square, &i, sizeof i, 0, &futures[i], &err));
    }
    for (int64_t i = 0; i < 50; i++) {
        assert_ok(peal_future_wait(futures[i], -1, &err));
        size_t size;
        const void *result = peal_future_result(futures[i], &size);
        assert_int_equal(size, sizeof(int64_t));
        assert_int_equal(*(const int64_t *)result, i * i);
        peal_future_free(futures[i]);
    }
    peal_process_pool_free(pool);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

/* Task 3 of 10 dies or fails in its way. */
static peal_status misbehave(peal_call *call, peal_error *err) {
    if (call->index != 3) {
        *(uint64_t *)call->result = call->index;
        call->result_size = sizeof(uint64_t);
        return PEAL_OK;
    }
    switch (*(const char *)call->argument) {
    case 's':
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        return PEAL_OK;
    case 'x':
        _exit(7);
    case 't':
        pause();
        return PEAL_OK;
    case 'l':
        call->result_size = 1 << 30;
        return PEAL_OK;
    case 'n':
        return PEAL_E_DATA;
    default:
        return peal_fail(err, PEAL_E_DATA, "the number three is not liked");
    }
}

static void misfortune_of_a_task_is_its_own(void **state) {
    (void)state;
    const struct {
        char way;
        peal_status status;
        const char *message;
    } cases[] = {{'s', PEAL_E_FAILED, "was killed by signal 11"},
                 {'x', PEAL_E_FAILED, "with exit code 7"},
                 {'t', PEAL_E_FAILED, "for more than its 100 ms"},
                 {'l', PEAL_E_FAILED, "is larger than the 4096"},
                 {'n', PEAL_E_DATA, "the task failed"},
                 {'f', PEAL_E_DATA, "three is not liked"}};
    peal_error err;
    for (size_t processes = 1; processes <= 3; processes++) {
        peal_process_pool *pool = new_pool(processes);
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            peal_future *futures[10];
            peal_process_pool *one = c == 0 ? pool : new_pool(processes); /* numbers begin anew */
            for (size_t i = 0; i < 10; i++) {
                const int limit_ms = i == 3 ? 100 : 20000; /* on a busy machine any may take long */
                assert_ok(peal_process_pool_submit(one, misbehave, &cases[c].way, 1, limit_ms, &futures[i], &err));
            }
            for (size_t i = 0; i < 10; i++) {
                peal_status status = peal_future_wait(futures[i], 20000, &err);
                if (i == 3) {
                    assert_int_equal(status, cases[c].status);
                    assert_has(err.message, cases[c].message);
                    assert_null(peal_future_result(futures[i], NULL));
                } else {
                    if (status != PEAL_OK) fail_msg("task %zu of case %c: %s", i, cases[c].way, err.message);
                    assert_int_equal(*(const uint64_t *)peal_future_result(futures[i], NULL), i);
                }
                peal_future_free(futures[i]);
            }
            if (one != pool) peal_process_pool_free(one);
        }
        peal_process_pool_free(pool);
    }
}

/* ---- map ---- */

typedef struct gathered {
    double sum;
    size_t next, progress;
} gathered;

static peal_status draw(peal_call *call, peal_error *err) {
    (void)err;
    peal_philox random = peal_philox_task(17, call->index);
    double sum = 0;
    for (int i = 0; i < 1000; i++) sum += peal_philox_unit64(&random);
    *(double *)call->result = sum;
    call->result_size = sizeof sum;
    return PEAL_OK;
}

static peal_status add(void *user, size_t index, const void *result, size_t size, peal_error *err) {
    gathered *all = user;
    if (index != all->next++ || size != sizeof(double)) return peal_fail(err, PEAL_E_FAILED, "out of order");
    all->sum += *(const double *)result;
    return PEAL_OK;
}

static void note_progress(void *user, size_t done, size_t total) {
    gathered *all = user;
    if (done == all->progress + 1 && total == 100) all->progress++;
}

static void map_gives_the_same_digits_for_any_number_of_processes(void **state) {
    (void)state;
    peal_error err;
    double first = 0;
    for (size_t processes = 1; processes <= 4; processes++) {
        peal_process_pool *pool = new_pool(processes);
        gathered all = {0};
        const peal_process_map work = {.task = draw, .consume = add, .progress = note_progress, .user = &all};
        assert_ok(peal_process_pool_map(pool, 100, 0, &work, &err));
        assert_int_equal(all.progress, 100);
        if (processes == 1) first = all.sum;
        assert_memory_equal(&first, &all.sum, sizeof first);
        peal_process_pool_free(pool);
    }
    assert_true(first > 49000 && first < 51000);
}

static peal_status slow_or_failing(peal_call *call, peal_error *err) {
    if (call->index == 5 || call->index == 9) return peal_fail(err, PEAL_E_DATA, "index %d", (int)call->index);
    if (call->index > 20) usleep(2000000);
    call->result_size = 0;
    return PEAL_OK;
}

static const void *nothing(void *user, size_t index, size_t *size) {
    (void)user;
    (void)index;
    *size = 0;
    return NULL;
}

static peal_status count_up(void *user, size_t index, const void *result, size_t size, peal_error *err) {
    (void)result;
    (void)size;
    (void)err;
    *(size_t *)user = index + 1;
    return PEAL_OK;
}

static void map_ends_with_the_error_of_the_lowest_index(void **state) {
    (void)state;
    peal_error err;
    peal_process_pool *pool = new_pool(2);
    size_t consumed = 0;
    const peal_process_map work = {
        .task = slow_or_failing, .argument = nothing, .consume = count_up, .user = &consumed};
    assert_int_equal(peal_process_pool_map(pool, 1000, 0, &work, &err), PEAL_E_DATA);
    assert_has(err.message, "index 5");
    assert_int_equal(consumed, 5);
    peal_process_pool_free(pool);
}

static peal_status sleep_for(peal_call *call, peal_error *err) {
    (void)err;
    usleep(*(const useconds_t *)call->argument);
    call->result_size = 0;
    return PEAL_OK;
}

static void waiting_tasks_can_be_cancelled_and_end_with_the_pool(void **state) {
    (void)state;
    peal_error err;
    peal_process_pool *pool = new_pool(1);
    const useconds_t long_time = 500000; /* longer than this process is kept waiting by a busy machine */
    peal_future *futures[6];
    for (size_t i = 0; i < 6; i++) {
        assert_ok(peal_process_pool_submit(pool, sleep_for, &long_time, sizeof long_time, 0, &futures[i], &err));
    }
    assert_true(peal_future_cancel(futures[4]));
    assert_int_equal(peal_future_wait(futures[4], -1, &err), PEAL_E_CANCELLED);
    assert_int_equal(peal_future_wait(futures[0], 1, &err), PEAL_E_FAILED); /* not yet */
    assert_ok(peal_future_wait(futures[0], -1, &err));
    peal_process_pool_free(pool);
    assert_int_equal(peal_future_wait(futures[5], 0, &err), PEAL_E_CANCELLED);
    for (size_t i = 0; i < 6; i++) {
        assert_true(peal_future_done(futures[i]));
        peal_future_free(futures[i]);
    }
}

static void too_large_an_argument_is_refused(void **state) {
    (void)state;
    peal_error err;
    peal_process_pool *pool = new_pool(1);
    static const char large[5000];
    peal_future *future;
    assert_int_equal(peal_process_pool_submit(pool, square, large, sizeof large, 0, &future, &err), PEAL_E_USAGE);
    assert_has(err.message, "5000 bytes");
    assert_null(future);
    peal_process_pool_free(pool);
}

/* ---- in a program with threads ---- */

/* The address sanitizer's malloc, unlike the C library's, does not survive a fork in its midst: under it nobody
 * allocates while processes are forked. */
#if defined(__SANITIZE_ADDRESS__)
enum { FORKS_AMONG_MALLOCS = 0 };
#else
enum { FORKS_AMONG_MALLOCS = 1 };
#endif

static atomic_bool busy_enough;

static void *allocate_and_print(void *argument) {
    (void)argument;
    char text[64];
    while (!atomic_load(&busy_enough)) {
        for (size_t size = 1; FORKS_AMONG_MALLOCS && size < 100000; size *= 3) free(malloc(size));
        snprintf(text, sizeof text, "%p %g", (void *)text, 0.1);
    }
    return NULL;
}

static peal_status allocate(peal_call *call, peal_error *err) {
    for (size_t size = 1; size < 1000000; size *= 2) {
        void *memory = malloc(size);
        if (!memory) return peal_fail(err, PEAL_E_MEMORY, "no memory");
        memset(memory, 1, size);
        free(memory);
    }
    if (FORKS_AMONG_MALLOCS && call->index % 20 == 19) raise(SIGKILL); /* and is forked anew */
    call->result_size = 0;
    return PEAL_OK;
}

static void *submit_many(void *pool) {
    size_t deaths = 0;
    for (int i = 0; i < 40; i++) {
        peal_error err;
        peal_future *future;
        if (peal_process_pool_submit(pool, allocate, NULL, 0, 10000, &future, &err) != PEAL_OK) abort();
        peal_status status = peal_future_wait(future, 20000, &err);
        if (status != PEAL_OK && !strstr(err.message, "signal 9")) abort();
        deaths += status != PEAL_OK;
        peal_future_free(future);
    }
    return (void *)deaths;
}

static void pools_are_made_and_used_among_busy_threads(void **state) {
    (void)state;
    pthread_t busy[3], submitters[3];
    for (size_t i = 0; i < 3; i++) assert_int_equal(pthread_create(&busy[i], NULL, allocate_and_print, NULL), 0);
    for (int round = 0; round < 3; round++) {
        peal_process_pool *pool = new_pool(2);
        size_t deaths = 0;
        for (size_t i = 0; i < 3; i++) assert_int_equal(pthread_create(&submitters[i], NULL, submit_many, pool), 0);
        for (size_t i = 0; i < 3; i++) {
            void *mine;
            pthread_join(submitters[i], &mine);
            deaths += (size_t)mine;
        }
        assert_int_equal(deaths, FORKS_AMONG_MALLOCS * 120 / 20);
        peal_process_pool_free(pool);
    }
    atomic_store(&busy_enough, true);
    for (size_t i = 0; i < 3; i++) pthread_join(busy[i], NULL);
}

/* The thread that made the pool may end before it: its processes are not that thread's. */
static void *make_pool(void *argument) {
    *(peal_process_pool **)argument = new_pool(2);
    return NULL;
}

static void pool_outlives_the_thread_that_made_it(void **state) {
    (void)state;
    peal_error err;
    pthread_t maker;
    peal_process_pool *pool;
    assert_int_equal(pthread_create(&maker, NULL, make_pool, &pool), 0);
    pthread_join(maker, NULL);
    usleep(50000);
    int64_t number = 12;
    peal_future *future;
    assert_ok(peal_process_pool_submit(pool, square, &number, sizeof number, 0, &future, &err));
    assert_ok(peal_future_wait(future, 10000, &err));
    assert_int_equal(*(const int64_t *)peal_future_result(future, NULL), 144);
    peal_future_free(future);
    peal_process_pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(result_comes_back),
        cmocka_unit_test(misfortune_of_a_task_is_its_own),
        cmocka_unit_test(map_gives_the_same_digits_for_any_number_of_processes),
        cmocka_unit_test(map_ends_with_the_error_of_the_lowest_index),
        cmocka_unit_test(waiting_tasks_can_be_cancelled_and_end_with_the_pool),
        cmocka_unit_test(too_large_an_argument_is_refused),
        cmocka_unit_test(pools_are_made_and_used_among_busy_threads),
        cmocka_unit_test(pool_outlives_the_thread_that_made_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
