/* Forks workers, waits for their replies and deaths, and forks dead ones anew; see group.h. */
#include "core/process/group.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/lock.h"
#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/process/ring.h"
#include "core/process/slab.h"

enum { RING_SLOTS = 64, MESSAGE_STOP = UINT32_MAX };

typedef struct member {
    pid_t pid; /* 0: dead */
    int pidfd;
    peal_ring *commands;
    peal_ring *replies;
} member;

struct peal_group {
    peal_group_options options;
    peal_slab slab; /* all the rings */
    int doorbell;   /* eventfd: a worker has replied, or peal_group_wake was called */
    atomic_bool woken;
    member *members;
    struct pollfd *polls;
    size_t next; /* where the next look for replies begins, so that no rank starves */
};

struct peal_worker {
    size_t rank;
    int doorbell;
    peal_ring *commands;
    peal_ring *replies;
};

static void ring(int doorbell) {
    uint64_t one = 1;
    while (write(doorbell, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

/* ---- the worker's side ---- */

static _Noreturn void worker_main(peal_group *group, size_t rank, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0); /* it died before the signal was set */
    signal(SIGINT, SIG_IGN);           /* Ctrl-C reaches the whole terminal group; the parent decides */
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigset_t none; /* the thread that forked may have blocked signals */
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    peal_worker self = {
        .rank = rank,
        .doorbell = group->doorbell,
        .commands = group->members[rank].commands,
        .replies = group->members[rank].replies,
    };
    group->options.run(group->options.user, &self);
    _exit(0);
}

size_t peal_worker_rank(const peal_worker *self) {
    return self->rank;
}

bool peal_worker_receive(peal_worker *self, peal_message *message) {
    if (peal_ring_pop(self->commands, message, -1, NULL) != PEAL_OK) return false;
    return message->kind != MESSAGE_STOP;
}

void peal_worker_reply(peal_worker *self, const peal_message *message) {
    peal_message reply = *message;
    reply.rank = (uint32_t)self->rank;
    if (peal_ring_push(self->replies, &reply, -1, NULL) == PEAL_OK) ring(self->doorbell);
}

/* ---- the parent's side ---- */

static peal_status member_spawn(peal_group *group, size_t rank, peal_error *err) {
    member *one = &group->members[rank];
    size_t ring_size = peal_ring_size(RING_SLOTS, sizeof(peal_message));
    uint8_t *memory = group->slab.data + 2 * rank * ring_size;
    one->commands = peal_ring_init(memory, RING_SLOTS, sizeof(peal_message));
    one->replies = peal_ring_init(memory + ring_size, RING_SLOTS, sizeof(peal_message));
    pid_t parent = getpid();
    pid_t pid = peal_fork();
    if (pid < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot fork worker %zu", rank);
    if (pid == 0) worker_main(group, rank, parent);
    one->pid = pid;
    one->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (one->pidfd < 0) {
        int reason = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        one->pid = 0;
        return peal_fail_errno(err, PEAL_E_FAILED, reason, "cannot watch worker %zu", rank);
    }
    fcntl(one->pidfd, F_SETFD, FD_CLOEXEC);
    return PEAL_OK;
}

peal_status peal_group_start(const peal_group_options *options, peal_group **out, peal_error *err) {
    *out = NULL;
    if (options->workers == 0) return peal_fail(err, PEAL_E_USAGE, "a group needs at least one worker");
    peal_group *group = calloc(1, sizeof *group);
    if (!group) return peal_fail(err, PEAL_E_MEMORY, "no memory for a process group");
    group->options = *options;
    group->options.workers = 0; /* grows with each worker that stands */
    group->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    group->members = calloc(options->workers, sizeof *group->members);
    group->polls = calloc(options->workers + 1, sizeof *group->polls);
    peal_status status = PEAL_OK;
    if (group->doorbell < 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot make an eventfd for the workers");
    } else if (!group->members || !group->polls) {
        status = peal_fail(err, PEAL_E_MEMORY, "no memory for %zu workers", options->workers);
    } else {
        size_t ring_size = peal_ring_size(RING_SLOTS, sizeof(peal_message));
        status = peal_slab_new(2 * options->workers * ring_size, "the workers' rings", &group->slab, err);
    }
    for (size_t rank = 0; status == PEAL_OK && rank < options->workers; rank++) {
        status = member_spawn(group, rank, err);
        if (status == PEAL_OK) group->options.workers++;
    }
    if (status != PEAL_OK) {
        peal_group_stop(group, 0);
        return status;
    }
    *out = group;
    return PEAL_OK;
}

size_t peal_group_workers(const peal_group *group) {
    return group->options.workers;
}

pid_t peal_group_pid(const peal_group *group, size_t rank) {
    return group->members[rank].pid;
}

peal_status peal_group_send(peal_group *group, size_t rank, const peal_message *message, peal_error *err) {
    if (peal_ring_try_push(group->members[rank].commands, message)) return PEAL_OK;
    return peal_fail(err, PEAL_E_FAILED, "worker %zu does not take its commands", rank);
}

static bool take_reply(peal_group *group, peal_group_event *event) {
    size_t workers = group->options.workers;
    for (size_t i = 0; i < workers; i++) {
        size_t rank = (group->next + i) % workers;
        if (!group->members[rank].pid || !peal_ring_try_pop(group->members[rank].replies, &event->reply)) continue;
        event->kind = PEAL_GROUP_REPLY;
        event->rank = rank;
        group->next = rank + 1;
        return true;
    }
    return false;
}

static void member_reap(peal_group *group, size_t rank, peal_group_event *event) {
    member *one = &group->members[rank];
    int wait_status = 0;
    while (waitpid(one->pid, &wait_status, 0) < 0 && errno == EINTR) {
    }
    *event = (peal_group_event){
        .kind = PEAL_GROUP_DEATH,
        .rank = rank,
        .pid = one->pid,
        .signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0,
        .exit_code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0,
    };
    close(one->pidfd);
    one->pid = 0;
    one->pidfd = -1;
}

/* Looks for a reply or a death, or waits for one; *rang if a doorbell was all that came: its reply had been taken
 * before it was heard. */
static peal_status look_or_wait(peal_group *group, int timeout_ms, peal_group_event *event, bool *rang,
                                peal_error *err) {
    *rang = false;
    if (take_reply(group, event)) return PEAL_OK;
    size_t workers = group->options.workers;
    for (size_t rank = 0; rank < workers; rank++) {
        int fd = group->members[rank].pid ? group->members[rank].pidfd : -1;
        group->polls[rank] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    group->polls[workers] = (struct pollfd){.fd = group->doorbell, .events = POLLIN};
    int ready = poll(group->polls, workers + 1, timeout_ms);
    if (ready < 0 && errno != EINTR) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot wait for the workers");
    *event = (peal_group_event){.kind = PEAL_GROUP_TIMEOUT};
    if (ready <= 0) return PEAL_OK;
    uint64_t rings;
    while (read(group->doorbell, &rings, sizeof rings) < 0 && errno == EINTR) {
    }
    if (take_reply(group, event)) return PEAL_OK;
    for (size_t rank = 0; rank < workers; rank++) {
        if (group->polls[rank].fd < 0 || !(group->polls[rank].revents & POLLIN)) continue;
        member_reap(group, rank, event);
        return PEAL_OK;
    }
    if (atomic_exchange(&group->woken, false)) {
        event->kind = PEAL_GROUP_WOKEN;
    } else {
        *rang = true;
    }
    return PEAL_OK;
}

peal_status peal_group_wait(peal_group *group, int timeout_ms, peal_group_event *event, peal_error *err) {
    const int64_t deadline = peal_now_ns() + (int64_t)timeout_ms * 1000000;
    bool rang = true;
    while (rang) {
        int64_t left_ms = timeout_ms < 0 ? -1 : (deadline - peal_now_ns() + 999999) / 1000000;
        if (timeout_ms >= 0 && left_ms < 0) left_ms = 0;
        PEAL_TRY(look_or_wait(group, (int)left_ms, event, &rang, err));
    }
    return PEAL_OK;
}

void peal_group_wake(peal_group *group) {
    atomic_store(&group->woken, true); /* before the bell, behind which it is looked at */
    ring(group->doorbell);
}

peal_status peal_group_respawn(peal_group *group, size_t rank, peal_error *err) {
    return member_spawn(group, rank, err);
}

int peal_group_stopped_by(peal_group *group, size_t rank) {
    siginfo_t info = {0};
    pid_t pid = group->members[rank].pid;
    /* The state is left to be asked again; a death, which would be reported here too, is left to the pidfd. */
    if (!pid || waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid) return 0;
    return info.si_code == CLD_STOPPED ? info.si_status : 0;
}

void peal_group_kill(peal_group *group, size_t rank) {
    if (group->members[rank].pid) kill(group->members[rank].pid, SIGKILL);
}

void peal_group_stop(peal_group *group, int grace_ms) {
    if (!group) return;
    const peal_message stop = {.kind = MESSAGE_STOP};
    size_t workers = group->options.workers;
    int64_t deadline = peal_now_ns() + (int64_t)grace_ms * 1000000;
    for (size_t rank = 0; rank < workers; rank++) {
        if (group->members[rank].pid) peal_ring_try_push(group->members[rank].commands, &stop);
    }
    for (size_t rank = 0; rank < workers; rank++) {
        member *one = &group->members[rank];
        if (!one->pid) continue;
        int64_t left_ms = (deadline - peal_now_ns()) / 1000000;
        struct pollfd watch = {.fd = one->pidfd, .events = POLLIN};
        if (poll(&watch, 1, left_ms > 0 ? (int)left_ms : 0) != 1) kill(one->pid, SIGKILL);
        peal_group_event ignored;
        member_reap(group, rank, &ignored);
    }
    if (group->doorbell >= 0) close(group->doorbell);
    peal_slab_free(&group->slab);
    free(group->members);
    free(group->polls);
    free(group);
}
