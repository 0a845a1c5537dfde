/* The kind of source that reads pages of web sites: its options, and a crawl for each name. The rows of a crawl are
 * kept in a file without a name, as the bytes of a pipe are, so that no page is asked for twice however often they are
 * read. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/number.h"
#include "core/base/stop.h"
#include "core/base/version.h"
#include "etl/source/http_names.h"
#include "etl/source/pages/crawl.h"

enum {
    CONNECTIONS = 16,
    RETRIES = 5,
    STALL_SECONDS = 30,
    DEPTH = 2,
    PAGES = 1000,
    PER_HOST = 2,
    DELAY_MOST_S = 300,
    MOST_BYTES = 4 << 20,
    BROWSER_SECONDS = 30,
};
#define SCHEME "pages:"

static const char *const hosts_choices[] = {"same", "any", NULL};

static const peal_option options[] = {
    {"crawl-depth", PEAL_OPTION_COUNT, NULL, 0, 1000, "N", "follow so many links from a named page, at most (2)"},
    {"crawl-pages", PEAL_OPTION_COUNT, NULL, 1, 1000000, "N", "ask for so many pages, at most (1000)"},
    {"crawl-hosts", PEAL_OPTION_CHOICE, hosts_choices, 0, 0, "WHICH",
     "follow links to the same hosts that are named, or to any (same)"},
    {"crawl-include", PEAL_OPTION_TEXT, NULL, 0, 0, "PATTERNS",
     "follow only links to URLs that a pattern fits; * is any text, a blank parts two (all)"},
    {"crawl-exclude", PEAL_OPTION_TEXT, NULL, 0, 0, "PATTERNS", "do not follow those that a pattern fits (none)"},
    {"crawl-per-host", PEAL_OPTION_COUNT, NULL, 1, 64, "N", "requests to a host at once, at most (2)"},
    {"crawl-delay", PEAL_OPTION_NUMBER, NULL, 0, 0, "S",
     "seconds between two requests to a host, unless its robots.txt asks for more (0)"},
    {"page-select", PEAL_OPTION_TEXT, NULL, 0, 0, "COLUMNS",
     "more columns, by CSS selectors: 'price=.price; link=h2 a@href' (none)"},
    {"page-each", PEAL_OPTION_TEXT, NULL, 0, 0, "CSS", "a row for each element that fits, not for each page"},
    {"page-tables", PEAL_OPTION_FLAG, NULL, 0, 0, NULL, "a row for each row of the pages' tables"},
    {"page-most-bytes", PEAL_OPTION_COUNT, NULL, 1, 64 << 20, "N", "refuse a page of more bytes (4194304)"},
    {"browsers", PEAL_OPTION_COUNT, NULL, 1, 64, "N",
     "read pages by so many Chromium browsers, whose scripts run, each a process of its own (none)"},
    {"browser-wait", PEAL_OPTION_TEXT, NULL, 0, 0, "CSS",
     "what must be in a page before a browser gives it (it is loaded)"},
    {"browser-seconds", PEAL_OPTION_COUNT, NULL, 1, 600, "S",
     "give a page up that is not loaded, or has not what is waited for, after so long (30)"},
    {.name = NULL},
};

static bool is_pages(const char *name) {
    return strncmp(name, SCHEME, strlen(SCHEME)) == 0;
}

static peal_status pages_check(const char *name, peal_error *err) {
    const char *url = name + strlen(SCHEME);
    if (!source__is_http(url)) {
        return peal_fail(err, PEAL_E_USAGE, "%s: a URL was expected behind the colon: pages:https://HOST/PATH", name);
    }
    if (strchr(url, '#')) return peal_fail(err, PEAL_E_USAGE, "%s: a page has no '#' and no checksum", name);
    return source__http_check(url, err);
}

/* ---- options ---- */

/* Seconds; checked to be a number. */
static double delay_of(const json_t *access) {
    const json_t *value = json_object_get(access, "crawl-delay");
    double seconds = 0;
    if (json_is_number(value)) return json_number_value(value);
    if (value) (void)peal_number_parse(json_string_value(value), json_string_length(value), &seconds);
    return seconds;
}

static peal_status read_wanted(const json_t *access, pages__wanted *out, peal_error *err) {
    return pages__wanted_new(peal_option_text(access, "page-each", NULL), peal_option_text(access, "page-select", NULL),
                             peal_option_flag(access, "page-tables", false), out, err);
}

static peal_status pages_check_options(const json_t *access, peal_error *err) {
    const double delay = delay_of(access);
    if (!(delay >= 0 && delay <= DELAY_MOST_S)) {
        return peal_fail(err, PEAL_E_USAGE, "'crawl-delay' must be a number of seconds from 0 to %d", DELAY_MOST_S);
    }
    if (!json_object_get(access, "browsers") &&
        (json_object_get(access, "browser-wait") || json_object_get(access, "browser-seconds"))) {
        return peal_fail(err, PEAL_E_USAGE,
                         "'browser-wait' and 'browser-seconds' are for browsers: give 'browsers', too");
    }
    pages__wanted wanted;
    PEAL_TRY(read_wanted(access, &wanted, err));
    pages__wanted_clear(&wanted);
    return PEAL_OK;
}

/* ---- the session ---- */

