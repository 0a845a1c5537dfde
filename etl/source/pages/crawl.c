/* The order of a crawl: which pages are asked for, and what is taken of them; see crawl.h. */
#include "etl/source/pages/crawl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/machine.h"
#include "etl/source/pages/crawl_state.h"
#include "etl/source/pages/pattern.h"
#include "etl/source/pages/set.h"

enum { REDIRECTS_MOST = 8, CANDIDATES_MOST = 1000000, TOGETHER_MOST = 10000 };

/* A page that something leads to. */
typedef struct candidate {
    char *url;
    unsigned redirects; /* that led to it */
} candidate;

typedef struct candidates {
    candidate *all;
    size_t count, capacity;
} candidates;

/* What became of the pages. */
typedef struct counts {
    size_t asked, read, disallowed, no_index, same_bytes, same_page, no_html, missing, failed, elsewhere;
} counts;

typedef struct crawl {
    const pages__crawl_options *options;
    pages__hosts *hosts;
    source__making *making;
    pages__sink *sink;
    pages__crew crew;
    pages__url *starts; /* [start_count] */
    size_t start_count;
    candidates level, redirects; /* the links of the pages of a level; where its pages were moved to */
    pages__set seen;             /* URLs that were candidates */
    pages__set shown, bodies;    /* of pages with rows: which page each says that it is; hashes */
    counts counts;
    bool cut;         /* there were more pages than may be asked for */
    char reason[512]; /* why the first page that gave nothing gave nothing */
} crawl;

/* ---- candidates ---- */

static void candidates_clear(candidates *self) {
    for (size_t i = 0; i < self->count; i++) free(self->all[i].url);
    free(self->all);
    *self = (candidates){0};
}

static peal_status candidates_add(candidates *self, const char *url, unsigned redirects, peal_error *err) {
    if (self->count == self->capacity) {
        const size_t capacity = self->capacity * 2 + 64;
        candidate *longer = realloc(self->all, capacity * sizeof *longer);
        if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of pages");
        self->all = longer;
        self->capacity = capacity;
    }
    char *copy = peal_strdup(url);
    if (!copy) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of pages");
    self->all[self->count++] = (candidate){copy, redirects};
    return PEAL_OK;
}

bool pages__fits_any(const char *patterns, const char *url) {
    while (*patterns) {
        patterns += strspn(patterns, " ");
        const size_t length = strcspn(patterns, " ");
        if (length && pages__pattern_fits(patterns, length, url, true)) return true;
        patterns += length;
    }
    return false;
}

static bool is_host_wanted(const crawl *self, const pages__url *url) {
    if (self->options->any_host) return true;
    for (size_t i = 0; i < self->start_count; i++) {
        if (pages__url_is_same_host(&self->starts[i], url)) return true;
    }
    return false;
}

static bool is_wanted(const crawl *self, const pages__url *url) {
    const pages__crawl_options *options = self->options;
    if (options->exclude && pages__fits_any(options->exclude, url->text)) return false;
    return !options->include || pages__fits_any(options->include, url->text);
}

static peal_status take_links(crawl *self, const pages__page *page, peal_error *err) {
    if (page->links.size == 0) return PEAL_OK;
    const char *at = (const char *)page->links.data, *const end = at + page->links.size;
    for (; at < end; at += strlen(at) + 1) {
        pages__url url;
        bool is_new;
        if (self->level.count == CANDIDATES_MOST) {
            self->cut = true;
            return PEAL_OK;
        }
        if (!pages__url_resolve(NULL, at, strlen(at), &url) || !is_host_wanted(self, &url) || !is_wanted(self, &url)) {
            continue;
        }
        PEAL_TRY(pages__set_add(&self->seen, url.text, &is_new, err));
        if (is_new) PEAL_TRY(candidates_add(&self->level, url.text, 0, err));
    }
    return PEAL_OK;
}

/* ---- what came of a page ---- */

static void note_reason(crawl *self, const char *url, const char *why) {
    if (!self->reason[0]) snprintf(self->reason, sizeof self->reason, "%.300s %.200s", url, why);
}

/* A page, or a host, that cannot be read: the crawl fails, or does without it. */
static peal_status leave_out(crawl *self, const char *what, const char *why, peal_error *err) {
    const peal_source_options *options = self->making->options;
    self->counts.failed++;
    if (!options->go_on) return peal_fail(err, PEAL_E_DATA, "%s", why);
    if (!self->reason[0]) snprintf(self->reason, sizeof self->reason, "%.500s", why);
    return peal_source_leave_out(self->making->list, what, why, options->reporter, err);
}

