/* Work as ETL jobs do it, to be measured by `peal help concurrency`: images, queries, and requests to a server of its
 * own on this machine. */
#ifndef PEAL_TOOLS_CONCURRENCY_USES_H
#define PEAL_TOOLS_CONCURRENCY_USES_H

#include <stdbool.h>
#include <stddef.h>

/* Makes what the next two work on: an image in memory, a database in the folder for temporary files. False: there can
 * be none of them. Cleared by tools_uses_end, also then. */
bool tools_uses_begin(void);
void tools_uses_end(void);

/* Decodes an image. Any thread or forked process. */
void tools_use_image(void);
/* Reads the rows of a query, over connections of its own. Likewise. */
void tools_use_query(void);

enum { TOOLS_USES_OBJECTS = 16, TOOLS_USES_LATE_MS = 5 };
/* A server in a process of its own, on a loopback address, that answers each request TOOLS_USES_LATE_MS late. False:
 * there can be none. */
bool tools_uses_serve(void);
/* Seconds to fetch TOOLS_USES_OBJECTS small objects of it over so many connections; NaN: it did not work. */
double tools_use_server(size_t connections);
void tools_uses_serve_end(void);

#endif
