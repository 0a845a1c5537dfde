/* robots.txt: what a host asks of programs that read its pages. Source: RFC 9309;
 * Crawl-delay, which it does not have, as sites write it. Private to this folder and its tests. */
#ifndef PEAL_ETL_SOURCE_PAGES_ROBOTS_H
#define PEAL_ETL_SOURCE_PAGES_ROBOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

enum { PAGES__ROBOTS_MOST = 512 << 10 }; /* bytes that are read; what is behind them is not looked at */

typedef struct pages__robots pages__robots;

/* The rules for `agent`, a product's name: those of all groups that name it, else those of "*". Any bytes are a
 * robots.txt: what is no rule is passed over. */
peal_status pages__robots_parse(const char *text, size_t size, const char *agent, pages__robots **out, peal_error *err);
/* Whether a page may be read: the longest rule that fits decides, of equal ones the one that allows. `path` is the
 * normal URL's, with its query. NULL rules: all may. */
bool pages__robots_allows(const pages__robots *robots, const char *path);
/* Seconds between two pages, or -1. */
double pages__robots_delay(const pages__robots *robots);
void pages__robots_free(pages__robots *robots);

#endif
