/* Processes that decode images; see crew.h. */
#include "etl/image/crew.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

/* No image takes minutes; what never ends is ended. TRIES: a process may die of something else than its image. */
enum { TIMEOUT_MS = 300000, TRIES = 2 };

struct peal_image_crew {
    peal_process_pool *pool;
};

peal_status peal_image_crew_new(size_t processes, size_t result_size, peal_image_crew **out, peal_error *err) {
    peal_process_pool_options options = peal_process_pool_default();
    peal_image_crew *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a process pool");
    options.processes = processes;
    options.argument_size = sizeof(peal_image_span);
    options.result_size = result_size;
    const peal_status status = peal_process_pool_new(&options, &self->pool, err);
    if (status != PEAL_OK) {
        free(self);
        return status;
    }
    *out = self;
    return PEAL_OK;
}

void peal_image_crew_free(peal_image_crew *self) {
    if (!self) return;
    peal_process_pool_free(self->pool);
    free(self);
}

/* *died: the future's own error, in `why`; else what became of the rows has been consumed. */
static peal_status try_rows(peal_image_crew *self, const peal_image_work *work, size_t first, size_t count, bool *died,
                            peal_error *why, peal_error *err) {
    const peal_image_span span = {.shared = {work->shared[0], work->shared[1]}, .first = first, .count = count};
    peal_future *future;
    PEAL_TRY(peal_process_pool_submit(self->pool, work->task, &span, sizeof span, TIMEOUT_MS, &future, err));
    *died = peal_future_wait(future, -1, why) != PEAL_OK;
    peal_status status = PEAL_OK;
    if (!*died) {
        size_t size;
        const void *result = peal_future_result(future, &size);
        status = work->consume(work->user, first, count, result, size, err);
    }
    peal_future_free(future);
    return status;
}

/* Process ids differ from run to run, and what is told of a bad image should not. */
static void forget_pid(char *message) {
    char *begin = strstr(message, " (pid "), *end = begin ? strchr(begin, ')') : NULL;
    if (end) memmove(begin, end + 1, strlen(end + 1) + 1);
}

static peal_status run_alone(peal_image_crew *self, const peal_image_work *work, size_t row, peal_error *err) {
    bool died = true;
    peal_error why = {0};
    char reason[PEAL_ERROR_MESSAGE_SIZE + 32];
    for (int i = 0; i < TRIES && died; i++) PEAL_TRY(try_rows(self, work, row, 1, &died, &why, err));
    if (!died) return PEAL_OK;
    forget_pid(why.message);
    peal_snprintf(reason, sizeof reason, "decoding it crashes: %s", why.message);
    return work->crashed(work->user, row, reason, err);
}

peal_status peal_image_crew_run(peal_image_crew *self, const peal_image_work *work, size_t first, size_t count,
                                peal_error *err) {
    bool died = count == 1;
    peal_error why;
    if (count > 1) PEAL_TRY(try_rows(self, work, first, count, &died, &why, err));
    for (size_t i = 0; i < count && died; i++) PEAL_TRY(run_alone(self, work, first + i, err));
    return PEAL_OK;
}
