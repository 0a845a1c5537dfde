/* Reads the command line and the job file into one struct of options; see options.h. */
#include "tools/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/memory.h"
#include "core/base/spec.h"
#include "core/base/spelling.h"
#include "core/base/utf8.h"
#include "etl/format/format.h"
#include "etl/source/kind.h"
#include "tools/yaml.h"

#define AT(field) offsetof(tools_options, field)

const tools_option tools_option_table[] = {
    {"out", OPTION_PATH, AT(out), "PATH", "where the result goes: dataset folder, model file or predictions",
     FOR_ETL | FOR_TRAIN | FOR_PREDICT | FOR_IMPORT | FOR_EXPORT},
    {"to", OPTION_TEXT, AT(to), "FORM",
     "what is to be written: of etl a dataset or, again, images; of export whose model file (lightgbm); of inspect's "
     "tree a text for people (text) or for Graphviz (dot)",
     FOR_ETL | FOR_EXPORT | FOR_INSPECT},
    {"image-format", OPTION_TEXT, AT(image_format), "jpeg|png",
     "with --to images: what each image becomes (what its name says)", FOR_ETL},
    {"quality", OPTION_COUNT, AT(quality), "N", "with --to images: of JPEG, 1 to 100 (90)", FOR_ETL},
    {"job", OPTION_PATH, AT(job), "FILE.yaml", "a job file; any option here can stand in it, and the command line wins",
     FOR_READING},
    {"sources-from", OPTION_PATH, AT(sources_from), "FILE",
     "read sources, too, whose names stand in FILE, one a line; lines that are empty or begin with # do not count",
     FOR_READING},
    {"label", OPTION_TEXT, AT(label), "COLUMN", "the column to predict", FOR_ETL | FOR_TRAIN | FOR_IMPORT},
    {"query", OPTION_TEXT, AT(query), "COLUMN",
     "rows of the same value are ranked among each other; the label tells how relevant each is",
     FOR_ETL | FOR_TRAIN | FOR_IMPORT},
    {"weight", OPTION_TEXT, AT(weight), "COLUMN", "what each row counts in training: numbers from 0 on",
     FOR_ETL | FOR_TRAIN},
    {"offset", OPTION_TEXT, AT(offset), "COLUMN", "what is added to each row's score (see 'peal help transforms')",
     FOR_ETL | FOR_TRAIN},
    {"exposure", OPTION_TEXT, AT(exposure), "COLUMN",
     "what a count is counted over, as hours: its logarithm is the offset", FOR_ETL | FOR_TRAIN},
    {"format", OPTION_TEXT, AT(format), "NAME", "format of the sources (found if not given; see 'peal help formats')",
     FOR_READING},
    {"task", OPTION_TEXT, AT(task), "KIND", "classify or regress (found from the label if not given)",
     FOR_ETL | FOR_TRAIN},
    {"transform", OPTION_SPECS, AT(transforms), "SPEC",
     "NAME:key=value,columns=COLUMN; may be given several times (see 'peal help transforms')", FOR_ETL | FOR_TRAIN},
    {"type", OPTION_PAIRS, AT(types), "COLUMN=TYPE",
     "number, text or bool, where it is found wrongly; may be given several times", FOR_ETL | FOR_TRAIN},
    {"drop", OPTION_LIST, AT(drop), "COLUMN", "leave a column out; may be given several times", FOR_ETL | FOR_TRAIN},
    {"null", OPTION_LIST, AT(nulls), "TEXT",
     "a spelling of a missing value besides the empty one; may be given several times", FOR_READING},
    {"explain", OPTION_FLAG, AT(explain), NULL,
     "tell on standard output what each stage did with its time, what the job waited for, and what more connections or "
     "threads could gain",
     FOR_ETL},
    {"like", OPTION_PATH, AT(like), "PATH", "use the fitted pipeline of a dataset or model instead of fitting one",
     FOR_ETL},
    {"on-bad-row", OPTION_TEXT, AT(on_bad_row), "fail|drop|quarantine", "what to do with a bad row (fail)",
     FOR_ETL | FOR_TRAIN | FOR_EVAL | FOR_PREDICT},
    {"on-bad-source", OPTION_TEXT, AT(on_bad_source), "fail|drop|quarantine",
     "what to do with a source that cannot be read (fail); eval and predict know fail and drop",
     FOR_ETL | FOR_TRAIN | FOR_EVAL | FOR_PREDICT},
    {"threads", OPTION_COUNT, AT(threads), "N", "threads that read and transform (as many as there are CPUs)",
     FOR_READING},
    {"processes", OPTION_COUNT, AT(processes), "N",
     "of images: decode in N processes, so that a file whose decoding crashes costs that file only (in the threads)",
     FOR_ETL},
    {"model", OPTION_TEXT, AT(model), "SPEC",
     "NAME:key=value, as in mlp:hidden=512x256 (the best of a linear model, trees and mlp; with --query trees that "
     "rank; "
     "see 'peal help models')",
     FOR_TRAIN},
    {"epochs", OPTION_COUNT, AT(epochs), "N", "times that all rows are seen (chosen by the table)", FOR_TRAIN},
    {"batch", OPTION_COUNT, AT(batch), "N", "rows of one step of one partition (64)", FOR_TRAIN},
    {"optimizer", OPTION_TEXT, AT(optimizer), "SPEC",
     "sgd, adagrad, adam or adamw (adam, for images sgd; see 'peal help optimizers')", FOR_TRAIN},
    {"lr", OPTION_NUMBER, AT(lr), "X",
     "learning rate (one that suits optimizer and model; with --sync step times the root of P)", FOR_TRAIN},
    {"schedule", OPTION_TEXT, AT(schedule), "SPEC",
     "constant, step, cosine or inverse (cosine, with --follow constant; see 'peal help schedules')", FOR_TRAIN},
    {"sync", OPTION_TEXT, AT(sync), "S",
     "what is averaged, and when: epoch, step, a number of steps, or full; see 'peal help sync'", FOR_TRAIN},
    {"outer", OPTION_TEXT, AT(outer), "SPEC",
     "how averages are applied: nesterov, momentum (lr=0.7,momentum=0.6) or average", FOR_TRAIN},
    {"publish", OPTION_COUNT, AT(publish), "N",
     "with --follow: after every N windows the model is written, and a checkpoint (1)", FOR_TRAIN},
    {"partitions", OPTION_COUNT, AT(partitions), "P",
     "parts that the rows are cut into (1 to 4, as many as they can feed); the model depends on it", FOR_TRAIN},
    {"workers", OPTION_COUNT, AT(workers), "W",
     "processes that train (as many as there are CPUs, at most P); the model does not depend on it", FOR_TRAIN},
    {"seed", OPTION_COUNT, AT(seed), "N", "seed of all random numbers (1)", FOR_TRAIN | FOR_EVAL | FOR_PREDICT},
    {"valid", OPTION_PATH, AT(valid), "SOURCE|FRACTION",
     "what to validate on after each epoch: a dataset, raw files, or a part of the rows (of the queries), as 0.1",
     FOR_TRAIN},
    {"patience", OPTION_COUNT, AT(patience), "N", "stop after N epochs without a better validation loss (never)",
     FOR_TRAIN},
    {"clip", OPTION_NUMBER, AT(clip), "X", "make no step's gradient of a partition longer than X (as it is)",
     FOR_TRAIN},
    {"augment", OPTION_TEXT, AT(augment), "LIST",
     "what is done to images at random while they are trained on, as flip,shift=2,jitter=0.1 (see 'peal help augment')",
     FOR_TRAIN},
    {"init", OPTION_PATH, AT(init), "MODEL", "go on from this model, on a dataset made like it (begin anew)",
     FOR_TRAIN},
    {"class-weight", OPTION_TEXT, AT(class_weight), "balanced",
     "what a row counts: as many rows as its class has fewer than others (each row alike)", FOR_TRAIN},
    {"label-smoothing", OPTION_NUMBER, AT(label_smoothing), "X",
     "the part of each row's label that all classes share, as 0.1 (0)", FOR_TRAIN},
    {"run-dir", OPTION_PATH, AT(run_dir), "DIR", "the run's folder (beside the model, named after it, with .run)",
     FOR_TRAIN},
    {"checkpoint-seconds", OPTION_NUMBER, AT(checkpoint_seconds), "S",
     "least time between two checkpoints (10; 0: one at the end of each epoch)", FOR_TRAIN},
    {"keep", OPTION_COUNT, AT(keep), "N", "checkpoints to keep, the newest ones (2); the best model is kept too",
     FOR_TRAIN},
    {"deaths", OPTION_COUNT, AT(deaths), "N", "end the job when N workers have died over one partition (5)", FOR_TRAIN},
    {"stall-seconds", OPTION_NUMBER, AT(stall_seconds), "S",
     "replace a worker that has not moved for so long (60); one that is stopped, after 5 s at most", FOR_TRAIN},
    {"resume", OPTION_FLAG, AT(resume), NULL, "go on where a killed or interrupted job stopped", FOR_ETL | FOR_TRAIN},
    {"follow", OPTION_FLAG, AT(follow), NULL,
     "read on as rows come. etl and predict, of one file that grows (rotated, too), pipe or connection: add a shard a "
     "window, or answer row by row. train: predict, learn, commit and publish window by window (mlp, unless --model "
     "says "
     "otherwise)",
     FOR_ETL | FOR_TRAIN | FOR_PREDICT},
    {"window", OPTION_TEXT, AT(window), "N|Ts",
     "with --follow: a window is N rows (etl 100000, train 10000), or those of T seconds, as 10s (train: 100000 at "
     "most), or, as 5000,10s, whichever is full first",
     FOR_ETL | FOR_TRAIN},
    {"fit-windows", OPTION_COUNT, AT(fit_windows), "N",
     "with --follow: fit the transforms on the first N windows; they are frozen then (1)", FOR_ETL | FOR_TRAIN},
    {"idle-seconds", OPTION_NUMBER, AT(idle_seconds), "S",
     "with --follow: end when nothing has come for S seconds; 0: at once (at the end of a pipe or connection; train: "
     "of a file, too)",
     FOR_ETL | FOR_TRAIN | FOR_PREDICT},
    {"split", OPTION_TEXT, AT(split), "NAME", "train, valid or test rows of a dataset (test, else valid, else train)",
     FOR_EVAL},
    {"raw", OPTION_FLAG, AT(raw), NULL, "write scores before they become probabilities, in the place of predictions",
     FOR_PREDICT},
    {"leaves", OPTION_FLAG, AT(leaves), NULL, "write the leaf that a row comes to in each tree, instead (trees)",
     FOR_PREDICT},
    {"contributions", OPTION_FLAG, AT(contributions), NULL,
     "write what each column adds to the raw score, and what is expected, instead (trees)", FOR_PREDICT},
    {"permutations", OPTION_COUNT, AT(permutations), "N",
     "tell what each column is worth: what the metric loses when its values are mixed up, N times (off)", FOR_EVAL},
    {"dependence", OPTION_LIST, AT(dependence), "COLUMN,...",
     "write what is predicted on average when all rows have the same value of a column, value by value, instead",
     FOR_PREDICT},
    {"tree", OPTION_COUNT, AT(tree), "N", "show tree N of a model of trees, from 1 on", FOR_INSPECT},
    {"json", OPTION_FLAG, AT(json), NULL, "print one JSON object on standard output and nothing else there",
     FOR_ALL & ~FOR_HELP},
    {"quiet", OPTION_FLAG, AT(quiet), NULL, "no progress and no notes", FOR_ALL & ~FOR_HELP},
    {"help", OPTION_FLAG, AT(help), NULL, "show this page", FOR_ALL},
};
enum { OPTIONS = sizeof tools_option_table / sizeof *tools_option_table, READING_MOST = 96 };
const size_t tools_option_count = OPTIONS;

