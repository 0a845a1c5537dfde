#include <stdlib.h>
#include <string.h>

#include "core/spec.h"
#include "models/predictor.h"
#include "tools/command.h"
#include "tools/display.h"

static peal_status choose_split(const tools_options *options, unsigned *splits, peal_error *err) {
    size_t chosen;
    *splits = 0;
    if (!options->split) return PEAL_OK;
    PEAL_TRY(peal_spec_choose("split", options->split, peal_split_names, PEAL_SPLITS, &chosen, err));
    *splits = 1u << chosen;
    return PEAL_OK;
}

static peal_status evaluate(const tools_options *options, peal_predictor *predictor, const char **sources, size_t count,
                            peal_error *err) {
    unsigned splits;
    PEAL_TRY(choose_split(options, &splits, err));
    peal_predict_options predict = {
        .sources = sources, .source_count = count, .stop = &tools_stop, .reporter = tools_display_reporter()};
    PEAL_TRY(tools_bad_rows(options, &predict.on_bad_row, err));
    peal_metrics metrics;
    peal_predict_result result;
    PEAL_TRY(peal_eval(predictor, &predict, splits, &metrics, &result, err));
    char text[160];
    tools_say_rows(result.rows_in, result.rows_used, result.rows_dropped, 0);
    tools_say("%s", peal_metrics_text(&metrics, text));
    if (!options->json) return PEAL_OK;
    json_t *value = json_pack("{s:I, s:o}", "rows", (json_int_t)metrics.rows, "metrics", peal_metrics_save(&metrics));
    return tools_print_json(value, err);
}

static peal_status run(const tools_options *options, peal_error *err) {
    const char **words = NULL;
    size_t count;
    PEAL_TRY(tools_sources(options, &words, &count, err));
    peal_predictor *predictor = NULL;
    peal_status status = count >= 2 ? peal_predictor_open(words[0], &predictor, err)
                                    : peal_fail(err, PEAL_E_USAGE, "eval wants a model and then a dataset or sources");
    if (status == PEAL_OK) status = evaluate(options, predictor, words + 1, count - 1, err);
    peal_predictor_free(predictor);
    free(words);
    return status;
}

const tools_command tools_command_eval = {
    .name = "eval",
    .usage = "MODEL DATASET|SOURCE... [options]",
    .documentation = "Compares a model's predictions with the labels. Raw sources go through the model's own pipeline.",
    .bit = FOR_EVAL,
    .run = run,
};
