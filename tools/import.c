/* `peal import`: a model of another program becomes a model of Peal's. */
#include <string.h>

#include "core/base/json.h"
#include "models/interchange/interchange.h"
#include "tools/command.h"
#include "tools/display.h"

static peal_status tell(const tools_options *options, const peal_import_result *result, peal_error *err) {
    if (options->json) {
        return tools_print_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "model", options->out, "format",
                                          result->format, "objective", result->objective, "trees",
                                          (json_int_t)result->trees, "columns", (json_int_t)result->columns, "used",
                                          (json_int_t)result->used, "classes", (json_int_t)result->classes,
                                          "best_round", (json_int_t)result->best),
                                err);
    }
    char label[64] = "a number";
    if (result->classes) snprintf(label, sizeof label, "%zu classes", result->classes);
    tools_say("%s, %s: %zu trees over %zu of %zu columns; predicts %s", result->format, result->objective,
              result->trees, result->used, result->columns, label);
    if (result->best && result->best < result->rounds) {
        tools_say(
            "note: its best round is said to be %zu of %zu; all are taken, as by Booster.predict, where XGBoost's "
            "scikit-learn classes take the best ones: to have those, save booster[:%zu]",
            result->best, result->rounds, result->best);
    }
    tools_say("model: %s", options->out);
    return PEAL_OK;
}

static peal_status run(const tools_options *options, peal_error *err) {
    if (options->source_count != 1) return peal_fail(err, PEAL_E_USAGE, "import wants one file");
    if (!options->out) return peal_fail(err, PEAL_E_USAGE, "where is the model to go? Name a file with --out");
    PEAL_TRY(tools_check_output(options, options->out, err));
    const peal_import_options import = {
        .path = options->sources[0], .out = options->out, .label = options->label, .query = options->query};
    peal_import_result result;
    PEAL_TRY(peal_import(&import, &result, err));
    return tell(options, &result, err);
}

const tools_command tools_command_import = {
    .name = "import",
    .usage = "FILE --out MODEL",
    .documentation =
        "Makes a model of LightGBM's text file or XGBoost's JSON file: its columns are named as there, its predictions "
        "are those of the program that learnt it. Which of them the file is, its bytes tell. The column to predict is "
        "called 'label' unless --label names it; classes are 0, 1... For a model that ranks, --query names the column "
        "whose "
        "rows are ranked among each other: 'peal eval' wants to know.",
    .bit = FOR_IMPORT,
    .run = run,
};