/* Which options were given on the command line, so that the job file does not change them. */
typedef struct parser {
    unsigned command;
    const char *command_name;
    tools_options *options;
    bool *given; /* [OPTIONS] */
    peal_error *err;
} parser;

static void *field(const parser *self, const tools_option *option) {
    return (uint8_t *)self->options + option->offset;
}

static const tools_option *find_option(const parser *self, const char *name, size_t length) {
    for (size_t i = 0; i < tools_option_count; i++) {
        const tools_option *option = &tools_option_table[i];
        if (!(option->commands & self->command) || strlen(option->name) != length) continue;
        bool same = true; /* job files may spell on_bad_row */
        for (size_t c = 0; c < length && same; c++) same = option->name[c] == (name[c] == '_' ? '-' : name[c]);
        if (same) return option;
    }
    return NULL;
}

/* ---- options of formats and of kinds of sources ---- */

static bool is_earlier(const peal_option *option, const peal_format *format) {
    for (size_t i = 0; peal_formats[i] && peal_formats[i] != format; i++) {
        for (const peal_option *other = peal_formats[i]->options; other->name; other++) {
            if (strcmp(other->name, option->name) == 0) return true;
        }
    }
    return false;
}

const peal_option *tools_next_reading_option(const peal_option *at) {
    bool found = !at;
    for (size_t i = 0; peal_formats[i]; i++) {
        for (const peal_option *option = peal_formats[i]->options; option->name; option++) {
            if (found && !is_earlier(option, peal_formats[i])) return option;
            found = found || option == at;
        }
    }
    return NULL;
}

