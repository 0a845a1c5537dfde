/* When a worker counts as lost, and how soon that is found:
 *   - dead: at once, by its pidfd;
 *   - stopped (SIGSTOP): when it has been so for STOPPED_MS, or --stall-seconds if that is less;
 *   - stuck: when its beat has not moved for --stall-seconds;
 * plus LOOK_MS, the time between two looks. Where all wait for each other (--sync step) all beats stand still, and the
 * one that has come least far is it. */
#include "models/train/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/machine.h"
#include "core/base/memory.h"

enum { LOOK_MS = 100, STOPPED_MS = 5000 };

static const peal_reporter *reporter(const models__supervisor *self) {
    return self->trainer->options->reporter;
}

/* How far a worker has come among those that wait for each other: the one that has come least far keeps the others
 * waiting. Those that do not step (trainer.h) have come nowhere. */
static uint64_t distance(const models__supervisor *self, size_t rank) {
    return rank < self->trainer->training.at_once ? peal_comm_distance(self->trainer->shared.comm, rank) : 0;
}

static uint64_t beat_count(const models__supervisor *self, size_t rank) {
    return atomic_load_explicit(&self->trainer->shared.beats[rank].count, memory_order_relaxed);
}

peal_status models__supervisor_begin(models__trainer *trainer, models__supervisor *self, peal_error *err) {
    *self = (models__supervisor){.trainer = trainer, .oom_kills = peal_machine_oom_kills()};
    PEAL_TRY(peal_alloc_checked(&self->duties, trainer->training.workers, sizeof *self->duties, "workers", err));
    PEAL_TRY(
        peal_alloc_checked(&self->deaths, trainer->training.partitions + 1, sizeof *self->deaths, "partitions", err));
    const peal_group_options group = {.workers = trainer->training.workers, .run = models__worker, .user = trainer};
    return peal_group_start(&group, &self->group, err);
}

void models__supervisor_end(models__supervisor *self, int grace_ms) {
    peal_group_stop(self->group, grace_ms);
    free(self->duties);
    free(self->deaths);
}

peal_status models__supervisor_send(models__supervisor *self, size_t rank, size_t task, const peal_message *message,
                                    peal_error *err) {
    const int64_t now = peal_now_ns();
    self->duties[rank] =
        (models__duty){.busy = true, .task = task, .beat = beat_count(self, rank), .began = now, .moved = now};
    return peal_group_send(self->group, rank, message, err);
}

/* ---- deaths ---- */

static const char *death_text(const models__supervisor *self, const peal_group_event *event, char text[160]) {
    if (!event->signal) {
        snprintf(text, 160, "ended with exit code %d", event->exit_code);
    } else {
        bool oom = event->signal == SIGKILL && peal_machine_oom_kills() > self->oom_kills;
        snprintf(text, 160, "was killed by signal %d (%s%s)", event->signal, sigdescr_np(event->signal),
                 oom ? "; the cgroup's memory ran out" : "");
    }
    return text;
}

/* The partition that a worker was at work on; SIZE_MAX: none. */
static size_t partition_of(const models__supervisor *self, size_t rank, const models__duty *was) {
    uint32_t partition = atomic_load_explicit(&self->trainer->shared.beats[rank].partition, memory_order_relaxed);
    return was->busy && partition < self->trainer->training.partitions ? partition : SIZE_MAX;
}

/* Says who died of what, while doing what for how long, and forks the rank anew. */
static peal_status replace(models__supervisor *self, const peal_group_event *event, const models__duty *was,
                           peal_error *err) {
    models__trainer *trainer = self->trainer;
    const size_t partition = partition_of(self, event->rank, was);
    char death[160], where[96] = "between two tasks";
    double seconds = (double)(peal_now_ns() - was->began) * 1e-9;
    if (partition != SIZE_MAX) {
        peal_snprintf(where, sizeof where, "while training partition %zu, after %.1f s at its task", partition,
                      seconds);
    } else if (was->busy) {
        peal_snprintf(where, sizeof where, "after %.1f s at its task", seconds);
    }
    death_text(self, event, death);
    peal_report(reporter(self), PEAL_EVENT_WARNING,
                "worker %zu (pid %d) %s in %s %zu, %s; it is replaced and its work done again", event->rank,
                (int)event->pid, death, models__epoch_word(self->trainer), self->epoch + 1, where);
    trainer->result->deaths++;
    PEAL_TRY(models__check_data(trainer, err)); /* a file that was cut ends who reads its map */
    size_t *count = &self->deaths[partition == SIZE_MAX ? trainer->training.partitions : partition];
    if (++*count >= trainer->options->deaths) {
        if (partition == SIZE_MAX) snprintf(where, sizeof where, "workers that were training no partition");
        if (partition != SIZE_MAX) snprintf(where, sizeof where, "workers while training partition %zu", partition);
        return peal_fail(
            err, PEAL_E_FAILED,
            "%zu deaths of %s, as many as are allowed (deaths): something in its data or in the model kills "
            "them; the last one (worker %zu, pid %d) %s",
            *count, where, event->rank, (int)event->pid, death);
    }
    atomic_store_explicit(&trainer->shared.beats[event->rank].partition, UINT32_MAX, memory_order_relaxed);
    return peal_group_respawn(self->group, event->rank, err);
}

