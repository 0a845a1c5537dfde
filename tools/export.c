/* `peal export`: a model of Peal's becomes a file of another program. */
#include "core/base/json.h"
#include "models/interchange/interchange.h"
#include "tools/command.h"
#include "tools/display.h"

static peal_status run(const tools_options *options, peal_error *err) {
    if (options->source_count != 1) return peal_fail(err, PEAL_E_USAGE, "export wants one model");
    if (!options->to) return peal_fail(err, PEAL_E_USAGE, "whose file is to be written? Say --to lightgbm");
    if (!options->out) return peal_fail(err, PEAL_E_USAGE, "where is the file to go? Name it with --out");
    PEAL_TRY(tools_check_output(options, options->out, err));
    const peal_export_options export = {
        .model = options->sources[0], .format = options->to, .out = options->out, .reporter = tools_display_reporter()};
    PEAL_TRY(peal_export(&export, err));
    if (options->json)
        return tools_print_json(json_pack("{s:s, s:s}", "out", options->out, "format", options->to), err);
    tools_say("model: %s", options->out);
    return PEAL_OK;
}

const tools_command tools_command_export = {
    .name = "export",
    .usage = "MODEL --to lightgbm --out FILE",
    .documentation =
        "Writes a model of trees as LightGBM's text file, which predicts the same of raw numbers. Columns of "
        "texts are codes there; the file's pandas_categorical says which code is which text.",
    .bit = FOR_EXPORT,
    .run = run,
};
