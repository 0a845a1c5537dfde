/* The thread of libcurl and its queue: who runs, who waits, who tries again; see transfer.h. */
#include "etl/source/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/stop.h"
#include "etl/source/transfer_state.h"

enum {
    WAIT_MS = 100,
    BEGIN_WITH = 16,    /* connections before anything was measured */
    PROGRESS = 1 << 16, /* bytes after which failures are counted anew */
    MEASURE_MS = 250,
    WATCH_STALLS = 4,   /* for so many times as long as a stall a connection is watched, in which at least */
    WATCH_LEAST = 1000, /* bytes come */
    CALM_MS = 2000,     /* no more connections so long after a server said that it has too many */
};
#define MS INT64_C(1000000)

/* ---- the list of downloads; with the lock held ---- */

static void link_last(source__transfers *self, source__download *one) {
    one->previous = self->last;
    *(self->last ? &self->last->next : &self->first) = one;
    self->last = one;
}

static void unlink_one(source__transfers *self, source__download *one) {
    *(one->previous ? &one->previous->next : &self->first) = one->next;
    *(one->next ? &one->next->previous : &self->last) = one->previous;
}

static void download_free(source__download *one) {
    peal_hasher_free(one->hasher);
    peal_hasher_free(one->again);
    curl_slist_free_all(one->headers);
    pthread_cond_destroy(&one->changed);
    free(one->bytes);
    free(one->name);
    free(one->url);
    free(one);
}

/* ---- running; on the thread of libcurl, with the lock held ---- */

/* Takes the connection from a download; what is in its buffer stays. */
static void detach(source__transfers *self, source__download *one) {
    curl_multi_remove_handle(self->multi, one->easy);
    curl_easy_reset(one->easy);
    if (self->idle_count < sizeof self->idle / sizeof *self->idle) {
        self->idle[self->idle_count++] = one->easy;
    } else {
        curl_easy_cleanup(one->easy);
    }
    one->easy = NULL;
    one->paused = one->resume = false;
    one->state = SOURCE__WAITING;
    self->running--;
}

static void end_with(source__download *one) {
    one->state = one->status == PEAL_OK ? SOURCE__DONE : SOURCE__FAILED;
    pthread_cond_signal(&one->changed);
}

static void attach(source__transfers *self, source__download *one) {
    peal_error err;
    one->easy = self->idle_count ? self->idle[--self->idle_count] : curl_easy_init();
    self->running++;
    one->state = SOURCE__RUNNING;
    peal_status status =
        one->easy ? source__request_set(one, &err) : peal_fail(&err, PEAL_E_MEMORY, "no memory for a connection");
    if (status == PEAL_OK && curl_multi_add_handle(self->multi, one->easy) != CURLM_OK) {
        status = peal_fail(&err, PEAL_E_MEMORY, "no memory for a connection");
    }
    if (status == PEAL_OK) return;
    one->status = status;
    one->error = err;
    if (one->easy) {
        detach(self, one);
    } else {
        self->running--;
    }
    end_with(one);
}

/* One that is paused, for its reader does not read: it can take up later. */
static source__download *find_idle(source__transfers *self) {
    source__download *found = NULL;
    for (source__download *one = self->first; one; one = one->next) {
        if (one->state == SOURCE__RUNNING && one->paused && !one->resume && !one->urgent) found = one;
    }
    return found;
}

static source__download *next_ready(source__transfers *self, bool urgent, int64_t now) {
    for (source__download *one = self->first; one; one = one->next) {
        if (one->state == SOURCE__WAITING && one->ready_ns <= now && (one->urgent || !urgent)) return one;
    }
    return NULL;
}

/* First those that somebody waits for, then in order. */
static void start_ready(source__transfers *self, int64_t now) {
    source__download *one;
    while ((one = next_ready(self, true, now))) {
        source__download *idle = self->running < self->allowed ? NULL : find_idle(self);
        if (self->running >= self->allowed && !idle) return;
        if (idle) detach(self, idle);
        attach(self, one);
    }
    while (self->running < self->allowed && (one = next_ready(self, false, now))) attach(self, one);
}

