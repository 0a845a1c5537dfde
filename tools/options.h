/* The program's options: one table serves the command line, YAML job files and the help. */
#ifndef PEAL_TOOLS_OPTIONS_H
#define PEAL_TOOLS_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum {
    FOR_ETL = 1,
    FOR_TRAIN = 2,
    FOR_EVAL = 4,
    FOR_PREDICT = 8,
    FOR_INSPECT = 16,
    FOR_HELP = 32,
    FOR_CACHE = 64,
    FOR_IMPORT = 128,
    FOR_EXPORT = 256,
    FOR_ALL = 511
};

/* Every value that a job can have, as text where the library parses it. NULL or 0: not given. */
typedef struct tools_options {
    char **sources; /* file names, which are bytes and need not be UTF-8 */
    size_t source_count;
    /* lists of texts (JSON arrays) */
    json_t *transforms, *drop, *nulls;
    json_t *dependence;
    json_t *types;   /* object */
    json_t *reading; /* object: options of formats, which are theirs (etl/format/format.h) */
    json_t *access;  /* object: options of kinds of sources, which are theirs (etl/source/kind.h) */
    char *out, *to, *job, *sources_from, *format, *label, *task, *on_bad_row, *on_bad_source, *like, *image_format;
    char *query, *weight, *offset, *exposure;
    char *model, *optimizer, *schedule, *sync, *outer, *valid, *run_dir, *split, *class_weight, *init, *augment;
    char *window;
    uint64_t fit_windows, publish;
    uint64_t threads, epochs, batch, workers, partitions, seed, patience, keep, deaths, tree, permutations, quality,
        processes;
    double lr, clip, label_smoothing, checkpoint_seconds, stall_seconds, idle_seconds;
    bool follow, resume, explain, json, quiet, help, raw, leaves, contributions;
    bool has_seed, has_checkpoint_seconds, has_idle_seconds;
    char **words; /* all of the program's, as they came */
} tools_options;

typedef enum tools_option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* char *, UTF-8 */
    OPTION_PATH,   /* char *, any bytes but none is not a name */
    OPTION_COUNT,  /* uint64_t */
    OPTION_NUMBER, /* double */
    OPTION_LIST,   /* json array of texts; may be given several times */
    OPTION_SPECS,  /* json array of {"transform": name, key: value}; NAME:key=value on the command line */
    OPTION_PAIRS   /* json object; KEY=VALUE on the command line */
} tools_option_kind;

typedef struct tools_option {
    const char *name; /* without the dashes */
    tools_option_kind kind;
    size_t offset; /* in tools_options */
    const char *argument, *help;
    unsigned commands;
} tools_option;

extern const tools_option tools_option_table[];
extern const size_t tools_option_count;

/* Commands that read raw rows, and so take the options of formats, too. */
enum { FOR_READING = FOR_ETL | FOR_TRAIN | FOR_EVAL | FOR_PREDICT };
/* The options of all formats, each once: the next one behind `at` (begin with NULL), or NULL. */
const struct peal_option *tools_next_reading_option(const struct peal_option *at);
/* The same of the kinds of sources. */
const struct peal_option *tools_next_access_option(const struct peal_option *at);

/* True if an option, of whatever command, has this name. */
bool tools_is_option(const char *name, size_t length);

/* Reads the words behind the subcommand; what is no option is a source. A job file named by --job is read too, and the
 * command line wins. PEAL_E_USAGE with the nearest right word. */
peal_status tools_options_parse(unsigned command, const char *command_name, int count, char **words, tools_options *out,
                                peal_error *err);
void tools_options_clear(tools_options *options);

#endif
