/* Threads that fetch pages and parse them, each one at a time; see crawl_state.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/machine.h"
#include "core/base/stop.h"
#include "etl/source/pages/crawl_state.h"

enum { WAIT_MS = 100, AHEAD_MOST = 1000, AHEAD_LEAST = 2 };
#define MS INT64_C(1000000)
#define HELD_MOST ((uint64_t)256 << 20)

void pages__item_free(pages__item *item) {
    if (!item) return;
    pages__fetched_clear(&item->fetched);
    if (item->is_read) pages__page_clear(&item->page);
    free(item->url);
    free(item);
}

/* Waits for a change, or until the time is up. With the lock held. */
static void wait_for(pages__crew *self, int64_t ns) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    ns += until.tv_nsec;
    until.tv_sec += (time_t)(ns / (1000 * MS));
    until.tv_nsec = ns % (1000 * MS);
    pthread_cond_timedwait(&self->changed, &self->lock, &until);
}

/* ---- one request; without the lock ---- */

/* Parsing takes memory and the CPU: no more pages at once than there are CPUs. */
static void begin_parsing(pages__crew *self) {
    pthread_mutex_lock(&self->lock);
    while (self->parsing >= self->parsers) wait_for(self, WAIT_MS * MS);
    self->parsing++;
    pthread_mutex_unlock(&self->lock);
}

