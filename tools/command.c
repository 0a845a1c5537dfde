/* The table of subcommands, and what several of them share: options of ETL, the rows' line; see command.h. */
#include "tools/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/memory.h"
#include "core/base/spec.h"
#include "etl/source/source.h"
#include "models/predict/predictor.h"
#include "tools/display.h"

const tools_command *const tools_commands[TOOLS_COMMANDS + 1] = {
    &tools_command_etl,    &tools_command_train,  &tools_command_eval,  &tools_command_predict, &tools_command_inspect,
    &tools_command_import, &tools_command_export, &tools_command_cache, &tools_command_help,    NULL};

atomic_int tools_stop;

peal_status tools_command_find(const char *name, const tools_command **out, peal_error *err) {
    const char *names[TOOLS_COMMANDS];
    size_t count = 0, chosen;
    for (; tools_commands[count]; count++) names[count] = tools_commands[count]->name;
    PEAL_TRY(peal_spec_choose("subcommand", name, names, count, &chosen, err));
    *out = tools_commands[chosen];
    return PEAL_OK;
}

static void print_kind_options(const peal_option *(*next)(const peal_option *)) {
    for (const peal_option *option = NULL; (option = next(option));) {
        char left[64];
        snprintf(left, sizeof left, "  --%s %s", option->name, option->argument ? option->argument : "");
        tools_print_row(left, 28, option->help);
    }
}

void tools_command_print(const tools_command *command) {
    printf("peal %s %s\n\n", command->name, command->usage);
    tools_print_row("", 0, command->documentation);
    puts("\nOptions:");
    for (size_t i = 0; i < tools_option_count; i++) {
        const tools_option *option = &tools_option_table[i];
        if (!(option->commands & command->bit)) continue;
        char left[64];
        snprintf(left, sizeof left, "  --%s %s", option->name, option->argument ? option->argument : "");
        tools_print_row(left, 28, option->help);
    }
    if (!(command->bit & FOR_READING)) return;
    puts("\nHow text is written, where it is found wrongly ('peal help formats'):");
    print_kind_options(tools_next_reading_option);
    puts("\nHow sources are reached ('peal help sources'):");
    print_kind_options(tools_next_access_option);
}

/* ---- sources and ETL ---- */

static peal_status texts_of(const json_t *list, const char ***out, peal_error *err) {
    PEAL_TRY(peal_alloc_checked(out, json_array_size(list) + 1, sizeof **out, "options", err));
    for (size_t i = 0; i < json_array_size(list); i++) (*out)[i] = json_string_value(json_array_get(list, i));
    return PEAL_OK;
}

peal_status tools_need_sources(const tools_options *options, peal_error *err) {
    if (options->source_count > 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "no source was named: give files, folders, a glob or -");
}

peal_status tools_check_output(const tools_options *options, const char *out, peal_error *err) {
    const char *others[2];
    size_t count = 0;
    if (options->job) others[count++] = options->job;
    if (options->valid) others[count++] = options->valid;
    PEAL_TRY(peal_source_check_output(others, count, out, err));
    return peal_source_check_output((const char *const *)options->sources, options->source_count, out, err);
}

static peal_status choose(const char *what, const char *text, const char *const *names, size_t count, size_t *out,
                          peal_error *err) {
    *out = 0;
    return text ? peal_spec_choose(what, text, names, count, out, err) : PEAL_OK;
}

static peal_status choose_bad(const char *what, const char *text, peal_bad_rows *out, peal_error *err) {
    static const char *const names[] = {"fail", "drop", "quarantine"};
    size_t chosen;
    PEAL_TRY(choose(what, text, names, 3, &chosen, err));
    *out = (peal_bad_rows)chosen;
    return PEAL_OK;
}

peal_status tools_bad_rows(const tools_options *options, peal_bad_rows *out, peal_error *err) {
    return choose_bad("way with bad rows (--on-bad-row)", options->on_bad_row, out, err);
}

