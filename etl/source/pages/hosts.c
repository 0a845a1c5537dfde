/* Queues of hosts; see hosts.h. */
#include "etl/source/pages/hosts.h"

#include <stdlib.h>
#include <string.h>

enum { IDLE_MOST = 64, LOOKED_AT = 64, WAIT_MS = 100 };
#define SECOND_NS INT64_C(1000000000)

struct pages__host {
    struct pages__host *next;
    char *name;
    pages__item *first, *last; /* that wait */
    size_t active;
    int64_t delay_ns, next_ns; /* next_ns: the next request may begin then */
    CURL **idle;               /* [per_host] handles that may have a connection */
    size_t idle_count;
};

struct pages__hosts {
    size_t per_host;
    int64_t delay_ns;
    pages__host *hosts;
    pages__origin *origins;
    size_t idle; /* handles of all of them */
};

peal_status pages__hosts_new(size_t per_host, int64_t delay_ns, pages__hosts **out, peal_error *err) {
    pages__hosts *self = *out = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for hosts");
    self->per_host = per_host;
    self->delay_ns = delay_ns;
    return PEAL_OK;
}

static void host_free(pages__host *host) {
    while (host->idle_count) curl_easy_cleanup(host->idle[--host->idle_count]);
    free(host->idle);
    free(host->name);
    free(host);
}

void pages__hosts_free(pages__hosts *self) {
    if (!self) return;
    for (pages__origin *one = self->origins, *next; one; one = next) {
        next = one->next;
        pages__robots_free(one->robots);
        free(one->problem);
        free(one->text);
        free(one);
    }
    for (pages__host *one = self->hosts, *next; one; one = next) {
        next = one->next;
        host_free(one);
    }
    free(self);
}

/* ---- hosts and origins ---- */

static bool is_text(const char *text, const char *bytes, size_t length) {
    return strncmp(text, bytes, length) == 0 && !text[length];
}

static peal_status find_host(pages__hosts *self, const pages__url *url, pages__host **out, peal_error *err) {
    const char *name = url->text + url->host;
    const size_t length = url->host_end - url->host;
    pages__host **at = &self->hosts;
    while (*at && !is_text((*at)->name, name, length)) at = &(*at)->next;
    *out = *at;
    if (*out) return PEAL_OK;
    pages__host *host = calloc(1, sizeof *host);
    if (!host) return peal_fail(err, PEAL_E_MEMORY, "no memory for hosts");
    host->name = peal_strndup(name, length);
    host->idle = calloc(self->per_host, sizeof(CURL *));
    host->delay_ns = self->delay_ns;
    if (!host->name || !host->idle) {
        host_free(host);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for hosts");
    }
    *at = *out = host;
    return PEAL_OK;
}

peal_status pages__hosts_origin(pages__hosts *self, const pages__url *url, pages__origin **out, peal_error *err) {
    const size_t length = pages__url_origin(url);
    pages__origin **at = &self->origins;
    while (*at && !is_text((*at)->text, url->text, length)) at = &(*at)->next;
    *out = *at;
    if (*out) return PEAL_OK;
    pages__host *host;
    PEAL_TRY(find_host(self, url, &host, err));
    pages__origin *origin = calloc(1, sizeof *origin);
    if (origin) origin->text = peal_strndup(url->text, length);
    if (!origin || !origin->text) {
        free(origin);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for hosts");
    }
    origin->host = host;
    *at = *out = origin;
    return PEAL_OK;
}

static peal_status refuse(pages__origin *self, char *problem, peal_error *err) {
    self->problem = problem;
    return problem ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for robots.txt");
}

