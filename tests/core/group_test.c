#include "core/process/group.h"

#include <signal.h>
#include <sys/wait.h>

#include "core/process/slab.h"
#include "tests/support.h"

/* Message kind 1: reply with values[0] squared; 2: hang; 3: exit with values[0]. */
static void run(void *user, peal_worker *self) {
    (void)user;
    peal_message message;
    while (peal_worker_receive(self, &message)) {
        if (message.kind == 2) pause();
        if (message.kind == 3) _exit((int)message.values[0]);
        message.values[0] *= message.values[0];
        peal_worker_reply(self, &message);
    }
}

static peal_group *start(size_t workers) {
    peal_error err;
    peal_group *group;
    assert_ok(peal_group_start(&(peal_group_options){.workers = workers, .run = run}, &group, &err));
    return group;
}

static void every_worker_answers(void **state) {
    (void)state;
    peal_error err;
    peal_group *group = start(3);
    for (uint64_t round = 0; round < 50; round++) {
        for (size_t rank = 0; rank < 3; rank++) {
            assert_ok(peal_group_send(group, rank, &(peal_message){.kind = 1, .values = {round + rank}}, &err));
        }
        uint64_t sum = 0, expected = 0;
        for (size_t i = 0; i < 3; i++) {
            peal_group_event event;
            do assert_ok(peal_group_wait(group, 5000, &event, &err));
            while (event.kind == PEAL_GROUP_TIMEOUT);
            assert_int_equal(event.kind, PEAL_GROUP_REPLY);
            sum += event.reply.values[0];
            expected += (round + i) * (round + i);
        }
        assert_int_equal(sum, expected);
    }
    peal_group_stop(group, 2000);
}

static void death_is_named_and_rank_is_forked_anew(void **state) {
    (void)state;
    peal_error err;
    peal_group_event event;
    peal_group *group = start(2);
    pid_t pid = peal_group_pid(group, 1);
    kill(pid, SIGKILL);
    assert_ok(peal_group_wait(group, 5000, &event, &err));
    assert_int_equal(event.kind, PEAL_GROUP_DEATH);
    assert_int_equal(event.rank, 1);
    assert_int_equal(event.pid, pid);
    assert_int_equal(event.signal, SIGKILL);
    assert_ok(peal_group_respawn(group, 1, &err));
    assert_ok(peal_group_send(group, 1, &(peal_message){.kind = 1, .values = {9}}, &err));
    do assert_ok(peal_group_wait(group, 5000, &event, &err));
    while (event.kind == PEAL_GROUP_TIMEOUT);
    assert_int_equal(event.reply.values[0], 81);
    assert_ok(peal_group_send(group, 0, &(peal_message){.kind = 3, .values = {7}}, &err));
    assert_ok(peal_group_wait(group, 5000, &event, &err));
    assert_int_equal(event.kind, PEAL_GROUP_DEATH);
    assert_int_equal(event.signal, 0);
    assert_int_equal(event.exit_code, 7);
    peal_group_stop(group, 2000);
}

static void stop_ends_workers_that_hang(void **state) {
    (void)state;
    peal_error err;
    peal_group *group = start(2);
    pid_t pids[2] = {peal_group_pid(group, 0), peal_group_pid(group, 1)};
    assert_ok(peal_group_send(group, 0, &(peal_message){.kind = 2}, &err));
    usleep(20000);
    peal_group_stop(group, 50);
    assert_int_equal(kill(pids[0], 0), -1);
    assert_int_equal(kill(pids[1], 0), -1);
}

/* The parent is killed; its workers must not outlive it by more than a second. */
static void workers_die_with_their_parent(void **state) {
    (void)state;
    peal_error err;
    peal_slab slab;
    assert_ok(peal_slab_new(2 * sizeof(pid_t), "pids", &slab, &err));
    volatile pid_t *pids = (volatile pid_t *)(void *)slab.data;
    pid_t parent = fork();
    if (parent == 0) {
        peal_group *group;
        if (peal_group_start(&(peal_group_options){.workers = 2, .run = run}, &group, NULL) != PEAL_OK) _exit(1);
        peal_group_send(group, 0, &(peal_message){.kind = 2}, NULL);
        pids[0] = peal_group_pid(group, 0);
        pids[1] = peal_group_pid(group, 1);
        pause();
    }
    while (!pids[1]) usleep(1000);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    for (int i = 0; i < 100 && (kill(pids[0], 0) == 0 || kill(pids[1], 0) == 0); i++) usleep(10000);
    /* An orphan that nobody reaps may stay as a zombie; it must at least not run. */
    for (int i = 0; i < 2; i++) {
        char path[64], line[256] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pids[i]);
        FILE *file = fopen(path, "re");
        if (file && fgets(line, sizeof line, file)) assert_has(line, ") Z");
        if (file) fclose(file);
    }
    peal_slab_free(&slab);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_worker_answers),
        cmocka_unit_test(death_is_named_and_rank_is_forked_anew),
        cmocka_unit_test(stop_ends_workers_that_hang),
        cmocka_unit_test(workers_die_with_their_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
