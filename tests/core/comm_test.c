#include "core/process/comm.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "core/base/memory.h"
#include "core/base/philox.h"
#include "core/process/slab.h"
#include "tests/stop.h"
#include "tests/support.h"

enum { CROWD = 5, LEAVES = 13, FLOATS = 333, ROUNDS = 40 };

/* ---- the slow sum that all others must equal ---- */

/* What float `i` of a leaf is in a round, and how it is weighed: numbers whose sum depends on the order. */
static float leaf_value(size_t leaf, size_t round, size_t i) {
    return (float)((i * 31 + leaf * 977 + round * 53) % 1009) / 7.0f - 50.0f;
}

static float leaf_weight(size_t leaf) {
    return 1.0f / (float)(3 + leaf % 5);
}

/* The sum of leaves [first, end) splits at the largest power of two below their number. */
static float slow_sum(size_t first, size_t end, size_t round, size_t i) {
    if (end - first == 1) return leaf_weight(first) * leaf_value(first, round, i);
    size_t half = 1;
    while (2 * half < end - first) half *= 2;
    const float left = slow_sum(first, first + half, round, i), right = slow_sum(first + half, end, round, i);
    return left + right;
}

/* A block's value: a leaf as it is, more of them weighed. */
static void fill(const peal_comm_block *block, size_t round) {
    for (size_t i = 0; i < FLOATS; i++) {
        block->vector[i] = block->size == 1 ? leaf_value(block->first, round, i)
                                            : slow_sum(block->first, block->first + block->size, round, i);
    }
}

static bool is_slow_sum(const float *sum, size_t leaves, size_t round) {
    for (size_t i = 0; i < FLOATS; i++) {
        const float slow = slow_sum(0, leaves, round, i);
        if (memcmp(&slow, &sum[i], sizeof slow) != 0) return false;
    }
    return true;
}

/* ---- members ---- */

/* What all members share. */
typedef struct room {
    peal_comm *comm;
    peal_slab slab;
    float *published; /* [FLOATS] */
    float weights[PEAL_COMM_LEAVES_MOST];
    _Atomic size_t wrong;
} room;

static const peal_comm_value dense = {.floats = FLOATS, .dense = FLOATS};

static room make_room(const peal_comm_plan *plan) {
    peal_error err;
    peal_slab_plan layout = {0};
    room all = {0};
    assert_ok(peal_comm_new(&peal_comm_shared, plan, &all.comm, &err));
    const size_t comm = peal_slab_plan_take(&layout, 1, peal_comm_bytes(all.comm));
    const size_t published = peal_slab_plan_take(&layout, FLOATS, sizeof(float));
    assert_ok(peal_slab_new(layout.size, "a test", &all.slab, &err));
    peal_comm_attach(all.comm, all.slab.data + comm);
    all.published = (float *)(all.slab.data + published);
    for (size_t leaf = 0; leaf < plan->leaves; leaf++) all.weights[leaf] = leaf_weight(leaf);
    return all;
}

static void leave_room(room *all) {
    peal_comm_free(all->comm);
    peal_slab_free(&all->slab);
}

typedef struct member {
    room *all;
    size_t rank;
} member;

static void run_threads(room *all, size_t members, void *(*run)(void *)) {
    pthread_t threads[16];
    member each[16];
    for (size_t rank = 0; rank < members; rank++) {
        each[rank] = (member){all, rank};
        assert_int_equal(pthread_create(&threads[rank], NULL, run, &each[rank]), 0);
    }
    for (size_t rank = 0; rank < members; rank++) pthread_join(threads[rank], NULL);
}

static void must(peal_status status) {
    if (status != PEAL_OK) abort();
}

static void dawdle(peal_philox *random) {
    uint32_t choice = peal_philox_below(random, 64);
    if (choice == 0) usleep(peal_philox_below(random, 300));
    for (volatile uint32_t i = 0; choice < 20 && i < choice * 100; i++) {
    }
}

static void fill_blocks(const member *self, size_t round) {
    const peal_comm *comm = self->all->comm;
    for (size_t i = 0; i < comm->block_count; i++) {
        if (comm->blocks[i].rank == self->rank) fill(&comm->blocks[i], round);
    }
}

/* ---- the tree ---- */

