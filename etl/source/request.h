/* What all requests to web servers have in common, whoever makes them: how libcurl is told, which addresses are
 * refused, what is tried again and when. Private to sources. */
#ifndef PEAL_ETL_SOURCE_REQUEST_H
#define PEAL_ETL_SOURCE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "etl/source/libcurl.h"

enum { SOURCE__ASKED_MOST_S = 300 }; /* a server that wants more patience is not waited for */

/* One request. It outlives its run, and is not moved meanwhile. */
typedef struct source__request {
    const char *url, *agent;
    long redirects;     /* that libcurl follows, at most */
    int64_t connect_ms; /* a connection that takes longer is given up */
    bool allow_private; /* addresses that are not of the public internet */
    bool signs;         /* who asks signs the request: it gets no name, password or token */
    const char *bearer; /* a token, or NULL: sent by https, or in a network of one's own, to the URL's host */
    char refused[128];  /* out: the address that was not connected to */
} source__request;

/* Tells `easy` all of it: protocols, redirects, the judge of addresses, names and passwords of ~/.netrc or $NETRC. */
CURLcode source__request_apply(source__request *request, CURL *easy);

/* True if it may be otherwise the next time. */
bool source__status_passes(int status);
bool source__code_passes(CURLcode code);
/* A pause that doubles with each failure in a row (from 1), and differs between URLs and seeds, so that not all come
 * back at once. */
int64_t source__back_off_ms(const char *url, unsigned failures, uint64_t seed);

/* The token of PEAL_HTTP_BEARER, or of the file that PEAL_HTTP_BEARER_FILE names; NULL: none. Freed by the caller. */
peal_status source__bearer_find(char **out, peal_error *err);

#endif