/* Frees those whose readers have given them up. */
static void let_go(source__transfers *self) {
    for (source__download *one = self->first, *next; one; one = next) {
        next = one->next;
        if (!one->ended) continue;
        if (one->state == SOURCE__RUNNING) detach(self, one);
        unlink_one(self, one);
        download_free(one);
    }
}

/* ---- trying again ---- */

static void try_again(source__transfers *self, source__download *one, const char *why) {
    const int64_t asked = one->answer.retry_after;
    if (one->at >= one->mark + PROGRESS) one->failures = 0;
    one->mark = one->at;
    one->failures++;
    if (asked > SOURCE__ASKED_MOST_S) {
        source__download_fail(one, PEAL_E_DATA, "%s, and asks to wait for %lld s", why, (long long)asked);
    } else if (one->failures > self->options.retries) {
        source__download_fail(one, PEAL_E_DATA, "%s (tried %u times)", why, one->failures);
    } else {
        const int64_t pause = asked >= 0 ? asked * 1000 : source__back_off_ms(one->url, one->failures, self->seed);
        one->ready_ns = peal_now_ns() + pause * MS;
        one->state = SOURCE__WAITING;
        return;
    }
    end_with(one);
}

/* A server that says that it has too much to do gets half as many connections; of all that it says at one time, once.
 */
static void calm_down(source__transfers *self, int status) {
    const int64_t now = peal_now_ns();
    if ((status != 429 && status != 503) || now < self->calm_ns - (CALM_MS - MEASURE_MS) * MS) return;
    self->allowed = self->allowed > 1 ? self->allowed / 2 : 1;
    self->calm_ns = now + CALM_MS * MS;
    self->best_rate = 0;
}

/* What an answer says that is an error. */
static void describe_error(const source__transfers *self, const source__download *one, char *text, size_t capacity) {
    const source__store *store = self->options.store;
    const int size = snprintf(text, capacity, "the server answered %d", one->answer.status);
    char words[512] = "";
    if (store) store->explain(store, &one->answer, one->said, one->said_size, words, sizeof words);
    if (words[0]) snprintf(text + size, capacity - (size_t)size, " (%s)", words);
}

/* Whether all that was wanted has come. An answer that tells no size ends where the server ends it. */
static bool is_whole(const source__download *one, CURLcode code) {
    if (!one->begun || one->skip > 0) return false;
    if (one->enough || one->at == one->target) return true;
    return code == CURLE_OK &&
           (one->target == SOURCE__UNKNOWN || (one->answer.status == 200 && one->facts.size == SOURCE__UNKNOWN));
}

/* A request has ended, by itself. */
static void finish(source__transfers *self, source__download *one, CURLcode code) {
    char why[640];
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && one->begun)) source__answer_judge(one);
    const int status = one->answer.status;
    const bool is_error = one->begun && one->discarding && status != 416;
    const bool known = one->target != SOURCE__UNKNOWN;
    detach(self, one);
    if (one->status != PEAL_OK) {
        end_with(one);
    } else if (one->whole) {
        one->ready_ns = peal_now_ns();
    } else if (one->request.refused[0] && code != CURLE_OK) {
        source__download_fail(one, PEAL_E_DATA, "leads to %s, which is not read from (allow-private allows it)",
                              one->request.refused);
        end_with(one);
    } else if (is_error) {
        describe_error(self, one, why, sizeof why);
        calm_down(self, status);
        if (source__status_passes(status)) {
            try_again(self, one, why);
            return;
        }
        source__download_fail(one, PEAL_E_DATA, "%s", why);
        end_with(one);
    } else if (is_whole(one, code)) {
        end_with(one);
    } else {
        if (code == CURLE_OK || code == CURLE_PARTIAL_FILE) {
            snprintf(why, sizeof why, "the connection was cut at byte %llu of %llu", (unsigned long long)one->at,
                     (unsigned long long)(known ? one->target : one->at));
        } else {
            snprintf(why, sizeof why, "%s", one->problem[0] ? one->problem : curl_easy_strerror(code));
        }
        if (source__code_passes(code)) {
            try_again(self, one, why);
            return;
        }
        source__download_fail(one, PEAL_E_DATA, "%s", why);
        end_with(one);
    }
}