static void blocks_and_tops_cover_all_leaves_once(void **state) {
    (void)state;
    peal_error err;
    for (size_t leaves = 1; leaves <= 40; leaves++) {
        for (size_t members = 1; members <= 9; members++) {
            peal_comm *comm;
            size_t at = 0;
            const peal_comm_plan plan = {.leaves = leaves, .members = members, .value = dense};
            assert_ok(peal_comm_new(&peal_comm_shared, &plan, &comm, &err));
            for (size_t i = 0; i < comm->block_count; i++) {
                const peal_comm_block *block = &comm->blocks[i];
                assert_int_equal(block->first, at);
                assert_int_equal(block->first % block->size, 0);
                assert_true(i == 0 || block->rank >= comm->blocks[i - 1].rank);
                at += block->size;
            }
            assert_int_equal(at, leaves);
            at = 0;
            for (size_t i = 0; i < comm->top_count; at += comm->tops[i++].size) {
                assert_int_equal(comm->tops[i].first, at);
                assert_int_equal(at % comm->tops[i].size, 0);
            }
            assert_int_equal(at, leaves);
            peal_comm_free(comm);
        }
    }
}

static void plans_that_cannot_be_are_refused(void **state) {
    (void)state;
    static const peal_comm_plan plans[] = {
        {.leaves = 0, .members = 1},
        {.leaves = PEAL_COMM_LEAVES_MOST + 1, .members = 1},
        {.leaves = 1, .members = 0},
        {.leaves = 1, .members = 1, .value = {.floats = 1, .dense = 2}},
    };
    peal_comm *comm;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        assert_int_equal(peal_comm_new(&peal_comm_shared, &plans[i], &comm, NULL), PEAL_E_USAGE);
        assert_null(comm);
    }
    peal_error err;
    const peal_comm_plan large = {.leaves = 4, .members = 4, .value = {.floats = SIZE_MAX / 8, .dense = SIZE_MAX / 8}};
    assert_ok(peal_comm_new(&peal_comm_shared, &large, &comm, &err));
    assert_true(peal_comm_bytes(comm) == SIZE_MAX);
    peal_comm_free(comm);
}

/* ---- sums ---- */

/* Each round with other hands; the sum itself is made, and all see it. */
static void *sum_thread(void *argument) {
    const member *self = argument;
    room *all = self->all;
    peal_philox random = peal_philox_stream(7, PEAL_PURPOSE_USER, (uint32_t)self->rank, 0, 0);
    for (size_t round = 0; round < 8; round++) {
        const peal_comm_sum sum = {.weights = all->weights, .hands = round, .published = all->published};
        fill_blocks(self, round);
        dawdle(&random);
        must(peal_comm_allreduce(all->comm, self->rank, &sum, NULL));
        if (!is_slow_sum(all->published, all->comm->plan.leaves, round)) all->wrong++;
        must(peal_comm_barrier(all->comm, self->rank, NULL)); /* all have read it */
    }
    return NULL;
}

static void sums_have_the_bits_of_the_tree_for_any_members_and_hands(void **state) {
    (void)state;
    static const size_t leaves[] = {1, 2, 3, 5, 8, LEAVES, 32};
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        for (size_t members = 1; members <= CROWD; members++) {
            room all = make_room(&(peal_comm_plan){
                .leaves = leaves[i], .members = members, .value = dense, .spin = members == 2, .timeout_ms = 60000});
            run_threads(&all, members, sum_thread);
            if (all.wrong) fail_msg("%zu leaves, %zu members: %zu wrong sums", leaves[i], members, all.wrong);
            leave_room(&all);
        }
    }
}

/* Without weights a leaf counts as it is. */
static void leaf_without_weight_counts_once(void **state) {
    (void)state;
    peal_error err;
    room all = make_room(&(peal_comm_plan){.leaves = 1, .members = 1, .value = dense, .timeout_ms = 1000});
    fill_blocks(&(member){&all, 0}, 3);
    assert_ok(peal_comm_allreduce(all.comm, 0, &(peal_comm_sum){.published = all.published}, &err));
    for (size_t i = 0; i < FLOATS; i++) assert_true(all.published[i] == leaf_value(0, 3, i));
    leave_room(&all);
}

