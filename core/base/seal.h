/* The seal: a file's checksum that stands in the file itself.
 *
 * A JSON text, which is the file or its beginning, holds the key "xxh3" with 16 lower-case hexadecimal digits: the XXH3
 * of all bytes of the file, with these digits taken as zeros. The first "xxh3" of the text is the seal. (In a JSON text
 * the characters "xxh3": can only be a key; within a text the quotes would be escaped.) */
#ifndef PEAL_CORE_SEAL_H
#define PEAL_CORE_SEAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { PEAL_SEAL_SIZE = 16 };
#define PEAL_SEAL_KEY "xxh3"
/* What stands in the place of the seal until it is known. */
#define PEAL_SEAL_BLANK "0000000000000000"

/* Where the 16 digits stand in `text`, or SIZE_MAX. */
size_t peal_seal_find(const char *text, size_t size);

/* Seals a whole text, in which the seal is blank. False if it has no seal. */
bool peal_seal_close(char *text, size_t size);

/* PEAL_E_DATA if the file's bytes have no seal in their part [begin, begin + text_size) or one that does not fit. */
peal_status peal_seal_check(const char *name, const uint8_t *bytes, size_t size, size_t begin, size_t text_size,
                            peal_error *err);

/* Reads a sealed JSON file whose "kind" and "version" must be these. `noun` names such a file ("a dataset's manifest").
 */
peal_status peal_seal_read(const char *path, const char *noun, const char *kind, int version, json_t **out,
                           peal_error *err);
/* The JSON file at `path` if it says that it is of this kind, whatever its version and its seal; NULL if it does not.
 * For those who ask only whose it is. */
json_t *peal_seal_peek(const char *path, const char *kind);
/* Writes a JSON object, whole or not at all; the seal is put in front of its keys. NULL is "no memory". */
peal_status peal_seal_write(const char *path, const json_t *object, peal_error *err);

/* The sentence for a file of another version. */
peal_status peal_seal_wrong_version(const char *name, const char *found, int version, peal_error *err);

#endif
