/* UTF-8, which all text in a dataset is. */
#ifndef PEAL_CORE_UTF8_H
#define PEAL_CORE_UTF8_H

#include <stddef.h>

/* The place of the first byte that is not well-formed UTF-8, or `length` if all is. Source: The Unicode Standard, table
 * 3-7, "Well-Formed UTF-8 Byte Sequences". */
size_t peal_utf8_error(const char *text, size_t length);

#endif