static void hands_follow_the_length_of_the_sum(void **state) {
    (void)state;
    peal_error err;
    peal_comm *comm;
    const peal_comm_plan brief = {.leaves = 4, .members = 2, .value = dense};
    const peal_comm_plan large = {.leaves = 4, .members = 2, .value = {.floats = 1 << 20, .dense = 1 << 20}};
    assert_ok(peal_comm_new(&peal_comm_shared, &brief, &comm, &err));
    assert_int_equal(peal_comm_hands(comm), 1);
    peal_comm_free(comm);
    assert_ok(peal_comm_new(&peal_comm_shared, &large, &comm, &err));
    assert_int_equal(peal_comm_hands(comm), 2);
    peal_comm_free(comm);
}

/* ---- merging: the last floats are added up where a block says so, in the bits of its `beside` ---- */

enum { DENSE = 320, BITS = FLOATS - DENSE };

static bool names(size_t leaf, size_t round, size_t bit) {
    return (leaf * 5 + round + bit) % 3 == 0;
}

/* As slow_sum, of a float that only some leaves name. */
static float slow_sparse_sum(size_t first, size_t end, size_t round, size_t bit) {
    if (end - first == 1) {
        return names(first, round, bit) ? leaf_weight(first) * leaf_value(first, round, DENSE + bit) : 0;
    }
    size_t half = 1;
    while (2 * half < end - first) half *= 2;
    const float left = slow_sparse_sum(first, first + half, round, bit);
    return left + slow_sparse_sum(first + half, end, round, bit);
}

static void fill_sparse(const peal_comm_block *block, size_t round) {
    uint32_t *bits = block->beside;
    fill(block, round);
    *bits = 0;
    for (size_t bit = 0; bit < BITS; bit++) {
        bool named = false;
        for (size_t leaf = block->first; leaf < block->first + block->size; leaf++) named |= names(leaf, round, bit);
        *bits |= (uint32_t)named << bit;
        float *value = &block->vector[DENSE + bit];
        if (block->size > 1) *value = slow_sparse_sum(block->first, block->first + block->size, round, bit);
        if (!named) *value = 0;
    }
}

static void merge_bits(void *user, const peal_comm_block *into, const peal_comm_block *from,
                       const peal_term halves[2]) {
    (void)user;
    uint32_t *bits = into->beside;
    *bits |= *(const uint32_t *)from->beside;
    for (size_t bit = 0; bit < BITS; bit++) {
        if (*bits >> bit & 1) peal_sum_terms(into->vector, halves, 2, DENSE + bit, DENSE + bit + 1);
    }
}

/* Publishes the sum, and behind the dense floats only what somebody has named. */
static void publish_named(void *user, const peal_comm_part *part) {
    float *published = user, sum[FLOATS];
    uint32_t bits = 0;
    for (size_t t = 0; t < part->count; t++) bits |= *(const uint32_t *)part->blocks[t]->beside;
    peal_comm_add_up(part, sum, part->begin, part->end);
    for (size_t i = part->begin > DENSE ? part->begin : DENSE; i < part->end; i++) {
        if (!(bits >> (i - DENSE) & 1)) sum[i - part->begin] = -1;
    }
    peal_comm_publish(part, published + part->begin, sum, part->end - part->begin);
}

static bool is_sparse_sum(const float *sum, size_t leaves, size_t round) {
    for (size_t i = 0; i < FLOATS; i++) {
        bool named = i < DENSE;
        for (size_t leaf = 0; !named && leaf < leaves; leaf++) named = names(leaf, round, i - DENSE);
        float slow = -1;
        if (named) slow = i < DENSE ? slow_sum(0, leaves, round, i) : slow_sparse_sum(0, leaves, round, i - DENSE);
        if (slow != sum[i]) return false;
    }
    return true;
}

static void *merge_thread(void *argument) {
    const member *self = argument;
    room *all = self->all;
    const peal_comm *comm = all->comm;
    for (size_t round = 0; round < ROUNDS; round++) {
        const peal_comm_sum sum = {.weights = all->weights,
                                   .hands = round % CROWD,
                                   .published = all->published,
                                   .merge = merge_bits,
                                   .work = publish_named,
                                   .user = all->published};
        for (size_t i = 0; i < comm->block_count; i++) {
            if (comm->blocks[i].rank != self->rank) continue;
            fill_sparse(&comm->blocks[i], round);
            peal_comm_leave(all->comm, i, &sum);
        }
        must(peal_comm_reduce(all->comm, self->rank, &sum, NULL));
        if (!is_sparse_sum(all->published, comm->plan.leaves, round)) all->wrong++;
        must(peal_comm_barrier(all->comm, self->rank, NULL));
    }
    return NULL;
}

