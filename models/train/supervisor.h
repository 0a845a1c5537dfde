/* The supervision of a training's workers: who does what, who died or does not move, and the replacement. */
#ifndef PEAL_MODELS_SUPERVISOR_H
#define PEAL_MODELS_SUPERVISOR_H

#include "models/train/trainer.h"

/* What a worker is busy with. */
typedef struct models__duty {
    bool busy;
    size_t task;     /* the leader's number for it */
    uint64_t beat;   /* seen last */
    int64_t began;   /* ns */
    int64_t moved;   /* when the beat moved last, ns */
    int64_t stopped; /* when it was seen stopped first, ns; 0: it is not */
} models__duty;

typedef struct models__supervisor {
    models__trainer *trainer;
    peal_group *group;
    models__duty *duties; /* [workers] */
    size_t *deaths;       /* [partitions + 1] of workers at work on it; the last one: on none */
    size_t epoch;         /* from 0, for messages */
    int64_t looked;       /* when all were looked at last, ns */
    uint64_t oom_kills;   /* of the cgroup, before the workers were forked */
} models__supervisor;

/* Forks the workers. On error `models__supervisor_end` is still to be called. */
peal_status models__supervisor_begin(models__trainer *trainer, models__supervisor *self, peal_error *err);
/* Ends the workers, after `grace_ms` by force, and frees. */
void models__supervisor_end(models__supervisor *self, int grace_ms);

/* Sends a worker to a task; it is busy until its reply or its death. */
peal_status models__supervisor_send(models__supervisor *self, size_t rank, size_t task, const peal_message *message,
                                    peal_error *err);

/* Waits up to a tenth of a second for a reply or a death; meanwhile workers that are stopped or stuck are killed. *was
 * is what the worker was busy with. A dead worker has been named and replaced when this returns. PEAL_E_FAILED if too
 * many died of the same partition. */
peal_status models__supervisor_wait(models__supervisor *self, peal_group_event *event, models__duty *was,
                                    peal_error *err);

#endif
