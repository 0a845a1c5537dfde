/* The times of a job's stages as JSON, and the sentence that says which stage bounds the job; see stage.h. */
#include "etl/job/stage.h"

#include "core/base/memory.h"

#include "core/base/json.h"

static const struct {
    const char *name, *work, *advice;
} stages[PEAL_STAGES] = {
    [PEAL_STAGE_READ] = {"read", "reading and inflating", "more files, or a codec that inflates faster, would help"},
    [PEAL_STAGE_PARSE] = {"parse", "parsing", "more threads would help"},
    [PEAL_STAGE_COLLECT] = {"collect", "gathering vocabularies", "columns with fewer distinct texts would help"},
    [PEAL_STAGE_APPLY] = {"apply", "transforming", "more threads would help"},
    [PEAL_STAGE_WRITE] = {"write", "writing", "a faster disk would help"},
};

const char *peal_stage_name(peal_stage stage) {
    return stages[stage].name;
}

static double seconds(int64_t nanoseconds) {
    return (double)(nanoseconds / 1000) * 1e-6;
}

json_t *peal_stage_times_save(const peal_stage_times *times) {
    json_t *saved = json_array();
    for (int i = 0; i < PEAL_STAGES; i++) {
        saved =
            peal_json_append(saved, json_pack("{s:s, s:f, s:f, s:f}", "name", stages[i].name, "busy_seconds",
                                              seconds(times->busy[i]), "starved_seconds", seconds(times->starved[i]),
                                              "blocked_seconds", seconds(times->blocked[i])));
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
    peal_snprintf(text, 256, "bound by %s (%.0f%% of the work; threads waited %.0f%% of the time): %s",
                  stages[most].work, share, waiting,
                  waiting > 30 ? "fewer threads would do as well" : stages[most].advice);
    return text;
}
