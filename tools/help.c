/* `peal help`: pages about subcommands and topics, printed from the tables of the library. */
#include <stdio.h>
#include <string.h>

#include "core/base/spelling.h"
#include "etl/codec/codec.h"
#include "etl/format/format.h"
#include "etl/source/kind.h"
#include "etl/transform/transform.h"
#include "models/learner/augment.h"
#include "models/learner/learner.h"
#include "ops/op/op.h"
#include "ops/optimizer/optimizer.h"
#include "tools/command.h"
#include "tools/concurrency.h"
#include "tools/display.h"

static void row(const char *name, const char *documentation) {
    char left[64];
    snprintf(left, sizeof left, "  %s", name);
    tools_print_row(left, 16, documentation);
}

static void print_formats(void) {
    for (size_t i = 0; peal_formats[i]; i++) row(peal_formats[i]->name, peal_formats[i]->documentation);
}

static void print_sources(void) {
    for (size_t i = 0; peal_source_kinds[i]; i++) row(peal_source_kinds[i]->name, peal_source_kinds[i]->documentation);
}

static void print_codecs(void) {
    row("plain", "bytes as they are");
    for (size_t i = 0; peal_codecs[i]; i++) row(peal_codecs[i]->name, peal_codecs[i]->documentation);
}

static void print_transforms(void) {
    for (size_t i = 0; peal_transforms[i]; i++) {
        row(peal_transforms[i]->name, peal_transforms[i]->documentation);
        for (const peal_option *option = peal_transforms[i]->options; option->name; option++) {
            char left[64];
            snprintf(left, sizeof left, "    %s=%s", option->name, option->argument);
            tools_print_row(left, 28, option->help);
        }
    }
    putchar('\n');
    tools_print_row(
        "", 0,
        "On the command line: --transform NAME:key=value,columns=COLUMN (several columns joined with +).\n"
        "In a job file: a list 'transforms' of mappings, {transform: NAME, columns: [...], key: value}.\n"
        "Without columns=, a transform of numbers goes to all numbers, one of texts to all texts, one of images to all "
        "images. Columns that no "
        "transform is named for get: numbers impute and standardize, dates date, texts index (which the model looks "
        "up, as if it were one-hot), the label label, images grey or rgb and a resize; texts that are nearly all "
        "different are left out. Texts that are numbers in another way of writing (money, units, clocks) get number "
        "first. Where only impute is named, nothing else is done to the number. numbers and texts may stand for all "
        "such columns (columns=numbers).");
}

static void print_models(void) {
    for (size_t i = 0; peal_models[i]; i++) row(peal_models[i]->name, peal_models[i]->documentation);
}

static void print_syncs(void) {
    for (const peal_sync *sync = peal_syncs; sync->name; sync++) row(sync->name, sync->documentation);
    putchar('\n');
    tools_print_row(
        "", 0,
        "Without --sync, linear models are learnt with full, others with epoch. An option that only learning "
        "by steps has (--batch, --optimizer, --lr, --schedule, --outer, --patience, --clip, --augment) means epoch, "
        "too.");
}

static void print_optimizers(void) {
    for (size_t i = 0; peal_optimizers[i]; i++) row(peal_optimizers[i]->name, peal_optimizers[i]->documentation);
}

static void print_schedules(void) {
    for (size_t i = 0; peal_schedules[i]; i++) row(peal_schedules[i]->name, peal_schedules[i]->documentation);
}

static void print_ops(void) {
    for (size_t i = 0; peal_ops[i]; i++) row(peal_ops[i]->name, peal_ops[i]->documentation);
}

static void print_augment(void) {
    for (const peal_augment_option *option = peal_augment_options; option->name; option++) {
        char name[48];
        snprintf(name, sizeof name, "%s%s%s", option->name, option->argument ? "=" : "",
                 option->argument ? option->argument : "");
        row(name, option->documentation);
    }
    putchar('\n');
    tools_print_row("", 0,
                    "--augment takes several, with commas: flip,shift=2,jitter=0.1. Each time that a row is trained on "
                    "it is drawn anew, by seed, epoch and row; held-out rows and predictions are left as they are. "
                    "For learning by steps, of datasets whose features are images.");
}

static void print_exit_codes(void) {
    row("0", "done");
    row("1", "failed: the machine said no");
    row("2", "wrong usage");
    row("3", "bad input data");
    row("4", "interrupted; --resume goes on");
}

static void print_subcommands(void) {
    for (size_t i = 0; tools_commands[i]; i++) {
        row(tools_commands[i]->name, tools_commands[i]->documentation);
    }
}

static const struct {
    const char *name;
    void (*print)(void);
} topics[] = {{"subcommands", print_subcommands},
              {"formats", print_formats},
              {"sources", print_sources},
              {"codecs", print_codecs},
              {"transforms", print_transforms},
              {"models", print_models},
              {"optimizers", print_optimizers},
              {"augment", print_augment},
              {"sync", print_syncs},
              {"schedules", print_schedules},
              {"ops", print_ops},
              {"exit-codes", print_exit_codes},
              {"concurrency", tools_print_concurrency}};

enum { TOPICS = sizeof topics / sizeof *topics };

static void print_overview(void) {
    puts("peal: from folders of compressed data to trained models\n\nSubcommands:");
    print_subcommands();
    puts("\n'peal help SUBCOMMAND' lists its options; 'peal --version' tells the version.\nOther topics:");
    for (size_t i = 1; i < TOPICS; i++) printf("  %s\n", topics[i].name);
}

static peal_status run(const tools_options *options, peal_error *err) {
    if (options->source_count == 0) {
        print_overview();
        return PEAL_OK;
    }
    if (options->source_count > 1) return peal_fail(err, PEAL_E_USAGE, "help explains one topic at a time");
    const char *topic = options->sources[0];
    const char *names[TOPICS + TOOLS_COMMANDS];
    size_t count = 0;
    for (size_t i = 0; i < TOPICS; i++) {
        names[count++] = topics[i].name;
        if (strcmp(topic, topics[i].name) != 0) continue;
        topics[i].print();
        return PEAL_OK;
    }
    for (size_t i = 0; tools_commands[i]; i++) {
        names[count++] = tools_commands[i]->name;
        if (strcmp(topic, tools_commands[i]->name) != 0) continue;
        tools_command_print(tools_commands[i]);
        return PEAL_OK;
    }
    char hint[PEAL_HINT_SIZE];
    return peal_fail(err, PEAL_E_USAGE, "there is no help on '%s'%s", topic,
                     peal_did_you_mean(topic, names, count, hint));
}

const tools_command tools_command_help = {
    .name = "help",
    .usage = "[TOPIC]",
    .documentation = "Explains a subcommand or lists formats, transforms, models, optimizers...",
    .bit = FOR_HELP,
    .run = run,
};
