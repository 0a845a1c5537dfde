/* Browsers for pages whose content scripts make: each is a process of its own with a driver, and one thread's. Private
 * to this folder. */
#ifndef PEAL_ETL_SOURCE_PAGES_BROWSER_H
#define PEAL_ETL_SOURCE_PAGES_BROWSER_H

#include "etl/source/pages/driver.h"
#include "etl/source/pages/webdriver.h"

typedef struct pages__browsing {
    const char *wait; /* a CSS selector of what must be there; NULL: the page's load is waited for */
    int64_t limit_ms; /* for the load, and again for what is waited for */
} pages__browsing;

typedef struct pages__browser {
    size_t number; /* from 1, for people */
    bool runs;
    pages__driver driver;
    char *session;
    CURL *easy;
} pages__browser;

/* Shows `url` and takes what is there then. A browser is started if none runs. What it does, hanging and dying too,
 * stands in *out as of pages__fetch; *is_lost: it was ended, and the next page gets a new one. PEAL_E_FAILED: there is
 * none that could be started. */
peal_status pages__browser_fetch(pages__browser *browser, const pages__fetching *how, const pages__browsing *what,
                                 const char *url, pages__fetched *out, bool *is_lost, peal_error *err);
/* Ends it, if it runs, with all its processes. */
void pages__browser_end(pages__browser *browser);

#endif
