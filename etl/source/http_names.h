/* Names of objects of web servers: https://host/path, with templates and checksums. Private to this folder.
 *
 *   https://host/part-{000..999}.csv.gz          a thousand objects, numbers of as many digits
 *   https://host/{train,test}.csv                two
 *   https://host/a.csv#sha256=64 hex digits      its bytes must have this hash */
#ifndef PEAL_ETL_SOURCE_HTTP_NAMES_H
#define PEAL_ETL_SOURCE_HTTP_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { SOURCE__NAMES_MOST = 1000000 }; /* that one template stands for */

bool source__is_http(const char *name);

/* PEAL_E_USAGE if the name is no URL, has a user's name or password in it, has a template or a checksum that is none,
 * or stands for too many. */
peal_status source__http_check(const char *name, peal_error *err);

/* Calls `take` with each URL that a checked name stands for, the last template's values first. `sha256` is NULL if no
 * checksum was given; it and `url`, which has no "#" any more, are valid during the call. */
peal_status source__http_expand(const char *name,
                                peal_status (*take)(void *user, const char *url, const uint8_t *sha256,
                                                    peal_error *err),
                                void *user, peal_error *err);

#endif
