/* A crawl: from some pages along their links, level by level, to rows. Private to this folder.
 *
 * Which pages are read, and the order of their rows, depends on the pages alone: those of a level are taken in the
 * order of the pages that lead to them and of the place in these, whatever came first. What is fetched and parsed at
 * the same time is bounded, and so is what waits for its turn to be taken. */
#ifndef PEAL_ETL_SOURCE_PAGES_CRAWL_H
#define PEAL_ETL_SOURCE_PAGES_CRAWL_H

#include "etl/source/kind.h"
#include "etl/source/pages/browser.h"
#include "etl/source/pages/hosts.h"
#include "etl/source/pages/sink.h"

typedef struct pages__crawl_options {
    const char *name; /* of the source, for messages */
    pages__fetching fetching;
    pages__wanted wanted;
    size_t connections; /* at once, to all hosts together */
    size_t browsers;    /* that read the pages; 0: none, they are read as they are sent */
    pages__browsing browsing;
    unsigned retries;              /* of a page, in a row */
    unsigned depth;                /* links from a start to a page, at most */
    size_t pages;                  /* that are asked for, at most */
    bool any_host;                 /* links to other hosts than the starts' are followed */
    const char *include, *exclude; /* patterns of URLs, with blanks between two; NULL: all, none */
} pages__crawl_options;

/* True if one of the patterns (with blanks between two) fits all of the URL; a star stands for any text. */
bool pages__fits_any(const char *patterns, const char *url);

/* Reads the pages from `starts` on, writes their rows into `sink` and tells what came of it. What cannot be read fails
 * the crawl, or is left out of the list (of options that go on). PEAL_E_DATA, PEAL_E_INTERRUPTED. */
peal_status pages__crawl(const pages__crawl_options *options, pages__hosts *hosts, char *const *starts, size_t count,
                         source__making *making, pages__sink *sink, peal_error *err);

#endif
