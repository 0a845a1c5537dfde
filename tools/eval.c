/* `peal eval`: compares a model's predictions with the labels. */
#include "core/base/json.h"
#include "core/base/spec.h"
#include "core/base/text.h"
#include "models/predict/explain.h"
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

static json_t *permutation_json(const peal_permutation *permutation) {
    json_t *list = json_array();
    for (size_t i = 0; i < permutation->count; i++) {
        const peal_permuted *one = &permutation->columns[i];
        list = peal_json_append(list, json_pack("{s:s, s:o, s:o}", "name", one->name, "mean", peal_json_real(one->mean),
                                                "deviation", peal_json_real(one->deviation)));
    }
    return list;
}

/* Of many columns the first ones: the others are worth least. */
static void print_permutation(const tools_options *options, const peal_predict_result *result,
                              const peal_permutation *permutation) {
    enum { SHOWN = 30, LONGEST = 40 };
    tools_print("what %s (%.4f) loses when a column is mixed up, mean and deviation of %llu", permutation->metric,
                permutation->score, (unsigned long long)options->permutations);
    if (permutation->rows < result->rows_used) {
        tools_print("  (of a sample of %llu of the %llu rows)", (unsigned long long)permutation->rows,
                    (unsigned long long)result->rows_used);
    }
    for (size_t i = 0; i < permutation->count && i < SHOWN; i++) {
        const peal_permuted *one = &permutation->columns[i];
        char name[LONGEST + PEAL_TEXT_CUT_EXTRA];
        peal_text_cut(one->name, LONGEST, name);
        tools_print("  %-*s %10.6f  %9.6f", LONGEST, name, one->mean, one->deviation);
    }
    if (permutation->count > SHOWN) {
        tools_print("  ... and %zu more columns (json has all)", permutation->count - SHOWN);
    }
}

static peal_status show(const tools_options *options, const peal_predict_result *result, const peal_metrics *metrics,
                        const peal_permutation *permutation, peal_error *err) {
    char text[PEAL_METRICS_TEXT];
    if (result->sources_left_out) {
        tools_say("sources: %llu left out", (unsigned long long)result->sources_left_out);
    }
    if (options->json) {
        tools_say_rows(result->rows_in, result->rows_used, result->rows_dropped, 0);
        json_t *told = result_json(metrics);
        told = peal_json_set(told, "sources_left_out", json_integer((json_int_t)result->sources_left_out));
        if (!options->permutations) return tools_print_json(told, err);
        told = peal_json_set(told, "permutation", permutation_json(permutation));
        told = peal_json_set(told, "permutation_metric", json_string(permutation->metric));
        told = peal_json_set(told, "permutation_rows", json_integer((json_int_t)permutation->rows));
        return tools_print_json(told, err);
    }
    tools_print(TOOLS_ROWS, (unsigned long long)result->rows_in, (unsigned long long)result->rows_used,
                (unsigned long long)result->rows_dropped, 0ull);
    tools_print("%s", peal_metrics_text(metrics, text));
    if (options->permutations) print_permutation(options, result, permutation);
    return PEAL_OK;
}

static peal_status eval(const tools_options *options, const peal_predict_options *wanted, peal_error *err) {
    unsigned splits;
    peal_predictor *predictor;
    peal_metrics metrics;
    peal_predict_result result;
    peal_permutation permutation = {0};
    peal_explain_options explain = peal_explain_default();
    explain.repeats = options->permutations;
    if (options->has_seed) explain.seed = options->seed;
    PEAL_TRY(choose_split(options, &splits, err));
    PEAL_TRY(peal_predictor_open(options->sources[0], &predictor, err));
    peal_status status = options->permutations
                             ? peal_permute(predictor, wanted, splits, &explain, &metrics, &result, &permutation, err)
                             : peal_eval(predictor, wanted, splits, &metrics, &result, err);
    if (status == PEAL_OK) status = show(options, &result, &metrics, &permutation, err);
    peal_permutation_clear(&permutation);
    peal_predictor_free(predictor);
    return status;
}

static peal_status run(const tools_options *options, peal_error *err) {
    if (options->source_count < 2)
        return peal_fail(err, PEAL_E_USAGE, "eval wants a model and then a dataset or sources");
    if (options->has_seed && !options->permutations)
        return peal_fail(err, PEAL_E_USAGE, "seed is of what permutations mix up; say how many (permutations)");
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
    .documentation =
        "Compares a model's predictions with the labels. Raw sources go through the model's own pipeline. "
        "Metrics and rows go to standard output. A label that "
        "the model does not know counts as wrong. Where rows have queries (train --query): NDCG and MAP "
        "over the first 1, "
        "3, 5, 10 places, and over those that the model's option `at` says; a query of which no row is "
        "relevant counts 1. With permutations: how much AUC (two classes), accuracy (more), R2 (numbers) or "
        "NDCG (ranks) is lost when a column's values are mixed up among the rows, the column that loses "
        "most first; all that is made of a column moves together. Of more than 100,000 rows a random "
        "sample of at most so many is asked.",
    .bit = FOR_EVAL,
    .run = run,
};
