/* What stands where output is to go. Kept inside core. */
#ifndef PEAL_CORE_TARGET_H
#define PEAL_CORE_TARGET_H

#include "core/base/status.h"

/* Where output to a path really goes. */
typedef struct core__target {
    char *path;     /* with symbolic links resolved, so that what they point to is replaced and they stay */
    int descriptor; /* the path names this open descriptor (/dev/stdout, /dev/fd/N, /proc/self/fd/N); else -1 */
} core__target;

/* Checks the name (peal_output_check) and resolves it. A dangling link is resolved to the name that it gives. */
peal_status core__target_find(const char *path, core__target *out, peal_error *err);

/* A place that cannot be written to is the user's wish gone wrong; a full disk or a broken one is not. */
peal_status core__unwritable(int error_number);

#endif
