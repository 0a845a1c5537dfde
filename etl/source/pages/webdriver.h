/* W3C WebDriver: commands to a browser's driver and its answers, which are JSON. Source: WebDriver (W3C, 2018),
 * sections 6 and 8. Private to this folder and its tests. */
#ifndef PEAL_ETL_SOURCE_PAGES_WEBDRIVER_H
#define PEAL_ETL_SOURCE_PAGES_WEBDRIVER_H

#include <jansson.h>

#include "etl/source/pages/fetch.h"

/* What an answer means for whoever asked. */
typedef enum pages__verdict {
    PAGES__DONE,
    PAGES__PAGE_FAILS,    /* the page, its server or its scripts: the browser goes on */
    PAGES__BROWSER_FAILS, /* the browser is gone, or cannot be told from one that is */
} pages__verdict;

/* Reads an answer. *value is its value (PAGES__DONE; to be let go by the caller), else `problem` is filled. */
pages__verdict pages__webdriver_read(const char *text, size_t size, json_t **value, char *problem, size_t capacity);

/* What a browser tells of the page that it shows: [URL, type, status, HTML]. False if it is no such thing. A page that
 * stands under another URL than `asked` becomes a redirect to it. */
bool pages__webdriver_page(const json_t *value, const char *asked, size_t most_bytes, pages__fetched *out);

/* The id of a new session, which the caller frees; NULL if there is none. */
char *pages__webdriver_session(const json_t *value);

#endif
