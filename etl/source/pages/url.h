/* URLs of pages in one spelling each, so that two that lead to the same page are the same text.
 *
 * What is normal: scheme and host in small letters, no default port, "/" for an empty path, no dot segments, %XX in
 * capitals and only where it is needed, no fragment. Only http and https, without a user's name. Source: RFC 3986,
 * sections 5.2, 5.2.4 and 6.2; blanks around a link, line ends in it and backslashes are read as browsers do (WHATWG
 * URL). Private to this folder and its tests. */
#ifndef PEAL_ETL_SOURCE_PAGES_URL_H
#define PEAL_ETL_SOURCE_PAGES_URL_H

#include <stdbool.h>
#include <stddef.h>

enum { PAGES__URL_MOST = 2000 }; /* bytes; a longer one is none */

typedef struct pages__url {
    char text[PAGES__URL_MOST + 1]; /* https://host:port/path?query */
    size_t length;
    size_t host, host_end; /* of the name; a port may follow */
    size_t path;           /* where the path begins, and the authority ends */
} pages__url;

/* What `text` means within the page `base` (NULL: it must be a whole URL). False if it is no URL of a page: another
 * scheme, a name and password, a host with other letters than ASCII, too long. *out is then undefined. */
bool pages__url_resolve(const pages__url *base, const char *text, size_t length, pages__url *out);
/* True if both are of one host and port; a default port is one, whatever the scheme. */
bool pages__url_is_same_host(const pages__url *a, const pages__url *b);
/* The length of "https://host:port". */
size_t pages__url_origin(const pages__url *url);

/* Writes `text` with %XX in one spelling, where `keep` says which reserved characters stand for themselves; returns the
 * end, or NULL if `capacity` bytes are too few. */
char *pages__percent_normalise(const char *text, size_t length, const char *keep, char *out, size_t capacity);

#endif
