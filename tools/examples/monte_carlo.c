/* A Monte Carlo estimate with its confidence interval, on a pool of processes: the volume of the ball in six
 * dimensions, pi^3 / 6. The digits are the same for any number of processes: each task draws from a stream of its own,
 * and the results are added in order.
 *
 * usage: monte_carlo [PROCESSES [TASKS]] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "peal.h"

enum { DIMENSIONS = 6, POINTS = 100000 }; /* of a task */

/* In a process: counts the points of a cube of side 2 that lie in the ball. */
static peal_status throw_points(peal_call *call, peal_error *err) {
    (void)err;
    peal_philox random = peal_philox_task(2026, call->index);
    uint64_t inside = 0;
    for (int i = 0; i < POINTS; i++) {
        double length = 0;
        for (int d = 0; d < DIMENSIONS; d++) {
            double x = 2 * peal_philox_unit64(&random) - 1;
            length += x * x;
        }
        inside += length <= 1;
    }
    *(uint64_t *)call->result = inside;
    call->result_size = sizeof inside;
    return PEAL_OK;
}

static peal_status add(void *user, size_t index, const void *result, size_t size, peal_error *err) {
    (void)index, (void)size, (void)err;
    *(uint64_t *)user += *(const uint64_t *)result;
    return PEAL_OK;
}

int main(int count, char **words) {
    peal_error err;
    peal_process_pool_options options = peal_process_pool_default();
    options.processes = count > 1 ? strtoul(words[1], NULL, 10) : 0;
    size_t tasks = count > 2 ? strtoul(words[2], NULL, 10) : 200;
    uint64_t inside = 0;
    peal_process_pool *pool;
    const peal_process_map work = {.task = throw_points, .consume = add, .user = &inside};
    peal_status status = peal_process_pool_new(&options, &pool, &err);
    if (status == PEAL_OK) status = peal_process_pool_map(pool, tasks, 0, &work, &err);
    if (status != PEAL_OK) return fprintf(stderr, "%s\n", err.message), 1;
    peal_process_pool_free(pool);

    double n = (double)tasks * POINTS, p = (double)inside / n, cube = pow(2, DIMENSIONS);
    printf("volume %.6f +- %.6f (95%%, %.0f points); exactly %.6f\n", p * cube, 1.96 * cube * sqrt(p * (1 - p) / n), n,
           pow(acos(-1), 3) / 6);
    return 0;
}
