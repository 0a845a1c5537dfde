/* What the stages of a job did with their time: the answer to "what bounds this job?". */
#ifndef PEAL_ETL_STAGE_H
#define PEAL_ETL_STAGE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

typedef enum peal_stage {
    PEAL_STAGE_READ,
    PEAL_STAGE_PARSE,
    PEAL_STAGE_COLLECT,
    PEAL_STAGE_APPLY,
    PEAL_STAGE_WRITE,
    PEAL_STAGES
} peal_stage;

/* Nanoseconds, summed over the threads. Of the time that a stage is busy it is `computing` while its thread has a CPU;
 * the rest it waits for what is outside of the job: a disk, a server, a process, or its turn on a CPU. A stage is
 * starved while a thread has nothing to do because the stage before it has not delivered, blocked while it cannot go on
 * because the stage behind it has not taken. */
typedef struct peal_stage_times {
    int64_t busy[PEAL_STAGES], computing[PEAL_STAGES], starved[PEAL_STAGES], blocked[PEAL_STAGES];
    int64_t wall, looking; /* looking: of the wall time, that listing the sources and the first look at them took */
    size_t threads;
} peal_stage_times;

/* A stretch of one thread's work in a stage. */
typedef struct peal_stage_span {
    int64_t busy, computing; /* nanoseconds */
} peal_stage_span;
/* The thread's clocks, to be handed to peal_stage_since by the same thread. */
peal_stage_span peal_stage_begin(void);
peal_stage_span peal_stage_since(peal_stage_span begin);
void peal_stage_add(peal_stage_times *times, peal_stage stage, peal_stage_span span);

const char *peal_stage_name(peal_stage stage);
/* Array of {"name", "busy_seconds", "computing_seconds", "starved_seconds", "blocked_seconds"}; NULL if there is no
 * memory. */
json_t *peal_stage_times_save(const peal_stage_times *times);
/* One sentence: what bounds the job and what could be changed. Returns `text`. */
const char *peal_stage_verdict(const peal_stage_times *times, char text[256]);

/* Where the time of all threads went, as parts of it, 0 to 1; and what could be gained, as parts of the time that the
 * job took, at most: what is done at the same time counts once here, and may count twice there. */
typedef struct peal_stage_outlook {
    double computing; /* in the stages, on a CPU */
    double sources;   /* reading, and waiting for what is read */
    double outside;   /* in other stages, waiting for what is outside: a disk, a process, a CPU */
    double others;    /* for other threads: starved and blocked */
    double looking;   /* listing the sources, and the first look at them, before any stage: all threads wait for it */
    double between;   /* not in a stage: deciding types, fitting, putting the dataset in place */
    double from_sources; /* gained if sources never kept the job waiting */
    double from_readers; /* gained by twice as many threads where each reads a source of its own, and waits for it */
    double from_threads; /* gained by twice as many threads, or as many more as there are CPUs for; 0: there are none */
} peal_stage_outlook;
/* `cpus` can be had. */
peal_stage_outlook peal_stage_look(const peal_stage_times *times, size_t cpus);

#endif