static void what_is_not_dense_is_merged_by_the_caller(void **state) {
    (void)state;
    const peal_comm_value sparse = {.floats = FLOATS, .dense = DENSE, .beside = sizeof(uint32_t)};
    for (size_t members = 1; members <= CROWD; members += 2) {
        room all =
            make_room(&(peal_comm_plan){.leaves = LEAVES, .members = members, .value = sparse, .timeout_ms = 60000});
        run_threads(&all, members, merge_thread);
        assert_int_equal(all.wrong, 0);
        leave_room(&all);
    }
}

/* ---- broadcast and gather ---- */

enum { LETTERS = 200000 };

static void *broadcast_thread(void *argument) {
    const member *self = argument;
    unsigned char *letters = malloc(LETTERS);
    for (size_t round = 0; letters && round < 10; round++) {
        for (size_t i = 0; i < LETTERS; i++) letters[i] = (unsigned char)(i * 7 + round + self->rank);
        const size_t root = round % 3, size = round == 9 ? 0 : LETTERS - round;
        must(peal_comm_broadcast(self->all->comm, self->rank, root, letters, size, NULL));
        for (size_t i = 0; i < LETTERS; i++) {
            const size_t from = i < size ? root : self->rank;
            if (letters[i] != (unsigned char)(i * 7 + round + from)) self->all->wrong++;
        }
    }
    free(letters);
    return NULL;
}

static void broadcast_reaches_memory_of_ones_own(void **state) {
    (void)state;
    room all = make_room(&(peal_comm_plan){.leaves = 1, .members = 3, .spin = true, .timeout_ms = 60000});
    run_threads(&all, 3, broadcast_thread);
    assert_int_equal(all.wrong, 0);
    leave_room(&all);
}

static void *gather_thread(void *argument) {
    const member *self = argument;
    room *all = self->all;
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t begin, end;
        peal_segment(FLOATS, self->rank, CROWD, &begin, &end);
        for (size_t i = begin; i < end; i++) all->published[i] = (float)(i + round);
        must(peal_comm_gather(all->comm, self->rank, all->published, begin * sizeof(float), end * sizeof(float), NULL));
        for (size_t i = 0; i < FLOATS; i++) {
            if (all->published[i] != (float)(i + round)) all->wrong++;
        }
        must(peal_comm_barrier(all->comm, self->rank, NULL));
    }
    return NULL;
}

static void gather_shows_all_what_each_has_written(void **state) {
    (void)state;
    room all = make_room(&(peal_comm_plan){.leaves = 1, .members = CROWD, .timeout_ms = 60000});
    run_threads(&all, CROWD, gather_thread);
    assert_int_equal(all.wrong, 0);
    leave_room(&all);
}

/* ---- ends of waits, and deaths ---- */

static void *abort_later(void *comm) {
    usleep(30000);
    peal_comm_abort(comm);
    return NULL;
}

static void waits_end_by_time_and_by_abort(void **state) {
    (void)state;
    peal_error err;
    peal_comm_plan plan = {.leaves = 2, .members = 2, .value = dense, .timeout_ms = 60};
    room all = make_room(&plan);
    const peal_comm_sum sum = {.published = all.published};
    assert_int_equal(peal_comm_allreduce(all.comm, 0, &sum, &err), PEAL_E_FAILED);
    assert_has(err.message, "1 of 2 members");
    leave_room(&all);
    plan.timeout_ms = 20000;
    all = make_room(&plan);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, abort_later, all.comm), 0);
    assert_int_equal(peal_comm_barrier(all.comm, 0, &err), PEAL_E_CANCELLED);
    pthread_join(thread, NULL);
    char letter = 'x';
    assert_int_equal(peal_comm_allreduce(all.comm, 0, &sum, &err), PEAL_E_CANCELLED);
    assert_int_equal(peal_comm_gather(all.comm, 1, &letter, 0, 1, &err), PEAL_E_CANCELLED);
    assert_int_equal(peal_comm_broadcast(all.comm, 1, 1, &letter, 1, &err), PEAL_E_CANCELLED);
    leave_room(&all);
}

