/* Edits of JSON documents: fuzz bytes choose where and how. What comes out is well-formed, and mostly makes no sense.
 *
 * Used by the targets *_edit_fuzz.c and by tests/models/edits_test.c. A text that holds JSON itself (a model's
 * pipeline) is edited inside, too. */
#ifndef PEAL_TESTS_FUZZ_EDIT_H
#define PEAL_TESTS_FUZZ_EDIT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Choices that are read from bytes; zeros when they are used up. */
typedef struct edit_choices {
    const uint8_t *bytes;
    size_t size;
} edit_choices;

/* One to four edits of `document`, an object: a value becomes one of another type or an extreme number, is deleted,
 * doubled, or swapped with another one; a key is renamed; a text or an array becomes shorter or longer. */
void edit_document(json_t *document, edit_choices *choices);

/* Edits the header of safetensors bytes; *out is allocated, its seal is right if there still is one. Returns its size.
 */
size_t edit_safetensors(const uint8_t *bytes, size_t size, edit_choices *choices, uint8_t **out);
/* The same for the document under `key` of its metadata alone. */
size_t edit_safetensors_key(const uint8_t *bytes, size_t size, const char *key, edit_choices *choices, uint8_t **out);
/* The same for a sealed JSON text. */
size_t edit_sealed_text(const uint8_t *bytes, size_t size, edit_choices *choices, uint8_t **out);

/* True if `a` and `b` differ at a key out of `keys` (ended by NULL), or in what stands below one. Texts that hold JSON
 * are compared inside. */
int edit_differs_at(const json_t *a, const json_t *b, const char *const *keys);

#endif