/* Whether so little came since it is watched that waiting is no use; false before the time is over. */
static bool is_hardly_alive(const source__transfers *self, source__download *one, int64_t now) {
    if (now - one->watched_ns < WATCH_STALLS * self->options.stall_ms * MS) return false;
    if (one->watched < WATCH_LEAST) return true;
    one->watched_ns = now;
    one->watched = 0;
    return false;
}

static void look_for_stalls(source__transfers *self, int64_t now) {
    const int64_t stall_ms = self->options.stall_ms;
    for (source__download *one = self->first; one; one = one->next) {
        char why[64] = "";
        if (one->state != SOURCE__RUNNING) continue;
        if (one->paused) {
            one->watched_ns = now;
            continue;
        }
        if (now - one->moved_ns >= stall_ms * MS) {
            snprintf(why, sizeof why, "nothing came for %lld s", (long long)(stall_ms / 1000));
        } else if (is_hardly_alive(self, one, now)) {
            snprintf(why, sizeof why, "only %llu bytes came in %lld s", (unsigned long long)one->watched,
                     (long long)(WATCH_STALLS * stall_ms / 1000));
        }
        if (!why[0]) continue;
        detach(self, one);
        try_again(self, one, why);
    }
}

/* ---- how many at once ---- */

/* More connections are allowed for as long as the bytes of a second grow by it. */
static void measure(source__transfers *self, int64_t now) {
    if (now - self->measured_ns < MEASURE_MS * MS) return;
    const double rate = (double)(self->moved - self->moved_before) / (double)(now - self->measured_ns);
    const bool full = self->running >= self->allowed;
    self->measured_ns = now;
    self->moved_before = self->moved;
    if (!full || now < self->calm_ns || self->allowed >= self->options.connections) return;
    if (rate <= 1.05 * self->best_rate) return;
    self->best_rate = rate;
    self->allowed = self->allowed * 2 < self->options.connections ? self->allowed * 2 : self->options.connections;
}

/* Adds the time since this was called last to what was so meanwhile, and looks how things are now. */
static void note_usage(source__transfers *self, int64_t now) {
    const int64_t passed = now - self->noted_ns;
    if (self->is_wanted) self->wanted_ns += passed;
    if (self->is_short) self->short_ns += passed;
    self->receiving_ns += passed * (int64_t)self->receiving;
    self->noted_ns = now;
    size_t ready = 0;
    self->receiving = 0;
    for (const source__download *one = self->first; one; one = one->next) {
        self->receiving += one->state == SOURCE__RUNNING && !one->paused;
        ready += one->state == SOURCE__WAITING && one->ready_ns <= now;
    }
    self->is_wanted = self->receiving + ready > 0;
    self->is_short = ready > 0;
}

/* ---- the thread ---- */

static void resume_all(source__transfers *self) {
    for (;;) {
        pthread_mutex_lock(&self->lock);
        source__download *one = self->first;
        while (one && !(one->state == SOURCE__RUNNING && one->resume)) one = one->next;
        if (one) {
            one->paused = one->resume = false;
            one->moved_ns = peal_now_ns();
        }
        pthread_mutex_unlock(&self->lock);
        if (!one) return;
        curl_easy_pause(one->easy, CURLPAUSE_CONT); /* which calls back: not with the lock held */
    }
}

static void take_messages(source__transfers *self) {
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(self->multi, &left));) {
        if (message->msg != CURLMSG_DONE) continue;
        source__download *one = NULL;
        const CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&one);
        pthread_mutex_lock(&self->lock);
        finish(self, one, code);
        pthread_mutex_unlock(&self->lock);
    }
}