typedef struct pages_session {
    pages__crawl_options options;
    pages__hosts *hosts; /* what they ask for holds for all crawls of a list */
    char *bearer;
} pages_session;

static void pages_end(void *opaque) {
    pages_session *self = opaque;
    pages__hosts_free(self->hosts);
    pages__wanted_clear(&self->options.wanted);
    if (self->bearer) explicit_bzero(self->bearer, strlen(self->bearer));
    free(self->bearer);
    free(self);
    curl_global_cleanup();
}

static peal_status read_options(pages_session *self, const peal_source_options *wishes, peal_error *err) {
    const json_t *access = wishes->access;
    pages__crawl_options *out = &self->options;
    PEAL_TRY(source__bearer_find(&self->bearer, err));
    *out = (pages__crawl_options){
        .fetching = {.agent = "peal/" PEAL_VERSION,
                     .stall_ms = (int64_t)peal_option_count(access, "http-stall-seconds", STALL_SECONDS) * 1000,
                     .most_bytes = peal_option_count(access, "page-most-bytes", MOST_BYTES),
                     .allow_private = peal_option_flag(access, "allow-private", false),
                     .bearer = self->bearer,
                     .stop = wishes->stop},
        .connections = peal_option_count(access, "connections", CONNECTIONS),
        .browsers = peal_option_count(access, "browsers", 0),
        .browsing = {.wait = peal_option_text(access, "browser-wait", NULL),
                     .limit_ms = (int64_t)peal_option_count(access, "browser-seconds", BROWSER_SECONDS) * 1000},
        .retries = (unsigned)peal_option_count(access, "http-retries", RETRIES),
        .depth = (unsigned)peal_option_count(access, "crawl-depth", DEPTH),
        .pages = peal_option_count(access, "crawl-pages", PAGES),
        .any_host = strcmp(peal_option_text(access, "crawl-hosts", "same"), "any") == 0,
        .include = peal_option_text(access, "crawl-include", NULL),
        .exclude = peal_option_text(access, "crawl-exclude", NULL),
    };
    PEAL_TRY(read_wanted(access, &out->wanted, err));
    const int64_t delay_ns = (int64_t)(delay_of(access) * 1e9);
    return pages__hosts_new(peal_option_count(access, "crawl-per-host", PER_HOST), delay_ns, &self->hosts, err);
}

static peal_status pages_begin(const peal_source_options *wishes, void **out, peal_error *err) {
    PEAL_TRY(source__curl_load(err));
    pages_session *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for sources");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(self);
        return peal_fail(err, PEAL_E_FAILED, "libcurl cannot begin");
    }
    const peal_status status = read_options(self, wishes, err);
    if (status == PEAL_OK) {
        *out = self;
    } else {
        pages_end(self);
    }
    return status;
}

/* ---- the list ---- */

typedef struct starts {
    char **urls;
    size_t count, capacity;
} starts;

static void starts_clear(starts *self) {
    for (size_t i = 0; i < self->count; i++) free(self->urls[i]);
    free(self->urls);
}

static peal_status add_start(void *user, const char *url, const uint8_t *sha256, peal_error *err) {
    starts *self = user;
    (void)sha256;
    if (self->count == self->capacity) {
        const size_t capacity = self->capacity * 2 + 16;
        char **longer = realloc(self->urls, capacity * sizeof *longer);
        if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of pages");
        self->urls = longer;
        self->capacity = capacity;
    }
    self->urls[self->count] = peal_strdup(url);
    if (!self->urls[self->count]) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of pages");
    self->count++;
    return PEAL_OK;
}

static peal_status crawl(source__making *making, const char *name, const starts *from, peal_source *out,
                         peal_error *err) {
    pages_session *session = making->session;
    pages__sink *sink;
    session->options.name = name;
    PEAL_TRY(pages__sink_new(&session->options.wanted, &sink, err));
    peal_status status = pages__crawl(&session->options, session->hosts, from->urls, from->count, making, sink, err);
    if (status == PEAL_OK) status = pages__sink_finish(sink, out, err);
    pages__sink_free(sink);
    return status;
}

static peal_status pages_list(source__making *making, const char *name, peal_error *err) {
    starts from = {0};
    peal_source source = {.fd = -1};
    peal_status status = source__http_expand(name + strlen(SCHEME), add_start, &from, err);
    if (status == PEAL_OK) status = crawl(making, name, &from, &source, err);
    starts_clear(&from);
    PEAL_TRY(status);
    source.path = peal_strdup(name);
    return source__add(making, &source, err);
}

const peal_source_kind peal_source_pages = {
    .name = "pages",
    .documentation = "pages:https://host/path: the page and those that its links lead to, as far as robots.txt allows: "
                     "a row for each page (url, depth, title, text, links), for each element that fits page-each, "
                     "or for each row of their tables (page-tables). page-select adds columns by CSS selectors: "
                     "h1, .class, #id, [a=v], :nth-child(2), and a b, a > b, a + b, a ~ b, a, b; @href behind one is "
                     "an attribute, :scope the element itself. The option browsers shows pages that scripts make.",
    .options = options,
    .recognise = is_pages,
    .check = pages_check,
    .check_options = pages_check_options,
    .begin = pages_begin,
    .end = pages_end,
    .list = pages_list,
};
