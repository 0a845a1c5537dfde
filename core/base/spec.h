/* A spec: how things with options are named in one word on a command line: NAME or NAME:key=value,key=value. */
#ifndef PEAL_CORE_SPEC_H
#define PEAL_CORE_SPEC_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { PEAL_SPEC_OPTIONS = 32, PEAL_SPEC_TEXT = 4096 };

typedef struct peal_spec {
    char text[PEAL_SPEC_TEXT]; /* the words, each ended by a NUL */
    const char *name;
    const char *keys[PEAL_SPEC_OPTIONS], *values[PEAL_SPEC_OPTIONS];
    size_t count;
} peal_spec;

/* Takes `text` apart. `kind` ("model", "optimizer") is for messages. PEAL_E_USAGE if it has no such form. The spec
 * points into itself: do not copy it. */
peal_status peal_spec_parse(const char *kind, const char *text, peal_spec *out, peal_error *err);
/* PEAL_E_USAGE, with the nearest right name, if a key is not among `known` (NULL-terminated) or stands twice. */
peal_status peal_spec_check(const char *kind, const peal_spec *spec, const char *const *known, peal_error *err);
/* The value of a key, or NULL. */
const char *peal_spec_find(const peal_spec *spec, const char *key);
/* The number of a key within [least, most], or `otherwise` if the key is not given. */
peal_status peal_spec_number(const peal_spec *spec, const char *key, double otherwise, double least, double most,
                             double *out, peal_error *err);
/* The place of `name` in `names` [count]; PEAL_E_USAGE with the nearest right one otherwise. */
peal_status peal_spec_choose(const char *kind, const char *name, const char *const *names, size_t count, size_t *out,
                             peal_error *err);

#endif