const peal_option *tools_next_access_option(const peal_option *at) {
    bool found = !at;
    for (size_t i = 0; peal_source_kinds[i]; i++) {
        for (const peal_option *option = peal_source_kinds[i]->options; option->name; option++) {
            if (found) return option;
            found = option == at;
        }
    }
    return NULL;
}

typedef const peal_option *next_option(const peal_option *at);

/* The option of this name among those that `next` lists, or NULL. */
static const peal_option *find_among(next_option *next, const char *name, size_t length) {
    for (const peal_option *option = NULL; (option = next(option));) {
        if (strlen(option->name) == length && strncmp(option->name, name, length) == 0) return option;
    }
    return NULL;
}

bool tools_is_option(const char *name, size_t length) {
    for (size_t i = 0; i < OPTIONS; i++) {
        const char *one = tools_option_table[i].name;
        if (strlen(one) == length && strncmp(one, name, length) == 0) return true;
    }
    return find_among(tools_next_reading_option, name, length) || find_among(tools_next_access_option, name, length);
}

static const peal_option *find_reading_option(const parser *self, const char *name, size_t length) {
    if (!(self->command & FOR_READING)) return NULL;
    const peal_option *option = find_among(tools_next_reading_option, name, length);
    return option ? option : find_among(tools_next_access_option, name, length);
}

