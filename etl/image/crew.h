/* A crew: processes that decode images. A decoder that crashes, or never ends, takes its process with it and costs one
 * image and no job. Rows of work go to a process together; if it dies, they are done again one by one, and one that
 * kills two processes is told as bad. What comes out is what a thread would have made. */
#ifndef PEAL_ETL_IMAGE_CREW_H
#define PEAL_ETL_IMAGE_CREW_H

#include "core/process/process_pool.h"

typedef struct peal_image_crew peal_image_crew;

/* The processes see the memory as it is now: all that a task needs must be there. `result_size`: most bytes of a task's
 * result. */
peal_status peal_image_crew_new(size_t processes, size_t result_size, peal_image_crew **out, peal_error *err);
void peal_image_crew_free(peal_image_crew *crew); /* NULL is allowed */

/* What a task is told (peal_call.argument). */
typedef struct peal_image_span {
    const void *shared[2]; /* of the work */
    size_t first, count;
} peal_image_span;

typedef struct peal_image_work {
    /* In a process: does the rows of a span and puts all that became of them, errors too, into the result. It returns
     * PEAL_OK: a failure is taken for a death. */
    peal_process_task task;
    const void *shared[2]; /* were in memory when the crew was made */
    /* On the caller's thread: what became of rows first .. first + count - 1, which come in order. */
    peal_status (*consume)(void *user, size_t first, size_t count, const void *result, size_t size, peal_error *err);
    peal_status (*crashed)(void *user, size_t row, const char *reason, peal_error *err);
    void *user;
} peal_image_work;

/* Does rows first .. first + count - 1 and waits for them. Any thread. */
peal_status peal_image_crew_run(peal_image_crew *crew, const peal_image_work *work, size_t first, size_t count,
                                peal_error *err);

#endif
