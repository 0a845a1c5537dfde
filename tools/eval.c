/* `peal eval`: compares a model's predictions with the labels. */
#include "core/base/json.h"
#include "core/base/spec.h"
#include "models/predict/predictor.h"
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

static json_t *result_json(const peal_metrics *metrics) {
    json_t *result = json_pack("{s:I, s:I, s:o}", "rows", (json_int_t)metrics->rows, "unknown_labels",
                               (json_int_t)metrics->unknown_labels, "metrics", peal_metrics_save(metrics));
    const peal_ranking_scores *ranking = &metrics->ranking;
    return ranking->cuts ? peal_json_set(result, "queries", json_integer((json_int_t)ranking->queries)) : result;
}

static peal_status show(const tools_options *options, const peal_predict_result *result, const peal_metrics *metrics,
                        peal_error *err) {
    char text[PEAL_METRICS_TEXT];
    if (options->json) {
        tools_say_rows(result->rows_in, result->rows_used, result->rows_dropped, 0);
        return tools_print_json(result_json(metrics), err);
    }
    tools_print(TOOLS_ROWS, (unsigned long long)result->rows_in, (unsigned long long)result->rows_used,
                (unsigned long long)result->rows_dropped, 0ull);
    tools_print("%s", peal_metrics_text(metrics, text));
    return PEAL_OK;
}

static peal_status eval(const tools_options *options, const peal_predict_options *wanted, peal_error *err) {
    unsigned splits;
    peal_predictor *predictor;
    peal_metrics metrics;
    peal_predict_result result;
    PEAL_TRY(choose_split(options, &splits, err));
    PEAL_TRY(peal_predictor_open(options->sources[0], &predictor, err));
    const peal_status status = peal_eval(predictor, wanted, splits, &metrics, &result, err);
    peal_predictor_free(predictor);
    return status == PEAL_OK ? show(options, &result, &metrics, err) : status;
}

static peal_status run(const tools_options *options, peal_error *err) {
    if (options->source_count < 2)
        return peal_fail(err, PEAL_E_USAGE, "eval wants a model and then a dataset or sources");
    peal_predict_options wanted;
    tools_arrays arrays = {0};
    peal_status status = tools_predict_options(options, &wanted, &arrays, err);
    if (status == PEAL_OK) status = eval(options, &wanted, err);
    tools_arrays_clear(&arrays);
    return status;
}

const tools_command tools_command_eval = {
    .name = "eval",
    .usage = "MODEL DATASET|SOURCE... [options]",
    .documentation = "Compares a model's predictions with the labels. Raw sources go through the model's own pipeline. "
                     "Metrics and rows go to standard output. A label that "
                     "the model does not know counts as wrong. Where rows have queries (train --query): NDCG and MAP "
                     "over the first 1, "
                     "3, 5, 10 places, and over those that the model's option `at` says; a query of which no row is "
                     "relevant counts 1.",
    .bit = FOR_EVAL,
    .run = run,
};