/* Of these options, too, the command line wins over the job file. */
static peal_status set_reading(const parser *self, const peal_option *option, json_t *value, bool wins) {
    const bool is_access = find_among(tools_next_access_option, option->name, strlen(option->name)) == option;
    json_t **values = is_access ? &self->options->access : &self->options->reading;
    if (!*values) *values = json_object();
    const bool stands = !wins && json_object_get(*values, option->name);
    if (stands) {
        json_decref(value);
        return PEAL_OK;
    }
    const bool stored = value && json_object_set_new(*values, option->name, value) == 0;
    return stored ? PEAL_OK : peal_fail(self->err, PEAL_E_MEMORY, "no memory for an option");
}

/* A value of the command line; checked by the format. */
static peal_status set_reading_text(const parser *self, const peal_option *option, const char *text) {
    if (option->kind == PEAL_OPTION_FLAG) return set_reading(self, option, json_true(), true);
    if (peal_utf8_error(text, strlen(text)) < strlen(text)) {
        return peal_fail(self->err, PEAL_E_USAGE, "--%s wants text in UTF-8, not '%s'", option->name, text);
    }
    const bool tab = option->kind == PEAL_OPTION_CHARACTER && strcmp(text, "\\t") == 0;
    return set_reading(self, option, json_string(tab ? "tab" : text), true);
}

