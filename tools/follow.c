/* `peal train --follow`: learns from a stream. */
#include "models/online/follow.h"
#include "core/base/json.h"
#include "tools/command.h"
#include "tools/display.h"

enum { TIMED_ROWS = 100000 }; /* of a window of which only the time is said, at most */

/* NULL if there is no memory. */
static json_t *result_json(const peal_follow_result *result) {
    json_t *rows =
        json_pack("{s:I, s:I, s:I, s:I}", "in", (json_int_t)result->rows_in, "used", (json_int_t)result->rows_used,
                  "dropped", (json_int_t)result->rows_dropped, "learnt", (json_int_t)result->learnt);
    json_t *metrics = json_object();
    if (result->has_metrics) metrics = peal_json_set(metrics, "loss", peal_json_real(result->loss));
    if (result->has_metrics && result->classes) {
        metrics = peal_json_set(metrics, "accuracy", peal_json_real(result->accuracy));
    } else if (result->has_metrics) {
        metrics = peal_json_set(metrics, "rmse", peal_json_real(result->rmse));
        metrics = peal_json_set(metrics, "mae", peal_json_real(result->mae));
    }
    return json_pack("{s:o, s:o, s:I, s:I, s:f, s:s, s:I, s:I, s:I}", "rows", rows, "metrics", metrics, "windows",
                     (json_int_t)result->windows, "drifts", (json_int_t)result->drifts, "rows_per_second",
                     result->rows_per_second, "model_sha256", result->model_sha256, "partitions",
                     (json_int_t)result->partitions, "workers", (json_int_t)result->workers, "deaths",
                     (json_int_t)result->deaths);
}

static peal_status show(const tools_options *options, const peal_train_options *train, const peal_follow_result *result,
                        peal_error *err) {
    if (result->has_metrics && result->classes) {
        tools_say("predicted before they were learnt: loss %.4g, accuracy %.4f", result->loss, result->accuracy);
    } else if (result->has_metrics) {
        tools_say("predicted before they were learnt: loss %.4g, rmse %.6g, mae %.6g", result->loss, result->rmse,
                  result->mae);
    }
    tools_say_rows(result->rows_in, result->rows_used, result->rows_dropped, 0);
    tools_say("windows: %llu, %.0f rows/s; drift seen in %llu", (unsigned long long)result->windows,
              result->rows_per_second, (unsigned long long)result->drifts);
    tools_say("model: %s (sha256 %s); run: %s", train->out, result->model_sha256, train->run_dir);
    return options->json ? tools_print_json(result_json(result), err) : PEAL_OK;
}

peal_status tools_follow(const tools_options *options, const peal_train_options *train, peal_error *err) {
    peal_follow_options follow = peal_follow_default();
    peal_follow_result result;
    tools_arrays arrays = {0};
    follow.train = *train;
    if (options->window) {
        uint64_t rows;
        PEAL_TRY(tools_window(options->window, &rows, &follow.window_ms, err));
        follow.window = rows ? rows : TIMED_ROWS;
    }
    PEAL_TRY(tools_following(options, &follow.following, err));
    follow.following.files = options->has_idle_seconds; /* else they are read to their end */
    if (options->fit_windows) follow.fit_windows = options->fit_windows;
    if (options->publish) follow.publish = options->publish;
    peal_status status = tools_etl_options(options, &follow.etl, &arrays, err);
    if (status == PEAL_OK) status = peal_follow(&follow, &result, err);
    if (status == PEAL_OK) status = show(options, train, &result, err);
    tools_arrays_clear(&arrays);
    return status;
}