/* Who has left half of a node and did not come to the meeting has done nothing, once all is reset. */
static void reset_forgets_what_was_left(void **state) {
    (void)state;
    room all = make_room(&(peal_comm_plan){.leaves = 8, .members = 2, .value = dense, .timeout_ms = 60000});
    const peal_comm_sum sum = {.weights = all.weights, .published = all.published};
    for (int half = 0; half < 2; half++) {
        fill(&all.comm->blocks[0], 99);
        peal_comm_leave(all.comm, 0, &sum);
        peal_comm_abort(all.comm);
        peal_comm_reset(all.comm);
    }
    assert_int_equal(peal_comm_distance(all.comm, 0), 0);
    run_threads(&all, 2, sum_thread);
    assert_int_equal(all.wrong, 0);
    leave_room(&all);
}

/* Aborts the process if a sum is wrong. */
static peal_status attend(const member *self, size_t rounds) {
    room *all = self->all;
    const peal_comm *comm = all->comm;
    peal_philox random = peal_philox_stream(7, PEAL_PURPOSE_USER, (uint32_t)self->rank, 0, 0);
    for (size_t round = 0; round < rounds; round++) {
        const peal_comm_sum sum = {.weights = all->weights, .hands = round % (CROWD + 2), .published = all->published};
        for (size_t i = 0; i < comm->block_count; i++) {
            if (comm->blocks[i].rank != self->rank) continue;
            fill(&comm->blocks[i], round);
            dawdle(&random);
            peal_comm_leave(all->comm, i, &sum);
        }
        PEAL_TRY(peal_comm_reduce(all->comm, self->rank, &sum, NULL));
        if (!is_slow_sum(all->published, comm->plan.leaves, round)) abort();
        PEAL_TRY(peal_comm_barrier(all->comm, self->rank, NULL));
    }
    return PEAL_OK;
}

static pid_t fork_member(const member *self, size_t rounds) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    _exit(attend(self, rounds) == PEAL_OK ? 0 : 42);
}

static uint64_t distance_of(const void *comm, size_t rank) {
    return peal_comm_distance(comm, rank);
}

/* Kills a member at a random moment, aborts, finds all others back, and adds up again from the start. */
static void processes_come_back_after_any_death_and_add_up_again(void **state) {
    (void)state;
    room all = make_room(&(peal_comm_plan){.leaves = 29, .members = CROWD, .value = dense, .timeout_ms = 60000});
    peal_philox random = peal_philox_stream(11, PEAL_PURPOSE_USER, 0, 0, 0);
    for (int trial = 0; trial < 20; trial++) {
        pid_t pids[CROWD];
        const bool deadly = trial < 19; /* the last group is left in peace */
        for (size_t i = 0; i < CROWD; i++) {
            pids[i] = fork_member(&(member){&all, i}, deadly ? SIZE_MAX : ROUNDS);
            assert_true(pids[i] > 0);
        }
        const size_t victim = peal_philox_below(&random, CROWD);
        if (deadly) {
            usleep(peal_philox_below(&random, 20000));
            if (trial % 4 == 1) test_stop_member(all.comm, distance_of, pids, CROWD, victim);
            kill(pids[victim], SIGKILL);
            int status;
            assert_int_equal(waitpid(pids[victim], &status, 0), pids[victim]);
            peal_comm_abort(all.comm);
        }
        for (size_t i = 0; i < CROWD; i++) {
            int status;
            if (deadly && i == victim) continue;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), deadly ? 42 : 0);
        }
        peal_comm_reset(all.comm);
    }
    leave_room(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_and_tops_cover_all_leaves_once),
        cmocka_unit_test(plans_that_cannot_be_are_refused),
        cmocka_unit_test(sums_have_the_bits_of_the_tree_for_any_members_and_hands),
        cmocka_unit_test(leaf_without_weight_counts_once),
        cmocka_unit_test(hands_follow_the_length_of_the_sum),
        cmocka_unit_test(what_is_not_dense_is_merged_by_the_caller),
        cmocka_unit_test(broadcast_reaches_memory_of_ones_own),
        cmocka_unit_test(gather_shows_all_what_each_has_written),
        cmocka_unit_test(waits_end_by_time_and_by_abort),
        cmocka_unit_test(reset_forgets_what_was_left),
        cmocka_unit_test(processes_come_back_after_any_death_and_add_up_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
