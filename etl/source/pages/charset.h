/* The bytes of a page to UTF-8. Private to this folder and its tests. */
#ifndef PEAL_ETL_SOURCE_PAGES_CHARSET_H
#define PEAL_ETL_SOURCE_PAGES_CHARSET_H

#include "core/base/memory.h"

/* Appends the page in UTF-8 to `out`. What it is written in is told by its byte order mark, else by `named` (the
 * charset of the Content-Type; NULL: none), else by a <meta> in its first 1,024 bytes, else it is UTF-8 if all of it
 * is, and windows-1252 if not. A name that nobody knows is as if it had not been given; bytes that are no text of it
 * become U+FFFD. Source: WHATWG HTML, 13.2.3.2; WHATWG Encoding, 4.2 (latin1 means windows-1252, and so on). */
peal_status pages__to_utf8(const uint8_t *bytes, size_t size, const char *named, peal_buffer *out, peal_error *err);

/* The value of charset= in "text/html; charset=utf-8": its place in `text` and its length; 0 if there is none. */
size_t pages__charset_of(const char *text, size_t length, const char **begin);

#endif
