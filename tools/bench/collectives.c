/* Measures what `core` does between two processes, for tools/bench/collectives.py: the barrier spinning and parked,
 * allreduce over sizes, and the triad bandwidth that bounds it. Prints lines "NAME BYTES SECONDS", one a repetition. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/vector.h"
#include "core/process/collective.h"
#include "core/process/slab.h"

enum { MEMBERS = 2, REPEATS = 5, TIMEOUT_MS = 60000 };
static const size_t smallest = 1 << 10, largest = 256 << 20, triad_bytes = 64 << 20;

typedef struct shared {
    peal_slab slab;
    peal_collective *spinning, *parked;
    float *slots;
} shared;

static void must(peal_status status, const peal_error *err) {
    if (status == PEAL_OK) return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static void barriers(shared *all, size_t rank, peal_collective *collective, const char *name, int count) {
    (void)all;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        peal_error err;
        must(peal_barrier_wait(collective, rank, &err), &err);
        int64_t begin = peal_now_ns();
        for (int i = 0; i < count; i++) must(peal_barrier_wait(collective, rank, &err), &err);
        if (rank == 0) printf("%s 0 %.9f\n", name, (double)(peal_now_ns() - begin) * 1e-9 / count);
    }
}

static void allreduces(shared *all, size_t rank) {
    for (size_t bytes = smallest; bytes <= largest; bytes *= 4) {
        size_t count = bytes / sizeof(float), stride = largest / sizeof(float);
        float *mine = all->slots + rank * stride;
        for (size_t i = 0; i < count; i++) mine[i] = (float)(i % 7);
        int times = (int)(((size_t)64 << 20) / bytes);
        times = times < 2 ? 2 : times > 2000 ? 2000 : times;
        for (int repeat = -1; repeat < REPEATS; repeat++) { /* the first one warms up */
            peal_error err;
            must(peal_barrier_wait(all->spinning, rank, &err), &err);
            int64_t begin = peal_now_ns();
            for (int i = 0; i < times; i++) {
                must(peal_allreduce(all->spinning, rank, all->slots, MEMBERS, stride, count, &err), &err);
            }
            double seconds = (double)(peal_now_ns() - begin) * 1e-9 / times;
            if (rank == 0 && repeat >= 0) printf("allreduce %zu %.9f\n", bytes, seconds);
        }
    }
}

PEAL_VECTOR static void triad(float *restrict a, const float *restrict b, const float *restrict c, float s, size_t n) {
    for (size_t i = 0; i < n; i++) a[i] = b[i] + s * c[i];
}

/* Both processes at once, each on arrays of its own; the bytes are those of two reads and one write. */
static void triads(shared *all, size_t rank) {
    size_t count = triad_bytes / sizeof(float);
    float *a = peal_alloc(count, sizeof(float)), *b = peal_alloc(count, sizeof(float)),
          *c = peal_alloc(count, sizeof(float));
    if (!a || !b || !c) exit(1);
    for (size_t i = 0; i < count; i++) b[i] = c[i] = (float)(i % 7);
    for (int repeat = -1; repeat < REPEATS; repeat++) {
        peal_error err;
        must(peal_barrier_wait(all->spinning, rank, &err), &err);
        int64_t begin = peal_now_ns();
        for (int i = 0; i < 4; i++) triad(a, b, c, (float)i, count);
        must(peal_barrier_wait(all->spinning, rank, &err), &err);
        double seconds = (double)(peal_now_ns() - begin) * 1e-9 / 4;
        if (rank == 0 && repeat >= 0) printf("triad %zu %.9f\n", 3 * triad_bytes, seconds);
    }
    free(a);
    free(b);
    free(c);
}

static void member(shared *all, size_t rank) {
    barriers(all, rank, all->spinning, "barrier_spinning", 100000);
    barriers(all, rank, all->parked, "barrier_parked", 5000);
    triads(all, rank);
    allreduces(all, rank);
    triads(all, rank);
}

int main(void) {
    shared all;
    peal_error err;
    peal_slab_plan plan = {0};
    size_t spinning = peal_slab_plan_take(&plan, 1, peal_collective_size(MEMBERS));
    size_t parked = peal_slab_plan_take(&plan, 1, peal_collective_size(MEMBERS));
    size_t slots = peal_slab_plan_take(&plan, MEMBERS, largest);
    must(peal_slab_new(plan.size, "the slots", &all.slab, &err), &err);
    all.spinning = peal_collective_init(all.slab.data + spinning, MEMBERS, true, TIMEOUT_MS);
    all.parked = peal_collective_init(all.slab.data + parked, MEMBERS, false, TIMEOUT_MS);
    all.slots = (float *)(all.slab.data + slots);
    pid_t pid = fork();
    if (pid < 0) return 1;
    member(&all, pid == 0);
    fflush(stdout);
    if (pid == 0) _exit(0);
    int status;
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}