static peal_status unknown_option(const parser *self, const char *dashes, const char *name) {
    const char *names[OPTIONS + READING_MOST];
    size_t count = 0;
    for (size_t i = 0; i < tools_option_count; i++) {
        if (tools_option_table[i].commands & self->command) names[count++] = tools_option_table[i].name;
    }
    next_option *const kinds[] = {tools_next_reading_option, tools_next_access_option};
    for (size_t i = 0; (self->command & FOR_READING) && i < 2; i++) {
        const peal_option *option = NULL;
        while (count < OPTIONS + READING_MOST && (option = kinds[i](option))) names[count++] = option->name;
    }
    const char *nearest = peal_nearest_word(name, names, count);
    if (nearest) {
        return peal_fail(self->err, PEAL_E_USAGE, "'peal %s' has no option %s%s (did you mean %s%s?)",
                         self->command_name, dashes, name, dashes, nearest);
    }
    return peal_fail(self->err, PEAL_E_USAGE, "'peal %s' has no option %s%s (see 'peal help %s')", self->command_name,
                     dashes, name, self->command_name);
}

/* ---- values ---- */

static peal_status no_memory(const parser *self) {
    return peal_fail(self->err, PEAL_E_MEMORY, "no memory for an option");
}

/* What goes into job, manifest or model must be text; file names may be any bytes. */
static peal_status check_bytes(const parser *self, const tools_option *option, const char *value) {
    const bool path = option->kind == OPTION_PATH;
    if (path && !*value) return peal_fail(self->err, PEAL_E_USAGE, "--%s must not be empty", option->name);
    if (path || peal_utf8_error(value, strlen(value)) == strlen(value)) return PEAL_OK;
    return peal_fail(self->err, PEAL_E_USAGE, "--%s wants text in UTF-8, not '%s'", option->name, value);
}

static peal_status set_text(const parser *self, const tools_option *option, const char *value) {
    char **to = field(self, option);
    free(*to);
    *to = peal_strdup(value);
    return *to ? PEAL_OK : no_memory(self);
}

static peal_status set_count(const parser *self, const tools_option *option, const char *value) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != '\0' || errno || number > INT64_MAX) {
        return peal_fail(self->err, PEAL_E_USAGE, "--%s wants a whole number, not '%s'", option->name, value);
    }
    *(uint64_t *)field(self, option) = number;
    if (option->offset == AT(seed)) self->options->has_seed = true;
    if (number == 0 && option->offset != AT(seed) && option->offset != AT(patience)) {
        return peal_fail(self->err, PEAL_E_USAGE, "--%s must be at least 1", option->name);
    }
    return PEAL_OK;
}

static peal_status set_number(const parser *self, const tools_option *option, const char *value) {
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(number) || number < 0) {
        return peal_fail(self->err, PEAL_E_USAGE, "--%s wants a number from 0, not '%s'", option->name, value);
    }
    if (option->offset == AT(checkpoint_seconds)) self->options->has_checkpoint_seconds = true;
    if (option->offset == AT(idle_seconds)) self->options->has_idle_seconds = true;
    *(double *)field(self, option) = number;
    return PEAL_OK;
}

static json_t *list_of(const parser *self, const tools_option *option) {
    json_t **list = field(self, option);
    if (!*list) *list = option->kind == OPTION_PAIRS ? json_object() : json_array();
    return *list;
}

/* Puts `value`, which is taken over, at the end of a list. */
static peal_status append(const parser *self, const tools_option *option, json_t *value) {
    return json_array_append_new(list_of(self, option), value) == 0 ? PEAL_OK : no_memory(self);
}

