/* The nearest right word to a mistyped one. */
#ifndef PEAL_CORE_SPELLING_H
#define PEAL_CORE_SPELLING_H

#include <stddef.h>

/* The word of `words` with the smallest edit distance to `typed` (adjacent swaps count one), or NULL if none is near
 * enough to be what was meant. */
const char *peal_nearest_word(const char *typed, const char *const *words, size_t count);

/* Writes " (did you mean 'x'?)" or an empty string, for the end of an error message. Returns `text`. */
const char *peal_did_you_mean(const char *typed, const char *const *words, size_t count, char text[160]);

#endif
