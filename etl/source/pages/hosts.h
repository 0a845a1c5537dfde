/* Hosts: what each of them asks for (robots.txt), and when it may be asked for its next page. Private to this folder.
 *
 * A host is a name, whatever the port: how many requests are under way and how far apart they begin is judged by it. An
 * origin (https://host:port) has a robots.txt of its own. Requests wait in a queue of their host, in order. */
#ifndef PEAL_ETL_SOURCE_PAGES_HOSTS_H
#define PEAL_ETL_SOURCE_PAGES_HOSTS_H

#include "etl/source/pages/fetch.h"
#include "etl/source/pages/page.h"
#include "etl/source/pages/robots.h"

typedef struct pages__host pages__host;

typedef struct pages__origin {
    struct pages__origin *next;
    char *text; /* https://host:port */
    pages__host *host;
    bool is_asked, is_known; /* its robots.txt */
    pages__robots *robots;   /* NULL: all may be read */
    char *problem;           /* why nothing of it is read; NULL: nothing is in the way */
    bool is_told;            /* that problem */
} pages__origin;

/* One request and what came of it. While it is queued or under way it belongs to whoever runs it. */
typedef struct pages__item {
    struct pages__item *next; /* in its host's queue */
    char *url;
    pages__origin *origin;
    size_t place; /* among the pages that are read together */
    bool is_robots, is_start;
    unsigned redirects, failures;
    int64_t ready_ns; /* not before */
    bool done;
    pages__fetched fetched;
    bool is_read; /* `page` is there */
    pages__page page;
    peal_error problem; /* .status: not PEAL_OK if it cannot be read; of a page PEAL_E_DATA */
} pages__item;

typedef struct pages__hosts pages__hosts;

/* At most `per_host` requests to a host at once, which begin `delay_ns` apart, or as far as the host asks. */
peal_status pages__hosts_new(size_t per_host, int64_t delay_ns, pages__hosts **out, peal_error *err);
/* No request is under way. NULL is allowed. */
void pages__hosts_free(pages__hosts *hosts);

/* The origin of a URL, which lives as long as the hosts. */
peal_status pages__hosts_origin(pages__hosts *hosts, const pages__url *url, pages__origin **out, peal_error *err);
/* Takes in what robots.txt came to. */
peal_status pages__origin_learn(pages__origin *origin, const pages__item *robots, peal_error *err);

/* Behind all others of its host. */
void pages__hosts_queue(pages__item *item);
/* Forgets all that wait. */
void pages__hosts_unqueue(pages__hosts *hosts);
/* Only pages before `end`, of any place: what is done and not taken yet is bounded. */
typedef struct pages__gate {
    size_t first, end; /* the first one may always begin */
} pages__gate;
/* The next request that may begin now, with a handle for it (NULL: no memory); else NULL, and *wait_ns tells when to
 * ask again, at most 100 ms. */
pages__item *pages__hosts_take(pages__hosts *hosts, const pages__gate *gate, int64_t now_ns, CURL **easy,
                               int64_t *wait_ns);
/* Its request has ended. */
void pages__hosts_release(pages__hosts *hosts, const pages__item *item, CURL *easy);
/* No request to the host begins before. */
void pages__hosts_pause(const pages__item *item, int64_t until_ns);

#endif
