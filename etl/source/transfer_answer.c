/* One request and its answer: what is asked, how the head of the answer is judged, where its bytes go. Runs on the
 * thread of libcurl. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "etl/source/transfer_state.h"

enum { REDIRECTS_MOST = 8, DISCARDED_MOST = 1 << 16, RECEIVE_SIZE = 1 << 17 };

void source__download_fail(source__download *self, peal_status status, const char *format, ...) {
    char why[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (self->status == PEAL_OK) self->status = peal_fail(&self->error, status, "%s: %s", self->name, why);
}

/* ---- the head of an answer ---- */

static void changed(source__download *self, const char *what, const char *was, const char *is) {
    source__download_fail(self, PEAL_E_DATA, "changed while it was read: its %s was %s and now is %s", what, was, is);
}

/* What was told before must be told again; what is new is kept. */
static void compare_facts(source__download *self, const source__facts *now) {
    source__facts *known = &self->facts;
    char texts[2][32];
    if (!self->has_facts) {
        *known = *now;
        self->has_facts = true;
        return;
    }
    if (known->etag[0] && now->etag[0] && strcmp(known->etag, now->etag) != 0) {
        changed(self, "etag", known->etag, now->etag);
    } else if (known->size != SOURCE__UNKNOWN && now->size != SOURCE__UNKNOWN && known->size != now->size) {
        snprintf(texts[0], sizeof texts[0], "%llu bytes", (unsigned long long)known->size);
        snprintf(texts[1], sizeof texts[1], "%llu bytes", (unsigned long long)now->size);
        changed(self, "size", texts[0], texts[1]);
    } else if (!(known->etag[0] && now->etag[0]) && known->modified[0] && now->modified[0] &&
               strcmp(known->modified, now->modified) != 0) {
        changed(self, "date", known->modified, now->modified);
    } else if (known->size == SOURCE__UNKNOWN) {
        known->size = now->size;
    }
}

static bool is_strong(const source__download *self) {
    return self->has_facts && source__is_strong(self->facts.etag);
}

/* The answer's bytes begin at byte `from` of the object: what of them was taken already is passed over and, unless an
 * etag vouches for it, compared. */
static void set_place(source__download *self, uint64_t from) {
    self->skip = self->at - from;
    self->target = self->facts.size < self->end ? self->facts.size : self->end;
    peal_hasher_free(self->again);
    self->again = NULL;
    if (self->exact || is_strong(self)) return;
    const bool begins = self->at == 0;
    self->expected = self->hasher ? peal_hasher_end(self->hasher) : self->wanted_hash;
    self->again = peal_hasher_new();
    if (!self->again) source__download_fail(self, PEAL_E_MEMORY, "no memory for a hash");
    if (!begins) return;
    peal_hasher_free(self->hasher);
    self->hasher = self->again;
    self->again = NULL;
}

static void judge_whole(source__download *self) {
    source__facts now = {.size = self->answer.length};
    memcpy(now.etag, self->answer.etag, sizeof now.etag);
    memcpy(now.modified, self->answer.modified, sizeof now.modified);
    compare_facts(self, &now);
    self->ranges = false;
    if (self->exact && self->begin > 0) {
        source__download_fail(self, PEAL_E_DATA, "the server does not give parts of it any more");
    }
    set_place(self, 0);
}

static void judge_range(source__download *self) {
    const source__answer *answer = &self->answer;
    source__facts now = {.size = answer->range_size};
    memcpy(now.etag, answer->etag, sizeof now.etag);
    memcpy(now.modified, answer->modified, sizeof now.modified);
    if (!answer->has_range || answer->malformed || answer->range_end == 0 || answer->range_begin != self->from) {
        source__download_fail(self, PEAL_E_DATA, "the server answered other bytes than those from %llu on",
                              (unsigned long long)self->from);
        return;
    }
    compare_facts(self, &now);
    self->ranges = true;
    set_place(self, self->from);
    if (answer->range_size == SOURCE__UNKNOWN && answer->range_end < self->target) self->target = answer->range_end;
}

/* The server says that there are no such bytes: of an empty object, or behind the end of one whose size it had not
 * told. A server that does not say how many there are may give no ranges at all: it is asked for all bytes then. */
static void judge_no_range(source__download *self) {
    const source__answer *answer = &self->answer;
    source__facts now = {.size = answer->has_range ? answer->range_size : SOURCE__UNKNOWN};
    self->discarding = true;
    if (now.size == SOURCE__UNKNOWN) {
        self->whole = self->asks_range && !self->exact;
        if (!self->whole) source__download_fail(self, PEAL_E_DATA, "the server answered 416");
        return;
    }
    memcpy(now.etag, answer->etag, sizeof now.etag);
    if (now.size != self->at) {
        source__download_fail(self, PEAL_E_DATA, "changed while it was read: it has no byte %llu any more",
                              (unsigned long long)self->at);
        return;
    }
    compare_facts(self, &now);
    self->target = self->at;
}

