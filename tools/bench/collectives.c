/* Measures what `core` does between two processes, for tools/bench/collectives.py: the barrier spinning and parked, the
 * sum of a vector of each by the path that the trainer takes (core/process/comm.h: leave, reduce, publish), a broadcast
 * between memories of their own, and the triad bandwidth that bounds them. Prints lines "NAME BYTES SECONDS", one a
 * repetition. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/vector.h"
#include "core/process/comm.h"
#include "core/process/slab.h"

enum { MEMBERS = 2, REPEATS = 5, TIMEOUT_MS = 60000 };
static const size_t smallest = 1 << 10, largest = 256 << 20, triad_bytes = 64 << 20;

/* What both processes share for one measurement. */
typedef struct meeting {
    peal_slab slab;
    peal_comm *comm;
    float *published; /* [floats] */
    size_t floats;
} meeting;

static void must(peal_status status, const peal_error *err) {
    if (status == PEAL_OK) return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

/* ---- two processes ---- */

static meeting begin_meeting(size_t floats, bool spin) {
    const peal_comm_plan plan = {.leaves = MEMBERS,
                                 .members = MEMBERS,
                                 .value = {.floats = floats, .dense = floats},
                                 .spin = spin,
                                 .timeout_ms = TIMEOUT_MS};
    meeting all = {.floats = floats};
    peal_error err;
    peal_slab_plan layout = {0};
    must(peal_comm_new(&peal_comm_shared, &plan, &all.comm, &err), &err);
    const size_t comm = peal_slab_plan_take(&layout, 1, peal_comm_bytes(all.comm));
    const size_t published = peal_slab_plan_take(&layout, floats, sizeof(float));
    must(peal_slab_new(layout.size, "the vectors", &all.slab, &err), &err);
    peal_comm_attach(all.comm, all.slab.data + comm);
    all.published = (float *)(all.slab.data + published);
    return all;
}

/* Runs `member` in this process and in another one; ends the program if it fails. */
static void meet(size_t floats, bool spin, void (*member)(const meeting *all, size_t rank)) {
    meeting all = begin_meeting(floats, spin);
    fflush(stdout);
    const pid_t pid = fork();
    if (pid < 0) exit(1);
    member(&all, pid == 0);
    if (pid == 0) _exit(0);
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0) exit(1);
    peal_comm_free(all.comm);
    peal_slab_free(&all.slab);
}

static void wait_for_all(const meeting *all, size_t rank) {
    peal_error err;
    must(peal_comm_barrier(all->comm, rank, &err), &err);
}

/* How often a repetition does it. */
static int times_of(size_t bytes) {
    const size_t times = ((size_t)64 << 20) / bytes;
    return times < 2 ? 2 : times > 2000 ? 2000 : (int)times;
}

static double seconds_since(int64_t begin) {
    return (double)(peal_now_ns() - begin) * 1e-9;
}

/* ---- what is measured ---- */

static void barriers(const meeting *all, size_t rank, const char *name, int count) {
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        wait_for_all(all, rank);
        const int64_t begin = peal_now_ns();
        for (int i = 0; i < count; i++) wait_for_all(all, rank);
        if (rank == 0) printf("%s 0 %.9f\n", name, seconds_since(begin) / count);
    }
}

static void spinning_barriers(const meeting *all, size_t rank) {
    barriers(all, rank, "barrier_spinning", 100000);
}

static void parked_barriers(const meeting *all, size_t rank) {
    barriers(all, rank, "barrier_parked", 5000);
}

static void allreduces(const meeting *all, size_t rank) {
    const size_t bytes = all->floats * sizeof(float);
    const int times = times_of(bytes);
    const peal_comm_sum sum = {.published = all->published};
    float *mine = all->comm->blocks[rank].vector;
    for (size_t i = 0; i < all->floats; i++) mine[i] = (float)(i % 7);
    for (int repeat = -1; repeat < REPEATS; repeat++) { /* the first one warms up */
        peal_error err;
        wait_for_all(all, rank);
        const int64_t begin = peal_now_ns();
        for (int i = 0; i < times; i++) must(peal_comm_allreduce(all->comm, rank, &sum, &err), &err);
        const double seconds = seconds_since(begin) / times;
        if (rank == 0 && repeat >= 0) printf("allreduce %zu %.9f\n", bytes, seconds);
    }
}

static void broadcasts(const meeting *all, size_t rank) {
    const size_t bytes = all->floats * sizeof(float);
    const int times = times_of(bytes);
    float *data = peal_alloc(all->floats, sizeof *data);
    if (!data) exit(1);
    for (size_t i = 0; i < all->floats; i++) data[i] = (float)rank;
    for (int repeat = -1; repeat < REPEATS; repeat++) {
        peal_error err;
        wait_for_all(all, rank);
        const int64_t begin = peal_now_ns();
        for (int i = 0; i < times; i++) must(peal_comm_broadcast(all->comm, rank, 0, data, bytes, &err), &err);
        const double seconds = seconds_since(begin) / times;
        if (rank == 0 && repeat >= 0) printf("broadcast %zu %.9f\n", bytes, seconds);
    }
    free(data);
}

PEAL_VECTOR static void triad(float *restrict a, const float *restrict b, const float *restrict c, float s, size_t n) {
    for (size_t i = 0; i < n; i++) a[i] = b[i] + s * c[i];
}

/* Both processes at once, each on arrays of its own; the bytes are those of two reads and one write. */
static void triads(const meeting *all, size_t rank) {
    size_t count = triad_bytes / sizeof(float);
    float *a = peal_alloc(count, sizeof(float)), *b = peal_alloc(count, sizeof(float)),
          *c = peal_alloc(count, sizeof(float));
    if (!a || !b || !c) exit(1);
    for (size_t i = 0; i < count; i++) b[i] = c[i] = (float)(i % 7);
    for (int repeat = -1; repeat < REPEATS; repeat++) {
        wait_for_all(all, rank);
        const int64_t begin = peal_now_ns();
        for (int i = 0; i < 4; i++) triad(a, b, c, (float)i, count);
        wait_for_all(all, rank);
        const double seconds = seconds_since(begin) / 4;
        if (rank == 0 && repeat >= 0) printf("triad %zu %.9f\n", 3 * triad_bytes, seconds);
    }
    free(a);
    free(b);
    free(c);
}

int main(void) {
    meet(0, true, spinning_barriers);
    meet(0, false, parked_barriers);
    meet(0, true, triads);
    for (size_t bytes = smallest; bytes <= largest; bytes *= 4) meet(bytes / sizeof(float), true, allreduces);
    for (size_t bytes = smallest; bytes <= largest; bytes *= 4) meet(bytes / sizeof(float), true, broadcasts);
    meet(0, true, triads);
    return 0;
}