/* Source: RFC 9309, 2.3.1: without an answer nothing may be read, with one of 4xx all. */
peal_status pages__origin_learn(pages__origin *self, const pages__item *item, peal_error *err) {
    const pages__fetched *fetched = &item->fetched;
    const int status = fetched->head.answer.status;
    self->is_known = true;
    if (item->problem.status != PEAL_OK) {
        return refuse(self, peal_sprintf("%s, so that nothing of it may be read", item->problem.message), err);
    }
    if (status >= 400 && status < 500) return PEAL_OK;
    if (status != 200) {
        return refuse(self,
                      peal_sprintf("%s: the server answered %d, so that nothing of it may be read", item->url, status),
                      err);
    }
    const peal_buffer *body = &fetched->body;
    PEAL_TRY(pages__robots_parse(body->data ? (const char *)body->data : "", body->size, "peal", &self->robots, err));
    const double delay = pages__robots_delay(self->robots);
    if (delay > SOURCE__ASKED_MOST_S) {
        return refuse(self,
                      peal_sprintf("%s asks for %.0f s between two pages; more than %d s are not waited for", item->url,
                                   delay, SOURCE__ASKED_MOST_S),
                      err);
    }
    const int64_t delay_ns = delay > 0 ? (int64_t)(delay * (double)SECOND_NS) : 0;
    if (delay_ns > self->host->delay_ns) self->host->delay_ns = delay_ns;
    pages__hosts_pause(item, item->ready_ns + delay_ns); /* it was the first request of this host */
    return PEAL_OK;
}

/* ---- queues ---- */

void pages__hosts_queue(pages__item *item) {
    pages__host *host = item->origin->host;
    item->next = NULL;
    *(host->last ? &host->last->next : &host->first) = item;
    host->last = item;
}

void pages__hosts_unqueue(pages__hosts *self) {
    for (pages__host *one = self->hosts; one; one = one->next) one->first = one->last = NULL;
}

static CURL *take_handle(pages__hosts *self, pages__host *host) {
    if (host->idle_count == 0) return curl_easy_init();
    self->idle--;
    return host->idle[--host->idle_count];
}

/* The first one of a host that is ready; *wait_until is lowered to the moment when the next one is. */
static pages__item *find_ready(pages__host *host, const pages__gate *gate, int64_t now, int64_t *wait_until) {
    pages__item *before = NULL;
    size_t looked = 0;
    for (pages__item *one = host->first; one && looked < LOOKED_AT; before = one, one = one->next, looked++) {
        const bool may = one->is_robots || one->place == gate->first || one->place < gate->end;
        if (may && one->ready_ns <= now) {
            *(before ? &before->next : &host->first) = one->next;
            if (host->last == one) host->last = before;
            return one;
        }
        if (may && one->ready_ns < *wait_until) *wait_until = one->ready_ns;
    }
    return NULL;
}

pages__item *pages__hosts_take(pages__hosts *self, const pages__gate *gate, int64_t now, CURL **easy,
                               int64_t *wait_ns) {
    int64_t until = now + WAIT_MS * (SECOND_NS / 1000);
    for (pages__host *host = self->hosts; host; host = host->next) {
        if (!host->first || host->active >= self->per_host) continue;
        if (host->next_ns > now) {
            if (host->next_ns < until) until = host->next_ns;
            continue;
        }
        pages__item *item = find_ready(host, gate, now, &until);
        if (!item) continue;
        host->active++;
        host->next_ns = now + host->delay_ns;
        item->ready_ns = now;
        *easy = take_handle(self, host);
        return item;
    }
    *wait_ns = until - now;
    return NULL;
}

/* A connection is kept for the host's next page, if there is one. */
void pages__hosts_release(pages__hosts *self, const pages__item *item, CURL *easy) {
    pages__host *host = item->origin->host;
    host->active--;
    if (!easy) return;
    if (host->first && self->idle < IDLE_MOST) {
        self->idle++;
        host->idle[host->idle_count++] = easy;
    } else {
        curl_easy_cleanup(easy);
    }
}

void pages__hosts_pause(const pages__item *item, int64_t until_ns) {
    pages__host *host = item->origin->host;
    if (until_ns > host->next_ns) host->next_ns = until_ns;
}