/* ---- workers that do not move ---- */

static void kill_lost(models__supervisor *self, size_t rank, const char *how, int64_t since) {
    const int64_t now = peal_now_ns();
    char where[48] = "";
    const size_t partition = partition_of(self, rank, &self->duties[rank]);
    if (partition != SIZE_MAX) snprintf(where, sizeof where, ", partition %zu", partition);
    peal_report(reporter(self), PEAL_EVENT_WARNING, "worker %zu (pid %d%s) %s for %.1f s; it is killed", rank,
                (int)peal_group_pid(self->group, rank), where, how, (double)(now - since) * 1e-9);
    self->duties[rank].moved = now;
    self->duties[rank].stopped = 0;
    peal_group_kill(self->group, rank);
}

static void look_for_stopped(models__supervisor *self, size_t rank, int64_t now) {
    models__duty *one = &self->duties[rank];
    int signal = peal_group_stopped_by(self->group, rank);
    if (!signal) {
        one->stopped = 0;
        return;
    }
    if (!one->stopped) one->stopped = now;
    const int stall_ms = self->trainer->options->stall_ms, limit_ms = stall_ms < STOPPED_MS ? stall_ms : STOPPED_MS;
    if (now - one->stopped < (int64_t)limit_ms * 1000000) return;
    char how[64];
    snprintf(how, sizeof how, "has been stopped by signal %d (%s)", signal, sigdescr_np(signal));
    kill_lost(self, rank, how, one->stopped);
}

static void look_for_stuck(models__supervisor *self, int64_t now) {
    const int64_t limit = (int64_t)self->trainer->options->stall_ms * 1000000;
    uint64_t least = UINT64_MAX;
    size_t stuck = 0, busy = 0, workers = self->trainer->training.workers;
    for (size_t rank = 0; rank < workers; rank++) {
        models__duty *one = &self->duties[rank];
        if (!one->busy) continue;
        busy++;
        uint64_t count = beat_count(self, rank);
        if (count != one->beat) {
            one->beat = count;
            one->moved = now;
        }
        if (one->stopped) one->moved = now; /* it has a bound of its own */
        if (now - one->moved <= limit) continue;
        stuck++;
        if (distance(self, rank) < least) least = distance(self, rank);
    }
    /* In steps that all do together nobody is stuck while somebody moves. */
    bool together = self->trainer->learner->together != NULL;
    if (stuck == 0 || (together && stuck < busy)) return;
    for (size_t rank = 0; rank < workers; rank++) {
        const models__duty *one = &self->duties[rank];
        if (!one->busy || now - one->moved <= limit || (together && distance(self, rank) != least)) continue;
        kill_lost(self, rank, "has not moved", one->moved);
    }
}

static void look_at_all(models__supervisor *self) {
    const int64_t now = peal_now_ns();
    if (now - self->looked < (int64_t)LOOK_MS * 1000000) return;
    /* After a pause of the whole job (Ctrl-Z, a laptop's sleep) everybody gets his time anew. */
    bool slept = self->looked && now - self->looked > (int64_t)LOOK_MS * 1000000 * 10;
    self->looked = now;
    for (size_t rank = 0; rank < self->trainer->training.workers; rank++) {
        if (slept) self->duties[rank].moved = now;
        look_for_stopped(self, rank, now);
    }
    look_for_stuck(self, now);
}

/* Where all wait for each other, they have waited for the dead worker, too, and on a busy machine it takes a while
 * until they have come back: their time begins anew. */
static void excuse_waiters(models__supervisor *self) {
    if (!self->trainer->learner->together) return;
    const int64_t now = peal_now_ns();
    for (size_t rank = 0; rank < self->trainer->training.workers; rank++) self->duties[rank].moved = now;
}

peal_status models__supervisor_wait(models__supervisor *self, peal_group_event *event, models__duty *was,
                                    peal_error *err) {
    PEAL_TRY(peal_group_wait(self->group, LOOK_MS, event, err));
    look_at_all(self);
    if (event->kind == PEAL_GROUP_TIMEOUT) return PEAL_OK;
    *was = self->duties[event->rank];
    self->duties[event->rank] = (models__duty){0};
    if (event->kind != PEAL_GROUP_DEATH) return PEAL_OK;
    excuse_waiters(self);
    return replace(self, event, was, err);
}