static peal_status follow(crawl *self, const pages__item *item, const pages__url *from, unsigned depth,
                          peal_error *err) {
    const pages__head *head = &item->fetched.head;
    pages__url to;
    bool is_new;
    char why[PAGES__URL_MOST + 64];
    if (!head->location[0] || !pages__url_resolve(from, head->location, strlen(head->location), &to)) {
        snprintf(why, sizeof why, "%s: the server answered %d and does not say which page is meant", item->url,
                 head->answer.status);
        return leave_out(self, item->url, why, err);
    }
    if (item->redirects == REDIRECTS_MOST) {
        snprintf(why, sizeof why, "%s: more than %d redirects led to it, and here is one more", item->url,
                 REDIRECTS_MOST);
        return leave_out(self, item->url, why, err);
    }
    const bool secure = from->text[4] == 's';
    if (!is_host_wanted(self, &to) || (depth > 0 && !is_wanted(self, &to)) || (secure && to.text[4] != 's')) {
        snprintf(why, sizeof why, "leads to %s, which is not read from here", to.text);
        note_reason(self, item->url, why);
        self->counts.elsewhere++;
        return PEAL_OK;
    }
    PEAL_TRY(pages__set_add(&self->seen, to.text, &is_new, err));
    if (is_new) return candidates_add(&self->redirects, to.text, item->redirects + 1, err);
    snprintf(why, sizeof why, "leads to %s, which was asked for already", to.text);
    note_reason(self, item->url, why);
    return PEAL_OK;
}

/* True if rows of this page, or of one with the same bytes, are there already. */
static peal_status is_duplicate(crawl *self, const pages__item *item, const pages__url *url, bool *same_bytes,
                                bool *same_page, peal_error *err) {
    const pages__page *page = &item->page;
    const bool says = page->has_canonical && is_host_wanted(self, &page->canonical);
    char hash[17];
    bool is_new, ignored;
    peal_hash_text(page->hash, hash);
    PEAL_TRY(pages__set_add(&self->bodies, hash, &is_new, err));
    *same_bytes = !is_new;
    PEAL_TRY(pages__set_add(&self->shown, says ? page->canonical.text : url->text, &is_new, err));
    *same_page = !is_new;
    /* what it says that it is need not be read again */
    return says ? pages__set_add(&self->seen, page->canonical.text, &ignored, err) : PEAL_OK;
}

static peal_status take_page(crawl *self, const pages__item *item, const pages__url *url, unsigned depth,
                             peal_error *err) {
    bool same_bytes, same_page;
    self->counts.read++;
    PEAL_TRY(is_duplicate(self, item, url, &same_bytes, &same_page, err));
    if (depth < self->options->depth && !same_bytes) PEAL_TRY(take_links(self, &item->page, err));
    if (same_bytes) {
        self->counts.same_bytes++;
    } else if (same_page) {
        self->counts.same_page++;
    } else if (item->page.no_rows) {
        self->counts.no_index++;
        note_reason(self, item->url, "asks not to be indexed");
    } else {
        return pages__sink_put(self->sink, &item->page, err);
    }
    return PEAL_OK;
}

static peal_status take_item(crawl *self, const pages__item *item, unsigned depth, peal_error *err) {
    const int status = item->fetched.head.answer.status;
    char why[PAGES__URL_MOST + 64];
    pages__url url;
    if (!pages__url_resolve(NULL, item->url, strlen(item->url), &url)) return PEAL_OK;
    if (item->problem.status != PEAL_OK) return leave_out(self, item->url, item->problem.message, err);
    if (item->is_read) return take_page(self, item, &url, depth, err);
    if (status == 200) {
        self->counts.no_html++;
        note_reason(self, item->url, "is no HTML");
    } else if (status >= 300 && status < 400 && status != 304) {
        return follow(self, item, &url, depth, err);
    } else if (status > 200 && status < 500) {
        self->counts.missing++;
        snprintf(why, sizeof why, "was answered %d", status);
        note_reason(self, item->url, why);
    } else {
        snprintf(why, sizeof why, "%s: the server answered %d", item->url, status);
        return leave_out(self, item->url, why, err);
    }
    return PEAL_OK;
}

/* ---- pages that are read together ---- */

typedef struct batch {
    pages__item **items;
    size_t count;
} batch;

static void batch_clear(batch *self) {
    for (size_t i = 0; i < self->count; i++) pages__item_free(self->items[i]);
    free(self->items);
    *self = (batch){0};
}

static peal_status add_item(batch *self, const char *url, pages__origin *origin, pages__item **out, peal_error *err) {
    pages__item *item = calloc(1, sizeof *item);
    if (!item) return peal_fail(err, PEAL_E_MEMORY, "no memory for a page");
    item->url = peal_strdup(url);
    item->origin = origin;
    if (!item->url) {
        free(item);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a page");
    }
    self->items[self->count++] = item;
    *out = item;
    return PEAL_OK;
}

