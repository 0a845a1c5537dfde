/* Cuts NAME:key=value,... into its parts and checks them; see spec.h. */
#include "core/base/spec.h"

#include <string.h>

#include "core/base/number.h"
#include "core/base/spelling.h"

peal_status peal_spec_parse(const char *kind, const char *text, peal_spec *out, peal_error *err) {
    *out = (peal_spec){0};
    if (strlen(text) >= sizeof out->text)
        return peal_fail(err, PEAL_E_USAGE, "the %s '%.60s...' is too long", kind, text);
    memcpy(out->text, text, strlen(text) + 1);
    out->name = out->text;
    char *rest = strchr(out->text, ':');
    if (*out->text == '\0' || rest == out->text) return peal_fail(err, PEAL_E_USAGE, "the %s has no name", kind);
    if (!rest) return PEAL_OK;
    *rest++ = '\0';
    while (rest) {
        char *next = strchr(rest, ','), *equals = strchr(rest, '=');
        /* A comma between "=" and the end, or another comma, is a value. */
        if (next && equals && next == equals + 1 && (next[1] == ',' || next[1] == '\0')) next = strchr(next + 1, ',');
        if (next) *next++ = '\0';
        if (equals && next && equals >= next) equals = NULL;
        if (!equals || equals == rest || equals[1] == '\0') {
            return peal_fail(err, PEAL_E_USAGE, "%s '%s': '%s' is not of the form key=value", kind, text, rest);
        }
        if (out->count == PEAL_SPEC_OPTIONS)
            return peal_fail(err, PEAL_E_USAGE, "%s '%s': too many options", kind, text);
        *equals = '\0';
        out->keys[out->count] = rest;
        out->values[out->count++] = equals + 1;
        rest = next;
    }
    return PEAL_OK;
}

peal_status peal_spec_check(const char *kind, const peal_spec *spec, const char *const *known, peal_error *err) {
    size_t count = 0;
    while (known[count]) count++;
    for (size_t i = 0; i < spec->count; i++) {
        size_t at = 0;
        while (at < count && strcmp(known[at], spec->keys[i]) != 0) at++;
        if (at == count) {
            char hint[PEAL_HINT_SIZE];
            return peal_fail(err, PEAL_E_USAGE, "the %s '%s' has no option '%s'%s", kind, spec->name, spec->keys[i],
                             peal_did_you_mean(spec->keys[i], known, count, hint));
        }
        for (size_t before = 0; before < i; before++) {
            if (strcmp(spec->keys[before], spec->keys[i]) == 0) {
                return peal_fail(err, PEAL_E_USAGE, "%s '%s': '%s' stands there twice", kind, spec->name,
                                 spec->keys[i]);
            }
        }
    }
    return PEAL_OK;
}

const char *peal_spec_find(const peal_spec *spec, const char *key) {
    for (size_t i = 0; i < spec->count; i++) {
        if (strcmp(spec->keys[i], key) == 0) return spec->values[i];
    }
    return NULL;
}

peal_status peal_spec_number(const peal_spec *spec, const char *key, double otherwise, double least, double most,
                             double *out, peal_error *err) {
    const char *text = peal_spec_find(spec, key);
    *out = otherwise;
    if (!text) return PEAL_OK;
    double value;
    if (!peal_number_parse(text, strlen(text), &value) || value < least || value > most) {
        return peal_fail(err, PEAL_E_USAGE, "%s: %s must be a number from %g to %g, not '%s'", spec->name, key, least,
                         most, text);
    }
    *out = value;
    return PEAL_OK;
}

peal_status peal_spec_choose(const char *kind, const char *name, const char *const *names, size_t count, size_t *out,
                             peal_error *err) {
    for (*out = 0; *out < count; ++*out) {
        if (strcmp(name, names[*out]) == 0) return PEAL_OK;
    }
    char hint[PEAL_HINT_SIZE];
    return peal_fail(err, PEAL_E_USAGE, "no %s is called '%s'%s", kind, name,
                     peal_did_you_mean(name, names, count, hint));
}
