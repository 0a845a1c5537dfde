/* JSON documents, made and read with no result of the JSON library left unseen.
 *
 * A step that fails returns NULL, and every function here that is given a NULL hands it on, as json_pack does: a
 * document is NULL if any part of it could not be made. So it is checked once, where it is finished, by
 * peal_json_dump. Texts that may be no UTF-8 go in by peal_json_path or peal_json_bytes; all others are checked
 * where they enter Peal, so that what is left to fail is memory. */
#ifndef PEAL_CORE_JSON_H
#define PEAL_CORE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* `object` with `value` under `key`. Takes both; NULL, with both given up, if one is NULL or there is no memory. */
json_t *peal_json_set(json_t *object, const char *key, json_t *value);
/* `array` with `value` at its end. Takes both, in the same way. */
json_t *peal_json_append(json_t *array, json_t *value);
/* `object` with all keys of `more`. Takes both, in the same way. */
json_t *peal_json_merge(json_t *object, json_t *more);

/* A number; null if it is not finite, which JSON cannot write. */
json_t *peal_json_real(double value);
/* A file name, as peal_text_of_path spells it. */
json_t *peal_json_path(const char *path);
/* Bytes from outside: the text that they are, or, if they are not UTF-8, as peal_text_printable spells them. */
json_t *peal_json_bytes(const char *bytes, size_t size);

/* The text of `value`, freed by the caller. `what` names it: if `value` is NULL or there is no memory, the error is "no
 * memory for WHAT". `flags` are the JSON library's. */
peal_status peal_json_dump(const json_t *value, size_t flags, const char *what, char **out, peal_error *err);
/* The text of `value` as a JSON text of its own, for a document within a document; NULL if that cannot be. */
json_t *peal_json_quote(const json_t *value);
/* Reads a document, in which a text may hold NUL but an object no key twice. PEAL_E_DATA: "NAME: line 3: why". */
peal_status peal_json_parse(const char *name, const void *text, size_t size, json_t **out, peal_error *err);
/* A hash of `value` that does not depend on the order of keys. */
peal_status peal_json_hash(const json_t *value, uint64_t seed, uint64_t *out, peal_error *err);

#endif
