/* The times of a job's stages as JSON, and the sentence that says which stage bounds the job; see stage.h. */
#include "etl/job/stage.h"

#include <time.h>

#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/memory.h"

static const struct {
    const char *name, *work, *advice;
} stages[PEAL_STAGES] = {
    [PEAL_STAGE_READ] = {"read", "reading and inflating", "more files, or a codec that inflates faster, would help"},
    [PEAL_STAGE_PARSE] = {"parse", "parsing", "more threads would help"},
    [PEAL_STAGE_COLLECT] = {"collect", "gathering vocabularies", "columns with fewer distinct texts would help"},
    [PEAL_STAGE_APPLY] = {"apply", "transforming", "more threads would help"},
    [PEAL_STAGE_WRITE] = {"write", "writing", "a faster disk would help"},
};

/* ---- measuring ---- */

static int64_t thread_cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

peal_stage_span peal_stage_begin(void) {
    return (peal_stage_span){.busy = peal_now_ns(), .computing = thread_cpu_ns()};
}

peal_stage_span peal_stage_since(peal_stage_span begin) {
    const peal_stage_span now = peal_stage_begin();
    peal_stage_span span = {.busy = now.busy - begin.busy, .computing = now.computing - begin.computing};
    if (span.computing > span.busy) span.computing = span.busy; /* the two clocks tick apart */
    return span;
}

void peal_stage_add(peal_stage_times *times, peal_stage stage, peal_stage_span span) {
    times->busy[stage] += span.busy;
    times->computing[stage] += span.computing;
}

/* ---- telling ---- */

const char *peal_stage_name(peal_stage stage) {
    return stages[stage].name;
}

static double seconds(int64_t nanoseconds) {
    return (double)(nanoseconds / 1000) * 1e-6;
}

json_t *peal_stage_times_save(const peal_stage_times *times) {
    json_t *saved = json_array();
    for (int i = 0; i < PEAL_STAGES; i++) {
        saved = peal_json_append(saved,
                                 json_pack("{s:s, s:f, s:f, s:f, s:f}", "name", stages[i].name, "busy_seconds",
                                           seconds(times->busy[i]), "computing_seconds", seconds(times->computing[i]),
                                           "starved_seconds", seconds(times->starved[i]), "blocked_seconds",
                                           seconds(times->blocked[i])));
    }
    return saved;
}

const char *peal_stage_verdict(const peal_stage_times *times, char text[256]) {
    int64_t busy = 0, idle = 0;
    int most = 0;
    for (int i = 0; i < PEAL_STAGES; i++) {
        busy += times->busy[i];
        idle += times->starved[i] + times->blocked[i];
        if (times->busy[i] > times->busy[most]) most = i;
    }
    double share = busy ? 100.0 * (double)times->busy[most] / (double)busy : 0;
    double waiting = busy + idle ? 100.0 * (double)idle / (double)(busy + idle) : 0;
    if (most == PEAL_STAGE_READ && times->computing[most] < times->busy[most] / 2) {
        peal_snprintf(text, 256,
                      "bound by waiting for sources (%.0f%% of the work; threads waited for each other %.0f%% of the "
                      "time): explain tells what would help",
                      share, waiting);
        return text;
    }
    peal_snprintf(text, 256, "bound by %s (%.0f%% of the work; threads waited %.0f%% of the time): %s",
                  stages[most].work, share, waiting,
                  waiting > 30 ? "fewer threads would do as well" : stages[most].advice);
    return text;
}

peal_stage_outlook peal_stage_look(const peal_stage_times *times, size_t cpus) {
    const double total = (double)times->wall * (double)times->threads;
    peal_stage_outlook out = {0};
    if (total <= 0) return out;
    for (int i = 0; i < PEAL_STAGES; i++) {
        const double computing = (double)times->computing[i] / total, busy = (double)times->busy[i] / total;
        out.computing += computing;
        *(i == PEAL_STAGE_READ ? &out.sources : &out.outside) += busy - computing;
        out.others += (double)(times->starved[i] + times->blocked[i]) / total;
    }
    out.looking = (double)times->looking / (double)times->wall;
    out.between = 1 - out.looking - out.computing - out.sources - out.outside - out.others;
    if (out.between < 0) out.between = 0;
    out.from_sources = out.sources + out.looking;
    out.from_readers = out.sources / 2;
    const double more = times->threads < cpus ? (double)cpus / (double)times->threads : 1;
    out.from_threads = out.computing * (1 - 1 / (more < 2 ? more : 2));
    return out;
}