/* Encodings of an answer's body that no codec reads. Nothing but the bytes as they are was asked for. */
static bool is_foreign(const char *encoding) {
    static const char *const names[] = {"br", "deflate", "compress", "x-compress"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(encoding, names[i]) == 0) return true;
    }
    return false;
}

static void judge_bytes(source__download *self) {
    if (is_foreign(self->answer.encoding)) {
        source__download_fail(self, PEAL_E_DATA,
                              "the server sends it encoded as '%s', which was not asked for and is not read",
                              self->answer.encoding);
    } else if (self->answer.status == 200) {
        judge_whole(self);
    } else {
        judge_range(self);
    }
}

void source__answer_judge(source__download *self) {
    if (self->begun) return;
    self->begun = true;
    switch (self->answer.status) {
    case 200:
    case 206:
        judge_bytes(self);
        break;
    case 412: /* the answer to If-Match */
        self->discarding = true;
        source__download_fail(self, PEAL_E_DATA, "changed while it was read: its etag is not %s any more",
                              self->facts.etag);
        break;
    case 416:
        judge_no_range(self);
        break;
    default:
        self->discarding = true;
    }
    const uint64_t size = self->facts.size;
    if (self->has_facts && size != SOURCE__UNKNOWN && size > self->most_bytes) {
        source__download_fail(self, PEAL_E_DATA, "has %llu bytes, and %llu are allowed (http-most-bytes)",
                              (unsigned long long)size, (unsigned long long)self->most_bytes);
    }
}

static size_t on_header(char *line, size_t one, size_t size, void *user) {
    source__download *self = user;
    (void)one;
    source__answer_line(&self->answer, line, size, (int64_t)time(NULL));
    self->moved_ns = peal_now_ns();
    return size;
}

/* ---- the body ---- */

/* Passes over what was taken already. */
static size_t pass_over(source__download *self, const uint8_t *bytes, size_t size) {
    const size_t used = self->skip < size ? (size_t)self->skip : size;
    if (used == 0) return 0;
    if (self->again) peal_hasher_update(self->again, bytes, used);
    self->skip -= used;
    return used;
}

/* When all is passed over that was taken: it was the same. */
static void compare_passed(source__download *self) {
    if (!self->again || self->skip > 0) return;
    if (peal_hasher_end(self->again) != self->expected) {
        source__download_fail(self, PEAL_E_DATA, "changed while it was read: its first %llu bytes are others",
                              (unsigned long long)self->at);
    }
    peal_hasher_free(self->hasher);
    self->hasher = self->again;
    self->again = NULL;
}

/* Puts `size` bytes, for which there is room, into the ring. The reader does not touch the free part. */
static void put(source__download *self, const uint8_t *bytes, size_t size) {
    source__transfers *owner = self->owner;
    pthread_mutex_lock(&owner->lock);
    const size_t begin = (self->first + self->count) % self->capacity;
    pthread_mutex_unlock(&owner->lock);
    const size_t straight = self->capacity - begin < size ? self->capacity - begin : size;
    memcpy(self->bytes + begin, bytes, straight);
    memcpy(self->bytes, bytes + straight, size - straight);
    if (self->hasher) peal_hasher_update(self->hasher, bytes, size);
    self->at += size;
    pthread_mutex_lock(&owner->lock);
    self->count += size;
    owner->moved += size;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&owner->lock);
}

/* True if there is room for `size` bytes; else the download pauses. */
static bool has_room(source__download *self, size_t size) {
    pthread_mutex_lock(&self->owner->lock);
    const bool room = self->capacity - self->count >= size;
    self->paused = !room;
    pthread_mutex_unlock(&self->owner->lock);
    return room;
}

/* 0 ends the request: what became of it stands in `self`. */
static size_t on_body(char *data, size_t one, size_t size, void *user) {
    source__download *self = user;
    const uint8_t *bytes = (const uint8_t *)data;
    (void)one;
    source__answer_judge(self);
    self->moved_ns = peal_now_ns();
    self->watched += size;
    if (self->status != PEAL_OK) return 0;
    if (self->discarding) {
        const size_t room = sizeof self->said - self->said_size;
        memcpy(self->said + self->said_size, bytes, size < room ? size : room);
        self->said_size += size < room ? size : room;
        self->discarded += size;
        return self->discarded > DISCARDED_MOST ? 0 : size;
    }
    const size_t passed = self->skip < size ? (size_t)self->skip : size;
    size_t taken = size - passed;
    if (taken > self->target - self->at) taken = (size_t)(self->target - self->at);
    if (taken > 0 && !has_room(self, taken)) return CURL_WRITEFUNC_PAUSE;
    pass_over(self, bytes, size);
    compare_passed(self);
    if (self->status != PEAL_OK) return 0;
    if (taken > 0) put(self, bytes + passed, taken);
    if (self->at > self->most_bytes) {
        source__download_fail(self, PEAL_E_DATA, "has more than the %llu bytes that are allowed (http-most-bytes)",
                              (unsigned long long)self->most_bytes);
        return 0;
    }
    self->enough = passed + taken < size;
    return self->enough ? 0 : size;
}