static int wait_ms(const source__transfers *self, int64_t now) {
    int64_t wait = WAIT_MS;
    for (const source__download *one = self->first; one; one = one->next) {
        if (one->state != SOURCE__WAITING || one->ready_ns <= now) continue;
        const int64_t left = (one->ready_ns - now) / MS + 1;
        if (left < wait) wait = left;
    }
    return (int)wait;
}

static peal_status run(void *argument, peal_error *err) {
    source__transfers *self = argument;
    (void)err;
    for (bool closing = false; !closing;) {
        int running;
        const int64_t now = peal_now_ns();
        pthread_mutex_lock(&self->lock);
        let_go(self);
        look_for_stalls(self, now);
        measure(self, now);
        start_ready(self, now);
        note_usage(self, now);
        const int wait = wait_ms(self, now);
        closing = self->closing && !self->first;
        pthread_mutex_unlock(&self->lock);
        resume_all(self);
        curl_multi_perform(self->multi, &running);
        take_messages(self);
        if (!closing) curl_multi_poll(self->multi, NULL, 0, wait, NULL);
    }
    return PEAL_OK;
}

peal_status source__transfers_new(const source__transfer_options *options, source__transfers **out, peal_error *err) {
    *out = NULL;
    PEAL_TRY(source__curl_load(err));
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return peal_fail(err, PEAL_E_FAILED, "libcurl cannot begin");
    source__transfers *self = calloc(1, sizeof *self);
    if (!self) {
        curl_global_cleanup();
        return peal_fail(err, PEAL_E_MEMORY, "no memory for transfers");
    }
    *self = (source__transfers){.options = *options, .multi = curl_multi_init(), .measured_ns = peal_now_ns()};
    self->allowed = options->connections < BEGIN_WITH ? options->connections : BEGIN_WITH;
    self->noted_ns = peal_now_ns();
    self->seed = (uint64_t)self->noted_ns;
    pthread_mutex_init(&self->lock, NULL);
    self->bearer = options->bearer ? peal_strdup(options->bearer) : NULL;
    peal_status status = PEAL_OK;
    if (!self->multi || (options->bearer && !self->bearer)) {
        status = peal_fail(err, PEAL_E_MEMORY, "no memory for transfers");
    }
    if (status == PEAL_OK) curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS, (long)options->connections + 4);
    if (status == PEAL_OK) status = peal_executor_new(1, &self->executor, err);
    if (status == PEAL_OK) status = peal_executor_submit(self->executor, run, self, &self->thread, err);
    if (status != PEAL_OK) {
        source__transfers_free(self);
        return status;
    }
    *out = self;
    return PEAL_OK;
}

void source__transfers_free(source__transfers *self) {
    if (!self) return;
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    pthread_mutex_unlock(&self->lock);
    if (self->thread) curl_multi_wakeup(self->multi);
    peal_future_free(self->thread);
    peal_executor_free(self->executor);
    while (self->first) { /* only if the thread never ran */
        source__download *one = self->first;
        unlink_one(self, one);
        download_free(one);
    }
    while (self->idle_count) curl_easy_cleanup(self->idle[--self->idle_count]);
    curl_multi_cleanup(self->multi);
    if (self->bearer) explicit_bzero(self->bearer, strlen(self->bearer));
    free(self->bearer);
    pthread_mutex_destroy(&self->lock);
    free(self);
    curl_global_cleanup();
}

void source__transfers_usage(source__transfers *self, peal_source_usage *out) {
    pthread_mutex_lock(&self->lock);
    const double wanted = (double)self->wanted_ns;
    *out = (peal_source_usage){.connections = self->options.connections, .seconds = wanted * 1e-9};
    if (wanted > 0) {
        out->receiving = (double)self->receiving_ns / wanted;
        out->short_of = (double)self->short_ns / wanted;
    }
    pthread_mutex_unlock(&self->lock);
}

/* ---- readers ---- */

