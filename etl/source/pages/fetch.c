/* Requests for pages; see fetch.h. */
#include "etl/source/pages/fetch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/stop.h"
#include "etl/source/pages/robots.h"

enum { ROBOTS_REDIRECTS = 5, DISCARDED_MOST = 1 << 16, TOTAL_FACTOR = 10, HEAD_LINES_MOST = 1000 };

typedef struct request {
    const pages__fetching *how;
    pages__fetched *out;
    bool is_robots, judged, wanted, enough;
    size_t discarded, lines;
    peal_status status;
    peal_error *err;
} request;

static size_t on_header(char *line, size_t one, size_t size, void *user) {
    request *self = user;
    (void)one;
    if (++self->lines > HEAD_LINES_MOST) {
        snprintf(self->out->problem, sizeof self->out->problem, "the head of its answer has more than %d lines",
                 HEAD_LINES_MOST);
        return 0;
    }
    pages__head_line(&self->out->head, line, size, (int64_t)time(NULL));
    return size;
}

/* Only what will be read is kept: a page of HTML, the rules of robots.txt. What names no type is taken for HTML. */
static void judge(request *self) {
    const pages__head *head = &self->out->head;
    self->judged = true;
    self->wanted = head->answer.status == 200 && (self->is_robots || !head->has_type || head->is_html);
}

/* 0 ends the request. */
static size_t on_body(char *bytes, size_t one, size_t size, void *user) {
    request *self = user;
    pages__fetched *out = self->out;
    (void)one;
    if (!self->judged) judge(self);
    if (!self->wanted) {
        self->discarded += size;
        self->enough = self->discarded > DISCARDED_MOST;
        return self->enough ? 0 : size;
    }
    const size_t most = self->is_robots ? (size_t)PAGES__ROBOTS_MOST : self->how->most_bytes;
    const bool too_many = size > most - out->body.size;
    const size_t taken = too_many ? most - out->body.size : size;
    if (too_many && !self->is_robots) {
        snprintf(out->problem, sizeof out->problem, "has more than the %zu bytes that are allowed (page-most-bytes)",
                 most);
        return 0;
    }
    self->status = peal_buffer_append(&out->body, bytes, taken, self->err);
    self->enough = too_many;
    return self->status == PEAL_OK && !too_many ? size : 0;
}

static bool is_ended(const pages__fetching *how) {
    return peal_is_stopped(how->stop) || peal_is_stopped(how->abandoned);
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    const request *self = user;
    (void)a, (void)b, (void)c, (void)d;
    return is_ended(self->how);
}

static CURLcode set_up(request *self, CURL *easy, char *problem) {
    CURLcode code = CURLE_OK;
    const int64_t stall_s = self->how->stall_ms / 1000;
#define SET(option, value) \
    if (code == CURLE_OK) code = curl_easy_setopt(easy, option, value)
    SET(CURLOPT_ERRORBUFFER, problem);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, self);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, self);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, self);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)(stall_s ? stall_s : 1));
    SET(CURLOPT_TIMEOUT_MS, (long)(TOTAL_FACTOR * self->how->stall_ms)); /* of a server that sends a byte a second */
    SET(CURLOPT_ACCEPT_ENCODING, "");                                    /* all that libcurl can unpack */
    SET(CURLOPT_MAXCONNECTS, 1L);
#undef SET
    return code;
}

static peal_status out_of_memory(peal_error *err) {
    return peal_fail(err, PEAL_E_MEMORY, "no memory for a request");
}

/* What the end of the request means. */
static void conclude(request *self, const source__request *asked, CURLcode code, const char *problem) {
    pages__fetched *out = self->out;
    const int status = out->head.answer.status;
    const bool ended = code == CURLE_OK || (code == CURLE_WRITE_ERROR && self->enough);
    if (out->problem[0]) return;
    if (asked->refused[0] && code != CURLE_OK) {
        snprintf(out->problem, sizeof out->problem, "leads to %s, which is not read from (allow-private allows it)",
                 asked->refused);
    } else if (ended && source__status_passes(status)) {
        snprintf(out->problem, sizeof out->problem, "the server answered %d", status);
        out->passes = true;
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        snprintf(out->problem, sizeof out->problem, "nothing, or too little, came for %lld s",
                 (long long)(self->how->stall_ms / 1000));
        out->passes = true;
    } else if (code == CURLE_TOO_MANY_REDIRECTS) {
        out->head.answer.status = 404; /* of robots.txt: as if there were none (RFC 9309, 2.3.1.2) */
    } else if (!ended) {
        snprintf(out->problem, sizeof out->problem, "%s", problem[0] ? problem : curl_easy_strerror(code));
        out->passes = source__code_passes(code);
    }
}

peal_status pages__fetch(const pages__fetching *how, CURL *easy, const char *url, bool is_robots, pages__fetched *out,
                         peal_error *err) {
    char problem[CURL_ERROR_SIZE] = "";
    *out = (pages__fetched){0};
    pages__head_begin(&out->head);
    request self = {.how = how, .out = out, .is_robots = is_robots, .err = err};
    source__request asked = {.url = url,
                             .agent = how->agent,
                             .redirects = is_robots ? ROBOTS_REDIRECTS : 0,
                             .connect_ms = how->stall_ms,
                             .allow_private = how->allow_private,
                             .bearer = how->bearer};
    curl_easy_reset(easy);
    CURLcode code = set_up(&self, easy, problem);
    if (code == CURLE_OK) code = source__request_apply(&asked, easy);
    if (code != CURLE_OK) return out_of_memory(err);
    code = curl_easy_perform(easy);
    if (is_ended(how)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while waiting for %s", url);
    if (self.status != PEAL_OK) return self.status;
    if (code == CURLE_OUT_OF_MEMORY) return out_of_memory(err);
    conclude(&self, &asked, code, problem);
    if (out->problem[0]) peal_buffer_clear(&out->body);
    return PEAL_OK;
}

void pages__fetched_clear(pages__fetched *fetched) {
    peal_buffer_clear(&fetched->body);
}
