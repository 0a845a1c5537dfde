/* Patterns with stars, as robots.txt and options have them. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_PAGES_PATTERN_H
#define PEAL_ETL_SOURCE_PAGES_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* True if the pattern fits the text, or, unless `whole`, its beginning. A star stands for any text. */
bool pages__pattern_fits(const char *pattern, size_t length, const char *text, bool whole);

#endif
