/* Where a job's time went, and what could be done about it, for people. All figures were measured while the job ran;
 * what is said to be gained is the most that can be, for it supposes that all else keeps up. */
#include "tools/explain.h"

#include "core/base/machine.h"
#include "tools/display.h"

/* Below a twentieth of the job's time nothing is worth changing. */
#define LITTLE 0.05

json_t *tools_usage_json(const peal_source_usage *usage) {
    return json_pack("{s:I, s:f, s:f, s:f}", "most", (json_int_t)usage->connections, "seconds", usage->seconds,
                     "receiving", usage->receiving, "short_of", usage->short_of);
}

static void print_stages(const peal_stage_times *times) {
    tools_print("%-9s %10s %12s %10s %10s %10s", "stage", "busy", "computing", "waiting", "starved", "blocked");
    for (int i = 0; i < PEAL_STAGES; i++) {
        const int64_t spans[] = {times->busy[i], times->computing[i], times->busy[i] - times->computing[i],
                                 times->starved[i], times->blocked[i]};
        double seconds[5];
        for (int s = 0; s < 5; s++) seconds[s] = (double)spans[s] * 1e-9;
        tools_print("%-9s %8.2f s %10.2f s %8.2f s %8.2f s %8.2f s", peal_stage_name((peal_stage)i), seconds[0],
                    seconds[1], seconds[2], seconds[3], seconds[4]);
    }
}

/* What the job waits for: the largest part of its time. */
static const char *main_wait(const peal_stage_outlook *look) {
    const struct {
        double part;
        const char *what;
    } parts[] = {{look->computing, "its own computing: threads that have a CPU"},
                 {look->sources + look->looking, "its sources: disks, pipes or servers"},
                 {look->outside, "a disk that is written to, processes, or a CPU that others use"},
                 {look->others, "one of its own stages: other threads have nothing to do"},
                 {look->between, "what one thread does between the stages: types, fits, the folder"}};
    int most = 0;
    for (int i = 1; i < 5; i++) {
        if (parts[i].part > parts[most].part) most = i;
    }
    return parts[most].what;
}

/* Connections read ahead of the threads; where there are none a thread waits for what it reads. */
static void print_threads(const peal_stage_times *times, const peal_stage_outlook *look, bool reads_ahead) {
    const size_t cpus = peal_machine_cpus();
    if (!reads_ahead && look->from_readers >= LITTLE && look->from_readers > look->from_threads) {
        tools_print("more threads: %zu read as many sources at once, %.0f %% of the time at most", 2 * times->threads,
                    100 * look->from_readers);
    } else if (times->threads >= cpus) {
        tools_print("more threads: nothing to gain, %zu of them have all %zu CPUs", times->threads, cpus);
    } else if (look->from_threads < LITTLE) {
        tools_print("more threads: little to gain, they compute for %.0f %% of the time only", 100 * look->computing);
    } else {
        tools_print("more threads: %zu in place of %zu, %.0f %% of the time at most",
                    2 * times->threads < cpus ? 2 * times->threads : cpus, times->threads, 100 * look->from_threads);
    }
}

static void print_connections(const peal_source_usage *usage, const peal_stage_outlook *look) {
    if (usage->connections == 0) return;
    tools_print("connections: %.1f of %zu were receiving on average", usage->receiving, usage->connections);
    tools_print("objects waited for a connection for %.0f %% of the time", 100 * usage->short_of);
    if (look->from_sources < LITTLE) {
        tools_print("more connections: little to gain, sources hardly keep the job waiting");
    } else if (usage->short_of < LITTLE) {
        tools_print("more connections: nothing to gain, no object waited for one");
    } else {
        tools_print("more connections: above --connections %zu, %.0f %% of the time at most", usage->connections,
                    100 * look->from_sources * usage->short_of);
    }
}

static void print_parts(const peal_stage_times *times, const peal_stage_outlook *look) {
    const struct {
        const char *what;
        double part;
    } parts[] = {{"computing", look->computing},
                 {"waiting for sources, before any row", look->looking},
                 {"waiting for sources, while rows come", look->sources},
                 {"waiting for a disk, a process or a CPU", look->outside},
                 {"waiting for each other", look->others},
                 {"between the stages, where one works", look->between}};
    tools_print("%zu thread%s for %.2f s:", times->threads, times->threads == 1 ? "" : "s", (double)times->wall * 1e-9);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        tools_print("  %-40s %3.0f %%", parts[i].what, 100 * parts[i].part);
    }
}

void tools_explain(const peal_etl_result *result) {
    const peal_stage_times *times = &result->times;
    const peal_stage_outlook look = peal_stage_look(times, peal_machine_cpus());
    print_stages(times);
    print_parts(times, &look);
    tools_print("the job waits for %s", main_wait(&look));
    print_threads(times, &look, result->usage.connections > 0);
    if (look.from_sources >= LITTLE) {
        tools_print("sources that never kept it waiting: %.0f %% of the time at most", 100 * look.from_sources);
    }
    print_connections(&result->usage, &look);
}
