/* The subcommands. To add one: a file with a `const tools_command` and a line in the table of command.c. */
#ifndef PEAL_TOOLS_COMMAND_H
#define PEAL_TOOLS_COMMAND_H

#include <stdatomic.h>

#include "core/base/status.h"
#include "etl/job/etl.h"
#include "models/predict/predictor.h"
#include "models/train/train.h"
#include "tools/options.h"

typedef struct tools_command {
    const char *name;
    const char *usage; /* behind the name */
    const char *documentation;
    unsigned bit; /* FOR_... */
    peal_status (*run)(const tools_options *options, peal_error *err);
} tools_command;

extern const tools_command tools_command_etl, tools_command_train, tools_command_eval, tools_command_predict,
    tools_command_inspect, tools_command_import, tools_command_export, tools_command_cache, tools_command_help;
enum { TOOLS_COMMANDS = 9 };
extern const tools_command *const tools_commands[TOOLS_COMMANDS + 1]; /* ends with NULL */

/* The command called `name`; PEAL_E_USAGE with the nearest right one otherwise. */
peal_status tools_command_find(const char *name, const tools_command **out, peal_error *err);
/* The page about one command. */
void tools_command_print(const tools_command *command);

/* Not 0 once the user wants to stop (SIGINT, SIGTERM). */
extern atomic_int tools_stop;

/* ---- what several commands share ---- */

/* PEAL_E_USAGE if no source was named. */
peal_status tools_need_sources(const tools_options *options, peal_error *err);
/* PEAL_E_USAGE if writing `out` would overwrite what the job reads. */
peal_status tools_check_output(const tools_options *options, const char *out, peal_error *err);

/* The ETL part of the options; `arrays` keeps what they point to. */
typedef struct tools_arrays {
    json_t *transforms;
    const char **drop;
    const char **nulls;
    json_t *fitted;
} tools_arrays;
peal_status tools_etl_options(const tools_options *options, peal_etl_options *out, tools_arrays *arrays,
                              peal_error *err);
/* What eval and predict read: all sources but the first, which is the model. */
peal_status tools_predict_options(const tools_options *options, peal_predict_options *out, tools_arrays *arrays,
                                  peal_error *err);
/* How sources are read that have no end: --follow, --idle-seconds. PEAL_E_USAGE if the second one stands alone. */
peal_status tools_following(const tools_options *options, peal_following *out, peal_error *err);
/* A window as --window says it: "5000" rows, "10s", or "5000,10s"; 0 of what it does not say. */
peal_status tools_window(const char *text, uint64_t *rows, uint64_t *ms, peal_error *err);
void tools_arrays_clear(tools_arrays *arrays);
peal_status tools_bad_rows(const tools_options *options, peal_bad_rows *out, peal_error *err);

/* `peal train --follow`, of the options that `train` holds already. */
peal_status tools_follow(const tools_options *options, const peal_train_options *train, peal_error *err);

/* The line that ends every job. */
#define TOOLS_ROWS "rows: %llu in = %llu used + %llu dropped + %llu quarantined"
void tools_say_rows(uint64_t in, uint64_t used, uint64_t dropped, uint64_t quarantined);

#endif