peal_status source__download_begin(source__transfers *self, const source__wanted *wanted, source__download **out,
                                   peal_error *err) {
    *out = NULL;
    source__download *one = calloc(1, sizeof *one);
    if (!one) return peal_fail(err, PEAL_E_MEMORY, "no memory for a download");
    *one = (source__download){.owner = self,
                              .url = peal_strdup(wanted->url),
                              .name = peal_strdup(wanted->name ? wanted->name : wanted->url),
                              .begin = wanted->begin,
                              .end = wanted->end,
                              .wanted_hash = wanted->hash,
                              .most_bytes = wanted->most_bytes ? wanted->most_bytes : self->options.most_bytes,
                              .exact = wanted->exact,
                              .capacity = wanted->buffer,
                              .bytes = malloc(wanted->buffer),
                              .at = wanted->begin,
                              .mark = wanted->begin,
                              .target = wanted->end};
    if (wanted->facts) {
        one->facts = *wanted->facts;
        one->has_facts = true;
    } else {
        one->facts.size = SOURCE__UNKNOWN;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&one->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (!one->url || !one->name || !one->bytes) {
        download_free(one);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a download");
    }
    pthread_mutex_lock(&self->lock);
    link_last(self, one);
    pthread_mutex_unlock(&self->lock);
    curl_multi_wakeup(self->multi);
    *out = one;
    return PEAL_OK;
}

/* Waits a moment for more. With the lock held. */
static void wait_for_more(source__download *self) {
    struct timespec until;
    if (!self->urgent) {
        self->urgent = true;
        if (self->state == SOURCE__WAITING) curl_multi_wakeup(self->owner->multi);
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_MS * MS;
    until.tv_sec += until.tv_nsec / (1000 * MS);
    until.tv_nsec %= 1000 * MS;
    pthread_cond_timedwait(&self->changed, &self->owner->lock, &until);
}

/* Waits until bytes are there, *size of them in one piece, or none are to come. */
static peal_status wait_for_bytes(source__download *self, size_t *size, peal_error *err) {
    source__transfers *owner = self->owner;
    peal_status status = PEAL_OK;
    pthread_mutex_lock(&owner->lock);
    while (status == PEAL_OK && self->count == 0 && self->state != SOURCE__DONE) {
        if (self->state == SOURCE__FAILED) {
            status = self->status;
            if (err) *err = self->error;
        } else if (peal_is_stopped(owner->options.stop)) {
            status = peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while waiting for %s", self->name);
        } else {
            wait_for_more(self);
        }
    }
    self->urgent = false;
    const size_t straight = self->capacity - self->first;
    *size = self->count < straight ? self->count : straight;
    pthread_mutex_unlock(&owner->lock);
    return status;
}

peal_status source__download_read(source__download *self, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    source__transfers *owner = self->owner;
    size_t size;
    *got = 0;
    PEAL_TRY(wait_for_bytes(self, &size, err));
    if (size > capacity) size = capacity;
    if (size == 0) return PEAL_OK;
    memcpy(out, self->bytes + self->first, size); /* libcurl's thread writes only where nothing is */
    pthread_mutex_lock(&owner->lock);
    self->first = (self->first + size) % self->capacity;
    self->count -= size;
    const bool resume = self->paused && !self->resume && self->count <= self->capacity / 2;
    if (resume) self->resume = true;
    pthread_mutex_unlock(&owner->lock);
    if (resume) curl_multi_wakeup(owner->multi);
    *got = size;
    return PEAL_OK;
}

void source__download_facts(source__download *self, source__facts *out, bool *ranges, bool *whole) {
    pthread_mutex_lock(&self->owner->lock);
    *out = self->facts;
    *ranges = self->ranges;
    *whole = out->size == SOURCE__UNKNOWN ? self->at < self->end : self->at == out->size;
    pthread_mutex_unlock(&self->owner->lock);
}

void source__download_end(source__download *self) {
    if (!self) return;
    source__transfers *owner = self->owner;
    pthread_mutex_lock(&owner->lock);
    self->ended = true;
    pthread_mutex_unlock(&owner->lock);
    curl_multi_wakeup(owner->multi);
}