static peal_status bad_sources(const tools_options *options, peal_bad_rows *out, peal_error *err) {
    return choose_bad("way with bad sources (--on-bad-source)", options->on_bad_source, out, err);
}

/* The fitted pipeline of a dataset or a model. */
static peal_status read_fitted(const char *path, json_t **out, peal_error *err) {
    if (peal_dataset_is(path)) {
        peal_dataset *dataset;
        PEAL_TRY(peal_dataset_open(path, &dataset, err));
        *out = json_deep_copy(peal_dataset_pipeline(dataset));
        peal_dataset_close(dataset);
        return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    }
    peal_predictor *predictor;
    PEAL_TRY(peal_predictor_open(path, &predictor, err));
    *out = peal_predictor_save_pipeline(predictor);
    peal_predictor_free(predictor);
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
}

static json_t *add_beside(json_t *transforms, const char *name, const char *column) {
    if (!column) return transforms;
    return peal_json_append(transforms, json_pack("{s:s, s:s}", "transform", name, "columns", column));
}

/* The transforms that were named, before what the model wants, behind those for the columns that have an option of
 * their own: what is meant for all numbers is not meant for these. NULL: none was named, or there is no memory. */
static json_t *all_transforms(const tools_options *options, bool *failed) {
    peal_model_spec spec;
    const bool has_pipeline = options->like || options->init; /* which says all */
    const bool bins = !has_pipeline && options->model && peal_model_parse(options->model, &spec, NULL) == PEAL_OK &&
                      spec.kind->wants_bins;
    *failed = false;
    const bool beside = options->query || options->weight || options->offset || options->exposure;
    if (!beside && !bins) return json_incref(options->transforms);
    json_t *all = add_beside(add_beside(json_array(), "query", options->query), "weight", options->weight);
    all = add_beside(add_beside(all, "offset", options->offset), "exposure", options->exposure);
    *failed = !all || (options->transforms && json_array_extend(all, options->transforms) != 0);
    if (bins) all = peal_json_append(all, json_pack("{s:s}", "transform", "bins"));
    *failed = *failed || !all;
    return all;
}

peal_status tools_etl_options(const tools_options *options, peal_etl_options *out, tools_arrays *arrays,
                              peal_error *err) {
    static const char *const tasks[] = {"auto", "classify", "regress"};
    *out = peal_etl_default();
    size_t chosen;
    PEAL_TRY(tools_need_sources(options, err));
    out->sources = (const char *const *)options->sources;
    out->source_count = options->source_count;
    PEAL_TRY(texts_of(options->drop, &arrays->drop, err));
    PEAL_TRY(texts_of(options->nulls, &arrays->nulls, err));
    out->out = options->out;
    out->format = options->format;
    out->reading = options->reading;
    out->access = options->access;
    out->nulls = arrays->nulls;
    out->null_count = json_array_size(options->nulls);
    PEAL_TRY(choose("task (--task)", options->task, tasks, 3, &chosen, err));
    out->plan.task = (peal_task_kind)chosen;
    out->plan.label = options->label;
    bool failed;
    arrays->transforms = all_transforms(options, &failed);
    if (failed) return peal_fail(err, PEAL_E_MEMORY, "no memory for options");
    out->plan.transforms = arrays->transforms;
    out->plan.types = options->types;
    out->plan.drop = arrays->drop;
    out->plan.drop_count = json_array_size(options->drop);
    const char *like = options->like ? options->like : options->init; /* what goes on from a model has its columns */
    if (like) {
        if (options->label || arrays->transforms || options->types || options->drop || options->nulls ||
            options->task) {
            return peal_fail(
                err, PEAL_E_USAGE,
                "--%s takes the whole pipeline over: leave --label, --query, --weight, --offset, --exposure, "
                "--task, --transform, --type, --drop and --null out",
                options->like ? "like" : "init");
        }
        PEAL_TRY(read_fitted(like, &arrays->fitted, err));
        out->fitted = arrays->fitted;
    }
    PEAL_TRY(tools_bad_rows(options, &out->on_bad_row, err));
    PEAL_TRY(bad_sources(options, &out->on_bad_source, err));
    out->threads = options->threads;
    out->processes = options->processes;
    out->resume = options->resume;
    out->stop = &tools_stop;
    out->reporter = tools_display_reporter();
    return PEAL_OK;
}

