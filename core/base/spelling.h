/* The right words to a mistyped one: the nearest, and which there are. */
#ifndef PEAL_CORE_SPELLING_H
#define PEAL_CORE_SPELLING_H

#include <stddef.h>

enum { PEAL_HINT_SIZE = 640 };

/* The word of `words` with the smallest edit distance to `typed` (adjacent swaps count one), or NULL if none is near
 * enough to be what was meant. */
const char *peal_nearest_word(const char *typed, const char *const *words, size_t count);

/* For the end of an error message: " (did you mean 'x'?); there are: x, y, z", without the first part if no word is
 * near; of many words the first twelve. Returns `text`. */
const char *peal_did_you_mean(const char *typed, const char *const *words, size_t count, char text[PEAL_HINT_SIZE]);

#endif