/* Whether a name in quotes begins at `at`; *length is of the name within. */
static bool is_quoted(const char *at, size_t *length) {
    const char *end = *at == '"' || *at == '\'' ? strchr(at + 1, *at) : NULL;
    if (!end || (end[1] != '\0' && end[1] != '+')) return false;
    *length = (size_t)(end - at) - 1;
    return true;
}

/* "a+b+c" names several columns; one in quotes is that column, whatever it is called. NULL if there is no memory. */
static json_t *column_names(const char *text) {
    json_t *names = json_array();
    for (const char *at = text;;) {
        size_t length = strcspn(at, "+");
        const bool quoted = is_quoted(at, &length);
        names = peal_json_append(names, json_stringn(at + quoted, length));
        at += length + 2 * (size_t)quoted;
        if (!*at) return names;
        at++;
    }
}

static peal_status add_spec(const parser *self, const tools_option *option, const char *value) {
    peal_spec spec;
    PEAL_TRY(peal_spec_parse("transform", value, &spec, self->err));
    json_t *one = json_pack("{s:s}", "transform", spec.name);
    for (size_t i = 0; i < spec.count; i++) {
        const bool columns = strcmp(spec.keys[i], "columns") == 0 && strpbrk(spec.values[i], "+'\"");
        one = peal_json_set(one, spec.keys[i], columns ? column_names(spec.values[i]) : json_string(spec.values[i]));
    }
    return append(self, option, one);
}

static peal_status add_pair(const parser *self, const tools_option *option, const char *value) {
    const char *equals = strrchr(value, '=');
    if (!equals || equals == value) {
        return peal_fail(self->err, PEAL_E_USAGE, "--%s wants %s, not '%s'", option->name, option->argument, value);
    }
    char *key = peal_strndup(value, (size_t)(equals - value));
    const bool stored = key && json_object_set_new(list_of(self, option), key, json_string(equals + 1)) == 0;
    free(key);
    return stored ? PEAL_OK : no_memory(self);
}

static peal_status set_value(const parser *self, const tools_option *option, const char *value) {
    PEAL_TRY(check_bytes(self, option, value ? value : ""));
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)field(self, option) = true;
        return PEAL_OK;
    case OPTION_TEXT:
    case OPTION_PATH:
        return set_text(self, option, value);
    case OPTION_COUNT:
        return set_count(self, option, value);
    case OPTION_NUMBER:
        return set_number(self, option, value);
    case OPTION_SPECS:
        return add_spec(self, option, value);
    case OPTION_PAIRS:
        return add_pair(self, option, value);
    case OPTION_LIST:
        return append(self, option, json_string(value));
    }
    return PEAL_OK;
}

/* ---- the job file ---- */

static peal_status set_from_job(const parser *self, const tools_option *option, const json_t *value) {
    json_t **list = field(self, option);
    bool array = option->kind == OPTION_SPECS || option->kind == OPTION_LIST;
    if (array && json_is_string(value)) return set_value(self, option, json_string_value(value));
    if (array || option->kind == OPTION_PAIRS) {
        if (array ? !json_is_array(value) : !json_is_object(value)) {
            return peal_fail(self->err, PEAL_E_USAGE, "'%s' must be a %s", option->name, array ? "list" : "mapping");
        }
        json_decref(*list);
        *list = json_incref((json_t *)value);
        for (size_t i = 0; option->kind == OPTION_LIST && i < json_array_size(value); i++) {
            if (json_is_string(json_array_get(value, i))) continue;
            return peal_fail(self->err, PEAL_E_USAGE, "'%s' must be a list of texts", option->name);
        }
        return PEAL_OK;
    }
    const char *text = json_string_value(value);
    if (!text) return peal_fail(self->err, PEAL_E_USAGE, "'%s' must be one value", option->name);
    if (option->kind != OPTION_FLAG) return set_value(self, option, text);
    if (strcmp(text, "true") != 0 && strcmp(text, "yes") != 0 && strcmp(text, "false") != 0 &&
        strcmp(text, "no") != 0) {
        return peal_fail(self->err, PEAL_E_USAGE, "'%s' must be true or false, not '%s'", option->name, text);
    }
    *(bool *)field(self, option) = text[0] == 't' || text[0] == 'y';
    return PEAL_OK;
}