/* The threads look at the hosts, too. */
static peal_status find_origin(crawl *self, const pages__url *url, pages__origin **out, peal_error *err) {
    pthread_mutex_lock(&self->crew.lock);
    const peal_status status = pages__hosts_origin(self->hosts, url, out, err);
    pthread_mutex_unlock(&self->crew.lock);
    return status;
}

static bool is_start(const crawl *self, const pages__url *url) {
    for (size_t i = 0; i < self->start_count; i++) {
        const size_t size = pages__url_origin(url);
        if (pages__url_origin(&self->starts[i]) == size && memcmp(self->starts[i].text, url->text, size) == 0) {
            return true;
        }
    }
    return false;
}

/* Asks all origins of the candidates for their robots.txt, once. */
static peal_status learn_rules(crawl *self, const candidate *from, size_t count, batch *asked, peal_error *err) {
    for (size_t i = 0; i < count; i++) {
        pages__url url, robots;
        pages__origin *origin;
        pages__item *item = NULL;
        if (!pages__url_resolve(NULL, from[i].url, strlen(from[i].url), &url)) continue;
        PEAL_TRY(find_origin(self, &url, &origin, err));
        if (origin->is_asked || !pages__url_resolve(&url, "/robots.txt", 11, &robots)) continue;
        origin->is_asked = true;
        PEAL_TRY(add_item(asked, robots.text, origin, &item, err));
        item->is_robots = true;
        item->is_start = is_start(self, &url);
    }
    pages__crew_queue(&self->crew, asked->items, asked->count, 0);
    for (size_t i = 0; i < asked->count; i++) {
        pages__item *item = asked->items[i];
        PEAL_TRY(pages__crew_wait(&self->crew, item, err));
        pthread_mutex_lock(&self->crew.lock);
        const peal_status status = pages__origin_learn(item->origin, item, err);
        pthread_mutex_unlock(&self->crew.lock);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

/* Those candidates that may be read, in order. */
static peal_status choose(crawl *self, const candidate *from, size_t count, batch *chosen, peal_error *err) {
    for (size_t i = 0; i < count; i++) {
        pages__url url;
        pages__origin *origin;
        pages__item *item = NULL;
        if (!pages__url_resolve(NULL, from[i].url, strlen(from[i].url), &url)) continue;
        PEAL_TRY(find_origin(self, &url, &origin, err));
        if (origin->problem && !origin->is_told) {
            origin->is_told = true;
            PEAL_TRY(leave_out(self, origin->text, origin->problem, err));
        }
        if (origin->problem) note_reason(self, url.text, "may not be read");
        if (origin->problem) continue;
        if (!pages__robots_allows(origin->robots, url.text + url.path)) {
            self->counts.disallowed++;
            note_reason(self, url.text, "may not be read (robots.txt)");
            continue;
        }
        PEAL_TRY(add_item(chosen, url.text, origin, &item, err));
        item->redirects = from[i].redirects;
        item->is_start = is_start(self, &url);
    }
    return PEAL_OK;
}

static peal_status read_all(crawl *self, const batch *chosen, unsigned depth, peal_error *err) {
    pages__crew_queue(&self->crew, chosen->items, chosen->count, depth);
    for (size_t i = 0; i < chosen->count; i++) {
        pages__item *item = chosen->items[i];
        PEAL_TRY(pages__crew_wait(&self->crew, item, err));
        PEAL_TRY(take_item(self, item, depth, err));
        pages__page_clear(&item->page);
        item->is_read = false;
        self->counts.asked++;
        peal_report_progress(self->making->options->reporter, "crawling", "pages", self->counts.asked, 0);
    }
    return PEAL_OK;
}

/* As many of the candidates as may still be asked for. */
static peal_status read_some(crawl *self, const candidate *from, size_t count, unsigned depth, batch *asked,
                             batch *chosen, peal_error *err) {
    PEAL_TRY(peal_zeroed_checked(&asked->items, count, sizeof *asked->items, "pages", err));
    PEAL_TRY(peal_zeroed_checked(&chosen->items, count, sizeof *chosen->items, "pages", err));
    PEAL_TRY(learn_rules(self, from, count, asked, err));
    PEAL_TRY(choose(self, from, count, chosen, err));
    return read_all(self, chosen, depth, err);
}

static peal_status read_candidates(crawl *self, const candidates *from, unsigned depth, peal_error *err) {
    for (size_t at = 0, count; at < from->count; at += count) {
        const size_t left = self->options->pages - self->counts.asked;
        batch asked = {0}, chosen = {0};
        count = from->count - at;
        if (left == 0) {
            self->cut = true;
            return PEAL_OK;
        }
        if (count > left) count = left;
        if (count > TOGETHER_MOST) count = TOGETHER_MOST;
        const peal_status status = read_some(self, from->all + at, count, depth, &asked, &chosen, err);
        if (status != PEAL_OK) pages__crew_stop(&self->crew);
        batch_clear(&asked);
        batch_clear(&chosen);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

/* A level is its pages, and then where they were moved to. */
static peal_status read_level(crawl *self, candidates *level, unsigned depth, peal_error *err) {
    peal_status status = read_candidates(self, level, depth, err);
    while (status == PEAL_OK && self->redirects.count > 0) {
        candidates moved = self->redirects;
        self->redirects = (candidates){0};
        status = read_candidates(self, &moved, depth, err);
        candidates_clear(&moved);
    }
    return status;
}

static peal_status read_levels(crawl *self, peal_error *err) {
    peal_status status = PEAL_OK;
    for (unsigned depth = 0; status == PEAL_OK && self->level.count > 0; depth++) {
        candidates level = self->level;
        self->level = (candidates){0};
        status = read_level(self, &level, depth, err);
        candidates_clear(&level);
    }
    return status;
}

/* ---- all of it ---- */

static peal_status add_starts(crawl *self, char *const *starts, size_t count, peal_error *err) {
    PEAL_TRY(peal_alloc_checked(&self->starts, count, sizeof *self->starts, "pages", err));
    for (size_t i = 0; i < count; i++) {
        pages__url *url = &self->starts[self->start_count];
        bool is_new;
        if (!pages__url_resolve(NULL, starts[i], strlen(starts[i]), url)) {
            return peal_fail(err, PEAL_E_USAGE, "%s: '%s' is no URL of a page", self->options->name, starts[i]);
        }
        self->start_count++;
        PEAL_TRY(pages__set_add(&self->seen, url->text, &is_new, err));
        if (is_new) PEAL_TRY(candidates_add(&self->level, url->text, 0, err));
    }
    return PEAL_OK;
}

static void append(char *text, size_t size, size_t count, const char *what) {
    const size_t used = strlen(text);
    if (count) snprintf(text + used, size - used, ", %zu %s", count, what);
}

static void tell(const crawl *self, int64_t began_ns) {
    const counts *all = &self->counts;
    const double seconds = (double)(peal_now_ns() - began_ns) / 1e9;
    char text[640] = "", time[32];
    append(text, sizeof text, all->same_bytes, "with the bytes of another");
    append(text, sizeof text, all->same_page, "other spellings of one (canonical)");
    append(text, sizeof text, all->no_index, "that ask not to be indexed");
    append(text, sizeof text, all->no_html, "no HTML");
    append(text, sizeof text, all->missing, "that are not there");
    append(text, sizeof text, all->elsewhere, "moved to where is not read");
    append(text, sizeof text, all->failed, "left out");
    append(text, sizeof text, all->disallowed, "not asked for (robots.txt)");
    peal_snprintf(time, sizeof time, "%.1f", seconds);
    peal_report(self->making->options->reporter, PEAL_EVENT_NOTE,
                "%s: %zu pages asked for in %s s, %zu read, %llu rows%s", self->options->name, all->asked, time,
                all->read, (unsigned long long)pages__sink_rows(self->sink), text);
    if (self->cut) {
        peal_report(self->making->options->reporter, PEAL_EVENT_NOTE,
                    "%s: there are more pages than the %zu that are asked for (crawl-pages)", self->options->name,
                    self->options->pages);
    }
}

static peal_status check_rows(const crawl *self, peal_error *err) {
    const pages__wanted *wanted = &self->options->wanted;
    if (pages__sink_rows(self->sink) > 0) return PEAL_OK;
    if (self->counts.read > self->counts.no_index) {
        return peal_fail(err, PEAL_E_DATA, "%s: none of the %zu pages has %s", self->options->name, self->counts.read,
                         wanted->tables ? "a table with rows" : "an element that fits page-each");
    }
    return peal_fail(err, PEAL_E_DATA, "%s: there is no page to read: %s", self->options->name, self->reason);
}

peal_status pages__crawl(const pages__crawl_options *options, pages__hosts *hosts, char *const *starts, size_t count,
                         source__making *making, pages__sink *sink, peal_error *err) {
    const int64_t began_ns = peal_now_ns();
    crawl *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a crawl");
    *self = (crawl){.options = options, .hosts = hosts, .making = making, .sink = sink};
    peal_status status = add_starts(self, starts, count, err);
    if (status == PEAL_OK) status = pages__crew_begin(&self->crew, options, hosts, making->options, err);
    if (status == PEAL_OK) {
        status = read_levels(self, err);
        pages__crew_end(&self->crew);
    }
    if (status == PEAL_OK) tell(self, began_ns);
    if (status == PEAL_OK) status = check_rows(self, err);
    candidates_clear(&self->level);
    candidates_clear(&self->redirects);
    pages__set_clear(&self->seen);
    pages__set_clear(&self->shown);
    pages__set_clear(&self->bodies);
    free(self->starts);
    free(self);
    return status;
}
