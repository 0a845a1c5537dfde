/* `peal etl`: makes a dataset of files. */
#include "core/base/json.h"
#include "tools/command.h"
#include "tools/display.h"

static json_t *splits_json(const peal_etl_result *result) {
    json_t *splits = json_object();
    for (int i = 0; i < PEAL_SPLITS; i++) {
        if (!result->split_rows[i]) continue;
        splits = peal_json_set(splits, peal_split_names[i], json_integer((json_int_t)result->split_rows[i]));
    }
    return splits;
}

/* NULL if there is no memory. */
static json_t *result_json(const peal_etl_result *result) {
    return json_pack("{s:o, s:I, s:o, s:o, s:f, s:I, s:b}", "rows", peal_etl_rows_save(result), "sources_left_out",
                     (json_int_t)result->sources_left_out, "splits", splits_json(result), "stages",
                     peal_stage_times_save(&result->times), "seconds", (double)result->times.wall * 1e-9, "threads",
                     (json_int_t)result->times.threads, "up_to_date", result->up_to_date);
}

static void say_result(const tools_options *options, const peal_etl_result *result) {
    char verdict[256];
    tools_say_rows(result->rows_in, result->rows_used, result->rows_dropped, result->rows_quarantined);
    if (result->sources_left_out) {
        tools_say("sources: %llu left out", (unsigned long long)result->sources_left_out);
    }
    if (result->up_to_date) {
        tools_say("dataset: %s is complete and up to date", options->out);
        return;
    }
    tools_say("dataset: %s (%llu train, %llu valid, %llu test rows) in %.2f s", options->out,
              (unsigned long long)result->split_rows[PEAL_SPLIT_TRAIN],
              (unsigned long long)result->split_rows[PEAL_SPLIT_VALID],
              (unsigned long long)result->split_rows[PEAL_SPLIT_TEST], (double)result->times.wall * 1e-9);
    tools_say("%s", peal_stage_verdict(&result->times, verdict));
}

static peal_status run(const tools_options *options, peal_error *err) {
    peal_etl_options etl;
    tools_arrays arrays = {0};
    peal_etl_result result;
    peal_status status = tools_etl_options(options, &etl, &arrays, err);
    if (status == PEAL_OK) status = peal_etl(&etl, &result, err);
    tools_arrays_clear(&arrays);
    if (status != PEAL_OK) return status;
    say_result(options, &result);
    return options->json ? tools_print_json(result_json(&result), err) : PEAL_OK;
}

const tools_command tools_command_etl = {
    .name = "etl",
    .usage = "SOURCE... --out DATASET [options]",
    .documentation =
        "Turns files (tables as text, JSON Lines, Arrow, NumPy, LIBSVM, VW, IDX, images; plain, compressed or in "
        "archives) into a dataset: a folder of Arrow shards and a manifest. "
        "A SOURCE is a file, a folder, a glob, a URL (see 'peal help sources') or - for standard input.",
    .bit = FOR_ETL,
    .run = run,
};