peal_status tools_window(const char *text, uint64_t *rows, uint64_t *ms, peal_error *err) {
    enum { SECONDS_MOST = 1000000000 };
    *rows = *ms = 0;
    for (const char *at = text;;) {
        char *end;
        const double number = strtod(at, &end);
        const bool is_time = *end == 's';
        const char *behind = end + is_time;
        const bool right = *at >= '0' && *at <= '9' && number > 0 && number <= (is_time ? SECONDS_MOST : 1e15) &&
                           (*behind == '\0' || *behind == ',') && !(is_time ? *ms : *rows) &&
                           (is_time || (double)(uint64_t)number == number);
        if (!right) {
            return peal_fail(err, PEAL_E_USAGE,
                             "--window wants a number of rows (5000), seconds (10s), or both (5000,10s), not '%s'",
                             text);
        }
        if (is_time) {
            *ms = number < 0.001 ? 1 : (uint64_t)(number * 1000);
        } else {
            *rows = (uint64_t)number;
        }
        if (*behind == '\0') return PEAL_OK;
        at = behind + 1;
    }
}

peal_status tools_following(const tools_options *options, peal_following *out, peal_error *err) {
    *out = (peal_following){.files = options->follow, .has_idle = options->has_idle_seconds};
    if (options->has_idle_seconds && !options->follow) {
        return peal_fail(err, PEAL_E_USAGE, "--idle-seconds is of sources that are followed: it wants --follow");
    }
    if (options->idle_seconds > 1e9) return peal_fail(err, PEAL_E_USAGE, "--idle-seconds is at most 1000000000");
    out->idle_ms = (uint64_t)(options->idle_seconds * 1000);
    return PEAL_OK;
}

peal_status tools_predict_options(const tools_options *options, peal_predict_options *out, tools_arrays *arrays,
                                  peal_error *err) {
    *out = (peal_predict_options){.stop = &tools_stop, .reporter = tools_display_reporter()};
    PEAL_TRY(tools_bad_rows(options, &out->on_bad_row, err));
    PEAL_TRY(bad_sources(options, &out->on_bad_source, err));
    PEAL_TRY(texts_of(options->nulls, &arrays->nulls, err));
    out->sources = (const char *const *)options->sources + 1;
    out->source_count = options->source_count - 1;
    out->format = options->format;
    out->reading = options->reading;
    out->access = options->access;
    out->nulls = arrays->nulls;
    out->null_count = json_array_size(options->nulls);
    out->threads = options->threads;
    PEAL_TRY(tools_following(options, &out->following, err));
    if (options->follow && out->source_count != 1) {
        return peal_fail(err, PEAL_E_USAGE, "%zu sources were named, but one is followed (--follow)",
                         out->source_count);
    }
    PEAL_TRY(peal_source_check_access(options->access, err));
    return peal_format_check_options(NULL, options->reading, err);
}

void tools_arrays_clear(tools_arrays *arrays) {
    free(arrays->drop);
    free(arrays->nulls);
    json_decref(arrays->transforms);
    json_decref(arrays->fitted);
}

/* ---- output ---- */

void tools_say_rows(uint64_t in, uint64_t used, uint64_t dropped, uint64_t quarantined) {
    tools_say(TOOLS_ROWS, (unsigned long long)in, (unsigned long long)used, (unsigned long long)dropped,
              (unsigned long long)quarantined);
}
