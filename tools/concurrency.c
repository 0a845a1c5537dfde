/* When threads and when processes serve, with figures measured on the machine at hand. Each measurement is the median
 * of a few short ones; one that cannot be made (no memory, no process) is shown as a dash. */
#include "tools/concurrency.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/vector.h"
#include "core/process/collective.h"
#include "core/process/group.h"
#include "core/process/process_pool.h"
#include "core/process/slab.h"
#include "core/thread/executor.h"
#include "tools/concurrency_uses.h"
#include "tools/display.h"

enum { REPEATS = 5 };

static int by_size(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The median of what `once` returns, in its unit; NaN if one of them is. */
static double median_of(double (*once)(size_t), size_t argument) {
    double values[REPEATS];
    for (size_t i = 0; i < REPEATS; i++) {
        values[i] = once(argument);
        if (isnan(values[i])) return values[i];
    }
    qsort(values, REPEATS, sizeof *values, by_size);
    return values[REPEATS / 2];
}

static double seconds_since(int64_t begin) {
    return (double)(peal_now_ns() - begin) * 1e-9;
}

/* ---- starting and handing over ---- */

static peal_status no_work(void *argument, peal_error *err) {
    (void)argument, (void)err;
    return PEAL_OK;
}

static peal_status no_call(peal_call *call, peal_error *err) {
    (void)err;
    call->result_size = 0;
    return PEAL_OK;
}

static double start_thread(size_t unused) {
    (void)unused;
    peal_executor *executor;
    const int64_t begin = peal_now_ns();
    if (peal_executor_new(1, &executor, NULL) != PEAL_OK) return (double)NAN;
    peal_executor_free(executor);
    return seconds_since(begin);
}

static void end_at_once(void *user, peal_worker *self) {
    (void)user, (void)self;
}

static double start_process(size_t unused) {
    (void)unused;
    const peal_group_options options = {.workers = 1, .run = end_at_once};
    peal_group *group;
    const int64_t begin = peal_now_ns();
    if (peal_group_start(&options, &group, NULL) != PEAL_OK) return (double)NAN;
    peal_group_stop(group, 1000);
    return seconds_since(begin);
}

/* A task there and back, one at a time. */
static double thread_task(size_t count) {
    peal_executor *executor;
    if (peal_executor_new(1, &executor, NULL) != PEAL_OK) return (double)NAN;
    const int64_t begin = peal_now_ns();
    for (size_t i = 0; i < count; i++) {
        peal_future *future = NULL;
        peal_executor_submit(executor, no_work, NULL, &future, NULL);
        if (future) peal_future_wait(future, -1, NULL);
        peal_future_free(future);
    }
    double seconds = seconds_since(begin) / (double)count;
    peal_executor_free(executor);
    return seconds;
}

static double process_task(size_t count) {
    peal_process_pool_options options = peal_process_pool_default();
    options.processes = 1;
    peal_process_pool *pool;
    if (peal_process_pool_new(&options, &pool, NULL) != PEAL_OK) return (double)NAN;
    const int64_t begin = peal_now_ns();
    for (size_t i = 0; i < count; i++) {
        peal_future *future = NULL;
        peal_process_pool_submit(pool, no_call, NULL, 0, 0, &future, NULL);
        if (future) peal_future_wait(future, -1, NULL);
        peal_future_free(future);
    }
    double seconds = seconds_since(begin) / (double)count;
    peal_process_pool_free(pool);
    return seconds;
}

/* ---- meeting ---- */

static double barrier(bool spin, size_t count) {
    peal_slab slab;
    if (peal_slab_new(peal_collective_size(2), "a barrier", &slab, NULL) != PEAL_OK) return (double)NAN;
    peal_collective *collective = peal_collective_init(slab.data, 2, spin, 10000);
    pid_t pid = fork();
    if (pid == 0) {
        for (size_t i = 0; i <= count; i++) peal_barrier_wait(collective, 1, NULL);
        _exit(0);
    }
    double seconds = (double)NAN;
    if (pid > 0) {
        peal_barrier_wait(collective, 0, NULL);
        const int64_t begin = peal_now_ns();
        for (size_t i = 0; i < count; i++) peal_barrier_wait(collective, 0, NULL);
        seconds = seconds_since(begin) / (double)count;
        waitpid(pid, NULL, 0);
    }
    peal_slab_free(&slab);
    return seconds;
}

static double spinning_barrier(size_t count) {
    return barrier(true, count);
}

static double parked_barrier(size_t count) {
    return barrier(false, count);
}

/* ---- working: the same on one, and on all CPUs as threads and as processes ---- */

typedef void (*burden)(void);

enum { TABLE = 1 << 20 };

/* Arithmetic in the registers. */
static void compute(void) {
    double x = 1.0;
    for (int i = 0; i < 12000000; i++) x = x * 0.999999 + 1e-7;
    volatile double sink = x; /* or the compiler would leave the loop out */
    (void)sink;
}

PEAL_VECTOR static void triad(float *restrict a, const float *restrict b, const float *restrict c, size_t count) {
    for (size_t i = 0; i < count; i++) a[i] = b[i] + 3.0f * c[i];
}

/* Streams through memory that no cache holds. */
static void stream(void) {
    const size_t count = 8 * TABLE;
    float *memory = peal_alloc(3 * count, sizeof(float));
    for (int i = 0; memory && i < 4; i++) triad(memory, memory + count, memory + 2 * count, count);
    free(memory);
}

/* Asks the kernel for fresh pages again and again, as programs do that allocate much. */
static void take_pages(void) {
    const size_t size = (size_t)4 << 20;
    for (int i = 0; i < 24; i++) {
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return;
        for (size_t at = 0; at < size; at += 4096) memory[at] = 1;
        munmap(memory, size);
    }
}

/* Waits, as for a disk or a network. */
static void wait_a_while(void) {
    usleep(20000);
}

static const burden burdens[] = {compute, stream, take_pages, wait_a_while, tools_use_image, tools_use_query};

static peal_status bear_in_thread(void *argument, peal_error *err) {
    (void)err;
    burdens[*(const size_t *)argument]();
    return PEAL_OK;
}

static peal_status bear_in_process(peal_call *call, peal_error *err) {
    (void)err;
    burdens[*(const size_t *)call->argument]();
    call->result_size = 0;
    return PEAL_OK;
}

static double alone(size_t which) {
    const int64_t begin = peal_now_ns();
    burdens[which]();
    return seconds_since(begin);
}

/* Either pool. */
typedef struct either_pool {
    peal_executor *threads;
    peal_process_pool *processes;
} either_pool;

/* Seconds for one burden a CPU, all at once. */
static double bear_all(const either_pool *self, size_t which, peal_future **futures) {
    const size_t cpus = peal_machine_cpus();
    const int64_t begin = peal_now_ns();
    for (size_t i = 0; i < cpus; i++) {
        if (self->threads) {
            peal_executor_submit(self->threads, bear_in_thread, &which, &futures[i], NULL);
        } else {
            peal_process_pool_submit(self->processes, bear_in_process, &which, sizeof which, 0, &futures[i], NULL);
        }
    }
    for (size_t i = 0; i < cpus; i++) {
        if (futures[i]) peal_future_wait(futures[i], -1, NULL);
    }
    double seconds = seconds_since(begin);
    for (size_t i = 0; i < cpus; i++) peal_future_free(futures[i]);
    return seconds;
}

/* The pool stands, and the system has spread it over the CPUs, before the clock runs. */
static double bear_warm(const either_pool *self, size_t which) {
    peal_future **futures = calloc(peal_machine_cpus(), sizeof *futures);
    if (!futures) return (double)NAN;
    bear_all(self, which, futures);
    double seconds = bear_all(self, which, futures);
    free(futures);
    return seconds;
}

static double in_threads(size_t which) {
    either_pool self = {0};
    if (peal_executor_new(0, &self.threads, NULL) != PEAL_OK) return (double)NAN;
    double seconds = bear_warm(&self, which);
    peal_executor_free(self.threads);
    return seconds;
}

static double in_processes(size_t which) {
    either_pool self = {0};
    const peal_process_pool_options options = peal_process_pool_default();
    if (peal_process_pool_new(&options, &self.processes, NULL) != PEAL_OK) return (double)NAN;
    double seconds = bear_warm(&self, which);
    peal_process_pool_free(self.processes);
    return seconds;
}

/* ---- the page ---- */

static const char *time_text(double seconds, char text[24]) {
    if (isnan(seconds)) {
        snprintf(text, 24, "-");
    } else if (seconds < 1e-6) {
        snprintf(text, 24, "%.0f ns", seconds * 1e9);
    } else if (seconds < 1e-3) {
        snprintf(text, 24, "%.1f us", seconds * 1e6);
    } else {
        snprintf(text, 24, "%.2f ms", seconds * 1e3);
    }
    return text;
}

static void show_pair(const char *what, double threads, double processes) {
    char first[24], second[24];
    printf("  %-44s %12s %12s\n", what, time_text(threads, first), time_text(processes, second));
}

static void show_burden(const char *what, size_t which) {
    const double cpus = (double)peal_machine_cpus(), one = median_of(alone, which);
    const double threads = cpus * one / median_of(in_threads, which);
    const double processes = cpus * one / median_of(in_processes, which);
    printf("  %-44s %10.2f x %10.2f x\n", what, threads, processes);
}

/* What etl does: work of threads, or of processes where a decoder may crash; and of connections, which one thread
 * runs. */
static void show_uses(void) {
    char times[3][24];
    if (tools_uses_begin()) {
        show_burden("decoding images", 4);
        show_burden("reading a query of SQLite", 5);
    }
    tools_uses_end();
    if (tools_uses_serve()) {
        static const size_t connections[] = {1, 4, 16};
        for (int i = 0; i < 3; i++) time_text(median_of(tools_use_server, connections[i]), times[i]);
        printf("\n  %d objects of a web server here that answers %d ms late, by one thread:\n"
               "  over one connection %s, over four %s, over sixteen %s\n",
               TOOLS_USES_OBJECTS, TOOLS_USES_LATE_MS, times[0], times[1], times[2]);
    }
    tools_uses_serve_end();
}

void tools_print_concurrency(void) {
    char limit[32], one[24], other[24];
    const size_t cpus = peal_machine_cpus();
    tools_print_row(
        "", 0,
        "Threads share all memory; processes share only what was made for it, and die alone.\n\n"
        "Threads serve for work that waits or passes data on: reading, inflating, parsing, writing. A block "
        "goes from one to the next without a copy, and starting one costs next to nothing. But a crash in "
        "one ends all, many may queue for the kernel's lock on their common memory map, and libraries with "
        "threads or hidden state of their own get into each other's way.\n\n"
        "Processes serve for work that computes for long, or that may fail: training, simulation, code of "
        "others. Each has its own memory map, heap and BLAS; one that is killed or stopped is replaced, and "
        "its part done again. What they share lies in a slab; small messages go through rings.\n\n"
        "Peal's ETL and prediction run in threads (--threads), its training in processes (--workers); images are "
        "decoded in threads, or in processes (--processes). Objects of web servers and of S3 come over many "
        "connections that one thread runs (--connections), databases answer over as many as there are CPUs. "
        "For your own work: peal_executor (threads), peal_process_pool, peal_group and peal_comm.\n");
    printf("Measured now (medians of %d), on %zu CPU%s of this machine's %ld (by affinity\n"
           "and cgroup quota); %s of memory can be had:\n\n",
           REPEATS, cpus, cpus == 1 ? "" : "s", sysconf(_SC_NPROCESSORS_ONLN),
           peal_bytes_text(peal_machine_memory(), limit));
    printf("  %-44s %12s %12s\n", "", "threads", "processes");
    show_pair("start one and end it", median_of(start_thread, 0), median_of(start_process, 0));
    show_pair("a task to a pool and its answer back", median_of(thread_task, 500), median_of(process_task, 500));
    printf("\n  One piece of work on each of %zu CPUs at once, against one alone (best: %zu x):\n", cpus, cpus);
    show_burden("arithmetic", 0);
    show_burden("streaming through memory", 1);
    show_burden("taking fresh pages from the kernel", 2);
    show_burden("waiting", 3);
    show_uses();
    double spinning = cpus > 1 ? median_of(spinning_barrier, 100000) : (double)NAN;
    printf("\n  A barrier of two takes %s while both spin, %s if they park.\n", time_text(spinning, one),
           time_text(median_of(parked_barrier, 500), other));
    tools_print_row("", 2,
                    "Processes that meet spin only where each has a CPU of its own, else they park. Of training's "
                    "workers no more work at once than there are CPUs; the others stand by.");
}
