/* Options of a kind of thing (a format, a codec...), declared in its table row: typed, bounded and listed by the help.
 * Their values are a JSON object, as command line, job file and manifest have them. */
#ifndef PEAL_CORE_OPTION_H
#define PEAL_CORE_OPTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef enum peal_option_kind {
    PEAL_OPTION_FLAG,      /* true or false; alone on a command line it is true */
    PEAL_OPTION_TEXT,      /* any text that is not empty */
    PEAL_OPTION_WORDS,     /* any text, or an empty one, or a number as it stands */
    PEAL_OPTION_CHOICE,    /* one of `choices` */
    PEAL_OPTION_CHARACTER, /* one ASCII character, or "tab", or one of `choices` */
    PEAL_OPTION_COUNT,     /* a whole number from `least` to `most` */
    PEAL_OPTION_NUMBER,    /* a finite number, or one of `choices` */
    PEAL_OPTION_NUMBERS    /* a list of finite numbers */
} peal_option_kind;

typedef struct peal_option {
    const char *name; /* NULL ends a table */
    peal_option_kind kind;
    const char *const *choices; /* ends with NULL */
    uint64_t least, most;
    const char *argument, *help; /* for people; the help says what is done without it */
} peal_option;

/* PEAL_E_USAGE if `values` (may be NULL) holds what is none of these options, with the nearest right name, or a value
 * that one cannot have. `owner` is for the message: "the format csv". */
peal_status peal_options_check(const char *owner, const peal_option *table, const json_t *values, peal_error *err);

/* The same of one option, if it is among `values`; what else these hold is not looked at. */
peal_status peal_option_check(const peal_option *option, const json_t *values, peal_error *err);

/* The values of checked options; `otherwise` if it is not given. */
const char *peal_option_text(const json_t *values, const char *name, const char *otherwise);
bool peal_option_flag(const json_t *values, const char *name, bool otherwise);
uint64_t peal_option_count(const json_t *values, const char *name, uint64_t otherwise);
/* The character, or `otherwise` also where one of the choices is given. */
char peal_option_character(const json_t *values, const char *name, char otherwise);

#endif