/* ---- sources ---- */

static peal_status add_source(const parser *self, const char *source) {
    tools_options *options = self->options;
    if (!*source) return peal_fail(self->err, PEAL_E_USAGE, "the name of a source must not be empty");
    char **sources = realloc(options->sources, (options->source_count + 1) * sizeof *sources);
    if (!sources) return no_memory(self);
    options->sources = sources;
    sources[options->source_count] = peal_strdup(source);
    return sources[options->source_count++] ? PEAL_OK : no_memory(self);
}

static peal_status add_job_sources(const parser *self, const json_t *value) {
    if (json_is_string(value)) return add_source(self, json_string_value(value));
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *source = json_string_value(json_array_get(value, i));
        if (!source) return peal_fail(self->err, PEAL_E_USAGE, "'sources' must be a list of texts");
        PEAL_TRY(add_source(self, source));
    }
    return json_is_array(value) ? PEAL_OK : peal_fail(self->err, PEAL_E_USAGE, "'sources' must be a list");
}

static peal_status add_lines(const parser *self, char *text, size_t size) {
    const size_t before = self->options->source_count;
    if (strlen(text) < size) return peal_fail(self->err, PEAL_E_USAGE, "it has a NUL in it, and is no list of names");
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        line[strcspn(line, "\r")] = '\0';
        if (*line && *line != '#') PEAL_TRY(add_source(self, line));
    }
    if (self->options->source_count > before) return PEAL_OK;
    return peal_fail(self->err, PEAL_E_USAGE, "it names no source");
}

/* The names in the file that was named, behind all others. */
static peal_status add_listed_sources(const parser *self) {
    const char *path = self->options->sources_from;
    peal_error why;
    parser inside = *self;
    peal_buffer text = {0};
    inside.err = &why;
    peal_status status = peal_file_read(path, &text, &why);
    if (status == PEAL_OK) status = peal_buffer_append(&text, "", 1, &why);
    if (status == PEAL_OK) status = add_lines(&inside, (char *)text.data, text.size - 1);
    peal_buffer_clear(&text);
    if (status == PEAL_OK) return PEAL_OK;
    return peal_fail(self->err, status == PEAL_E_MEMORY ? status : PEAL_E_USAGE, "sources-from %s: %s", path,
                     why.message);
}

/* ---- the whole job file ---- */

/* In a job file lists have their plural's name: sources, transforms, types, nulls. */
static const tools_option *find_job_key(const parser *self, const char *key) {
    size_t length = strlen(key);
    const tools_option *option = find_option(self, key, length);
    if (!option && length > 1 && key[length - 1] == 's') option = find_option(self, key, length - 1);
    return option;
}

static peal_status read_job(const parser *self) {
    json_t *job;
    PEAL_TRY(tools_yaml_read(self->options->job, &job, self->err));
    peal_status status = PEAL_OK;
    const char *key;
    json_t *value;
    bool seen[OPTIONS] = {false}; /* keys that differ may name one option: drop and drops */
    /* of the command line, which wins */
    const bool has_sources = self->options->source_count > 0 || self->options->sources_from;
    json_object_foreach(job, key, value) {
        if (status != PEAL_OK) break;
        if (strcmp(key, "sources") == 0) {
            if (!has_sources) status = add_job_sources(self, value);
            continue;
        }
        const tools_option *option = find_job_key(self, key);
        const peal_option *reading = option ? NULL : find_reading_option(self, key, strlen(key));
        if (reading) {
            status = set_reading(self, reading, json_incref(value), false);
        } else if (!option) {
            status = unknown_option(self, "", key);
        } else if (option->offset == AT(job)) {
            status = peal_fail(self->err, PEAL_E_USAGE, "a job file cannot name another one");
        } else if (seen[option - tools_option_table]) {
            status = peal_fail(self->err, PEAL_E_USAGE, "'%s' stands there twice", option->name);
        } else if (option->offset == AT(sources_from) && has_sources) {
            continue;
        } else if (!self->given[option - tools_option_table]) {
            status = set_from_job(self, option, value);
        }
        if (option) seen[option - tools_option_table] = true;
    }
    json_decref(job);
    if (status != PEAL_OK) peal_error_context(self->err, "job file %s", self->options->job);
    return status;
}

