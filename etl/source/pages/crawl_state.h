/* What the files of a crawl share: the threads that fetch and parse, and the one that takes pages in order. Private to
 * them. */
#ifndef PEAL_ETL_SOURCE_PAGES_CRAWL_STATE_H
#define PEAL_ETL_SOURCE_PAGES_CRAWL_STATE_H

#include <pthread.h>

#include "core/thread/executor.h"
#include "etl/source/pages/crawl.h"

/* One thread, and the browser that it has, if pages are read by browsers. */
typedef struct pages__member {
    struct pages__crew *crew;
    peal_future *thread;
    pages__browser browser;
} pages__member;

/* Requests under way, and the threads that run them. The first group is fixed; the second is guarded by the lock. */
typedef struct pages__crew {
    const peal_reporter *reporter; /* used by the thread that takes pages alone */
    const pages__crawl_options *options;
    pages__hosts *hosts;
    const atomic_int *stop;
    size_t parsers; /* pages that are parsed at once, at most */
    peal_executor *executor;
    pages__member *members; /* [member_count] */
    size_t member_count;
    uint64_t seed;
    atomic_int abandoned; /* requests under way are given up */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t parsing;
    size_t next;   /* the place of the page that is taken next */
    uint64_t held; /* bytes of pages that are done and were not taken yet */
    bool closing;
    unsigned depth;     /* of the pages under way */
    peal_buffer notes;  /* to be reported: texts with a NUL behind each */
    peal_status status; /* of a thread that cannot go on */
    peal_error error;
} pages__crew;

peal_status pages__crew_begin(pages__crew *crew, const pages__crawl_options *options, pages__hosts *hosts,
                              const peal_source_options *wishes, peal_error *err);
/* Ends the threads; what is under way is waited for, what waits is forgotten. */
void pages__crew_stop(pages__crew *crew);
void pages__crew_end(pages__crew *crew);
/* Queues requests. Their places begin at 0 each time that none is left. */
void pages__crew_queue(pages__crew *crew, pages__item *const *items, size_t count, unsigned depth);
/* Waits until `item` is done. */
peal_status pages__crew_wait(pages__crew *crew, pages__item *item, peal_error *err);

void pages__item_free(pages__item *item);

#endif
