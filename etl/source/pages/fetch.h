/* One page, or one robots.txt, from its server. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_PAGES_FETCH_H
#define PEAL_ETL_SOURCE_PAGES_FETCH_H

#include "core/base/memory.h"
#include "etl/source/pages/head.h"
#include "etl/source/request.h"
#include "etl/source/source.h"

typedef struct pages__fetching {
    const char *agent; /* "peal/1.0" */
    int64_t stall_ms;  /* a connection on which nothing comes for so long is given up */
    size_t most_bytes; /* of a page */
    bool allow_private;
    const char *bearer;          /* or NULL */
    const atomic_int *stop;      /* or NULL */
    const atomic_int *abandoned; /* not 0: nobody waits for it any more; or NULL */
} pages__fetching;

/* What came of it. */
typedef struct pages__fetched {
    pages__head head;
    peal_buffer body;  /* of status 200, of a page only if it is HTML */
    bool passes;       /* there is no answer that counts, and there may be one the next time */
    char problem[384]; /* why there is none, for people; "": there is an answer, with head.answer.status */
} pages__fetched;

/* Asks for `url` over `easy`, which may keep a connection for the next one. A page's redirects are not followed: they
 * are links. PEAL_E_INTERRUPTED, PEAL_E_MEMORY; all that the network does stands in *out, which the caller clears. */
peal_status pages__fetch(const pages__fetching *how, CURL *easy, const char *url, bool is_robots, pages__fetched *out,
                         peal_error *err);
void pages__fetched_clear(pages__fetched *fetched);

#endif
