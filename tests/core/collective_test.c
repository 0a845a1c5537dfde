#include "core/collective.h"

#include <pthread.h>

#include "core/memory.h"
#include "tests/support.h"

enum { MEMBERS = 3, COUNT = 5000, SLOTS = 4, ROUNDS = 200 };

typedef struct shared {
    peal_collective *collective;
    float *slots;
    double expected[COUNT];
    size_t wrong;
} shared;

typedef struct member {
    shared *all;
    size_t rank;
} member;

static void *reduce_thread(void *argument) {
    member *self = argument;
    shared *all = self->all;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t s = self->rank; s < SLOTS; s += MEMBERS) {
            for (size_t i = 0; i < COUNT; i++)
                all->slots[s * COUNT + i] = (float)((i * 31 + s * 7 + (size_t)round) % 97);
        }
        if (peal_allreduce(all->collective, self->rank, all->slots, SLOTS, COUNT, COUNT, NULL) != PEAL_OK) abort();
        for (size_t i = self->rank; i < COUNT; i += 101) {
            float sum = 0;
            for (size_t s = 0; s < SLOTS; s++) sum += (float)((i * 31 + s * 7 + (size_t)round) % 97);
            if (all->slots[i] != sum) __atomic_add_fetch(&all->wrong, 1, __ATOMIC_RELAXED);
        }
        if (peal_barrier_wait(all->collective, NULL) != PEAL_OK) abort();
    }
    return NULL;
}

static void allreduce_sums_slots_in_order(void **state) {
    (void)state;
    for (int spin = 0; spin < 2; spin++) {
        shared all = {.slots = peal_alloc(SLOTS * COUNT, sizeof(float))};
        void *memory = peal_alloc(1, peal_collective_size());
        all.collective = peal_collective_init(memory, MEMBERS, spin, 20000);
        pthread_t threads[MEMBERS];
        member members[MEMBERS];
        for (size_t rank = 0; rank < MEMBERS; rank++) {
            members[rank] = (member){&all, rank};
            assert_int_equal(pthread_create(&threads[rank], NULL, reduce_thread, &members[rank]), 0);
        }
        for (size_t rank = 0; rank < MEMBERS; rank++) pthread_join(threads[rank], NULL);
        assert_int_equal(all.wrong, 0);
        free(memory);
        free(all.slots);
    }
}

typedef struct listener {
    peal_collective *collective;
    size_t rank;
    char heard[16];
} listener;

static void *broadcast_thread(void *argument) {
    listener *self = argument;
    for (int round = 0; round < 100; round++) {
        char words[16];
        snprintf(words, sizeof words, "round %d", round);
        bool root = self->rank == 1;
        if (peal_broadcast(self->collective, root, self->heard, words, sizeof words, NULL) != PEAL_OK) abort();
        if (!root && strcmp(self->heard, words) != 0) abort();
    }
    return NULL;
}

static void broadcast_reaches_everyone(void **state) {
    (void)state;
    void *memory = peal_alloc(1, peal_collective_size());
    peal_collective *collective = peal_collective_init(memory, MEMBERS, true, 20000);
    pthread_t threads[MEMBERS];
    listener listeners[MEMBERS] = {0};
    for (size_t rank = 0; rank < MEMBERS; rank++) {
        listeners[rank] = (listener){.collective = collective, .rank = rank};
        assert_int_equal(pthread_create(&threads[rank], NULL, broadcast_thread, &listeners[rank]), 0);
    }
    for (size_t rank = 0; rank < MEMBERS; rank++) pthread_join(threads[rank], NULL);
    assert_string_equal(listeners[0].heard, "round 99");
    free(memory);
}

static void weighted_sum_equals_the_plain_one_bit_by_bit(void **state) {
    (void)state;
    float *slots = peal_alloc(SLOTS * COUNT, sizeof(float)), *out = peal_alloc(COUNT, sizeof(float));
    const float weights[SLOTS] = {0.1f, 0.2f, 0.3f, 0.4f};
    for (size_t i = 0; i < SLOTS * COUNT; i++) slots[i] = (float)((i * 2654435761u) % 1000) / 7.0f;
    peal_sum_slots(out, slots, SLOTS, COUNT, weights, 0, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        float sum = weights[0] * slots[i];
        for (size_t s = 1; s < SLOTS; s++) sum += weights[s] * slots[s * COUNT + i];
        assert_memory_equal(&sum, &out[i], sizeof sum);
    }
    free(slots);
    free(out);
}

static void segments_cover_everything_once(void **state) {
    (void)state;
    for (size_t count = 0; count < 200; count += 13) {
        for (size_t members = 1; members < 9; members++) {
            size_t at = 0;
            for (size_t rank = 0; rank < members; rank++) {
                size_t begin, end;
                peal_segment(count, rank, members, &begin, &end);
                assert_int_equal(begin, at);
                assert_true(end >= begin);
                at = end;
            }
            assert_int_equal(at, count);
        }
    }
}

static void *abort_later(void *collective) {
    usleep(30000);
    peal_collective_abort(collective);
    return NULL;
}

static void waits_end_by_time_and_by_abort(void **state) {
    (void)state;
    peal_error err;
    void *memory = peal_alloc(1, peal_collective_size());
    peal_collective *collective = peal_collective_init(memory, 2, false, 60);
    assert_int_equal(peal_barrier_wait(collective, &err), PEAL_E_FAILED);
    assert_has(err.message, "1 of 2 members");
    collective = peal_collective_init(memory, 2, false, 20000);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, abort_later, collective), 0);
    assert_int_equal(peal_barrier_wait(collective, &err), PEAL_E_CANCELLED);
    pthread_join(thread, NULL);
    assert_int_equal(peal_barrier_wait(collective, &err), PEAL_E_CANCELLED);
    peal_collective_reset(collective);
    free(memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allreduce_sums_slots_in_order),
        cmocka_unit_test(broadcast_reaches_everyone),
        cmocka_unit_test(weighted_sum_equals_the_plain_one_bit_by_bit),
        cmocka_unit_test(segments_cover_everything_once),
        cmocka_unit_test(waits_end_by_time_and_by_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
