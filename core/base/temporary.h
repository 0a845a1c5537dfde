/* Temporary names: what is being made stands beside its target as "<name>.peal-tmp-<16 random hexadecimal digits>".
 * Kept inside core.
 *
 * Its maker holds a lock on it for as long as it is made. So one whose lock can be had was left by a job that died, and
 * one whose lock cannot be had tells that another job is making the same output. */
#ifndef PEAL_CORE_TEMPORARY_H
#define PEAL_CORE_TEMPORARY_H

#include <stdbool.h>

#include "core/base/status.h"

typedef struct core__temporary {
    char *path;
    int fd;          /* open for writing if it is a file; a core__locked_open descriptor */
    bool is_adopted; /* a killed job made it */
} core__temporary;

typedef enum core__temporary_kind {
    TEMPORARY_FILE,
    TEMPORARY_FOLDER,
    TEMPORARY_ADOPTED /* a folder: one that a killed job left, if there is one */
} core__temporary_kind;

/* Makes an empty file or folder beside `target`, after removing what killed jobs left there for that target.
 * PEAL_E_BUSY if another job is making the same target. */
peal_status core__temporary_make(const char *target, core__temporary_kind kind, core__temporary *out, peal_error *err);
/* Lets go of what now stands at its target, or is to be found by a later job; closes. False: as core__locked_close. */
bool core__temporary_end(core__temporary *temporary);
/* Removes it, with all that is in it, and ends. */
void core__temporary_remove(core__temporary *temporary);

#endif