/* ---- the request ---- */

/* Where the next answer must begin. */
static uint64_t first_byte(const source__download *self) {
    if (self->whole) return 0;
    if (self->exact || (self->at > 0 && is_strong(self))) return self->at;
    return 0;
}

static CURLcode set_range(source__download *self) {
    char range[64];
    self->from = first_byte(self);
    self->asks_range = self->from > 0 || (self->end != SOURCE__UNKNOWN && !self->whole);
    self->whole = false;
    if (!self->asks_range) return CURLE_OK;
    if (self->end == SOURCE__UNKNOWN) {
        snprintf(range, sizeof range, "%llu-", (unsigned long long)self->from);
    } else {
        snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)self->from, (unsigned long long)self->end - 1);
    }
    return curl_easy_setopt(self->easy, CURLOPT_RANGE, range);
}

static CURLcode add_line(source__download *self, const char *line) {
    struct curl_slist *longer = line ? curl_slist_append(self->headers, line) : NULL;
    if (!longer) return CURLE_OUT_OF_MEMORY;
    self->headers = longer;
    return CURLE_OK;
}

/* Lines of a store, and that what comes must be of the object that is known: a store then refuses all else, a web
 * server sends what it has from the beginning. */
static CURLcode set_lines(source__download *self) {
    const source__store *store = self->owner->options.store;
    CURLcode code = CURLE_OK;
    curl_slist_free_all(self->headers);
    self->headers = NULL;
    for (size_t i = 0; store && code == CURLE_OK && store->lines[i]; i++) code = add_line(self, store->lines[i]);
    if (code == CURLE_OK && is_strong(self) && (store || self->from > 0)) {
        char *condition = peal_sprintf("%s: %s", store ? "If-Match" : "If-Range", self->facts.etag);
        code = add_line(self, condition);
        free(condition);
    }
    return code == CURLE_OK && self->headers ? curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, self->headers) : code;
}

static CURLcode set_signature(source__download *self, const source__store *store) {
    CURLcode code = curl_easy_setopt(self->easy, CURLOPT_PATH_AS_IS, 1L);
    if (code != CURLE_OK || !store->signature) return code;
    code = curl_easy_setopt(self->easy, CURLOPT_AWS_SIGV4, store->signature);
    return code == CURLE_OK ? curl_easy_setopt(self->easy, CURLOPT_USERPWD, store->key) : code;
}

static CURLcode set_callbacks(source__download *self) {
    CURL *easy = self->easy;
    CURLcode code = CURLE_OK;
#define SET(option, value) \
    if (code == CURLE_OK) code = curl_easy_setopt(easy, option, value)
    SET(CURLOPT_PRIVATE, self);
    SET(CURLOPT_ERRORBUFFER, self->problem);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, self);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, self);
#undef SET
    /* A wish: after a host that could not be resolved libcurl 7.88 still has the buffer, and refuses to change it. */
    if (code == CURLE_OK) curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_SIZE);
    return code;
}

peal_status source__request_set(source__download *self, peal_error *err) {
    const source__store *store = self->owner->options.store;
    source__answer_begin(&self->answer);
    self->begun = self->discarding = self->enough = false;
    self->discarded = self->said_size = 0;
    self->problem[0] = '\0';
    self->moved_ns = self->watched_ns = peal_now_ns();
    self->watched = 0;
    self->request = (source__request){.url = self->url,
                                      .agent = "peal",
                                      .redirects = store ? 0 : REDIRECTS_MOST, /* a signature is for one host */
                                      .connect_ms = self->owner->options.stall_ms,
                                      .allow_private = self->owner->options.allow_private,
                                      .signs = store != NULL,
                                      .bearer = self->owner->bearer};
    CURLcode code = set_callbacks(self);
    if (code == CURLE_OK) code = source__request_apply(&self->request, self->easy);
    if (code == CURLE_OK) code = set_range(self);
    if (code == CURLE_OK) code = set_lines(self);
    if (code == CURLE_OK && store) code = set_signature(self, store);
    if (code == CURLE_OK) return PEAL_OK;
    return peal_fail(err, code == CURLE_OUT_OF_MEMORY ? PEAL_E_MEMORY : PEAL_E_FAILED, "%s: %s", self->name,
                     curl_easy_strerror(code));
}
