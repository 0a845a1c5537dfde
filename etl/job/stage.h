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

/* Nanoseconds, summed over the threads. A stage is starved while a thread has nothing to do because the stage before it
 * has not delivered, blocked while it cannot go on because the stage behind it has not taken. */
typedef struct peal_stage_times {
    int64_t busy[PEAL_STAGES], starved[PEAL_STAGES], blocked[PEAL_STAGES];
    int64_t wall;
    size_t threads;
} peal_stage_times;

const char *peal_stage_name(peal_stage stage);
/* Array of {"name", "busy_seconds", "starved_seconds", "blocked_seconds"}; NULL if there is no memory. */
json_t *peal_stage_times_save(const peal_stage_times *times);
/* One sentence: what bounds the job and what could be changed. Returns `text`. */
const char *peal_stage_verdict(const peal_stage_times *times, char text[256]);

#endif