/* ---- the command line ---- */

static peal_status parse_reading(const parser *self, const peal_option *option, const char *value, int count,
                                 char **words, int *at) {
    if (option->kind == PEAL_OPTION_FLAG && value) {
        return peal_fail(self->err, PEAL_E_USAGE, "--%s takes no value", option->name);
    }
    if (option->kind != PEAL_OPTION_FLAG && !value) {
        if (*at + 1 >= count)
            return peal_fail(self->err, PEAL_E_USAGE, "--%s wants %s", option->name, option->argument);
        value = words[++*at];
    }
    return set_reading_text(self, option, value);
}

static peal_status parse_word(parser *self, int count, char **words, int *at) {
    const char *word = words[*at];
    if (word[0] != '-' || word[1] == '\0') {
        return add_source(self, word);
    }
    if (strcmp(word, "-h") == 0) word = "--help";
    if (word[1] != '-') return peal_fail(self->err, PEAL_E_USAGE, "'%s': options begin with two dashes", word);
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const tools_option *option = find_option(self, name, length);
    const peal_option *reading = option ? NULL : find_reading_option(self, name, length);
    if (reading) return parse_reading(self, reading, equals ? equals + 1 : NULL, count, words, at);
    if (!option) {
        char *typed = peal_strndup(name, length);
        peal_status status = unknown_option(self, "--", typed ? typed : name);
        free(typed);
        return status;
    }
    const char *value = equals ? equals + 1 : NULL;
    if (option->kind == OPTION_FLAG && value)
        return peal_fail(self->err, PEAL_E_USAGE, "--%s takes no value", option->name);
    if (option->kind != OPTION_FLAG && !value) {
        if (*at + 1 >= count)
            return peal_fail(self->err, PEAL_E_USAGE, "--%s wants %s", option->name, option->argument);
        value = words[++*at];
    }
    self->given[option - tools_option_table] = true;
    return set_value(self, option, value);
}

peal_status tools_options_parse(unsigned command, const char *command_name, int count, char **words, tools_options *out,
                                peal_error *err) {
    bool given[OPTIONS] = {false};
    *out = (tools_options){0};
    parser self = {.command = command, .command_name = command_name, .options = out, .given = given, .err = err};
    bool only_sources = false;
    for (int at = 0; at < count; at++) {
        if (!only_sources && strcmp(words[at], "--") == 0) {
            only_sources = true;
        } else if (only_sources) {
            PEAL_TRY(add_source(&self, words[at]));
        } else {
            PEAL_TRY(parse_word(&self, count, words, &at));
        }
    }
    if (out->job) PEAL_TRY(read_job(&self));
    return out->sources_from ? add_listed_sources(&self) : PEAL_OK;
}

void tools_options_clear(tools_options *options) {
    for (size_t i = 0; i < tools_option_count; i++) {
        const tools_option *option = &tools_option_table[i];
        void *at = (uint8_t *)options + option->offset;
        if (option->kind == OPTION_TEXT || option->kind == OPTION_PATH) free(*(char **)at);
        if (option->kind == OPTION_LIST || option->kind == OPTION_SPECS || option->kind == OPTION_PAIRS) {
            json_decref(*(json_t **)at);
        }
    }
    for (size_t i = 0; i < options->source_count; i++) free(options->sources[i]);
    free(options->sources);
    json_decref(options->reading);
    json_decref(options->access);
    *options = (tools_options){0};
}
