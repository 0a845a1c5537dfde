/* The helpers of json.h: one place where the JSON library's NULL and -1 are looked at. */
#include "core/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/locale.h"
#include "core/base/text.h"
#include "core/base/utf8.h"

/* `whole` if the library's `failed` is 0, else NULL with `whole` given up. */
static json_t *unless(int failed, json_t *whole) {
    if (!failed) return whole;
    json_decref(whole);
    return NULL;
}

json_t *peal_json_set(json_t *object, const char *key, json_t *value) {
    return unless(json_object_set_new(object, key, value), object); /* fails, too, if one of them is NULL */
}

json_t *peal_json_append(json_t *array, json_t *value) {
    return unless(json_array_append_new(array, value), array);
}

json_t *peal_json_merge(json_t *object, json_t *more) {
    const int failed = json_object_update(object, more);
    json_decref(more);
    return unless(failed, object);
}

json_t *peal_json_real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *string_of(char *text) {
    json_t *string = text ? json_string(text) : NULL;
    free(text);
    return string;
}

json_t *peal_json_path(const char *path) {
    return string_of(peal_text_of_path(path));
}

json_t *peal_json_bytes(const char *bytes, size_t size) {
    if (peal_utf8_error(bytes, size) == size) return json_stringn(bytes, size);
    return string_of(peal_text_printable(bytes, size));
}

peal_status peal_json_dump(const json_t *value, size_t flags, const char *what, char **out, peal_error *err) {
    const locale_t before = peal_locale_enter(); /* the library asks it for the decimal mark */
    *out = value ? json_dumps(value, flags) : NULL;
    peal_locale_leave(before);
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for %s", what);
}

json_t *peal_json_quote(const json_t *value) {
    char *text;
    if (peal_json_dump(value, JSON_COMPACT, "a document", &text, NULL) != PEAL_OK) return NULL;
    json_t *quoted = json_string(text);
    free(text);
    return quoted;
}

peal_status peal_json_parse(const char *name, const void *text, size_t size, json_t **out, peal_error *err) {
    json_error_t problem;
    const locale_t before = peal_locale_enter();
    *out = json_loadb(text, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &problem);
    peal_locale_leave(before);
    if (*out) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: line %d: %s", name, problem.line, problem.text);
}

peal_status peal_json_hash(const json_t *value, uint64_t seed, uint64_t *out, peal_error *err) {
    char *text;
    PEAL_TRY(peal_json_dump(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY, "a hash", &text, err));
    *out = peal_hash(text, strlen(text), seed);
    free(text);
    return PEAL_OK;
}