static void end_parsing(pages__crew *self) {
    pthread_mutex_lock(&self->lock);
    self->parsing--;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static bool is_page(const pages__item *item) {
    const pages__head *head = &item->fetched.head;
    return !item->is_robots && head->answer.status == 200 && (!head->has_type || head->is_html);
}

static peal_status parse(pages__crew *self, pages__item *item, unsigned depth) {
    const pages__head *head = &item->fetched.head;
    pages__url url;
    if (!pages__url_resolve(NULL, item->url, strlen(item->url), &url)) return PEAL_OK; /* it was made by the same */
    const pages__answer answer = {.url = &url,
                                  .depth = depth,
                                  .body = item->fetched.body.data,
                                  .size = item->fetched.body.size,
                                  .charset = head->charset[0] ? head->charset : NULL,
                                  .robots = head->robots};
    begin_parsing(self);
    const peal_status status =
        pages__page_read(&self->options->wanted, &answer, self->stop, &item->page, &item->problem);
    end_parsing(self);
    item->is_read = status == PEAL_OK;
    peal_buffer_clear(&item->fetched.body);
    return status;
}

/* Credentials go to the hosts that were named, and to no others. */
static peal_status fetch(pages__member *self, pages__item *item, CURL *easy, bool *is_lost, peal_error *err) {
    pages__crew *crew = self->crew;
    pages__fetching how = crew->options->fetching;
    how.abandoned = &crew->abandoned;
    if (!item->is_start) how.bearer = NULL;
    if (!easy) return peal_fail(err, PEAL_E_MEMORY, "no memory for a connection");
    pages__fetched_clear(&item->fetched);
    if (item->is_robots || crew->options->browsers == 0) {
        return pages__fetch(&how, easy, item->url, item->is_robots, &item->fetched, err);
    }
    return pages__browser_fetch(&self->browser, &how, &crew->options->browsing, item->url, &item->fetched, is_lost,
                                err);
}

/* ---- trying again; with the lock held ---- */

static bool try_again(pages__crew *self, pages__item *item) {
    const pages__fetched *fetched = &item->fetched;
    const int64_t asked = fetched->head.answer.retry_after;
    const int status = fetched->head.answer.status;
    if (!fetched->problem[0]) return false;
    item->failures++;
    if (fetched->passes && asked > SOURCE__ASKED_MOST_S) {
        peal_fail(&item->problem, PEAL_E_DATA, "%s: %s, and asks to wait for %lld s", item->url, fetched->problem,
                  (long long)asked);
        return false;
    }
    if (!fetched->passes) {
        peal_fail(&item->problem, PEAL_E_DATA, "%s: %s", item->url, fetched->problem);
        return false;
    }
    if (item->failures > self->options->retries) {
        peal_fail(&item->problem, PEAL_E_DATA, "%s: %s (tried %u times)", item->url, fetched->problem, item->failures);
        return false;
    }
    const int64_t pause = asked >= 0 ? asked * 1000 : source__back_off_ms(item->url, item->failures, self->seed);
    item->ready_ns = peal_now_ns() + pause * MS;
    if (status == 429 || status == 503) pages__hosts_pause(item, item->ready_ns);
    pages__hosts_queue(item);
    return true;
}

static void fail_all(pages__crew *self, peal_status status, const peal_error *why) {
    if (self->status != PEAL_OK) return;
    self->status = status;
    self->error = *why;
    self->closing = true;
}

/* ---- the threads ---- */

static void finish(pages__crew *self, pages__item *item) {
    item->done = true;
    if (item->is_read) self->held += item->page.rows.size + item->page.links.size;
    pthread_cond_broadcast(&self->changed);
}

/* A browser that is lost is named. */
static void note_loss(pages__crew *self, const pages__item *item) {
    char text[PAGES__URL_MOST + 512];
    const int size = snprintf(text, sizeof text, "%s; %s is read again", item->fetched.problem, item->url);
    (void)peal_buffer_append(&self->notes, text, (size_t)size + 1, NULL); /* without memory it is not told */
}

/* Runs one request; called and left with the lock held. */
static void run_one(pages__member *member, pages__item *item, CURL *easy) {
    pages__crew *self = member->crew;
    peal_error why = {0};
    bool is_lost = false;
    const unsigned depth = self->depth;
    pthread_mutex_unlock(&self->lock);
    peal_status status = fetch(member, item, easy, &is_lost, &why);
    pthread_mutex_lock(&self->lock);
    if (status == PEAL_OK && is_lost) note_loss(self, item);
    pages__hosts_release(self->hosts, item, easy);
    pthread_cond_broadcast(&self->changed); /* the host is free for its next page */
    if (status == PEAL_OK && try_again(self, item)) return;
    if (status == PEAL_OK && !item->fetched.problem[0] && is_page(item)) {
        pthread_mutex_unlock(&self->lock);
        status = parse(self, item, depth);
        if (status != PEAL_OK) why = item->problem;
        pthread_mutex_lock(&self->lock);
        if (status == PEAL_E_DATA) {
            peal_error_context(&item->problem, "%s", item->url);
            status = PEAL_OK;
        }
    }
    if (status != PEAL_OK) fail_all(self, status, &why);
    finish(self, item);
}

static peal_status run(void *argument, peal_error *err) {
    pages__member *member = argument;
    pages__crew *self = member->crew;
    (void)err;
    pthread_mutex_lock(&self->lock);
    while (!self->closing) {
        CURL *easy = NULL;
        int64_t wait_ns;
        const size_t ahead = self->held < HELD_MOST ? AHEAD_MOST : AHEAD_LEAST;
        const pages__gate gate = {.first = self->next, .end = self->next + ahead};
        pages__item *item = pages__hosts_take(self->hosts, &gate, peal_now_ns(), &easy, &wait_ns);
        if (item) {
            run_one(member, item, easy);
        } else {
            wait_for(self, wait_ns);
        }
    }
    pthread_mutex_unlock(&self->lock);
    pages__browser_end(&member->browser);
    return PEAL_OK;
}

peal_status pages__crew_begin(pages__crew *self, const pages__crawl_options *options, pages__hosts *hosts,
                              const peal_source_options *wishes, peal_error *err) {
    const size_t count = options->browsers ? options->browsers : options->connections;
    *self = (pages__crew){.options = options,
                          .hosts = hosts,
                          .reporter = wishes->reporter,
                          .stop = wishes->stop,
                          .parsers = peal_machine_cpus(),
                          .seed = (uint64_t)peal_now_ns()};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    peal_status status = peal_zeroed_checked(&self->members, count, sizeof *self->members, "threads", err);
    if (status == PEAL_OK) status = peal_executor_new(count, &self->executor, err);
    for (; status == PEAL_OK && self->member_count < count; self->member_count++) {
        pages__member *one = &self->members[self->member_count];
        *one = (pages__member){.crew = self, .browser = {.number = self->member_count + 1, .driver = {.life = -1}}};
        status = peal_executor_submit(self->executor, run, one, &one->thread, err);
        if (status != PEAL_OK) break;
    }
    if (status != PEAL_OK) pages__crew_end(self);
    return status;
}

void pages__crew_stop(pages__crew *self) {
    atomic_store(&self->abandoned, 1);
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    for (size_t i = 0; i < self->member_count; i++) peal_future_free(self->members[i].thread);
    self->member_count = 0;
    pages__hosts_unqueue(self->hosts);
}

void pages__crew_end(pages__crew *self) {
    pages__crew_stop(self);
    peal_executor_free(self->executor);
    free(self->members);
    peal_buffer_clear(&self->notes);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
}

void pages__crew_queue(pages__crew *self, pages__item *const *items, size_t count, unsigned depth) {
    pthread_mutex_lock(&self->lock);
    self->next = 0;
    self->depth = depth;
    for (size_t i = 0; i < count; i++) {
        items[i]->place = i;
        pages__hosts_queue(items[i]);
    }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/* With the lock held, which is given up meanwhile. */
static void report_notes(pages__crew *self) {
    const peal_buffer notes = self->notes;
    self->notes = (peal_buffer){0};
    if (notes.size == 0) return;
    pthread_mutex_unlock(&self->lock);
    for (size_t at = 0; at < notes.size; at += strlen((const char *)notes.data + at) + 1) {
        peal_report(self->reporter, PEAL_EVENT_WARNING, "%s", (const char *)notes.data + at);
    }
    peal_buffer_clear(&(peal_buffer){.data = notes.data});
    pthread_mutex_lock(&self->lock);
}

peal_status pages__crew_wait(pages__crew *self, pages__item *item, peal_error *err) {
    peal_status status = PEAL_OK;
    pthread_mutex_lock(&self->lock);
    while (status == PEAL_OK && !item->done) {
        status = self->status;
        if (status != PEAL_OK && err) *err = self->error;
        if (status == PEAL_OK && peal_is_stopped(self->stop)) {
            status = peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while reading pages");
        }
        if (status == PEAL_OK) wait_for(self, WAIT_MS * MS);
        report_notes(self);
    }
    report_notes(self);
    if (status == PEAL_OK && self->status != PEAL_OK) { /* perhaps this very item's */
        status = self->status;
        if (err) *err = self->error;
    }
    if (item->done && item->is_read) self->held -= item->page.rows.size + item->page.links.size;
    if (item->done) self->next = item->place + 1;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return status;
}
