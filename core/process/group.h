/* A group of forked worker processes under one supervisor.
 *
 * The caller of `peal_group_start` is the parent: it sends each worker messages through a ring and waits for replies
 * and deaths in one place. Workers inherit all memory at the fork, so shared slabs are mapped before the start. A
 * worker dies with its parent (parent-death signal); a dead worker can be forked anew from the parent's present state.
 *
 * The group must be used by one thread of the parent, the one that started it: Linux sends the parent-death signal when
 * that thread ends. */
#ifndef PEAL_CORE_GROUP_H
#define PEAL_CORE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/status.h"

/* What travels through the rings; the meaning belongs to the caller. */
typedef struct peal_message {
    uint32_t kind; /* UINT32_MAX is reserved */
    uint32_t rank; /* filled in for replies */
    uint64_t values[7];
} peal_message;

typedef struct peal_group peal_group;
typedef struct peal_worker peal_worker;

typedef struct peal_group_options {
    size_t workers;
    /* Runs in each worker until it returns; then the process ends. It calls peal_worker_receive in a loop. */
    void (*run)(void *user, peal_worker *self);
    void *user;
} peal_group_options;

typedef enum peal_group_event_kind {
    PEAL_GROUP_REPLY,
    PEAL_GROUP_DEATH,
    PEAL_GROUP_TIMEOUT,
    PEAL_GROUP_WOKEN /* by peal_group_wake */
} peal_group_event_kind;

typedef struct peal_group_event {
    peal_group_event_kind kind;
    size_t rank;
    peal_message reply; /* of PEAL_GROUP_REPLY */
    pid_t pid;          /* of PEAL_GROUP_DEATH */
    int signal;         /* of PEAL_GROUP_DEATH; 0 if it exited by itself */
    int exit_code;
} peal_group_event;

/* Forks the workers. On error none is left. */
peal_status peal_group_start(const peal_group_options *options, peal_group **out, peal_error *err);
size_t peal_group_workers(const peal_group *group);
/* The process of a rank; 0 if it is dead. */
pid_t peal_group_pid(const peal_group *group, size_t rank);

/* Queues a message for a living worker. */
peal_status peal_group_send(peal_group *group, size_t rank, const peal_message *message, peal_error *err);
/* Waits for the next reply or death, at most `timeout_ms` (negative: no limit; a signal to the caller may end it early,
 * as a timeout). A worker's replies come before its death. */
peal_status peal_group_wait(peal_group *group, int timeout_ms, peal_group_event *event, peal_error *err);
/* From any thread: ends the present or the next wait. */
void peal_group_wake(peal_group *group);
/* Forks a dead rank anew, with empty rings. */
peal_status peal_group_respawn(peal_group *group, size_t rank, peal_error *err);
/* The signal by which a rank is stopped (SIGSTOP and its kin), 0 if it is not or is dead. */
int peal_group_stopped_by(peal_group *group, size_t rank);
/* SIGKILL for a rank that does not move; its death then comes as an event. */
void peal_group_kill(peal_group *group, size_t rank);
/* Asks all to end, waits up to `grace_ms`, kills the rest, reaps all, frees. NULL is allowed. */
void peal_group_stop(peal_group *group, int grace_ms);

/* ---- in the worker ---- */

size_t peal_worker_rank(const peal_worker *self);
/* Waits for the next message; false when the worker is to end. */
bool peal_worker_receive(peal_worker *self, peal_message *message);
void peal_worker_reply(peal_worker *self, const peal_message *message);

#endif
